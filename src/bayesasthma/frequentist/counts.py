"""Tests of two proportions from counts: Fisher, mid-p, χ², likelihood ratio, unconditional."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

FloatArray = NDArray[np.float64]

#: Patients of an arm from which on a distribution is computed where it is not 0 alone.
WIDE = 10_000

# Probabilities this close are ties; the tolerance R's fisher.test and SciPy use as well.
TIE = 1 + 1e-7


def _counts(*values: ArrayLike) -> tuple[FloatArray, ...]:
    arrays = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in values))
    return tuple(np.asarray(a) for a in arrays)


def _null_distribution(
    events1: FloatArray, n1: FloatArray, events2: FloatArray, n2: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Support and hypergeometric probabilities of `events1` given both margins, last axis added."""
    total = (events1 + events2)[..., None]
    n1, n2 = n1[..., None], n2[..., None]
    finite = n1[np.isfinite(n1)]
    least, most = 0.0, finite.max(initial=0)
    if most > WIDE:
        known = np.isfinite(n1 + n2 + total)
        least = np.maximum(total - n2, 0)[known].min(initial=most)
        most = np.minimum(n1, total)[known].max(initial=least)
    k = np.arange(int(least), int(most) + 1, dtype=float)
    possible = (k <= np.minimum(n1, total)) & (k >= total - n2)

    def log_choose(n: FloatArray, r: FloatArray) -> FloatArray:
        return np.asarray(
            special.gammaln(n + 1) - special.gammaln(r + 1) - special.gammaln(n - r + 1)
        )

    with np.errstate(invalid="ignore"):
        inside = np.where(possible, k, 0.0)
        other = np.where(possible, total - k, 0.0)
        log_p = log_choose(n1, inside) + log_choose(n2, other) - log_choose(n1 + n2, total)
    return k, np.where(possible, np.exp(log_p), 0.0)


def fisher_exact(
    events1: ArrayLike,
    n1: ArrayLike,
    events2: ArrayLike,
    n2: ArrayLike,
    alternative: Literal["two-sided", "greater", "less"] = "two-sided",
) -> FloatArray:
    """p-value of Fisher's exact test for two proportions.

    Parameters
    ----------
    events1, n1, events2, n2 : array_like
        Patients with the event, and patients, in each arm.
    alternative : {"two-sided", "greater", "less"}
        Two-sided sums the tables no more probable than the observed one (Fisher 1935; the rule of
        R and SciPy); "greater" means a larger proportion in the first arm.

    Returns
    -------
    ndarray
        p-values of the broadcast shape, NaN where an input is NaN.
    """
    e1, m1, e2, m2 = _counts(events1, n1, events2, n2)
    k, pmf = _null_distribution(e1, m1, e2, m2)
    if alternative == "greater":
        tail = k >= e1[..., None]
    elif alternative == "less":
        tail = k <= e1[..., None]
    else:
        tail = pmf <= _observed(k, pmf, e1)[..., None] * TIE
    return _masked(np.minimum(np.sum(pmf * tail, axis=-1), 1.0), e1, m1, e2, m2)


def mid_p(events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike) -> FloatArray:
    """Two-sided mid-p: Fisher's p less half the probability of the observed table.

    Lancaster 1961 (J Am Stat Assoc 56:223); see `fisher_exact` for the parameters.
    """
    e1, m1, e2, m2 = _counts(events1, n1, events2, n2)
    k, pmf = _null_distribution(e1, m1, e2, m2)
    observed = _observed(k, pmf, e1)
    both = np.sum(pmf * (pmf <= observed[..., None] * TIE), axis=-1)
    return _masked(np.minimum(both, 1.0) - observed / 2, e1, m1, e2, m2)


def _observed(k: FloatArray, pmf: FloatArray, events: FloatArray) -> FloatArray:
    return np.asarray(np.sum(np.where(k == events[..., None], pmf, 0.0), axis=-1))


def _masked(p: FloatArray, *inputs: FloatArray) -> FloatArray:
    missing = np.any(np.isnan(np.stack(np.broadcast_arrays(*inputs))), axis=0)
    return np.asarray(np.where(missing, np.nan, p))


def contingency_chi2(
    table: ArrayLike, statistic: Literal["pearson", "likelihood"] = "pearson"
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """χ² test of independence of r × c tables.

    Parameters
    ----------
    table : array_like, shape (..., row, column)
        Counts. Empty rows and columns do not count towards the degrees of freedom.
    statistic : {"pearson", "likelihood"}
        Pearson's X² or the likelihood-ratio G.

    Returns
    -------
    statistic, df, p : ndarray, shape (...)
        p is 1 where a table has fewer than two non-empty rows or columns.
    """
    table = np.asarray(table, dtype=float)
    rows, columns = table.sum(axis=-1, keepdims=True), table.sum(axis=-2, keepdims=True)
    total = table.sum(axis=(-1, -2), keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = rows * columns / total
        if statistic == "pearson":
            cell = np.where(expected > 0, (table - expected) ** 2 / expected, 0.0)
        else:
            cell = np.where(table > 0, 2 * table * np.log(table / expected), 0.0)
    value = np.where(np.isnan(total[..., 0, 0]), np.nan, np.sum(cell, axis=(-1, -2)))
    df = (np.sum(rows[..., 0] > 0, axis=-1) - 1.0) * (np.sum(columns[..., 0, :] > 0, axis=-1) - 1)
    p = np.where(df > 0, special.chdtrc(np.maximum(df, 1), value), 1.0)
    return np.asarray(value), np.asarray(df), np.where(np.isnan(value), np.nan, p)


def chi2_test(
    events1: ArrayLike,
    n1: ArrayLike,
    events2: ArrayLike,
    n2: ArrayLike,
    correction: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Pearson's χ² for two proportions, with or without Yates' continuity correction.

    Parameters
    ----------
    events1, n1, events2, n2 : array_like
        Patients with the event, and patients, in each arm.
    correction : bool
        Yates 1934: every |observed − expected| is reduced by ½, never below 0.

    Returns
    -------
    statistic, p : ndarray
        With no events, or nothing but events, the statistic is 0 and p is 1.
    """
    e1, m1, e2, m2 = _counts(events1, n1, events2, n2)
    total = m1 + m2
    events = e1 + e2
    departure = np.abs(e1 - events * m1 / total)
    if correction:
        departure = np.maximum(departure - 0.5, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = events * (total - events) * m1 * m2 / total**3
        statistic = np.where(variance == 0, 0.0, departure**2 / variance)
    return np.asarray(statistic), np.asarray(special.chdtrc(1, statistic))


def barnard_exact(
    events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike, grid: int = 199
) -> FloatArray:
    """Unconditional exact test with the pooled z statistic (Suissa & Shuster 1985).

    Barnard 1947 (Biometrika 34:123): the largest probability, over the common event rate, of
    tables at least as extreme by |z|. The maximum is taken over `grid` equally spaced rates, so it
    is a lower bound that is exact to about the grid's spacing.

    Parameters
    ----------
    events1, n1, events2, n2 : array_like
        Scalars or arrays of one shape.
    grid : int
        Number of event rates strictly between 0 and 1.

    Returns
    -------
    ndarray
        p-values, NaN where an input is NaN.
    """
    arrays = _counts(events1, n1, events2, n2)
    rate = np.arange(1, grid + 1) / (grid + 1)

    def one(e1: float, m1: float, e2: float, m2: float) -> float:
        if np.isnan(e1 + m1 + e2 + m2):
            return float("nan")
        a, b = np.arange(m1 + 1), np.arange(m2 + 1)
        statistic, _ = chi2_test(a[:, None], m1, b, m2)
        extreme = statistic * TIE >= chi2_test(e1, m1, e2, m2)[0]
        p1, p2 = _binomial(a, m1, rate), _binomial(b, m2, rate)
        return float(min(np.einsum("ri,ij,rj->r", p1, extreme, p2).max(), 1.0))

    return np.asarray(np.vectorize(one, otypes=[float])(*arrays))


def _binomial(k: FloatArray, n: float, rate: FloatArray) -> FloatArray:
    log_choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    column = rate[:, None]
    return np.asarray(np.exp(log_choose + k * np.log(column) + (n - k) * np.log1p(-column)))
