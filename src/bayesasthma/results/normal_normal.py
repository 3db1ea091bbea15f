"""The posterior of a random-effects meta-analysis by quadrature, without sampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from bayesasthma.errors import UsageError
from bayesasthma.priors.heterogeneity import HeterogeneityPrior

FloatArray = NDArray[np.float64]

#: Gauss-Legendre nodes on each stretch of log tau, and the longest stretch.
NODES, STRETCH = 12, 0.25
#: Log tau begins at this share of the smallest standard error: below, no likelihood changes.
BEGIN = 1e-8
#: Log tau ends this far beyond the largest scale of the data or the prior.
BEYOND = 40.0
#: A larger log tau has no square that a computer holds; a prior with heavy tails ends here.
LARGEST = 300.0
#: Nodes with less of the posterior than this are left out of distribution functions.
NEGLIGIBLE = 1e-18

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)


@dataclass(frozen=True)
class NormalMixture:
    """A posterior distribution that is normal given tau.

    Attributes
    ----------
    centre, spread, weight : ndarray, shape (node,)
        Mean, SD and share of each component.
    mean, sd : float
        Of the mixture; NaN where the tail of the prior of tau leaves none.
    """

    centre: FloatArray
    spread: FloatArray
    weight: FloatArray
    mean: float
    sd: float

    def cdf(self, x: ArrayLike) -> FloatArray:
        """Probability of at most ``x`` (any shape)."""
        x = np.asarray(x, dtype=float)
        z = (x[..., None] - self.centre) / self.spread
        return np.asarray(special.ndtr(z) @ self.weight)

    def density(self, x: ArrayLike) -> FloatArray:
        """Density at ``x`` (any shape)."""
        x = np.asarray(x, dtype=float)
        z = (x[..., None] - self.centre) / self.spread
        return np.asarray(np.exp(-0.5 * z**2) / self.spread @ self.weight / sqrt(2 * np.pi))

    def quantile(self, p: ArrayLike) -> FloatArray:
        """Quantiles at probabilities strictly between 0 and 1 (any shape)."""
        wanted = np.asarray(p, dtype=float)
        found = [self._quantile(float(value)) for value in wanted.ravel()]
        return np.array(found).reshape(wanted.shape)

    def probability_above(self, threshold: float) -> float:
        """Probability of more than ``threshold``."""
        z = (self.centre - threshold) / self.spread
        return float(special.ndtr(z) @ self.weight)

    def _quantile(self, p: float) -> float:
        reach = self.spread * special.ndtri(p)
        low, high = float(np.min(self.centre + reach)), float(np.max(self.centre + reach))
        return _root(lambda x: float(self.cdf(x)) - p, low, high)


@dataclass(frozen=True)
class HeterogeneityPosterior:
    """Posterior of tau.

    Attributes
    ----------
    prior : HeterogeneityPrior
    mean, sd : float
        NaN where the tail of the prior leaves none.
    """

    prior: HeterogeneityPrior
    mean: float
    sd: float
    _log_density: Callable[[FloatArray], FloatArray]
    _edges: FloatArray
    _below: FloatArray

    def density(self, tau: ArrayLike) -> FloatArray:
        """Density at ``tau`` > 0 (any shape)."""
        tau = np.asarray(tau, dtype=float)
        return np.exp(self._log_density(tau.ravel()).reshape(tau.shape))

    def cdf(self, tau: ArrayLike) -> FloatArray:
        """Probability of at most ``tau`` (any shape)."""
        wanted = np.asarray(tau, dtype=float)
        return np.array([self._cdf(float(t)) for t in wanted.ravel()]).reshape(wanted.shape)

    def quantile(self, p: ArrayLike) -> FloatArray:
        """Quantiles at probabilities between 0 and 1 (any shape)."""
        wanted = np.asarray(p, dtype=float)
        return np.array([self._quantile(float(q)) for q in wanted.ravel()]).reshape(wanted.shape)

    def _cdf(self, tau: float) -> float:
        if tau <= 0:
            return 0.0
        x = float(np.log(tau))
        if x <= self._edges[0]:
            return float(self._below[0]) * tau / float(np.exp(self._edges[0]))
        if x >= self._edges[-1]:
            return 1.0
        i = int(np.searchsorted(self._edges, x, side="right")) - 1
        half = (x - float(self._edges[i])) / 2
        nodes = np.exp(self._edges[i] + half * (_POINTS + 1))
        inside = half * float(_WEIGHTS @ (np.exp(self._log_density(nodes)) * nodes))
        return float(self._below[i]) + inside

    def _quantile(self, p: float) -> float:
        if p <= self._below[0]:
            return float(np.exp(self._edges[0]) * p / self._below[0]) if p > 0 else 0.0
        i = min(int(np.searchsorted(self._below, p, side="left")), len(self._edges) - 1)
        low, high = float(self._edges[i - 1]), float(self._edges[i])
        x = _root(lambda x: self._cdf(float(np.exp(x))) - p, low, high)
        return float(np.exp(x))


@dataclass(frozen=True)
class NormalNormal:
    """Posterior of a random-effects meta-analysis, in the unit of the estimates.

    Attributes
    ----------
    mean : NormalMixture
        Mean of the true effects.
    predictive : NormalMixture
        True effect in a new study.
    studies : tuple of NormalMixture
        True effect in each study.
    heterogeneity : HeterogeneityPosterior
        SD of the true effects.
    """

    mean: NormalMixture
    predictive: NormalMixture
    studies: tuple[NormalMixture, ...]
    heterogeneity: HeterogeneityPosterior

    def table(self, labels: list[str] | None = None, conf: float = 0.95) -> pd.DataFrame:
        """Summaries: one row for the mean, tau, the predictive effect and each study.

        Returns
        -------
        DataFrame
            ``quantity`` (``mean``, ``heterogeneity``, ``predictive``, ``study``), ``study``,
            ``mean``, ``sd``, ``median``, ``ci_low``, ``ci_high`` (central).
        """
        labels = labels or [str(i + 1) for i in range(len(self.studies))]
        rows: list[tuple[str, str, NormalMixture | HeterogeneityPosterior]] = [
            ("mean", "", self.mean),
            ("heterogeneity", "", self.heterogeneity),
            ("predictive", "", self.predictive),
            *(("study", label, each) for label, each in zip(labels, self.studies, strict=True)),
        ]
        p = [0.5, 0.5 - conf / 2, 0.5 + conf / 2]
        return pd.DataFrame(
            [
                (quantity, study, each.mean, each.sd, *map(float, each.quantile(p)))
                for quantity, study, each in rows
            ],
            columns=["quantity", "study", "mean", "sd", "median", "ci_low", "ci_high"],
        )


def normal_normal(
    estimates: ArrayLike,
    standard_errors: ArrayLike,
    prior: HeterogeneityPrior,
    mean_prior: tuple[float, float] | None = None,
) -> NormalNormal:
    """Bayesian random-effects meta-analysis of estimates with known standard errors.

    Parameters
    ----------
    estimates, standard_errors : array_like, shape (study,)
    prior : HeterogeneityPrior
        Of tau, in the unit of the estimates.
    mean_prior : (float, float), optional
        Mean and SD of a normal prior of the mean effect; flat by default.

    Raises
    ------
    UsageError
        If the arrays do not match or hold a number that is no estimate or no standard error, or the
        prior's SD is not positive.

    Notes
    -----
    ``y_i ~ N(theta_i, s_i^2)``, ``theta_i ~ N(mu, tau^2)``. Given tau everything is normal, and the
    density of tau has a closed form up to a constant (Gelman et al. 2013, Bayesian Data Analysis,
    3rd ed., section 5.4; Roever 2020, J Stat Softw 93(6), section 2). What is left is one integral,
    taken by Gauss-Legendre quadrature on stretches of log tau; below 1e-8 standard errors the prior
    stands with tau = 0.
    """
    y, s = np.asarray(estimates, dtype=float), np.asarray(standard_errors, dtype=float)
    if y.ndim != 1 or y.shape != s.shape or not len(y):
        raise UsageError(
            f"estimates of shape {y.shape} and standard errors of shape {s.shape}: expected one "
            "of each for every study"
        )
    if not np.all(np.isfinite(y)) or not np.all(np.isfinite(s) & (s > 0)):
        raise UsageError("finite estimates and positive standard errors were expected")
    m0, s0 = mean_prior or (0.0, inf)
    if not (isfinite(m0) and s0 > 0):
        raise UsageError(f"prior of the mean Normal({m0:g}, {s0:g}^2): expected a positive SD")
    given = _Conditional(y, s, m0, 0.0 if s0 == inf else s0**-2.0)

    edges = _edges(y, s, prior)
    half = np.diff(edges)[:, None] / 2
    log_tau = edges[:-1, None] + half * (_POINTS + 1)
    tau = np.exp(log_tau)
    log_prior = prior.log_density(tau) + log_tau
    log_likelihood = given.log_likelihood(tau.ravel()).reshape(tau.shape)
    at_zero = float(given.log_likelihood(np.zeros(1))[0])
    atom = float(prior.cdf(np.exp(edges[0])))
    height = max(at_zero, float(np.max(np.where(log_prior > -inf, log_likelihood, -inf))))
    mass = half * _WEIGHTS * np.exp(log_prior + log_likelihood - height)
    zero = atom * np.exp(at_zero - height)
    total = float(mass.sum() + zero)
    below = np.concatenate([[zero], zero + np.cumsum(mass.sum(axis=1))]) / total

    nodes = np.concatenate([[0.0], tau.ravel()])
    weight = np.concatenate([[zero], mass.ravel()]) / total
    kept = weight > NEGLIGIBLE
    nodes, weight = nodes[kept], weight[kept]
    order = _tail(prior, len(y), flat=s0 == inf)
    has_mean, has_sd = order > 2, order > 3

    def log_density(at: FloatArray) -> FloatArray:
        return np.asarray(prior.log_density(at) + given.log_likelihood(at) - height - np.log(total))

    centre, variance = given.mean(nodes)
    tau_mean = float(weight @ nodes)
    tau_sd = float(np.sqrt(weight @ (nodes - tau_mean) ** 2))
    theta = []
    for i in range(len(y)):
        pull = s[i] ** 2 / (s[i] ** 2 + nodes**2)
        theta.append(
            _mixture(
                (1 - pull) * y[i] + pull * centre,
                (1 - pull) * s[i] ** 2 + pull**2 * variance,
                weight,
                # a study's effect stays near its own estimate however large tau is
                has_mean=True,
                has_sd=True,
            )
        )
    return NormalNormal(
        _mixture(
            centre, variance, weight, has_mean=has_mean or s0 < inf, has_sd=has_sd or s0 < inf
        ),
        _mixture(centre, variance + nodes**2, weight, has_mean=has_mean, has_sd=has_sd),
        tuple(theta),
        HeterogeneityPosterior(
            prior, tau_mean if has_mean else nan, tau_sd if has_sd else nan,
            log_density, edges, below,
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class _Conditional:
    """What holds given tau: the mean's normal distribution and the likelihood of tau."""

    y: FloatArray
    s: FloatArray
    prior_mean: float
    prior_precision: float

    def mean(self, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the mean effect, shape (node,) both."""
        w = 1 / (self.s**2 + tau[:, None] ** 2)
        variance = 1 / (w.sum(axis=1) + self.prior_precision)
        return variance * (w @ self.y + self.prior_precision * self.prior_mean), variance

    def log_likelihood(self, tau: FloatArray) -> FloatArray:
        """Log-likelihood of tau, the mean integrated out, up to a constant; shape (node,)."""
        w = 1 / (self.s**2 + tau[:, None] ** 2)
        centre, variance = self.mean(tau)
        squares = (w * (self.y - centre[:, None]) ** 2).sum(axis=1)
        squares += self.prior_precision * (self.prior_mean - centre) ** 2
        return np.asarray(0.5 * (np.log(w).sum(axis=1) + np.log(variance) - squares))


def _mixture(
    centre: FloatArray, variance: FloatArray, weight: FloatArray, *, has_mean: bool, has_sd: bool
) -> NormalMixture:
    mean = float(weight @ centre)
    sd = float(np.sqrt(weight @ (variance + (centre - mean) ** 2)))
    return NormalMixture(
        centre, np.sqrt(variance), weight, mean if has_mean else nan, sd if has_sd else nan
    )


def _edges(y: FloatArray, s: FloatArray, prior: HeterogeneityPrior) -> FloatArray:
    """Ends of the stretches of log tau: the prior's limits, and what the likelihood can tell."""
    first = np.log(min(BEGIN * s.min(), float(prior.quantile(0.5)) * 1e-3))
    scale = max(float(np.ptp(y)), float(s.max()), float(prior.quantile(0.5)))
    last = max(np.log(scale) + BEYOND, min(np.log(prior.quantile(1 - 1e-12)), LARGEST))
    if prior.family == "uniform":
        last = min(last, float(np.log(prior.parameters[0])))
    length = min(STRETCH, 1 / sqrt(len(y)))
    return np.linspace(first, last, int(np.ceil((last - first) / length)) + 1)


def _tail(prior: HeterogeneityPrior, studies: int, *, flat: bool) -> float:
    """Power of 1 / tau with which the posterior of tau ends; moments below ``power - 1`` exist."""
    powers = {"half-cauchy": 2.0, "log-t": 1.0}
    own = prior.parameters[0] + 1 if prior.family == "half-t" else powers.get(prior.family, inf)
    return own + studies - flat


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    # at an end that is the root, rounding may give either sign
    if low >= high or function(low) >= 0:
        return low
    if function(high) <= 0:
        return high
    found: Any = optimize.brentq(function, low, high, xtol=1e-300, rtol=1e-13, maxiter=500)
    return float(found)
