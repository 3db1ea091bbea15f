"""Effects of one study of a pooled model: from their coordinates, and their prior.

Deviations from the mean effects, in units of the heterogeneity, are taken apart into their mean
over visits and contrasts, and each is sampled in units of its own SD. Of studies of thousands of
patients (`WHOLE`) effects are sampled themselves. Of one study alone both its effects, averaged
over its arms, and its deviations are, for these determine the mean effects; what it says is of
their sum alone. Any coordinates give the same posterior; the determinants of these are in the
density. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesasthma.models.kernels.borrowing import (
    borrowing,
    integer_matrix,
    integers,
    matrix,
    returning,
    vector,
)
from bayesasthma.models.kernels.effects import pooled_normal
from bayesasthma.models.kernels.special import sigmoid
from bayesasthma.pooling.common_kernel import mean_logp
from bayesasthma.pooling.layout import (
    BASIS,
    EFFECT,
    FOLLOW_UP,
    FROM,
    KAPPA,
    MEAN,
    SIZES,
    STARTS,
    STUDIES,
    STUDY,
    TREATED,
    UNIT,
    WEEK,
    WEEK_FROM,
    WHITENER,
    WHOLE,
)


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
def coordinate_scales(x: Any, data: Any, s: int) -> Any:
    """What a study's coordinates are multiplied by: that of the mean over visits, and contrasts."""
    follow_up = integer_matrix(data, STUDY)[s, FOLLOW_UP]
    if integers(data, WHOLE)[s]:
        return 1.0 / np.sqrt(follow_up), 1.0
    along, across, _ = visit_shares(x, data, s)
    return np.sqrt(along / follow_up), np.sqrt(across)


@borrowing
def arms_mean(values: Any, visit: int) -> Any:
    """Of values (treated, follow_up) at a visit."""
    total = 0.0
    for g in range(values.shape[0]):
        total += values[g, visit]
    return total / values.shape[0]


@borrowing
def study_effects(x: Any, data: Any, s: int, path: Any, own: Any) -> None:
    """Effects (treated, follow_up) of a study in the pooled unit and its own, and deviations.

    ``path`` (2, week) are mean effects and heterogeneity; of one study alone, the former are found
    here.
    """
    study, unit = integer_matrix(data, STUDY)[s], vector(data, UNIT)[s]
    week, whole = integers(data, WEEK), integers(data, WHOLE)[s]
    treated, follow_up = study[TREATED], study[FOLLOW_UP]
    scale, root = coordinate_scales(x, data, s)
    for g in range(treated):
        first = study[FROM] + study[EFFECT] + g * follow_up
        for f in range(follow_up):
            w = week[study[WEEK_FROM] + f]
            value = scale * x[first]
            for h in range(1, follow_up):
                value += root * own.basis[f, h] * x[first + h]
            own.deviation[g, f] = (value - path[0, w]) / path[1, w] if whole else value
            own.deviation_[g, f] = 0.0
    for f in range(follow_up):
        w = week[study[WEEK_FROM] + f]
        if integers(data, SIZES)[STUDIES] == 1:
            path[0, w] -= path[1, w] * arms_mean(own.deviation, f)
        for g in range(treated):
            own.effect[g, f] = path[0, w] + path[1, w] * own.deviation[g, f]
            own.in_own_unit[g, f] = unit * own.effect[g, f]


@borrowing
def study_effects_reverse(  # noqa: C901, PLR0912
    x: Any, gradient: Any, data: Any, s: int, own: Any, path: Any, path_: Any
) -> Any:
    """Log prior density of a study's effects, about the mean ones.

    Finds the adjoints of the effects by the likelihood in their places of the gradient, sets these
    to those of the values sampled, and adds to those of the common parameters; ``path_`` (2, week)
    are adjoints of the mean effects and of the logarithm of the heterogeneity.
    """
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    week, whole, unit = integers(data, WEEK), integers(data, WHOLE)[s], vector(data, UNIT)[s]
    treated, follow_up = study[TREATED], study[FOLLOW_UP]
    along, across, kappa = visit_shares(x, data, s)
    scale, root = coordinate_scales(x, data, s)
    total, kappa_ = pooled_normal(
        own.deviation, own.location, own.scale, own.whitener, kappa, own.deviation_
    )
    for g in range(treated):
        first = study[FROM] + study[EFFECT] + g * follow_up
        for f in range(follow_up):
            w = week[study[WEEK_FROM] + f]
            effect_, tau = unit * gradient[first + f], path[1, w]
            if whole:
                effect_ += own.deviation_[g, f] / tau
                path_[0, w] -= own.deviation_[g, f] / tau
                path_[1, w] -= own.deviation_[g, f] * own.deviation[g, f] + 1.0
                total -= np.log(tau)
                own.deviation_[g, f] = effect_  # of what is sampled, from here on
            else:
                path_[0, w] += effect_
                path_[1, w] += tau * own.deviation[g, f] * effect_
                own.deviation_[g, f] += tau * effect_
    if integers(data, SIZES)[STUDIES] == 1:
        total += mean_logp(x, gradient, data, path[0], path_[0])
        for f in range(follow_up):
            w = week[study[WEEK_FROM] + f]
            gradient[starts[MEAN] + w] = path_[0, w]
            path_[1, w] -= path[1, w] * arms_mean(own.deviation, f) * path_[0, w]
            for g in range(treated):
                own.deviation_[g, f] -= path[1, w] * path_[0, w] / treated
    along_, across_ = 0.0, 0.0
    for g in range(treated):
        first = study[FROM] + study[EFFECT] + g * follow_up
        for h in range(follow_up):
            value_ = 0.0
            for f in range(follow_up):
                value_ += (root * own.basis[f, h] if h else scale) * own.deviation_[g, f]
            gradient[first + h] = value_
            if h:
                across_ += 0.5 * (x[first + h] * value_ + 1.0)
            else:
                along_ += 0.5 * (x[first] * value_ + 1.0)
    if follow_up > 1 and not whole:
        kappa_ += along_ * (follow_up - 1) / along - across_ / across
    if not whole:
        total += 0.5 * treated * (np.log(along) + (follow_up - 1) * np.log(across))
    if follow_up > 1:
        gradient[starts[KAPPA]] += kappa_ * kappa * across
    return total
