"""The posterior of one event's log odds ratio over several studies by quadrature: no sampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, special

from bayesasthma.errors import UsageError
from bayesasthma.priors.distributions import EffectPrior
from bayesasthma.priors.heterogeneity import HeterogeneityPrior, student_log_density
from bayesasthma.results._event_grids import (
    GridMixture,
    LogGrid,
    log_likelihood,
    narrowed,
)

FloatArray = NDArray[np.float64]
Part = tuple[FloatArray, FloatArray]

#: Prior of a study's level, the mean of both arms' log odds: rates from 0.7 % to 99.3 %. It is
#: symmetric, so that an event and its absence are treated alike.
LEVEL = (0.0, 2.5)
#: Gauss-Legendre nodes on each stretch of log tau, and the longest stretch.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(8)
STRETCH = 1.5
#: Log tau begins at this share of the smallest scale: below, tau is taken as 0.
BEGIN = 1e-3
#: Tau ends at this multiple of the largest scale, however heavy the tail of its prior.
BEYOND = 1e4


@dataclass(frozen=True)
class EventCounts:
    """Patients with an event, in the control and the treated arm of a study.

    Attributes
    ----------
    events, n : (int, int)
        The control arm first.
    """

    events: tuple[int, int]
    n: tuple[int, int]

    def __post_init__(self) -> None:
        for y, n in zip(self.events, self.n, strict=True):
            if not 0 <= y <= n or n < 1:
                raise UsageError(f"{y} events of {n} patients: expected 0 to n, and a patient")


@dataclass(frozen=True)
class TauPosterior:
    """Posterior of the SD of log odds ratios between studies.

    Attributes
    ----------
    mean, sd : float
    """

    mean: float
    sd: float
    _tau: FloatArray = field(repr=False)
    _below: FloatArray = field(repr=False)

    def quantile(self, p: float) -> float:
        """Value that is not exceeded with probability ``p``."""
        return float(np.interp(p, self._below, self._tau))


@dataclass(frozen=True)
class PooledEvent:
    """Posterior of log odds ratios, treated against control.

    Attributes
    ----------
    mean : GridMixture
        Mean over studies.
    predictive : GridMixture
        True log odds ratio in a new study.
    studies : tuple of GridMixture
        True log odds ratio in each study.
    heterogeneity : TauPosterior
    """

    mean: GridMixture
    predictive: GridMixture
    studies: tuple[GridMixture, ...]
    heterogeneity: TauPosterior


def pooled_event(
    counts: Sequence[EventCounts],
    prior: EffectPrior,
    heterogeneity: HeterogeneityPrior,
    level: tuple[float, float] = LEVEL,
) -> PooledEvent:
    """Pool the counts of one event over studies.

    Parameters
    ----------
    counts : sequence of EventCounts
        One or more studies.
    prior : EffectPrior
        Of the mean log odds ratio (positive: more events under treatment).
    heterogeneity : HeterogeneityPrior
        Of tau, on the scale of log odds ratios.
    level : (float, float)
        Mean and SD of the normal prior of each study's level.

    Raises
    ------
    UsageError
        If there is no study, or the prior of the mean is flat.

    Notes
    -----
    In study ``s`` the arms' counts are binomial with log odds ``m_s - theta_s / 2`` (control) and
    ``m_s + theta_s / 2``; ``m_s ~ Normal(level)``, ``theta_s ~ Normal(theta, tau^2)`` (Smith,
    Spiegelhalter and Thomas 1995, Stat Med 14:2685, with the prior on the mean of both arms). Empty
    cells need no correction. Each ``m_s`` and ``theta_s`` is integrated out on its own, then
    ``theta`` on a grid for each tau, then tau by Gauss-Legendre quadrature on stretches of log tau.
    """
    if not len(counts):
        raise UsageError("no study has the event")
    if prior.flat:
        raise UsageError(
            "a flat prior of a log odds ratio has no proper posterior with empty cells"
        )
    likelihoods = _likelihoods(counts, level)
    narrow = min(likelihood.step for likelihood in likelihoods)
    tau, log_weight = _tau_nodes(heterogeneity, 4 * narrow, likelihoods)
    least = min(part.scale for part in prior.components if part.weight > 0) / 3
    given = [_given_tau(likelihoods, prior, float(t), least) for t in tau]
    log_mass = np.array([_log_sum(grid) for grid, _ in given]) + log_weight
    weight = np.exp(log_mass - special.logsumexp(log_mass))
    kept = [k for k in range(len(tau)) if weight[k] > 1e-16]
    means: list[Part] = []
    studies: list[list[Part]] = [[] for _ in counts]
    for k in kept:
        grid, terms = given[k]
        means.append(_part(grid, weight[k]))
        for own, likelihood, term in zip(studies, likelihoods, terms, strict=True):
            others = LogGrid(grid.x, grid.value - term)
            own.append(_part(_study(likelihood, others, float(tau[k])), weight[k]))
    return PooledEvent(
        GridMixture(tuple(means)),
        GridMixture(tuple(means), tuple(float(tau[k]) for k in kept)),
        tuple(GridMixture(tuple(own)) for own in studies),
        _tau_posterior(tau, log_mass - log_weight, heterogeneity, weight),
    )


def _likelihoods(counts: Sequence[EventCounts], level: tuple[float, float]) -> list[LogGrid]:
    """Each study's log-likelihood of its log odds ratio, over the range of all of them."""

    def own(study: EventCounts) -> LogGrid:
        def at(x: FloatArray) -> FloatArray:
            return log_likelihood(x, study.events, study.n, *level)

        return narrowed(at, -60 - 20 * level[1], 60 + 20 * level[1])

    rough = [own(study) for study in counts]
    found = []
    # log-likelihoods are concave: beyond their own range they go on falling
    wider = 0.75
    low = min(grid.x[0] - wider * (grid.x[-1] - grid.x[0]) for grid in rough)
    high = max(grid.x[-1] + wider * (grid.x[-1] - grid.x[0]) for grid in rough)
    for study, grid in zip(counts, rough, strict=True):
        density = np.exp(grid.value - grid.value.max())
        mean = density @ grid.x / density.sum()
        sd = float(np.sqrt(density @ (grid.x - mean) ** 2 / density.sum()))
        step = min(sd / 4, 0.25)
        x = low + step * np.arange(int(np.ceil((high - low) / step)) + 1)
        pieces = [log_likelihood(part, study.events, study.n, *level)
                  for part in np.array_split(x, len(x) // 2000 + 1)]  # fmt: skip
        found.append(LogGrid(x, np.concatenate(pieces)))
    return found


def _tau_nodes(
    prior: HeterogeneityPrior, narrow: float, likelihoods: Sequence[LogGrid]
) -> tuple[FloatArray, FloatArray]:
    """Tau = 0 and nodes of log tau, with the log of their weights under the prior."""
    low, middle = (float(prior.quantile(p)) for p in (1e-12, 0.5))
    widest = max(float(np.ptp(grid.x[grid.value > grid.value.max() - 2])) for grid in likelihoods)
    first = np.log(max(min(BEGIN * narrow, 1e-3 * middle), low))
    largest = min(float(prior.quantile(1 - 1e-12)), BEYOND * max(widest, middle))
    edges = np.linspace(first, np.log(largest), 2)
    spread = np.log(float(prior.quantile(0.84))) - np.log(float(prior.quantile(0.16)))
    length = min(STRETCH, spread / 2)
    count = int(np.ceil((edges[1] - edges[0]) / length))
    edges = np.linspace(edges[0], edges[1], count + 1)
    half = np.diff(edges)[:, None] / 2
    log_tau = (edges[:-1, None] + half * (_POINTS + 1)).ravel()
    tau = np.exp(log_tau)
    with np.errstate(divide="ignore"):
        atom = float(np.log(prior.cdf(np.exp(edges[0]))))
    weights = np.log((half * _WEIGHTS).ravel()) + prior.log_density(tau) + log_tau
    return np.concatenate([[0.0], tau]), np.concatenate([[atom], weights])


def _given_tau(
    likelihoods: Sequence[LogGrid], prior: EffectPrior, tau: float, least: float
) -> tuple[LogGrid, list[FloatArray]]:
    """Log-density of the mean and tau's likelihood with it, and each study's term."""
    reach = 12 * tau

    def terms(x: FloatArray) -> list[FloatArray]:
        return [likelihood.near(x, tau) for likelihood in likelihoods]

    low, high = likelihoods[0].x[0] - reach, max(grid.x[-1] for grid in likelihoods) + reach
    grid = narrowed(lambda x: log_prior(prior, x) + np.sum(terms(x), axis=0), low, high, least)
    return grid, terms(grid.x)


def _study(likelihood: LogGrid, others: LogGrid, tau: float) -> LogGrid:
    """Log-density of a study's own log odds ratio, given tau and the other studies."""
    if tau == 0:
        return LogGrid(others.x, others.value + likelihood.at(others.x))
    low, high = others.x[0] - 9 * tau, others.x[-1] + 9 * tau
    low, high = max(low, likelihood.x[0]), min(high, likelihood.x[-1])
    return narrowed(lambda x: likelihood.at(x) + others.near(x, tau), low, high)


def _log_sum(grid: LogGrid) -> float:
    return float(special.logsumexp(grid.value) + np.log(grid.step))


def _part(grid: LogGrid, weight: float) -> Part:
    return grid.x, weight * np.exp(grid.value - _log_sum(grid))


def _tau_posterior(
    tau: FloatArray, log_likelihood_: FloatArray, prior: HeterogeneityPrior, weight: FloatArray
) -> TauPosterior:
    mean = float(weight @ tau)
    sd = float(np.sqrt(weight @ (tau - mean) ** 2))
    # the likelihood of tau is smooth in log tau, where its prior need not be
    x = np.log(tau[1:])
    smooth = interpolate.make_interp_spline(x, log_likelihood_[1:], k=3)
    fine = np.linspace(x[0], x[-1], 8001)
    log_density = smooth(fine) + prior.log_density(np.exp(fine)) + fine
    density = np.exp(log_density - log_density.max())
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    below = weight[0] + (1 - weight[0]) * below / below[-1]
    return TauPosterior(mean, sd, np.concatenate([[0.0], np.exp(fine)]), np.append(0.0, below))


def log_prior(prior: EffectPrior, x: FloatArray) -> FloatArray:
    """Log-density of a finite mixture of normal and Student t distributions (shape of ``x``)."""
    parts = []
    for part in prior.components:
        if part.weight <= 0:
            continue
        value = student_log_density((x - part.location) / part.scale, part.df)
        parts.append(np.log(part.weight) - np.log(part.scale) + value)
    return np.asarray(special.logsumexp(parts, axis=0))
