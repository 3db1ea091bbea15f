"""Coordinates of a study's SDs by arm and visit that are correlated as the SDs' errors are.

Logarithms of the SDs of normal variables that have correlation ``r`` have about ``r^2`` (of a
bivariate normal sample; Kendall and Stuart 1977, The Advanced Theory of Statistics 1, 10.6). The
higher the correlations, the better an arm's SDs are known beside each other: in coordinates of
their own they would be a funnel. What a study knows of an SD beside the prior decides how much of
that correlation there is. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integers, vector
from bayesasthma.models.kernels.layout import ARMS, LOG_SD, N_ARM, SIZES, STARTS, VISITS
from bayesasthma.models.kernels.triangular import cholesky, cholesky_reverse
from bayesasthma.models.prior_scales import LOG_SD_CELL_SCALE


@borrowing
def known(data: Any) -> Any:
    """How much of the variance of a log SD about its prior a typical arm knows."""
    n_arm, total = vector(data, N_ARM), 0.0
    for n in n_arm:
        total += n - 1.0
    variance = 0.5 * n_arm.size / total
    return LOG_SD_CELL_SCALE**2 / (LOG_SD_CELL_SCALE**2 + variance)


@borrowing
def mixed_spreads(x: Any, data: Any, near: Any, factor: Any, work: Any) -> None:
    """Mix the coordinates of the log SDs over visits, in place.

    ``near`` (arm x visit,) are coordinates of the study's own SDs, from which these are distances;
    ``factor`` is that of the correlation over visits; ``work`` (4, visit, visit) are the
    correlation, that of the log SDs and its factor, for use here and on the way back.
    """
    sizes, starts, share = integers(data, SIZES), integers(data, STARTS), known(data)
    visits = sizes[VISITS]
    correlation, spread, root = work[0], work[1], work[2]
    for i in range(visits):
        for j in range(i + 1):
            total = 0.0
            for h in range(j + 1):
                total += factor[i, h] * factor[j, h]
            correlation[i, j] = total
            spread[i, j] = share * total * total if j < i else 1.0
    cholesky(spread, visits, root)
    for g in range(sizes[ARMS]):
        first = starts[LOG_SD] + g * visits
        for i in range(visits - 1, -1, -1):
            total = near[g * visits + i]
            for h in range(i + 1):
                total += root[i, h] * x[first + h]
            x[first + i] = total


@borrowing
def mixed_spreads_reverse(
    raw: Any, gradient: Any, data: Any, factor: Any, factor_: Any, work: Any
) -> Any:
    """From adjoints of the mixed coordinates to those of the ones given, ``raw``; log-determinant.

    Adds to the adjoint of the factor of the correlation.
    """
    sizes, starts, share = integers(data, SIZES), integers(data, STARTS), known(data)
    arms, visits = sizes[ARMS], sizes[VISITS]
    correlation, spread_, root, root_ = work[0], work[1], work[2], work[3]
    total = 0.0
    for i in range(visits):
        for j in range(i + 1):
            root_[i, j] = 0.0
        root_[i, i] = arms / root[i, i]
        total += arms * np.log(root[i, i])
    for g in range(arms):
        first = starts[LOG_SD] + g * visits
        for h in range(visits):
            value_ = 0.0
            for i in range(h, visits):
                root_[i, h] += gradient[first + i] * raw[first + h]
                value_ += root[i, h] * gradient[first + i]
            gradient[first + h] = value_
    cholesky_reverse(root, visits, root_, spread_)
    for i in range(visits):
        for j in range(i):
            entry_ = 2.0 * share * correlation[i, j] * spread_[i, j]
            for h in range(j + 1):
                factor_[i, h] += entry_ * factor[j, h]
                factor_[j, h] += entry_ * factor[i, h]
    return total
