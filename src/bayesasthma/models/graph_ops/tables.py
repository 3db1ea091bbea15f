"""The table likelihood as one PyTensor operation with its own gradient, quick to compile.

It computes what :func:`bayesasthma.likelihood.tables.table_logp` computes, in one compiled loop
over series, by reverse accumulation through the triangular algebra. Tests hold both against each
other.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)

from bayesasthma.models.graph_ops._kernel_logp import KernelLogp, source_salt

LOG_2PI = float(np.log(2 * np.pi))


def _kernel(  # noqa: C901, PLR0912, PLR0915
    sd: Any,
    mean: Any,
    mu: Any,
    log_sigma: Any,
    z_population: Any,
    z_sample: Any,
    n: Any,
    constant: Any,
    pinned: Any,
) -> Any:
    """Log-density per series, and its gradient with respect to the first six arguments.

    Shapes (series, row) and (series, pair). Names as in ``docs/likelihood.md``; a trailing ``_``
    marks the adjoint (derivative of the log-density with respect to the quantity).
    """
    series, rows = mean.shape
    pairs = z_population.shape[1]
    value = np.zeros(series)
    sd_, mean_ = np.zeros((series, rows)), np.zeros((series, rows))
    mu_, log_sigma_ = np.zeros((series, rows)), np.zeros((series, rows))
    z_population_, z_sample_ = np.zeros((series, pairs)), np.zeros((series, pairs))
    # cholesky factors of the population (L) and sample (M) correlations, and running products
    L, M = np.zeros((rows, rows)), np.zeros((rows, rows))
    P, Q = np.zeros((rows, rows + 1)), np.zeros((rows, rows + 1))
    t, u = np.zeros((rows, rows)), np.zeros((rows, rows))
    B, Z_ = np.zeros((rows, rows)), np.zeros((rows, rows))
    L_, M_ = np.zeros((rows, rows)), np.zeros((rows, rows))
    w, x, r_ = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    for s in range(series):
        total = 0.0
        k = 0
        for i in range(rows):
            P[i, 0] = 1.0
            Q[i, 0] = 1.0
            df = n[s, i] - 1.0
            for j in range(i):
                t[i, j], u[i, j] = np.tanh(z_population[s, k]), np.tanh(z_sample[s, k])
                L[i, j], M[i, j] = t[i, j] * P[i, j], u[i, j] * Q[i, j]
                P[i, j + 1] = P[i, j] / np.cosh(z_population[s, k])
                Q[i, j + 1] = Q[i, j] / np.cosh(z_sample[s, k])
                power = 0.5 * (df - j - 1.0) - pinned[k]
                size = abs(z_sample[s, k])
                # times the log of 1 - tanh(z)^2, without cancellation
                total += power * 2 * (np.log(2.0) - size - np.log1p(np.exp(-2 * size)))
                z_sample_[s, k] = -2.0 * power * u[i, j]
                k += 1
            L[i, i], M[i, i] = P[i, i], Q[i, i]
            w[i] = sd[s, i] * np.exp(-log_sigma[s, i])
        for i in range(rows):
            df = n[s, i] - 1.0
            inverse = np.exp(-log_sigma[s, i]) * np.sqrt(n[s, i])
            residual = (mean[s, i] - mu[s, i]) * inverse
            for h in range(i):
                residual -= L[i, h] * x[h]
            x[i] = residual / L[i, i]
            squares = 0.0
            for j in range(i + 1):
                entry = w[i] * M[i, j]
                for h in range(j, i):
                    entry -= L[i, h] * B[h, j]
                B[i, j] = entry / L[i, i]
                squares += B[i, j] ** 2
            log_diagonal = np.log(L[i, i])
            total += (
                constant[s, i]
                + (df - 1.0) * np.log(sd[s, i])
                - df * (log_sigma[s, i] + log_diagonal)
                - 0.5 * df * squares
                - 0.5 * (LOG_2PI + x[i] ** 2 - np.log(n[s, i]))
                - log_sigma[s, i]
                - log_diagonal
            )
        value[s] = total
        # reverse: solve L' Z_ = B_ column by column, then accumulate into L
        for i in range(rows):
            for j in range(i + 1):
                L_[i, j] = 0.0
            L_[i, i] = -n[s, i] / L[i, i]
        for i in range(rows - 1, -1, -1):
            df = n[s, i] - 1.0
            entry = -x[i]
            for h in range(i + 1, rows):
                entry -= L[h, i] * r_[h]
            r_[i] = entry / L[i, i]
            for j in range(i + 1):
                entry = -df * B[i, j]
                for h in range(i + 1, rows):
                    entry -= L[h, i] * Z_[h, j]
                Z_[i, j] = entry / L[i, i]
        for i in range(rows):
            for j in range(i + 1):
                change = r_[i] * x[j]
                for h in range(j + 1):
                    change += Z_[i, h] * B[j, h]
                L_[i, j] -= change
        k = 0
        for i in range(rows):
            df = n[s, i] - 1.0
            inverse = np.exp(-log_sigma[s, i])
            w_ = 0.0
            for j in range(i + 1):
                w_ += M[i, j] * Z_[i, j]
                M_[i, j] = w[i] * Z_[i, j]
            sd_[s, i] = w_ * inverse + (df - 1.0) / sd[s, i]
            scaled = r_[i] * inverse * np.sqrt(n[s, i])
            mean_[s, i], mu_[s, i] = scaled, -scaled
            log_sigma_[s, i] = -w_ * w[i] - scaled * (mean[s, i] - mu[s, i]) - n[s, i]
            rest, sample_rest = L_[i, i], M_[i, i]
            for j in range(i - 1, -1, -1):
                # d tanh = sech^2 dz, d sech = -tanh sech dz
                sech, sample_sech = P[i, j + 1] / P[i, j], Q[i, j + 1] / Q[i, j]
                z_population_[s, k + j] = P[i, j] * sech * (L_[i, j] * sech - rest * t[i, j])
                z_sample_[s, k + j] += (
                    Q[i, j] * sample_sech * (M_[i, j] * sample_sech - sample_rest * u[i, j])
                )
                rest = L_[i, j] * t[i, j] + rest * sech
                sample_rest = M_[i, j] * u[i, j] + sample_rest * sample_sech
            k += i
    return value, sd_, mean_, mu_, log_sigma_, z_population_, z_sample_


class TableLogp(KernelLogp):
    """Log-density per series of a balanced block; ``n``, ``constant`` and ``pinned`` are data."""

    compiled = staticmethod(numba.njit(_kernel, cache=True))
    gradients = 6


@register_funcify_default_op_cache_key(TableLogp)  # type: ignore[no-untyped-call, untyped-decorator]
def _funcify(_op: TableLogp, **_kwargs: Any) -> Any:
    return numba_njit(_kernel), source_salt(_kernel)


def fast_table_logp(
    mean: Any,
    sd: Any,
    mu: Any,
    log_sigma: Any,
    z_population: Any,
    z_sample: Any,
    n: np.ndarray,
    constant: np.ndarray,
    pinned: np.ndarray,
) -> Any:
    """Log-density (series,) of a balanced block, Fisher z of the sample correlations given.

    Differs from the sum over rows of :func:`bayesasthma.likelihood.tables.table_logp` by the
    Jacobian and the prior of ``epsilon``, which the caller adds.
    """
    result: Any = TableLogp()(
        sd, mean, mu, log_sigma, z_population, z_sample, n, constant, pinned.astype(float)
    )
    return result[0]
