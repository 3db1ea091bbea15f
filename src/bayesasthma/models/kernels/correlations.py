"""Correlation over visits from the parameters of a structure, and back.

The mathematics of :func:`bayesasthma.correlation.structured_z`, of one outcome.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing
from bayesasthma.models.kernels.triangular import (
    cholesky,
    cholesky_reverse,
    z_from_factor,
    z_from_factor_reverse,
)

#: Numbers of the structures: places in :data:`bayesasthma.correlation.STRUCTURES`.
UNSTRUCTURED, EXCHANGEABLE, AR1, EXCHANGEABLE_AR1, FIXED = range(5)


@borrowing
def autoregressive(structure: int) -> Any:
    """Whether the structure looks at the weeks between visits."""
    return structure in (AR1, EXCHANGEABLE_AR1)


@borrowing
def structured_z(
    structure: int,
    rho: float,
    share: float,
    deviation: Any,
    deviation_scale: float,
    lags: Any,
    z: Any,
    factor: Any,
) -> None:
    """Partial correlations on Fisher's z scale, of the order of ``pairs``.

    Parameters
    ----------
    structure : int
    rho : float
        Typical correlation.
    share : float
        ``constant_share``; 0 for ``ar1``.
    deviation : array, shape (pair,)
        ``z_deviation``, read by ``unstructured`` alone.
    deviation_scale : float
    lags : array, shape (pair,)
        Between the visits of each pair, in units of the reference lag.
    z : array, shape (pair,)
        Overwritten.
    factor : array, shape (visit, visit)
        Overwritten by the Cholesky factor, if the structure is autoregressive.
    """
    visits = factor.shape[0]
    if autoregressive(structure):
        common = share * rho
        phi = (rho - common) / (1.0 - common)
        # the matrix takes the place of its factor: each entry is read before it is overwritten
        k = 0
        for i in range(visits):
            for j in range(i):
                factor[i, j] = common + (1.0 - common) * phi ** lags[k]
                k += 1
            factor[i, i] = 1.0
        cholesky(factor, visits, factor)
        z_from_factor(factor, visits, z)
        return
    k = 0
    for i in range(visits):
        for j in range(i):
            if j == i - 1:  # the first pair of this order
                z[k] = 0.5 * np.log((1.0 + (j + 1) * rho) / (1.0 + (j - 1) * rho))
            else:
                z[k] = z[(j + 1) * j // 2 + j]
            k += 1
    if structure == UNSTRUCTURED:
        for k in range(z.size):
            # orders repeat, so that deviations wait until all are there
            z[k] += deviation_scale * deviation[k]


@borrowing
def structured_z_reverse(
    structure: int,
    rho: float,
    share: float,
    deviation_scale: float,
    lags: Any,
    z_: Any,
    factor: Any,
    factor_: Any,
    deviation_: Any,
) -> Any:
    """Adjoints of ``rho`` and of ``share``; adds to that of the deviations.

    ``factor_`` is for use here.
    """
    visits = factor.shape[0]
    rho_, share_ = 0.0, 0.0
    if autoregressive(structure):
        z_from_factor_reverse(factor, visits, z_, factor_)
        cholesky_reverse(factor, visits, factor_, factor_)
        common = share * rho
        phi = (rho - common) / (1.0 - common)
        common_, phi_ = 0.0, 0.0
        k = 0
        for i in range(visits):
            for j in range(i):
                power = phi ** lags[k]
                common_ += factor_[i, j] * (1.0 - power)
                phi_ += factor_[i, j] * (1.0 - common) * lags[k] * power / phi
                k += 1
        common_ += phi_ * (rho - 1.0) / (1.0 - common) ** 2
        rho_ = phi_ / (1.0 - common) + common_ * share
        share_ = common_ * rho
        return rho_, share_
    if structure == UNSTRUCTURED:
        for k in range(z_.size):
            deviation_[k] += deviation_scale * z_[k]
    for j in range(visits - 1):
        entry = 0.0
        for i in range(j + 1, visits):
            entry += z_[i * (i - 1) // 2 + j]
        slope = (j + 1) / (1.0 + (j + 1) * rho) - (j - 1) / (1.0 + (j - 1) * rho)
        rho_ += 0.5 * entry * slope
    return rho_, share_
