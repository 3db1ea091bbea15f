"""From a model's parameters to population means, SDs and correlations, and to the printed rows.

The same functions serve PyTensor graphs and NumPy draws: what is reported is what was fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesasthma.correlation import (
    Array,
    Lower,
    cholesky,
    cholesky_from_z,
    multiply_transpose,
    structured_z,
    z_from_cholesky,
)
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors import FALLBACK_TARGET_SD
from bayesasthma.series import Design, TableBlock


@dataclass(frozen=True)
class Moments:
    """Population moments, standardised: what every estimand is computed from.

    Attributes
    ----------
    mean, log_sd : array, shape (..., outcome, arm, visit)
    z : list of list of array, shape (..., outcome)
        Partial correlations over visits on Fisher's z scale.
    """

    mean: Array
    log_sd: Array
    z: Lower


def effect_prior(design: Design, spec: TableSpec) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale of each outcome's treatment effect (not benefit), in baseline SDs."""
    target = np.where(np.isfinite(design.target), design.target, FALLBACK_TARGET_SD)
    priors = [spec.prior.effect(float(value)) for value in target]
    location = np.array([prior.location for prior in priors]) * design.direction
    return location, np.array([prior.scale for prior in priors])


def moments(parameters: dict[str, Array], design: Design, spec: TableSpec, xp: Any = np) -> Moments:
    """Means, SDs and correlations from the parameters of the model.

    Parameters
    ----------
    parameters : dict of array
        By name; posterior draws with any leading axes (NumPy) or the model's variables (PyTensor).
    design : Design
    spec : TableSpec
    xp : module
        ``numpy`` or ``pytensor.tensor``.

    Returns
    -------
    Moments
    """
    visit_count, arm_count = len(design.visits), len(design.arms)
    level = parameters["baseline_level"]
    control = [level]
    for t in range(visit_count - 1):
        control.append(control[-1] + parameters["visit_step"][..., t])

    log_sd = _log_sd(parameters, spec, arm_count, visit_count)
    z: Lower = [[]]
    if visit_count > 1:
        z = structured_z(spec.correlation, parameters, design.weeks, xp)
    if spec.correlation.structure == "fixed":
        z = [[entry + 0.0 * level for entry in row] for row in z]
    factor = cholesky_from_z(z, xp)

    weight = (design.n_arm - 1) / np.sum(design.n_arm - 1)
    base_variance = sum(weight[g] * xp.exp(2 * log_sd[g][0]) for g in range(arm_count))
    arms = [control]
    for c in range(arm_count - 1):
        effect = parameters["effect"][..., c, :]
        if design.baseline is None:
            arms.append([control[t] + effect[..., t] for t in range(visit_count)])
            continue
        imbalance = parameters["imbalance"][..., c]
        means = [control[0] + imbalance]
        for t in range(1, visit_count):
            slope = (
                factor[t][0]
                * sum(weight[g] * xp.exp(log_sd[g][0] + log_sd[g][t]) for g in range(arm_count))
                / base_variance
            )
            means.append(control[t] + slope * imbalance + effect[..., t - 1])
        arms.append(means)
    return Moments(
        mean=xp.stack([xp.stack(row, axis=-1) for row in arms], axis=-2),
        log_sd=xp.stack([xp.stack(row, axis=-1) for row in log_sd], axis=-2),
        z=z,
    )


def _log_sd(
    parameters: dict[str, Array], spec: TableSpec, arm_count: int, visit_count: int
) -> list[list[Array]]:
    """Log SDs by arm and visit, each an array over the batch and outcomes."""
    arms, visits = range(arm_count), range(visit_count)
    if spec.prior.flat and spec.variance == "by_arm":
        return [[parameters["log_sd"][..., g, t] for t in visits] for g in arms]
    shared = parameters["log_sd"] if spec.prior.flat else parameters["log_sd_visit"]
    if spec.variance == "common":
        return [[shared[..., t] for t in visits]] * arm_count
    scale, cell = parameters["log_sd_cell_scale"], parameters["log_sd_cell"]
    return [[shared[..., t] + scale * cell[..., g, t] for t in visits] for g in arms]


def row_moments(table: TableBlock, moment: Moments, xp: Any = np) -> tuple[Array, Array, Array]:
    """Population mean, log SD and partial correlations (Fisher z) of the rows a block prints.

    Shapes (..., series, row), (..., series, row) and (..., series, pair): what
    :func:`bayesasthma.likelihood.table_logp` and ``draw_table`` need.
    """
    mean = moment.mean[..., table.outcome, table.arm, :]
    log_sd = moment.log_sd[..., table.outcome, table.arm, :]
    visit_count = len(moment.z)
    z = [[entry[..., table.outcome] for entry in row] for row in moment.z]
    if table.levels_only:
        return mean, log_sd, flatten(z, mean, xp)
    correlation = multiply_transpose(cholesky_from_z(z, xp))
    sd = xp.exp(log_sd)
    used = [np.flatnonzero(row) for row in table.functional]

    def covariance(a: int, b: int) -> Array:
        return sum(
            table.functional[a, s]
            * table.functional[b, t]
            * sd[..., s]
            * sd[..., t]
            * correlation[max(s, t)][min(s, t)]
            for s in used[a]
            for t in used[b]
        )

    assert visit_count == table.functional.shape[1]
    row_sd = [xp.sqrt(covariance(a, a)) for a in range(table.rows)]
    row_mean = [
        sum(table.functional[a, t] * mean[..., t] for t in used[a]) for a in range(table.rows)
    ]
    matrix = [
        [covariance(a, b) / (row_sd[a] * row_sd[b]) for b in range(a)] + [row_sd[a] * 0 + 1.0]
        for a in range(table.rows)
    ]
    row_mean = xp.stack(row_mean, axis=-1)
    row_z = z_from_cholesky(cholesky(matrix, xp), xp)
    return row_mean, xp.log(xp.stack(row_sd, axis=-1)), flatten(row_z, row_mean, xp)


def flatten(z: Lower, like: Array, xp: Any) -> Array:
    """A strict lower triangle as ``[..., pair]``; ``like`` gives the batch if there is none."""
    entries = [entry for row in z for entry in row]
    return xp.stack(entries, axis=-1) if entries else like[..., :0]
