"""Answers of the second implementation in Stan, and our draws of every quantity they summarise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import Fit
from bayesasthma.results.effect_table import estimand_draws

SHIPPED = Path(str(files("bayesasthma"))) / "validation"
#: What tells one answer from another.
FIT = ["study", "model", "prior", "outcome", "reading"]
ENTRY = ["quantity", "arm", "visit", "visit_b", "reaction"]
#: Summaries and their Monte Carlo errors.
STATISTICS = {
    "mean": "mcse_mean",
    "sd": "mcse_sd",
    "q025": "mcse_q025",
    "q50": "mcse_q50",
    "q975": "mcse_q975",
}
TABLE_PARAMETERS = (
    "baseline_level", "visit_step", "imbalance", "effect", "pooling", "log_sd_level",
    "log_sd_visit_scale", "log_sd_cell_scale", "log_sd_visit", "log_sd", "logit_rho", "z_deviation",
    "mean", "sd", "correlation",
)  # fmt: skip
#: Dimensions whose labels are those of another.
SAME = {"treated": "arm", "follow_up": "visit", "step": "visit"}


def answers() -> pd.DataFrame:
    """The shipped answers, blank labels as empty strings."""
    labels = dict.fromkeys([*FIT, *ENTRY, "baseline", "kind"], str)
    return pd.read_csv(SHIPPED / "stan_answers.csv", dtype=labels, keep_default_na=False)


def runs() -> dict[str, Any]:
    """Settings, versions, checksums and diagnostics of the runs."""
    found: dict[str, Any] = json.loads((SHIPPED / "stan_runs.json").read_text(encoding="utf-8"))
    return found


def draws_of(fit: Fit | AdverseFit, outcome: str = "") -> dict[str, xr.DataArray]:
    """Draws by quantity, of one outcome or of all reactions."""
    posterior = fit.data["posterior"].to_dataset()
    if isinstance(fit, AdverseFit):
        rate, arm_rate = posterior["rate"], posterior["arm_rate"]
        odds = np.log(arm_rate / (1 - arm_rate))
        return {name: posterior[name] for name in ("level", "pooling", "overdispersion")} | {
            "arm_rate": arm_rate,
            "log_odds_ratio": _treated(odds) - odds.isel(arm=0, drop=True),
            "rate": rate,
            "risk_difference": _treated(rate) - rate.isel(arm=0, drop=True),
        }
    found = {name: posterior[name] for name in TABLE_PARAMETERS if name in posterior}
    found |= estimand_draws(fit)
    return {name: own.sel(outcome=outcome, drop=True) for name, own in found.items()}


def _treated(array: xr.DataArray) -> xr.DataArray:
    return array.isel(arm=slice(1, None))


def entries(
    draws: dict[str, xr.DataArray], baseline: str | None
) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    """Every quantity one number at a time: its labels in the order of `ENTRY`, and its draws."""
    for name, array in draws.items():
        dims = [str(dim) for dim in array.dims if dim not in ("chain", "draw")]
        for labels in product(*(array[dim].to_numpy() for dim in dims)):
            at = dict(zip(dims, labels, strict=True))
            own = array.sel(at).transpose("chain", "draw").to_numpy()
            entry = {SAME.get(dim, dim): str(label) for dim, label in at.items()}
            if "pair" in entry:
                entry["visit"], entry["visit_b"] = entry.pop("pair").split(", ")
            if name == "imbalance" and baseline is not None:
                entry["visit"] = baseline
            yield (name, *(entry.get(label, "") for label in ENTRY[1:])), own


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
