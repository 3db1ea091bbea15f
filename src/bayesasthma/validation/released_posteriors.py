"""OQ: posteriors of the bundled study against those of the release."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference.fitting import Fit
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects, estimand_draws
from bayesasthma.results.joint_estimands import joint_effects
from bayesasthma.validation.agreement import (
    IN_ERRORS,
    OF_A_PROBABILITY,
    WHY_ERRORS,
    apart,
    level,
)
from bayesasthma.validation.bench import Bench
from bayesasthma.validation.items import Check, Finding

KEYS = ["outcome", "arm", "visit", "estimand"]
EVENT_KEYS = ["reaction", "visit", "arm", "reading", "model", "estimand"]
JOINT_KEYS = ["outcomes", "arm", "visit", "estimand", "subject", "m"]
#: Estimands of events that have a mean: ratios may not.
EVENT_ESTIMANDS = ("rate", "risk_difference", "any_in_20")
TAIL = 0.025


def checks() -> list[Check]:
    """One a model."""
    every = "mean, 95 % interval and P(benefit) of every effect"
    return [
        *(
            Check(
                f"OQ-{50 + i}",
                "R17",
                f"Model {name}, default draws and seed: {every}",
                "effects.csv of the release",
                IN_ERRORS,
                WHY_ERRORS,
                lambda bench, name=name: effects_of(bench, name),  # type: ignore[misc]
                quick=name != "joint",
            )
            for i, name in enumerate(("independent", "longitudinal", "joint"))
        ),
        Check(
            "OQ-53",
            "R17",
            "Model joint: statements about several outcomes at once",
            "joint.csv of the release",
            IN_ERRORS,
            WHY_ERRORS,
            several_outcomes,
            quick=False,
        ),
        Check(
            "OQ-54",
            "R17",
            "Models of reactions, both readings: means of rates, risk differences and predicted "
            "chances, P(benefit)",
            "adverse.csv of the release",
            IN_ERRORS,
            WHY_ERRORS,
            reactions,
        ),
        Check(
            "OQ-55",
            "R17",
            "Diagnostics gate of these fits",
            "passed, as it was in the release",
            "limits of the gate",
            "R-hat, effective sample sizes, divergences and E-BFMI: docs/diagnostics.md.",
            gates,
        ),
    ]


def _both(own: pd.DataFrame, committed: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows of both tables, columns of the committed one with ``_c``; none may be missing."""
    own, committed = (
        table.assign(**{key: table[key].astype(str) for key in keys}) for table in (own, committed)
    )
    both = own.merge(
        committed, on=keys, how="outer", suffixes=("", "_c"), indicator=True, validate="1:1"
    )
    lost = both[both["_merge"] != "both"]
    if len(lost):
        name = " ".join(str(lost.iloc[0][key]) for key in keys)
        raise ValueError(f"{len(lost)} rows are in one table alone, such as {name}")
    return both.assign(label=[" ".join(map(str, row)) for row in both[keys].to_numpy()])


def _numbers(
    both: pd.DataFrame, what: str, column: str, error: pd.Series, other: pd.Series, scale: pd.Series
) -> pd.DataFrame:
    """Comparisons of one column where it has numbers."""
    table = pd.DataFrame(
        {
            "found": both[column],
            "expected": both[f"{column}_c"],
            "error_found": error,
            "error_expected": other,
            "scale": scale,
            "label": what + " " + both["label"],
        }
    )
    return table[table["expected"].notna()]


def effects_of(bench: Bench, model: str) -> Finding:
    """Every row of ``effects.csv`` of a model."""
    fit: Fit = getattr(bench, model)
    committed = bench.committed("effects")
    committed = committed[committed["model"] == model]
    both = _both(effects(fit), committed, KEYS)
    certain = pd.Series(OF_A_PROBABILITY, index=both.index)
    frames = [
        _numbers(both, "mean", "mean", both["mcse_mean"], both["mcse_mean_c"], both["sd_c"]),
        _numbers(both, "P", "p_benefit", both["p_benefit_mcse"], both["p_benefit_mcse_c"], certain),
    ]
    for estimand, draws in estimand_draws(fit).items():
        rows = committed[committed["estimand"] == estimand].set_index(["outcome", "arm", "visit"])
        ess = rows["ess_tail"].to_xarray()
        for column, q in (("ci_low", TAIL), ("ci_high", 1 - TAIL)):
            bound = rows[column].to_xarray().reindex_like(_labels(draws))
            error = ((q * (1 - q) / ess) ** 0.5).reindex_like(bound)
            table = level(f"{estimand} bound", draws, bound, q, error)
            frames.append(table[table["error_expected"].notna()])
    return apart(pd.concat(frames), ["label"]).finding()


def _labels(draws: xr.DataArray) -> xr.DataArray:
    """An array with the labels of draws alone."""
    return draws.isel(chain=0, draw=0, drop=True).transpose("outcome", "arm", "visit")


def several_outcomes(bench: Bench) -> Finding:
    """Every row of ``joint.csv``."""
    own, committed = joint_effects(bench.joint), bench.committed("joint")
    for table in (own, committed):
        table["m"] = table["m"].fillna(0).astype(int).astype(str)
        table["subject"] = table["subject"].fillna("")
    both = _both(own, committed, JOINT_KEYS)
    scale = both["sd_c"].fillna(OF_A_PROBABILITY)
    certain = pd.Series(OF_A_PROBABILITY, index=both.index)
    frames = [
        _numbers(both, "mean", "mean", both["mcse"], both["mcse_c"], scale),
        _numbers(both, "P", "p_benefit", both["p_benefit_mcse"], both["p_benefit_mcse_c"], certain),
    ]
    return apart(pd.concat(frames), ["label"]).finding()


def reactions(bench: Bench) -> Finding:
    """Rows of ``adverse.csv`` whose numbers have a mean."""
    own = pd.concat([adverse_effects(fit) for fit in bench.adverse], ignore_index=True)
    both = _both(own, bench.committed("adverse"), EVENT_KEYS)
    both = both[both["estimand"].isin(EVENT_ESTIMANDS)]
    error, other = (both[f"sd{end}"] / np.sqrt(both[f"ess_bulk{end}"]) for end in ("", "_c"))
    certain = pd.Series(OF_A_PROBABILITY, index=both.index)
    frames = [
        _numbers(both, "mean", "mean", error, other, both["sd_c"]),
        _numbers(both, "P", "p_benefit", both["p_benefit_mcse"], both["p_benefit_mcse_c"], certain),
    ]
    return apart(pd.concat(frames), ["label"]).finding()


def gates(bench: Bench) -> Finding:
    """The fits that were made by now."""
    made = [bench.__dict__.get(name) for name in ("independent", "longitudinal", "joint")]
    fits = [fit for fit in made if fit is not None]
    failed = [
        f"{fit.label}: {'; '.join(fit.gate.failures)}"
        for fit in [*fits, *bench.adverse]
        if not fit.gate.passed
    ]
    count = len(fits) + len(bench.adverse)
    return Finding("; ".join(failed) or f"all {count} fits pass", not failed and bool(fits))
