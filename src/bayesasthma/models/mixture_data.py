"""Mixtures of Student t distributions without a graph: hyperparameters as arrays, and draws."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from bayesasthma.models.arm_contrasts import correlate
from bayesasthma.priors.distributions import EffectPrior


def mixture_data(priors: list[EffectPrior], size: int) -> dict[str, np.ndarray]:
    """Hyperparameters of :func:`bayesasthma.models.mixtures.pooled_mixture`, as arrays.

    Parameters
    ----------
    priors : list of EffectPrior
        Of the benefits; with one or two components each.
    size : int
        Number of effects that share strength under one prior.

    Returns
    -------
    dict of ndarray, shape (prior, component)
        ``location``, ``scale``, ``tail`` (1 / df, 0 for a normal), ``weight``, and ``constant``:
        the logarithm of the normalising constant of a ``size``-dimensional standard Student t.
    """
    parts = [prior.padded() for prior in priors]

    def field(name: str) -> np.ndarray:
        return np.array([[getattr(part, name) for part in row] for row in parts], dtype=float)

    tail = 1 / field("df")
    return {
        "location": field("location"),
        "scale": field("scale"),
        "tail": tail,
        "weight": field("weight"),
        "constant": log_normaliser(tail, size),
    }


def log_normaliser(tail: np.ndarray, size: int) -> np.ndarray:
    """Log normalising constant of a standard ``size``-dimensional Student t, ``tail`` = 1 / df."""
    normal = tail == 0
    df = 1 / np.where(normal, 1.0, tail)
    student = gammaln((df + size) / 2) - gammaln(df / 2) - 0.5 * size * np.log(df * np.pi)
    return np.where(normal, -0.5 * size * np.log(2 * np.pi), student)


def draw_mixture(
    location: np.ndarray,
    scale: np.ndarray,
    tail: np.ndarray,
    weight: np.ndarray,
    _constant: np.ndarray,
    share: np.ndarray,
    *,
    rng: np.random.Generator,
    size: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Random draws (..., treated, k) of :func:`bayesasthma.models.mixtures.pooled_mixture`."""
    batch = np.broadcast_shapes(location.shape[:-3], share.shape, weight.shape[:-1])
    lead = batch if size is None else tuple(size)
    treated, count = location.shape[-2:]
    bounds = np.cumsum(weight, axis=-1)
    chosen = (rng.random(lead)[..., None] > bounds[..., :-1]).sum(axis=-1)

    def pick(array: np.ndarray) -> np.ndarray:
        """The chosen component's entries; ``array`` has the component axis after the batch."""
        extra = array.ndim - weight.ndim
        full = np.broadcast_to(array, (*lead, *array.shape[weight.ndim - 1 :]))
        index = chosen.reshape(*lead, 1, *[1] * extra)
        return np.take_along_axis(full, index, axis=len(lead)).squeeze(len(lead))

    picked = pick(tail)
    df = 1 / np.where(picked > 0, picked, 1.0)
    spread = np.where(picked > 0, np.sqrt(df / rng.chisquare(df, size=lead)), 1.0)[..., None, None]
    share = share[..., None, None]
    normal = np.sqrt(share) * rng.standard_normal((*lead, treated, 1)) + np.sqrt(
        1 - share
    ) * rng.standard_normal((*lead, treated, count))
    draws: np.ndarray = pick(location) + pick(scale) * spread * correlate(normal, treated)
    return draws
