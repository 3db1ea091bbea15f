"""The correlation between outcomes of the means as one PyTensor operation with its own gradient.

It computes the total of :func:`bayesasthma.likelihood.between_outcomes.between_outcomes_logp` from
the same inputs as the table likelihood, by the functions of the kernels; tests hold both, and the
gradient, against each other.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)

from bayesasthma.models.graph_ops._kernel_logp import KernelLogp
from bayesasthma.models.kernels.between import (
    between_logp,
    empty_between,
    whitened,
    whitened_reverse,
)
from bayesasthma.models.kernels.compiling import code_salt
from bayesasthma.models.kernels.triangular import PARTS, factor_from_z, factor_from_z_reverse


def _kernel(mean: Any, mu: Any, log_sigma: Any, z_population: Any, q: Any, n: Any) -> Any:
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
    inverse, work = np.exp(-log_sigma), empty_between(outcomes, arms, rows)
    L, L_ = np.zeros((series, rows, rows)), np.zeros((series, rows, rows))
    parts = np.zeros((series, PARTS, z_population.shape[1]))
    for s in range(series):
        k, g = s // arms, s % arms
        factor_from_z(z_population[s], rows, parts[s], L[s])
        whitened(mean[s], mu[s], inverse[s], L[s], n[s, 0], work.x[k, g])
    for a in range(outcomes):
        for b in range(a + 1):
            work.q[a, b] = 0.5 * (q[a, b] + q[b, a])
    total = between_logp(n, work)
    for a in range(outcomes):
        for b in range(a):
            q_[a, b] = q_[b, a] = 0.5 * work.q_[a, b]
        q_[a, a] = work.q_[a, a]
    for s in range(series):
        k, g = s // arms, s % arms
        whitened_reverse(
            mean[s], mu[s], inverse[s], L[s], n[s, 0], work.x[k, g], work.x_[k, g],
            mean_[s], mu_[s], log_sigma_[s], L_[s],
        )  # fmt: skip
        factor_from_z_reverse(L_[s], rows, parts[s], z_population_[s])
    return np.asarray(total), mean_, mu_, log_sigma_, z_population_, q_


class BetweenOutcomesLogp(KernelLogp):
    """Total log-density ratio; ``n`` is data."""

    # not cached: Numba would not see a change of what it calls
    compiled = staticmethod(numba.njit(_kernel))
    gradients = 5
    value_ndim = 0


@register_funcify_default_op_cache_key(BetweenOutcomesLogp)  # type: ignore[no-untyped-call, untyped-decorator]
def _funcify(_op: BetweenOutcomesLogp, **_kwargs: Any) -> Any:
    return numba_njit(_kernel), int(code_salt(_kernel)[:12], 16)


def fast_between_outcomes_logp(
    mean: Any, mu: Any, log_sigma: Any, z_population: Any, q: Any, n: Any
) -> Any:
    """Total of ``between_outcomes_logp`` over outcomes, arms and visits, quick to compile."""
    result: Any = BetweenOutcomesLogp()(mean, mu, log_sigma, z_population, q, n)
    return result[0]
