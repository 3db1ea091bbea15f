"""Summaries of our draws beside the answers of the second implementation in Stan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import arviz as az
import numpy as np
import pandas as pd

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import Fit
from bayesasthma.validation.second_implementation import ENTRY, draws_of, entries

#: What tells the fit of one answer from another.
FIT = ["study", "model", "prior", "outcome", "reading"]
#: Summaries and their Monte Carlo errors.
STATISTICS = {
    "mean": "mcse_mean",
    "sd": "mcse_sd",
    "q025": "mcse_q025",
    "q50": "mcse_q50",
    "q975": "mcse_q975",
}


def summary(x: np.ndarray) -> dict[str, float]:
    """Of draws (chain, draw): posterior summaries with their Monte Carlo errors."""
    low, middle, high = np.quantile(x, [0.025, 0.5, 0.975])
    errors: dict[str, Callable[[], Any]] = {
        "mcse_mean": lambda: az.mcse(x, method="mean"),
        "mcse_sd": lambda: az.mcse(x, method="sd"),
        "mcse_q025": lambda: az.mcse(x, method="quantile", prob=0.025),
        "mcse_q50": lambda: az.mcse(x, method="quantile", prob=0.5),
        "mcse_q975": lambda: az.mcse(x, method="quantile", prob=0.975),
        "ess_bulk": lambda: az.ess(x, method="bulk"),
        "ess_tail": lambda: az.ess(x, method="tail", prob=(0.05, 0.95)),
        "r_hat": lambda: az.rhat(x),
    }
    values = {
        "mean": x.mean(),
        "sd": x.std(ddof=1),
        "q025": low,
        "q50": middle,
        "q975": high,
        "p_positive": (x > 0).mean(),
    }
    return {k: float(v) for k, v in values.items()} | {k: float(f()) for k, f in errors.items()}


def beside(fit: Fit | AdverseFit, expected: pd.DataFrame, outcome: str = "") -> pd.DataFrame:
    """The answers of one Stan run with our summaries, columns with the suffix ``_own``."""
    wanted = {tuple(row) for row in expected[ENTRY].itertuples(index=False)}
    base = fit.study.baseline_visit
    rows = [
        dict(zip(ENTRY, entry, strict=True)) | summary(x)
        for entry, x in entries(draws_of(fit, outcome), base)
        if entry in wanted
    ]
    return expected.merge(
        pd.DataFrame(rows), on=ENTRY, how="left", suffixes=("", "_own"), validate="one_to_one"
    )


def apart(both: pd.DataFrame, statistic: str) -> pd.Series:
    """How far the summaries are apart, in Monte Carlo errors of both."""
    error = STATISTICS[statistic]
    return (both[f"{statistic}_own"] - both[statistic]) / np.hypot(
        both[error], both[f"{error}_own"]
    )
