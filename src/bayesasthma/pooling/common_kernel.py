"""Common parameters of the pooled model: their priors, and the paths over weeks.

The mean effect and the heterogeneity each are a path: one value with a prior of its own, and steps
from there. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from math import lgamma
from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integer_matrix, integers, vector
from bayesasthma.models.kernels.compiling import compiled
from bayesasthma.models.kernels.special import beta_log_odds, normal, sigmoid
from bayesasthma.pooling.layout import (
    FAMILY,
    FIRST_CONSTANT,
    FIRST_LOCATION,
    FIRST_SCALE,
    FIRST_TAIL,
    FIRST_WEIGHT,
    FLAT_FIRST,
    FROM,
    HALF,
    HETEROGENEITY,
    KAPPA,
    LOCATION,
    LOGARITHM,
    MEAN,
    REFERENCE,
    REST,
    RHO_LOCATION,
    RHO_SCALE,
    SCALE,
    SIZES,
    STARTS,
    STEP,
    STUDIES,
    STUDY,
    TAIL,
    TAU,
    TAU_STEP,
    TAU_WALK,
    UNIFORM,
    WALK_SCALE,
    WEEKS,
)
from bayesasthma.pooling.scales import (
    RHO_LOCATION as RHO_CENTRE,
)
from bayesasthma.pooling.scales import (
    RHO_LOCATION_SD,
    RHO_SPREAD,
    TAU_WALK_LOG_SD,
    TAU_WALK_MEDIAN,
    VISIT_CORRELATION,
    WALK_LOG_SD,
    WALK_MEDIAN,
)

LOG_TAU_WALK_MEDIAN = float(np.log(TAU_WALK_MEDIAN))
LOG_WALK_MEDIAN = float(np.log(WALK_MEDIAN))
LOG_2, LOG_PI = float(np.log(2.0)), float(np.log(np.pi))


@compiled
def student(x: float, location: float, scale: float, df: float) -> Any:
    """Log-density of a Student t distribution, and its derivative."""
    z = (x - location) / scale
    value = lgamma(0.5 * df + 0.5) - lgamma(0.5 * df) - 0.5 * (np.log(df) + LOG_PI)
    value -= np.log(scale) + 0.5 * (df + 1.0) * np.log1p(z * z / df)
    return value, -(df + 1.0) * z / (scale * (df + z * z))


@compiled
def heterogeneity(x: float, data: Any) -> Any:
    """Heterogeneity from the value sampled, and its derivative."""
    if integers(data, SIZES)[FAMILY] == UNIFORM:
        limit = vector(data, HETEROGENEITY)[SCALE]
        return limit * sigmoid(x), limit * sigmoid(x) * sigmoid(-x)
    tau = np.exp(x)
    return tau, tau


@compiled
def student_or_normal(x: float, location: float, scale: float, tail: float) -> Any:
    """Log-density of a t distribution with ``1 / tail`` degrees of freedom, and its derivative."""
    if tail > 0.0:
        return student(x, location, scale, 1.0 / tail)
    return normal(x, location, scale)


@compiled
def log_heterogeneity(x: float, family: int, location: float, scale: float, tail: float) -> Any:
    """Log-density of the value that stands for a heterogeneity, and its derivative."""
    if family == UNIFORM:
        return beta_log_odds(x, 1.0, 1.0)
    if family == LOGARITHM:
        return student_or_normal(x, location, scale, tail)
    tau = np.exp(x)
    value, slope = student_or_normal(tau, 0.0, scale, tail)
    return value + LOG_2 + x, slope * tau + 1.0


@compiled
def first_effect(x: float, data: Any) -> Any:
    """Log prior density of the mean effect at the first week, a mixture, and its derivative."""
    location, scale = vector(data, FIRST_LOCATION), vector(data, FIRST_SCALE)
    tail, weight = vector(data, FIRST_TAIL), vector(data, FIRST_WEIGHT)
    constant = vector(data, FIRST_CONSTANT)
    top, total, total_ = -np.inf, 0.0, 0.0
    for turn in range(2):
        for c in range(location.size):
            z = (x - location[c]) / scale[c]
            kernel, slope = z * z, z / scale[c]
            if tail[c] > 0.0:
                kernel = (1.0 + tail[c]) * np.log1p(tail[c] * z * z) / tail[c]
                slope *= (1.0 + tail[c]) / (1.0 + tail[c] * z * z)
            density = constant[c] - 0.5 * kernel - np.log(scale[c])
            if turn == 0:
                # a component without weight may lie anywhere
                if weight[c] > 0.0:
                    top = max(top, density)
            else:
                share = weight[c] * np.exp(min(density - top, 0.0))
                total += share
                total_ -= share * slope
    return np.log(total) + top, total_ / total


@borrowing
def mean_effects(x: Any, data: Any, mean: Any) -> None:
    """Mean effects (week,): a random walk in continuous time, from its steps.

    Steps are standard normal where ``rest`` is 1; where it is 0 they have the walk's own scale. Of
    one study alone these are its effects, which :mod:`bayesasthma.pooling.effects_kernel` turns
    into mean ones.
    """
    sizes, starts = integers(data, SIZES), integers(data, STARTS)
    step, rest, place = vector(data, STEP), vector(data, REST), starts[MEAN]
    if sizes[STUDIES] == 1:
        for k in range(sizes[WEEKS]):
            mean[k] = x[place + k]
        return
    mean[0] = x[place]
    if step.size:
        scale = np.exp(x[starts[WALK_SCALE]])
        for k in range(step.size):
            mean[k + 1] = mean[k] + scale ** rest[k] * step[k] * x[place + k + 1]


@borrowing
def mean_logp(x: Any, gradient: Any, data: Any, mean: Any, mean_: Any) -> Any:
    """Log prior density of the mean effects (week,); adds to their adjoints, sets the walk's."""
    starts, step = integers(data, STARTS), vector(data, STEP)
    total = 0.0
    if not integers(data, SIZES)[FLAT_FIRST]:
        total, slope = first_effect(mean[0], data)
        mean_[0] += slope
    for k in range(step.size):
        scale = np.exp(x[starts[WALK_SCALE]]) * step[k]
        value, slope = normal(mean[k + 1] - mean[k], 0.0, scale)
        total += value
        mean_[k + 1] += slope
        mean_[k] -= slope
        gradient[starts[WALK_SCALE]] -= slope * (mean[k + 1] - mean[k]) + 1.0
    return total


@compiled
def common_logp(x: Any, gradient: Any, data: Any) -> Any:
    """Log prior density of the common parameters; sets all entries of the gradient.

    Of one study alone, that of the mean effects is left out. Studies add to the gradient.
    """
    sizes, starts, rest = integers(data, SIZES), integers(data, STARTS), vector(data, REST)
    own = vector(data, HETEROGENEITY)
    first = integer_matrix(data, STUDY)[0, FROM]
    total, of_scale_ = 0.0, 0.0
    for i in range(first):
        gradient[i] = 0.0
    for k in range(sizes[WEEKS]):
        if k != 0 and sizes[STUDIES] > 1:
            place, share = starts[MEAN] + k, 1.0 - rest[k - 1]
            scale = np.exp(share * x[starts[WALK_SCALE]])
            value, gradient[place] = normal(x[place], 0.0, scale)
            of_scale_ += share * ((x[place] / scale) ** 2 - 1.0)
            total += value
        if k != sizes[REFERENCE]:
            place = starts[TAU] + k
            value, gradient[place] = normal(x[place], 0.0, 1.0)
            total += value
    place = starts[MEAN]
    if not sizes[FLAT_FIRST] and sizes[STUDIES] > 1:
        value, gradient[place] = first_effect(x[place], data)
        total += value
    place = starts[TAU] + sizes[REFERENCE]
    value, gradient[place] = log_heterogeneity(
        x[place], sizes[FAMILY], own[LOCATION], own[SCALE], own[TAIL]
    )
    total += value
    place = starts[WALK_SCALE]
    if place >= 0:
        value, gradient[place] = normal(x[place], LOG_WALK_MEDIAN, WALK_LOG_SD)
        gradient[place] += of_scale_
        total += value
        place = starts[TAU_WALK]
        value, gradient[place] = normal(x[place], LOG_TAU_WALK_MEDIAN, TAU_WALK_LOG_SD)
        total += value
    place = starts[KAPPA]
    if place >= 0:
        value, gradient[place] = beta_log_odds(x[place], VISIT_CORRELATION, VISIT_CORRELATION)
        total += value
    place = starts[RHO_LOCATION]
    if place >= 0:
        value, gradient[place] = normal(x[place], RHO_CENTRE, RHO_LOCATION_SD)
        total += value
        place = starts[RHO_SCALE]
        value, gradient[place] = log_heterogeneity(x[place], HALF, 0.0, RHO_SPREAD, 0.0)
        total += value
    return total


@borrowing
def mean_effects_reverse(x: Any, gradient: Any, data: Any, mean_: Any) -> None:
    """Add the adjoints of the mean effects to the gradient; of several studies."""
    starts, step, rest = integers(data, STARTS), vector(data, STEP), vector(data, REST)
    place, later_ = starts[MEAN], 0.0
    for k in range(step.size - 1, -1, -1):
        later_ += mean_[k + 1]
        scale = np.exp(rest[k] * x[starts[WALK_SCALE]]) * step[k]
        gradient[place + k + 1] += later_ * scale
        gradient[starts[WALK_SCALE]] += rest[k] * later_ * scale * x[place + k + 1]
    gradient[place] += later_ + mean_[0]


@borrowing
def heterogeneities(x: Any, data: Any, tau: Any) -> None:
    """Heterogeneity (week,): its logarithm walks from the reference week to both sides."""
    sizes, starts, step = integers(data, SIZES), integers(data, STARTS), vector(data, TAU_STEP)
    place, reference = starts[TAU], sizes[REFERENCE]
    tau[reference], _ = heterogeneity(x[place + reference], data)
    if step.size:
        scale = np.exp(x[starts[TAU_WALK]])
        for k in range(reference + 1, sizes[WEEKS]):
            tau[k] = tau[k - 1] * np.exp(scale * step[k - 1] * x[place + k])
        for k in range(reference - 1, -1, -1):
            tau[k] = tau[k + 1] * np.exp(scale * step[k] * x[place + k])


@borrowing
def heterogeneities_reverse(x: Any, gradient: Any, data: Any, log_tau_: Any) -> None:
    """Add the adjoints of the logarithms of the heterogeneity (week,) to the gradient."""
    sizes, starts, step = integers(data, SIZES), integers(data, STARTS), vector(data, TAU_STEP)
    place, reference = starts[TAU], sizes[REFERENCE]
    total = log_tau_[reference]
    if step.size:
        scale = np.exp(x[starts[TAU_WALK]])
        for way in (1, -1):
            further_, k = 0.0, sizes[WEEKS] - 1 if way > 0 else 0
            while k != reference:
                further_ += log_tau_[k]
                own = scale * step[min(k, k - way)]
                gradient[place + k] += further_ * own
                gradient[starts[TAU_WALK]] += further_ * own * x[place + k]
                k -= way
            total += further_
    tau, slope = heterogeneity(x[place + reference], data)
    gradient[place + reference] += total * slope / tau
