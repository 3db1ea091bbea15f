"""Likelihood of the blocks of printed tables, of one outcome."""

from __future__ import annotations

from typing import Any

from bayesasthma.models.kernels.borrowing import borrowing, integers, matrix
from bayesasthma.models.kernels.cells import series_before
from bayesasthma.models.kernels.layout import (
    ARM,
    BALANCED,
    BLOCKS,
    CONSTANT,
    EPSILON,
    FIRST,
    FISHER_SCALE,
    FREE,
    FREE_PAIRS,
    FUNCTIONAL,
    LEVELS,
    PINNED_Z,
    SIZES,
    N,
    block_shape,
    of_block,
)
from bayesasthma.models.kernels.rounding import unrounded, unrounded_reverse
from bayesasthma.models.kernels.rows import row_moments, row_moments_reverse
from bayesasthma.models.kernels.tables import series_logp


@borrowing
def unrounded_numbers(x: Any, data: Any, outcome: int, numbers: Any) -> Any:
    """Fill in an outcome's numbers before rounding; log prior density of their scores."""
    total = 0.0
    for block in range(integers(data, SIZES)[BLOCKS]):
        before, first = series_before(data, block), integers(data, of_block(block, FIRST))
        for s in range(first[outcome], first[outcome + 1]):
            total += unrounded(x, data, block, s, numbers[before + s])
    return total


@borrowing
def unrounded_numbers_reverse(
    x: Any, gradient: Any, data: Any, outcome: int, numbers_: Any
) -> None:
    """Set the gradient by the scores of an outcome."""
    for block in range(integers(data, SIZES)[BLOCKS]):
        before, first = series_before(data, block), integers(data, of_block(block, FIRST))
        for s in range(first[outcome], first[outcome + 1]):
            unrounded_reverse(x, gradient, data, block, s, numbers_[before + s])


@borrowing
def tables_logp(
    x: Any, gradient: Any, data: Any, outcome: int, cells: Any, cells_: Any, row: Any, work: Any
) -> Any:
    """Log-density of what is printed of an outcome, with that of ``epsilon``.

    Sets the gradient by ``epsilon``, and adds to the adjoints of the outcome's cells.
    """
    total = 0.0
    mu, log_sd, inverse = cells.mu[outcome], cells.log_sd[outcome], cells.inverse[outcome]
    z, factor, diagonal = cells.z[outcome], cells.factor[outcome], cells.diagonal[outcome]
    mu_, log_sd_ = cells_.mu[outcome], cells_.log_sd[outcome]
    z_, factor_ = cells_.z[outcome], cells_.factor[outcome]
    for block in range(integers(data, SIZES)[BLOCKS]):
        before, shape = series_before(data, block), block_shape(data, block)
        first, arm = integers(data, of_block(block, FIRST)), integers(data, of_block(block, ARM))
        free = integers(data, of_block(block, FREE))
        functional = matrix(data, of_block(block, FUNCTIONAL))
        n, constant = matrix(data, of_block(block, N)), matrix(data, of_block(block, CONSTANT))
        scale = matrix(data, of_block(block, FISHER_SCALE))
        pinned_z = matrix(data, of_block(block, PINNED_Z))
        each = shape[FREE_PAIRS]
        for s in range(first[outcome], first[outcome + 1]):
            g = arm[s]
            place = shape[EPSILON] + s * each
            own, own_ = cells.numbers[before + s], cells_.numbers[before + s]
            epsilon, epsilon_ = x[place : place + each], gradient[place : place + each]
            if shape[LEVELS]:
                total += series_logp(
                    own, mu[g], log_sd[g], inverse[g], z, factor, diagonal, epsilon, free,
                    n[s], constant[s], scale[s], pinned_z[s], shape[BALANCED],
                    own_, mu_[g], log_sd_[g], z_, factor_, epsilon_, work,
                )  # fmt: skip
                continue
            row_moments(functional, mu[g], inverse[g], factor, row)
            total += series_logp(
                own, row.mu, row.log_sigma, row.inverse, row.z, row.factor, row.diagonal,
                epsilon, free, n[s], constant[s], scale[s], pinned_z[s], shape[BALANCED],
                own_, row.mu_, row.log_sigma_, row.z_, row.factor_, epsilon_, work,
            )  # fmt: skip
            row_moments_reverse(functional, inverse[g], factor, row, mu_[g], log_sd_[g], factor_)
    return total
