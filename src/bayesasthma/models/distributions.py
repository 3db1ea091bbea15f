"""Priors of effects that share strength, over visits and over outcomes: densities and draws."""

from __future__ import annotations

from functools import partial
from math import log, pi
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.models.arm_contrasts import correlate, log_determinant, whiten
from bayesasthma.models.coordinates import Coordinates
from bayesasthma.models.outcome_groups import OutcomeGroups, loadings, standardised_effects


def _pooled_logp(
    size: tuple[int, int], value: Any, location: Any, scale: Any, share: Any, _offset: Any
) -> Any:
    treated, count = size
    x = whiten((value - location) / scale[..., None], treated, pt)
    log_det = (
        treated * ((count - 1) * pt.log1p(-share) + pt.log1p((count - 1) * share))
        + 2 * count * pt.log(scale).sum(axis=-1)
        + count * (log_determinant(treated) + treated * log(2 * pi))
    )
    return -0.5 * (_quadratic(x, share[..., None], count).sum(axis=-1) + log_det)


def _pooled_random(
    location: np.ndarray,
    scale: np.ndarray,
    share: np.ndarray,
    _offset: np.ndarray,
    rng: np.random.Generator,
    size: tuple[int, ...] | None,
) -> np.ndarray:
    shape = location.shape if size is None else (*size, *location.shape[-2:])
    shared = rng.standard_normal((*shape[:-1], 1))
    apart = rng.standard_normal(shape)
    share = np.asarray(share)[..., None, None]
    normal = np.sqrt(share) * shared + np.sqrt(1 - share) * apart
    effects: np.ndarray = location + np.asarray(scale)[..., None] * correlate(normal, shape[-2])
    return effects


def pooled_normal(
    name: str,
    location: Any,
    scale: Any,
    share: Any,
    offset: Any,
    dims: tuple[str, ...],
    coordinates: Coordinates,
) -> Any:
    """Effects (..., treated, visit) that share strength: normal, equally correlated over visits.

    The correlation is ``share`` (...) over visits, and over arms that of
    :mod:`bayesasthma.models.arm_contrasts`. Each effect is marginally ``Normal(location, scale^2)``
    whatever ``share`` is, so a named prior set means at every visit what its formula says;
    ``scale * sqrt(1 - share)`` is the spread between visits, learned from the data. ``offset``
    belongs to the coordinates, not to the prior.
    """
    return pm.CustomDist(
        name,
        location,
        scale,
        share,
        offset,
        logp=partial(_pooled_logp, location.type.shape[-2:]),
        random=_pooled_random,
        support_point=lambda _rv, _size, location, scale, share, offset: (
            location + offset + 0.0 * (scale + share[..., None])[..., None]
        ),
        signature="(a,k),(a),(),(a,k)->(a,k)",
        dims=dims,
        transform=coordinates,
    )


def contrast_normal(
    name: str,
    scale: float,
    treated: int,
    offset: Any,
    dims: tuple[str, ...],
    coordinates: Coordinates,
) -> Any:
    """Contrasts (..., treated) with a control, each ``Normal(0, scale^2)``, arms exchangeable."""
    constant = 0.5 * (treated * (log(2 * pi) + 2 * log(scale)) + log_determinant(treated))

    def logp(value: Any, _offset: Any) -> Any:
        x = whiten((value / scale)[..., None], treated, pt)[..., 0]
        return -0.5 * (x**2).sum(axis=-1) - constant

    def random(offset: np.ndarray, rng: np.random.Generator, size: Any) -> np.ndarray:
        shape = offset.shape if size is None else (*size, treated)
        return np.asarray(scale * correlate(rng.standard_normal((*shape, 1)), treated)[..., 0])

    return pm.CustomDist(
        name,
        offset,
        logp=logp,
        random=random,
        support_point=lambda _rv, _size, offset: offset,
        signature="(a)->(a)",
        dims=dims,
        transform=coordinates,
    )


def _quadratic(x: Any, share: Any, count: int) -> Any:
    """``x' V^-1 x`` over the last axis, ``V`` having ones and ``share`` off the diagonal."""
    inflation = 1 + (count - 1) * share
    return ((x**2).sum(axis=-1) - share / inflation * x.sum(axis=-1) ** 2) / (1 - share)


def _grouped_logp(
    groups: OutcomeGroups,
    size: tuple[int, int],
    value: Any,
    location: Any,
    scale: Any,
    share: Any,
    deviation: Any,
    _offset: Any,
) -> Any:
    member, (treated, visits) = groups.member, size
    loading, rest = loadings(scale, deviation, groups)
    x = whiten(standardised_effects(value, location, scale, groups.sign), treated, pt)
    outcome_share = share[groups.index]
    weighted = (member[:, :, None, None] * (loading / rest)[..., None] * x).sum(axis=1)
    precision = 1 + (member[:, :, None] * loading**2 / rest).sum(axis=1)
    quadratic = (_quadratic(x, outcome_share[:, None], visits) / rest).sum()
    quadratic = quadratic - (_quadratic(weighted, share[:, None], visits) / precision).sum()
    over_visits = (visits - 1) * pt.log1p(-outcome_share) + pt.log1p((visits - 1) * outcome_share)
    log_det = (
        visits * (pt.log(rest).sum() + pt.log(precision).sum())
        + treated * over_visits.sum()
        + visits * len(groups.index) * log_determinant(treated)
    )
    constant = visits * (log(2 * pi) + 2 * pt.log(scale)).sum()
    return -0.5 * (quadratic + log_det + constant)


def _grouped_random(
    groups: OutcomeGroups,
    location: np.ndarray,
    scale: np.ndarray,
    share: np.ndarray,
    deviation: np.ndarray,
    _offset: np.ndarray,
    rng: np.random.Generator,
    size: tuple[int, ...] | None,
) -> np.ndarray:
    assert not size  # one study, one set of effects
    loading, rest = loadings(scale, deviation, groups)

    def over_visits(share: np.ndarray) -> np.ndarray:
        size = (*share.shape, *location.shape[1:])
        shared = rng.standard_normal((*size[:-1], 1))
        apart = rng.standard_normal(size)
        share = share[:, None, None]
        return np.asarray(correlate(np.sqrt(share) * shared + np.sqrt(1 - share) * apart, size[-2]))

    domain, outcome = over_visits(share), over_visits(share[groups.index])
    x = loading[..., None] * domain[groups.index] + np.sqrt(rest)[..., None] * outcome
    effects: np.ndarray = location + scale[..., None] * x * groups.sign[:, None, None]
    return effects


def grouped_normal(
    name: str,
    location: Any,
    scale: Any,
    share: Any,
    deviation: Any,
    offset: Any,
    groups: OutcomeGroups,
    dims: tuple[str, ...],
    coordinates: Coordinates,
) -> Any:
    """Effects (outcome, treated, follow_up) that share strength over visits and within domains.

    As a benefit in prior SDs, an effect is ``sqrt(w) D + sqrt(1 - w) e``: ``D`` its domain's and
    ``e`` its own part, both with equal correlations ``share`` (group) over visits and those of
    contrasts with one control over arms, and ``w`` from
    :func:`bayesasthma.models.outcome_groups.loadings`. ``D`` is integrated out. Each effect is
    marginally ``Normal(location, scale^2)`` as in :func:`pooled_normal`.
    """
    return pm.CustomDist(
        name,
        location,
        scale,
        share,
        deviation,
        offset,
        logp=partial(_grouped_logp, groups, location.type.shape[-2:]),
        random=partial(_grouped_random, groups),
        support_point=lambda _rv, _size, location, scale, share, deviation, offset: (
            location + offset + 0.0 * (scale.sum() + share.sum() + deviation.sum())
        ),
        signature="(k,g,t),(k,g),(d),(k),(k,g,t)->(k,g,t)",
        dims=dims,
        transform=coordinates,
    )
