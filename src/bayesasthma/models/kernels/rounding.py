"""Rounding errors of a block's printed numbers, from their normal scores."""

from __future__ import annotations

from math import erf
from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, cube
from bayesasthma.models.kernels.layout import (
    BLOCK_ROWS,
    PRINTED,
    ROUNDING,
    STEP,
    block_shape,
    of_block,
)

ROOT_HALF = float(np.sqrt(0.5))
HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))
ROOT_2PI = float(np.sqrt(2 * np.pi))


@borrowing
def unrounded(x: Any, data: Any, block: int, series: int, numbers: Any) -> Any:
    """Numbers (row, moment) of a series before rounding; log prior density of their scores.

    ``Phi(score) - 1/2`` is uniform on (-1/2, 1/2) and in units of the rounding step.
    """
    shape = block_shape(data, block)
    rows = shape[BLOCK_ROWS]
    printed = cube(data, of_block(block, PRINTED))
    for i in range(rows):
        for m in range(2):
            numbers[i, m] = printed[series, i, m]
    if shape[ROUNDING] < 0:
        return 0.0
    step = cube(data, of_block(block, STEP))
    place = shape[ROUNDING] + series * rows * 2
    total = 0.0
    for i in range(rows):
        for m in range(2):
            score = x[place]
            numbers[i, m] += 0.5 * erf(score * ROOT_HALF) * step[series, i, m]
            total -= 0.5 * score * score + HALF_LOG_2PI
            place += 1
    return total


@borrowing
def unrounded_reverse(
    x: Any, gradient: Any, data: Any, block: int, series: int, numbers_: Any
) -> None:
    """From adjoints of the numbers to the gradient by the scores, which is set."""
    shape = block_shape(data, block)
    if shape[ROUNDING] < 0:
        return
    rows = shape[BLOCK_ROWS]
    step = cube(data, of_block(block, STEP))
    place = shape[ROUNDING] + series * rows * 2
    for i in range(rows):
        for m in range(2):
            score = x[place]
            density = np.exp(-0.5 * score * score) / ROOT_2PI
            gradient[place] = numbers_[i, m] * step[series, i, m] * density - score
            place += 1
