"""Where the critical prior of a sceptic is likely to lie: a first guess without sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bayesasthma.comparison.importance import FloatArray
from bayesasthma.comparison.reverse_bayes import EffectDraws

#: Prior SDs looked at, from a 300th of the fitted one to twice it.
GRID = np.geomspace(1 / 300, 2.0, 50)
#: Quadrature nodes of the correlation between visits and of the precision's factor.
SHARES, FACTORS = 12, 30
#: Standard deviations of the log precision that the nodes reach beyond its likely values.
BEYOND = 5.0
#: Least degrees of freedom, so that the posterior's covariance exists.
LEAST_FREEDOM = 3.0


@dataclass(frozen=True)
class Outlook:
    """P(benefit) of one outcome and arm under sceptical priors, by an approximation.

    Attributes
    ----------
    scale : ndarray, shape (node,)
        Prior SDs, ascending, in the unit of the benefits.
    chance : ndarray, shape (node, visit)
    """

    scale: FloatArray
    chance: FloatArray

    def scale_at(self, visit: int, chance: float) -> float:
        """The widest prior SD at which P(benefit) rises to ``chance``.

        If there is none, the narrowest SD where all are above, else that of the highest P(benefit).
        """
        own = self.chance[:, visit]
        rises = np.flatnonzero((own[:-1] < chance) & (own[1:] >= chance))
        if not len(rises):
            return float(self.scale[0 if own[0] >= chance else own.argmax()])
        ends = slice(rises[-1], rises[-1] + 2)
        return float(np.exp(np.interp(chance, own[ends], np.log(self.scale[ends]))))

    def beside(self, draws: EffectDraws, visit: int, level: float) -> float:
        """Where P(benefit) is ``level``, given draws under one sceptical prior.

        The curve is shifted, on the log scale of the SD, to say of that prior what the draws say,
        by a factor of 4 at most.
        """
        positive = (draws.benefit[:, visit] > 0).mean()
        known = np.clip(positive, 0.6, 1 - 0.5 / len(draws.benefit))
        step = self.scale_at(visit, level) / self.scale_at(visit, float(known))
        return draws.scale * float(np.clip(step, 0.25, 4.0))


def outlook(draws: EffectDraws) -> Outlook:
    """Approximate P(benefit) under sceptical priors from draws under a wide one.

    The likelihood of the benefits is taken to be a multivariate t density whose location and scale
    are those of the posterior less the prior: normal given a factor of its precision, which has a
    gamma distribution about 1 with the SDs' degrees of freedom. Far from 0 its tails decide, for a
    prior narrow enough to contradict the data makes the patients' SDs look larger. Given the factor
    and the correlation between visits (Beta(2, 2), unless the draws have but one) the posterior is
    normal in closed form.

    Parameters
    ----------
    draws : EffectDraws
        Of the fit.
    """
    count = draws.benefit.shape[1]
    freedom = max(draws.freedom, LEAST_FREEDOM)
    share = draws.share.mean() if count > 1 else 0.0
    covariance = np.cov(draws.benefit, rowvar=False).reshape(count, count)
    prior = np.linalg.inv(_correlation(np.array([share]), count)[0]) / draws.scale**2
    information, axes = np.linalg.eigh(np.linalg.inv(covariance) - prior)
    # of a visit that is not printed the data say next to nothing
    information = np.maximum(information, 1e-3 * information.max())
    spread = (axes / information) @ axes.T
    centre = spread @ (
        np.linalg.solve(covariance, draws.benefit.mean(0)) - prior.sum(1) * draws.location
    )
    factor, weight = np.ones(1), np.zeros(1)
    if np.isfinite(freedom):
        spread = spread * (freedom - 2) / freedom
        distance = float(centre @ np.linalg.solve(spread, centre))
        margin = BEYOND * np.sqrt(2 / freedom)
        logs = np.linspace(-np.log1p(distance / freedom) - margin, margin, FACTORS)
        factor, weight = np.exp(logs), freedom / 2 * (logs - np.exp(logs))
    nodes = (np.arange(SHARES) + 0.5) / SHARES
    if count == 1 or np.ptp(draws.share) == 0:  # known
        nodes = np.array([share])
    log_weight = (np.log(nodes * (1 - nodes))[:, None] if len(nodes) > 1 else 0.0) + weight
    shape, noise = _correlation(nodes, count)[:, None], spread / factor[:, None, None]
    scales = draws.scale * GRID
    chance = []
    for scale in scales:
        own = scale**2 * shape
        precision = np.linalg.inv(own + noise)
        gain = own @ precision
        mean = gain @ centre
        left = np.diagonal(own - gain @ own, axis1=-2, axis2=-1)
        quadratic = centre @ precision @ centre
        evidence = log_weight - 0.5 * (quadratic - np.linalg.slogdet(precision)[1])
        by_node = special.ndtr(mean / np.sqrt(left))
        chance.append(np.einsum("kl,klv->v", special.softmax(evidence), by_node))
    return Outlook(scales, np.array(chance))


def _correlation(share: FloatArray, count: int) -> FloatArray:
    """Equal correlations (..., visit, visit) of the visits."""
    between = share[:, None, None] * np.ones((count, count))
    return np.asarray(between + (1 - share)[:, None, None] * np.eye(count))
