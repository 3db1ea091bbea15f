"""Prior of effects that is a mixture of Student t distributions, with strength shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.likelihood.correlation import Array
from bayesasthma.models.arm_contrasts import log_determinant, whiten
from bayesasthma.models.coordinates import Coordinates
from bayesasthma.models.mixture_data import draw_mixture


def mixture_logp(
    value: Array,
    location: Array,
    scale: Array,
    tail: Array,
    weight: Array,
    constant: Array,
    share: Array,
    *,
    size: tuple[int, int],
    xp: Any = pt,
) -> Array:
    """Log-density of :func:`pooled_mixture`; works on NumPy arrays too.

    ``size`` is (treated, k). Shapes (..., treated, k), (..., component, treated, k) twice,
    (..., component) thrice and (...).
    """
    treated, count = size
    effects = treated * count
    x = whiten((value[..., None, :, :] - location) / scale, treated, xp)
    share = share[..., None]
    inflation = 1 + (count - 1) * share
    squares, sums = (x**2).sum(axis=(-1, -2)), (x.sum(axis=-1) ** 2).sum(axis=-1)
    quadratic = (squares - share / inflation * sums) / (1 - share)
    log_det = (
        treated * ((count - 1) * xp.log1p(-share) + xp.log(inflation))
        + count * log_determinant(treated)
        + 2 * xp.log(scale).sum(axis=(-1, -2))
    )
    # -(df + effects)/2 log(1 + q/df), which tends to -q/2 as the tail, 1/df, tends to 0
    safe = xp.where(tail > 0, tail, 1.0)
    student = (1 + effects * tail) * xp.log1p(safe * quadratic) / safe
    kernel = xp.where(tail > 0, student, quadratic)
    density = constant - 0.5 * (kernel + log_det)
    # the largest term is taken out; a component without weight adds nothing
    top = density.max(axis=-1, keepdims=True)
    total = (weight * xp.exp(density - top)).sum(axis=-1)
    return xp.log(total) + top[..., 0]


def pooled_mixture(
    name: str,
    location: Any,
    scale: Any,
    tail: Any,
    weight: Any,
    constant: Any,
    share: Any,
    dims: tuple[str, ...],
    offset: Any = None,
    coordinates: Coordinates | None = None,
) -> Any:
    """Effects that share strength: a mixture of multivariate Student t distributions.

    Each component has equal correlations ``share`` between the effects of an arm, those of
    :mod:`bayesasthma.models.arm_contrasts` between arms, and one degree of freedom; which component
    holds is one draw for all of them. Marginally each effect has exactly the mixture that its named
    prior states, whatever ``share`` is.

    Parameters
    ----------
    name : str
    location, scale : tensor, shape (..., component, treated, k)
    tail, weight, constant : tensor, shape (..., component)
        From :func:`~bayesasthma.models.mixture_data.mixture_data` for ``treated * k`` effects.
    share : tensor, shape (...)
    dims : tuple of str
        Of the effects (..., treated, k).
    offset : tensor, shape (..., treated, k), optional
        Of the coordinates; no part of the prior.
    coordinates : Coordinates, optional
        In which the effects are sampled.
    """
    size = location.type.shape[-2:]
    if offset is None:
        offset = 0.0 * pt.as_tensor(location)[..., 0, :, :]

    def logp(value: Any, *inputs: Any) -> Any:
        return mixture_logp(value, *inputs[:-1], size=size)

    def random(*inputs: Any, rng: Any, size: Any) -> np.ndarray:
        return draw_mixture(*inputs[:-1], rng=rng, size=size)

    def centre(_rv: Any, _size: Any, location: Any, *others: Any) -> Any:
        weight, share, offset = others[2], others[4], others[5]
        mean = (weight[..., None, None] * location).sum(axis=-3)
        return mean + offset + 0.0 * share[..., None, None]

    return pm.CustomDist(
        name,
        location,
        scale,
        tail,
        weight,
        constant,
        share,
        offset,
        logp=logp,
        random=random,
        support_point=centre,
        signature="(c,a,k),(c,a,k),(c),(c),(c),(),(a,k)->(a,k)",
        dims=dims,
        **({} if coordinates is None else {"transform": coordinates}),
    )


def single_mixture(
    name: str,
    location: Any,
    scale: Any,
    tail: Any,
    weight: Any,
    constant: Any,
    dims: tuple[str, ...],
) -> Any:
    """Effects that share nothing: :func:`pooled_mixture` of one effect each.

    All hyperparameters have shape (..., component), from
    :func:`~bayesasthma.models.mixture_data.mixture_data` with size 1.
    """

    def logp(value: Any, location: Any, scale: Any, tail: Any, weight: Any, constant: Any) -> Any:
        # one effect each: the last axes are known to have length 1
        centre, spread = location[..., None, None], scale[..., None, None]
        share = 0.0 * value
        return mixture_logp(
            value[..., None, None], centre, spread, tail, weight, constant, share, size=(1, 1)
        )

    def random(
        location: np.ndarray,
        scale: np.ndarray,
        tail: np.ndarray,
        weight: np.ndarray,
        constant: np.ndarray,
        rng: np.random.Generator,
        size: tuple[int, ...] | None,
    ) -> np.ndarray:
        share = np.zeros(location.shape[:-1])
        draws = draw_mixture(
            location[..., None, None],
            scale[..., None, None],
            tail,
            weight,
            constant,
            share,
            rng=rng,
            size=size,
        )
        return draws[..., 0, 0]

    return pm.CustomDist(
        name,
        location,
        scale,
        tail,
        weight,
        constant,
        logp=logp,
        random=random,
        support_point=lambda _rv, _size, location, _scale, _tail, weight, _constant: (
            weight * location
        ).sum(axis=-1),
        signature="(c),(c),(c),(c),(c)->()",
        dims=dims,
    )
