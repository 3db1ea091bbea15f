"""p-values of an analysis of variance reachable from inputs that print as shown."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesasthma.frequentist.anova import f_p_value
from bayesasthma.frequentist.printed import Range, Rounded

FloatArray = NDArray[np.float64]

# Greenhouse–Geisser ε at which p is evaluated between its least value 1/(visits − 1) and 1.
EPSILONS = 25
# Sweeps of coordinate descent; the quadratic form has one entry a visit.
SWEEPS = 500
# 2^12 corners take a moment; more visits than this fall back on an outer bound.
CORNERS = 12


def spread_range(means: Rounded, weights: ArrayLike) -> Range:
    """Range of the weighted sum of squares about the weighted mean, over the rounding box.

    The sum is convex in the means: its maximum is at a corner; its minimum is
    ``min_c Σ w · dist(c, [low, high])²``, a convex function of one number.

    Parameters
    ----------
    means : Rounded, shape (group,)
        Means as printed.
    weights : array_like, shape (group,)
        Positive weights.

    Returns
    -------
    Range
        Scalar ends.
    """
    low, high = np.atleast_1d(means.low), np.atleast_1d(means.high)
    w = np.broadcast_to(np.asarray(weights, dtype=float), low.shape)

    def about_mean(x: FloatArray) -> float:
        return float(np.sum(w * (x - np.sum(w * x) / np.sum(w)) ** 2))

    if len(low) <= CORNERS:
        most = max(about_mean(np.array(x)) for x in product(*zip(low, high, strict=True)))
    else:
        centre = np.sum(w * (low + high) / 2) / np.sum(w)
        most = float(np.sum(w * np.maximum(np.abs(low - centre), np.abs(high - centre)) ** 2))
    a, b = float(low.min()), float(high.max())
    for _ in range(60):  # the derivative Σ w (c − clip(c)) is non-decreasing
        c = (a + b) / 2
        if np.sum(w * (c - np.minimum(np.maximum(c, low), high))) > 0:
            b = c
        else:
            a = c
    least = float(np.sum(w * ((a + b) / 2 - np.clip((a + b) / 2, low, high)) ** 2))
    return Range(np.asarray(least), np.asarray(most))


def one_way_p_range(means: Rounded, sds: Rounded, n: ArrayLike) -> Range:
    """Range of the one-way analysis of variance's p; exact.

    Numerator and denominator of F depend on different inputs, so their ranges combine freely.

    Parameters
    ----------
    means, sds : Rounded, shape (group,)
        Summaries of independent groups as printed.
    n : array_like, shape (group,)
        Patients.

    Returns
    -------
    Range
        Scalar ends.
    """
    n = np.asarray(n, dtype=float)
    df1, df2 = len(n) - 1.0, float(n.sum() - len(n))
    between = spread_range(means, n)
    within = [float(np.sum((n - 1) * sd**2)) / df2 for sd in (sds.low, sds.high)]
    return _f_range(between, df1, (within[0], within[1]), df1, df2)


def within_subject_error_range(sds: Rounded, correlation: float) -> Range:
    """Range of ``tr(C'SC)/(T − 1)`` under compound symmetry, over the SDs' rounding box.

    A positive semidefinite quadratic form of the SDs: greatest at a corner of the box, least where
    coordinate descent ends (the form is convex).

    Parameters
    ----------
    sds : Rounded, shape (visit,)
        SDs of one arm as printed.
    correlation : float
        Correlation between any two visits.
    """
    low, high = np.atleast_1d(sds.low), np.atleast_1d(sds.high)
    visits = len(low)
    form = ((visits - 1 + correlation) * np.eye(visits) - correlation) / visits

    def value(s: FloatArray) -> float:
        return float(s @ form @ s) / (visits - 1)

    if visits <= CORNERS:
        most = max(value(np.array(s)) for s in product(*zip(low, high, strict=True)))
    else:
        most = float(np.sum(high**2)) * (visits - 1 + abs(correlation)) / visits / (visits - 1)
    diagonal, other = float(form[0, 0]), float(-form[0, 1]) if visits > 1 else 0.0
    s, bounds = low.tolist(), list(zip(low.tolist(), high.tolist(), strict=True))
    for _ in range(SWEEPS):
        total, moved = sum(s), 0.0  # the sum is carried along: hundreds of visits take long
        for j, (least, greatest) in enumerate(bounds):
            # Where the form falls no further in this SD, given the others.
            old = s[j]
            best = other * (total - old) / diagonal if diagonal > 0 else least
            new = least if best < least else min(best, greatest)
            if new != old:
                s[j], total, moved = new, total + (new - old), max(moved, abs(new - old))
        if moved <= 1e-13 * max(s):
            break
    return Range(np.asarray(max(value(np.array(s)), 0.0)), np.asarray(most))


def repeated_measures_p_range(
    pattern: Rounded,
    weight: float,
    sds: list[Rounded],
    n: ArrayLike,
    correlation: tuple[float, float],
    sphericity: bool = True,
) -> Range:
    """Range of p of the time effect (one arm) or arm × time (two arms) under compound symmetry.

    F falls with the error, and the error falls linearly with the correlation, so the ends of the
    correlation's range are the ends of p.

    Parameters
    ----------
    pattern : Rounded, shape (visit,)
        Means of the arm, or differences between the two arms' means.
    weight : float
        ``n`` of the arm, or ``n₁n₂/(n₁ + n₂)``.
    sds : list of Rounded, each of shape (visit,)
        SDs of each arm.
    n : array_like, shape (arm,)
        Patients per arm.
    correlation : tuple of float
        Least and greatest correlation admitted, within [−1/(visits − 1), 1].
    sphericity : bool
        True: no correction. False: the range over `EPSILONS` values of Greenhouse–Geisser's ε.

    Returns
    -------
    Range
        Scalar ends.
    """
    n = np.asarray(n, dtype=float)
    visits = np.size(pattern.value)
    share = (n - 1) / (n.sum() - len(n))
    df1 = visits - 1.0
    df2 = float(n.sum() - len(n)) * df1
    spread = spread_range(pattern, np.full(visits, weight))
    at_low, at_high = ([within_subject_error_range(s, rho) for s in sds] for rho in correlation)
    error = (
        sum(float(w * r.low) for w, r in zip(share, at_high, strict=True)),
        sum(float(w * r.high) for w, r in zip(share, at_low, strict=True)),
    )
    corrections = [1.0] if sphericity else np.linspace(1 / df1, 1.0, EPSILONS).tolist()
    ranges = [_f_range(spread, df1, error, df1 * e, df2 * e) for e in corrections]
    return Range(
        np.asarray(min(float(r.low) for r in ranges)),
        np.asarray(max(float(r.high) for r in ranges)),
    )


def _f_range(
    sum_of_squares: Range, df: float, error: tuple[float, float], df1: float, df2: float
) -> Range:
    most, least = float(sum_of_squares.high) / df, float(sum_of_squares.low) / df
    largest = np.inf if error[0] <= 0 < most else most / max(error[0], np.finfo(float).tiny)
    smallest = least / error[1] if error[1] > 0 else (np.inf if least > 0 else 0.0)
    return Range(f_p_value(largest, df1, df2), f_p_value(smallest, df1, df2))
