"""Moments of printed rows that are not all levels, and back to those of the visits.

The mathematics of :func:`bayesasthma.models.moments.row_moments`, of one series.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, returning
from bayesasthma.models.kernels.triangular import (
    PARTS,
    cholesky,
    cholesky_reverse,
    factor_from_z,
    factor_from_z_reverse,
    log_diagonal,
    z_from_factor,
    z_from_factor_reverse,
)


class Rows(NamedTuple):
    """Moments of rows, their adjoints, and what leads to them; for one series at a time.

    Attributes
    ----------
    mu, log_sigma, inverse : array, shape (row,)
    z : array, shape (pair,)
    parts, factor, diagonal : array
        See :class:`bayesasthma.models.kernels.cells.Cells`.
    root : array, shape (row, visit)
        Square root of the rows' covariance: functional times SDs times the visits' factor.
    correlation : array, shape (row, row)
    mu_, log_sigma_, z_, factor_, root_, correlation_ : array
    """

    mu: Any
    log_sigma: Any
    inverse: Any
    z: Any
    parts: Any
    factor: Any
    diagonal: Any
    root: Any
    correlation: Any
    mu_: Any
    log_sigma_: Any
    z_: Any
    factor_: Any
    root_: Any
    correlation_: Any


@returning
def empty_rows(rows: int, visits: int) -> Any:
    """`Rows` to be filled."""
    pairs = rows * (rows - 1) // 2
    return Rows(
        np.empty(rows),
        np.empty(rows),
        np.empty(rows),
        np.empty(pairs),
        np.empty((PARTS, pairs)),
        np.empty((rows, rows)),
        np.empty(rows),
        np.empty((rows, visits)),
        np.empty((rows, rows)),
        np.empty(rows),
        np.empty(rows),
        np.empty(pairs),
        np.empty((rows, rows)),
        np.empty((rows, visits)),
        np.empty((rows, rows)),
    )


@borrowing
def row_moments(functional: Any, mu: Any, inverse: Any, factor: Any, own: Any) -> None:  # noqa: C901
    """Fill in the moments of the rows, and set their adjoints to zero."""
    rows, visits = functional.shape
    root, correlation = own.root, own.correlation
    for a in range(rows):
        own.mu[a] = 0.0
        for t in range(visits):
            own.mu[a] += functional[a, t] * mu[t]
            entry = 0.0
            for s in range(t, visits):
                if functional[a, s] != 0.0:
                    entry += functional[a, s] / inverse[s] * factor[s, t]
            root[a, t] = entry
        for b in range(a + 1):
            entry = 0.0
            for t in range(visits):
                entry += root[a, t] * root[b, t]
            if a == b:
                own.log_sigma[a] = 0.5 * np.log(entry)
                own.inverse[a] = 1.0 / np.sqrt(entry)
                correlation[a, a] = 1.0
            else:
                correlation[a, b] = entry * own.inverse[b]
        for b in range(a):
            correlation[a, b] *= own.inverse[a]
    cholesky(correlation, rows, own.factor)
    z_from_factor(own.factor, rows, own.z)
    # the same factor again, with what the way back needs
    factor_from_z(own.z, rows, own.parts, own.factor)
    log_diagonal(own.parts, rows, own.diagonal)
    k = 0
    for a in range(rows):
        own.mu_[a] = own.log_sigma_[a] = 0.0
        for b in range(a):
            own.factor_[a, b] = own.z_[k] = 0.0
            k += 1
        own.factor_[a, a] = 0.0


@borrowing
def row_moments_reverse(  # noqa: C901
    functional: Any, inverse: Any, factor: Any, own: Any, mu_: Any, log_sd_: Any, factor_: Any
) -> None:
    """From adjoints of the rows' moments to those of the visits', added to."""
    rows, visits = functional.shape
    root, root_ = own.root, own.root_
    correlation, correlation_ = own.correlation, own.correlation_
    factor_from_z_reverse(own.factor_, rows, own.parts, own.z_)
    z_from_factor_reverse(own.factor, rows, own.z_, own.factor_)
    cholesky_reverse(own.factor, rows, own.factor_, correlation_)
    for a in range(rows):
        for t in range(visits):
            root_[a, t] = 0.0
    for a in range(rows):
        for b in range(a):
            change = correlation_[a, b] * correlation[a, b]
            own.log_sigma_[a] -= change
            own.log_sigma_[b] -= change
            scaled = correlation_[a, b] * own.inverse[a] * own.inverse[b]
            for t in range(visits):
                root_[a, t] += scaled * root[b, t]
                root_[b, t] += scaled * root[a, t]
    for a in range(rows):
        # d log sd = d variance / (2 variance)
        scaled = own.log_sigma_[a] * own.inverse[a] * own.inverse[a]
        for t in range(visits):
            root_[a, t] += scaled * root[a, t]
            mu_[t] += functional[a, t] * own.mu_[a]
        for s in range(visits):
            if functional[a, s] != 0.0:
                scale = functional[a, s] / inverse[s]
                for t in range(s + 1):
                    factor_[s, t] += scale * root_[a, t]
                    log_sd_[s] += scale * root_[a, t] * factor[s, t]
