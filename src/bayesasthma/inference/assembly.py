"""From sampler output to a labelled DataTree: natural moments, predictive draws, log-likelihood."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import ndtr

from bayesasthma.inference._patient_assembly import patient_parts
from bayesasthma.inference.joint_assembly import joint_parts
from bayesasthma.likelihood.correlation import cholesky_from_z, multiply_transpose, unpack_lower
from bayesasthma.likelihood.tables import draw_table, fisher_scale, log_constant, table_logp
from bayesasthma.models.design import Design, TableBlock
from bayesasthma.models.moments import Moments, row_moments
from bayesasthma.models.moments import moments as moments_of
from bayesasthma.models.specification import TableSpec


def assemble(
    tree: xr.DataTree, prior: xr.Dataset, layout: Design, spec: TableSpec, seed: int
) -> xr.DataTree:
    """Add natural moments, predictive draws, log-likelihood and the data to sampler output."""
    rng = np.random.default_rng(seed)
    summarise = _independent_groups if spec.model == "independent" else _longitudinal_groups
    posterior = tree["posterior"].to_dataset()
    moments, predictive, log_likelihood, observed = summarise(posterior, layout, spec, rng)
    groups: dict[str, xr.Dataset] = {
        "posterior": posterior.merge(moments),
        "sample_stats": tree["sample_stats"].to_dataset(),
        "posterior_predictive": predictive,
        "log_likelihood": log_likelihood,
        "observed_data": observed,
        "constant_data": _constants(layout),
    }
    if prior.sizes:
        prior_moments, prior_predictive, _, _ = summarise(prior, layout, spec, rng)
        groups["prior"] = prior.merge(prior_moments)
        groups["prior_predictive"] = prior_predictive
    return xr.DataTree.from_dict(groups)


def _constants(layout: Design) -> xr.Dataset:
    coords = {
        "outcome": list(layout.outcomes),
        "arm": list(layout.arms),
        "visit": list(layout.visits),
    }
    return xr.Dataset(
        {
            "centre": ("outcome", layout.centre),
            "scale": ("outcome", layout.scale),
            "direction": ("outcome", layout.direction),
            "week": ("visit", layout.weeks),
            "n": ("arm", layout.n_arm),
        },
        coords,
    )


def _natural(
    mean: np.ndarray, log_sd: np.ndarray, layout: Design
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    dims = ("chain", "draw", "outcome", "arm", "visit")
    scale, centre = layout.scale[:, None, None], layout.centre[:, None, None]
    return {"mean": (dims, centre + scale * mean), "sd": (dims, scale * np.exp(log_sd))}


def _arrays(draws: xr.Dataset) -> dict[str, np.ndarray]:
    return {str(k): v.transpose("chain", "draw", ...).to_numpy() for k, v in draws.items()}


def natural_moments(draws: xr.Dataset, layout: Design, spec: TableSpec) -> xr.Dataset:
    """Population means, SDs and correlations of parameter draws: what every estimand needs.

    Parameters
    ----------
    draws : Dataset (chain, draw, ...)
        Posterior or prior draws of a model's free parameters.
    layout : Design
    spec : TableSpec

    Returns
    -------
    Dataset
        ``mean``, ``sd`` (chain, draw, outcome, arm, visit) in outcome units, and unless the model
        is ``independent`` ``correlation`` (chain, draw, outcome, visit, visit_b).
    """
    if spec.model == "independent":
        return _independent_moments(draws, layout, spec)
    return _labelled_moments(_standardised_moments(draws, layout, spec)[1], layout)


def _standardised_moments(
    draws: xr.Dataset, layout: Design, spec: TableSpec
) -> tuple[dict[str, np.ndarray], Moments]:
    parameters = _arrays(draws)
    if spec.correlation.rho is not None:
        parameters["rho"] = np.asarray(spec.correlation.rho)
    return parameters, moments_of(parameters, layout, spec)


def _labelled_moments(moment: Moments, layout: Design) -> xr.Dataset:
    size = len(layout.visits)
    lower = multiply_transpose(cholesky_from_z(unpack_lower(moment.z, size)))
    correlation = np.ones((*moment.mean.shape[:3], size, size))
    for i in range(size):
        for j in range(i):
            correlation[..., i, j] = correlation[..., j, i] = lower[i][j]
    coords = {
        "outcome": list(layout.outcomes),
        "arm": list(layout.arms),
        "visit": list(layout.visits),
        "visit_b": list(layout.visits),
    }
    return xr.Dataset(
        {
            **_natural(moment.mean, moment.log_sd, layout),
            "correlation": (("chain", "draw", "outcome", "visit", "visit_b"), correlation),
        },
        coords,
    )


def _longitudinal_groups(
    draws: xr.Dataset, layout: Design, spec: TableSpec, rng: np.random.Generator
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset, xr.Dataset]:
    """Moments, predictive draws, log-likelihood and data of the longitudinal model."""
    parameters, moment = _standardised_moments(draws, layout, spec)
    moments = _labelled_moments(moment, layout)
    predictive, density, observed = {}, {}, {}
    parts = joint_parts(parameters, moment, layout, spec, rng) if spec.model == "joint" else None
    for index, table in enumerate(layout.tables):
        inputs = row_moments(table, moment, layout)
        means = None if parts is None else parts.means
        predictive[f"table_{index}"] = _predict(rng, table, inputs, index, layout, means)
        density[f"table_{index}"] = _density(table, inputs, parameters, index)
        observed[f"table_{index}"] = _table_array(
            np.stack([table.mean, table.sd], axis=-1), table, index, layout
        )
    if layout.patients:
        extra, *cells = patient_parts(parameters, moment, layout, rng)
        moments = moments.merge(extra)
        predictive["table_0"], density["patients"], observed["table_0"] = cells
    if parts is not None:
        moments = moments.merge(parts.quantities)
        density["table_0"] = density["table_0"] + parts.density
    return moments, xr.Dataset(predictive), xr.Dataset(density), xr.Dataset(observed)


def _table_array(values: np.ndarray, table: TableBlock, index: int, layout: Design) -> xr.DataArray:
    """Label standardised (mean, SD) pairs of a block and put them in outcome units."""
    levels = table.functional.min(axis=1) >= 0
    offset = layout.centre[table.outcome][:, None] * levels
    scale = layout.scale[table.outcome][:, None, None]
    natural = values * scale
    natural[..., 0] += offset
    lead = ("chain", "draw")[: values.ndim - 3]
    series, row = f"series_{index}", f"row_{index}"
    return xr.DataArray(
        natural,
        dims=(*lead, series, row, "moment"),
        coords={
            "moment": ["mean", "sd"],
            f"outcome_{index}": (series, [layout.outcomes[k] for k in table.outcome]),
            f"arm_{index}": (series, [layout.arms[g] for g in table.arm]),
            f"visit_{index}": (
                row,
                [layout.visits[int(np.flatnonzero(f > 0)[0])] for f in table.functional],
            ),
        },
    )


def _predict(
    rng: np.random.Generator,
    table: TableBlock,
    inputs: tuple[np.ndarray, np.ndarray, np.ndarray],
    index: int,
    layout: Design,
    means: np.ndarray | None = None,
) -> xr.DataArray:
    mean, sd = draw_table(rng, *inputs, table.n)
    mean = mean if means is None else means
    return _table_array(np.stack([mean, sd], axis=-1), table, index, layout)


def _density(
    table: TableBlock,
    inputs: tuple[np.ndarray, np.ndarray, np.ndarray],
    parameters: dict[str, np.ndarray],
    index: int,
) -> xr.DataArray:
    """Log-likelihood of each printed row given the rows before it (standardised units)."""
    mean, sd = table.mean, table.sd
    if f"rounding_{index}" in parameters:
        error = ndtr(parameters[f"rounding_{index}"]) - 0.5
        mean = mean + error[..., 0] * table.mean_step
        sd = sd + error[..., 1] * table.sd_step
    shape = inputs[0].shape
    epsilon = parameters.get(f"epsilon_{index}", np.zeros((*shape[:-1], 0)))
    values = table_logp(
        mean,
        sd,
        *inputs,
        epsilon,
        table.n,
        log_constant(table.n - 1),
        fisher_scale(table.n - 1),
        table.pinned,
        table.pinned_z,
        balanced=table.balanced,
    )
    return xr.DataArray(values, dims=("chain", "draw", f"series_{index}", f"row_{index}"))


def _independent_moments(draws: xr.Dataset, layout: Design, spec: TableSpec) -> xr.Dataset:
    from bayesasthma.models import independent

    printed = independent.cells(layout)
    parameters = _arrays(draws)
    mean, log_sd = independent.moments(parameters, printed, spec)
    shape = (*mean.shape[:2], len(layout.outcomes), len(layout.arms), len(layout.visits))
    full_mean, full_log_sd = np.full(shape, np.nan), np.full(shape, np.nan)
    where = (..., printed.outcome, printed.arm, printed.visit)
    full_mean[where], full_log_sd[where] = mean, log_sd
    coords = {
        "outcome": list(layout.outcomes),
        "arm": list(layout.arms),
        "visit": list(layout.visits),
    }
    return xr.Dataset(_natural(full_mean, full_log_sd, layout), coords)


def _independent_groups(
    draws: xr.Dataset, layout: Design, spec: TableSpec, rng: np.random.Generator
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset, xr.Dataset]:
    """Moments, predictive draws, log-likelihood and data of the independent model."""
    from bayesasthma.models import independent

    printed = independent.cells(layout)
    parameters = _arrays(draws)
    mean, log_sd = independent.moments(parameters, printed, spec)
    moments = _independent_moments(draws, layout, spec)
    n = printed.n[:, None]
    no_pairs = np.zeros((*mean.shape, 0))
    inputs = (mean[..., None], log_sd[..., None], no_pairs)
    new_mean, new_sd = draw_table(rng, *inputs, n)
    exact_mean, exact_sd = printed.mean[:, None], printed.sd[:, None]
    if "rounding_0" in parameters:
        error = ndtr(parameters["rounding_0"]) - 0.5
        exact_mean = exact_mean + (error[..., 0] * printed.mean_step)[..., None]
        exact_sd = exact_sd + (error[..., 1] * printed.sd_step)[..., None]
    empty = np.zeros((*n.shape[:-1], 0))
    density = table_logp(
        exact_mean,
        exact_sd,
        *inputs,
        no_pairs,
        n,
        log_constant(n - 1),
        empty,
        np.zeros(0, dtype=bool),
        empty,
        balanced=True,
    )
    scale, centre = layout.scale[printed.outcome], layout.centre[printed.outcome]
    labels = {
        "moment": ["mean", "sd"],
        "outcome_0": ("cell", [layout.outcomes[k] for k in printed.outcome]),
        "arm_0": ("cell", [layout.arms[g] for g in printed.arm]),
        "visit_0": ("cell", [layout.visits[t] for t in printed.visit]),
    }
    predicted = np.concatenate([new_mean, new_sd], axis=-1) * scale[:, None]
    predicted[..., 0] += centre
    seen = np.stack([printed.mean, printed.sd], axis=-1) * scale[:, None]
    seen[..., 0] += centre
    dims = ("chain", "draw", "cell", "moment")
    return (
        moments,
        xr.Dataset({"table_0": (dims, predicted)}, labels),
        xr.Dataset({"table_0": (dims[:3], density[..., 0])}),
        xr.Dataset({"table_0": (dims[2:], seen)}, labels),
    )
