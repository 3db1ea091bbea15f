"""Data and labels of the longitudinal models, of the graph and of the kernel alike."""

from __future__ import annotations

import numpy as np

from bayesasthma.likelihood.correlation import pairs
from bayesasthma.likelihood.tables import fisher_scale, log_constant
from bayesasthma.models.design import Design
from bayesasthma.models.mixture_data import mixture_data
from bayesasthma.models.moments import effect_prior, effect_priors
from bayesasthma.models.specification import TableSpec


def labels(design: Design) -> dict[str, list[str]]:
    """Labels of the parameters' dimensions."""
    return {
        "outcome": list(design.outcomes),
        "arm": list(design.arms),
        "treated": list(design.arms[1:]),
        "visit": list(design.visits),
        "follow_up": list(design.follow_up),
        "step": list(design.visits[1:]),
        "pair": [f"{design.visits[i]}, {design.visits[j]}" for i, j in pairs(len(design.visits))],
        "moment": ["mean", "sd"],
    }


def data(design: Design, spec: TableSpec) -> dict[str, np.ndarray]:
    """Everything that another study of the same shape, or other prior scales, would change.

    ``sampling.with_data(compiled, data(other, spec))`` refits without compiling, if the blocks of
    both designs have the same shape, the same published correlations and, where n differs between
    visits, the same n.

    Returns
    -------
    dict of ndarray
        By name: of each block ``printed_0`` and ``step_0`` (series, row, moment), and of balanced
        blocks ``n_0``, ``constant_0`` (series, row), ``fisher_scale_0`` and ``pinned_z_0`` (series,
        pair); ``n_arm`` (arm,); the location and scale of the priors of effects and correlations.
    """
    values = {"n_arm": np.asarray(design.n_arm, dtype=float)}
    if not spec.prior.flat:
        values |= _effect_data(design, spec)
    if len(design.visits) > 1:
        prior = spec.correlation
        if prior.structure == "fixed":
            values["rho"] = np.asarray(prior.rho)
        else:
            values["rho_location"] = np.asarray(prior.location)
            values["rho_scale"] = np.asarray(prior.scale)
    for index, table in enumerate(design.tables):
        values[f"printed_{index}"] = np.stack([table.mean, table.sd], axis=-1)
        values[f"step_{index}"] = np.stack([table.mean_step, table.sd_step], axis=-1)
        if table.balanced:
            values[f"n_{index}"] = np.asarray(table.n, dtype=float)
            values[f"constant_{index}"] = log_constant(table.n - 1)
            values[f"fisher_scale_{index}"] = fisher_scale(table.n - 1)
            values[f"pinned_z_{index}"] = table.pinned_z
    return values


def _effect_data(design: Design, spec: TableSpec) -> dict[str, np.ndarray]:
    treated, visits = len(design.arms) - 1, len(design.follow_up)
    if spec.prior.family == "mixture":
        values = mixture_data(effect_priors(design, spec), treated * visits)
        for name in ("location", "scale"):
            by_cell = np.broadcast_to(
                values[name][..., None, None], (*values[name].shape, treated, visits)
            )
            values[name] = by_cell.copy()
        return {f"effect_{name}": value for name, value in values.items()}
    location, scale = effect_prior(design, spec)
    size = (len(design.outcomes), treated, visits)
    return {
        "effect_location": np.broadcast_to(location[:, None, None], size).copy(),
        "effect_scale": np.broadcast_to(scale[:, None], size[:2]).copy(),
    }
