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
from bayesasthma.models.longitudinal_data import data, labels
from bayesasthma.models.mixtures import pooled_mixture
from bayesasthma.models.moments import (
    Moments,
    moments,
    row_moments,
)
from bayesasthma.models.patients import observe_patients
from bayesasthma.models.prior_scales import SHARE
from bayesasthma.models.specification import TableSpec

__all__ = ["balanced_logp", "build", "data", "labels", "table_inputs"]


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


def _effects(design: Design, offset: Any) -> Any:
    """The treatment effects; the hyperparameters of their prior are data, to be swapped at will."""
    model = pm.modelcontext(None)
    centre, spread = model["effect_location"], model["effect_scale"]
    dims = ("outcome", "treated", "follow_up")
    coordinates, share = Coordinates(), pt.zeros(len(design.outcomes))
    if len(design.follow_up) > 1:
        share = pm.Beta("pooling", SHARE, SHARE, dims="outcome")
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
