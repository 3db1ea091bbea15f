"""Classical meta-analyses agree with the R package metafor (answers of `metafor/`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesasthma.frequentist.meta_analysis import log_odds_ratios, mantel_haenszel, meta_analysis

FOLDER = Path(__file__).parent / "metafor"
STUDIES = pd.read_csv(FOLDER / "studies.csv")
ANSWERS: dict[Any, dict[str, float]] = {
    key: dict(zip(rows["quantity"], rows["value"], strict=True))
    for key, rows in pd.read_csv(FOLDER / "answers.csv").groupby(["data", "method"], sort=False)
}
SETS = list(dict.fromkeys(STUDIES["data"]))
POOLED = [m for m in dict.fromkeys(m for _, m in ANSWERS) if m[0] in "FDPR"]
COUNTS = ["events1", "n1", "events2", "n2"]


def set_of(name: str) -> pd.DataFrame:
    return STUDIES[STUDIES["data"] == name]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("method", POOLED)
def test_pooled_effect_heterogeneity_and_intervals(name: str, method: str) -> None:
    rows = set_of(name)
    estimator, _, interval = method.partition("+")
    options: Any = {"method": estimator, "interval": interval or "wald"}
    found = meta_analysis(rows["y"], rows["se"], **options)
    answers = ANSWERS[name, method]
    assert {"se", "ci_low", "ci_high", "p"} <= set(answers)
    # of a root of the score the last digits depend on its iterations
    scale = max(abs(rows["y"]).max(), rows["se"].max())
    for quantity, expected in answers.items():
        unit = {"tau2": scale**2, "q": 1.0, "q_p": 1.0, "p": 1.0, "i2": 1.0}.get(quantity, scale)
        assert getattr(found, quantity) == pytest.approx(expected, rel=1e-8, abs=1e-8 * unit), (
            quantity
        )


@pytest.mark.parametrize("name", [name for name in SETS if set_of(name)["n1"].notna().all()])
def test_odds_ratios_of_counts(name: str) -> None:
    rows = set_of(name)
    a, n, c, m = rows[COUNTS].to_numpy().T
    found = log_odds_ratios(a, n, c, m)
    np.testing.assert_allclose(found.estimate, rows["y"], rtol=1e-12)
    np.testing.assert_allclose(found.se, rows["se"], rtol=1e-12)
    expected = [ANSWERS[name, "MH"][key] for key in ("estimate", "se", "ci_low", "ci_high")]
    np.testing.assert_allclose(mantel_haenszel(a, n, c, m), expected, rtol=1e-10)
