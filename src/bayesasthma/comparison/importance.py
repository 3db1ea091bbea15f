"""Importance weights: Pareto smoothed, and what weighted draws are worth."""

from __future__ import annotations

import contextlib

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]

#: Pareto shape beyond which smoothed importance weights are not relied on.
K_MAX = 0.7
#: Smallest effective number of reweighted draws to rely on, as in the diagnostics gate: the weights
#: of a narrower prior are bounded, so that a few draws can carry them while k looks harmless.
ESS_MIN = 400


def k_limit(draws: int) -> float:
    """Largest Pareto k to rely on: ``min(1 - 1 / log10(draws), 0.7)``.

    Vehtari et al. 2024, J Mach Learn Res 25(72).
    """
    return float(min(1 - 1 / np.log10(draws), K_MAX))


def smoothed_weights(log_ratio: FloatArray, efficiency: float) -> tuple[FloatArray, float]:
    """Pareto-smoothed importance weights, which sum to 1, and the estimated Pareto k.

    Vehtari et al. 2024, J Mach Learn Res 25(72); the generalised Pareto distribution is fitted as
    Zhang and Stephens 2009, Technometrics 51:316, do.

    Parameters
    ----------
    log_ratio : ndarray, shape (draw,)
        Logarithms of target density over sampled density, up to a constant.
    efficiency : float
        Independent draws that one draw is worth.

    Returns
    -------
    weight : ndarray, shape (draw,)
    k : float
        Minus infinity where all weights are equal; NaN where the tail cannot be fitted.
    """
    from arviz_stats.base.array import array_stats

    k = float("-inf")
    if np.ptp(log_ratio) > 0:
        k = float("nan")
        # so far off that every weight but a few is 0, the tail's fit overflows or is refused
        with np.errstate(all="ignore"), contextlib.suppress(ValueError):
            log_ratio, shape = array_stats.psislw(  # type: ignore[no-untyped-call]
                -log_ratio, r_eff=efficiency
            )
            k = float(shape)
    return np.asarray(special.softmax(log_ratio)), k


def effective_draws(weight: FloatArray, values: FloatArray) -> FloatArray:
    """Independent unweighted draws that would give a weighted mean with the same error.

    The variance of a weighted mean ``m`` is ``sum(w^2 (x - m)^2)`` (Owen 2013, Monte Carlo Theory,
    Methods and Examples, 9.2); compared with ``sum(w (x - m)^2)``.

    Parameters
    ----------
    weight : ndarray, shape (draw,)
        Sums to 1.
    values : ndarray, shape (draw, ...)

    Returns
    -------
    ndarray
        Where values do not vary, their number is all there is to go by: ``1 / sum(w^2)``.
    """
    deviation = (values - weight @ values) ** 2
    error = weight**2 @ deviation
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(error > 0, weight @ deviation / error, 1 / np.sum(weight**2))


def weighted_quantiles(weight: FloatArray, values: FloatArray, at: list[float]) -> FloatArray:
    """Quantiles (at,) of weighted draws (draw,); of equal weights NumPy's own.

    Akinshin 2023, arXiv:2304.07265 (type 7), as xarray has it.
    """
    found = xr.DataArray(values, dims="draw").weighted(xr.DataArray(weight, dims="draw"))
    return np.asarray(found.quantile(at, dim="draw").to_numpy())
