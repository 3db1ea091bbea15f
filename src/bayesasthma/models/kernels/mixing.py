"""Coordinates of the means, mixed over outcomes by a Cholesky factor, and back.

Those of :class:`bayesasthma.models.coordinates.Coordinates`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integers, matrix
from bayesasthma.models.kernels.data import length
from bayesasthma.models.kernels.layout import (
    ARMS,
    BASELINE,
    BASELINE_LEVEL,
    EFFECT,
    FACTOR,
    FOLLOW_UP,
    FREE_BASELINE,
    IMBALANCE,
    OUTCOMES,
    SIZES,
    STARTS,
    VISIT_STEP,
    VISITS,
)


@borrowing
def _sizes(sizes: Any, number: int) -> Any:
    """Numbers of one outcome in a parameter of the means."""
    if number == BASELINE_LEVEL:
        return 1
    if number == VISIT_STEP:
        return sizes[VISITS] - 1
    if number == IMBALANCE:
        return sizes[ARMS] - 1 if sizes[BASELINE] == FREE_BASELINE else 0
    return (sizes[ARMS] - 1) * sizes[FOLLOW_UP]


@borrowing
def mix(x: Any, point: Any, data: Any) -> Any:
    """Values of the parameters of the means, from those sampled; logarithm of the Jacobian."""
    sizes, starts, factor = integers(data, SIZES), integers(data, STARTS), matrix(data, FACTOR)
    outcomes, mixed = sizes[OUTCOMES], length(data, FACTOR, 0) > 0
    total = 0.0
    for number in (BASELINE_LEVEL, VISIT_STEP, IMBALANCE, EFFECT):
        first, each = starts[number], _sizes(sizes, number)
        if not mixed:
            for i in range(first, first + outcomes * each):
                point[i] = x[i]
            continue
        for k in range(outcomes):
            total += each * np.log(abs(factor[k, k]))
            for i in range(each):
                entry = 0.0
                for h in range(k + 1):
                    entry += factor[k, h] * x[first + h * each + i]
                point[first + k * each + i] = entry
    return total


@borrowing
def mix_reverse(gradient: Any, data: Any) -> None:
    """From adjoints of the parameters of the means to those of the values sampled, in place."""
    sizes, starts, factor = integers(data, SIZES), integers(data, STARTS), matrix(data, FACTOR)
    outcomes = sizes[OUTCOMES]
    if length(data, FACTOR, 0) == 0:
        return
    for number in (BASELINE_LEVEL, VISIT_STEP, IMBALANCE, EFFECT):
        first, each = starts[number], _sizes(sizes, number)
        for i in range(each):
            # the factor is lower triangular: what is overwritten is not read again
            for h in range(outcomes):
                entry = 0.0
                for k in range(h, outcomes):
                    entry += factor[k, h] * gradient[first + k * each + i]
                gradient[first + h * each + i] = entry
