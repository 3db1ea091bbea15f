"""Coordinates of the unseen sample correlations that move with the sample SDs.

Where an arm's SDs all lie above the population's, so do its sample correlations: what is large at
all visits is common to them. Partial correlations in units of their own scatter about the
population's (:mod:`bayesasthma.models.kernels.tables`) and an arm's SDs then are known together
far better than each, the more so the more visits, and long chains tell little of either. Given the
SDs of two variables in units of the population's, ``exp(a)`` and ``exp(b)``, the density of their
sample correlation ``r`` is largest about where ``r / (1 - r^2)`` is ``exp(a + b)`` times that of
the population (Wishart; for many patients), on Fisher's z scale about ``(a + b) / 2 * tanh(2 z)``
above it. Coordinates are the distances from there: of partial correlations, with the SDs that the
variables have given those before. Each moves by what comes before it, so that the determinant of
the change is 1. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integers, matrix
from bayesasthma.models.kernels.cells import series_before
from bayesasthma.models.kernels.layout import (
    ARM,
    BLOCK_ROWS,
    BLOCKS,
    EPSILON,
    FISHER_SCALE,
    FREE,
    FREE_PAIRS,
    LEVELS,
    PINNED_Z,
    SERIES,
    SIZES,
    block_shape,
    of_block,
)
from bayesasthma.models.kernels.triangular import LOG_2, LOG_SECH, TANH


@borrowing
def log_sech(z: float) -> Any:
    """Logarithm of the hyperbolic secant."""
    absolute = abs(z)
    return LOG_2 - absolute - np.log1p(np.exp(-2.0 * absolute))


@borrowing
def moved(x: Any, data: Any, cells: Any, sd: Any, own_z: Any) -> None:
    """Set each ``epsilon`` of ``x``, in place, to that of the tables' likelihood.

    ``sd`` (visit, visit) and ``own_z`` (pair,) are for use here.
    """
    for block in range(integers(data, SIZES)[BLOCKS]):
        shape = block_shape(data, block)
        if shape[LEVELS]:
            for s in range(shape[SERIES]):
                _series(x, data, cells, block, s, sd, own_z)


@borrowing
def _series(x: Any, data: Any, cells: Any, block: int, s: int, sd: Any, own_z: Any) -> None:
    """One series; fills in the logarithms of its SDs, given the visits before, and its ``z``."""
    shape, free = block_shape(data, block), integers(data, of_block(block, FREE))
    scale = matrix(data, of_block(block, FISHER_SCALE))[s]
    pinned = matrix(data, of_block(block, PINNED_Z))[s]
    numbers = cells.numbers[series_before(data, block) + s]
    log_sd = cells.log_sd[0][integers(data, of_block(block, ARM))[s]]
    z, parts = cells.z[0], cells.parts[0]
    first = shape[EPSILON] + s * shape[FREE_PAIRS]
    k = 0
    for i in range(shape[BLOCK_ROWS]):
        sd[i, 0] = np.log(numbers[i, 1]) - log_sd[i]
        for j in range(i):
            if free[k] < 0:
                own_z[k] = pinned[k]
            else:
                tanh = parts[TANH, k]
                double = 2.0 * tanh / (1.0 + tanh * tanh)
                move = 0.5 * (sd[i, j] + sd[j, j]) * double
                x[first + free[k]] += move / scale[k]
                own_z[k] = z[k] + scale[k] * x[first + free[k]]
            sd[i, j + 1] = sd[i, j] + log_sech(own_z[k]) - parts[LOG_SECH, k]
            k += 1


@borrowing
def moved_reverse(
    moved_x: Any, gradient: Any, data: Any, cells: Any, cells_: Any, work: Any
) -> None:
    """From adjoints of what `moved` made, its ``moved_x``, to those of what it was given.

    ``work`` are three arrays for use here: those of `moved`, and another of the first's shape.
    """
    for block in range(integers(data, SIZES)[BLOCKS]):
        shape = block_shape(data, block)
        if shape[LEVELS]:
            for s in range(shape[SERIES]):
                _series_reverse(moved_x, gradient, data, cells, cells_, block, s, work)


@borrowing
def _series_reverse(
    moved_x: Any,
    gradient: Any,
    data: Any,
    cells: Any,
    cells_: Any,
    block: int,
    s: int,
    work: Any,
) -> None:
    shape, free = block_shape(data, block), integers(data, of_block(block, FREE))
    rows = shape[BLOCK_ROWS]
    scale = matrix(data, of_block(block, FISHER_SCALE))[s]
    pinned = matrix(data, of_block(block, PINNED_Z))[s]
    before, arm = series_before(data, block), integers(data, of_block(block, ARM))[s]
    numbers, numbers_ = cells.numbers[before + s], cells_.numbers[before + s]
    log_sd, log_sd_ = cells.log_sd[0][arm], cells_.log_sd[0][arm]
    z, z_, parts = cells.z[0], cells_.z[0], cells.parts[0]
    first = shape[EPSILON] + s * shape[FREE_PAIRS]
    sd, own_z, sd_ = work
    k = 0
    for i in range(rows):
        sd[i, 0] = np.log(numbers[i, 1]) - log_sd[i]
        for j in range(i + 1):
            sd_[i, j] = 0.0
        for j in range(i):
            own_z[k] = pinned[k]
            if free[k] >= 0:
                own_z[k] = z[k] + scale[k] * moved_x[first + free[k]]
            sd[i, j + 1] = sd[i, j] + log_sech(own_z[k]) - parts[LOG_SECH, k]
            k += 1
    for i in range(rows - 1, -1, -1):
        for j in range(i - 1, -1, -1):
            k -= 1
            # the SD given one visit more is that given one less, by the correlation with that one
            further_ = sd_[i, j + 1]
            sd_[i, j] += further_
            tanh = parts[TANH, k]
            z_[k] += tanh * further_
            own_z_ = -np.tanh(own_z[k]) * further_
            if free[k] >= 0:
                place = first + free[k]
                gradient[place] += scale[k] * own_z_
                z_[k] += own_z_
                double = 2.0 * tanh / (1.0 + tanh * tanh)
                move_ = gradient[place] / scale[k]
                z_[k] += (sd[i, j] + sd[j, j]) * (1.0 - double * double) * move_
                sd_[i, j] += 0.5 * double * move_
                sd_[j, j] += 0.5 * double * move_
        numbers_[i, 1] += sd_[i, 0] / numbers[i, 1]
        log_sd_[i] -= sd_[i, 0]
