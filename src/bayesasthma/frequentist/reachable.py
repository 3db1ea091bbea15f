"""p-values reachable from any unrounded inputs that print as shown.

Exact corners where p is monotone in every input; elsewhere a bracket that is proven to contain
every reachable value. ``docs/audit.md`` gives the arguments.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from bayesasthma.frequentist.anova import f_p_value
from bayesasthma.frequentist.printed import Range, Rounded
from bayesasthma.frequentist.t_tests import pooled_sd, two_sided_p

FloatArray = NDArray[np.float64]

# Pieces an edge of the SD box is cut into for Welch's test.
PIECES = 64


def _absolute_difference(first: Rounded, second: Rounded) -> tuple[FloatArray, FloatArray]:
    """Least and greatest |first − second| over the rounding box."""
    low, high = first.low - second.high, first.high - second.low
    least = np.maximum(np.maximum(low, -high), 0.0)
    return np.asarray(least), np.asarray(np.maximum(np.abs(low), np.abs(high)))


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Quotient with x/0 = ∞ and 0/0 = 0, the limits a p-value bound needs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(numerator == 0, 0.0, numerator / denominator)


def student_p_range(
    mean1: Rounded, sd1: Rounded, n1: ArrayLike, mean2: Rounded, sd2: Rounded, n2: ArrayLike
) -> Range:
    """Range of Student's two-sample p; exact.

    |t| grows with |difference| and falls with either SD at fixed degrees of freedom, so the
    extremes lie at corners of the box (p = 1 where the means can be equal).

    Parameters
    ----------
    mean1, sd1, mean2, sd2 : Rounded
        Summaries as printed.
    n1, n2 : array_like
        Patients.

    Returns
    -------
    Range
        p-values of the broadcast shape.
    """
    n1, n2 = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    least, greatest = _absolute_difference(mean1, mean2)
    root, df = np.sqrt(1 / n1 + 1 / n2), n1 + n2 - 2
    smallest_t = _ratio(least, pooled_sd(sd1.high, n1, sd2.high, n2) * root)
    largest_t = _ratio(greatest, pooled_sd(sd1.low, n1, sd2.low, n2) * root)
    return Range(two_sided_p(largest_t, df), two_sided_p(smallest_t, df))


def welch_p_range(
    mean1: Rounded, sd1: Rounded, n1: ArrayLike, mean2: Rounded, sd2: Rounded, n2: ArrayLike
) -> Range:
    """Bracket of Welch's two-sample p; contains every reachable value.

    With ``a = SD₁²/n₁`` and ``b = SD₂²/n₂``, t depends on a + b and the degrees of freedom on a/b
    alone. Along a ray from the origin p therefore grows, so its least value lies on the two lower
    edges of the (a, b) box and its greatest on the two upper ones. Each edge is cut into `PIECES`
    pieces, and each piece bounded by the monotone t and by the degrees of freedom, whose reciprocal
    is convex in a/(a + b) with its least value at (n₁ − 1)/(n₁ + n₂ − 2).

    See `student_p_range` for the parameters.
    """
    n1, n2 = np.asarray(n1, dtype=float), np.asarray(n2, dtype=float)
    least, greatest = _absolute_difference(mean1, mean2)
    a = (sd1.low**2 / n1, sd1.high**2 / n1)
    b = (sd2.low**2 / n2, sd2.high**2 / n2)
    p_low = np.minimum(
        _edge(greatest, a, (b[0], b[0]), n1, n2)[0], _edge(greatest, (a[0], a[0]), b, n1, n2)[0]
    )
    p_high = np.maximum(
        _edge(least, a, (b[1], b[1]), n1, n2)[1], _edge(least, (a[1], a[1]), b, n1, n2)[1]
    )
    return Range(p_low, p_high)


def _edge(
    difference: FloatArray,
    a: tuple[FloatArray, FloatArray],
    b: tuple[FloatArray, FloatArray],
    n1: FloatArray,
    n2: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Outer bounds of Welch's p along one edge of the (a, b) box."""
    step = np.linspace(0.0, 1.0, PIECES + 1)
    x = np.asarray(a[0])[..., None] + np.asarray(a[1] - a[0])[..., None] * step
    y = np.asarray(b[0])[..., None] + np.asarray(b[1] - b[0])[..., None] * step
    t = _ratio(np.broadcast_to(np.asarray(difference)[..., None], x.shape), np.sqrt(x + y))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = x / (x + y)
    v1, v2 = n1[..., None] - 1, n2[..., None] - 1
    share = np.where((x + y == 0), v1 / (v1 + v2), share)
    reciprocal = share**2 / v1 + (1 - share) ** 2 / v2
    ends = np.stack([reciprocal[..., :-1], reciprocal[..., 1:]])
    best = v1 / (v1 + v2)
    inside = (np.minimum(share[..., :-1], share[..., 1:]) <= best) & (
        best <= np.maximum(share[..., :-1], share[..., 1:])
    )
    most_df = 1 / np.where(inside, 1 / (v1 + v2), ends.min(axis=0))
    # At the origin (both SDs 0) every ratio occurs, down to the smaller arm's df.
    origin = (x + y == 0)[..., :-1] | (x + y == 0)[..., 1:]
    least_df = np.where(origin, np.minimum(v1, v2), 1 / ends.max(axis=0))
    low = two_sided_p(np.maximum(t[..., :-1], t[..., 1:]), most_df)
    high = two_sided_p(np.minimum(t[..., :-1], t[..., 1:]), least_df)
    return low.min(axis=-1), high.max(axis=-1)


def change_variance_range(sd_before: Rounded, sd_after: Rounded, correlation: Range) -> Range:
    """Range of the variance of a change over the SDs' rounding and the correlation; exact.

    ``v = s² + u² − 2ρsu`` falls in ρ and is a convex quadratic form in (s, u): its maximum is at a
    corner of the box, its minimum on an edge, at the edge's own minimum clipped to the box.
    """
    s, u = (sd_before.low, sd_before.high), (sd_after.low, sd_after.high)
    high = np.maximum.reduce([_change_variance(x, y, correlation.low) for x in s for y in u])
    rho = correlation.high
    low = np.minimum.reduce(
        [_change_variance(np.clip(rho * y, *s), y, rho) for y in u]
        + [_change_variance(x, np.clip(rho * x, *u), rho) for x in s]
    )
    return Range(np.asarray(low), np.asarray(high))


def _change_variance(s: FloatArray, u: FloatArray, rho: FloatArray) -> FloatArray:
    return (s - u) ** 2 + 2 * (1 - rho) * s * u


def paired_p_range(
    mean_before: Rounded,
    sd_before: Rounded,
    mean_after: Rounded,
    sd_after: Rounded,
    n: ArrayLike,
    correlation: Range | None = None,
) -> Range:
    """Range of the paired t test's p over a range of correlations and the rounding box; exact.

    Parameters
    ----------
    mean_before, sd_before, mean_after, sd_after : Rounded
        Summaries as printed.
    n : array_like
        Patients.
    correlation : Range, optional
        Within-patient correlations admitted; by default all of [−1, 1].

    Returns
    -------
    Range
        p-values. A printed p outside it is impossible for a paired t test of these numbers.
    """
    n = np.asarray(n, dtype=float)
    if correlation is None:
        correlation = Range(np.asarray(-1.0), np.asarray(1.0))
    least, greatest = _absolute_difference(mean_after, mean_before)
    variance = change_variance_range(sd_before, sd_after, correlation)
    smallest_t = _ratio(least, np.sqrt(variance.high / n))
    largest_t = _ratio(greatest, np.sqrt(variance.low / n))
    return Range(two_sided_p(largest_t, n - 1), two_sided_p(smallest_t, n - 1))


def implied_correlation_range(
    mean_before: Rounded,
    sd_before: Rounded,
    mean_after: Rounded,
    sd_after: Rounded,
    n: ArrayLike,
    p: Range,
) -> Range:
    """Within-patient correlations at which a paired t test gives a p in the printed set.

    From ``t² = n d²/v`` and ``v = s² + u² − 2ρsu``: ``ρ = (s² + u² − v)/(2su)``. ρ is monotone in v
    (hence in d and in p); on the SD box its extremes lie on the edges, at the ends or at the edge's
    minimum ``s = √(u² − v)``, so the range is exact before it is cut to [−1, 1].

    Parameters
    ----------
    mean_before, sd_before, mean_after, sd_after, n
        Summaries as printed, as for `paired_p_range`.
    p : Range
        Printed p, as a set.

    Returns
    -------
    Range
        Correlations within [−1, 1]; NaN for both ends where none exists.
    """
    n = np.asarray(n, dtype=float)
    least, greatest = _absolute_difference(mean_after, mean_before)
    with np.errstate(divide="ignore", invalid="ignore"):
        # t² at p: p → 0 allows v → 0, p → 1 allows v → ∞ (correlation −∞, cut below).
        t_high, t_low = _t_quantile(p.low, n - 1), _t_quantile(p.high, n - 1)
        v_low = np.where(np.isinf(t_high), 0.0, n * least**2 / t_high**2)
        v_high = np.where(t_low == 0, np.inf, n * greatest**2 / t_low**2)
    s, u = (sd_before.low, sd_before.high), (sd_after.low, sd_after.high)
    corners = [(x, y) for x in s for y in u]
    # An SD that may be 0 has no correlation (0/0): such a corner admits every value.
    high = np.maximum.reduce([_correlation(x, y, v_low, np.inf) for x, y in corners])
    # The least ρ over v, too, is at v_high; the edges' own minima matter only there.
    turns = [(np.clip(np.sqrt(np.maximum(y**2 - v_high, 0)), *s), y) for y in u]
    turns += [(x, np.clip(np.sqrt(np.maximum(x**2 - v_high, 0)), *u)) for x in s]
    low = np.minimum.reduce([_correlation(x, y, v_high, -np.inf) for x, y in corners + turns])
    none = ~((low <= 1) & (high >= -1))
    return Range(
        np.where(none, np.nan, np.clip(low, -1, 1)), np.where(none, np.nan, np.clip(high, -1, 1))
    )


def _t_quantile(p: FloatArray, df: FloatArray) -> FloatArray:
    """|t| with two-sided p-value `p`."""
    x = special.betaincinv(df / 2, 0.5, np.clip(p, 0, 1))
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt(df * (1 - x) / x))


def _correlation(s: FloatArray, u: FloatArray, v: FloatArray, undefined: float) -> FloatArray:
    numerator, denominator = s**2 + u**2 - v, 2 * s * u
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = numerator / denominator
    return np.where((numerator == 0) & (denominator == 0), undefined, ratio)


def statistic_p_range(
    kind: Literal["t", "F", "z", "chi2"],
    statistic: Rounded,
    df1: ArrayLike = np.nan,
    df2: ArrayLike = np.nan,
) -> Range:
    """Range of p from a printed test statistic and its degrees of freedom; exact.

    Parameters
    ----------
    kind : {"t", "F", "z", "chi2"}
        Two-sided for t and z, upper tail for F and χ².
    statistic : Rounded
        As printed.
    df1, df2 : array_like
        t: df2; χ²: df2; F: both; z: neither.

    Returns
    -------
    Range
        p falls with |statistic|, so its range is that of the ends (1 where 0 is inside).
    """
    df1, df2 = np.asarray(df1, dtype=float), np.asarray(df2, dtype=float)
    inside = (statistic.low <= 0) & (statistic.high >= 0)
    ends = np.abs(np.stack([statistic.low, statistic.high]))
    smallest, largest = np.where(inside, 0.0, ends.min(axis=0)), ends.max(axis=0)
    if kind == "z":
        p = [2 * special.ndtr(-x) for x in (largest, smallest)]
    elif kind == "t":
        p = [two_sided_p(x, df2) for x in (largest, smallest)]
    elif kind == "F":
        p = [f_p_value(x, df1, df2) for x in (largest, smallest)]
    else:
        p = [special.chdtrc(df2, x) for x in (largest, smallest)]
    return Range(np.asarray(p[0]), np.asarray(p[1]))
