"""Kernel of the pooled model: studies with effects that vary about a mean which walks over weeks.

``docs/pooling.md`` writes out the mathematics. Studies of any shape, tables and patients, are data
of one kernel: nothing is compiled for them. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from math import lgamma
from typing import Any, NamedTuple

import numpy as np

from bayesasthma.models.kernels import layout
from bayesasthma.models.kernels.blocks import tables_logp
from bayesasthma.models.kernels.borrowing import (
    borrowing,
    integer_matrix,
    integers,
    matrix,
    returning,
    vector,
)
from bayesasthma.models.kernels.cells import empty_cells, zero_adjoints
from bayesasthma.models.kernels.compiling import compiled
from bayesasthma.models.kernels.data import ENTRY, scalar
from bayesasthma.models.kernels.effects import pooled_normal
from bayesasthma.models.kernels.patients import patients_logp
from bayesasthma.models.kernels.rows import empty_rows
from bayesasthma.models.kernels.special import beta_log_odds, normal, sigmoid
from bayesasthma.models.kernels.tables import workspace
from bayesasthma.pooling.layout import (
    BLOCKS,
    CENTRING,
    COUNT,
    DATA_FROM,
    DATA_TO,
    EFFECT,
    FAMILY,
    FIRST_CONSTANT,
    FIRST_LOCATION,
    FIRST_SCALE,
    FIRST_TAIL,
    FIRST_WEIGHT,
    FLAT_FIRST,
    FOLLOW_UP,
    FROM,
    HALF,
    HETEROGENEITY,
    KAPPA,
    LOCATION,
    LOGARITHM,
    LOGIT_RHO,
    MEAN,
    MIX,
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
    TREATED,
    UNIFORM,
    UNIT,
    WALK_SCALE,
    WEEK,
    WEEK_FROM,
    WEEKS,
    WHITENER,
)
from bayesasthma.pooling.scales import (
    RHO_LOCATION as RHO_CENTRE,
)
from bayesasthma.pooling.scales import (
    RHO_LOCATION_SD,
    RHO_SPREAD,
    VISIT_CORRELATION,
    WALK_LOG_SD,
    WALK_MEDIAN,
)
from bayesasthma.pooling.study_kernel import study_backward, study_forward

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


class Effects(NamedTuple):
    """A study's effects (treated, follow_up) with their prior, and the adjoints by that prior."""

    effect: Any
    location: Any
    scale: Any
    in_own_unit: Any
    effect_: Any
    whitener: Any
    mix: Any


@returning
def empty_effects(data: Any, treated: int, follow_up: int) -> Any:
    """`Effects` to be filled."""
    return Effects(
        np.empty((treated, follow_up)),
        np.empty((treated, follow_up)),
        np.empty(treated),
        np.empty((treated, follow_up)),
        np.empty((treated, follow_up)),
        matrix(data, WHITENER),
        matrix(data, MIX),
    )


@borrowing
def mean_effects(x: Any, data: Any, mean: Any) -> None:
    """Mean effects (week,): a random walk in continuous time, from its standard normal steps."""
    starts, step = integers(data, STARTS), vector(data, STEP)
    place = starts[MEAN]
    mean[0] = x[place]
    if step.size:
        scale = np.exp(x[starts[WALK_SCALE]])
        for k in range(step.size):
            mean[k + 1] = mean[k] + scale * step[k] * x[place + k + 1]


@compiled
def common_logp(x: Any, gradient: Any, data: Any) -> Any:
    """Log prior density of the common parameters; sets all entries of the gradient.

    Steps of the mean effects are standard normal. Studies add to the gradient.
    """
    sizes, starts = integers(data, SIZES), integers(data, STARTS)
    own = vector(data, HETEROGENEITY)
    first = integer_matrix(data, STUDY)[0, FROM]
    total = 0.0
    for i in range(first):
        value, gradient[i] = normal(x[i], 0.0, 1.0)
        if starts[MEAN] < i < starts[MEAN] + sizes[WEEKS]:
            total += value
        else:
            gradient[i] = 0.0
    place = starts[MEAN]
    if not sizes[FLAT_FIRST]:
        value, gradient[place] = first_effect(x[place], data)
        total += value
    place = starts[TAU]
    value, gradient[place] = log_heterogeneity(
        x[place], sizes[FAMILY], own[LOCATION], own[SCALE], own[TAIL]
    )
    total += value
    place = starts[WALK_SCALE]
    if place >= 0:
        value, gradient[place] = normal(x[place], LOG_WALK_MEDIAN, WALK_LOG_SD)
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
def study_effects(x: Any, data: Any, s: int, mean: Any, own: Any) -> None:
    """Effects (treated, follow_up) of a study, the mean ones and their scale, in the pooled unit.

    Coordinates are those of :class:`bayesasthma.models.coordinates.PartlyCentred`, mixed over
    visits by the factor of a typical correlation.
    """
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    week, unit = integers(data, WEEK), vector(data, UNIT)[s]
    tau, _ = heterogeneity(x[starts[TAU]], data)
    treated, follow_up, place = study[TREATED], study[FOLLOW_UP], study[FROM] + study[EFFECT]
    rest = 1.0 - vector(data, CENTRING)[s]
    power = tau**rest
    for f in range(follow_up):
        typical = mean[week[study[WEEK_FROM] + f]]
        for g in range(treated):
            own.location[g, f] = typical
            own.effect[g, f] = rest * typical
            for h in range(f + 1):
                own.effect[g, f] += power * own.mix[f, h] * x[place + g * follow_up + h]
            own.in_own_unit[g, f] = unit * own.effect[g, f]
            own.effect_[g, f] = 0.0
    for g in range(treated):
        own.scale[g] = tau


@borrowing
def study_effects_reverse(x: Any, gradient: Any, data: Any, s: int, own: Any, mean_: Any) -> Any:
    """Log prior density of a study's effects, about the mean ones.

    Finds the adjoints of the effects by the likelihood in their places of the gradient, sets these
    to those of the values sampled, and adds to those of the mean effects and common parameters.
    """
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    week, unit = integers(data, WEEK), vector(data, UNIT)[s]
    tau, slope = heterogeneity(x[starts[TAU]], data)
    treated, follow_up, place = study[TREATED], study[FOLLOW_UP], study[FROM] + study[EFFECT]
    share = 0.0
    if follow_up > 1:
        share = sigmoid(x[starts[KAPPA]])
    total, share_ = pooled_normal(
        own.effect, own.location, own.scale, own.whitener, share, own.effect_
    )
    if follow_up > 1:
        gradient[starts[KAPPA]] += share_ * share * (1.0 - share)
    log_tau_, rest = 0.0, 1.0 - vector(data, CENTRING)[s]
    power = tau**rest
    for f in range(follow_up):
        typical_ = 0.0
        for g in range(treated):
            prior_ = own.effect_[g, f]
            effect_ = prior_ + unit * gradient[place + g * follow_up + f]
            typical_ += rest * effect_ - prior_
            log_tau_ += rest * effect_ * (own.effect[g, f] - rest * own.location[g, f])
            log_tau_ -= prior_ * (own.effect[g, f] - own.location[g, f]) + 1.0 - rest
            total += rest * np.log(tau) + np.log(own.mix[f, f])
            own.effect_[g, f] = effect_
        mean_[week[study[WEEK_FROM] + f]] += typical_
    for g in range(treated):
        for h in range(follow_up):
            value_ = 0.0
            for f in range(h, follow_up):
                value_ += own.mix[f, h] * own.effect_[g, f]
            gradient[place + g * follow_up + h] = power * value_
    gradient[starts[TAU]] += log_tau_ * slope / tau
    return total


@borrowing
def mean_effects_reverse(x: Any, gradient: Any, data: Any, mean_: Any) -> None:
    """Add the adjoints of the mean effects to the gradient of the walk."""
    starts, step = integers(data, STARTS), vector(data, STEP)
    place, later_ = starts[MEAN], 0.0
    for k in range(step.size - 1, -1, -1):
        later_ += mean_[k + 1]
        scale = np.exp(x[starts[WALK_SCALE]]) * step[k]
        gradient[place + k + 1] += later_ * scale
        gradient[starts[WALK_SCALE]] += later_ * scale * x[place + k + 1]
    gradient[place] += later_ + mean_[0]


@borrowing
def own_correlation(x: Any, data: Any, s: int, own: Any) -> None:
    """A study's parameters with the logit of its correlation in the place of its score."""
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    for i in range(study[COUNT]):
        own[i] = x[study[FROM] + i]
    place = study[LOGIT_RHO]
    if place >= 0:
        own[place] = x[starts[RHO_LOCATION]] + np.exp(x[starts[RHO_SCALE]]) * own[place]


@borrowing
def own_correlation_reverse(x: Any, gradient: Any, data: Any, own_data: Any, s: int) -> Any:
    """The hierarchy of correlations in the place of the study's own prior: what it changes."""
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    if study[LOGIT_RHO] < 0:
        return 0.0
    place = study[FROM] + study[LOGIT_RHO]
    score, spread = x[place], np.exp(x[starts[RHO_SCALE]])
    logit = x[starts[RHO_LOCATION]] + spread * score
    prior, slope = normal(
        logit, scalar(own_data, layout.RHO_LOCATION), scalar(own_data, layout.RHO_SCALE)
    )
    logit_ = gradient[place] - slope
    value, slope = normal(score, 0.0, 1.0)
    gradient[starts[RHO_LOCATION]] += logit_
    gradient[starts[RHO_SCALE]] += logit_ * spread * score
    gradient[place] = logit_ * spread + slope
    return value - prior


@returning
def study_data(data: Any, s: int) -> Any:
    """The data of a study's own kernel."""
    study = integer_matrix(data, STUDY)[s]
    blocks = data[0][1 + ENTRY * BLOCKS]
    start, stop = blocks + study[DATA_FROM], blocks + study[DATA_TO]
    return data[0][start:stop], data[1][start:stop]


@compiled
def pooled_kernel(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density of the pooled model at the flat vector; overwrites the gradient."""
    sizes, studies = integers(data, SIZES), integer_matrix(data, STUDY)
    mean, mean_ = np.empty(sizes[WEEKS]), np.zeros(sizes[WEEKS])
    total = common_logp(x, gradient, data)
    mean_effects(x, data, mean)
    for s in range(sizes[STUDIES]):
        study, own_data = studies[s], study_data(data, s)
        start, stop = study[FROM], study[FROM] + study[COUNT]
        own, point = np.empty(study[COUNT]), np.empty(study[COUNT])
        effects = empty_effects(data, study[TREATED], study[FOLLOW_UP])
        shape = integers(own_data, layout.SIZES)
        error = np.zeros((2, shape[layout.ARMS], shape[layout.VISITS]))
        cells, cells_ = empty_cells(own_data), zero_adjoints(own_data)
        own_ = gradient[start:stop]
        study_effects(x, data, s, mean, effects)
        own_correlation(x, data, s, own)
        total += study_forward(own, point, own_data, effects.in_own_unit, cells, error)
        if shape[layout.BLOCKS]:
            row = empty_rows(shape[layout.ROWS], shape[layout.VISITS])
            work = workspace(shape[layout.ROWS])
            total += tables_logp(own, own_, own_data, 0, cells, cells_, row, work)
        else:
            total += patients_logp(own, own_, own_data, cells, cells_)
        total += study_backward(own, point, own_, own_data, cells, cells_, error)
        total += study_effects_reverse(x, gradient, data, s, effects, mean_)
        total += own_correlation_reverse(x, gradient, data, own_data, s)
    mean_effects_reverse(x, gradient, data, mean_)
    return total


@compiled
def expand_pooled(x: Any, out: Any, data: Any) -> None:
    """Named parameters, in the places of the values sampled: effects in the pooled unit."""
    sizes, studies = integers(data, SIZES), integer_matrix(data, STUDY)
    starts = integers(data, STARTS)
    for i in range(x.size):
        out[i] = x[i]
    mean = np.empty(sizes[WEEKS])
    mean_effects(x, data, mean)
    for k in range(sizes[WEEKS]):
        out[starts[MEAN] + k] = mean[k]
    out[starts[TAU]], _ = heterogeneity(x[starts[TAU]], data)
    for number in (WALK_SCALE, RHO_SCALE):
        if starts[number] >= 0:
            out[starts[number]] = np.exp(x[starts[number]])
    if starts[KAPPA] >= 0:
        out[starts[KAPPA]] = sigmoid(x[starts[KAPPA]])
    for s in range(sizes[STUDIES]):
        study, own_data = studies[s], study_data(data, s)
        own, point = np.empty(study[COUNT]), out[study[FROM] : study[FROM] + study[COUNT]]
        effects = empty_effects(data, study[TREATED], study[FOLLOW_UP])
        shape = integers(own_data, layout.SIZES)
        error = np.zeros((2, shape[layout.ARMS], shape[layout.VISITS]))
        study_effects(x, data, s, mean, effects)
        own_correlation(x, data, s, own)
        study_forward(own, point, own_data, effects.in_own_unit, empty_cells(own_data), error)
        for g in range(study[TREATED]):
            for f in range(study[FOLLOW_UP]):
                place = study[EFFECT] + g * study[FOLLOW_UP] + f
                point[place] /= vector(data, UNIT)[s]
