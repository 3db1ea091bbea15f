"""The prior of effects that share strength over visits, with its density and its draws."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt


def _pooled_logp(value: Any, location: Any, scale: Any, share: Any) -> Any:
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


def pooled_normal(name: str, location: Any, scale: Any, share: Any, dims: tuple[str, ...]) -> Any:
    """Effects at several visits that share strength: normal with equal correlations ``share``.

    Each effect is marginally ``Normal(location, scale^2)`` whatever ``share`` is, so a named prior
    set means at every visit what its formula says; ``scale * sqrt(1 - share)`` is the spread
    between visits, learned from the data.
    """
    return pm.CustomDist(
        name,
        location,
        scale,
        share,
        logp=_pooled_logp,
        random=_pooled_random,
        support_point=lambda _rv, _size, location, scale, share: (
            location + 0.0 * (scale + share)[..., None]
        ),
        signature="(k),(),()->(k)",
        dims=dims,
    )
