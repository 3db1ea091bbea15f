"""What integer data and bounded scales allow a mean and an SD to be: GRIM, GRIMMER, DEBIT, range.

Everything is decided in exact rational arithmetic: at the edge of a rounding interval, where these
checks have their power, floating point would decide by accident. Rounding at 5 may go either way.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Most integer totals of a mean that are gone through.
MOST_TOTALS = 10_000

FloatArray = NDArray[np.float64]


def printed_interval(text: str) -> tuple[Fraction, Fraction]:
    """Exact closed interval of the numbers that print as `text`, whichever way 5 is rounded.

    Parameters
    ----------
    text : str
        A decimal number with its trailing zeros, such as ``"5.20"``.

    Raises
    ------
    ValueError
        If `text` is not a finite decimal number.
    """
    try:
        number = Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is not a decimal number.") from error
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a finite number.")
    half = Fraction(10) ** int(number.as_tuple().exponent) / 2
    return Fraction(number) - half, Fraction(number) + half


def grim(mean: str, n: int, items: int = 1, percent: bool = False) -> bool:
    """Whether some integer total over `n` patients gives the printed mean.

    Brown & Heathers 2017 (Soc Psychol Personal Sci 8:363).

    Parameters
    ----------
    mean : str
        Mean as printed, trailing zeros kept.
    n : int
        Patients.
    items : int
        Integer items *averaged* into each patient's score; 1 for a sum score.
    percent : bool
        The mean is a percentage of patients.

    Returns
    -------
    bool
        True where the mean is possible. Always true when n · items ≥ 10^decimals: check
        `grim_power` before making anything of it.
    """
    low, high = printed_interval(mean)
    scale = Fraction(n * items, 100 if percent else 1)
    return ceil(low * scale) <= floor(high * scale)


def grim_power(n: int, items: int, decimals: int, percent: bool = False) -> float:
    """Share of printed means that GRIM can exclude: ``1 − n · items / 10^decimals``, at least 0."""
    places = decimals + (2 if percent else 0)
    return max(0.0, 1 - n * items / 10.0**places)


def grimmer(
    mean: str,
    sd: str,
    n: int,
    items: int = 1,
    minimum: float | None = None,
    maximum: float | None = None,
) -> bool:
    """Whether some integer data have the printed mean and SD (divisor n − 1).

    With k the sum and q the sum of squares of n · items-granular integers, q has the parity of k,
    ``q ≥ k²/n`` as closely as integers allow, and ``SD² = (q − k²/n)/(n − 1)`` must print as
    shown. Anaya 2016 (PeerJ Preprints 4:e2400v1), with the parity test of Allard 2018. With scale
    limits, q is also at most its value when patients sit at the two ends.

    Parameters
    ----------
    mean, sd : str
        As printed, trailing zeros kept.
    n, items : int
        Patients, and integer items averaged into a score (1 for a sum score).
    minimum, maximum : float, optional
        Limits of the scale, in the unit of the mean.

    Returns
    -------
    bool
        False if no integer data exist; True means only that these necessary conditions hold, or
        that the mean leaves more than `MOST_TOTALS` totals, which are not gone through.
    """
    mean_low, mean_high = printed_interval(mean)
    sd_low, sd_high = printed_interval(sd)
    sd_low = max(sd_low, Fraction(0))
    first_total, last_total = ceil(mean_low * n * items), floor(mean_high * n * items)
    if last_total - first_total >= MOST_TOTALS:
        return True  # nothing is excluded by so many, but what `bhatia_davis_sd` excludes
    unit = items  # a patient's score is an integer number of 1/items
    for total in range(first_total, last_total + 1):
        centre = Fraction(total * total, n)
        low = max((n - 1) * (sd_low * unit) ** 2 + centre, _least_squares_sum(total, n))
        high = (n - 1) * (sd_high * unit) ** 2 + centre
        if minimum is not None and maximum is not None:
            high = min(high, _greatest_squares_sum(total, n, minimum, maximum, unit))
        first = ceil(low)
        first += (first - total) % 2  # x² and x are both even or both odd
        if first <= high:
            return True
    return False


def _least_squares_sum(total: int, n: int) -> Fraction:
    """Least sum of squares of n integers with this sum: all within one of each other."""
    quotient, rest = divmod(total, n)
    return Fraction((n - rest) * quotient**2 + rest * (quotient + 1) ** 2)


def _greatest_squares_sum(
    total: int, n: int, minimum: float, maximum: float, unit: int
) -> Fraction:
    """Bhatia–Davis: sum of squares when patients sit at the scale's two ends."""
    low, high = Fraction(str(minimum)) * unit, Fraction(str(maximum)) * unit
    return (low + high) * total - n * low * high


def debit(mean: str, sd: str, n: int) -> bool:
    """Whether a printed mean and SD (divisor n − 1) fit binary 0/1 data.

    Heathers & Brown 2019, DEBIT: ``SD² = n/(n − 1) · m(1 − m)``, for some m and SD that print as
    shown. The variance is concave in m, so its range over the rounding interval is exact.
    """
    mean_low, mean_high = printed_interval(mean)
    sd_low, sd_high = printed_interval(sd)
    mean_low, mean_high = max(mean_low, Fraction(0)), min(mean_high, Fraction(1))
    if mean_low > mean_high:
        return False
    factor = Fraction(n, n - 1)
    ends = [factor * m * (1 - m) for m in (mean_low, mean_high)]
    top = factor / 4 if mean_low <= Fraction(1, 2) <= mean_high else max(ends)
    return min(ends) <= sd_high**2 and max(sd_low, Fraction(0)) ** 2 <= top


def bhatia_davis_sd(
    mean: ArrayLike, minimum: ArrayLike, maximum: ArrayLike, n: ArrayLike
) -> FloatArray:
    """Largest sample SD (divisor n − 1) of scores within [minimum, maximum] with this mean.

    ``SD² ≤ n/(n − 1) · (maximum − mean)(mean − minimum)`` (Bhatia & Davis 2000, Am Math Mon
    107:353). NaN where the mean lies outside the scale.
    """
    m, a, b, n = (np.asarray(x, dtype=float) for x in (mean, minimum, maximum, n))
    product = (b - m) * (m - a)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(product < 0, np.nan, np.sqrt(n / (n - 1) * product)))
