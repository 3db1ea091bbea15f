"""Effects of a fit under another prior: its draws, reweighted (``docs/explorer.md``)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import special

from bayesasthma.comparison.importance import (
    ESS_MIN,
    FloatArray,
    effective_draws,
    k_limit,
    smoothed_weights,
    weighted_quantiles,
)
from bayesasthma.comparison.normal_prior import NormalPrior
from bayesasthma.models.arm_contrasts import SHARED

CI_PROB = 0.95


@dataclass(frozen=True)
class Quantity:
    """One effect at one visit: how to compute it from a subject's columns.

    Attributes
    ----------
    arm, visit, estimand : str
    terms : tuple of (str, float)
        Columns and their coefficients; the effect is their sum.
    sign : int
        +1 where positive is a benefit, -1 where negative is, 0 where neither is claimed.
    unit : str
    gate : str
        ``pass``, or that the fit fails its diagnostics.
    mcid : float
        In the effect's unit, or as a share of the control arm's mean; NaN if there is none.
    mcid_column : str
        The control arm's mean, for a relative MCID; else blank.
    places : int or None
        Decimals to print; None for two digits of the posterior SD.
    error, patients : float
        Standard error of the estimate of the effect that the prior is of, from the study alone,
        and the patients it rests on; NaN if there is none.
    """

    arm: str
    visit: str
    estimand: str
    terms: tuple[tuple[str, float], ...]
    sign: int
    unit: str
    gate: str = "pass"
    mcid: float = float("nan")
    mcid_column: str = ""
    places: int | None = None
    error: float = float("nan")
    patients: float = float("nan")


@dataclass(frozen=True)
class Subject:
    """Draws of an outcome (or of the events of one fit), and the prior they were drawn under.

    Under it the effects are jointly normal: each ``Normal(location, scale^2)``, with the
    correlation ``share`` between visits (or events) of one arm, and 1/2 between the arms.

    Attributes
    ----------
    name : str
    columns : dict of ndarray, shape (draw,)
    effects : tuple of tuple of str
        Names of the effects' columns, by treated arm and visit (or event).
    share : str
        Name of the column that holds the logit of the correlation; blank for a single visit.
    prior_sign : int
        What an effect is multiplied by to be what the prior is of: benefit, or the effect itself.
    location, scale : float
        Of the fitted prior, in the effects' unit.
    sd_unit, mcid_unit : float
        One baseline SD, and one MCID (0.5 SD where there is none), in the effects' unit; NaN if
        there is no such unit.
    efficiency : float
        Independent draws that one draw is worth, at most 1.
    quantities : tuple of Quantity
    """

    name: str
    columns: dict[str, FloatArray] = field(repr=False)
    effects: tuple[tuple[str, ...], ...]
    share: str
    prior_sign: int
    location: float
    scale: float
    sd_unit: float
    mcid_unit: float
    efficiency: float
    quantities: tuple[Quantity, ...]

    @property
    def draws(self) -> int:
        """How many there are."""
        return len(next(iter(self.columns.values())))

    def values(self, quantity: Quantity) -> FloatArray:
        """Draws (draw,) of a quantity."""
        total = np.zeros(self.draws)
        for name, coefficient in quantity.terms:
            total = total + coefficient * self.columns[name]
        return total

    def in_own_unit(self, prior: NormalPrior) -> NormalPrior:
        """A prior in the unit of the effects."""
        factor = {"outcome": 1.0, "sd": self.sd_unit, "mcid": self.mcid_unit}[prior.unit]
        return prior.times(factor)


@dataclass(frozen=True)
class Answer:
    """What draws say of a quantity under a prior.

    Attributes
    ----------
    mean, sd, low, high : float
        Of the effect; the interval is equal-tailed, of mass ``CI_PROB``.
    p_benefit : float
        P(effect > 0), of the effect signed by its direction of benefit where there is one.
    p_beyond, p_against, p_within : float
        P(benefit > threshold), P(benefit < -threshold), P(|effect| < threshold); NaN without one.
    ess_benefit, ess_beyond, ess_against, ess_within : float
        Effective draws of these probabilities.
    ess : float
        The fewest effective draws behind any number here.
    ess_ends : float
        The fewest behind the mean and the interval's ends.
    pareto_k : float
        Minus infinity where nothing was reweighted.
    draws : int
    """

    mean: float
    sd: float
    low: float
    high: float
    p_benefit: float
    p_beyond: float
    p_against: float
    p_within: float
    ess_benefit: float
    ess_beyond: float
    ess_against: float
    ess_within: float
    ess: float
    ess_ends: float
    pareto_k: float
    draws: int

    @property
    def reliable(self) -> bool:
        """Whether Pareto k and the effective draws allow to print it."""
        return bool(self.pareto_k <= k_limit(self.draws) and self.ess >= ESS_MIN)


def log_ratio(subject: Subject, prior: NormalPrior) -> FloatArray:
    """Log density (draw,) of the effects under ``prior`` less that under the fitted one.

    Up to a constant. The correlations between visits and between arms are the same on both sides;
    likelihood and all other priors cancel.
    """
    wanted = subject.in_own_unit(prior)
    return -0.5 * (
        quadratic_form(subject, wanted.location, wanted.scale)
        - quadratic_form(subject, subject.location, subject.scale)
    )


def quadratic_form(subject: Subject, location: float, scale: float) -> FloatArray:
    """``(x - m)' (K C)^-1 (x - m) / s^2`` (draw,) of the effects ``x`` of all arms and visits.

    ``C`` has equal correlations between visits and ``K`` the correlation 1/2 between arms, whose
    inverse is ``2 (I - 11' / (arms + 1))``.
    """
    share = special.expit(subject.columns[subject.share]) if subject.share else 0.0
    arms, count = len(subject.effects), len(subject.effects[0])
    inflation = 1 + (count - 1) * share

    def within(x: list[FloatArray]) -> FloatArray:
        squares, total = np.zeros(subject.draws), np.zeros(subject.draws)
        for visit in x:
            squares, total = squares + visit**2, total + visit
        return np.asarray((squares - share / inflation * total**2) / (1 - share))

    each = [
        [(subject.prior_sign * subject.columns[name] - location) / scale for name in own]
        for own in subject.effects
    ]
    whole = [np.sum([own[t] for own in each], axis=0) for t in range(count)]
    quadratic: FloatArray = np.sum([within(own) for own in each], axis=0)
    return np.asarray((quadratic - SHARED * 2 * within(whole) / (arms + 1)) / SHARED)


def answer(
    subject: Subject,
    quantity: Quantity,
    prior: NormalPrior | None = None,
    threshold: float | str | None = None,
) -> Answer:
    """What the draws of a quantity say under another prior of the effects.

    Parameters
    ----------
    subject : Subject
    quantity : Quantity
        One of the subject's.
    prior : NormalPrior, optional
        The fitted one by default.
    threshold : float or "mcid", optional
        In the effect's unit.
    """
    ratio = np.zeros(subject.draws) if prior is None else log_ratio(subject, prior)
    weight, k = smoothed_weights(ratio, subject.efficiency)
    x = subject.values(quantity)
    mean = float(weight @ x)
    share = np.sum(weight**2)
    sd = float(np.sqrt(weight @ (x - mean) ** 2 / (1 - share))) if share < 1 else 0.0
    tail = (1 - CI_PROB) / 2
    low, high = (float(end) for end in weighted_quantiles(weight, x, [tail, 1 - tail]))
    benefit = x if quantity.sign == 0 else quantity.sign * x
    limit = limit_draws(subject, quantity, threshold)
    events = [benefit > 0]
    if limit is not None:
        events += [benefit > limit, -benefit > limit, abs(x) < limit]
    seen = np.stack([*events, x < low, x > high], axis=1).astype(float)
    chance = [float(p) for p in weight @ seen]
    worth = [float(n) for n in subject.efficiency * effective_draws(weight, seen)]
    p_benefit, *others = chance[: len(events)]
    n_benefit, *sizes = worth[: len(events)]
    none = [float("nan")] * 3
    p_beyond, p_against, p_within = others or none
    n_beyond, n_against, n_within = sizes or none
    of_mean = subject.efficiency * float(effective_draws(weight, x))
    return Answer(
        mean=mean,
        sd=sd,
        low=low,
        high=high,
        p_benefit=p_benefit,
        p_beyond=p_beyond,
        p_against=p_against,
        p_within=p_within,
        ess_benefit=n_benefit,
        ess_beyond=n_beyond,
        ess_against=n_against,
        ess_within=n_within,
        ess=min([*worth, of_mean]),
        ess_ends=min([*worth[-2:], of_mean]),
        pareto_k=k,
        draws=subject.draws,
    )


def limit_draws(
    subject: Subject, quantity: Quantity, threshold: float | str | None
) -> FloatArray | float | None:
    """A threshold as a number, or by draw if it is a share of the control arm's mean."""
    if threshold is None:
        return None
    if isinstance(threshold, float | int):
        return float(threshold)
    if not np.isfinite(quantity.mcid):
        return None
    if quantity.mcid_column:
        return np.asarray(quantity.mcid * subject.columns[quantity.mcid_column])
    return quantity.mcid
