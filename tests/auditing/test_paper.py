"""The audit of the bundled paper finds what a reader with a calculator finds."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesasthma.auditing import (
    IMPOSSIBLE,
    NOT_REPRODUCED,
    POSSIBLE,
    REPRODUCED,
    VERDICTS,
    AuditResult,
    audit,
)
from bayesasthma.study.bundle import load_study


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return audit(load_study("liu2025"))


def one(result: AuditResult, **where: str) -> pd.Series:
    rows = result.tests
    for column, value in where.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_every_printed_p_has_a_verdict(result: AuditResult) -> None:
    counts = result.counts()
    assert counts.drop(columns="significance_changes").sum(axis=1).to_dict() == {
        "baseline": 12,
        "between": 40,
        "within": 20,
        "adverse": 9,
    }
    assert set(result.tests["verdict"]) <= set(VERDICTS)
    assert result.tests["explanation"].str.len().gt(20).all()


def test_columns_of_the_interface(result: AuditResult) -> None:
    promised = "table kind outcome arm visit test p_printed p_recomputed p_low p_high verdict"
    assert set(promised.split()) | {"explanation"} <= set(result.tests.columns)


def test_between_arm_p_equals_scipy(result: AuditResult) -> None:
    """Independent recomputation of all 40 from the bundle's own table."""
    study = load_study("liu2025")
    between = result.tests[result.tests["kind"] == "between"]
    for row in between.itertuples():
        cell = study.table.sel(outcome=row.outcome, visit=row.visit, statistic="level")
        control, treated = (cell.sel(arm=arm) for arm in ("AIT", "OMA_AIT"))
        expected = stats.ttest_ind_from_stats(
            *(float(treated[v]) for v in ("mean", "sd")),
            19,
            *(float(control[v]) for v in ("mean", "sd")),
            18,
        )
        assert row.p_recomputed == pytest.approx(expected.pvalue, rel=1e-9)
        assert row.p_low <= row.p_recomputed <= row.p_high


def test_fev1_change_without_treatment_is_impossible(result: AuditResult) -> None:
    row = one(result, kind="within", outcome="fev1", arm="AIT")
    assert row["verdict"] == IMPOSSIBLE
    assert row["significance_changes"]
    # by hand: change 4.9 at least, SDs 4.05 and 3.05 at most, correlation −1
    t = 4.9 / ((4.05 + 3.05) / 18**0.5)
    assert row["p_high"] == pytest.approx(2 * stats.t.sf(t, 17), rel=1e-6)
    assert row["p_high"] < 0.01


def test_a_combination_arm_p_is_impossible_too(result: AuditResult) -> None:
    within = result.tests[(result.tests["kind"] == "within") & (result.tests["arm"] == "OMA_AIT")]
    assert (within["verdict"] == IMPOSSIBLE).sum() == 1


def test_eosinophils_at_baseline(result: AuditResult) -> None:
    row = one(result, kind="between", outcome="eos", visit="baseline")
    assert row["verdict"] == NOT_REPRODUCED
    assert row["p_recomputed"] == pytest.approx(0.025, abs=0.0006)
    assert row["explanation"].endswith("No explanation found.")


def test_fev1_at_24_weeks(result: AuditResult) -> None:
    row = one(result, kind="between", outcome="fev1", visit="week24")
    assert row["verdict"] == NOT_REPRODUCED
    assert 2e-5 < row["p_recomputed"] < 5e-5
    assert row["p_high"] < 0.001


def test_only_severe_reactions_fit_a_test_of_counts(result: AuditResult) -> None:
    adverse = result.tests[result.tests["kind"] == "adverse"]
    reproduced = adverse[adverse["verdict"] == REPRODUCED]
    assert set(reproduced["outcome"]) == {"severe_systemic"}
    assert len(reproduced) == 3
    assert set(reproduced["test"]) == {"Fisher's exact test"}


def test_within_arm_verdicts_follow_from_the_correlation(result: AuditResult) -> None:
    within = result.tests[result.tests["kind"] == "within"]
    possible = within["verdict"] == POSSIBLE
    assert np.isfinite(within.loc[possible, "rho_low"]).all()
    assert within.loc[~possible, "rho_low"].isna().all()
    assert (within.loc[possible, "rho_low"] <= within.loc[possible, "rho_high"]).all()
    assert within["p_recomputed"].isna().all()


def test_findings(result: AuditResult) -> None:
    found = result.findings
    smoking = found[found["kind"] == "exclusion"]
    assert set(smoking["arm"]) == {"AIT", "OMA_AIT"}
    same = found[found["finding"].str.contains("print the same SD")].iloc[0]
    assert int(same["printed"]) == 16
    assert "FEV1 % predicted, PEF % predicted, FEV1/FVC ratio" in same["finding"]
    aqlq = found[(found["kind"] == "range") & (found["outcome"] == "aqlq")]
    assert aqlq["finding"].str.contains("31%").any()
    negative = found[(found["kind"] == "correlation") & (found["weight"] == "unusual")]
    assert negative["outcome"].tolist() == ["eos", "feno"]
    as_errors = found[found["finding"].str.contains("in keeping with them")]
    assert set(as_errors["outcome"]) >= {"fev1"}
    assert found["kind"].isin(["grim", "monotone", "imbalance", "dispersion"]).any()


def test_text_against_tables(result: AuditResult) -> None:
    text = result.findings[
        (result.findings["kind"] == "text") & (result.findings["weight"] == "contradiction")
    ]
    claimed = set(zip(text["outcome"], text["visit"], text["printed"], strict=True))
    assert ("total_ige", "week48", "0.07") in claimed
    assert ("specific_ige", "week48", "0.14") in claimed
    assert ("fev1_fvc", "week48", "0.02") in claimed
    assert ("act", "week12", "significant") in claimed
    assert ("specific_ige", "week48", "increase") in claimed
    # The p of the total IgE sentence is the other arm's within-arm p.
    ige = text[text["printed"] == "0.07"].iloc[0]
    assert "0.07 is the p of Table 3 for the change of Total IgE" in ige["finding"]


def test_strict_and_repr(result: AuditResult) -> None:
    assert result.alarming
    assert "5 impossible at any correlation" in repr(result)


def test_contrasts_and_analysis_of_variance_cover_every_outcome(result: AuditResult) -> None:
    assert len(result.contrasts) == 40
    assert result.contrasts["q_bh"].notna().sum() == 30
    assert (result.contrasts["q_bh"] >= result.contrasts["p"])[
        result.contrasts["q_bh"].notna()
    ].all()
    assert len(result.anova) == 10 * 4 * 3
    assert len(result.balance) == 12 + 10


def test_multiplicity_families(result: AuditResult) -> None:
    frame = result.multiplicity
    assert len(frame) == 3 * 81
    kind = frame[(frame["family"] == "all tests of the kind") & (frame["kind"] == "between")]
    expected = stats.false_discovery_control(kind["p_recomputed"])
    np.testing.assert_allclose(kind["q_bh_recomputed"], expected)
    assert (kind["q_holm_printed"] >= kind["q_bh_printed"] - 1e-12).all()


def test_takes_seconds() -> None:
    study = load_study("liu2025")
    times = []
    for _ in range(3):
        start = time.process_time()
        audit(study)
        times.append(time.process_time() - start)
    assert min(times) < 2
