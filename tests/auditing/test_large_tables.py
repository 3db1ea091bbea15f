"""Many patients, p-values and visits: the quick way finds what going through all of them does."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mutated_bundles import DATA

import bayesasthma as ba
from bayesasthma.auditing.candidates import NON_NEGATIVE, paired, student
from bayesasthma.auditing.count_candidates import COUNT_TESTS, count_test, feasible
from bayesasthma.auditing.families import raised_one_by_one
from bayesasthma.auditing.missing_patients import MOST_MISSING, fewest_missing
from bayesasthma.auditing.percentages import denominators
from bayesasthma.auditing.subjects import Change, Counts, Groups, summary
from bayesasthma.auditing.verdicts import meets
from bayesasthma.frequentist import benjamini_hochberg, grimmer, printed_p

P_VALUES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12)


@given(P_VALUES)
def test_raising_one_p_of_a_family(pairs: list[tuple[float, float]]) -> None:
    p = np.array([min(pair) for pair in pairs])
    raised = np.array([max(pair) for pair in pairs])
    every = np.tile(p, (len(p), 1))
    np.fill_diagonal(every, raised)
    expected = np.diagonal(benjamini_hochberg(every))
    np.testing.assert_array_equal(raised_one_by_one(p, raised), expected)


@pytest.mark.parametrize("p", [0.04, 0.2, 0.6, 0.0001])
def test_the_fewest_missing_patients(p: float) -> None:
    first, second = summary(16.8, 0.1, 4.3, 0.1, 150), summary(18.1, 0.1, 4.6, 0.1, 170)
    printed = printed_p(p, "=", 4)

    def left(k: int):
        return [summary(float(c.mean.value), 0.1, float(c.sd.value), 0.1, c.n - k)
                for c in (first, second)]  # fmt: skip

    ks = range(1, 76)
    fitting = [k for k in ks if meets(student(*left(k)), printed)]
    found = fewest_missing(Groups((first, second)), printed)
    assert (found[0] if found else None) == (
        f"{fitting[0]} patients fewer in each arm" if fitting else None
    )
    fitting = [k for k in ks if meets(paired(Change(*left(k)), NON_NEGATIVE), printed)]
    found = fewest_missing(Change(first, second), printed)
    assert (found[0] if found else None) == (f"{fitting[0]} patients fewer" if fitting else None)


def test_of_three_patients_one_may_be_missing() -> None:
    groups = tuple(summary(mean, 0.1, 1.0, 0.1, 3) for mean in (10.0, 12.0))
    fewer = student(*(summary(mean, 0.1, 1.0, 0.1, 2) for mean in (10.0, 12.0)))
    found = fewest_missing(Groups(groups), printed_p(round(fewer.p, 4), "=", 4))
    assert found is not None
    assert found[0] == "1 patients fewer in each arm"


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0, 100), st.sampled_from([1, 0.1, 5]))
def test_denominators_of_a_percentage(count: int, more: int, percent: float, step: float) -> None:
    n = count + more
    percent = round(percent / step) * step
    sizes = range(max(count, -(-n // 2), 1), n + 1)
    expected = [m for m in sizes if abs(100 * count / m - percent) <= step / 2 + 1e-9]
    assert list(denominators(count, n, percent, step)) == expected


def test_denominators_of_very_many() -> None:
    found = denominators(3e11, 1e12, 50.0, 1.0)
    assert 5.9e11 < found[0] < found[-1] < 6.1e11


def test_exact_tests_of_few_events_among_many() -> None:
    """Of 3 and 12 events among 10⁷ patients each, the margins leave a binomial of 15 halves."""
    few = Counts((3.0, 12.0), (1e7, 1e7))
    assert count_test(few, "Fisher's exact test").p == pytest.approx(0.03515625, rel=1e-5)
    assert feasible(few, "Fisher's exact test")
    assert not feasible(few, "Barnard's exact test")
    many = Counts((3e8, 4e8), (1e9, 1e9))
    assert [name for name in COUNT_TESTS if not feasible(many, name)] == [
        "Fisher's exact test",
        "mid-p",
        "Barnard's exact test",
        "one-sided Fisher's exact test",
        "one-sided Fisher's exact test in the other direction",
    ]


def test_too_many_totals_for_grimmer_exclude_nothing() -> None:
    assert grimmer("3.1", "0.5", 10**12, 1, 0, 10)
    assert not grimmer("3.10", "0.05", 18)


@pytest.mark.slow
@pytest.mark.parametrize("n", [10**6, 10**12])
def test_the_audit_of_very_many_patients_ends(n: int, tmp_path: Path) -> None:
    shutil.copytree(DATA / "liu2025", tmp_path / "study")
    header = tmp_path / "study" / "study.toml"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace("n = 18", f"n = {n}").replace("n = 19", f"n = {n}"))
    for name in ("adverse.csv", "baseline.csv"):
        path = tmp_path / "study" / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(",18,", f",{n},").replace(",19,", f",{n},"))
    start = time.process_time()
    found = ba.audit(ba.load_study(tmp_path / "study"))
    assert time.process_time() - start < 20
    said = found.tests["explanation"].str.contains("10,000 missing patients were not tried")
    assert MOST_MISSING == 10_000
    assert said.sum() >= 2
