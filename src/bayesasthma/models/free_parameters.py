"""Free parameters of the longitudinal models, their priors and the coordinates they move in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.models.coordinates import Coordinates, centred_normal, offset_flat, offset_normal
from bayesasthma.models.design import Design
from bayesasthma.models.distributions import contrast_normal
from bayesasthma.models.identification import require_identified, whole_table
from bayesasthma.models.moments import carried_forward, constrained, spread_and_correlation
from bayesasthma.models.prior_scales import (
    IMBALANCE_SCALE,
    LOG_SCALE_SD,
    LOG_SD_CELL_SCALE,
    LOG_SD_SCALE,
    LOG_SD_VISIT_SCALE,
    PATH_SCALE,
    SHARE,
)
from bayesasthma.models.specification import TableSpec


def rounding_errors(design: Design, spec: TableSpec) -> list[Any]:
    """Unrounded less printed numbers of each block (series, row, moment); declares their scores."""
    model, errors = pm.modelcontext(None), []
    for index, table in enumerate(design.tables):
        shape = (len(table.outcome), table.rows)
        dims = (f"series_{index}", f"row_{index}")
        model.add_coords({dim: range(size) for dim, size in zip(dims, shape, strict=True)})
        if not spec.rounding or not (np.any(table.mean_step > 0) or np.any(table.sd_step > 0)):
            errors.append(pt.as_tensor(np.zeros((*shape, 2))))
            continue
        # a normal score keeps the geometry Gaussian: Phi(score) - 1/2 is uniform on (-1/2, 1/2)
        score = pm.Normal(f"rounding_{index}", 0, 1, dims=(*dims, "moment"))
        errors.append(0.5 * pt.erf(score / np.sqrt(2)) * model[f"step_{index}"])
    return errors


def free_parameters(
    design: Design,
    spec: TableSpec,
    effects: Callable[[Design, Any], Any],
    errors: list[Any],
    factor: np.ndarray | None = None,
) -> dict[str, Any]:
    """Declare the free parameters with their priors.

    Parameters
    ----------
    design : Design
    spec : TableSpec
    effects : callable
        Declares the treatment effects, given the design and their offset.
    errors : list of tensor
        From `rounding_errors`.
    factor : ndarray, optional
        Cholesky factor over outcomes that mixes the coordinates of the means:
        :class:`bayesasthma.models.coordinates.Coordinates`.
    """
    if spec.prior.flat:
        require_identified(design, spec)
    cells = whole_table(design)
    mean_error, log_sd_error = _cell_errors(design, errors, cells)
    offsets = _mean_offsets(design, mean_error)
    parameters = _sds(design, spec, log_sd_error)
    if len(design.visits) > 1:
        parameters |= _correlation_parameters(spec)
    parameters |= _means(design, spec, offsets, factor)
    if design.baseline is not None and (cells or not constrained(design, spec)):
        # many patients pin the difference between the arms: sample that, effect and carried
        # imbalance together; of arms that are alike at baseline it is the sample's that carries
        imbalance = parameters.get("imbalance")
        if imbalance is None:
            imbalance = _contrasts(_printed_means(design) + mean_error)[..., 0]
        log_sd, z = spread_and_correlation(parameters, design, spec, pt)
        n_arm = pm.modelcontext(None)["n_arm"]
        offsets["effect"] -= carried_forward(imbalance, log_sd, z, design, pt, n_arm)
    if spec.prior.flat:
        dims = ("outcome", "treated", "follow_up")
        parameters["effect"] = offset_flat("effect", offsets["effect"], dims, Coordinates(factor))
    else:
        parameters["effect"] = effects(design, offsets["effect"])
    return parameters


def _cell_errors(design: Design, errors: list[Any], whole: bool) -> tuple[Any, Any]:
    """Of every cell (outcome, arm, visit): unrounded less printed mean, and the same of log SDs.

    Beside many patients' standard errors, rounding is wide: what they pin is the mean less this.
    Zeros where the table is not complete, which costs nothing but speed.
    """
    shape = (len(design.outcomes), len(design.arms), len(design.visits))
    if not whole:
        return pt.zeros(shape), pt.zeros(shape)
    (error,) = errors
    relative = pt.log1p(error[..., 1] / pm.modelcontext(None)["printed_0"][..., 1])
    return error[..., 0].reshape(shape), relative.reshape(shape)


def _printed_means(design: Design) -> Any:
    """Printed means (outcome, arm, visit) of a whole table."""
    shape = (len(design.outcomes), len(design.arms), len(design.visits))
    return pm.modelcontext(None)["printed_0"][..., 0].reshape(shape)


def _contrasts(cells: Any) -> Any:
    """Treated arms less the control, of cells (outcome, arm, visit)."""
    return cells[:, 1:] - cells[:, :1]


def _mean_offsets(design: Design, error: Any) -> dict[str, Any]:
    """How errors of the cells' means move the parameters of the means."""
    n_arm = pm.modelcontext(None)["n_arm"]
    path = ((n_arm / n_arm.sum())[:, None] * error).sum(axis=1)
    contrast = _contrasts(error)
    first = len(design.visits) - len(design.follow_up)
    return {
        "baseline_level": path[:, 0],
        "visit_step": path[:, 1:] - path[:, :-1],
        "imbalance": contrast[..., 0],
        "effect": contrast[..., first:],
    }


def _means(
    design: Design, spec: TableSpec, offsets: dict[str, Any], factor: np.ndarray | None
) -> dict[str, Any]:
    coordinates = Coordinates(factor)

    def declare(name: str, *dims: str) -> Any:
        if spec.prior.flat:
            return offset_flat(name, offsets[name], dims, coordinates)
        return offset_normal(
            name, np.zeros(1), np.full(1, PATH_SCALE), offsets[name], dims, coordinates
        )

    parameters = {"baseline_level": declare("baseline_level", "outcome")}
    if len(design.visits) > 1:
        parameters["visit_step"] = declare("visit_step", "outcome", "step")
    if design.baseline is not None and not constrained(design, spec):
        parameters["imbalance"] = _imbalance(design, spec, offsets["imbalance"], coordinates)
    return parameters


def _imbalance(design: Design, spec: TableSpec, offset: Any, coordinates: Coordinates) -> Any:
    dims = ("outcome", "treated")
    if spec.prior.flat:
        return offset_flat("imbalance", offset, dims, coordinates)
    return contrast_normal(
        "imbalance", IMBALANCE_SCALE, len(design.arms) - 1, offset, dims, coordinates
    )


def _sds(design: Design, spec: TableSpec, error: Any) -> dict[str, Any]:
    by_arm = ("outcome", "arm", "visit")
    if spec.prior.flat:
        if spec.variance == "by_arm":
            return {"log_sd": offset_flat("log_sd", error, by_arm, Coordinates())}
        return {"log_sd": pm.Flat("log_sd", dims=("outcome", "visit"))}
    # sampling variances of the logarithm of an SD: of one arm's, and of what all arms share
    own = 0.5 / (pm.modelcontext(None)["n_arm"] - 1)
    cells = LOG_SD_CELL_SCALE**2 if spec.variance == "by_arm" else 0.0
    common = 1 / (1 / (own + cells)).sum()
    level = pm.Normal("log_sd_level", 0, LOG_SD_SCALE, dims="outcome")
    visit = centred_normal(
        "log_sd_visit",
        level[:, None],
        _learned_scale("log_sd_visit_scale", LOG_SD_VISIT_SCALE)[:, None],
        np.zeros((len(design.outcomes), len(design.visits))),
        LOG_SD_VISIT_SCALE**2 / (LOG_SD_VISIT_SCALE**2 + common),
        ("outcome", "visit"),
    )
    if spec.variance == "common":
        return {"log_sd_visit": visit}
    centring = LOG_SD_CELL_SCALE**2 / (LOG_SD_CELL_SCALE**2 + own[:, None])
    scale = _learned_scale("log_sd_cell_scale", LOG_SD_CELL_SCALE)[:, None, None]
    log_sd = centred_normal("log_sd", visit[:, None], scale, error, centring, by_arm)
    return {"log_sd_visit": visit, "log_sd": log_sd}


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
        parameters["constant_share"] = pm.Beta("constant_share", SHARE, SHARE, dims="outcome")
    return parameters
