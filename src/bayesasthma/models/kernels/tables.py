"""Likelihood of one series of a printed table, with its gradient by reverse accumulation.

The mathematics of :func:`bayesasthma.likelihood.tables.table_logp`; names as in
``docs/likelihood.md``. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, returning
from bayesasthma.models.kernels.triangular import (
    LOG_SECH,
    PARTS,
    TANH,
    cholesky,
    cholesky_reverse,
    factor_from_z,
    factor_from_z_reverse,
)

LOG_2PI = float(np.log(2 * np.pi))


class Workspace(NamedTuple):
    """Arrays for use within one series; ``rows`` is the most of any block."""

    z: Any
    z_: Any
    parts: Any
    M: Any
    M_: Any
    B: Any
    Z: Any
    F: Any
    F_: Any
    C_: Any
    w: Any
    x: Any
    r: Any
    log_diagonal: Any


@returning
def workspace(rows: int) -> Any:
    """A `Workspace`."""
    pairs = rows * (rows - 1) // 2
    return Workspace(
        np.empty(pairs),
        np.empty(pairs),
        np.empty((PARTS, pairs)),
        np.empty((rows, rows)),
        np.empty((rows, rows)),
        np.empty((rows, rows)),
        np.empty((rows, rows)),
        np.empty((rows, rows)),
        np.empty((rows, rows)),
        np.empty((rows, rows)),
        np.empty(rows),
        np.empty(rows),
        np.empty(rows),
        np.empty(rows),
    )


@borrowing
def series_logp(  # noqa: C901, PLR0912, PLR0915
    numbers: Any,
    mu: Any,
    log_sigma: Any,
    inverse: Any,
    z: Any,
    L: Any,
    log_diagonal: Any,
    epsilon: Any,
    free: Any,
    n: Any,
    constant: Any,
    scale: Any,
    pinned_z: Any,
    balanced: int,
    numbers_: Any,
    mu_: Any,
    log_sigma_: Any,
    z_: Any,
    L_: Any,
    epsilon_: Any,
    work: Any,
) -> Any:
    """Log-density of a series, with that of its ``epsilon``.

    Parameters
    ----------
    numbers : array, shape (row, moment)
        Before rounding.
    mu, log_sigma, inverse : array, shape (row,)
        ``inverse`` is ``exp(-log_sigma)``.
    z : array, shape (pair,)
    L : array, shape (row, row)
        Cholesky factor of the population's correlation, made of ``z``.
    log_diagonal : array, shape (row,)
        Logarithm of its diagonal.
    epsilon : array, shape (free pair,)
    free : array of int, shape (pair,)
    n, constant, scale, pinned_z : array, shape (row,) or (pair,)
    balanced : int
        Whether ``n`` is the same in all rows.
    numbers_, mu_, log_sigma_, z_, L_ : array
        Adjoints, added to. What depends on ``z`` through ``L`` is in that of ``L`` alone.
    epsilon_ : array, shape (free pair,)
        Overwritten.
    work : Workspace
    """
    rows = n.size
    total, jacobian = 0.0, 1.0
    for k in range(free.size):
        if free[k] < 0:
            work.z[k] = pinned_z[k]
        else:
            work.z[k] = z[k] + epsilon[free[k]] * scale[k]
            # the prior of epsilon cancels against what the density of z divides out
            jacobian *= scale[k]
    total += np.log(jacobian)
    M, B, w, x = work.M, work.B, work.w, work.x
    factor_from_z(work.z, rows, work.parts, M)
    F, F_ = L, L_
    if not balanced:
        F, F_ = work.F, work.F_
        _mean_factor(L, n, rows, work.C_, F)
    k = 0
    for i in range(rows):
        df = n[i] - 1.0
        for j in range(i):
            pinned = 1.0 if free[k] < 0 else 0.0
            power = 0.5 * (df - j - 1.0) - pinned
            total += power * 2.0 * work.parts[LOG_SECH, k]
            k += 1
        sd = numbers[i, 1]
        w[i] = sd * inverse[i]
        residual = (numbers[i, 0] - mu[i]) * inverse[i] * np.sqrt(n[i])
        for h in range(i):
            residual -= F[i, h] * x[h]
        x[i] = residual / F[i, i]
        turn = 1.0 / L[i, i]
        squares = 0.0
        for j in range(i + 1):
            entry = w[i] * M[i, j]
            for h in range(j, i):
                entry -= L[i, h] * B[h, j]
            B[i, j] = entry * turn
            squares += B[i, j] * B[i, j]
        total += (
            constant[i]
            + (df - 1.0) * np.log(sd)
            - df * (log_sigma[i] + log_diagonal[i])
            - 0.5 * df * squares
            - 0.5 * (LOG_2PI + x[i] * x[i] - np.log(n[i]))
            - log_sigma[i]
            - (log_diagonal[i] if balanced else np.log(F[i, i]))
        )
    _whitened_reverse(n, rows, L, F, F_, L_, balanced, work)
    if not balanced:
        _mean_factor_reverse(L, n, rows, F, F_, work.C_, L_)
    Z, r, M_ = work.Z, work.r, work.M_
    for i in range(rows):
        df = n[i] - 1.0
        w_ = 0.0
        for j in range(i + 1):
            w_ += M[i, j] * Z[i, j]
            M_[i, j] = w[i] * Z[i, j]
        scaled = r[i] * inverse[i] * np.sqrt(n[i])
        numbers_[i, 0] += scaled
        numbers_[i, 1] += w_ * inverse[i] + (df - 1.0) / numbers[i, 1]
        mu_[i] -= scaled
        log_sigma_[i] -= w_ * w[i] + scaled * (numbers[i, 0] - mu[i]) + n[i]
    k = 0
    for i in range(rows):
        for j in range(i):
            pinned = 1.0 if free[k] < 0 else 0.0
            work.z_[k] = -((n[i] - j - 2.0) - 2.0 * pinned) * work.parts[TANH, k]
            k += 1
    factor_from_z_reverse(M_, rows, work.parts, work.z_)
    for k in range(free.size):
        if free[k] >= 0:
            z_[k] += work.z_[k]
            epsilon_[free[k]] = work.z_[k] * scale[k]
    return total


@borrowing
def _whitened_reverse(  # noqa: C901
    n: Any, rows: int, L: Any, F: Any, F_: Any, L_: Any, balanced: int, work: Any
) -> None:
    """Adjoints of the factors, and of what they whiten: ``Z`` of ``W M`` and ``r`` of residuals."""
    B, Z, x, r = work.B, work.Z, work.x, work.r
    for i in range(rows - 1, -1, -1):
        df = n[i] - 1.0
        entry = -x[i]
        for h in range(i + 1, rows):
            entry -= F[h, i] * r[h]
        r[i] = entry / F[i, i]
        turn = 1.0 / L[i, i]
        for j in range(i + 1):
            entry = -df * B[i, j]
            for h in range(i + 1, rows):
                entry -= L[h, i] * Z[h, j]
            Z[i, j] = entry * turn
    if not balanced:
        for i in range(rows):
            for j in range(i + 1):
                F_[i, j] = 0.0
    for i in range(rows):
        L_[i, i] -= (n[i] - 1.0) / L[i, i]
        F_[i, i] -= 1.0 / F[i, i]
        for j in range(i + 1):
            change = 0.0
            for h in range(j + 1):
                change += Z[i, h] * B[j, h]
            L_[i, j] -= change
            F_[i, j] -= r[i] * x[j]


@borrowing
def _mean_factor(L: Any, n: Any, rows: int, C: Any, F: Any) -> None:
    """Cholesky factor of the correlation of the sample means when patients are nested."""
    for i in range(rows):
        for j in range(i + 1):
            entry = 0.0
            for h in range(j + 1):
                entry += L[i, h] * L[j, h]
            C[i, j] = entry * np.sqrt(min(n[i], n[j]) / max(n[i], n[j]))
    cholesky(C, rows, F)


@borrowing
def _mean_factor_reverse(L: Any, n: Any, rows: int, F: Any, F_: Any, C_: Any, L_: Any) -> None:
    cholesky_reverse(F, rows, F_, C_)
    for i in range(rows):
        for j in range(i + 1):
            entry_ = C_[i, j] * np.sqrt(min(n[i], n[j]) / max(n[i], n[j]))
            for h in range(j + 1):
                L_[i, h] += entry_ * L[j, h]
                L_[j, h] += entry_ * L[i, h]
