"""Printed test results against statcheck's verdicts (two-sided, α = 0.05)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bayesasthma.frequentist import printed_p, rounded, statistic_p_range

CASES = pd.read_csv(Path(__file__).parent / "published" / "statcheck.csv", dtype=str)


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def reachable(row: Any) -> tuple[float, float]:
    printed = rounded(float(row.statistic_as_printed), 10.0 ** -decimals(row.statistic_as_printed))
    p = statistic_p_range(row.test, printed, float(row.df1), float(row.df2))
    return float(p.low), float(p.high)


@pytest.mark.parametrize(
    "row",
    list(CASES[CASES["error_expected"].notna()].itertuples(index=False)),
    ids=lambda r: "-".join(map(str, r[:6])),
)
def test_error(row: Any) -> None:
    low, high = reachable(row)
    shown = printed_p(float(row.p_reported), row.p_comparison, decimals(row.p_reported))
    error = not (low <= shown.high and shown.low <= high)
    assert error is (row.error_expected == "True")


@pytest.mark.parametrize(
    "row",
    list(CASES[CASES["decision_error_expected"].notna()].itertuples(index=False)),
    ids=lambda r: "-".join(map(str, r[:6])),
)
def test_decision_error(row: Any) -> None:
    low, high = reachable(row)
    reported_significant = float(row.p_reported) < 0.05
    changes = low >= 0.05 if reported_significant else high < 0.05
    assert changes is (row.decision_error_expected == "True")
