"""Kernel of the joint model: what :mod:`bayesasthma.models.joint` has as a graph.

Trajectories, SDs, correlations over visits and tables are those of
:mod:`bayesasthma.models.kernels.longitudinal`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.between import (
    between_logp,
    empty_between,
    whitened,
    whitened_reverse,
)
from bayesasthma.models.kernels.blocks import tables_logp
from bayesasthma.models.kernels.borrowing import borrowing, integers, matrix
from bayesasthma.models.kernels.cells import empty_cells, zero_adjoints
from bayesasthma.models.kernels.compiling import compiled
from bayesasthma.models.kernels.grouped_effects import grouped_effects
from bayesasthma.models.kernels.layout import ARMS, OUTCOMES, ROWS, SIZES, VISITS, N, of_block
from bayesasthma.models.kernels.longitudinal import backward, forward
from bayesasthma.models.kernels.mixing import mix, mix_reverse
from bayesasthma.models.kernels.outcome_shares import (
    hyperparameters,
    outcome_correlation,
    outcome_correlation_reverse,
)
from bayesasthma.models.kernels.rows import empty_rows
from bayesasthma.models.kernels.tables import workspace


@borrowing
def _between_outcomes(
    x: Any, point: Any, gradient: Any, data: Any, cells: Any, cells_: Any, work: Any
) -> Any:
    """What the correlation between outcomes adds, with the log prior density of the shares.

    Sets their gradient, and adds to the adjoints of all cells.
    """
    sizes, n = integers(data, SIZES), matrix(data, of_block(0, N))
    arms = sizes[ARMS]
    outcome_correlation(point, data, work.q)
    for k in range(sizes[OUTCOMES]):
        for g in range(arms):
            s = k * arms + g
            mean, mu, inverse = cells.numbers[s, :, 0], cells.mu[k, g], cells.inverse[k, g]
            whitened(mean, mu, inverse, cells.factor[k], n[s, 0], work.x[k, g])
    total = between_logp(n, work)
    for k in range(sizes[OUTCOMES]):
        for g in range(arms):
            s = k * arms + g
            mean, mu, inverse = cells.numbers[s, :, 0], cells.mu[k, g], cells.inverse[k, g]
            whitened_reverse(
                mean, mu, inverse, cells.factor[k], n[s, 0], work.x[k, g], work.x_[k, g],
                cells_.numbers[s, :, 0], cells_.mu[k, g], cells_.log_sd[k, g], cells_.factor[k],
            )  # fmt: skip
    return total + outcome_correlation_reverse(x, point, gradient, data, work.q_)


@compiled
def joint_kernel(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density of a design with a whole table at the flat vector; overwrites the gradient."""
    sizes = integers(data, SIZES)
    outcomes, arms, visits = sizes[OUTCOMES], sizes[ARMS], sizes[VISITS]
    point, error = np.empty(x.size), np.empty((2, arms, visits))
    cells, cells_ = empty_cells(data), zero_adjoints(data)
    row, work = empty_rows(sizes[ROWS], visits), workspace(sizes[ROWS])
    between = empty_between(outcomes, arms, visits)
    total = mix(x, point, data)
    hyperparameters(x, point, data)
    for k in range(outcomes):
        total += forward(x, point, data, k, cells, error)
    total += grouped_effects(x, point, gradient, data)
    total += _between_outcomes(x, point, gradient, data, cells, cells_, between)
    for k in range(outcomes):
        total += tables_logp(x, gradient, data, k, cells, cells_, row, work)
        total += backward(x, point, gradient, data, k, cells, cells_, error)
    mix_reverse(gradient, data)
    return total


@compiled
def expand(x: Any, out: Any, data: Any) -> None:
    """Named parameters, in the places of the values sampled."""
    sizes = integers(data, SIZES)
    cells, error = empty_cells(data), np.empty((2, sizes[ARMS], sizes[VISITS]))
    for i in range(x.size):
        out[i] = x[i]
    mix(x, out, data)
    hyperparameters(x, out, data)
    for k in range(sizes[OUTCOMES]):
        forward(x, out, data, k, cells, error)
