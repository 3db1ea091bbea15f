"""Printed numbers as sets: the values that round to what a paper shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# A printed decimal is not exactly a binary number; the interval is widened by this share of a step
# so that representation error never excludes a value that rounds to the print.
SLACK = 1e-9


@dataclass(frozen=True)
class Rounded:
    """Numbers as printed, with the step they were rounded to (0 for unrounded).

    Attributes
    ----------
    value : ndarray
        Printed value.
    step : ndarray
        Rounding unit: 0.1 for "16.8". Any number within half a step prints as `value`.
    floor : float
        Least value the quantity can take; 0 for an SD.
    """

    value: FloatArray
    step: FloatArray
    floor: float = -np.inf

    @property
    def low(self) -> FloatArray:
        """Smallest unrounded value."""
        return np.maximum(self.value - self.step * (0.5 + SLACK), self.floor)

    @property
    def high(self) -> FloatArray:
        """Largest unrounded value."""
        return np.asarray(self.value + self.step * (0.5 + SLACK))


def rounded(value: ArrayLike, step: ArrayLike = 0.0) -> Rounded:
    """Means as printed: `value` ± `step` / 2."""
    value, step = np.broadcast_arrays(np.asarray(value, dtype=float), np.asarray(step, dtype=float))
    return Rounded(value, step)


def rounded_sd(value: ArrayLike, step: ArrayLike = 0.0) -> Rounded:
    """SDs as printed: never below 0, whatever the rounding allows."""
    plain = rounded(value, step)
    return Rounded(plain.value, plain.step, 0.0)


@dataclass(frozen=True)
class Range:
    """A closed interval per element: of p-values, correlations or statistics."""

    low: FloatArray
    high: FloatArray

    def meets(self, other: Range) -> NDArray[np.bool_]:
        """Whether the two intervals share a value."""
        return np.asarray((self.low <= other.high) & (other.low <= self.high))


def printed_p(value: ArrayLike, operator: ArrayLike, decimals: ArrayLike) -> Range:
    """p-values that print as shown.

    Parameters
    ----------
    value : array_like
        Printed number.
    operator : array_like of {"=", "<", ">"}
        "<0.01" is every p below 0.01, ">0.05" every p above.
    decimals : array_like
        Printed decimals: "0.1" is 0.05 to 0.15, "0.10" is 0.095 to 0.105.

    Returns
    -------
    Range
        Within [0, 1]. The excluded end of a "<" or ">" is moved to the neighbouring float.
    """
    value, decimals = np.asarray(value, dtype=float), np.asarray(decimals, dtype=float)
    operator = np.asarray(operator)
    half = 0.5 * 10.0**-decimals * (1 + SLACK)
    low = np.where(operator == "<", 0.0, np.where(operator == ">", value, value - half))
    high = np.where(operator == "<", value, np.where(operator == ">", 1.0, value + half))
    low = np.where(operator == ">", np.nextafter(low, 2), low)
    high = np.where(operator == "<", np.nextafter(high, -1), high)
    return Range(np.clip(low, 0, 1), np.clip(high, 0, 1))
