"""Classical meta-analysis of study estimates: fixed and random effects, and their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from bayesasthma.errors import UsageError

Method = Literal["FE", "DL", "PM", "REML"]
IntervalMethod = Literal["wald", "hksj", "hksj-ad-hoc"]
FloatArray = NDArray[np.float64]

#: Points of the grid on which the restricted likelihood is searched for several maxima.
GRID = 200


@dataclass(frozen=True)
class MetaAnalysis:
    """A pooled effect, in the unit of the estimates.

    Attributes
    ----------
    method : {"FE", "DL", "PM", "REML"}
        How the heterogeneity was estimated; ``"FE"``: not at all, one common effect.
    interval : {"wald", "hksj", "hksj-ad-hoc"}
    studies : int
    estimate, se : float
        Pooled effect and the standard error that its interval rests on.
    df : float
        Degrees of freedom of the interval: infinite for ``"wald"``.
    ci_low, ci_high, p : float
        Confidence interval and two-sided p of no effect.
    tau2 : float
        Estimated variance of true effects between studies.
    prediction_low, prediction_high : float
        Interval for the true effect in a new study; NaN with fewer than three studies or one
        common effect.
    q, q_p : float
        Cochran's Q and its p (chi-squared with ``studies - 1`` df).
    i2 : float
        Share of Q beyond its df, ``max(0, (Q - df) / Q)``.
    conf : float
    """

    method: str
    interval: str
    studies: int
    estimate: float
    se: float
    df: float
    ci_low: float
    ci_high: float
    p: float
    tau2: float
    prediction_low: float
    prediction_high: float
    q: float
    q_p: float
    i2: float
    conf: float

    @property
    def tau(self) -> float:
        """Estimated SD of true effects between studies."""
        return sqrt(self.tau2)


def meta_analysis(
    estimates: ArrayLike,
    standard_errors: ArrayLike,
    *,
    method: Method = "REML",
    interval: IntervalMethod = "hksj",
    conf: float = 0.95,
) -> MetaAnalysis:
    """Pool estimates of independent studies.

    Parameters
    ----------
    estimates, standard_errors : array_like, shape (study,)
        In one unit; the standard errors count as known.
    method : {"REML", "DL", "PM", "FE"}
        Estimator of the heterogeneity; ``"FE"`` assumes none.
    interval : {"hksj", "hksj-ad-hoc", "wald"}
        ``"hksj"``: Student t with ``k - 1`` df and the weighted residual variance;
        ``"hksj-ad-hoc"`` never takes that variance below 1, so that the interval is not shorter
        than one with the model's own standard error and the same df.
    conf : float
        Level of the confidence and the prediction interval.

    Raises
    ------
    UsageError
        If the arrays do not match, hold fewer than two studies (one for ``"FE"`` with ``"wald"``),
        or hold a number that is no estimate or no standard error; or an option is unknown.

    Notes
    -----
    DerSimonian and Laird 1986 (Control Clin Trials 7:177), Paule and Mandel 1982 (J Res Natl Bur
    Stand 87:377), REML as in Viechtbauer 2005 (J Educ Behav Stat 30:261). Interval: Hartung and
    Knapp 2001 (Stat Med 20:3875), Sidik and Jonkman 2002 (Stat Med 21:3153); ad hoc: Knapp and
    Hartung 2003 (Stat Med 22:2693), Roever, Knapp and Friede 2015 (BMC Med Res Methodol 15:99).
    Prediction interval with ``k - 2`` df and the model's standard error: Higgins, Thompson and
    Spiegelhalter 2009 (J R Stat Soc A 172:137). I²: Higgins and Thompson 2002 (Stat Med 21:1539).
    """
    y, v = _checked(estimates, standard_errors, method, interval)
    k = len(y)
    tau2 = 0.0 if method == "FE" else ESTIMATORS[method](y, v)
    w = 1 / (v + tau2)
    centre = float(w @ y / w.sum())
    model_se = sqrt(1 / w.sum())
    se, df = model_se, inf
    if interval != "wald":
        spread = float(w @ (y - centre) ** 2) / (k - 1)
        se, df = model_se * sqrt(max(spread, 1.0) if interval == "hksj-ad-hoc" else spread), k - 1.0
    half = _quantile(0.5 + conf / 2, df) * se
    low, high = nan, nan
    if method != "FE" and k > 2:
        reach = _quantile(0.5 + conf / 2, k - 2.0) * sqrt(tau2 + model_se**2)
        low, high = centre - reach, centre + reach
    q, q_p, i2 = heterogeneity_test(y, np.sqrt(v))
    return MetaAnalysis(
        method, interval, k, centre, se, df, centre - half, centre + half,
        _p_value(centre, se, df), tau2, low, high, q, q_p, i2, conf,
    )  # fmt: skip


def heterogeneity_test(
    estimates: ArrayLike, standard_errors: ArrayLike
) -> tuple[float, float, float]:
    """Cochran's Q, its p, and I² of Higgins and Thompson (2002, Stat Med 21:1539).

    Parameters
    ----------
    estimates, standard_errors : array_like, shape (study,)
    """
    y, v = np.asarray(estimates, float), np.asarray(standard_errors, float) ** 2
    q = _generalised_q(y, v, 0.0)
    df = len(y) - 1
    p = float(stats.chi2.sf(q, df)) if df else 1.0
    return q, p, max(0.0, (q - df) / q) if q > 0 else 0.0


def generalised_q(
    estimates: ArrayLike, standard_errors: ArrayLike, tau: float = 0.0
) -> tuple[float, float]:
    """Q with the weights of a random-effects model whose tau is known, and P(chi-square > Q).

    Under that tau it has a chi-square distribution with a degree of freedom fewer than studies
    (DerSimonian and Kacker 2007, Contemp Clin Trials 28:105; Viechtbauer 2007, Stat Med 26:37).

    Parameters
    ----------
    estimates, standard_errors : array_like, shape (study,)
    tau : float
        SD of true effects between studies, in the estimates' unit.

    Raises
    ------
    UsageError
        If there are fewer than two studies, or a number that is none.
    """
    y, v = _checked(estimates, standard_errors, "REML", "wald")
    q = _generalised_q(y, v, tau**2)
    return q, float(stats.chi2.sf(q, len(y) - 1))


def _generalised_q(y: FloatArray, v: FloatArray, tau2: float) -> float:
    w = 1 / (v + tau2)
    return float(w @ (y - w @ y / w.sum()) ** 2)


def _dersimonian_laird(y: FloatArray, v: FloatArray) -> float:
    w, q = 1 / v, _generalised_q(y, v, 0.0)
    return max(0.0, (q - (len(y) - 1)) / float(w.sum() - (w @ w) / w.sum()))


def _paule_mandel(y: FloatArray, v: FloatArray) -> float:
    """The tau² at which the generalised Q, which falls with tau², has its expectation."""

    def excess(tau2: float) -> float:
        return _generalised_q(y, v, tau2) - (len(y) - 1)

    return 0.0 if excess(0.0) <= 0 else _root(excess, 0.0, _beyond(y))


def _restricted(y: FloatArray, v: FloatArray) -> float:
    """The highest of the maxima of the restricted likelihood, at 0 or where its slope is 0."""

    def slope(tau2: float) -> float:
        w = 1 / (v + tau2)
        residual = y - w @ y / w.sum()
        return float(w**2 @ residual**2 - w.sum() + (w @ w) / w.sum()) / 2

    def log_likelihood(tau2: float) -> float:
        w = 1 / (v + tau2)
        residual = y - w @ y / w.sum()
        return float(np.log(w).sum() - np.log(w.sum()) - w @ residual**2) / 2

    end = _beyond(y) + float(v.max())
    while slope(end) > 0:
        end *= 4
    grid = np.concatenate([[0.0], np.geomspace(min(1e-6 * v.min(), end / 2), end, GRID)])
    slopes = np.array([slope(tau2) for tau2 in grid])
    peaks = [0.0] if slopes[0] <= 0 else []
    turns = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
    peaks += [_root(slope, grid[i], grid[i + 1]) for i in turns]
    return max(peaks, key=log_likelihood)


#: Estimators of the variance between studies, from estimates and their sampling variances.
ESTIMATORS: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "DL": _dersimonian_laird,
    "PM": _paule_mandel,
    "REML": _restricted,
}


@dataclass(frozen=True)
class LogOddsRatios:
    """Log odds ratios of studies and their standard errors, and which studies say nothing.

    Attributes
    ----------
    estimate, se : ndarray, shape (study,)
        NaN for a study in which nobody, or everybody, had the event.
    corrected : ndarray of bool, shape (study,)
        Studies with an empty cell, to all of whose cells ½ was added.
    """

    estimate: FloatArray
    se: FloatArray
    corrected: NDArray[np.bool_]


def log_odds_ratios(
    events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike
) -> LogOddsRatios:
    """Log odds ratio of each study with its standard error (Woolf 1955, Ann Hum Genet 19:251).

    Parameters
    ----------
    events1, n1, events2, n2 : array_like, shape (study,)
        First (treatment) and second (control) arm.
    """
    cells = _cells(events1, n1, events2, n2)
    empty = (cells == 0).any(axis=0)
    silent = ((cells[0] == 0) & (cells[2] == 0)) | ((cells[1] == 0) & (cells[3] == 0))
    a, b, c, d = cells + 0.5 * empty
    estimate = np.where(silent, nan, np.log(a * d / (b * c)))
    se = np.where(silent, nan, np.sqrt(1 / a + 1 / b + 1 / c + 1 / d))
    return LogOddsRatios(estimate, se, empty & ~silent)


def mantel_haenszel(
    events1: ArrayLike,
    n1: ArrayLike,
    events2: ArrayLike,
    n2: ArrayLike,
    conf: float = 0.95,
) -> tuple[float, float, float, float]:
    """Common log odds ratio of Mantel and Haenszel (1959, J Natl Cancer Inst 22:719).

    The standard error is that of Robins, Breslow and Greenland (1986, Biometrics 42:311); no cell
    is corrected.

    Parameters
    ----------
    events1, n1, events2, n2 : array_like, shape (study,)
        First (treatment) and second (control) arm.
    conf : float

    Returns
    -------
    tuple of float
        Log odds ratio, standard error, confidence limits.

    Raises
    ------
    UsageError
        If no study has an event in one arm beside a patient without in the other.
    """
    a, b, c, d = _cells(events1, n1, events2, n2)
    n = a + b + c + d
    r, s = a * d / n, b * c / n
    if not (r.sum() > 0 and s.sum() > 0):
        raise UsageError("Mantel-Haenszel: no finite odds ratio, one arm is without events")
    p, q = (a + d) / n, (b + c) / n
    variance = (
        (p @ r) / (2 * r.sum() ** 2)
        + (p @ s + q @ r) / (2 * r.sum() * s.sum())
        + (q @ s) / (2 * s.sum() ** 2)
    )
    estimate, se = float(np.log(r.sum() / s.sum())), float(np.sqrt(variance))
    half = _quantile(0.5 + conf / 2, inf) * se
    return estimate, se, estimate - half, estimate + half


def _cells(events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike) -> FloatArray:
    """Events and others of the first arm, then of the second; shape (4, study)."""
    a, na, c, nc = (np.atleast_1d(np.asarray(x, float)) for x in (events1, n1, events2, n2))
    if len({len(a), len(na), len(c), len(nc)}) > 1:
        raise UsageError("events and patients of as many studies each were expected")
    for events, n in ((a, na), (c, nc)):
        if not np.all((events >= 0) & (events <= n) & (n > 0)):
            raise UsageError("events between 0 and the number of patients were expected")
    return np.stack([a, na - a, c, nc - c])


def _checked(
    estimates: ArrayLike, standard_errors: ArrayLike, method: str, interval: str
) -> tuple[FloatArray, FloatArray]:
    """Estimates and sampling variances, or what is wrong with them."""
    for name, value, known in (
        ("method", method, get_args(Method)),
        ("interval", interval, get_args(IntervalMethod)),
    ):
        if value not in known:
            raise UsageError(f"{name} {value!r}: expected one of {', '.join(known)}")
    y, se = np.asarray(estimates, dtype=float), np.asarray(standard_errors, dtype=float)
    if y.ndim != 1 or y.shape != se.shape:
        raise UsageError(
            f"estimates of shape {y.shape} and standard errors of shape {se.shape}: expected one "
            "of each for every study"
        )
    fewest = 1 if method == "FE" and interval == "wald" else 2
    if len(y) < fewest:
        raise UsageError(f"{len(y)} studies: {method} with {interval} needs {fewest} or more")
    if not np.all(np.isfinite(y)) or not np.all(np.isfinite(se) & (se > 0)):
        raise UsageError("finite estimates and positive standard errors were expected")
    return y, se**2


def _beyond(y: FloatArray) -> float:
    """A tau² that no estimator exceeds by much: the sum of squares about the mean."""
    return float(np.sum((y - y.mean()) ** 2)) + 1e-300


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    found: Any = optimize.brentq(function, low, high, xtol=1e-300, rtol=1e-14, maxiter=500)
    return float(found)


def _quantile(p: float, df: float) -> float:
    return float(stats.norm.ppf(p) if df == inf else stats.t.ppf(p, df))


def _p_value(estimate: float, se: float, df: float) -> float:
    if se == 0:
        return 1.0 if estimate == 0 else 0.0
    z = abs(estimate / se)
    return 2 * float(stats.norm.sf(z) if df == inf else stats.t.sf(z, df))
