"""Tests and intervals of rates: events in person-time, each event counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats


@dataclass(frozen=True)
class RateRatio:
    """Ratio of two rates, second over first, with its interval; ``p`` is two-sided."""

    ratio: float
    ci_low: float
    ci_high: float
    p: float


def wald_rate_ratio(
    events: Sequence[float], time: Sequence[float], level: float = 0.95
) -> RateRatio:
    """Second rate over the first by the normal distribution of its logarithm.

    ``log(ratio) ± z √(1/e₁ + 1/e₂)``, of Poisson counts (Rothman, Greenland & Lash 2008, Modern
    Epidemiology, 14). It is the Wald test of a Poisson regression on the arm.

    Parameters
    ----------
    events, time : sequence of float, of two arms, the control first
        Events and person-time.
    level : float

    Returns
    -------
    RateRatio
        NaN but for the ratio where an arm has no event.
    """
    (e1, e2), (t1, t2) = events, time
    ratio = (e2 / t2) / (e1 / t1) if e1 > 0 else (np.inf if e2 > 0 else np.nan)
    if not (e1 > 0 and e2 > 0):
        return RateRatio(float(ratio), np.nan, np.nan, np.nan)
    se = float(np.sqrt(1 / e1 + 1 / e2))
    half = float(special.ndtri(0.5 + level / 2)) * se
    log = float(np.log(ratio))
    p = 2 * float(special.ndtr(-abs(log) / se))
    return RateRatio(float(ratio), float(np.exp(log - half)), float(np.exp(log + half)), p)


def exact_rate_ratio(
    events: Sequence[float], time: Sequence[float], level: float = 0.95
) -> RateRatio:
    """Second rate over the first given the total of events, which is binomial.

    Given ``e₁ + e₂`` the second count is binomial with probability ``λ₂t₂ / (λ₁t₁ + λ₂t₂)``
    (Przyborowski & Wilenski 1940, Biometrika 31:313). The interval is Clopper and Pearson's, and p
    sums the counts no more probable than the one found, as R's ``poisson.test`` has both.
    """
    (e1, e2), (t1, t2) = events, time
    total = round(e1 + e2)
    if total == 0:
        return RateRatio(np.nan, 0.0, np.inf, 1.0)
    found = stats.binomtest(round(e2), total, t2 / (t1 + t2))
    low, high = found.proportion_ci(level, method="exact")
    ends = [share / (1 - share) * t1 / t2 if share < 1 else np.inf for share in (low, high)]
    ratio = (e2 / t2) / (e1 / t1) if e1 > 0 else np.inf
    return RateRatio(float(ratio), float(ends[0]), float(ends[1]), float(found.pvalue))


def doubled_rate_p(events: Sequence[float], time: Sequence[float]) -> float:
    """The conditional exact test with p twice the smaller tail, as the exact interval has it."""
    (e1, e2), (t1, t2) = events, time
    given = stats.binom(round(e1 + e2), t2 / (t1 + t2))
    return float(min(2 * min(given.cdf(e2), given.sf(e2 - 1)), 1.0))


def rates_chi2(
    events: Sequence[float], time: Sequence[float], *, likelihood: bool = False
) -> float:
    """P of the χ² test that all rates are equal: Pearson's (the score test), or by likelihood.

    Expected counts share the total as the person-time does; one degree of freedom less than arms.
    """
    e, t = np.asarray(events, dtype=float), np.asarray(time, dtype=float)
    expected = e.sum() * t / t.sum()
    if e.sum() == 0:
        return 1.0
    if likelihood:
        value = 2 * float(np.sum(special.xlogy(e, e / expected)))
    else:
        value = float(np.sum((e - expected) ** 2 / expected))
    return float(special.chdtrc(len(e) - 1, value))


def e_test(events: Sequence[float], time: Sequence[float]) -> float:
    """P of Krishnamoorthy and Thomson's (2004, J Stat Plan Inference 119:23) E-test, by SciPy."""
    (e1, e2), (t1, t2) = events, time
    return float(stats.poisson_means_test(round(e1), t1, round(e2), t2).pvalue)
