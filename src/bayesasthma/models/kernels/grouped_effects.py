"""Prior of treatment effects that share strength over visits and within domains.

The mathematics of :func:`bayesasthma.models.distributions.grouped_normal`: the domains' effects are
integrated out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.joint_data import POOLING as POOLING_PRIOR
from bayesasthma.models.kernels.borrowing import (
    borrowing,
    cube,
    integers,
    matrix,
    returning,
    vector,
)
from bayesasthma.models.kernels.data import integer
from bayesasthma.models.kernels.joint_layout import (
    DEVIATION_PRIOR,
    GROUPS,
    MEMBER,
    POOLED,
    SIGN,
)
from bayesasthma.models.kernels.layout import (
    ARMS,
    DEVIATION_SCALE,
    DEVIATION_TAIL,
    EFFECT,
    EFFECT_LOCATION,
    EFFECT_SCALE,
    FAMILY,
    FLAT,
    FOLLOW_UP,
    OUTCOMES,
    POOLING,
    SIZES,
    STARTS,
    WHITENER,
)
from bayesasthma.models.kernels.special import beta_log_odds, normal, sigmoid
from bayesasthma.models.outcome_groups import TAIL_SCALE

LOG_2PI = float(np.log(2 * np.pi))
POOLING_A, POOLING_B = POOLING_PRIOR


@returning
def grouped_effects(x: Any, point: Any, gradient: Any, data: Any) -> Any:
    """Log-density of the effects and of the parameters of their prior, on the scale sampled.

    Sets their entries of the gradient, those of the effects to the adjoints of the effects. It
    reads the named parameters.
    """
    sizes, starts = integers(data, SIZES), integers(data, STARTS)
    outcomes, treated, count = sizes[OUTCOMES], sizes[ARMS] - 1, sizes[FOLLOW_UP]
    first, last = starts[EFFECT], starts[EFFECT] + outcomes * treated * count
    if sizes[FAMILY] == FLAT:
        for i in range(first, last):
            gradient[i] = 0.0
        return 0.0
    shape = (outcomes, treated, count)
    own, own_ = point[first:last].reshape(shape), gradient[first:last].reshape(shape)
    tail = starts[DEVIATION_TAIL]
    tail_, weighted = gradient[tail : tail + outcomes], np.empty(count)
    for k in range(outcomes):
        tail_[k] = 0.0
    total = _whiten(own, data, own_)
    for d in range(integer(data, GROUPS)):
        share, share_, place = 0.0, 0.0, starts[POOLING] + d
        if count > 1:
            share = point[place]
        for g in range(treated):
            value, slope = _group(point, data, d, g, share, own_, tail_, weighted)
            total += value
            share_ += slope
        if count > 1:
            value, slope = beta_log_odds(x[place], POOLING_A, POOLING_B)
            total += value
            gradient[place] = slope + share_ * share * sigmoid(-x[place])
    _whiten_reverse(data, own_)
    place, prior = starts[DEVIATION_SCALE], vector(data, DEVIATION_PRIOR)
    value, slope = normal(x[place], np.log(prior[0]), prior[1])
    total += value
    gradient[place] = slope
    for k in range(outcomes):
        value, slope = normal(x[tail + k], 0.0, 1.0)
        total += value
        # so far, the adjoint of the logarithm of the outcome's deviation
        gradient[place] += tail_[k]
        tail_[k] = slope + TAIL_SCALE * tail_[k]
    return total


@borrowing
def _whiten(own: Any, data: Any, white: Any) -> Any:
    """Benefits in prior SDs, arms made independent; logarithm of the Jacobian and a constant."""
    location, scale = cube(data, EFFECT_LOCATION), matrix(data, EFFECT_SCALE)
    whitener, sign = matrix(data, WHITENER), vector(data, SIGN)
    outcomes, treated, count = own.shape
    total = 0.0
    for k in range(outcomes):
        for g in range(treated):
            total += count * (np.log(whitener[g, g] / scale[k, g]) - 0.5 * LOG_2PI)
            for j in range(count):
                entry = 0.0
                for h in range(g + 1):
                    entry += whitener[g, h] * (own[k, h, j] - location[k, h, j]) / scale[k, h]
                white[k, g, j] = sign[k] * entry
    return total


@borrowing
def _whiten_reverse(data: Any, own_: Any) -> None:
    """From adjoints of the whitened benefits to those of the effects, in place."""
    scale, whitener, sign = matrix(data, EFFECT_SCALE), matrix(data, WHITENER), vector(data, SIGN)
    outcomes, treated, count = own_.shape
    for k in range(outcomes):
        for j in range(count):
            # the whitener is lower triangular: what is overwritten is not read again
            for h in range(treated):
                entry = 0.0
                for g in range(h, treated):
                    entry += whitener[g, h] * own_[k, g, j]
                own_[k, h, j] = sign[k] * entry / scale[k, h]


@borrowing
def _loading(point: Any, data: Any, outcome: int, arm: int) -> Any:
    """What :func:`bayesasthma.models.outcome_groups.loadings` returns, of one outcome and arm."""
    if vector(data, POOLED)[outcome] == 0.0:
        return 0.0, 1.0
    starts = integers(data, STARTS)
    tail = np.exp(TAIL_SCALE * point[starts[DEVIATION_TAIL] + outcome])
    deviation = point[starts[DEVIATION_SCALE]] * tail
    scale = matrix(data, EFFECT_SCALE)[outcome, arm]
    squares = scale * scale + deviation * deviation
    return scale / np.sqrt(squares), deviation * deviation / squares


@borrowing
def _quadratic(x: Any, share: float) -> Any:
    """``x' V^-1 x``, ``V`` having ones and ``share`` off the diagonal; its slope by ``share``.

    ``x`` is overwritten by ``V^-1 x``.
    """
    inflation = 1.0 + (x.size - 1) * share
    squares, sums = 0.0, 0.0
    for j in range(x.size):
        squares += x[j] * x[j]
        sums += x[j]
    for j in range(x.size):
        x[j] = (x[j] - share / inflation * sums) / (1.0 - share)
    value = (squares - share / inflation * sums * sums) / (1.0 - share)
    return value, (value - sums * sums / (inflation * inflation)) / (1.0 - share)


@borrowing
def _group(
    point: Any,
    data: Any,
    group: int,
    arm: int,
    share: float,
    white: Any,
    deviation_: Any,
    weighted: Any,
) -> Any:
    """Log-density of a group's whitened benefits in one arm, and its slope by ``share``.

    The benefits are overwritten by their adjoints; those of the logarithms of the deviations are
    added to.
    """
    member, count = integers(data, MEMBER), weighted.size
    for j in range(count):
        weighted[j] = 0.0
    precision = 1.0
    for k in range(member.size):
        if member[k] == group:
            loading, rest = _loading(point, data, k, arm)
            precision += loading * loading / rest
            for j in range(count):
                weighted[j] += loading / rest * white[k, arm, j]
    value, slope = _quadratic(weighted, share)
    total = 0.5 * (value / precision - count * np.log(precision))
    share_ = 0.5 * slope / precision
    precision_ = -0.5 * (value / precision + count) / precision
    inflation = 1.0 + (count - 1) * share
    over_visits = (count - 1) * np.log1p(-share) + np.log(inflation)
    for k in range(member.size):
        if member[k] != group:
            continue
        loading, rest = _loading(point, data, k, arm)
        ratio, ratio_ = loading / rest, 0.0
        for j in range(count):
            weighted_ = weighted[j] / precision
            ratio_ += weighted_ * white[k, arm, j]
        value, slope = _quadratic(white[k, arm], share)
        for j in range(count):
            white[k, arm, j] = (ratio * weighted[j] / precision) - white[k, arm, j] / rest
        total -= 0.5 * (value / rest + count * np.log(rest) + over_visits)
        share_ -= 0.5 * (slope / rest + (count - 1) / inflation - (count - 1) / (1.0 - share))
        # slopes by the logarithm of the deviation: of log rest, of the log ratio, and of what is
        # added to the precision
        square = loading * loading
        deviation_[k] += (
            (value / rest - count) * square
            - ratio_ * ratio * (1.0 + square)
            - 2.0 * precision_ * square / rest
        )
    return total, share_
