"""Analysis of covariance on baseline from published summaries."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesasthma.frequentist.printed import Range, Rounded
from bayesasthma.frequentist.t_tests import TTest, t_test_from_estimate, two_sided_p

FloatArray = NDArray[np.float64]

# Pieces that the range of the cross products is cut into; p is bounded in each.
PIECES = 400


def cross_products(
    sd_before: ArrayLike, sd_after: ArrayLike, sd_change: ArrayLike, n: ArrayLike
) -> FloatArray:
    """Sum of cross products of two visits within an arm, from its three SDs.

    ``(n - 1)(s² + u² - d²)/2``, since the variance of a change is ``d² = s² + u² - 2 r s u``
    (Cochrane Handbook 6.5.2.8).
    """
    s, u, d, n = (np.asarray(a, dtype=float) for a in (sd_before, sd_after, sd_change, n))
    return np.asarray((n - 1) * (s**2 + u**2 - d**2) / 2)


def cross_products_range(
    sd_before: Rounded,
    sd_after: Rounded,
    n: ArrayLike,
    sd_change: Rounded | None = None,
    correlation: Range | None = None,
) -> Range:
    """Sums of cross products that numbers printing as shown allow, by arm.

    Parameters
    ----------
    sd_before, sd_after : Rounded, shape (arm,)
        SDs of the two visits.
    n : array_like, shape (arm,)
        Patients, the same at both.
    sd_change : Rounded, shape (arm,), optional
        SDs of the change; without them every correlation is admitted.
    correlation : Range, optional
        Correlations admitted where there is no SD of change; by default all of [-1, 1].

    Returns
    -------
    Range
        Ends of shape (arm,). An SD of change that no correlation gives has ends of one value.
    """
    n = np.asarray(n, dtype=float)
    most = (n - 1) * sd_before.high * sd_after.high
    if sd_change is None:
        low = -1.0 if correlation is None else correlation.low
        high = 1.0 if correlation is None else correlation.high
        ends = np.stack(
            [
                r * (n - 1) * s * u
                for r in (low, high)
                for s, u in (
                    (sd_before.low, sd_after.low),
                    (sd_before.high, sd_after.high),
                )
            ]
        )
        return Range(ends.min(axis=0), ends.max(axis=0))
    low = cross_products(sd_before.low, sd_after.low, sd_change.high, n)
    high = cross_products(sd_before.high, sd_after.high, sd_change.low, n)
    return Range(np.clip(low, -most, most), np.clip(high, -most, most))


def ancova(
    mean_before: ArrayLike,
    sd_before: ArrayLike,
    mean_after: ArrayLike,
    sd_after: ArrayLike,
    n: ArrayLike,
    products: ArrayLike,
    arm: int = 1,
) -> TTest:
    """Difference between an arm and the first, adjusted for baseline by analysis of covariance.

    Everything that the patient-level analysis with one slope and one residual variance needs
    follows from the arms' sums of squares and products: ``b = Sxy/Sxx``, residual
    ``Syy - Sxy²/Sxx`` on N - G - 1 degrees of freedom, variance of the adjusted difference
    ``MSE (1/n + 1/n₀ + (x - x₀)²/Sxx)`` (Fisher 1932, Statistical Methods, section 49.1).

    Parameters
    ----------
    mean_before, sd_before, mean_after, sd_after, n, products : array_like, shape (arm,)
        Summaries of the same patients at both visits, and their `cross_products`. The change from
        baseline in place of the second visit gives the same test.
    arm : int
        Compared with arm 0.

    Returns
    -------
    TTest
        Scalar fields.
    """
    x, sx, y, sy, n, sxy = (
        np.asarray(a, dtype=float)
        for a in (mean_before, sd_before, mean_after, sd_after, n, products)
    )
    sxx, syy = np.sum((n - 1) * sx**2), np.sum((n - 1) * sy**2)
    slope = sxy.sum() / sxx
    df = n.sum() - len(n) - 1
    residual = max(float(syy - slope * sxy.sum()), 0.0) / df
    estimate = y[arm] - y[0] - slope * (x[arm] - x[0])
    error = residual * (1 / n[arm] + 1 / n[0] + (x[arm] - x[0]) ** 2 / sxx)
    return t_test_from_estimate(estimate, np.sqrt(error), df)


def ancova_p_range(
    mean_before: Rounded,
    sd_before: Rounded,
    mean_after: Rounded,
    sd_after: Rounded,
    n: ArrayLike,
    products: Range,
    arm: int = 1,
) -> Range:
    """Bracket of the p of `ancova`; contains every value that rounding and products allow.

    p depends on the cross products through their sum alone. Its range is cut into `PIECES` pieces,
    and in each the adjusted difference and its error are bounded by interval arithmetic.

    Parameters
    ----------
    mean_before, sd_before, mean_after, sd_after : Rounded, shape (arm,)
        As printed.
    n : array_like, shape (arm,)
        Patients.
    products : Range, shape (arm,)
        Of `cross_products_range`.
    arm : int
        Compared with arm 0.

    Returns
    -------
    Range
        Scalar ends.
    """
    n = np.asarray(n, dtype=float)
    sxx = [float(np.sum((n - 1) * sd**2)) for sd in (sd_before.low, sd_before.high)]
    syy = [float(np.sum((n - 1) * sd**2)) for sd in (sd_after.low, sd_after.high)]
    edges = np.linspace(float(products.low.sum()), float(products.high.sum()), PIECES + 1)
    left, right = edges[:-1], edges[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.stack([s / x for s in (left, right) for x in sxx])
        dx = _difference(mean_before, arm)
        dy = _difference(mean_after, arm)
        shifts = np.stack([s * d for s in (slopes.min(axis=0), slopes.max(axis=0)) for d in dx])
        low, high = dy[0] - shifts.max(axis=0), dy[1] - shifts.min(axis=0)
        least = np.maximum(np.maximum(low, -high), 0.0)
        most = np.maximum(np.abs(low), np.abs(high))
        squares = np.where((left <= 0) & (right >= 0), 0.0, np.minimum(left**2, right**2))
        rss_high = np.maximum(syy[1] - squares / sxx[1], 0.0)
        rss_low = np.maximum(syy[0] - np.maximum(left**2, right**2) / sxx[0], 0.0)
        inside = dx[0] <= 0 <= dx[1]
        nearest = 0.0 if inside else min(abs(dx[0]), abs(dx[1]))
        df = float(n.sum() - len(n) - 1)
        base = 1 / n[arm] + 1 / n[0]
        se_high = np.sqrt(rss_high / df * (base + max(abs(dx[0]), abs(dx[1])) ** 2 / sxx[0]))
        se_low = np.sqrt(rss_low / df * (base + nearest**2 / sxx[1]))
        t_low = np.where(least == 0, 0.0, least / se_high)
        t_high = np.where(most == 0, 0.0, most / se_low)
    # Pieces whose residual is negative throughout belong to no patients at all.
    real = syy[1] - squares / sxx[1] >= 0
    if not real.any():
        real[:] = True
    p_low, p_high = two_sided_p(t_high[real], df), two_sided_p(t_low[real], df)
    return Range(np.asarray(p_low.min()), np.asarray(p_high.max()))


def _difference(means: Rounded, arm: int) -> tuple[float, float]:
    return float(means.low[arm] - means.high[0]), float(means.high[arm] - means.low[0])
