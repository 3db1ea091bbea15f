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


def denominators(count: float, n: float, percent: float, step: float) -> list[int]:
    """Numbers of patients, at most `n`, of which `count` is the printed percentage.

    Parameters
    ----------
    count, n : float
        Patients counted, and patients of the arm.
    percent, step : float
        As printed, with its rounding step.

    Returns
    -------
    list of int
        Ascending, from `LEAST_SHARE` of the arm; empty where there is none.
    """
    if not np.isfinite(count + n + percent) or count <= 0:
        return []
    sizes = np.arange(max(int(count), int(np.ceil(LEAST_SHARE * n)), 1), int(n) + 1)
    fits = np.abs(100 * count / sizes - percent) <= step / 2 + 1e-9
    return [int(size) for size in sizes[fits]]
