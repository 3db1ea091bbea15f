"""Priors of effects that share strength, over visits and over outcomes: densities and draws."""

from __future__ import annotations

from functools import partial
from math import log, pi
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.models.coordinates import Coordinates
from bayesasthma.models.outcome_groups import OutcomeGroups, loadings, standardised_effects


def _pooled_logp(value: Any, location: Any, scale: Any, share: Any, _offset: Any) -> Any:
    count = value.type.shape[-1]
    x = (value - location) / scale[..., None]
    total, square = x.sum(axis=-1), (x**2).sum(axis=-1)
    inflation = 1 + (count - 1) * share
    quadratic = (square - share / inflation * total**2) / (1 - share)
    return -0.5 * (
        quadratic
        + (count - 1) * pt.log1p(-share)
        + pt.log(inflation)
        + count * (log(2 * pi) + 2 * pt.log(scale))
    )


def _pooled_random(
    location: np.ndarray,
    scale: np.ndarray,
    share: np.ndarray,
    _offset: np.ndarray,
    rng: np.random.Generator,
    size: tuple[int, ...] | None,
) -> np.ndarray:
    shape = location.shape if size is None else (*size, location.shape[-1])
    common = rng.standard_normal((*shape[:-1], 1))
    own = rng.standard_normal(shape)
    share = np.asarray(share)[..., None]
    return location + np.asarray(scale)[..., None] * (
        np.sqrt(share) * common + np.sqrt(1 - share) * own
    )


def pooled_normal(
    name: str,
    location: Any,
    scale: Any,
    share: Any,
    offset: Any,
    dims: tuple[str, ...],
    own: Coordinates,
) -> Any:
    """Effects at several visits that share strength: normal with equal correlations ``share``.

    Each effect is marginally ``Normal(location, scale^2)`` whatever ``share`` is, so a named prior
    set means at every visit what its formula says; ``scale * sqrt(1 - share)`` is the spread
    between visits, learned from the data. ``offset`` belongs to the coordinates, not to the prior.
    """
    return pm.CustomDist(
        name,
        location,
        scale,
        share,
        offset,
        logp=_pooled_logp,
        random=_pooled_random,
        support_point=lambda _rv, _size, location, scale, share, offset: (
            location + offset + 0.0 * (scale + share)[..., None]
        ),
        signature="(k),(),(),(k)->(k)",
        dims=dims,
        transform=own,
    )


def _quadratic(x: Any, share: Any) -> Any:
    """``x' V^-1 x`` over the last axis, ``V`` having ones and ``share`` off the diagonal."""
    count = x.type.shape[-1]
    inflation = 1 + (count - 1) * share
    return ((x**2).sum(axis=-1) - share / inflation * x.sum(axis=-1) ** 2) / (1 - share)


def _grouped_logp(
    groups: OutcomeGroups,
    value: Any,
    location: Any,
    scale: Any,
    share: Any,
    deviation: Any,
    _offset: Any,
) -> Any:
    member, visits = groups.member, value.type.shape[-1]
    loading, own = loadings(scale, deviation, groups)
    x = standardised_effects(value, location, scale, groups.sign)
    outcome_share = share[groups.index]
    weighted = (member[:, :, None, None] * (loading / own)[..., None] * x).sum(axis=1)
    precision = 1 + (member[:, :, None] * loading**2 / own).sum(axis=1)
    quadratic = (_quadratic(x, outcome_share) / own).sum()
    quadratic = quadratic - (_quadratic(weighted, share) / precision).sum()
    log_det = (
        visits * (pt.log(own).sum() + pt.log(precision).sum())
        + ((visits - 1) * pt.log1p(-outcome_share) + pt.log1p((visits - 1) * outcome_share)).sum()
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
    loading, own = loadings(scale, deviation, groups)

    def over_visits(share: np.ndarray) -> np.ndarray:
        common = rng.standard_normal((*share.shape, 1))
        own = rng.standard_normal((*share.shape, location.shape[-1]))
        share = share[..., None]
        draws: np.ndarray = np.sqrt(share) * common + np.sqrt(1 - share) * own
        return draws

    domain, outcome = over_visits(share), over_visits(share[groups.index])
    x = loading[..., None] * domain[groups.index] + np.sqrt(own)[..., None] * outcome
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
    own: Coordinates,
) -> Any:
    """Effects (outcome, treated, follow_up) that share strength over visits and within domains.

    As a benefit in prior SDs, an effect is ``sqrt(w) D + sqrt(1 - w) e``: ``D`` its domain's and
    ``e`` its own part, both with equal correlations ``share`` (group, treated) over visits, and
    ``w`` from :func:`bayesasthma.models.outcome_groups.loadings`. ``D`` is integrated out. Each
    effect is marginally ``Normal(location, scale^2)`` as in :func:`pooled_normal`.
    """
    return pm.CustomDist(
        name,
        location,
        scale,
        share,
        deviation,
        offset,
        logp=partial(_grouped_logp, groups),
        random=partial(_grouped_random, groups),
        support_point=lambda _rv, _size, location, scale, share, deviation, offset: (
            location + offset + 0.0 * (scale.sum() + share.sum() + deviation.sum())
        ),
        signature="(k,g,t),(k,g),(d,g),(k),(k,g,t)->(k,g,t)",
        dims=dims,
        transform=own,
    )
