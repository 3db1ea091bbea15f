"""Kernel of the pooled model: studies with effects that vary about a mean, both walk over weeks.

``docs/pooling.md`` writes out the mathematics. Studies of any shape, tables and patients, are data
of one kernel: nothing is compiled for them. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

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
from bayesasthma.models.kernels.special import normal, sigmoid
from bayesasthma.models.kernels.tables import workspace
from bayesasthma.pooling.common_kernel import (
    common_logp,
    heterogeneities,
    heterogeneities_reverse,
    mean_effects,
    mean_effects_reverse,
)
from bayesasthma.pooling.layout import (
    BASIS,
    BLOCKS,
    CENTRING,
    COUNT,
    DATA_FROM,
    DATA_TO,
    EFFECT,
    FOLLOW_UP,
    FROM,
    KAPPA,
    LOGIT_RHO,
    MEAN,
    NEAR,
    NEAR_FROM,
    RHO_LOCATION,
    RHO_SCALE,
    SIZES,
    STARTS,
    STUDIES,
    STUDY,
    TAU,
    TAU_WALK,
    TREATED,
    UNIT,
    WALK_SCALE,
    WEEK,
    WEEK_FROM,
    WEEKS,
    WHITENER,
)
from bayesasthma.pooling.sample_correlations import moved, moved_reverse
from bayesasthma.pooling.study_kernel import study_backward, study_forward


class Effects(NamedTuple):
    """A study's effects (treated, follow_up), how far they deviate, and adjoints of both.

    Deviations are from the mean effects in units of the heterogeneity, and have location 0 and
    scale 1.
    """

    effect: Any
    in_own_unit: Any
    deviation: Any
    deviation_: Any
    location: Any
    scale: Any
    whitener: Any
    basis: Any


@returning
def empty_effects(data: Any, treated: int, follow_up: int) -> Any:
    """`Effects` to be filled."""
    return Effects(
        np.empty((treated, follow_up)),
        np.empty((treated, follow_up)),
        np.empty((treated, follow_up)),
        np.empty((treated, follow_up)),
        np.zeros((treated, follow_up)),
        np.ones(treated),
        matrix(data, WHITENER),
        matrix(data, BASIS),
    )


@borrowing
def visit_shares(x: Any, data: Any, s: int) -> Any:
    """Variance of a study's standardised deviations along their mean, and along each contrast.

    Eigenvalues of the correlation over visits, with the correlation itself.
    """
    study, starts = integer_matrix(data, STUDY)[s], integers(data, STARTS)
    if study[FOLLOW_UP] == 1:
        return 1.0, 1.0, 0.0
    share = sigmoid(x[starts[KAPPA]])
    return 1.0 + (study[FOLLOW_UP] - 1) * share, sigmoid(-x[starts[KAPPA]]), share


@borrowing
def study_effects(x: Any, data: Any, s: int, mean: Any, tau: Any, own: Any) -> None:
    """Effects (treated, follow_up) of a study in the pooled unit and its own, and deviations.

    Coordinates are those of :class:`bayesasthma.models.coordinates.PartlyCentred`, along the
    deviations' mean over visits and its contrasts: where these differ little between visits,
    effects themselves would make a funnel.
    """
    study, unit = integer_matrix(data, STUDY)[s], vector(data, UNIT)[s]
    week, rest = integers(data, WEEK), 1.0 - vector(data, CENTRING)[s]
    treated, follow_up, place = study[TREATED], study[FOLLOW_UP], study[FROM] + study[EFFECT]
    along, across, _ = visit_shares(x, data, s)
    along, across = along ** (0.5 * rest) / np.sqrt(follow_up), across ** (0.5 * rest)
    for f in range(follow_up):
        w = week[study[WEEK_FROM] + f]
        for g in range(treated):
            first = place + g * follow_up
            value = along * x[first]
            for h in range(1, follow_up):
                value += across * own.basis[f, h] * x[first + h]
            own.effect[g, f] = rest * mean[w] + tau[w] ** rest * value
            own.in_own_unit[g, f] = unit * own.effect[g, f]
            own.deviation[g, f] = (own.effect[g, f] - mean[w]) / tau[w]
            own.deviation_[g, f] = 0.0


@borrowing
def study_effects_reverse(
    x: Any, gradient: Any, data: Any, s: int, own: Any, path: Any, path_: Any
) -> Any:
    """Log prior density of a study's effects, about the mean ones.

    Finds the adjoints of the effects by the likelihood in their places of the gradient, sets these
    to those of the values sampled, and adds to those of the common parameters; ``path`` (2, week)
    are mean effects and heterogeneity, ``path_`` adjoints of the former and of the logarithm of the
    latter.
    """
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    week, rest, unit = integers(data, WEEK), 1.0 - vector(data, CENTRING)[s], vector(data, UNIT)[s]
    treated, follow_up, place = study[TREATED], study[FOLLOW_UP], study[FROM] + study[EFFECT]
    mean, tau = path[0], path[1]
    along, across, share = visit_shares(x, data, s)
    total, share_ = pooled_normal(
        own.deviation, own.location, own.scale, own.whitener, share, own.deviation_
    )
    # log-determinant of the coordinates, and adjoints of the logarithms of both variances
    along_, across_ = 0.5 * rest * treated, 0.5 * rest * treated * (follow_up - 1)
    total += along_ * np.log(along) + across_ * np.log(across)
    of_along, of_across = along ** (0.5 * rest) / np.sqrt(follow_up), across ** (0.5 * rest)
    for g in range(treated):
        first = place + g * follow_up
        for h in range(follow_up):
            own.deviation[g, h] = 0.0  # from here on adjoints of the values sampled
        for f in range(follow_up):
            w = week[study[WEEK_FROM] + f]
            prior_ = own.deviation_[g, f] / tau[w]
            effect_ = prior_ + unit * gradient[first + f]
            path_[0, w] += rest * effect_ - prior_
            path_[1, w] += rest * effect_ * (own.effect[g, f] - rest * mean[w]) - (1.0 - rest)
            path_[1, w] -= prior_ * (own.effect[g, f] - mean[w])
            total -= (1.0 - rest) * np.log(tau[w])
            value_ = tau[w] ** rest * effect_
            own.deviation[g, 0] += of_along * value_
            for h in range(1, follow_up):
                own.deviation[g, h] += of_across * own.basis[f, h] * value_
        for h in range(follow_up):
            gradient[first + h] = own.deviation[g, h]
            own_ = 0.5 * rest * own.deviation[g, h] * x[first + h]
            if h == 0:
                along_ += own_
            else:
                across_ += own_
    if follow_up > 1:
        share_ += along_ * (follow_up - 1) / along - across_ / across
        gradient[starts[KAPPA]] += share_ * share * across
    return total


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
    path, path_ = np.empty((2, sizes[WEEKS])), np.zeros((2, sizes[WEEKS]))
    total = common_logp(x, gradient, data)
    mean_effects(x, data, path[0])
    heterogeneities(x, data, path[1])
    for s in range(sizes[STUDIES]):
        study, own_data = studies[s], study_data(data, s)
        start, stop = study[FROM], study[FROM] + study[COUNT]
        own, point = np.empty(study[COUNT]), np.empty(study[COUNT])
        effects = empty_effects(data, study[TREATED], study[FOLLOW_UP])
        shape = integers(own_data, layout.SIZES)
        error = np.zeros((2, shape[layout.ARMS], shape[layout.VISITS]))
        near = vector(data, NEAR)[study[NEAR_FROM] : study[NEAR_FROM] + shape[layout.VISITS]]
        cells, cells_ = empty_cells(own_data), zero_adjoints(own_data)
        own_ = gradient[start:stop]
        study_effects(x, data, s, path[0], path[1], effects)
        own_correlation(x, data, s, own)
        total += study_forward(own, point, own_data, near, effects.in_own_unit, cells, error)
        if shape[layout.BLOCKS]:
            row = empty_rows(shape[layout.ROWS], shape[layout.VISITS])
            work = workspace(shape[layout.ROWS])
            moving = work.M, work.z, work.M_
            moved(own, own_data, cells, work.M, work.z)
            total += tables_logp(own, own_, own_data, 0, cells, cells_, row, work)
            moved_reverse(own, own_, own_data, cells, cells_, moving)
        else:
            total += patients_logp(own, own_, own_data, cells, cells_)
        total += study_backward(own, point, own_, own_data, near, cells, cells_, error)
        total += study_effects_reverse(x, gradient, data, s, effects, path, path_)
        total += own_correlation_reverse(x, gradient, data, own_data, s)
    mean_effects_reverse(x, gradient, data, path_[0])
    heterogeneities_reverse(x, gradient, data, path_[1])
    return total


@compiled
def expand_pooled(x: Any, out: Any, data: Any) -> None:
    """Named parameters, in the places of the values sampled: effects in the pooled unit."""
    sizes, studies = integers(data, SIZES), integer_matrix(data, STUDY)
    starts = integers(data, STARTS)
    for i in range(x.size):
        out[i] = x[i]
    mean, tau = np.empty(sizes[WEEKS]), np.empty(sizes[WEEKS])
    mean_effects(x, data, mean)
    heterogeneities(x, data, tau)
    for k in range(sizes[WEEKS]):
        out[starts[MEAN] + k] = mean[k]
        out[starts[TAU] + k] = tau[k]
    for number in (WALK_SCALE, TAU_WALK, RHO_SCALE):
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
        near = vector(data, NEAR)[study[NEAR_FROM] : study[NEAR_FROM] + shape[layout.VISITS]]
        study_effects(x, data, s, mean, tau, effects)
        own_correlation(x, data, s, own)
        study_forward(own, point, own_data, near, effects.in_own_unit, empty_cells(own_data), error)
        for g in range(study[TREATED]):
            for f in range(study[FOLLOW_UP]):
                place = study[EFFECT] + g * study[FOLLOW_UP] + f
                point[place] /= vector(data, UNIT)[s]
