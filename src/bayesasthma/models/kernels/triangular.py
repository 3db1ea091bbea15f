"""Triangular algebra of correlation matrices, each step with its reverse.

A correlation matrix is given by its canonical partial correlations on Fisher's z scale, in the
order of :func:`bayesasthma.correlation.pairs`. A trailing ``_`` marks the adjoint: the derivative
of the log-density with respect to a quantity. Adjoints are added to, so that several uses of a
quantity can follow one another. Of square arrays the lower triangle alone is read and written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing

#: Rows of what `factor_from_z` keeps of each pair: tanh z, sech z, log sech z, and the product of
#: the sech of the pairs before it in its row.
TANH, SECH, LOG_SECH, BEFORE = range(4)
PARTS = 4

LOG_2 = float(np.log(2.0))


@borrowing
def factor_from_z(z: Any, size: int, parts: Any, factor: Any) -> None:
    """Cholesky factor of a correlation matrix."""
    k = 0
    for i in range(size):
        rest = 1.0
        for j in range(i):
            # one exponential gives tanh, sech and the logarithm of sech without cancellation
            absolute = abs(z[k])
            small = np.exp(-absolute)
            square = small * small
            tanh = (1.0 - square) / (1.0 + square)
            parts[TANH, k] = tanh if z[k] >= 0.0 else -tanh
            parts[SECH, k] = 2.0 * small / (1.0 + square)
            parts[LOG_SECH, k] = LOG_2 - absolute - np.log1p(square)
            parts[BEFORE, k] = rest
            factor[i, j] = parts[TANH, k] * rest
            rest *= parts[SECH, k]
            k += 1
        factor[i, i] = rest


@borrowing
def factor_from_z_reverse(factor_: Any, size: int, parts: Any, z_: Any) -> None:
    """From adjoints of the factor to those of ``z``."""
    first = 0
    for i in range(size):
        rest = factor_[i, i]
        for j in range(i - 1, -1, -1):
            # d tanh = sech^2 dz, d sech = -tanh sech dz
            k = first + j
            tanh, sech = parts[TANH, k], parts[SECH, k]
            z_[k] += parts[BEFORE, k] * sech * (factor_[i, j] * sech - rest * tanh)
            rest = factor_[i, j] * tanh + rest * sech
        first += i


@borrowing
def log_diagonal(parts: Any, size: int, out: Any) -> None:
    """Logarithms of the diagonal of the factor."""
    k = 0
    for i in range(size):
        total = 0.0
        for _ in range(i):
            total += parts[LOG_SECH, k]
            k += 1
        out[i] = total


@borrowing
def cholesky(matrix: Any, size: int, factor: Any) -> None:
    """Cholesky factor of a positive definite matrix; NaN if it is not."""
    for i in range(size):
        for j in range(i + 1):
            entry = matrix[i, j]
            for h in range(j):
                entry -= factor[i, h] * factor[j, h]
            factor[i, j] = np.sqrt(entry) if i == j else entry / factor[j, j]


@borrowing
def cholesky_reverse(factor: Any, size: int, factor_: Any, matrix_: Any) -> None:
    """From adjoints of the factor, which are used up, to those of the matrix, overwritten.

    An entry off the diagonal stands for both that are equal by symmetry.
    """
    for i in range(size - 1, -1, -1):
        for j in range(i, -1, -1):
            if i == j:
                entry_ = 0.5 * factor_[i, i] / factor[i, i]
            else:
                entry_ = factor_[i, j] / factor[j, j]
                factor_[j, j] -= entry_ * factor[i, j]
            matrix_[i, j] = entry_
            for h in range(j):
                factor_[i, h] -= entry_ * factor[j, h]
                factor_[j, h] -= entry_ * factor[i, h]


@borrowing
def z_from_factor(factor: Any, size: int, z: Any) -> None:
    """Inverse of `factor_from_z`."""
    k = 0
    for i in range(size):
        rest = 1.0
        for j in range(i):
            z[k] = np.arctanh(factor[i, j] / np.sqrt(rest))
            rest -= factor[i, j] * factor[i, j]
            k += 1


@borrowing
def z_from_factor_reverse(factor: Any, size: int, z_: Any, factor_: Any) -> None:
    """From adjoints of ``z`` to those of the factor below its diagonal, overwritten."""
    first = 0
    for i in range(size):
        # what each entry leaves of the row's sum of squares, from the first entry to the last
        rest = 1.0
        for j in range(i):
            factor_[i, j] = rest
            rest -= factor[i, j] * factor[i, j]
        factor_[i, i] = 0.0
        rest_ = 0.0
        for j in range(i - 1, -1, -1):
            rest = factor_[i, j]
            partial = factor[i, j] / np.sqrt(rest)
            partial_ = z_[first + j] / (1.0 - partial * partial)
            factor_[i, j] = partial_ / np.sqrt(rest) - 2.0 * factor[i, j] * rest_
            rest_ -= 0.5 * partial_ * partial / rest
        first += i
