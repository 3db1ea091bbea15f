"""Confidence intervals for a proportion and for the difference of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits, all of one shape."""

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    conf: float


def wilson_interval(events: ArrayLike, n: ArrayLike, conf: float = 0.95) -> Interval:
    """Wilson's score interval for a proportion (Wilson 1927, J Am Stat Assoc 22:209).

    Parameters
    ----------
    events, n : array_like
        Patients with the event and patients.
    conf : float
        Confidence level.

    Returns
    -------
    Interval
        Proportions in [0, 1].
    """
    events, n = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    z2 = special.ndtri(0.5 + conf / 2) ** 2
    p = events / n
    centre = (events + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    low = np.where(events == 0, 0.0, centre - half)
    high = np.where(events == n, 1.0, centre + half)
    return Interval(np.asarray(p), low, high, conf)


def newcombe_interval(
    events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike, conf: float = 0.95
) -> Interval:
    """Interval for the difference of two proportions, first minus second.

    Newcombe 1998 (Stat Med 17:873), method 10: Wilson limits of each proportion combined by
    squaring and adding, without continuity correction.

    Parameters
    ----------
    events1, n1, events2, n2 : array_like
        First (treatment) and second (control) arm.
    conf : float
        Confidence level.

    Returns
    -------
    Interval
        Differences in [−1, 1].
    """
    first, second = wilson_interval(events1, n1, conf), wilson_interval(events2, n2, conf)
    difference = first.estimate - second.estimate
    low = difference - np.hypot(first.estimate - first.low, second.high - second.estimate)
    high = difference + np.hypot(first.high - first.estimate, second.estimate - second.low)
    return Interval(difference, np.asarray(low), np.asarray(high), conf)
