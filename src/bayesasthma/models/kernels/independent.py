"""Kernel of the model of single visits, which shares nothing between them.

It computes what the graph of :mod:`bayesasthma.models.independent` does. The flat vector has
``location`` (cell), ``log_sd`` (SD group), then if numbers are taken as rounded ``rounding_0``
(cell, moment).
"""

from __future__ import annotations

from math import erf
from typing import Any

import numpy as np

from bayesasthma.models.design import Design
from bayesasthma.models.independent_data import cells, data, sd_groups
from bayesasthma.models.kernels.compiling import compiled
from bayesasthma.models.kernels.data import integers, matrix, vector
from bayesasthma.models.kernels.mixtures import pooled_mixture
from bayesasthma.models.kernels.model import Kernel, KernelModel, variables
from bayesasthma.models.kernels.special import normal
from bayesasthma.models.prior_scales import LOG_SD_SCALE
from bayesasthma.models.specification import TableSpec

#: ``reference`` (cell) is the control arm's cell at the same visit, or -1; ``group`` (cell) the SD
#: that a cell has. The rest is what :func:`bayesasthma.models.independent_data.data` returns.
DATA = (
    "reference", "group", "printed_0", "step_0", "n_0", "constant_0",
    "location_centre", "location_scale", "location_tail", "location_weight", "location_constant",
)  # fmt: skip
(
    REFERENCE, GROUP, PRINTED, STEP, N, CONSTANT, CENTRE, SCALE, TAIL, WEIGHT, T_CONSTANT,
) = range(11)  # fmt: skip

ROOT_HALF = float(np.sqrt(0.5))
ROOT_2PI = float(np.sqrt(2 * np.pi))
LOG_2PI = float(np.log(2 * np.pi))


@compiled
def _likelihood(x: Any, gradient: Any, data: Any, groups: int) -> Any:
    """Log-likelihood of the printed numbers; adds to the gradient, and sets that of scores.

    Of the scores of rounding it has their prior, standard normal, too.
    """
    reference, group = integers(data, REFERENCE), integers(data, GROUP)
    printed, step, n = matrix(data, PRINTED), matrix(data, STEP), matrix(data, N)
    constant = matrix(data, CONSTANT)
    count = reference.size
    scores = count + groups
    rounded = x.size > scores
    total = 0.0
    for c in range(count):
        mean, sd = printed[c, 0], printed[c, 1]
        if rounded:
            place = scores + 2 * c
            mean += 0.5 * erf(x[place] * ROOT_HALF) * step[c, 0]
            sd += 0.5 * erf(x[place + 1] * ROOT_HALF) * step[c, 1]
        mu = x[c] + (x[reference[c]] if reference[c] >= 0 else 0.0)
        log_sigma, size = x[count + group[c]], n[c, 0]
        df = size - 1.0
        precision = np.exp(-log_sigma)
        residual, ratio = (mean - mu) * precision, sd * precision
        total += constant[c, 0] + (df - 1.0) * np.log(sd) - size * log_sigma
        total -= 0.5 * df * ratio * ratio
        total -= 0.5 * (LOG_2PI + size * residual * residual - np.log(size))
        mean_ = -size * residual * precision
        sd_ = (df - 1.0) / sd - df * ratio * precision
        gradient[c] -= mean_
        if reference[c] >= 0:
            gradient[reference[c]] -= mean_
        gradient[count + group[c]] += df * ratio * ratio + size * residual * residual - size
        if rounded:
            for m in range(2):
                score = x[place + m]
                total -= 0.5 * (score * score + LOG_2PI)
                density = np.exp(-0.5 * score * score) / ROOT_2PI
                slope = (mean_ if m == 0 else sd_) * step[c, m]
                gradient[place + m] = slope * density - score
    return total


@compiled
def _log_sds(x: Any, gradient: Any, count: int, groups: int) -> Any:
    """Log prior density of the log SDs; it sets their entries of the gradient."""
    total = 0.0
    for i in range(count, count + groups):
        value, gradient[i] = normal(x[i], 0.0, LOG_SD_SCALE)
        total += value
    return total


@compiled
def _groups(group: Any) -> Any:
    """Number of SDs."""
    return group.max() + 1


@compiled
def _flat(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density under a flat prior, and its gradient."""
    gradient[:] = 0.0
    return _likelihood(x, gradient, data, _groups(integers(data, GROUP)))


@compiled
def _normal(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density under a normal prior, and its gradient."""
    group = integers(data, GROUP)
    count, groups = group.size, _groups(group)
    centre, scale = vector(data, CENTRE), vector(data, SCALE)
    total = _log_sds(x, gradient, count, groups)
    for c in range(count):
        value, gradient[c] = normal(x[c], centre[c], scale[c])
        total += value
    return total + _likelihood(x, gradient, data, groups)


@compiled
def _mixture(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density under a mixture prior, and its gradient."""
    group = integers(data, GROUP)
    count, groups = group.size, _groups(group)
    centre, scale = matrix(data, CENTRE), matrix(data, SCALE)
    tail, weight, constant = matrix(data, TAIL), matrix(data, WEIGHT), matrix(data, T_CONSTANT)
    whitener = np.ones((1, 1))
    components = centre.shape[1]
    total = _log_sds(x, gradient, count, groups)
    for c in range(count):
        value_ = np.zeros((1, 1))
        value, _ = pooled_mixture(
            x[c : c + 1].copy().reshape((1, 1)),
            centre[c].copy().reshape((components, 1, 1)),
            scale[c].copy().reshape((components, 1, 1)),
            tail[c],
            weight[c],
            constant[c],
            whitener,
            0.0,
            value_,
        )
        gradient[c] = value_[0, 0]
        total += value
    return total + _likelihood(x, gradient, data, groups)


@compiled
def _expand(x: Any, out: Any, data: Any) -> None:  # noqa: ARG001
    """All parameters are on the sampler's scale."""
    out[:] = x


KERNELS = {
    "flat": Kernel("independent-flat", _flat, _expand, DATA[:CENTRE]),
    "normal": Kernel("independent-normal", _normal, _expand, DATA[:TAIL]),
    "mixture": Kernel("independent-mixture", _mixture, _expand, DATA),
}


def uncovered(design: Design, spec: TableSpec) -> str:  # noqa: ARG001
    """Why `kernel_model` has no model of a design: it has all of this model."""
    return "" if spec.model == "independent" else f"no kernel has the model {spec.model}"


def kernel_model(design: Design, spec: TableSpec) -> KernelModel:
    """The model of :func:`bayesasthma.models.independent.build`, ready to be sampled.

    What :func:`bayesasthma.models.independent_data.data` returns can be swapped.

    Raises
    ------
    UsageError
        If the study prints no level.
    """
    printed = cells(design)
    group = sd_groups(printed, spec)
    coords: dict[str, list[Any]] = {
        "cell": list(range(len(group))),
        "sd_group": list(range(int(group.max()) + 1)),
        "moment": ["mean", "sd"],
    }
    dims: dict[str, tuple[str, ...]] = {"location": ("cell",), "log_sd": ("sd_group",)}
    if spec.rounding:
        dims["rounding_0"] = ("cell", "moment")
    free = variables({name: len(labels) for name, labels in coords.items()}, **dims)
    kernel = KERNELS[spec.prior.family]
    values = {"reference": printed.reference, "group": group} | data(design, spec)
    values = {name: values[name] for name in kernel.data}
    start = {} if spec.prior.flat else {"location": _prior_mean(values)}
    return KernelModel(kernel, values, free, free, coords, start)


def _prior_mean(values: dict[str, np.ndarray]) -> np.ndarray:
    """Mean of the prior of each cell's location."""
    centre, weight = values["location_centre"], values.get("location_weight")
    mean: np.ndarray = centre if weight is None else (weight * centre).sum(axis=-1)
    return mean
