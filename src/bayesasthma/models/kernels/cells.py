"""What a point says of every outcome: moments of the population, and numbers before rounding.

The longitudinal kernels compute these from the flat vector, outcome by outcome; densities of the
data read them and leave adjoints, marked by a trailing ``_``; then the adjoints are carried back to
the flat vector. All outcomes are held at a time, for the joint model's density needs them so.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integers, returning
from bayesasthma.models.kernels.layout import (
    ARMS,
    BLOCKS,
    FOLLOW_UP,
    OUTCOMES,
    ROWS,
    SERIES,
    SIZES,
    VISITS,
    block_shape,
)
from bayesasthma.models.kernels.triangular import PARTS


class Cells(NamedTuple):
    """Quantities by outcome.

    Attributes
    ----------
    mu, log_sd, inverse : array, shape (outcome, arm, visit)
        ``inverse`` is one over the SD.
    z : array, shape (outcome, pair)
        Partial correlations over visits on Fisher's z scale.
    parts : array, shape (outcome, part, pair)
        See :func:`bayesasthma.models.kernels.triangular.factor_from_z`.
    factor : array, shape (outcome, visit, visit)
        Cholesky factor of the correlation.
    diagonal : array, shape (outcome, visit)
        Logarithm of its diagonal.
    slope : array, shape (outcome, follow_up)
        Of the regression of follow-up visits on baseline.
    imbalance : array, shape (outcome, treated)
        The difference at baseline that is carried forward.
    numbers : array, shape (series, row, moment)
        Printed numbers before rounding, of all blocks one after the other.
    """

    mu: Any
    log_sd: Any
    inverse: Any
    z: Any
    parts: Any
    factor: Any
    diagonal: Any
    slope: Any
    imbalance: Any
    numbers: Any


class Adjoints(NamedTuple):
    """Adjoints of `Cells` that densities add to; ``slope`` belongs to the way back."""

    mu: Any
    log_sd: Any
    z: Any
    factor: Any
    slope: Any
    numbers: Any


@borrowing
def series_before(data: Any, block: int) -> Any:
    """Number of series in the blocks before one."""
    total = 0
    for b in range(block):
        total += block_shape(data, b)[SERIES]
    return total


@returning
def empty_cells(data: Any) -> Any:
    """`Cells` to be filled."""
    sizes = integers(data, SIZES)
    outcomes, arms, visits = sizes[OUTCOMES], sizes[ARMS], sizes[VISITS]
    pairs = visits * (visits - 1) // 2
    return Cells(
        np.empty((outcomes, arms, visits)),
        np.empty((outcomes, arms, visits)),
        np.empty((outcomes, arms, visits)),
        np.empty((outcomes, pairs)),
        np.empty((outcomes, PARTS, pairs)),
        np.empty((outcomes, visits, visits)),
        np.empty((outcomes, visits)),
        np.zeros((outcomes, sizes[FOLLOW_UP])),
        np.zeros((outcomes, arms - 1)),
        np.empty((series_before(data, sizes[BLOCKS]), sizes[ROWS], 2)),
    )


@returning
def zero_adjoints(data: Any) -> Any:
    """`Adjoints` to be added to."""
    sizes = integers(data, SIZES)
    outcomes, arms, visits = sizes[OUTCOMES], sizes[ARMS], sizes[VISITS]
    return Adjoints(
        np.zeros((outcomes, arms, visits)),
        np.zeros((outcomes, arms, visits)),
        np.zeros((outcomes, visits * (visits - 1) // 2)),
        np.zeros((outcomes, visits, visits)),
        np.zeros((outcomes, sizes[FOLLOW_UP])),
        np.zeros((series_before(data, sizes[BLOCKS]), sizes[ROWS], 2)),
    )
