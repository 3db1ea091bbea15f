"""From a model's parameters to population means, SDs and correlations, and to the printed rows.

The same functions serve PyTensor graphs and NumPy draws: what is reported is what was fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import (
    Array,
    Lower,
    cholesky,
    cholesky_from_z,
    multiply_transpose,
    pairs,
    structured_z,
    unpack_lower,
    z_from_cholesky,
)
from bayesasthma.models.design import Design, TableBlock
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors.distributions import FALLBACK_TARGET_SD, EffectPrior


@dataclass(frozen=True)
class Moments:
    """Population moments, standardised: what every estimand is computed from.

    Attributes
    ----------
    mean, log_sd : array, shape (..., outcome, arm, visit)
    z : array, shape (..., outcome, pair)
        Partial correlations over visits on Fisher's z scale.
    """

    mean: Array
    log_sd: Array
    z: Array


def effect_priors(design: Design, spec: TableSpec) -> list[EffectPrior]:
    """Prior of each outcome's treatment effect (not benefit), in baseline SDs.

    A prior given outright for an outcome without a direction speaks of its effect; one that a rule
    derives from a target is centred at 0 there.
    """
    target = np.where(np.isfinite(design.target), design.target, FALLBACK_TARGET_SD)
    found = []
    for k, outcome in enumerate(design.outcomes):
        sign = float(design.direction[k])
        external = None
        if design.external is not None and np.isfinite(design.external[k, 0]):
            estimate, error = design.external[k]
            external = (float((sign or 1.0) * estimate), float(error))
        prior = spec.prior.effect(
            float(target[k]), outcome, unit=float(design.scale[k]), external=external
        )
        own = external is not None or any(item.of == outcome for item in spec.prior.effects)
        found.append(prior.times(sign or 1.0) if sign or own else _centred(prior))
    return found


def _centred(prior: EffectPrior) -> EffectPrior:
    """The prior with every component centred at 0: no direction of the effect is a benefit."""
    parts = [replace(part, location=0.0) for part in prior.components]
    return EffectPrior(tuple(parts))


def effect_prior(design: Design, spec: TableSpec) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale (outcome,) of normal priors of the treatment effects, in baseline SDs.

    Raises
    ------
    UsageError
        If the prior set is not one of normal distributions.
    """
    if spec.prior.family == "mixture":
        raise UsageError(
            f"the model {spec.model!r} takes normal prior sets and {spec.prior.name!r} is not one; "
            "use the model 'longitudinal' or 'independent'"
        )
    priors = effect_priors(design, spec)
    return (
        np.array([prior.location for prior in priors]),
        np.array([prior.scale for prior in priors]),
    )


def moments(
    parameters: dict[str, Array],
    design: Design,
    spec: TableSpec,
    xp: Any = np,
    n_arm: Array | None = None,
) -> Moments:
    """Means, SDs and correlations from the parameters of the model.

    Parameters
    ----------
    parameters : dict of array
        By name; posterior draws with any leading axes (NumPy) or the model's variables (PyTensor).
    design : Design
    spec : TableSpec
    xp : module
        ``numpy`` or ``pytensor.tensor``.
    n_arm : array, shape (arm,), optional
        Instead of the design's, so that a compiled model can be given others.

    Returns
    -------
    Moments
    """
    n_arm = design.n_arm if n_arm is None else n_arm
    path = parameters["baseline_level"][..., None]
    if len(design.visits) > 1:
        later = path + xp.cumsum(parameters["visit_step"], axis=-1)
        path = xp.concatenate([path, later], axis=-1)
    log_sd, z = spread_and_correlation(parameters, design, spec, xp)
    contrast = parameters["effect"]
    if constrained(design, spec):
        contrast = xp.concatenate([0.0 * contrast[..., :1], contrast], axis=-1)
    elif design.baseline is not None:
        imbalance = parameters["imbalance"]
        carried = carried_forward(imbalance, log_sd, z, design, xp, n_arm)
        contrast = xp.concatenate([imbalance[..., None], carried + contrast], axis=-1)
    # the path is of the mean over all patients, so that its prior speaks of no arm alone
    share = (n_arm / n_arm.sum())[1:, None]
    control = (path - (share * contrast).sum(axis=-2))[..., None, :]
    return Moments(xp.concatenate([control, control + contrast], axis=-2), log_sd, z)


def constrained(design: Design, spec: TableSpec) -> bool:
    """Whether the arms have one population mean at baseline, as randomisation gives them.

    By the specification, or where it leaves that to the study by its design (Liang and Zeger 2000,
    Sankhya B 62:134; Lu 2010, Biometrics 66:891).
    """
    if design.baseline is None:
        return False
    if spec.baseline is None:
        return design.randomised
    return spec.baseline == "common"


def spread_and_correlation(
    parameters: dict[str, Array], design: Design, spec: TableSpec, xp: Any = np
) -> tuple[Array, Array]:
    """Log SDs (..., outcome, arm, visit) and partial correlations (..., outcome, pair)."""
    log_sd = _log_sd(parameters, spec, len(design.arms), xp)
    return log_sd, _partial_correlations(parameters, design, spec, log_sd, xp)


def carried_forward(
    imbalance: Array,
    log_sd: Array,
    z: Array,
    design: Design,
    xp: Any = np,
    n_arm: Array | None = None,
) -> Array:
    """What the arms' difference at baseline leads to expect later (..., outcome, treated, visit).

    Patients who start higher stay higher, by the regression of each follow-up visit on baseline.
    ``imbalance`` has shape (..., outcome, treated).
    """
    n_arm = design.n_arm if n_arm is None else n_arm
    slope = _slope(log_sd, z, n_arm, len(design.visits), xp)
    return slope[..., None, :] * imbalance[..., None]


def _partial_correlations(
    parameters: dict[str, Array], design: Design, spec: TableSpec, log_sd: Array, xp: Any
) -> Array:
    like = log_sd[..., 0, 0][..., None]
    if len(design.visits) == 1:
        return like[..., :0]
    z = structured_z(spec.correlation, parameters, design.weeks, xp)
    # a fixed correlation has no draws of its own: give it the others' shape
    return z + 0.0 * like if spec.correlation.structure == "fixed" else z


def _slope(log_sd: Array, z: Array, n_arm: Array, visit_count: int, xp: Any) -> Array:
    """Regression of each follow-up visit on baseline, pooled within arms (..., visit)."""
    weight = ((n_arm - 1) / (n_arm - 1).sum())[:, None]
    base = log_sd[..., 0][..., None]
    covariance = (weight * xp.exp(base + log_sd[..., 1:])).sum(axis=-2)
    variance = (weight * xp.exp(2 * base)).sum(axis=-2)
    first = [k for k, (_, j) in enumerate(pairs(visit_count)) if j == 0]
    return xp.tanh(z[..., first]) * covariance / variance


def _log_sd(parameters: dict[str, Array], spec: TableSpec, arm_count: int, xp: Any) -> Array:
    """Log SDs (..., outcome, arm, visit)."""
    if spec.variance == "by_arm":
        return parameters["log_sd"]
    shared = parameters["log_sd" if spec.prior.flat else "log_sd_visit"][..., None, :]
    return xp.concatenate([shared] * arm_count, axis=-2)


def row_moments(
    table: TableBlock, moment: Moments, design: Design, xp: Any = np
) -> tuple[Array, Array, Array]:
    """Population mean, log SD and partial correlations (Fisher z) of the rows a block prints.

    Shapes (..., series, row), (..., series, row) and (..., series, pair): what
    :func:`bayesasthma.likelihood.tables.table_logp` and ``draw_table`` need.
    """
    mean = _by_series(moment.mean, len(design.arms), table, design, xp)
    log_sd = _by_series(moment.log_sd, len(design.arms), table, design, xp)
    z = _by_series(moment.z[..., None, :], 1, table, design, xp)
    if table.levels_only:
        return mean, log_sd, z
    visit_count = table.functional.shape[1]
    correlation = multiply_transpose(cholesky_from_z(unpack_lower(z, visit_count), xp))
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


def _by_series(quantity: Array, arms: int, table: TableBlock, design: Design, xp: Any) -> Array:
    """Of (..., outcome, arm or 1, entry) what belongs to each series (..., series, entry)."""
    count, every = len(design.outcomes), len(design.arms)
    whole = np.array_equal(table.outcome, np.repeat(np.arange(count), every)) and np.array_equal(
        table.arm, np.tile(np.arange(every), count)
    )
    if not whole:
        return quantity[..., table.outcome, table.arm if arms > 1 else 0, :]
    # a reshape compiles much faster than an advanced index and its gradient
    if arms < every:
        quantity = xp.concatenate([quantity] * every, axis=-2)
    return quantity.reshape((*quantity.shape[:-3], count * every, quantity.shape[-1]))


def flatten(z: Lower, like: Array, xp: Any) -> Array:
    """A strict lower triangle as ``[..., pair]``; ``like`` gives the batch if there is none."""
    entries = [entry for row in z for entry in row]
    return xp.stack(entries, axis=-1) if entries else like[..., :0]
