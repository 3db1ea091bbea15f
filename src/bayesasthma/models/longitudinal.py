"""The default model: each outcome's trajectory, treatment effects, SDs and correlations.

``docs/models.md`` writes out the mathematics. Outcomes share no parameter: a fit of ten outcomes is
ten analyses sampled in one compiled batch.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.likelihood.correlation import pairs
from bayesasthma.likelihood.tables import (
    LOG_2PI,
    draw_table,
    fisher_scale,
    log_constant,
    table_logp,
)
from bayesasthma.models.coordinates import Coordinates
from bayesasthma.models.design import Design, TableBlock
from bayesasthma.models.distributions import pooled_normal
from bayesasthma.models.free_parameters import free_parameters, rounding_errors
from bayesasthma.models.graph_ops.tables import fast_table_logp
from bayesasthma.models.mixture_data import mixture_data
from bayesasthma.models.mixtures import pooled_mixture
from bayesasthma.models.moments import (
    Moments,
    effect_prior,
    effect_priors,
    moments,
    row_moments,
)
from bayesasthma.models.patients import observe_patients
from bayesasthma.models.specification import TableSpec


def build(design: Design, spec: TableSpec) -> pm.Model:
    """The PyMC model of a design.

    Raises
    ------
    UsageError
        If a flat prior meets a visit that is not printed: its mean would not be identified.
    """
    with pm.Model(coords=labels(design), check_bounds=False) as model:
        for name, value in data(design, spec).items():
            pm.Data(name, value, shape=value.shape)
        errors = rounding_errors(design, spec)
        parameters = free_parameters(design, spec, _effects, errors)
        moment = moments(parameters, design, spec, pt, n_arm=model["n_arm"])
        for index, table in enumerate(design.tables):
            _observe_table(index, table, moment, errors[index], design)
        if design.patients:
            observe_patients(design, moment, spec)
    return model


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


def _effects(design: Design, offset: Any) -> Any:
    """The treatment effects; the hyperparameters of their prior are data, to be swapped at will."""
    model = pm.modelcontext(None)
    centre, spread = model["effect_location"], model["effect_scale"]
    dims = ("outcome", "treated", "follow_up")
    coordinates, share = Coordinates(), pt.zeros(len(design.outcomes))
    if len(design.follow_up) > 1:
        share = pm.Beta("pooling", 2, 2, dims="outcome")
    if "effect_tail" in model:
        tail, weight, constant = (model[f"effect_{n}"] for n in ("tail", "weight", "constant"))
        return pooled_mixture(
            "effect", centre, spread, tail, weight, constant, share, dims, offset, coordinates
        )
    return pooled_normal("effect", centre, spread, share, offset, dims, coordinates)


def _observe_table(
    index: int, table: TableBlock, moment: Moments, error: Any, design: Design
) -> None:
    """Observe one block of printed means and SDs."""
    inputs = table_inputs(index, table, moment, error, design)

    def random(
        mean: Any, log_sd: Any, z: Any, _epsilon: Any, _error: Any, n: Any, *rest: Any, **_size: Any
    ) -> np.ndarray:
        return np.stack(draw_table(rest[-1], mean, log_sd, z, n), axis=-1)

    pm.CustomDist(
        f"table_{index}",
        *inputs,
        logp=partial(balanced_logp if table.balanced else _nested_logp, table.pinned),
        random=random,
        signature="(r),(r),(p),(f),(r,m),(r),(r),(p),(p)->(r,m)",
        observed=pm.modelcontext(None)[f"printed_{index}"],
        dims=(f"series_{index}", f"row_{index}", "moment"),
    )


def table_inputs(
    index: int, table: TableBlock, moment: Moments, error: Any, design: Design
) -> list[Any]:
    """What the density of a block depends on, in the order of `balanced_logp`.

    Declares the latent sample correlations.
    """
    mean, log_sd, z = row_moments(table, moment, design, pt)
    model = pm.modelcontext(None)
    model.add_coords({f"free_pair_{index}": range(int((~table.pinned).sum()))})
    dims = (f"series_{index}", f"free_pair_{index}")
    epsilon = pm.Normal(f"epsilon_{index}", 0, 1, dims=dims)
    if table.balanced:
        # handed over as arguments, for the graph is cloned and must carry its own data
        constants = [
            model[f"{name}_{index}"] for name in ("n", "constant", "fisher_scale", "pinned_z")
        ]
    else:
        df = table.n - 1
        constants = [table.n, log_constant(df), fisher_scale(df), table.pinned_z]
    return [mean, log_sd, z, epsilon, error, *constants]


def balanced_logp(
    pinned: np.ndarray,
    value: Any,
    mean: Any,
    log_sd: Any,
    z: Any,
    epsilon: Any,
    error: Any,
    n: Any,
    constant: Any,
    scale: Any,
    pinned_z: Any,
) -> Any:
    """The same density as ``table_logp`` of a balanced block, summed over rows, compiled fast."""
    exact = value + error
    if pinned.any():
        free = np.flatnonzero(~pinned)
        scale = scale[:, free]
        z_sample = pinned_z[:, free].set(z[:, free] + epsilon * scale)
    else:
        z_sample = z + epsilon * scale
    density = fast_table_logp(
        exact[..., 0], exact[..., 1], mean, log_sd, z, z_sample, n, constant, pinned
    )
    return density + (pt.log(scale) + 0.5 * (epsilon**2 + LOG_2PI)).sum(axis=-1)


def _nested_logp(
    pinned: np.ndarray,
    value: Any,
    mean: Any,
    log_sd: Any,
    z: Any,
    epsilon: Any,
    error: Any,
    n: Any,
    constant: Any,
    scale: Any,
    pinned_z: Any,
) -> Any:
    """``table_logp`` of a block whose rows differ in their number of patients."""
    exact = value + error
    rows = table_logp(
        exact[..., 0],
        exact[..., 1],
        mean,
        log_sd,
        z,
        epsilon,
        n,
        constant,
        scale,
        pinned,
        pinned_z,
        balanced=False,
        xp=pt,
    )
    return rows.sum(axis=-1)
