"""Adjusted p-values for a family of tests: Benjamini–Hochberg and Holm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def benjamini_hochberg(p: ArrayLike) -> FloatArray:
    """Benjamini–Hochberg adjusted p-values (1995, J R Stat Soc B 57:289).

    Parameters
    ----------
    p : array_like, shape (..., test)
        p-values; the family is the last axis. NaN entries are left out of the family and stay NaN.

    Returns
    -------
    ndarray, shape (..., test)
        Smallest false discovery rate at which each test is rejected. Non-decreasing in every
        p-value of the family, which is why bounds on p give bounds on q.
    """
    return _adjust(p, "bh")


def holm(p: ArrayLike) -> FloatArray:
    """Holm's step-down adjusted p-values (1979, Scand J Stat 6:65); see `benjamini_hochberg`."""
    return _adjust(p, "holm")


def _adjust(p: ArrayLike, method: str) -> FloatArray:
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, axis=-1)  # NaN sorts last
    ranked = np.take_along_axis(p, order, axis=-1)
    m = np.sum(~np.isnan(p), axis=-1, keepdims=True)
    rank = np.arange(1, p.shape[-1] + 1)
    if method == "bh":
        filled = np.where(np.isnan(ranked), np.inf, ranked * m / rank)
        adjusted = np.minimum.accumulate(filled[..., ::-1], axis=-1)[..., ::-1]
    else:
        adjusted = np.maximum.accumulate(
            np.where(np.isnan(ranked), -np.inf, ranked * (m - rank + 1)), axis=-1
        )
    adjusted = np.where(np.isnan(ranked), np.nan, np.minimum(adjusted, 1.0))
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, axis=-1)
    return result
