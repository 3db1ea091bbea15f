"""t tests and standard deviations of change from published summaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

FloatArray = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True)
class TTest:
    """A t test from summaries; every field is an array of the inputs' broadcast shape.

    Attributes
    ----------
    difference : ndarray
        Estimate, in the unit of the means (first minus second, or after minus before).
    se, df, t, p : ndarray
        Standard error, degrees of freedom, statistic and p-value.
    ci_low, ci_high : ndarray
        Confidence interval of level `conf`; one-sided tests have one infinite limit.
    conf : float
        Confidence level.
    """

    difference: FloatArray
    se: FloatArray
    df: FloatArray
    t: FloatArray
    p: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    conf: float


def two_sided_p(t: ArrayLike, df: ArrayLike) -> FloatArray:
    """Two-sided p-value of a t statistic, accurate far into the tail.

    Uses ``P(|T| > t) = I_{df/(df+t²)}(df/2, 1/2)`` (Abramowitz & Stegun 1964, 26.7.1).

    Parameters
    ----------
    t, df : array_like
        Statistic and degrees of freedom; ``t`` may be infinite.

    Returns
    -------
    ndarray
        p-value of the broadcast shape.
    """
    t, df = np.broadcast_arrays(np.asarray(t, dtype=float), np.asarray(df, dtype=float))
    squared = t**2
    with np.errstate(invalid="ignore"):
        x = np.where(np.isinf(squared), 0.0, df / (df + squared))
    return np.asarray(special.betainc(df / 2, 0.5, x))


def t_test_from_estimate(
    difference: ArrayLike,
    se: ArrayLike,
    df: ArrayLike,
    *,
    null: ArrayLike = 0.0,
    alternative: Alternative = "two-sided",
    conf: float = 0.95,
) -> TTest:
    """Test an estimate, given its standard error and degrees of freedom, by t.

    Parameters
    ----------
    difference, se, df : array_like
        Estimate, standard error (≥ 0) and degrees of freedom.
    null : array_like
        Value tested against.
    alternative : {"two-sided", "greater", "less"}
        Direction of the alternative.
    conf : float
        Confidence level in (0, 1).

    Returns
    -------
    TTest
        A zero standard error gives p = 0, or p = 1 where the estimate equals the null.
    """
    difference, se, df, null = np.broadcast_arrays(
        *(np.asarray(a, dtype=float) for a in (difference, se, df, null))
    )
    departure = difference - null
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((se == 0) & (departure == 0), 0.0, departure / se)
    below = -np.inf * np.ones_like(t)
    if alternative == "two-sided":
        p = two_sided_p(t, df)
        half = special.stdtrit(df, 0.5 + conf / 2) * se
        low, high = difference - half, difference + half
    else:
        half = special.stdtrit(df, conf) * se
        tail = two_sided_p(t, df) / 2
        if alternative == "greater":
            p, low, high = np.where(t > 0, tail, 1 - tail), difference - half, -below
        else:
            p, low, high = np.where(t < 0, tail, 1 - tail), below, difference + half
    return TTest(difference, se, df, t, p, low, high, conf)


def pooled_sd(sd1: ArrayLike, n1: ArrayLike, sd2: ArrayLike, n2: ArrayLike) -> FloatArray:
    """SD pooled over two arms, weighted by their degrees of freedom."""
    sd1, n1, sd2, n2 = (np.asarray(a, dtype=float) for a in (sd1, n1, sd2, n2))
    return np.asarray(np.sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2)))


def welch_df(sd1: ArrayLike, n1: ArrayLike, sd2: ArrayLike, n2: ArrayLike) -> FloatArray:
    """Welch–Satterthwaite degrees of freedom (Welch 1947, Biometrika 34:28)."""
    sd1, n1, sd2, n2 = (np.asarray(a, dtype=float) for a in (sd1, n1, sd2, n2))
    # As a share of the variance, so that tiny or huge units neither underflow nor overflow.
    scale = np.maximum(np.maximum(sd1, sd2), np.finfo(float).tiny)
    a, b = (sd1 / scale) ** 2 / n1, (sd2 / scale) ** 2 / n2
    with np.errstate(divide="ignore", invalid="ignore"):
        share = a / (a + b)
        return np.asarray(1 / (share**2 / (n1 - 1) + (1 - share) ** 2 / (n2 - 1)))


def two_sample_t(
    mean1: ArrayLike,
    sd1: ArrayLike,
    n1: ArrayLike,
    mean2: ArrayLike,
    sd2: ArrayLike,
    n2: ArrayLike,
    equal_var: bool = True,
    *,
    null: ArrayLike = 0.0,
    alternative: Alternative = "two-sided",
    conf: float = 0.95,
) -> TTest:
    """Student's (or Welch's) two-sample t test from means, SDs and numbers of patients.

    Parameters
    ----------
    mean1, sd1, n1 : array_like
        First group; pass the **treatment** arm here, so that `difference` is treatment − control.
    mean2, sd2, n2 : array_like
        Second group: the control arm.
    equal_var : bool
        Pool the variances (Student 1908) or not (Welch 1947).
    null, alternative, conf
        See `t_test_from_estimate`.

    Returns
    -------
    TTest
        Fields of the broadcast shape; NaN wherever an input is NaN.
    """
    mean1, sd1, n1 = (np.asarray(a, dtype=float) for a in (mean1, sd1, n1))
    mean2, sd2, n2 = (np.asarray(a, dtype=float) for a in (mean2, sd2, n2))
    if equal_var:
        df = n1 + n2 - 2
        se = pooled_sd(sd1, n1, sd2, n2) * np.sqrt(1 / n1 + 1 / n2)
    else:
        df = welch_df(sd1, n1, sd2, n2)
        se = np.hypot(sd1 / np.sqrt(n1), sd2 / np.sqrt(n2))
    return t_test_from_estimate(
        mean1 - mean2, se, df, null=null, alternative=alternative, conf=conf
    )


def one_sample_t(
    mean: ArrayLike,
    sd: ArrayLike,
    n: ArrayLike,
    *,
    null: ArrayLike = 0.0,
    alternative: Alternative = "two-sided",
    conf: float = 0.95,
) -> TTest:
    """One-sample t test of a mean (or of a printed mean change) against `null`."""
    mean, sd, n = (np.asarray(a, dtype=float) for a in (mean, sd, n))
    return t_test_from_estimate(
        mean, sd / np.sqrt(n), n - 1, null=null, alternative=alternative, conf=conf
    )


def change_sd(sd_before: ArrayLike, sd_after: ArrayLike, correlation: ArrayLike) -> FloatArray:
    """SD of the within-patient change (Cochrane Handbook 5.1, section 16.1.3.2).

    ``SD² = SD_before² + SD_after² − 2 ρ SD_before SD_after``.
    """
    s, u, rho = (np.asarray(a, dtype=float) for a in (sd_before, sd_after, correlation))
    # (s - u)² + 2(1 - ρ)su: no cancellation near ρ = 1, never negative.
    return np.asarray(np.sqrt((s - u) ** 2 + 2 * (1 - rho) * s * u))


def paired_t(
    mean_before: ArrayLike,
    sd_before: ArrayLike,
    mean_after: ArrayLike,
    sd_after: ArrayLike,
    n: ArrayLike,
    correlation: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    conf: float = 0.95,
) -> TTest:
    """Paired t test of the change from summaries and an assumed within-patient correlation.

    Parameters
    ----------
    mean_before, sd_before, mean_after, sd_after, n : array_like
        Summaries of the same patients at two visits.
    correlation : array_like
        Sample correlation between the two visits, in [−1, 1]; not printed by most papers.
    alternative, conf
        See `t_test_from_estimate`.

    Returns
    -------
    TTest
        `difference` is after − before.
    """
    change = np.asarray(mean_after, dtype=float) - np.asarray(mean_before, dtype=float)
    sd = change_sd(sd_before, sd_after, correlation)
    return one_sample_t(change, sd, n, alternative=alternative, conf=conf)


def paired_smd(
    mean1: ArrayLike,
    sd1: ArrayLike,
    mean2: ArrayLike,
    sd2: ArrayLike,
    n: ArrayLike,
    correlation: ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Standardised mean difference of a crossover comparison and its standard error.

    Cochrane Handbook 5.1, section 16.4.6: the difference over the root mean square of the two SDs;
    ``SE = sqrt(1/n + SMD²/(2n)) · sqrt(2(1 − ρ))``.
    """
    m1, s1, m2, s2, n, rho = (
        np.asarray(a, dtype=float) for a in (mean1, sd1, mean2, sd2, n, correlation)
    )
    smd = (m1 - m2) / np.sqrt((s1**2 + s2**2) / 2)
    se = np.sqrt(1 / n + smd**2 / (2 * n)) * np.sqrt(2 * (1 - rho))
    return np.asarray(smd), np.asarray(se)
