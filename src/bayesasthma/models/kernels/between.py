"""What the correlation between outcomes adds to the density of their means, with its gradient.

The mathematics of :mod:`bayesasthma.likelihood.between_outcomes`. A trailing ``_`` marks an
adjoint. Of matrices over outcomes the lower triangle alone is read and written; an adjoint off the
diagonal stands for both entries that are equal by symmetry.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, returning
from bayesasthma.models.kernels.triangular import cholesky


class Between(NamedTuple):
    """Arrays of `between_logp`.

    Attributes
    ----------
    x, x_ : array, shape (outcome, arm, row)
        Whitened residuals.
    q, q_ : array, shape (outcome, outcome)
        Correlation between the outcomes of a patient.
    scaled, factor, inverse : array, shape (outcome, outcome)
        For use within: the correlation of an arm's means, its Cholesky factor, and the inverse of
        this.
    y : array, shape (outcome, row)
    """

    x: Any
    x_: Any
    q: Any
    q_: Any
    scaled: Any
    factor: Any
    inverse: Any
    y: Any


@returning
def empty_between(outcomes: int, arms: int, rows: int) -> Any:
    """`Between` to be filled."""
    return Between(
        np.empty((outcomes, arms, rows)),
        np.empty((outcomes, arms, rows)),
        np.empty((outcomes, outcomes)),
        np.empty((outcomes, outcomes)),
        np.empty((outcomes, outcomes)),
        np.empty((outcomes, outcomes)),
        np.empty((outcomes, outcomes)),
        np.empty((outcomes, rows)),
    )


@borrowing
def whitened(mean: Any, mu: Any, inverse: Any, L: Any, n: float, x: Any) -> None:
    """Residuals (row,) of a series of means, standard normal and independent.

    ``inverse`` is one over the SDs, and ``L`` the Cholesky factor of the correlation.
    """
    root = np.sqrt(n)
    for i in range(x.size):
        entry = (mean[i] - mu[i]) * inverse[i] * root
        for h in range(i):
            entry -= L[i, h] * x[h]
        x[i] = entry / L[i, i]


@borrowing
def whitened_reverse(
    mean: Any,
    mu: Any,
    inverse: Any,
    L: Any,
    n: float,
    x: Any,
    x_: Any,
    mean_: Any,
    mu_: Any,
    log_sigma_: Any,
    L_: Any,
) -> None:
    """From adjoints of the residuals, which are used up, to those of all else, added to."""
    root = np.sqrt(n)
    for i in range(x.size - 1, -1, -1):
        entry = x_[i]
        for h in range(i + 1, x.size):
            entry -= L[h, i] * x_[h]
        x_[i] = entry / L[i, i]
    for i in range(x.size):
        for j in range(i + 1):
            L_[i, j] -= x_[i] * x[j]
        scaled = x_[i] * inverse[i] * root
        mean_[i] += scaled
        mu_[i] -= scaled
        log_sigma_[i] -= scaled * (mean[i] - mu[i])


@borrowing
def _ratio(n: Any, a: int, b: int) -> Any:
    """What nested patients leave of a correlation between two outcomes, given their series."""
    if n[a, 0] == n[b, 0]:
        return 1.0
    return np.sqrt(min(n[a, 0], n[b, 0]) / max(n[a, 0], n[b, 0]))


@borrowing
def between_logp(n: Any, work: Any) -> Any:
    """Log of the joint density of all means over that of independent outcomes.

    Reads ``x`` and ``q`` of the `Between`, and overwrites their adjoints. ``n`` (series, row) are
    numbers of patients, the same in all rows, of series ordered by outcome, then arm.
    """
    outcomes, arms, _rows = work.x.shape
    for a in range(outcomes):
        for b in range(a + 1):
            work.q_[a, b] = 0.0
    total = 0.0
    for g in range(arms):
        for a in range(outcomes):
            for b in range(a + 1):
                work.scaled[a, b] = work.q[a, b] * _ratio(n, a * arms + g, b * arms + g)
        cholesky(work.scaled, outcomes, work.factor)
        _inverse(work.factor, outcomes, work.inverse)
        total += _arm_logp(n, g, work)
    return total


@borrowing
def _inverse(factor: Any, size: int, inverse: Any) -> None:
    """Inverse of a lower triangular matrix."""
    for i in range(size):
        turn = 1.0 / factor[i, i]
        inverse[i, i] = turn
        for j in range(i):
            entry = 0.0
            for h in range(j, i):
                entry -= factor[i, h] * inverse[h, j]
            inverse[i, j] = entry * turn


@borrowing
def _arm_logp(n: Any, g: int, work: Any) -> Any:  # noqa: C901
    """An arm's part, from the inverse of its Cholesky factor; adds to the adjoint of ``q``."""
    outcomes, arms, rows = work.x.shape
    inverse, y = work.inverse, work.y
    total = 0.0
    for a in range(outcomes):
        total += rows * np.log(inverse[a, a])
        for i in range(rows):
            entry = 0.0
            for b in range(a + 1):
                entry += inverse[a, b] * work.x[b, g, i]
            y[a, i] = entry
            total += 0.5 * (work.x[a, g, i] * work.x[a, g, i] - entry * entry)
    for a in range(outcomes):
        for i in range(rows):
            # what is overwritten is not read again
            entry = 0.0
            for b in range(a, outcomes):
                entry += inverse[b, a] * y[b, i]
            y[a, i] = entry
            work.x_[a, g, i] = work.x[a, g, i] - entry
    for a in range(outcomes):
        for b in range(a + 1):
            entry = 0.0
            for h in range(a, outcomes):
                entry -= inverse[h, a] * inverse[h, b]
            entry *= rows
            for i in range(rows):
                entry += y[a, i] * y[b, i]
            both = 0.5 if a == b else 1.0
            work.q_[a, b] += both * entry * _ratio(n, a * arms + g, b * arms + g)
    return total
