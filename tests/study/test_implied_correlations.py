"""Correlations that printed differences and paired tests imply: from patients, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.bundles import write_toml

from bayesasthma.errors import StudyError, UsageError
from bayesasthma.inference import named_models
from bayesasthma.models.design import design
from bayesasthma.study.bundle import load_study
from bayesasthma.study.correlation_algebra import (
    ArmCells,
    Printed,
    correlation_of_adjusted_difference,
    correlation_of_paired_test,
)
from bayesasthma.study.implied_correlations import implied_correlations, with_implied_correlations

SLOW = settings(max_examples=60, deadline=None)


def patients(seed: int, sizes: list[int], rho: float) -> list[np.ndarray]:
    """Baseline and follow-up of the patients of each arm."""
    rng = np.random.default_rng(seed)
    covariance = np.array([[16.0, 4 * 3 * rho], [4 * 3 * rho, 9.0]])
    return [
        rng.multivariate_normal([17 + i, 19 + 2 * i], covariance, size=n)
        for i, n in enumerate(sizes)
    ]


def ancova(arms: list[np.ndarray]) -> tuple[float, float, float]:
    """Adjusted difference of the second arm, its standard error, and pooled correlation: by OLS."""
    y = np.concatenate([arm[:, 1] for arm in arms])
    x = np.concatenate([arm[:, 0] for arm in arms])
    group = np.concatenate([np.full(len(arm), i) for i, arm in enumerate(arms)])
    columns = [np.ones_like(x), x, *[(group == i).astype(float) for i in range(1, len(arms))]]
    matrix = np.stack(columns, axis=1)
    inverse = np.linalg.inv(matrix.T @ matrix)
    beta = inverse @ matrix.T @ y
    residual = y - matrix @ beta
    variance = residual @ residual / (len(y) - matrix.shape[1])
    centred = np.concatenate([arm - arm.mean(axis=0) for arm in arms])
    r = float(np.corrcoef(centred.T)[0, 1])
    return float(beta[2]), float(np.sqrt(variance * inverse[2, 2])), r


def cells(arm: np.ndarray, places: int | None) -> ArmCells:
    """Summaries of an arm, rounded to some decimals (None for not at all)."""

    def printed(value: float, floor: float = -np.inf) -> Printed:
        if places is None:
            return Printed(float(value))
        return Printed(round(float(value), places), 10.0**-places, floor)

    mean, sd = arm.mean(axis=0), arm.std(axis=0, ddof=1)
    return ArmCells(
        len(arm), printed(mean[0]), printed(sd[0], 0), printed(mean[1]), printed(sd[1], 0)
    )


@SLOW
@given(
    st.integers(0, 10_000),
    st.lists(st.integers(5, 60), min_size=2, max_size=4),
    st.floats(-0.9, 0.95),
)
def test_the_standard_error_of_an_ancova_gives_its_correlation_exactly(
    seed: int, sizes: list[int], rho: float
) -> None:
    arms = patients(seed, sizes, rho)
    estimate, error, r = ancova(arms)
    found = correlation_of_adjusted_difference(
        Printed(estimate, 1e-9), Printed(error), None, 0.95, [cells(arm, None) for arm in arms]
    )
    assert found.reason == ""
    assert abs(found.value) == pytest.approx(abs(r), abs=1e-6)
    # the sign too, where the arms differ at baseline
    assert found.value == pytest.approx(r, abs=1e-6) or abs(r) < 1e-3


@SLOW
@given(st.integers(0, 10_000), st.floats(-0.9, 0.95), st.sampled_from([0.9, 0.95, 0.99]))
def test_what_is_rounded_gives_a_range_that_has_it(seed: int, rho: float, prob: float) -> None:
    arms = patients(seed, [25, 30], rho)
    estimate, error, r = ancova(arms)
    half = float(stats.t.ppf(0.5 + prob / 2, 52)) * error
    low, high = (Printed(round(estimate + s * half, 1), 0.1) for s in (-1, 1))
    found = correlation_of_adjusted_difference(
        Printed(round(estimate, 1), 0.1), None, (low, high), prob, [cells(a, 1) for a in arms]
    )
    assert found.reason == ""
    if r < 0 < found.high:  # the rounded estimate allows the usual sign
        r = -r
    assert found.low - 1e-9 <= r <= found.high + 1e-9


@SLOW
@given(st.integers(0, 10_000), st.floats(-0.9, 0.95))
def test_a_paired_test_gives_its_correlation(seed: int, rho: float) -> None:
    (arm,) = patients(seed, [24], rho)
    r = float(np.corrcoef(arm.T)[0, 1])
    p = float(stats.ttest_rel(arm[:, 1], arm[:, 0]).pvalue)
    exact = correlation_of_paired_test((p, p), p, cells(arm, None))
    assert exact.value == pytest.approx(r, abs=1e-5)
    rounded = correlation_of_paired_test((max(p - 5e-4, 0), min(p + 5e-4, 1)), p, cells(arm, 1))
    assert rounded.low - 1e-9 <= r <= rounded.high + 1e-9
    bounded = correlation_of_paired_test((0.0, p * 1.01), np.nan, cells(arm, 1))
    assert np.isnan(bounded.value)
    assert bounded.low - 1e-9 <= r <= bounded.high == 1.0


def test_an_interval_wider_than_unadjusted_implies_nothing() -> None:
    arm = ArmCells(20, Printed(10), Printed(3), Printed(12), Printed(3))
    found = correlation_of_adjusted_difference(
        Printed(0.0), Printed(3 * (2 / 20) ** 0.5 * 1.05), None, 0.95, [arm, arm]
    )
    assert "wider" in found.reason
    assert np.isnan(found.low)


def test_an_estimate_of_other_numbers_implies_nothing() -> None:
    arm = ArmCells(20, Printed(10), Printed(3), Printed(12), Printed(3))
    found = correlation_of_adjusted_difference(
        Printed(4.0, 0.1), Printed(0.5), None, 0.95, [arm, arm]
    )
    assert "does not follow" in found.reason


def test_a_p_that_no_correlation_gives() -> None:
    arm = ArmCells(20, Printed(10, 0.1), Printed(3, 0.1), Printed(16, 0.1), Printed(3, 0.1))
    assert "no correlation" in correlation_of_paired_test((0.4, 0.5), 0.45, arm).reason


OUTCOMES = "outcome,label,unit,direction\nscore,Score,points,higher\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A trial whose interval of the adjusted difference has a pooled correlation of 0.8 in it."""
    arms = patients(4, [40, 44], 0.8)
    rows = ["outcome,arm,visit,value"]
    for name, arm in zip(("control", "drug"), arms, strict=True):
        for t, visit in enumerate(("start", "end")):
            value = f"{arm[:, t].mean():.2f} ± {arm[:, t].std(ddof=1):.2f}"
            rows.append(f"score,{name},{visit},{value}")
    estimate, error, _ = ancova(arms)
    half = float(stats.t.ppf(0.975, 81)) * error
    difference = f"{estimate:.2f} ({estimate - half:.2f} to {estimate + half:.2f})"
    p = stats.ttest_rel(arms[0][:, 1], arms[0][:, 0]).pvalue
    write_toml(tmp_path, {"control": 40, "drug": 44}, {"start": 0, "end": 12}, "start")
    texts = {
        "outcomes.csv": OUTCOMES,
        "summaries.csv": "\n".join(rows) + "\n",
        "differences.csv": "outcome,arm,visit,adjusted_for,value,source\n"
        f"score,drug,end,baseline,{difference},Table 3\n",
        "tests.csv": "table,kind,outcome,arm,visit,test,p\n"
        f"Table 2,within,score,control,end,paired t,{p:.6f}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_printed_difference_and_a_paired_test_of_a_bundle(bundle: Path) -> None:
    study = load_study(bundle)
    arms = patients(4, [40, 44], 0.8)
    *_, pooled = ancova(arms)
    own = float(np.corrcoef(arms[0].T)[0, 1])
    table = implied_correlations(study)
    assert list(table["implied_by"]) == ["difference", "difference", "paired test"]
    assert list(table["arm"]) == ["control", "drug", "control"]
    for row, truth in zip(table.to_dict("records"), (pooled, pooled, own), strict=True):
        assert row["low"] <= truth <= row["high"]
        assert row["high"] - row["low"] < 0.1
    used = table[table["used"]]
    assert sorted(used["arm"]) == ["control", "drug"]  # each cell has one, the narrowest
    study = with_implied_correlations(study)
    assert set(study.correlations["arm"]) == {"control", "drug"}
    assert all(block.pinned.all() for block in design(study).tables)


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("differences.csv", ",baseline,", ",baseline and site,", None),
        ("tests.csv", "paired t", "Wilcoxon", None),
        ("tests.csv", "paired t", "", None),
        ("study.toml", "n = 44", "n = 440", "does not follow"),
        ("summaries.csv", "score,control,start,", "score,control,start,17 ± 2!", "levels of the"),
    ],
)
def test_where_nothing_follows(
    bundle: Path, file: str, old: str, new: str, reason: str | None
) -> None:
    text = (bundle / file).read_text()
    if new.endswith("!"):
        text = "\n".join(line for line in text.splitlines() if not line.startswith(old)) + "\n"
    else:
        text = text.replace(old, new)
    (bundle / file).write_text(text)
    other = "tests.csv" if file == "differences.csv" else "differences.csv"
    if reason is None:
        (bundle / other).unlink()
        assert implied_correlations(load_study(bundle)).empty
    else:
        table = implied_correlations(load_study(bundle))
        differences = table[table["implied_by"] == "difference"]
        assert not differences["used"].any()
        assert differences["reason"].str.contains(reason).all()


def test_other_numbers_of_patients_imply_nothing(bundle: Path) -> None:
    path = bundle / "summaries.csv"
    lines = path.read_text().splitlines()
    lines = [lines[0] + ",n"] + [
        line + (",38" if line.startswith("score,control,end") else ",") for line in lines[1:]
    ]
    path.write_text("\n".join(lines) + "\n")
    assert not implied_correlations(load_study(bundle))["used"].any()


def test_a_printed_sd_of_change_comes_first(bundle: Path) -> None:
    path = bundle / "summaries.csv"
    lines = path.read_text().splitlines()
    lines = [lines[0] + ",statistic"] + [line + ",level" for line in lines[1:]]
    lines += [f"score,{arm},end,2.0 ± 2.5,change" for arm in ("control", "drug")]
    path.write_text("\n".join(lines) + "\n")
    study = load_study(bundle)
    assert set(implied_correlations(study)["reason"]) == {"the SD of change gives it"}
    assert with_implied_correlations(study) is study


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("score,drug", "scores,drug", "outcome"),
        ("score,drug", "score,control", "arm"),
        (",end,", ",start,", "visit"),
        (",baseline,", ",,", "adjusted_for"),
    ],
)
def test_a_difference_that_is_wrong(bundle: Path, old: str, new: str, column: str) -> None:
    path = bundle / "differences.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(StudyError) as caught:
        load_study(bundle)
    (problem,) = caught.value.problems
    assert (problem.file, problem.row, problem.column) == ("differences.csv", 2, column)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ("2.0,,,,,", "ci_low"),
        ("2.0,,1.0,,,", "ci_low"),
        (",,1.0,3.0,,", "estimate"),
        ("4.0,,1.0,3.0,,", "estimate"),
        ("2.0,-1,,,,", "se"),
        (",,,,2.0 (0.4),", "value"),
        (",,1.0,,2.0 (1.0 to 3.0),", "ci_low"),
        ("2.0,,1.0,3.0,,2", "ci_prob"),
    ],
)
def test_estimates_that_are_wrong(bundle: Path, cells: str, column: str) -> None:
    header = "outcome,arm,visit,adjusted_for,estimate,se,ci_low,ci_high,value,ci_prob\n"
    (bundle / "differences.csv").write_text(f"{header}score,drug,end,baseline,{cells}\n")
    with pytest.raises(StudyError) as caught:
        load_study(bundle)
    assert [problem.column for problem in caught.value.problems] == [column]


def test_printed_correlations_reach_the_fit(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        named_models, "fit_table", lambda study, spec, *_, **__: asked.append((study, spec))
    )
    study = load_study(bundle)
    named_models.fit(study, "longitudinal", correlation="printed")
    named_models.fit(study, "longitudinal")
    (given, spec), (plain, default) = asked
    assert spec.correlation == default.correlation
    assert len(given.correlations) == 2
    assert plain.correlations.empty
    # saved under another name, and never resumed from the fit without them
    assert (given.reading, plain.reading) == ("printed", "")
    assert given.checksums != plain.checksums
    with pytest.raises(UsageError, match="no printed difference"):
        named_models.fit(
            replace(study, differences=study.differences.iloc[:0], tests=study.tests.iloc[:0]),
            correlation="printed",
        )


def test_a_wide_range_is_named_and_not_used(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study(bundle)
    tests = study.tests.iloc[:0]
    row = {
        "table": "T", "kind": "within", "outcome": "score", "arm": "control",
        "visit": "end", "test": "paired t", "p": "<0.05", "p_operator": "<", "p_value": 0.05,
        "decimals": 2,
        "starred": False, "note": "", "source": "",
    }  # fmt: skip
    wide = replace(study, tests=pd.concat([tests, pd.DataFrame([row])]))
    low, high = (
        implied_correlations(wide).query("implied_by == 'paired test'")[name].item()
        for name in ("low", "high")
    )
    assert high - low > 0.2
    said: list[str] = []
    monkeypatch.setattr(named_models, "fit_table", lambda *_, **__: None)
    named_models.fit(wide, correlation="printed", progress=said.append)
    (text,) = said
    assert (
        f"the paired test of score, control, end allows {low:.2f} to {high:.2f}, not used" in text
    )
    with pytest.raises(UsageError, match=f"allows {low:.2f} to {high:.2f}, not used"):
        named_models.fit(
            replace(wide, differences=wide.differences.iloc[:0]), correlation="printed"
        )
