"""Fits without sampling: draws made up around printed numbers, shaped as fits have them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import expit

from bayesasthma.inference.fitting import Fit
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
