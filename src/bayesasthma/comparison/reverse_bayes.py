"""Reverse Bayes: how sceptical a prior must be before a finding stops convincing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from bayesasthma.comparison.importance import (
    ESS_MIN,
    FloatArray,
    effective_draws,
    k_limit,
    smoothed_weights,
)

#: Probabilities of benefit below which a finding counts as no longer convincing.
LEVELS = (0.95, 0.975)
#: How far from the fitted scale a search goes, as a factor.
REACH = 300.0

REWEIGHTED = "reweighted"
REFITTED = "refitted"

#: Outcome and treated arm.
Key = tuple[str, str]


def sceptical_limit(ci_low: ArrayLike, ci_high: ArrayLike) -> FloatArray:
    """Matthews' sceptical limit of an interval that excludes 0.

    ``SL = (U - L)^2 / (4 sqrt(U L))``: with a normal prior about 0 whose central 95 % reaches from
    -SL to SL, the 95 % posterior interval just touches 0. Who holds effects beyond SL to be
    plausible may take the finding as credible. Matthews 2001, J Stat Plan Inference 94:43;
    Matthews 2018, R Soc Open Sci 5:171047. The normal-theory formula is applied to the interval
    as it stands, also to one by Student's t.

    Parameters
    ----------
    ci_low, ci_high : array_like
        Ends of the 95 % interval, on a scale where 0 is no effect.

    Returns
    -------
    ndarray
        In the unit of the interval; NaN where the interval contains 0.
    """
    low, high = np.broadcast_arrays(np.asarray(ci_low, float), np.asarray(ci_high, float))
    product = low * high
    with np.errstate(invalid="ignore", divide="ignore"):
        limit = (high - low) ** 2 / (4 * np.sqrt(np.where(product > 0, product, np.nan)))
    return np.asarray(limit)


def intrinsic_p(p: ArrayLike) -> FloatArray:
    """Held's p-value for intrinsic credibility.

    ``p_IC = 2 (1 - Phi(z / sqrt(2)))`` with ``z`` the normal quantile of ``1 - p/2``: below 0.05
    exactly where the finding is in conflict with the sceptical prior that would make it
    unconvincing at that level, so that it is credible without appeal to other evidence; p = 0.05
    becomes 0.17, and p_IC = 0.05 takes p = 0.0056. ``1 - p_IC / 2`` is also the chance that an
    identical second study finds the same direction. Held 2019, R Soc Open Sci 6:181534.

    Parameters
    ----------
    p : array_like
        Two-sided p-values.

    Returns
    -------
    ndarray
    """
    # from the lower tail: 1 - p/2 would round to 1 for tiny p
    return np.asarray(2 * special.ndtr(special.ndtri(np.asarray(p, float) / 2) / np.sqrt(2)))


def normal_sceptical_sd(estimate: ArrayLike, se: ArrayLike, level: float) -> FloatArray:
    """Sceptical prior SD of a normal estimate with known standard error, in closed form.

    Under ``theta ~ N(0, s^2)`` the posterior has ``P(theta > 0) = Phi((estimate / se) s /
    sqrt(s^2 + se^2))``; setting it to ``level`` gives ``s = se / sqrt((z / z_level)^2 - 1)``.
    Spiegelhalter, Abrams & Myles 2004, Bayesian Approaches to Clinical Trials, section 3.11.

    Parameters
    ----------
    estimate, se : array_like
        Estimate, positive for a benefit, and its standard error.
    level : float
        In (1/2, 1).

    Returns
    -------
    ndarray
        NaN where even a flat prior leaves P(benefit) below the level.
    """
    estimate, se = np.asarray(estimate, float), np.asarray(se, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(estimate > 0, (estimate / se / special.ndtri(level)) ** 2 - 1, np.nan)
        return np.asarray(se / np.sqrt(np.where(excess > 0, excess, np.nan)))


@dataclass(frozen=True)
class EffectDraws:
    """Posterior draws of one outcome's effects in one arm, and the prior they were drawn under.

    Attributes
    ----------
    benefit : ndarray, shape (draw, visit)
        Positive for a benefit, in any unit.
    share : ndarray, shape (draw,)
        Prior correlation of the effects between visits; ignored for a single visit.
    location, scale : float
        Each benefit ~ Normal(location, scale^2) under that prior, in the same unit.
    visits : tuple of str
    efficiency : float
        Independent draws that one draw is worth, at most 1: autocorrelation of the chains.
    method : str
        ``reweighted`` for the fit itself, ``refitted`` for one made under a sceptical prior.
    expected : ndarray, shape (draw, visit), or 0
        What the other arms' benefits lead the prior to expect of this one, in prior SDs from its
        location: contrasts with one control share some of their variance.
    left : float
        Share of the prior variance that is left, given the other arms; 1 if there are none.
    freedom : float
        Degrees of freedom of the SDs behind the benefits, by which a first guess is made.
    """

    benefit: FloatArray
    share: FloatArray
    location: float
    scale: float
    visits: tuple[str, ...]
    efficiency: float = 1.0
    method: str = REWEIGHTED
    expected: FloatArray | float = 0.0
    left: float = 1.0
    freedom: float = float("inf")


def log_prior(
    benefit: FloatArray, share: FloatArray, location: FloatArray | float, scale: float
) -> FloatArray:
    """Log density (draw,) of effects that are normal with equal correlations ``share``.

    ``N(location, scale^2 [(1 - share) I + share 11'])``, jointly over the visits: the prior of
    the treatment effects in ``docs/models.md``.
    """
    count = benefit.shape[-1]
    x = (benefit - location) / scale
    share = share if count > 1 else np.zeros(len(benefit))
    inflation = 1 + (count - 1) * share
    quadratic = ((x**2).sum(-1) - share / inflation * x.sum(-1) ** 2) / (1 - share)
    determinant = (count - 1) * np.log1p(-share) + np.log(inflation)
    constant = count * (np.log(2 * np.pi) + 2 * np.log(scale))
    return np.asarray(-0.5 * (quadratic + determinant + constant))


@dataclass(frozen=True)
class Reweighted:
    """P(benefit) under another prior, by importance weights, and whether to rely on it.

    Attributes
    ----------
    probability : ndarray, shape (visit,)
    pareto_k : float
        Estimated Pareto shape of the weights' tail; minus infinity where all are equal.
    ess : ndarray, shape (visit,)
        Independent unweighted draws that would give this probability with the same error.
    draws : int
    """

    probability: FloatArray
    pareto_k: float
    ess: FloatArray
    draws: int

    def reliable(self, visit: int) -> bool:
        """Whether k is at most min(1 - 1/log10(draws), 0.7) and the draws left are enough.

        The limit on k: Vehtari et al. 2024, JMLR 25(72).
        """
        return bool(self.pareto_k <= k_limit(self.draws) and self.ess[visit] >= ESS_MIN)


def reweight(draws: EffectDraws, scale: float) -> Reweighted:
    """Carry draws over to a sceptical prior by Pareto-smoothed importance sampling.

    The target prior is ``Normal(0, scale^2)`` at each visit with the same correlation between
    visits, and with the other arms' effects; all else of the model stays, so a weight is the ratio
    of the two joint prior densities of the effects. Smoothing and diagnostic: Vehtari et al. 2024,
    JMLR 25(72). The error of a weighted share ``P`` is ``sqrt(sum(w^2 (indicator - P)^2))`` (Owen
    2013, Monte Carlo theory, 9.2), which the effective size compares with ``P (1 - P)``.
    """

    def density(location: float, scale: float) -> FloatArray:
        # given the other arms, whose own prior is the same on both sides
        centre, spread = location + scale * draws.expected, scale * float(np.sqrt(draws.left))
        return log_prior(draws.benefit, draws.share, centre, spread)

    ratio = density(0.0, scale) - density(draws.location, draws.scale)
    weight, k = smoothed_weights(ratio, draws.efficiency)
    positive = (draws.benefit > 0).astype(float)
    ess = effective_draws(weight, positive)
    chance = weight @ positive
    return Reweighted(chance, k, draws.efficiency * ess, len(draws.benefit))


def critical_scale(
    draws: EffectDraws, visit: int, level: float, states: dict[float, Reweighted] | None = None
) -> tuple[float, Reweighted]:
    """Sceptical prior SD at which the reweighted P(benefit) crosses ``level``.

    Searched outwards from the fitted scale, downwards where P(benefit) is above the level there,
    until the weights are carried by a tenth of the draws needed.

    Parameters
    ----------
    draws : EffectDraws
    visit : int
    level : float
    states : dict, optional
        By log SD what the draws give there; kept between calls, other visits and levels profit.

    Returns
    -------
    scale : float
        NaN where no crossing was met.
    state : Reweighted
        There, or where the search ended.
    """
    known = {} if states is None else states

    def at(log_scale: float) -> Reweighted:
        if log_scale not in known:
            known[log_scale] = reweight(draws, float(np.exp(log_scale)))
        return known[log_scale]

    def excess(log_scale: float) -> float:
        return float(at(log_scale).probability[visit]) - level

    here = start = float(np.log(draws.scale))
    state = at(start)
    above = state.probability[visit] >= level
    step = np.log(1.25) * (-1 if above else 1)
    while abs(here - start) < np.log(REACH):
        there = here + step
        state = at(there)
        if not state.ess[visit] >= ESS_MIN / 10:
            break
        if (state.probability[visit] >= level) != above:
            ends = min(here, there), max(here, there)
            root = optimize.brentq(excess, *ends, xtol=1e-4)
            return float(np.exp(root)), at(root)
        here = there
    return float("nan"), state
