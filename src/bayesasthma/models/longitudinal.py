"""The default model: each outcome's trajectory, treatment effects, SDs and correlations over visits.

``docs/models.md`` writes out the mathematics. Outcomes share no parameter: a fit of ten outcomes is
ten analyses sampled in one compiled batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.correlation import (
    Array,
    Lower,
    cholesky,
    cholesky_from_z,
    multiply_transpose,
    pairs,
    structured_z,
    z_from_cholesky,
)
from bayesasthma.errors import UsageError
from bayesasthma.likelihood import fisher_scale, log_constant, patient_logp, table_logp
from bayesasthma.models.distributions import pooled_normal
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors import FALLBACK_TARGET_SD
from bayesasthma.series import Design, PatientBlock, TableBlock

# Prior scales in baseline SDs, or on the log scale for SDs; docs/models.md gives the reasons.
LEVEL_SCALE = 2.0
STEP_SCALE = 0.5  # of the step between visits 24 weeks apart
IMBALANCE_SCALE = 1.0
LOG_SD_SCALE = 0.5
LOG_SD_VISIT_SCALE = 0.25
LOG_SD_CELL_SCALE = 0.15
# The three scales above are medians; each outcome learns its own, log-normal about them.
LOG_SCALE_SD = 0.4
STEP_WEEKS = 24.0


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
                * sum(
                    weight[g] * xp.exp(log_sd[g][0] + log_sd[g][t]) for g in range(arm_count)
                )
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


def build(design: Design, spec: TableSpec) -> pm.Model:
    """The PyMC model of a design.

    Raises
    ------
    UsageError
        If a flat prior meets a visit that is not printed: its mean would not be identified.
    """
    coords = {
        "outcome": list(design.outcomes),
        "arm": list(design.arms),
        "treated": list(design.arms[1:]),
        "visit": list(design.visits),
        "follow_up": list(design.follow_up),
        "step": list(design.visits[1:]),
        "pair": [f"{design.visits[i]}, {design.visits[j]}" for i, j in pairs(len(design.visits))],
        "moment": ["mean", "sd"],
    }
    with pm.Model(coords=coords) as model:
        parameters = _parameters(design, spec)
        moment = moments(parameters, design, spec, pt)
        for index, table in enumerate(design.tables):
            _observe_table(index, table, moment, spec)
        for index, patients in enumerate(design.patients):
            _observe_patients(index, patients, moment)
    return model


def _parameters(design: Design, spec: TableSpec) -> dict[str, Any]:
    """Declare the free parameters with their priors."""
    size = len(design.outcomes)
    visit_count, arm_count = len(design.visits), len(design.arms)
    parameters: dict[str, Any] = {}
    location, scale = effect_prior(design, spec)
    effects = (size, arm_count - 1, len(design.follow_up))
    if spec.prior.flat:
        _require_complete(design)
        parameters["baseline_level"] = pm.Flat("baseline_level", dims="outcome")
        if visit_count > 1:
            parameters["visit_step"] = pm.Flat("visit_step", dims=("outcome", "step"))
        if design.baseline is not None:
            parameters["imbalance"] = pm.Flat("imbalance", dims=("outcome", "treated"))
        if effects[-1]:
            parameters["effect"] = pm.Flat("effect", dims=("outcome", "treated", "follow_up"))
        by_arm = ("outcome", "arm", "visit")
        dims = by_arm if spec.variance == "by_arm" else ("outcome", "visit")
        parameters["log_sd"] = pm.Flat("log_sd", dims=dims)
    else:
        parameters["baseline_level"] = pm.Normal("baseline_level", 0, LEVEL_SCALE, dims="outcome")
        if visit_count > 1:
            walk = np.sqrt(np.diff(design.weeks) / STEP_WEEKS)
            spread = _learned_scale("step_scale", STEP_SCALE)[:, None] * walk
            parameters["visit_step"] = pm.Normal(
                "visit_step", 0, spread, dims=("outcome", "step")
            )
        if design.baseline is not None:
            parameters["imbalance"] = pm.Normal(
                "imbalance", 0, IMBALANCE_SCALE, dims=("outcome", "treated")
            )
        dims = ("outcome", "treated", "follow_up")
        centre = pm.Data("effect_location", np.broadcast_to(location[:, None, None], effects))
        spread = pm.Data("effect_scale", np.broadcast_to(scale[:, None], effects[:-1]))
        centre, spread = pt.specify_shape(centre, effects), pt.specify_shape(spread, effects[:-1])
        if effects[-1] > 1:
            share = pm.Beta("pooling", 2, 2, dims=("outcome", "treated"))
            parameters["effect"] = pooled_normal("effect", centre, spread, share, dims)
        elif effects[-1] == 1:
            parameters["effect"] = pm.Normal("effect", centre, spread[..., None], dims=dims)
        parameters["log_sd_level"] = pm.Normal("log_sd_level", 0, LOG_SD_SCALE, dims="outcome")
        parameters["log_sd_visit"] = pm.Normal(
            "log_sd_visit",
            parameters["log_sd_level"][:, None],
            _learned_scale("log_sd_visit_scale", LOG_SD_VISIT_SCALE)[:, None],
            dims=("outcome", "visit"),
        )
        if spec.variance == "by_arm":
            parameters["log_sd_cell_scale"] = _learned_scale("log_sd_cell_scale", LOG_SD_CELL_SCALE)
            parameters["log_sd_cell"] = pm.Normal(
                "log_sd_cell", 0, 1, dims=("outcome", "arm", "visit")
            )
    if visit_count > 1:
        parameters |= _correlation_parameters(spec)
    return parameters


def _learned_scale(name: str, median: float) -> Any:
    """A scale of each outcome's own: log-normal, so that neither zero nor infinity attracts it."""
    return pm.LogNormal(name, np.log(median), LOG_SCALE_SD, dims="outcome")


def _correlation_parameters(spec: TableSpec) -> dict[str, Any]:
    prior = spec.correlation
    if prior.structure == "fixed":
        return {"rho": pm.Data("rho", np.asarray(prior.rho))}
    parameters = {
        "logit_rho": pm.Normal("logit_rho", prior.location, prior.scale, dims="outcome")
    }
    if prior.structure == "unstructured":
        parameters["z_deviation"] = pm.Normal("z_deviation", 0, 1, dims=("outcome", "pair"))
    if prior.structure == "exchangeable_ar1":
        parameters["constant_share"] = pm.Beta("constant_share", 2, 2, dims="outcome")
    return parameters


def _require_complete(design: Design) -> None:
    printed = np.zeros((len(design.outcomes), len(design.arms), len(design.visits)), dtype=bool)
    for table in design.tables:
        seen = (table.functional == 1).any(axis=0)
        if np.linalg.matrix_rank(table.functional) == seen.sum() and table.functional.min() >= 0:
            printed[table.outcome[:, None], table.arm[:, None], np.flatnonzero(seen)] = True
    for patients in design.patients:
        printed[patients.outcome[:, None], patients.arm[:, None], list(patients.visits)] = True
    if not printed.all():
        k, g, t = np.argwhere(~printed)[0]
        raise UsageError(
            f"the prior set 'reference' is flat and {design.outcomes[k]}, {design.arms[g]}, "
            f"{design.visits[t]} is not printed as a level: use a proper prior set such as 'weak'"
        )


def _row_moments(
    table: TableBlock, moment: Moments, xp: Any = np
) -> tuple[Array, Array, Array]:
    """Mean, log SD and partial correlations of the rows a block prints, one entry per series."""
    mean = moment.mean[..., table.outcome, table.arm, :]
    log_sd = moment.log_sd[..., table.outcome, table.arm, :]
    visit_count = len(moment.z)
    z = [[entry[..., table.outcome] for entry in row] for row in moment.z]
    if table.levels_only:
        return mean, log_sd, _flatten(z, mean, xp)
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
    return row_mean, xp.log(xp.stack(row_sd, axis=-1)), _flatten(row_z, row_mean, xp)


def _flatten(z: Lower, like: Array, xp: Any) -> Array:
    entries = [entry for row in z for entry in row]
    return xp.stack(entries, axis=-1) if entries else like[..., :0]


def table_inputs(
    table: TableBlock, moment: Moments, xp: Any = np
) -> tuple[Array, Array, Array]:
    """What :func:`bayesasthma.likelihood.table_logp` and ``draw_table`` need of the population."""
    return _row_moments(table, moment, xp)


def _observe_table(index: int, table: TableBlock, moment: Moments, spec: TableSpec) -> None:
    """Observe one block of printed means and SDs."""
    mean, log_sd, z = _row_moments(table, moment, pt)
    count = len(table.outcome)
    names = {name: f"{name}_{index}" for name in ("series", "row", "free_pair")}
    model = pm.modelcontext(None)
    model.add_coords(
        {
            names["series"]: range(count),
            names["row"]: range(table.rows),
            names["free_pair"]: range(int((~table.pinned).sum())),
        }
    )
    epsilon = pm.Normal(f"epsilon_{index}", 0, 1, dims=(names["series"], names["free_pair"]))
    shape = (count, table.rows, 2)
    step = np.stack([table.mean_step, table.sd_step], axis=-1)
    printed = np.stack([table.mean, table.sd], axis=-1)
    error: Any = np.zeros(shape)
    if spec.rounding and np.any(step > 0):
        # a normal score keeps the geometry Gaussian: Phi(score) - 1/2 is uniform on (-1/2, 1/2)
        score = pm.Normal(f"rounding_{index}", 0, 1, dims=(names["series"], names["row"], "moment"))
        error = 0.5 * pt.erf(score / np.sqrt(2)) * step
    df = table.n - 1

    def logp(value: Any, mean: Any, log_sd: Any, z: Any, epsilon: Any, error: Any) -> Any:
        exact = value + error
        return table_logp(
            exact[..., 0],
            exact[..., 1],
            mean,
            log_sd,
            z,
            epsilon,
            table.n,
            log_constant(df),
            fisher_scale(df),
            table.pinned,
            table.pinned_z,
            balanced=table.balanced,
            xp=pt,
        )

    def random(
        mean: Any, log_sd: Any, z: Any, epsilon: Any, error: Any, rng: Any, size: Any
    ) -> np.ndarray:
        from bayesasthma.likelihood import draw_table

        return np.stack(draw_table(rng, mean, log_sd, z, table.n), axis=-1)

    pm.CustomDist(
        f"table_{index}",
        mean,
        log_sd,
        z,
        epsilon,
        error,
        logp=logp,
        random=random,
        signature="(r),(r),(p),(f),(r,m)->(r,m)",
        observed=printed,
        dims=(names["series"], names["row"], "moment"),
    )


def _observe_patients(index: int, patients: PatientBlock, moment: Moments) -> None:
    """Observe the sufficient statistics of one block of patients."""
    visits = list(patients.visits)
    mean = moment.mean[patients.outcome, patients.arm][:, visits]
    log_sd = moment.log_sd[patients.outcome, patients.arm][:, visits]
    z = [[entry[patients.outcome] for entry in row] for row in moment.z]
    matrix = multiply_transpose(cholesky_from_z(z, pt))
    chosen = [[matrix[s][t] for t in visits[: i + 1]] for i, s in enumerate(visits)]
    row_z = z_from_cholesky(cholesky(chosen, pt), pt)
    flat = _flatten(row_z, mean, pt)
    observed = np.concatenate([patients.mean[..., None], patients.root], axis=-1)

    def logp(value: Any, mean: Any, log_sd: Any, z: Any) -> Any:
        return patient_logp(value[..., 0], value[..., 1:], mean, log_sd, z, patients.n, xp=pt)

    model = pm.modelcontext(None)
    names = {name: f"{name}_{index}" for name in ("group", "seen", "statistic")}
    model.add_coords(
        {
            names["group"]: range(len(patients.outcome)),
            names["seen"]: range(len(visits)),
            names["statistic"]: range(len(visits) + 1),
        }
    )
    pm.CustomDist(
        f"patients_{index}",
        mean,
        log_sd,
        flat,
        np.zeros((len(patients.outcome), len(visits), len(visits) + 1)),
        logp=lambda value, mean, log_sd, z, _zeros: logp(value, mean, log_sd, z),
        signature="(v),(v),(p),(v,w)->(v,w)",
        observed=observed,
        dims=(names["group"], names["seen"], names["statistic"]),
    )
