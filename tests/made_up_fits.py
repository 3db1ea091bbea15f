"""Fits without sampling: draws made up around printed numbers, shaped as fits have them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import special
from scipy.special import expit

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.adverse_counts import READINGS, AdverseSpec, counts
from bayesasthma.models.design import design
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.study import Study

CHAINS, DRAWS = 4, 400


def table_fit(study: Study, model: str = "longitudinal", seed: int = 1) -> Fit:
    """Normal draws about every printed mean, with the printed standard error."""
    rng = np.random.default_rng(seed)
    table = study.table.sel(statistic="level", drop=True).transpose("outcome", "arm", "visit")
    mean, sd, n = (table[name].to_numpy() for name in ("mean", "sd", "n"))
    seen = np.isfinite(mean)
    mean, sd, n = np.where(seen, mean, 1.0), np.where(seen, sd, 1.0), np.where(seen, n, 10.0)
    coords = {dim: table[dim].to_numpy() for dim in table.dims}
    groups = {
        name: moments(rng, mean, sd, n, size, coords, model, spread)
        for name, size, spread in (("posterior", (CHAINS, DRAWS), 1.0), ("prior", (1, 500), 8.0))
        if name == "posterior" or model == "longitudinal"
    }
    size = (CHAINS, DRAWS)
    chain_draw = ("chain", "draw")
    sample_stats = {
        "diverging": (chain_draw, np.zeros(size, dtype=bool)),
        "maxdepth_reached": (chain_draw, np.zeros(size, dtype=bool)),
        "energy": (chain_draw, rng.normal(size=size)),
        "n_steps": (chain_draw, np.full(size, 7)),
    }
    labels = {
        "moment": ["mean", "sd"],
        "outcome_0": ("series_0", np.repeat(coords["outcome"], len(coords["arm"]))),
        "arm_0": ("series_0", np.tile(coords["arm"], len(coords["outcome"]))),
        "visit_0": ("row_0", coords["visit"]),
    }
    printed = np.stack([mean, sd], -1).reshape(-1, len(coords["visit"]), 2)
    error = rng.normal(size=(*size, *printed.shape)) * (sd / 3).reshape(*printed.shape[:2], 1)
    dims = ("series_0", "row_0", "moment")
    tree = xr.DataTree.from_dict(
        {name: xr.Dataset(group, coords) for name, group in groups.items()}
        | {
            "sample_stats": xr.Dataset(sample_stats),
            "constant_data": xr.Dataset({"n": ("arm", study.arms["n"].to_numpy())}, coords),
            "observed_data": xr.Dataset({"table_0": (dims, printed)}, labels),
            "posterior_predictive": xr.Dataset(
                {"table_0": (("chain", "draw", *dims), printed + error)}, labels
            ),
        }
    )
    prior = "reference" if model == "independent" else "weak"
    return Fit(study, f"{model}-{prior}", model, prior, tree, {})


def moments(rng, mean, sd, n, size, coords, model, spread):
    """Draws of the population moments, as a fit stores them."""
    dims = ("chain", "draw", "outcome", "arm", "visit")
    error = spread * sd / np.sqrt(n)
    group = {
        "mean": (dims, mean + error * rng.normal(size=(*size, *mean.shape))),
        "sd": (dims, sd * np.exp(0.1 * rng.normal(size=(*size, *mean.shape)))),
    }
    if model == "longitudinal":
        logit = rng.normal(0.45, 0.8, size=(*size, len(mean)))
        rho = expit(logit)[..., None, None]
        same = np.eye(mean.shape[-1])
        square = ("chain", "draw", "outcome", "visit", "visit_b")
        group["logit_rho"] = (("chain", "draw", "outcome"), logit)
        group["correlation"] = (square, rho + (1 - rho) * same)
    sample = {"chain": np.arange(size[0]), "draw": np.arange(size[1])}
    return group | {"visit_b": ("visit_b", coords["visit"])} | sample


def explorable_fit(study: Study, draws: int = 750, seed: int = 3) -> Fit:
    """Draws of a longitudinal fit with its effects, pooling and moments in agreement.

    The effects are about the printed differences adjusted at a correlation of 0.6, with their
    standard error, and depend on each other between visits.
    """
    rng = np.random.default_rng(seed)
    layout = design(study)
    names, arms, visits = layout.outcomes, layout.arms, layout.visits
    size, rho = (CHAINS, draws), 0.6
    table = study.table.sel(statistic="level", drop=True).transpose("outcome", "arm", "visit")
    printed = table.sel(outcome=list(names), arm=list(arms), visit=list(visits))
    mean, sd, n = (printed[name].to_numpy() for name in ("mean", "sd", "n"))
    error = sd / np.sqrt(n)
    control = mean[:, 0] + error[:, 0] * rng.normal(size=(*size, *mean[:, 0].shape))
    imbalance = (mean[:, 1:, 0] - mean[:, :1, 0]) + error[:, 1:, 0] * rng.normal(
        size=(*size, *mean[:, 1:, 0].shape)
    )
    spread = sd * np.exp(0.1 * rng.normal(size=(*size, *sd.shape)))
    weight = ((layout.n_arm - 1) / (layout.n_arm - 1).sum())[:, None]
    base = spread[..., :1]
    slope = rho * (weight * spread * base).sum(-2) / (weight * base**2).sum(-2)
    shared = np.hypot(error[:, :1, 1:], error[:, 1:, 1:])
    noise = np.sqrt(0.5) * (
        rng.normal(size=(*size, *shared.shape)) + rng.normal(size=(*size, *shared.shape[:2], 1))
    )
    change = (mean[:, 1:, 1:] - mean[:, :1, 1:]) - rho * (mean[:, 1:, :1] - mean[:, :1, :1])
    effect = change + np.sqrt(1 - rho**2) * shared * noise
    contrast = np.concatenate(
        [imbalance[..., None], effect + slope[..., None, 1:] * imbalance[..., None]], axis=-1
    )
    means = np.concatenate([control[..., None, :], control[..., None, :] + contrast], axis=-2)
    square = np.where(np.eye(len(visits)), 1.0, rho) * np.ones((*size, len(names), 1, 1))
    dims = ("chain", "draw", "outcome")
    posterior = xr.Dataset(
        {
            "mean": ((*dims, "arm", "visit"), means),
            "sd": ((*dims, "arm", "visit"), spread),
            "correlation": ((*dims, "visit", "visit_b"), square),
            "logit_rho": (dims, rng.normal(0.45, 0.8, size=(*size, len(names)))),
            "effect": ((*dims, "treated", "follow_up"), effect / layout.scale[:, None, None]),
            "pooling": (dims, rng.beta(2, 2, size=(*size, len(names)))),
        },
        {
            "chain": np.arange(CHAINS),
            "draw": np.arange(draws),
            "outcome": list(names),
            "arm": list(arms),
            "visit": list(visits),
            "visit_b": list(visits),
            "treated": list(arms[1:]),
            "follow_up": list(layout.follow_up),
        },
    )
    plain = table_fit(study, seed=seed)
    groups = {name: node.to_dataset() for name, node in plain.data.children.items()}
    chain_draw = ("chain", "draw")
    stats = {
        "diverging": (chain_draw, np.zeros(size, dtype=bool)),
        "maxdepth_reached": (chain_draw, np.zeros(size, dtype=bool)),
        "energy": (chain_draw, rng.normal(size=size)),
        "n_steps": (chain_draw, np.full(size, 7)),
    }
    groups |= {"posterior": posterior, "sample_stats": xr.Dataset(stats)}
    tree = xr.DataTree.from_dict(groups)
    return Fit(study, "longitudinal-weak", "longitudinal", "weak", tree, {}, baseline="free")


def explorable_events(study: Study, draws: int = 750, seed: int = 4) -> list[AdverseFit]:
    """Draws of hierarchical fits of events, with their log odds ratios and pooling."""
    rng = np.random.default_rng(seed)
    fits = []
    for reading in READINGS:
        data = counts(study, reading)
        size, events = (CHAINS, draws), len(data.reactions)
        level = rng.normal(-1.5, 0.4, size=(*size, events))
        fewer = 0.5 + 0.6 * rng.normal(size=(*size, events))
        logit = np.stack([level, level - fewer], axis=-1)
        rate = special.expit(
            logit[..., None, :] + 0.1 * rng.normal(size=(*size, events, len(data.visits), 2))
        )
        dims = ("chain", "draw", "reaction")
        posterior = xr.Dataset(
            {
                "arm_rate": ((*dims, "arm"), special.expit(logit)),
                "rate": ((*dims, "visit", "arm"), rate),
                "pooling": (("chain", "draw"), rng.beta(2, 2, size=size)),
            },
            {
                "chain": np.arange(CHAINS),
                "draw": np.arange(draws),
                "reaction": list(data.reactions),
                "visit": list(data.visits),
                "arm": list(data.arms),
            },
        )
        new = rng.binomial(data.at_risk, 0.2, size=(*size, len(data.events)))
        predictive = xr.Dataset({"count": (("chain", "draw", "cell"), new)})
        tree = xr.DataTree.from_dict({"posterior": posterior, "posterior_predictive": predictive})
        spec = AdverseSpec("hierarchical", reading, prior_set("weak"))
        fits.append(AdverseFit(study, spec, data, tree, {}))
    return fits
