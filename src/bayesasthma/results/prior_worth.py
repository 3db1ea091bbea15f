"""What a prior is worth in patients, and how much of a mixture's posterior is each part's."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bayesasthma.models.arm_contrasts import log_determinant, whiten
from bayesasthma.models.mixture_data import log_normaliser
from bayesasthma.priors.distributions import EffectPrior

#: Points of the grid, and how far beyond the outermost component it reaches, in scales.
POINTS, REACH = 20_001, 60.0


def prior_information(prior: EffectPrior) -> float:
    """Expected local information ``E[-(log p)'']`` of a prior, per squared unit of the effect.

    Of one normal it is the precision ``1 / s^2``, of one Student t ``(df + 1) / ((df + 3) s^2)``;
    of a mixture it is integrated numerically. Divided by the information of one patient it is the
    prior's effective sample size, which adds to that of the data in expectation (ELIR;
    Neuenschwander, Weber, Schmidli and O'Hagan 2020, Biometrics 76:578).

    Returns
    -------
    float
        0 for a flat prior.
    """
    if prior.flat:
        return 0.0
    parts = [part for part in prior.components if part.weight > 0]
    if len(parts) == 1:
        (part,) = parts
        share = 1.0 if part.df == np.inf else (part.df + 1) / (part.df + 3)
        return float(share / part.scale**2)
    x = np.unique(
        np.concatenate(
            [part.location + part.scale * np.linspace(-REACH, REACH, POINTS) for part in parts]
        )
    )
    density, slope = np.zeros_like(x), np.zeros_like(x)
    for part in parts:
        z = (x - part.location) / part.scale
        own = part.weight * stats.t.pdf(z, part.df) / part.scale
        tail = z if part.df == np.inf else z * (part.df + 1) / (part.df + z**2)
        density += own
        slope -= own * tail / part.scale
    # E[-(log p)''] = E[((log p)')^2], by parts: the density vanishes at both ends
    squared = np.divide(slope**2, density, out=np.zeros_like(x), where=density > 0)
    return float(np.trapezoid(squared, x))


def prior_patients(prior: EffectPrior, standard_error: float, patients: float) -> float:
    """Effective sample size of a prior in patients of a study.

    Parameters
    ----------
    prior : EffectPrior
        Of the effect.
    standard_error : float
        Of the study's estimate of it, in the same unit, from ``patients`` patients: one of them
        brings the information ``1 / (patients * standard_error^2)``.
    patients : float

    Returns
    -------
    float
        0 for a flat prior, NaN if the standard error is none.
    """
    if not (np.isfinite(standard_error) and standard_error > 0):
        return float("nan")
    return prior_information(prior) * patients * standard_error**2


def component_weights(prior: EffectPrior, effects: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Posterior probability of each component of a mixture prior.

    One component holds for all visits of an outcome. Given the effects it has the probability
    ``w_c p_c(effects) / sum``, whose mean over posterior draws is its posterior probability.

    Parameters
    ----------
    prior : EffectPrior
        Of every effect.
    effects : ndarray, shape (draw, treated, visit)
        Posterior draws in the unit of the prior.
    share : ndarray, shape (draw,)
        Correlation of the effects of one arm between visits.

    Returns
    -------
    ndarray, shape (component,)
        Sums to 1.
    """
    treated, visits = effects.shape[1:]
    count = treated * visits
    inflation = 1 + (visits - 1) * share
    log_density = []
    for part in prior.components:
        x = whiten((effects - part.location) / part.scale, treated)
        squares, sums = (x**2).sum(axis=(-1, -2)), (x.sum(axis=-1) ** 2).sum(axis=-1)
        quadratic = (squares - share / inflation * sums) / (1 - share)
        log_det = (
            treated * ((visits - 1) * np.log1p(-share) + np.log(inflation))
            + visits * log_determinant(treated)
            + 2 * count * np.log(part.scale)
        )
        tail = 0.0 if part.df == np.inf else 1 / part.df
        kernel = quadratic if tail == 0 else (part.df + count) * np.log1p(quadratic / part.df)
        constant = float(log_normaliser(np.array([tail]), count)[0])
        with np.errstate(divide="ignore"):
            log_density.append(np.log(part.weight) + constant - 0.5 * (kernel + log_det))
    stacked = np.stack(log_density, axis=-1)
    density = np.exp(stacked - stacked.max(axis=-1, keepdims=True))
    found: np.ndarray = (density / density.sum(axis=-1, keepdims=True)).mean(axis=0)
    return found
