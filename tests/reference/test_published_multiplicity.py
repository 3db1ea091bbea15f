"""Benjamini–Hochberg against published adjusted p-values and decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesasthma.frequentist import benjamini_hochberg

CASES = pd.read_csv(Path(__file__).parent / "published" / "multiplicity.csv")


@pytest.mark.parametrize(("family", "rejected"), [("BH1995_rtPA", 4), ("c212_doc", 10)])
def test_decisions(family: str, rejected: int) -> None:
    rows = CASES[CASES["set"] == family]
    decisions = benjamini_hochberg(rows["p"].to_numpy()) <= 0.05
    assert decisions.tolist() == rows["bh_reject_at_0.05"].tolist()
    assert decisions.sum() == rejected


def test_adjusted_values() -> None:
    rows = CASES[CASES["set"] == "BH1995_rtPA"]
    published = rows["bh_adjusted_published"].to_numpy()
    np.testing.assert_allclose(benjamini_hochberg(rows["p"].to_numpy()), published, atol=1e-8)
