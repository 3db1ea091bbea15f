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
    WIDE,
    GridMixture,
    LogGrid,
    log_likelihood,
    log_sum_exp,
    narrowed,
)

__all__ = ["EventCounts", "GridMixture", "PooledEvent", "TauPosterior", "pooled_event"]

FloatArray = NDArray[np.float64]
Part = tuple[FloatArray, FloatArray]
Given = tuple[LogGrid, list[FloatArray]]

#: Prior of a study's level, the mean of both arms' log odds: rates from 0.7 % to 99.3 %. It is
#: symmetric, so that an event and its absence are treated alike.
LEVEL = (0.0, 2.5)
#: Steps of log tau: the first, those that are compared at first, and the shortest; of a narrow
#: prior in units of its 68 % range.
FIRST_STEP, STEP, SHORTEST_STEP = 1.0, 0.25, 1 / 64
#: Halving the step of log tau may change a mean by this share of its SD at most. The error of the
#: trapezoidal rule falls at least as the square from one step to its half: it is below 10^-7.
TOLERANCE = 3e-4
#: Below this share of the smallest scale tau is taken as 0.
BEGIN = 4e-3
#: Tau ends at this multiple of the largest scale, however heavy the tail of its prior.
BEYOND = 1e4
#: Log of tau's mass below its largest at which log tau ends, and the least weight of a tau.
NEGLIGIBLE, LEAST = 28.0, 1e-13
#: A likelihood is known this many of its ranges beyond the last, but at most so many steps away.
WIDER, FARTHEST = 0.75, 40_000


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
    ``theta`` on a grid for each tau, then log tau by the trapezoidal rule, whose step is halved
    until that changes nothing.
    """
    if not len(counts):
        raise UsageError("no study has the event")
    if prior.flat:
        raise UsageError(
            "a flat prior of a log odds ratio has no proper posterior with empty cells"
        )
    likelihoods = _likelihoods(counts, prior, level)
    scale = _TauScale(heterogeneity)
    tau, given, log_mass, log_likelihood_ = _over_tau(likelihoods, prior, scale)
    weight = np.exp(log_mass - log_sum_exp(log_mass))
    means: list[Part] = []
    studies: list[list[Part]] = [[] for _ in counts]
    used = [k for k in range(len(tau)) if weight[k] > LEAST]
    for k in used:
        grid, terms = given[k]
        means.append(_part(grid, weight[k]))
        for own, likelihood, term in zip(studies, likelihoods, terms, strict=True):
            own.append(_part(_study(likelihood, grid, term, float(tau[k])), weight[k]))
    return PooledEvent(
        GridMixture(tuple(means)),
        GridMixture(tuple(means), tuple(float(tau[k]) for k in used)),
        tuple(GridMixture(tuple(own)) for own in studies),
        _tau_posterior(tau, log_likelihood_, scale, log_mass),
    )


def _likelihoods(
    counts: Sequence[EventCounts], prior: EffectPrior, level: tuple[float, float]
) -> list[LogGrid]:
    """Each study's log-likelihood of its log odds ratio, at least as far as where the others are.

    The mean lies between the studies' modes and the centres of its prior.
    """
    rough = []
    for study in counts:

        def at(x: FloatArray, study: EventCounts = study) -> FloatArray:
            return log_likelihood(x, study.events, study.n, *level)

        rough.append(narrowed(at, -10.0, 10.0))
    centres = [part.location for part in prior.components if part.weight > 0]
    centres += [float(grid.x[np.argmax(grid.value)]) for grid in rough]
    found = []
    for study, grid in zip(counts, rough, strict=True):
        density = np.exp(grid.value - grid.value.max())
        mean = density @ grid.x / density.sum()
        sd = float(np.sqrt(density @ (grid.x - mean) ** 2 / density.sum()))
        step = min(sd / 4, 0.25)
        room = WIDER * (grid.x[-1] - grid.x[0])
        low = min(grid.x[0], *centres) - room
        high = max(grid.x[-1], *centres) + room
        low, high = max(low, mean - FARTHEST * step), min(high, mean + FARTHEST * step)
        x = low + step * np.arange(int(np.ceil((high - low) / step)) + 1)
        pieces = [log_likelihood(part, study.events, study.n, *level)
                  for part in np.array_split(x, len(x) // 2000 + 1)]  # fmt: skip
        found.append(LogGrid(x, np.concatenate(pieces)))
    return found


@dataclass(frozen=True)
class _TauScale:
    """A scale of the whole line for tau, on which its prior dies out on both sides.

    It is log tau, or the logit of tau's share of its upper limit.
    """

    prior: HeterogeneityPrior

    @property
    def upper(self) -> float:
        return self.prior.parameters[0] if self.prior.family == "uniform" else np.inf

    def tau(self, at: FloatArray) -> FloatArray:
        bounded = np.isfinite(self.upper)
        return np.asarray(self.upper * special.expit(at) if bounded else np.exp(at))

    def of(self, tau: float) -> float:
        return float(np.log(tau) - (np.log1p(-tau / self.upper) if tau < self.upper else 0.0))

    def log_density(self, at: FloatArray) -> FloatArray:
        """Of the prior, per unit of this scale."""
        log_slope = special.log_expit(-at) if np.isfinite(self.upper) else 0.0
        tau = self.tau(at)
        return np.asarray(self.prior.log_density(tau) + np.log(tau) + log_slope)

    def log_below(self, at: float, step: float) -> float:
        """Log-probability below ``at`` by the rule that goes on from there with ``step``."""
        nodes = np.asarray(at - step * np.arange(1, round(60 / step)), dtype=np.float64)
        total = step * np.exp(self.log_density(nodes)).sum() + self.prior.cdf(self.tau(nodes[-1]))
        return float(np.log(max(total, 1e-300)))


def _over_tau(
    likelihoods: Sequence[LogGrid], prior: EffectPrior, scale: _TauScale
) -> tuple[FloatArray, list[Given], FloatArray, FloatArray]:
    """Tau from 0; the mean's grid and the studies' terms, log of tau's mass, its log-likelihood.

    Raises
    ------
    UsageError
        If the step of log tau would have to be shorter than the shortest.
    """
    parts = [part for part in prior.components if part.weight > 0]
    least = min(part.scale for part in parts) / 2.5
    seeds = [part.location for part in parts]
    found: dict[float, Given] = {}
    low, high = _ends(scale, likelihoods)

    def visit(at: float) -> float:
        if at not in found:
            near = min(found, key=lambda other: abs(other - at), default=None)
            start = (found[near][0].x[0], found[near][0].x[-1]) if near is not None else (-8.0, 8.0)
            tau = float(scale.tau(np.array(at))) if np.isfinite(at) else 0.0
            found[at] = _given_tau(likelihoods, prior, tau, start, least, seeds)
        return _log_sum(found[at][0])

    none = visit(-np.inf)
    lower, upper = (float(scale.prior.quantile(p)) for p in (0.16, 0.84))
    unit = min(1.0, scale.of(upper) - scale.of(lower))
    step, before = unit * FIRST_STEP, None
    while step >= unit * SHORTEST_STEP:
        # whole multiples of the step: the next ones have these among them
        at = step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)
        value = np.array([visit(float(own)) for own in at])
        mass = value + scale.log_density(at) + np.log(step)
        atom = none + scale.log_below(float(at[0]), step)
        kept = np.flatnonzero(mass > max(mass.max(), atom) - NEGLIGIBLE)
        first, last = max(int(kept[0]) - 1, 0), min(int(kept[-1]) + 1, len(at) - 1)
        at, value, mass = at[first : last + 1], value[first : last + 1], mass[first : last + 1]
        low, high = float(at[0]), float(at[-1])
        log_mass = np.append(none + scale.log_below(low, step), mass)
        given = [found[own] for own in (-np.inf, *at.tolist())]
        tau = np.append(0.0, scale.tau(at))
        now = _moments(given, log_mass, tau)
        if step <= unit * STEP and before is not None and _agree(before, now):
            return tau, given, log_mass, np.append(none, value)
        step, before = step / 2, now
    raise UsageError(
        f"heterogeneity prior {scale.prior.name!r}: too narrow for the quadrature over log tau"
    )


def _ends(scale: _TauScale, likelihoods: Sequence[LogGrid]) -> tuple[float, float]:
    narrow = min(4 * grid.step for grid in likelihoods)
    widest = max(float(np.ptp(grid.x[grid.value > grid.value.max() - 2])) for grid in likelihoods)
    low, middle, high = (float(scale.prior.quantile(p)) for p in (1e-12, 0.5, 1 - 1e-12))
    first = max(min(BEGIN * narrow, 1e-3 * middle), low)
    return scale.of(first), scale.of(min(high, BEYOND * max(widest, middle)))


def _moments(given: Sequence[Given], log_mass: FloatArray, tau: FloatArray) -> FloatArray:
    """Mean and SD of the mean and of tau."""
    weight = np.exp(log_mass - log_sum_exp(log_mass))
    first, second = 0.0, 0.0
    for (grid, _), own in zip(given, weight, strict=True):
        x, density = _part(grid, own)
        mass = density * grid.step
        first, second = first + float(mass @ x), second + float(mass @ x**2)
    mean = float(weight @ tau)
    return np.array([first, np.sqrt(second - first**2), mean, np.sqrt(weight @ (tau - mean) ** 2)])


def _agree(before: FloatArray, now: FloatArray) -> bool:
    scale = np.repeat(now[1::2], 2)
    return bool((np.abs(now - before) <= TOLERANCE * scale + 1e-12).all())


def _given_tau(
    likelihoods: Sequence[LogGrid],
    prior: EffectPrior,
    tau: float,
    start: tuple[float, float],
    least: float,
    seeds: Sequence[float],
) -> Given:
    """Log-density of the mean and tau's likelihood with it, and each study's term."""

    def terms(x: FloatArray) -> list[FloatArray]:
        return [likelihood.near(x, tau) for likelihood in likelihoods]

    room = 0.1 * (start[1] - start[0])
    grid = narrowed(
        lambda x: log_prior(prior, x) + np.sum(terms(x), axis=0),
        start[0] - room, start[1] + room, least, seeds,
    )  # fmt: skip
    return grid, terms(grid.x)


def _study(likelihood: LogGrid, grid: LogGrid, term: FloatArray, tau: float) -> LogGrid:
    """Log-density of a study's own log odds ratio, given tau and all studies."""
    if tau == 0:
        return grid
    if tau >= WIDE * likelihood.step:
        mass = np.exp(grid.value - grid.value.max())
        return likelihood.under(grid.x, mass, tau)
    others = LogGrid(grid.x, grid.value - term)
    x = np.linspace(grid.x[0] - 9 * tau, grid.x[-1] + 9 * tau, len(grid.x))
    return LogGrid(x, likelihood.at(x) + others.near(x, tau))


def _log_sum(grid: LogGrid) -> float:
    return float(log_sum_exp(grid.value) + np.log(grid.step))


def _part(grid: LogGrid, weight: float) -> Part:
    return grid.x, weight * np.exp(grid.value - _log_sum(grid))


def _tau_posterior(
    tau: FloatArray, log_likelihood_: FloatArray, scale: _TauScale, log_mass: FloatArray
) -> TauPosterior:
    log_total = log_sum_exp(log_mass)
    weight = np.exp(log_mass - log_total)
    mean = float(weight @ tau)
    sd = float(np.sqrt(weight @ (tau - mean) ** 2))
    # the likelihood of tau is smooth, and its spline has the prior's density between its points
    at = np.array([scale.of(float(own)) for own in tau[1:]])
    smooth = interpolate.make_interp_spline(at, log_likelihood_[1:], k=min(5, len(at) - 1))
    fine = np.linspace(at[0], at[-1], 8001)
    log_density = smooth(fine) + scale.log_density(fine)
    density = np.exp(log_density - log_density.max())
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    # below the first point the likelihood is that of tau = 0
    start = float(scale.prior.cdf(tau[1]) * np.exp(log_likelihood_[0] - log_total))
    below = start + (1 - start) * below / below[-1]
    return TauPosterior(mean, sd, np.concatenate([[0.0], scale.tau(fine)]), np.append(0.0, below))


def log_prior(prior: EffectPrior, x: FloatArray) -> FloatArray:
    """Log-density of a finite mixture of normal and Student t distributions (shape of ``x``)."""
    parts = [
        np.log(part.weight / part.scale)
        + student_log_density((x - part.location) / part.scale, part.df)
        for part in prior.components
        if part.weight > 0
    ]
    return parts[0] if len(parts) == 1 else log_sum_exp(np.stack(parts, axis=-1))
