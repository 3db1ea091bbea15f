"""Correlation of baseline and follow-up from an adjusted difference, or from a paired t test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

Ends = tuple[float, float]


@dataclass(frozen=True)
class Printed:
    """A printed number and the ends of what rounds to it."""

    value: float
    step: float = 0.0
    floor: float = -math.inf

    @property
    def ends(self) -> Ends:
        """Smallest and largest unrounded value."""
        half = self.step * (0.5 + 1e-9)
        return max(self.value - half, self.floor), self.value + half


@dataclass(frozen=True)
class Implied:
    """A correlation that printed numbers imply.

    Attributes
    ----------
    value : float
        From the numbers at face value; NaN where they give none.
    low, high : float
        Over all numbers that print as shown; NaN where no correlation gives them.
    reason : str
        Why there is none, or empty.
    """

    value: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True)
class ArmCells:
    """One arm's printed cells: baseline and a visit of the same ``n`` patients."""

    n: float
    before: Printed
    sd_before: Printed
    after: Printed
    sd_after: Printed


def unexplained_variance(
    error: float, n: np.ndarray, sd_before: np.ndarray, sd_after: np.ndarray, imbalance: float
) -> float:
    """``1 - r^2`` of an analysis of covariance from the standard error of its difference.

    Common slope on baseline within ``k`` arms, ``N`` patients: ``SE^2 = (1 - r^2) S_yy / (N - k -
    1) (1/n_1 + 1/n_0 + d^2 / S_xx)``, where ``S`` are sums of squares within arms, ``d`` the
    difference of the baseline means of the two arms compared and ``r`` the pooled within-arm
    correlation (Cochran 1957, Biometrics 13:261).

    Parameters
    ----------
    error : float
        Standard error of the adjusted difference, in outcome units.
    n, sd_before, sd_after : ndarray, shape (arm,)
        The control first and the arm compared second; arms that share the model after them.
    imbalance : float
        ``d``.
    """
    within_before = float(np.sum((n - 1) * sd_before**2))
    within_after = float(np.sum((n - 1) * sd_after**2))
    factor = 1 / n[0] + 1 / n[1] + imbalance**2 / within_before
    return float(error**2 * (n.sum() - len(n) - 1) / (within_after * factor))


def correlation_of_adjusted_difference(
    estimate: Printed,
    error: Printed | None,
    interval: tuple[Printed, Printed] | None,
    prob: float,
    arms: list[ArmCells],
) -> Implied:
    """Pooled within-arm correlation that a baseline-adjusted difference implies.

    The width gives the absolute value (:func:`unexplained_variance`, exact over the box of rounding
    since that is monotone in every number); the estimate, ``D_y - b D_x`` with slope ``b = r
    sqrt(S_yy / S_xx)``, decides on the sign and whether the analysis is of these numbers at all.

    Parameters
    ----------
    estimate : Printed
        Adjusted difference.
    error : Printed or None
        Its standard error; else its ``interval`` by Student's t.
    interval : (Printed, Printed) or None
    prob : float
        Level of the interval.
    arms : list of ArmCells
        The control first and the arm compared second.
    """
    n = np.array([arm.n for arm in arms])
    df = float(n.sum() - len(n) - 1)
    if df < 1:
        return Implied(math.nan, math.nan, math.nan, "too few patients")
    if error is None:
        assert interval is not None
        quantile = 2 * float(special.stdtrit(df, 0.5 + prob / 2))
        width = (interval[1].value - interval[0].value) / quantile
        error = Printed(width, (interval[0].step + interval[1].step) / quantile, 0.0)

    def share(which: int) -> float:
        """1 - r^2 at face value (2), least (0) and greatest (1)."""
        if which == 2:
            return unexplained_variance(
                error.value,
                n,
                np.array([arm.sd_before.value for arm in arms]),
                np.array([arm.sd_after.value for arm in arms]),
                arms[1].before.value - arms[0].before.value,
            )
        gaps = _between(arms[1].before, arms[0].before)
        gap = max(map(abs, gaps)) if which == 0 else _least(gaps)
        return unexplained_variance(
            error.ends[which],
            n,
            np.array([arm.sd_before.ends[which] for arm in arms]),
            np.array([arm.sd_after.ends[1 - which] for arm in arms]),
            gap,
        )

    least, greatest = share(0), share(1)
    if least > 1:
        return Implied(
            math.nan, math.nan, math.nan, "the interval is wider than without any adjustment"
        )
    face = share(2)
    value = math.sqrt(1 - face) if face <= 1 else 0.0
    low, high = math.sqrt(max(1 - greatest, 0.0)), math.sqrt(max(1 - least, 0.0))
    for sign in (1.0, -1.0):
        ends = sorted((sign * low, sign * high))
        if _goes_with(estimate, arms, n, (ends[0], ends[1])):
            return Implied(sign * value, ends[0], ends[1])
    return Implied(
        math.nan,
        math.nan,
        math.nan,
        "the estimate does not follow from the printed means by an analysis of covariance",
    )


def _between(first: Printed, second: Printed) -> Ends:
    """Range of a difference of two printed numbers."""
    return first.ends[0] - second.ends[1], first.ends[1] - second.ends[0]


def _least(ends: Ends) -> float:
    """Least absolute value within a range."""
    return 0.0 if ends[0] <= 0 <= ends[1] else min(abs(ends[0]), abs(ends[1]))


def _goes_with(estimate: Printed, arms: list[ArmCells], n: np.ndarray, rho: Ends) -> bool:
    """Whether the printed means and the slopes of these correlations give the estimate."""
    ratios = [
        math.sqrt(
            float(np.sum((n - 1) * np.array([arm.sd_after.ends[i] for arm in arms]) ** 2))
            / float(np.sum((n - 1) * np.array([arm.sd_before.ends[1 - i] for arm in arms]) ** 2))
        )
        for i in (0, 1)
    ]
    slopes = [r * q for r in rho for q in ratios]
    gaps, gains = _between(arms[1].before, arms[0].before), _between(arms[1].after, arms[0].after)
    moved = [b * gap for b in (min(slopes), max(slopes)) for gap in gaps]
    low, high = gains[0] - max(moved), gains[1] - min(moved)
    return low <= estimate.ends[1] and estimate.ends[0] <= high


def correlation_of_paired_test(p: Ends, face: float, arm: ArmCells) -> Implied:
    """Correlation at which a paired t test of printed means and SDs gives a printed p.

    ``t^2 = n d^2 / v`` and ``v = s^2 + u^2 - 2 r s u``, hence ``r = (s^2 + u^2 - v) / (2 s u)``
    (Cochrane Handbook 6.5.2.8). Over the box of rounding r falls in v; for a given v its largest
    value is at a corner of the SDs, its least at a corner or where ``s^2 = u^2 - v``.

    Parameters
    ----------
    p : (float, float)
        Two-sided p-values that print as shown.
    face : float
        The p-value at face value; NaN for one that is only bounded.
    arm : ArmCells
    """
    moved = _between(arm.after, arm.before)
    least, greatest = _least(moved), max(map(abs, moved))
    n, df = arm.n, arm.n - 1

    def variance(change: float, value: float) -> float:
        if value >= 1:
            return math.inf
        t = float(special.stdtrit(df, 1 - value / 2)) if value > 0 else math.inf
        return n * change**2 / t**2

    smallest, largest = variance(least, p[0]), variance(greatest, p[1])
    s, u = arm.sd_before.ends, arm.sd_after.ends
    if min(s[0], u[0]) <= 0:
        return Implied(math.nan, -1.0, 1.0, "an SD may be 0")
    corners = [(x, y) for x in s for y in u]
    high = max(_solve(x, y, smallest) for x, y in corners)
    turns = [(float(np.clip(math.sqrt(max(y**2 - largest, 0)), *s)), y) for y in u]
    turns += [(x, float(np.clip(math.sqrt(max(x**2 - largest, 0)), *u))) for x in s]
    low = min(_solve(x, y, largest) for x, y in corners + turns)
    if low > 1 or high < -1:
        return Implied(math.nan, math.nan, math.nan, "no correlation gives the printed p")
    low, high = max(low, -1.0), min(high, 1.0)
    if math.isnan(face):
        return Implied(math.nan, low, high, "the p is only bounded")
    change = arm.after.value - arm.before.value
    value = _solve(arm.sd_before.value, arm.sd_after.value, variance(abs(change), face))
    return Implied(float(np.clip(value, low, high)), low, high)


def _solve(s: float, u: float, variance: float) -> float:
    return (s**2 + u**2 - variance) / (2 * s * u)
