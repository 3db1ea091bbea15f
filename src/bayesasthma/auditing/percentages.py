"""Percentages of counts, and the denominators that they imply."""

from __future__ import annotations

import numpy as np

# A percentage is of the patients seen: denominators below this share of the arm are not offered.
LEAST_SHARE = 0.5


def percent_fits(count: float, n: float, percent: float, step: float) -> bool:
    """Whether a printed percentage is that of `count` of `n`, or nothing is printed to compare."""
    if not np.isfinite(count + n + percent) or not n > 0:
        return True
    return bool(abs(100 * count / n - percent) <= step / 2 + 1e-9)


def denominators(count: float, n: float, percent: float, step: float) -> range:
    """Numbers of patients, at most `n`, of which `count` is the printed percentage.

    Parameters
    ----------
    count, n : float
        Patients counted, and patients of the arm.
    percent, step : float
        As printed, with its rounding step.

    Returns
    -------
    range
        Ascending, from `LEAST_SHARE` of the arm; empty where there is none.
    """
    if not np.isfinite(count + n + percent) or count <= 0:
        return range(0)
    least, most = max(int(count), int(np.ceil(LEAST_SHARE * n)), 1), int(n)
    half = step / 2 + 1e-9
    # a share falls with its denominator: those that fit have no gaps
    low = 100 * count / (percent + half) if percent + half > 0 else np.inf
    high = 100 * count / (percent - half) if percent > half else np.inf
    first = next((k for k in _about(low, least, most) if percent_fits(count, k, percent, step)), 0)
    last = [k for k in _about(high, least, most) if percent_fits(count, k, percent, step)]
    return range(first, last[-1] + 1) if first and last else range(0)


def _about(end: float, least: int, most: int) -> range:
    """Whole numbers about one that arithmetic may have missed by little, within bounds."""
    middle = int(min(max(end, least), most))
    return range(max(middle - 2, least), min(middle + 2, most) + 1)
