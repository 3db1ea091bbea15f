"""The correlation between outcomes of the means as one PyTensor operation with its own gradient.

It computes the total of :func:`bayesasthma.likelihood.between_outcomes.between_outcomes_logp` from
the same inputs as the table likelihood, in one compiled loop, by reverse accumulation; tests hold
both, and the gradient, against each other.
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


def _kernel(  # noqa: C901, PLR0912, PLR0915
    mean: Any, mu: Any, log_sigma: Any, z_population: Any, q: Any, n: Any
) -> Any:
    """Total log-density ratio, and its gradient with respect to the first five arguments.

    Shapes (series, row), (series, pair) and (outcome, outcome); series are ordered by outcome, then
    arm. A trailing ``_`` marks the adjoint.
    """
    series, rows = mean.shape
    outcomes = q.shape[0]
    arms = series // outcomes
    mean_, mu_ = np.zeros((series, rows)), np.zeros((series, rows))
    log_sigma_, z_population_ = np.zeros((series, rows)), np.zeros(z_population.shape)
    q_ = np.zeros((outcomes, outcomes))
    t, L = np.zeros((series, rows, rows)), np.zeros((series, rows, rows))
    P = np.zeros((series, rows, rows + 1))
    residual, x = np.zeros((series, rows)), np.zeros((series, rows))
    for s in range(series):
        k = 0
        for i in range(rows):
            P[s, i, 0] = 1.0
            for j in range(i):
                t[s, i, j] = np.tanh(z_population[s, k])
                L[s, i, j] = t[s, i, j] * P[s, i, j]
                P[s, i, j + 1] = P[s, i, j] / np.cosh(z_population[s, k])
                k += 1
            L[s, i, i] = P[s, i, i]
            scale = np.exp(-log_sigma[s, i]) * np.sqrt(n[s, i])
            residual[s, i] = (mean[s, i] - mu[s, i]) * scale
            entry = residual[s, i]
            for h in range(i):
                entry -= L[s, i, h] * x[s, h]
            x[s, i] = entry / L[s, i, i]
    total = 0.0
    ratio, F = np.zeros((outcomes, outcomes)), np.zeros((outcomes, outcomes))
    inverse = np.zeros((outcomes, outcomes))
    y = np.zeros((outcomes, rows))
    for g in range(arms):
        # Cholesky factor F of Q, scaled for outcomes with different numbers of patients
        for a in range(outcomes):
            for b in range(a + 1):
                n_a, n_b = n[a * arms + g, 0], n[b * arms + g, 0]
                ratio[a, b] = ratio[b, a] = np.sqrt(min(n_a, n_b) / max(n_a, n_b))
                entry = 0.5 * (q[a, b] + q[b, a]) * ratio[a, b]
                for h in range(b):
                    entry -= F[a, h] * F[b, h]
                F[a, b] = np.sqrt(entry) if a == b else entry / F[b, b]
            total -= rows * np.log(F[a, a])
        # the inverse of Q, column by column
        for b in range(outcomes):
            for a in range(outcomes):
                entry = 1.0 if a == b else 0.0
                for h in range(a):
                    entry -= F[a, h] * inverse[h, b]
                inverse[a, b] = entry / F[a, a]
            for a in range(outcomes - 1, -1, -1):
                entry = inverse[a, b]
                for h in range(a + 1, outcomes):
                    entry -= F[h, a] * inverse[h, b]
                inverse[a, b] = entry / F[a, a]
        for i in range(rows):
            for a in range(outcomes):
                entry = 0.0
                for b in range(outcomes):
                    entry += inverse[a, b] * x[b * arms + g, i]
                y[a, i] = entry
                total += 0.5 * x[a * arms + g, i] * (x[a * arms + g, i] - entry)
        for a in range(outcomes):
            for b in range(outcomes):
                entry = -rows * inverse[a, b]
                for i in range(rows):
                    entry += y[a, i] * y[b, i]
                q_[a, b] += 0.5 * entry * ratio[a, b]
        for a in range(outcomes):
            s = a * arms + g
            # x_ = x - y; solve L' r_ = x_, then accumulate into L, the moments and z
            r_, L_ = np.zeros(rows), np.zeros((rows, rows))
            for i in range(rows - 1, -1, -1):
                entry = x[s, i] - y[a, i]
                for h in range(i + 1, rows):
                    entry -= L[s, h, i] * r_[h]
                r_[i] = entry / L[s, i, i]
            k = 0
            for i in range(rows):
                for j in range(i + 1):
                    L_[i, j] = -r_[i] * x[s, j]
                scaled = r_[i] * np.exp(-log_sigma[s, i]) * np.sqrt(n[s, i])
                mean_[s, i], mu_[s, i] = scaled, -scaled
                log_sigma_[s, i] = -r_[i] * residual[s, i]
                rest = L_[i, i]
                for j in range(i - 1, -1, -1):
                    sech = P[s, i, j + 1] / P[s, i, j]
                    z_population_[s, k + j] = (
                        P[s, i, j] * sech * (L_[i, j] * sech - rest * t[s, i, j])
                    )
                    rest = L_[i, j] * t[s, i, j] + rest * sech
                k += i
    return np.asarray(total), mean_, mu_, log_sigma_, z_population_, q_


class BetweenOutcomesLogp(KernelLogp):
    """Total log-density ratio; ``n`` is data."""

    compiled = staticmethod(numba.njit(_kernel, cache=True))
    gradients = 5
    value_ndim = 0


@register_funcify_default_op_cache_key(BetweenOutcomesLogp)  # type: ignore[no-untyped-call, untyped-decorator]
def _funcify(_op: BetweenOutcomesLogp, **_kwargs: Any) -> Any:
    return numba_njit(_kernel), source_salt(_kernel)


def fast_between_outcomes_logp(
    mean: Any, mu: Any, log_sigma: Any, z_population: Any, q: Any, n: Any
) -> Any:
    """Total of ``between_outcomes_logp`` over outcomes, arms and visits, quick to compile."""
    result: Any = BetweenOutcomesLogp()(mean, mu, log_sigma, z_population, q, n)
    return result[0]
