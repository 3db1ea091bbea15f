"""How outcomes belong together in the joint model: domains, their correlation, their effects.

Works on NumPy draws and on PyTensor variables alike, so that what is reported is what was fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesasthma.likelihood.correlation import Array
from bayesasthma.models.arm_contrasts import correlate, whiten
from bayesasthma.models.design import Design


@dataclass(frozen=True)
class OutcomeGroups:
    """Outcomes by domain; those with a direction of benefit apart from those without.

    An outcome without a domain is a group of its own.

    Attributes
    ----------
    labels : tuple of str
        One per group.
    index : ndarray of int, shape (outcome,)
        Position of each outcome's group.
    directed : ndarray of float, shape (outcome,)
        1 where a direction is a benefit, else 0.
    sign : ndarray of float, shape (outcome,)
        Turns an effect into a benefit; 1 where no direction is one.
    pooled : ndarray of float, shape (outcome,)
        1 where the benefit is pooled: a direction, and company in the group; else 0.
    """

    labels: tuple[str, ...]
    index: np.ndarray
    directed: np.ndarray
    sign: np.ndarray
    pooled: np.ndarray

    @property
    def member(self) -> np.ndarray:
        """1 where an outcome belongs to a group, shape (group, outcome)."""
        found: np.ndarray = np.arange(len(self.labels))[:, None] == self.index
        return found.astype(float)

    @property
    def pooled_groups(self) -> np.ndarray:
        """Positions of the groups whose benefits are pooled."""
        return np.unique(self.index[self.pooled > 0])


def outcome_groups(design: Design) -> OutcomeGroups:
    """Group the outcomes of a design."""
    directed = np.asarray(design.direction) != 0
    keys = [
        (domain, bool(has)) if domain else (name, None)
        for name, domain, has in zip(design.outcomes, design.domain, directed, strict=True)
    ]
    unique = list(dict.fromkeys(keys))
    both = {name for name, has in unique if has} & {name for name, has in unique if has is False}
    labels = [
        f"{name} (no direction)" if has is False and name in both else name for name, has in unique
    ]
    index = np.array([unique.index(key) for key in keys])
    company = np.bincount(index)[index] > 1
    return OutcomeGroups(
        labels=tuple(labels),
        index=index,
        directed=directed.astype(float),
        sign=np.where(directed, design.direction, 1).astype(float),
        pooled=(directed & company).astype(float),
    )


def unsuitable(design: Design) -> str | None:
    """Why the joint model cannot be fitted to a design; None if it can."""
    if len(design.outcomes) < 2:
        return "the joint model needs at least two outcomes"
    if design.patients:
        return "the joint model is for printed tables, and this study has patient-level data"
    whole = (
        len(design.tables) == 1
        and len(design.tables[0].outcome) == len(design.outcomes) * len(design.arms)
        and design.tables[0].levels_only
        and design.tables[0].balanced
    )
    if whole:
        return None
    return (
        "the joint model needs a mean and an SD of every outcome in every arm at every visit, as "
        "levels, with the number of patients of an outcome in an arm the same at all visits and "
        "correlations published for all outcomes or for none; use the model 'longitudinal', or "
        "choose outcomes that are printed so"
    )


#: Largest share of an outcome's variance that it can have in common with others, the rest being
#: its measurement error: docs/models.md gives the sources.
RELIABILITY = 0.9


def outcome_correlation(parameters: dict[str, Array], groups: OutcomeGroups) -> Array:
    """Correlation between the outcomes of a patient (..., outcome, outcome).

    In the direction of benefit, ``r b`` (``general_share``) between domains and
    ``r (b + (1 - b) h)`` (``domain_share``, by group) within one, ``r`` being `RELIABILITY`: the
    shares of a general and of a domain factor of the patient's variance, so that every value gives
    a correlation matrix. An outcome without a direction has no general factor, for its sign would
    be unknown.
    """
    sign = np.outer(groups.sign, groups.sign) * RELIABILITY
    other = 1 - np.eye(len(groups.index))
    general = sign * other * np.outer(groups.directed, groups.directed)
    domain = sign * other * (groups.index[:, None] == groups.index)
    b = parameters["general_share"][..., None]
    within = (1 - b * groups.directed) * parameters["domain_share"][..., groups.index]
    return b[..., None] * general + within[..., None] * domain + np.eye(len(groups.index))


def deviations(parameters: dict[str, Array], xp: Any = np) -> Array:
    """Scale (..., outcome) of each benefit's deviation from its domain, before `loadings`."""
    tail = xp.exp(TAIL_SCALE * parameters["deviation_tail"])
    return parameters["deviation_scale"][..., None] * tail


#: SD of the log of an outcome's own deviation scale: deviations have the kurtosis, 8.2, of a
#: Student t with 5.2 degrees of freedom.
TAIL_SCALE = 0.5


def loadings(scale: Array, deviation: Array, groups: OutcomeGroups) -> tuple[Array, Array]:
    """Shares of an effect's prior variance that are the domain's and the outcome's own.

    Parameters
    ----------
    scale : array, shape (outcome, treated)
        Prior SD of the effects, ``s``.
    deviation : array, shape (..., outcome)
        ``tau``; the domain's share is ``s^2 / (s^2 + tau^2)``, so that the effect keeps its prior
        SD whatever ``tau`` is.

    Returns
    -------
    loading, own : array, shape (..., outcome, treated)
        Square root of the domain's share (0 for an outcome that is not pooled), and one minus it.
    """
    # not the root of a share that may be 0: its derivative there is not finite
    loading = groups.pooled[:, None] * scale / (scale**2 + deviation[..., None] ** 2) ** 0.5
    return loading, 1 - loading**2


def standardised_effects(effect: Array, location: Array, scale: Array, sign: np.ndarray) -> Array:
    """Effects (..., outcome, treated, follow_up) as prior SDs from the prior mean, as benefits."""
    return (effect - location) / scale[..., None] * sign[:, None, None]


def draw_domain_effects(
    rng: np.random.Generator,
    parameters: dict[str, np.ndarray],
    location: np.ndarray,
    scale: np.ndarray,
    groups: OutcomeGroups,
) -> np.ndarray:
    """Draw domain effects from their exact distribution given the outcomes' effects.

    A domain's effect is the benefit that the hierarchy expects of its outcomes, averaged over
    them: what a further outcome of the domain would be expected to show. The model integrates it
    out; given the effects it is normal.

    Parameters
    ----------
    rng : numpy.random.Generator
    parameters : dict of ndarray
        Draws of ``effect`` (..., outcome, treated, follow_up), ``deviation_scale`` (...),
        ``deviation_tail`` (..., outcome), and ``pooling`` (..., group) if there are several
        follow-up visits.
    location : ndarray, shape (outcome, treated, follow_up)
        Prior mean of the effects; ``scale`` (outcome, treated) their prior SD.

    Returns
    -------
    ndarray, shape (..., pooled group, treated, follow_up)
        In baseline SDs.
    """
    effect = parameters["effect"]
    loading, own = loadings(scale, deviations(parameters), groups)
    x = whiten(standardised_effects(effect, location, scale, groups.sign), effect.shape[-2])
    chosen = groups.pooled_groups
    member = groups.member[chosen]
    weighted = np.einsum("dk,...ka,...kat->...dat", member, loading / own, x)
    precision = 1 + np.einsum("dk,...ka->...da", member, loading**2 / own)[..., None]
    share = np.zeros(weighted.shape[:-2])
    if effect.shape[-1] > 1:
        share = parameters["pooling"][..., chosen]
    share = share[..., None, None]
    noise = np.sqrt(share) * rng.standard_normal((*weighted.shape[:-1], 1))
    noise = noise + np.sqrt(1 - share) * rng.standard_normal(weighted.shape)
    factor = correlate(weighted / precision + noise / np.sqrt(precision), effect.shape[-2])
    benefit = location * groups.sign[:, None, None]
    size = member.sum(axis=1)[:, None, None]
    expected = np.einsum("dk,...ka->...da", member, loading * scale)[..., None] * factor
    result: np.ndarray = (np.einsum("dk,kat->dat", member, benefit) + expected) / size
    return result
