"""Exchangeable event rates: what earlier studies or centres say of each other and of a new one.

Posteriors are computed by quadrature over the two parameters of the population of rates, so they
are deterministic and need no MCMC. ``docs/rates.md`` writes out the models and their use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import special, stats

from bayesasthma.errors import UsageError
from bayesasthma.results._quadrature import (
    NODES,
    integrate,
    rate_quantiles,
    summarise,
    summarise_points,
)
from bayesasthma.results.beta_mixtures import BetaMixture, fit_beta_mixture

#: Largest difference in distribution function that a mixture may have from what it stands for.
MIXTURE_ERROR, MAX_COMPONENTS = 0.005, 5
COLUMNS = ["mean", "sd", "median", "ci_low", "ci_high"]


@dataclass(frozen=True)
class HalfNormal:
    """Prior ``tau ~ half-normal(scale)`` of the SD of log odds between groups.

    On the log-odds scale 0.125, 0.25, 0.5, 1 and 2 are small, moderate, substantial, large and very
    large heterogeneity (Neuenschwander et al. 2010, Clin Trials 7:5, table 2).
    """

    scale: float = 1.0

    def log_density(self, tau: np.ndarray) -> np.ndarray:
        """Log-density of ``tau``."""
        return np.asarray(stats.halfnorm.logpdf(tau, scale=self.scale))


@dataclass(frozen=True)
class InverseGamma:
    """Prior ``1 / tau**2 ~ Gamma(shape, rate)``, conventional in older work.

    Small values look vague and are not: they favour ``tau`` near ``sqrt(rate)`` (Gelman 2006,
    Bayesian Anal 1:515).
    """

    shape: float = 0.001
    rate: float = 0.001

    def log_density(self, tau: np.ndarray) -> np.ndarray:
        """Log-density of ``tau``."""
        precision = stats.gamma.logpdf(tau**-2.0, self.shape, scale=1 / self.rate)
        return np.asarray(precision + np.log(2) - 3 * np.log(tau))


@dataclass(frozen=True)
class LogitNormal:
    """Rates with normal log odds: ``logit p_j ~ N(mu, tau**2)``, ``mu ~ N(location, scale**2)``.

    Attributes
    ----------
    location, scale : float
    heterogeneity : HalfNormal or InverseGamma
    """

    location: float = 0.0
    scale: float = 2.0
    heterogeneity: HalfNormal | InverseGamma = field(default_factory=HalfNormal)


@dataclass(frozen=True)
class BetaRates:
    """Rates that are beta: ``p_j ~ Beta(alpha, beta)``, ``p(alpha, beta) ~ (alpha+beta)**-power``.

    Attributes
    ----------
    power : float
        5/2 is uniform on ``(alpha/(alpha+beta), (alpha+beta)**-1/2)``, about the mean and the SD of
        the rates (Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 5.3).
    limit : float
        Largest ``alpha + beta``. Up to infinity the posterior is proper but its ``alpha`` and
        ``beta`` have no mean, since no data rule out equal rates.
    """

    power: float = 2.5
    limit: float = 1e5


@dataclass(frozen=True)
class ExchangeableRates:
    """Posterior of the rates of groups taken as a sample from a population of groups.

    Attributes
    ----------
    groups : DataFrame
        One row per group: ``events, n``, and ``mean, sd, median, ci_low, ci_high`` (95 %) of its
        rate.
    population : DataFrame
        The same five columns for ``population_mean`` (``expit(mu)``, the rate of a typical group,
        or ``alpha/(alpha+beta)``), for the prior's two parameters, and for ``new_group``, the rate
        in a group not seen.
    prior : LogitNormal or BetaRates
    """

    groups: pd.DataFrame
    population: pd.DataFrame
    prior: LogitNormal | BetaRates
    new_group_cdf: Callable[[np.ndarray], np.ndarray] = field(repr=False)

    def predictive_quantiles(self, probabilities: np.ndarray) -> np.ndarray:
        """Quantiles of the rate in a new group."""
        return rate_quantiles(self.new_group_cdf, np.asarray(probabilities, dtype=float))

    def map_prior(self, components: int | None = None) -> BetaMixture:
        """The meta-analytic-predictive prior: the rate in a new study, as a mixture of betas.

        Parameters
        ----------
        components : int, optional
            By default the fewest, up to five, whose distribution function is nowhere more than
            0.005 from the exact one.

        Notes
        -----
        Neuenschwander et al. 2010, Clin Trials 7:5; see :meth:`BetaMixture.robust` for the case
        that the new study is unlike the others.
        """
        probabilities = (np.arange(1000) + 0.5) / 1000
        rates = self.predictive_quantiles(probabilities)
        tries = range(1, MAX_COMPONENTS + 1) if components is None else (components,)
        for count in tries:
            mixture = fit_beta_mixture(rates, count)
            if np.abs(mixture.cdf(rates) - probabilities).max() <= MIXTURE_ERROR:
                break
        return mixture


def exchangeable_rates(
    counts: pd.DataFrame, prior: LogitNormal | BetaRates | None = None
) -> ExchangeableRates:
    """Rates of groups (earlier studies, centres, arms) that inform each other.

    Parameters
    ----------
    counts : DataFrame
        One row per group, index its name; columns ``events`` and ``n``.
    prior : LogitNormal or BetaRates, optional
        ``LogitNormal()`` by default.

    Returns
    -------
    ExchangeableRates

    Raises
    ------
    UsageError
        If a column is missing or a count is not a whole number between 0 and ``n``.
    """
    _check(counts)
    prior = prior if prior is not None else LogitNormal()
    events, n = (counts[name].to_numpy(dtype=float) for name in ("events", "n"))
    if isinstance(prior, BetaRates):
        return _beta(counts, events, n, prior)
    return _logit_normal(counts, events, n, prior)


def _check(counts: pd.DataFrame) -> None:
    missing = [name for name in ("events", "n") if name not in counts]
    if missing or counts.empty:
        raise UsageError(f"counts need a row per group with events and n; missing: {missing}")
    values = counts[["events", "n"]].to_numpy(dtype=float)
    good = (values == np.floor(values)).all(axis=1)
    good &= (values[:, 0] >= 0) & (values[:, 0] <= values[:, 1]) & (values[:, 1] >= 1)
    if not good.all():
        name = counts.index[~good][0]
        raise UsageError(f"{name}: events and n are whole numbers with 0 <= events <= n and n >= 1")


def _logit_normal(
    counts: pd.DataFrame, events: np.ndarray, n: np.ndarray, prior: LogitNormal
) -> ExchangeableRates:
    """The population's log odds ``mu`` and log ``tau`` on the grid; each group by Gauss-Hermite."""
    pairs, group_of = np.unique(np.stack([events, n], axis=-1), axis=0, return_inverse=True)
    times = np.bincount(group_of.ravel(), minlength=len(pairs))

    def log_density(mu: np.ndarray, log_tau: np.ndarray, nodes: int) -> np.ndarray:
        tau = np.exp(log_tau)
        total = prior.heterogeneity.log_density(tau) + log_tau
        total = total + stats.norm.logpdf(mu, prior.location, prior.scale)
        for (y, size), count in zip(pairs, times, strict=True):
            total = total + count * _group(mu, tau, y, size, nodes)[0]
        return np.asarray(total)

    grid = integrate(log_density, (-14.0, 4.0), lambda log_tau: 15 + 8 * np.exp(log_tau))
    log_tau, mu, weight = grid.heaviest()
    tau = np.exp(log_tau)
    rows = []
    for y, size in pairs:
        _, rate, share = _group(mu, tau, y, size)
        rows.append(summarise_points(rate.ravel(), (weight[:, None] * share).ravel()))

    def cdf(rate: np.ndarray) -> np.ndarray:
        z = (special.logit(np.atleast_1d(rate))[:, None] - mu) / tau
        return np.asarray(special.ndtr(z) @ weight)

    node, node_weight = special.roots_hermitenorm(NODES)
    node_weight = node_weight / node_weight.sum()
    rates = special.expit(mu[:, None] + tau[:, None] * node)
    new, second = (float(weight @ (rates**k @ node_weight)) for k in (1, 2))
    _, fine_mu, fine_weight = grid.refined().heaviest()
    population = {
        "population_mean": summarise_points(special.expit(fine_mu), fine_weight),
        "mu": summarise_points(fine_mu, fine_weight),
        "tau": grid.spread_summary(np.exp),
        "new_group": summarise(cdf, new, second),
    }
    return _result(counts, np.array(rows)[group_of.ravel()], population, prior, cdf)


def _group(
    mu: np.ndarray, tau: np.ndarray, events: float, n: float, nodes: int = NODES
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log marginal likelihood of a count given ``mu`` and ``tau``; its rate at nodes, with shares.

    Adaptive Gauss-Hermite quadrature about the mode of the log odds (Liu and Pierce 1994,
    Biometrika 81:624); the mode is found by Newton steps kept inside a bracket.
    """
    mu, tau = np.broadcast_arrays(mu, tau)
    slope = events - n * special.expit(mu)
    other = mu + tau**2 * slope
    low, high = np.minimum(mu, other), np.maximum(mu, other)
    theta = mu
    for _ in range(60):
        rate = special.expit(theta)
        slope = events - n * rate - (theta - mu) / tau**2
        low, high = np.where(slope > 0, theta, low), np.where(slope > 0, high, theta)
        step = theta + slope / (n * rate * (1 - rate) + tau**-2.0)
        step = np.where((step >= low) & (step <= high), step, (low + high) / 2)
        if np.max(np.abs(step - theta)) < 1e-9:
            break
        theta = step
    rate = special.expit(theta)
    scale = 1 / np.sqrt(n * rate * (1 - rate) + tau**-2.0)
    node, node_weight = special.roots_hermitenorm(nodes)
    odds = theta[..., None] + scale[..., None] * node
    log_value = (
        events * odds
        - n * np.logaddexp(0, odds)
        - 0.5 * ((odds - mu[..., None]) / tau[..., None]) ** 2
        + 0.5 * node**2
        + np.log(node_weight)
    )
    total = special.logsumexp(log_value, axis=-1)
    log_marginal = total + np.log(scale / tau) - 0.5 * np.log(2 * np.pi)
    return log_marginal, special.expit(odds), np.exp(log_value - total[..., None])


def _beta(
    counts: pd.DataFrame, events: np.ndarray, n: np.ndarray, prior: BetaRates
) -> ExchangeableRates:
    """Logit of the mean and log of ``alpha + beta`` on the grid; all else in closed form."""
    pairs, group_of = np.unique(np.stack([events, n], axis=-1), axis=0, return_inverse=True)
    times = np.bincount(group_of.ravel(), minlength=len(pairs))

    def log_density(logit_mean: np.ndarray, log_size: np.ndarray, _nodes: int) -> np.ndarray:
        a = np.exp(log_size) * special.expit(logit_mean)
        b = np.exp(log_size) * special.expit(-logit_mean)
        # the Jacobian of (alpha, beta) is alpha beta
        total = np.log(a) + np.log(b) - prior.power * log_size
        for (y, size), count in zip(pairs, times, strict=True):
            total = total + count * (special.betaln(a + y, b + size - y) - special.betaln(a, b))
        return np.asarray(total)

    grid = integrate(
        log_density, (-8.0, float(np.log(prior.limit))), lambda z: np.full(z.shape, 15.0)
    )
    log_size, logit_mean, weight = grid.heaviest()
    a = np.exp(log_size) * special.expit(logit_mean)
    b = np.exp(log_size) * special.expit(-logit_mean)

    def cdf_of(y: float, size: float) -> Callable[[np.ndarray], np.ndarray]:
        def cdf(rate: np.ndarray) -> np.ndarray:
            points = np.atleast_1d(rate)[:, None]
            return np.asarray(special.betainc(a + y, b + size - y, points) @ weight)

        return cdf

    def summary(y: float, size: float) -> list[float]:
        mean = (a + y) / (a + b + size)
        second = mean * (a + y + 1) / (a + b + size + 1)
        return summarise(cdf_of(y, size), float(weight @ mean), float(weight @ second))

    rows = np.array([summary(y, size) for y, size in pairs])
    fine_log_size, fine_logit, fine_weight = grid.refined().heaviest()
    size, mean = np.exp(fine_log_size), special.expit(fine_logit)
    population = {
        "population_mean": summarise_points(mean, fine_weight),
        "alpha": summarise_points(size * mean, fine_weight),
        "beta": summarise_points(size * (1 - mean), fine_weight),
        "new_group": summary(0.0, 0.0),
    }
    return _result(counts, rows[group_of.ravel()], population, prior, cdf_of(0.0, 0.0))


def _result(
    counts: pd.DataFrame,
    rows: np.ndarray,
    population: dict[str, list[float]],
    prior: LogitNormal | BetaRates,
    cdf: Callable[[np.ndarray], np.ndarray],
) -> ExchangeableRates:
    groups = counts[["events", "n"]].join(pd.DataFrame(rows, counts.index, COLUMNS))
    table = pd.DataFrame.from_dict(population, orient="index", columns=COLUMNS)
    return ExchangeableRates(groups, table, prior, cdf)
