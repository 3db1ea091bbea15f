"""GRIM, GRIMMER and DEBIT against the verdicts of the R package scrutiny."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bayesasthma.frequentist import debit, grim, grimmer

CASES = pd.read_csv(Path(__file__).parent / "published" / "granularity.csv", dtype=str)


@pytest.mark.parametrize(
    "row", list(CASES.itertuples(index=False)), ids=lambda r: f"{r.test}-{r.x}-{r.n}"
)
def test_verdict(row: Any) -> None:
    n, items = int(row.n), int(row.items)
    if row.test == "DEBIT":
        consistent = debit(row.x, row.sd, n)
    elif row.test == "GRIMMER":
        consistent = grimmer(row.x, row.sd, n, items)
    else:
        consistent = grim(row.x, n, items, percent=row.test == "GRIM_percent")
    assert consistent is (row.consistent == "True")


def test_every_check_is_covered_both_ways() -> None:
    verdicts = CASES.groupby("test")["consistent"].nunique()
    assert (verdicts == 2).all()
    assert set(verdicts.index) == {"GRIM", "GRIM_percent", "GRIMMER", "DEBIT"}
