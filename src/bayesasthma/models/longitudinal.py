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

from bayesasthma.correlation import (
    cholesky,
    cholesky_from_z,
    multiply_transpose,
    pairs,
    unpack_lower,
    z_from_cholesky,
)
from bayesasthma.errors import UsageError
from bayesasthma.likelihood import (
    LOG_2PI,
    draw_table,
    fisher_scale,
    log_constant,
    patient_logp,
    table_logp,
)
from bayesasthma.models.distributions import pooled_normal
from bayesasthma.models.moments import Moments, effect_prior, flatten, moments, row_moments
from bayesasthma.models.specification import TableSpec
from bayesasthma.models.table_op import fast_table_logp
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
    with pm.Model(coords=coords, check_bounds=False) as model:
        for name, value in data(design, spec).items():
            pm.Data(name, value, shape=value.shape)
        parameters = _parameters(design, spec)
        moment = moments(parameters, design, spec, pt, n_arm=model["n_arm"])
        for index, table in enumerate(design.tables):
            _observe_table(index, table, moment, design, spec)
        for index, patients in enumerate(design.patients):
            _observe_patients(index, patients, moment, len(design.visits))
    return model


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


def _parameters(design: Design, spec: TableSpec) -> dict[str, Any]:
    """Declare the free parameters with their priors."""
    if spec.prior.flat:
        _require_complete(design)
        parameters = _flat_parameters(design, spec)
    else:
        parameters = _hierarchical_means(design) | _hierarchical_sds(spec)
        parameters["effect"] = _effects(design)
    if len(design.visits) > 1:
        parameters |= _correlation_parameters(spec)
    return parameters


def _flat_parameters(design: Design, spec: TableSpec) -> dict[str, Any]:
    by_arm = ("outcome", "arm", "visit")
    parameters = {
        "baseline_level": pm.Flat("baseline_level", dims="outcome"),
        "visit_step": pm.Flat("visit_step", dims=("outcome", "step")),
        "effect": pm.Flat("effect", dims=("outcome", "treated", "follow_up")),
        "log_sd": pm.Flat(
            "log_sd", dims=by_arm if spec.variance == "by_arm" else ("outcome", "visit")
        ),
    }
    if design.baseline is not None:
        parameters["imbalance"] = pm.Flat("imbalance", dims=("outcome", "treated"))
    return parameters


def _hierarchical_means(design: Design) -> dict[str, Any]:
    parameters = {"baseline_level": pm.Normal("baseline_level", 0, LEVEL_SCALE, dims="outcome")}
    if len(design.visits) > 1:
        walk = np.sqrt(np.diff(design.weeks) / STEP_WEEKS)
        spread = _learned_scale("step_scale", STEP_SCALE)[:, None] * walk
        parameters["visit_step"] = pm.Normal("visit_step", 0, spread, dims=("outcome", "step"))
    if design.baseline is not None:
        parameters["imbalance"] = pm.Normal(
            "imbalance", 0, IMBALANCE_SCALE, dims=("outcome", "treated")
        )
    return parameters


def _effect_data(design: Design, spec: TableSpec) -> dict[str, np.ndarray]:
    location, scale = effect_prior(design, spec)
    shape = (len(design.outcomes), len(design.arms) - 1, len(design.follow_up))
    return {
        "effect_location": np.broadcast_to(location[:, None, None], shape).copy(),
        "effect_scale": np.broadcast_to(scale[:, None], shape[:-1]).copy(),
    }


def _effects(design: Design) -> Any:
    """The treatment effects; their prior's location and scale are data, to be swapped at will."""
    model = pm.modelcontext(None)
    centre, spread = model["effect_location"], model["effect_scale"]
    shape = (len(design.outcomes), len(design.arms) - 1, len(design.follow_up))
    dims = ("outcome", "treated", "follow_up")
    if shape[-1] < 2:
        return pm.Normal("effect", centre, spread[..., None], dims=dims)
    share = pm.Beta("pooling", 2, 2, dims=("outcome", "treated"))
    return pooled_normal("effect", centre, spread, share, dims)


def _hierarchical_sds(spec: TableSpec) -> dict[str, Any]:
    level = pm.Normal("log_sd_level", 0, LOG_SD_SCALE, dims="outcome")
    parameters = {
        "log_sd_visit": pm.Normal(
            "log_sd_visit",
            level[:, None],
            _learned_scale("log_sd_visit_scale", LOG_SD_VISIT_SCALE)[:, None],
            dims=("outcome", "visit"),
        )
    }
    if spec.variance == "by_arm":
        parameters["log_sd_cell_scale"] = _learned_scale("log_sd_cell_scale", LOG_SD_CELL_SCALE)
        parameters["log_sd_cell"] = pm.Normal("log_sd_cell", 0, 1, dims=("outcome", "arm", "visit"))
    return parameters


def _learned_scale(name: str, median: float) -> Any:
    """A scale of each outcome's own: log-normal, so that neither zero nor infinity attracts it."""
    return pm.LogNormal(name, np.log(median), LOG_SCALE_SD, dims="outcome")


def _correlation_parameters(spec: TableSpec) -> dict[str, Any]:
    prior, model = spec.correlation, pm.modelcontext(None)
    if prior.structure == "fixed":
        return {"rho": model["rho"]}
    parameters = {
        "logit_rho": pm.Normal(
            "logit_rho", model["rho_location"], model["rho_scale"], dims="outcome"
        )
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


def _observe_table(
    index: int, table: TableBlock, moment: Moments, design: Design, spec: TableSpec
) -> None:
    """Observe one block of printed means and SDs."""
    mean, log_sd, z = row_moments(table, moment, design, pt)
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
    step = model[f"step_{index}"]
    error: Any = np.zeros((count, table.rows, 2))
    if spec.rounding and (np.any(table.mean_step > 0) or np.any(table.sd_step > 0)):
        # a normal score keeps the geometry Gaussian: Phi(score) - 1/2 is uniform on (-1/2, 1/2)
        score = pm.Normal(f"rounding_{index}", 0, 1, dims=(names["series"], names["row"], "moment"))
        error = 0.5 * pt.erf(score / np.sqrt(2)) * step
    df = table.n - 1

    if table.balanced:
        # handed over as arguments, for the graph is cloned and must carry its own data
        constants = [
            model[f"{name}_{index}"] for name in ("n", "constant", "fisher_scale", "pinned_z")
        ]
    else:
        df = table.n - 1
        constants = [table.n, log_constant(df), fisher_scale(df), table.pinned_z]

    def random(
        mean: Any, log_sd: Any, z: Any, _epsilon: Any, _error: Any, n: Any, *rest: Any, **_size: Any
    ) -> np.ndarray:
        return np.stack(draw_table(rest[-1], mean, log_sd, z, n), axis=-1)

    pm.CustomDist(
        f"table_{index}",
        mean,
        log_sd,
        z,
        epsilon,
        error,
        *constants,
        logp=partial(_balanced_logp if table.balanced else _nested_logp, table.pinned),
        random=random,
        signature="(r),(r),(p),(f),(r,m),(r),(r),(p),(p)->(r,m)",
        observed=model[f"printed_{index}"],
        dims=(names["series"], names["row"], "moment"),
    )


def _balanced_logp(
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


def _observe_patients(
    index: int, patients: PatientBlock, moment: Moments, visit_count: int
) -> None:
    """Observe the sufficient statistics of one block of patients."""
    visits = list(patients.visits)
    mean = moment.mean[patients.outcome, patients.arm][:, visits]
    log_sd = moment.log_sd[patients.outcome, patients.arm][:, visits]
    z = unpack_lower(moment.z[patients.outcome], visit_count)
    matrix = multiply_transpose(cholesky_from_z(z, pt))
    chosen = [[matrix[s][t] for t in visits[: i + 1]] for i, s in enumerate(visits)]
    row_z = z_from_cholesky(cholesky(chosen, pt), pt)
    flat = flatten(row_z, mean, pt)
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
