"""OQ: posteriors against those of a second implementation of the models, in Stan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from bayesasthma.inference.adverse_fits import AdverseFit, fit_adverse
from bayesasthma.inference.fitting import Fit, fit_table
from bayesasthma.models.specification import table_spec
from bayesasthma.results.effect_table import estimand_draws
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study
from bayesasthma.validation.agreement import (
    IN_ERRORS,
    OF_A_BOUND,
    WHY_ERRORS,
    apart,
    compared,
    level,
    means,
)
from bayesasthma.validation.bench import STUDY, Bench
from bayesasthma.validation.items import Check, Finding

#: What tells one answer from another, within a fit.
ENTRY = ["quantity", "arm", "visit", "visit_b", "reaction"]
TABLE_PARAMETERS = (
    "baseline_level", "visit_step", "imbalance", "effect", "pooling", "log_sd_level",
    "log_sd_visit_scale", "log_sd_cell_scale", "log_sd_visit", "log_sd", "logit_rho", "z_deviation",
    "mean", "sd", "correlation",
)  # fmt: skip
#: Dimensions whose labels are those of another.
SAME = {"treated": "arm", "follow_up": "visit", "step": "visit"}
#: Posterior SDs that must be seen: Stan's draws are fewer.
SHARE = 0.4
BOUNDS = {"q025": 0.025, "q975": 0.975}


def folder() -> Path:
    """Where the answers, their record and the studies other than the bundled one lie."""
    return Path(str(files("bayesasthma.validation")))


@cache
def answers() -> pd.DataFrame:
    """The answers, blank labels as empty strings."""
    blank = ("study", "model", "prior", "baseline", "outcome", "reading", "kind", *ENTRY)
    return pd.read_csv(
        folder() / "stan_answers.csv", dtype=dict.fromkeys(blank, str), keep_default_na=False
    )


def runs() -> dict[str, Any]:
    """Versions, seed and settings of the runs."""
    found: dict[str, Any] = json.loads((folder() / "stan_runs.json").read_text(encoding="utf-8"))
    return found


def checks() -> list[Check]:
    """One a study of the answers."""
    made = runs()
    about = f"Stan {made['stan']} (rstan {made['rstan']}), seed {made['seed']}"
    return [
        Check(
            f"OQ-{90 + i}",
            "R18",
            f"Study {study}, models {_models(study)}: mean of every parameter, moment and effect, "
            "95 % interval of every effect",
            f"{about}: stan_answers.csv",
            IN_ERRORS,
            f"{WHY_ERRORS} Here {SHARE:g} and {OF_A_BOUND * SHARE:.1f}: Stan's draws are fewer.",
            lambda bench, study=study: agreement(bench, study),  # type: ignore[misc]
            quick=study == STUDY,
        )
        for i, study in enumerate(answers()["study"].unique())
    ]


def _models(study: str) -> str:
    rows = answers()[answers()["study"] == study]
    found = rows[["model", "prior"]].drop_duplicates().itertuples(index=False)
    return ", ".join(f"{row.model} ({row.prior})" for row in found)


def agreement(bench: Bench, study: str) -> Finding:
    """All answers of a study."""
    own = bench.study if study == STUDY else load_study(folder() / "studies" / study)
    if own.checksums != runs()["studies"][study]:
        return Finding("the bundle is not the one that the answers are of", passed=False)
    rows = answers()[answers()["study"] == study]
    frames = []
    for (model, prior, baseline), part in rows.groupby(["model", "prior", "baseline"], sort=False):
        for name, fit in _fits(bench, own, str(model), str(prior), str(baseline), part).items():
            mine = part[(part["outcome"] == name) | (part["reading"] == name)]
            frames += _compared(fit, mine, f"{prior} {name}")
    return apart(pd.concat(frames), ["label"]).finding(SHARE)


def _fits(
    bench: Bench, study: Study, model: str, prior: str, baseline: str, part: pd.DataFrame
) -> dict[str, Fit | AdverseFit]:
    """Our fits of what answers are about, by outcome or reading."""
    if model == "hierarchical":
        found = (
            bench.adverse
            if study is bench.study and prior == "weak"
            else fit_adverse(study, prior, bench.options, readings=part["reading"].unique())
        )
        return {own.spec.reading: own for own in found if own.spec.model == model}
    outcomes = list(part["outcome"].unique())
    if study is bench.study and prior == "weak":
        return dict.fromkeys(outcomes, bench.longitudinal)
    spec = table_spec(model, prior)
    fit = fit_table(study, spec, bench.options, outcomes=outcomes)
    if baseline and fit.baseline != baseline:
        raise ValueError(f"{study.name}: the answers are of a baseline that is {baseline}")
    return dict.fromkeys(outcomes, fit)


def draws_of(fit: Fit | AdverseFit, outcome: str = "") -> dict[str, xr.DataArray]:
    """Draws by quantity, of one outcome or of all reactions."""
    posterior = fit.data["posterior"].to_dataset()
    if isinstance(fit, AdverseFit):
        rate, arm_rate = posterior["rate"], posterior["arm_rate"]
        odds: xr.DataArray = xr.apply_ufunc(special.logit, arm_rate)
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


def _compared(fit: Fit | AdverseFit, expected: pd.DataFrame, name: str) -> list[pd.DataFrame]:
    """Comparisons of the answers of one Stan run, none left out."""
    outcome = "" if isinstance(fit, AdverseFit) else str(expected["outcome"].iloc[0])
    own = dict(entries(draws_of(fit, outcome), fit.study.baseline_visit))
    keys = [tuple(map(str, row)) for row in expected[ENTRY].to_numpy()]
    missing = [" ".join(filter(None, key)) for key in keys if key not in own]
    if missing:
        raise ValueError(f"{name}: the fit has no {missing[0]} ({len(missing)} such)")
    labels = [" ".join(filter(None, [name, *key])) for key in keys]
    draws = xr.DataArray(
        np.stack([own[key] for key in keys], axis=-1),
        {"entry": labels},
        ("chain", "draw", "entry"),
    )

    def column(of: str) -> xr.DataArray:
        return xr.DataArray(expected[of].to_numpy(dtype=float), {"entry": labels}, "entry")

    mean, error, _ = means(draws)
    frames = [compared("mean", mean, error, column("mean"), column("mcse_mean"), column("sd"))]
    kept = (expected["kind"] == "estimand").to_numpy()
    for bound, q in BOUNDS.items() if kept.any() else ():
        other = (q * (1 - q) / column("ess_tail")) ** 0.5
        frames.append(
            level(
                "bound",
                draws.isel(entry=kept),
                column(bound).isel(entry=kept),
                q,
                other.isel(entry=kept),
            )
        )
    return frames
