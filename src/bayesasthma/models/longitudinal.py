"""The default model: each outcome's trajectory, treatment effects, SDs and correlations.

``docs/models.md`` writes out the mathematics. Outcomes share no parameter: a fit of ten outcomes is
ten analyses sampled in one compiled batch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform

from bayesasthma.correlation import pairs
from bayesasthma.errors import UsageError
from bayesasthma.likelihood import (
    LOG_2PI,
    draw_table,
    fisher_scale,
    log_constant,
    table_logp,
)
from bayesasthma.models.distributions import pooled_normal
from bayesasthma.models.mixtures import mixture_data, pooled_mixture
from bayesasthma.models.moments import (
    Moments,
    effect_prior,
    effect_priors,
    moments,
    row_moments,
)
from bayesasthma.models.patients import observe_patients
from bayesasthma.models.specification import TableSpec
from bayesasthma.models.table_op import fast_table_logp
from bayesasthma.series import Design, TableBlock

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
    with pm.Model(coords=coordinates(design), check_bounds=False) as model:
        for name, value in data(design, spec).items():
            pm.Data(name, value, shape=value.shape)
        parameters = free_parameters(design, spec, _effects)
        moment = moments(parameters, design, spec, pt, n_arm=model["n_arm"])
        for index, table in enumerate(design.tables):
            _observe_table(index, table, moment, design, spec)
        if design.patients:
            observe_patients(design, moment, spec)
    return model


def coordinates(design: Design) -> dict[str, list[str]]:
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


def free_parameters(
    design: Design,
    spec: TableSpec,
    effects: Callable[[Design], Any],
    transform: Transform | None = None,
) -> dict[str, Any]:
    """Declare the free parameters with their priors; ``effects`` those of the treatment effects.

    ``transform`` changes the coordinates in which the means are sampled, not their prior.
    """
    if spec.prior.flat:
        _require_complete(design)
        parameters = _flat_parameters(design, spec, transform)
    else:
        parameters = _hierarchical_means(design, transform) | _hierarchical_sds(spec)
        parameters["effect"] = effects(design)
    if len(design.visits) > 1:
        parameters |= _correlation_parameters(spec)
    return parameters


def _flat_parameters(
    design: Design, spec: TableSpec, transform: Transform | None
) -> dict[str, Any]:
    by_arm = ("outcome", "arm", "visit")
    dims = {
        "baseline_level": ("outcome",),
        "visit_step": ("outcome", "step"),
        "effect": ("outcome", "treated", "follow_up"),
    }
    if design.baseline is not None:
        dims["imbalance"] = ("outcome", "treated")
    parameters = {
        name: pm.Flat(name, dims=of, default_transform=transform) for name, of in dims.items()
    }
    parameters["log_sd"] = pm.Flat(
        "log_sd", dims=by_arm if spec.variance == "by_arm" else ("outcome", "visit")
    )
    return parameters


def _hierarchical_means(design: Design, transform: Transform | None) -> dict[str, Any]:
    parameters = {
        "baseline_level": pm.Normal(
            "baseline_level", 0, LEVEL_SCALE, dims="outcome", default_transform=transform
        )
    }
    if len(design.visits) > 1:
        walk = np.sqrt(np.diff(design.weeks) / STEP_WEEKS)
        spread = _learned_scale("step_scale", STEP_SCALE)[:, None] * walk
        parameters["visit_step"] = pm.Normal(
            "visit_step", 0, spread, dims=("outcome", "step"), default_transform=transform
        )
    if design.baseline is not None:
        parameters["imbalance"] = pm.Normal(
            "imbalance",
            0,
            IMBALANCE_SCALE,
            dims=("outcome", "treated"),
            default_transform=transform,
        )
    return parameters


def _effect_data(design: Design, spec: TableSpec) -> dict[str, np.ndarray]:
    groups, visits = (len(design.outcomes), len(design.arms) - 1), len(design.follow_up)
    if spec.prior.family == "mixture":
        values = mixture_data(effect_priors(design, spec), visits)
        by_group = {
            name: np.broadcast_to(value[:, None], (*groups, value.shape[-1]))
            for name, value in values.items()
        }
        for name in ("location", "scale"):
            by_group[name] = np.repeat(by_group[name][..., None], visits, axis=-1)
        return {f"effect_{name}": value.copy() for name, value in by_group.items()}
    location, scale = effect_prior(design, spec)
    return {
        "effect_location": np.broadcast_to(location[:, None, None], (*groups, visits)).copy(),
        "effect_scale": np.broadcast_to(scale[:, None], groups).copy(),
    }


def _effects(design: Design) -> Any:
    """The treatment effects; the hyperparameters of their prior are data, to be swapped at will."""
    model = pm.modelcontext(None)
    centre, spread = model["effect_location"], model["effect_scale"]
    dims = ("outcome", "treated", "follow_up")
    alone = len(design.follow_up) < 2
    mixture = "effect_tail" in model
    if alone and not mixture:
        return pm.Normal("effect", centre, spread[..., None], dims=dims)
    groups = (len(design.outcomes), len(design.arms) - 1)
    share: Any = (
        pt.zeros(groups) if alone else pm.Beta("pooling", 2, 2, dims=("outcome", "treated"))
    )
    if mixture:
        tail, weight, constant = (model[f"effect_{n}"] for n in ("tail", "weight", "constant"))
        return pooled_mixture("effect", centre, spread, tail, weight, constant, share, dims)
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
        np.logical_or.at(printed, (patients.outcome, patients.arm), patients.seen)
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
    inputs = table_inputs(index, table, moment, design, spec)

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
    index: int, table: TableBlock, moment: Moments, design: Design, spec: TableSpec
) -> list[Any]:
    """What the density of a block depends on, in the order of `balanced_logp`.

    Declares the latent sample correlations and rounding errors, and the block's dimensions.
    """
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
    error: Any = np.zeros((count, table.rows, 2))
    if spec.rounding and (np.any(table.mean_step > 0) or np.any(table.sd_step > 0)):
        # a normal score keeps the geometry Gaussian: Phi(score) - 1/2 is uniform on (-1/2, 1/2)
        score = pm.Normal(f"rounding_{index}", 0, 1, dims=(names["series"], names["row"], "moment"))
        error = 0.5 * pt.erf(score / np.sqrt(2)) * model[f"step_{index}"]
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
