"""Printed tables whose right answer is known, through the audit; sources stand in their bundles."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from bayesasthma.auditing import (
    NOT_CHECKABLE,
    NOT_REPRODUCED,
    POSSIBLE,
    REPRODUCED,
    WITHIN_ROUNDING,
    AuditResult,
    audit,
)
from bayesasthma.study.bundle import load_study

CASES = Path(__file__).parent / "cases"


def audited(name: str) -> AuditResult:
    return audit(load_study(CASES / name))


def verdicts(name: str) -> list[str]:
    return audited(name).tests["verdict"].tolist()


def found(result: AuditResult, kind: str) -> pd.DataFrame:
    return result.findings[result.findings["kind"] == kind]


def test_three_categories_are_tested_as_a_table() -> None:
    (row,) = audited("three-levels-right").tests.to_dict("records")
    assert row["verdict"] == REPRODUCED
    assert row["p_recomputed"] == pytest.approx(0.7197, abs=5e-5)


def test_rank_tests_do_not_follow_from_means() -> None:
    result = audited("wilcoxon-beside-means")
    assert result.tests["verdict"].tolist() == [NOT_CHECKABLE, REPRODUCED, NOT_CHECKABLE]
    assert result.tests["p_recomputed"].isna().tolist() == [True, False, True]
    assert result.tests["p_orientation"][0] == pytest.approx(0.83, abs=0.005)
    assert result.tests["explanation"].str.contains("rank test").tolist() == [True, False, True]
    assert not result.alarming


def test_trend_over_ordered_arms() -> None:
    result = audited("trend-four-arms")
    assert result.tests["verdict"].tolist() == [REPRODUCED] * 3
    assert result.tests["p_recomputed"].tolist()[:2] == pytest.approx([0.0394, 0.0303], abs=5e-5)
    assert "10, 20, 40, 80" in result.tests["test"][0]


def test_changes_alone_are_compared_between_and_within() -> None:
    assert verdicts("changes-only") == [REPRODUCED] * 5


def test_a_p_that_contradicts_the_intervals_beside_it() -> None:
    result = audited("pharmacy-changes-only")
    tests = result.tests.set_index(["kind", "outcome"])
    wrong = tests["verdict"] == NOT_REPRODUCED
    assert tests.index[wrong].tolist() == [("between", "bmq")]
    assert set(tests.loc[~wrong, "verdict"]) <= {REPRODUCED, WITHIN_ROUNDING}
    (finding,) = found(result, "interval").to_dict("records")
    assert (finding["outcome"], finding["printed"]) == ("bmq", "0.04")
    assert "p = 0.0007" in finding["finding"]


def test_a_paired_test_of_those_who_stayed() -> None:
    result = audited("paired-with-drop-outs")
    assert result.tests["verdict"].tolist() == [POSSIBLE, NOT_CHECKABLE]
    assert "10 patients are in the one mean and 8" in result.tests["explanation"][1]


def test_a_one_sided_p_in_the_other_direction() -> None:
    tests = audited("one-sided-wrong-tail").tests
    assert tests["verdict"][0] == REPRODUCED
    assert tests["fits"][1].startswith("one-sided Student's t test (")
    assert tests["fits"][2].startswith("one-sided Student's t test in the other direction (")


def test_an_sd_printed_as_zero() -> None:
    study = load_study(CASES / "sd-printed-zero")
    assert float(study.table["sd"].sel(arm="company", statistic="level").squeeze()) == 0.0
    (row,) = audit(study).tests.to_dict("records")
    assert row["verdict"] == REPRODUCED
    expected = stats.ttest_ind_from_stats(2.73, 2.16, 35, 1.0, 0.0, 10).pvalue
    assert row["p_recomputed"] == pytest.approx(expected)
    assert expected == pytest.approx(0.016, abs=5e-4)


def test_not_significant_in_words() -> None:
    result = audited("ns-in-words")
    assert result.tests["verdict"].tolist() == [REPRODUCED, REPRODUCED]
    assert result.tests["p_printed"].tolist() == ["NS", "NS"]


def test_an_interval_that_is_lopsided() -> None:
    result = audited("lopsided-interval")
    assert result.tests["verdict"].tolist() == [NOT_CHECKABLE]
    lopsided, against = found(result, "interval")["finding"]
    assert "0.024 above one end of its interval and 0.008 below the other" in lopsided
    assert "excludes 0, but its printed p is 0.234" in against
