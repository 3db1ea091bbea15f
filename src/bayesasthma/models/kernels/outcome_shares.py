"""Hyperparameters of the joint model, and the correlation between outcomes that they make."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integers, vector
from bayesasthma.models.kernels.data import integer
from bayesasthma.models.kernels.joint_layout import (
    DIRECTED,
    DOMAIN_SHARE_PRIOR,
    GENERAL_SHARE_PRIOR,
    GROUPS,
    MEMBER,
    SIGN,
)
from bayesasthma.models.kernels.layout import (
    DEVIATION_SCALE,
    DEVIATION_TAIL,
    DOMAIN_SHARE,
    FAMILY,
    FLAT,
    FOLLOW_UP,
    GENERAL_SHARE,
    OUTCOMES,
    POOLING,
    SIZES,
    STARTS,
)
from bayesasthma.models.kernels.special import beta_log_odds, sigmoid
from bayesasthma.models.outcome_groups import RELIABILITY


@borrowing
def hyperparameters(x: Any, point: Any, data: Any) -> None:
    """Fill in the named parameters that outcomes share."""
    sizes, starts, groups = integers(data, SIZES), integers(data, STARTS), integer(data, GROUPS)
    point[starts[GENERAL_SHARE]] = sigmoid(x[starts[GENERAL_SHARE]])
    for d in range(groups):
        place = starts[DOMAIN_SHARE] + d
        point[place] = sigmoid(x[place])
    if sizes[FAMILY] == FLAT:
        return
    point[starts[DEVIATION_SCALE]] = np.exp(x[starts[DEVIATION_SCALE]])
    for k in range(sizes[OUTCOMES]):
        place = starts[DEVIATION_TAIL] + k
        point[place] = x[place]
    if sizes[FOLLOW_UP] > 1:
        for d in range(groups):
            place = starts[POOLING] + d
            point[place] = sigmoid(x[place])


@borrowing
def outcome_correlation(point: Any, data: Any, q: Any) -> None:
    """What :func:`bayesasthma.models.outcome_groups.outcome_correlation` returns."""
    starts, member = integers(data, STARTS), integers(data, MEMBER)
    directed, sign = vector(data, DIRECTED), vector(data, SIGN)
    general = point[starts[GENERAL_SHARE]]
    for a in range(member.size):
        within = (1.0 - general * directed[a]) * point[starts[DOMAIN_SHARE] + member[a]]
        for b in range(a):
            entry = general * directed[a] * directed[b]
            if member[a] == member[b]:
                entry += within
            q[a, b] = RELIABILITY * sign[a] * sign[b] * entry
        q[a, a] = 1.0


@borrowing
def outcome_correlation_reverse(x: Any, point: Any, gradient: Any, data: Any, q_: Any) -> Any:
    """Log prior density of the shares; sets their gradient."""
    starts, member = integers(data, STARTS), integers(data, MEMBER)
    directed, sign = vector(data, DIRECTED), vector(data, SIGN)
    groups, first = integer(data, GROUPS), starts[DOMAIN_SHARE]
    general, general_, total = point[starts[GENERAL_SHARE]], 0.0, 0.0
    for d in range(groups):
        gradient[first + d] = 0.0
    for a in range(member.size):
        place = first + member[a]
        for b in range(a):
            entry_ = RELIABILITY * sign[a] * sign[b] * q_[a, b]
            general_ += entry_ * directed[a] * directed[b]
            if member[a] == member[b]:
                general_ -= entry_ * directed[a] * point[place]
                gradient[place] += entry_ * (1.0 - general * directed[a])
    prior = vector(data, DOMAIN_SHARE_PRIOR)
    for d in range(groups):
        place = first + d
        value, slope = beta_log_odds(x[place], prior[0], prior[1])
        total += value
        gradient[place] = slope + gradient[place] * point[place] * sigmoid(-x[place])
    prior, place = vector(data, GENERAL_SHARE_PRIOR), starts[GENERAL_SHARE]
    value, slope = beta_log_odds(x[place], prior[0], prior[1])
    gradient[place] = slope + general_ * general * sigmoid(-x[place])
    return total + value
