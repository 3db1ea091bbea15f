"""Prior of the treatment effects of one outcome, whose visits share strength."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integers, matrix, returning
from bayesasthma.models.kernels.layout import (
    ARMS,
    EFFECT,
    EFFECT_CONSTANT,
    EFFECT_LOCATION,
    EFFECT_SCALE,
    EFFECT_TAIL,
    EFFECT_WEIGHT,
    FAMILY,
    FLAT,
    FOLLOW_UP,
    MIXTURE,
    POOLING,
    SIZES,
    STARTS,
    WHITENER,
    components,
    flat,
)
from bayesasthma.models.kernels.mixtures import pooled_mixture
from bayesasthma.models.kernels.special import beta_log_odds, sigmoid
from bayesasthma.models.prior_scales import SHARE

LOG_2PI = float(np.log(2 * np.pi))


@borrowing
def _whitened(value: Any, location: Any, scale: Any, whitener: Any, g: int, j: int) -> Any:
    """A standardised effect, arms made independent."""
    x = 0.0
    for h in range(g + 1):
        x += whitener[g, h] * (value[h, j] - location[h, j]) / scale[h]
    return x


@borrowing
def pooled_normal(
    value: Any, location: Any, scale: Any, whitener: Any, share: float, value_: Any
) -> Any:
    """Log-density of effects (treated, k) that share strength, and its derivative by ``share``.

    They are equally correlated over visits, and over arms as contrasts with one control are. Its
    gradient by the effects is added to ``value_``. ``scale`` has shape (treated,).
    """
    treated, count = value.shape
    inflation = 1.0 + (count - 1) * share
    ratio = share / inflation
    squares, totals, log_scales = 0.0, 0.0, 0.0
    for g in range(treated):
        arm = 0.0
        for j in range(count):
            x = _whitened(value, location, scale, whitener, g, j)
            arm += x
            squares += x * x
        totals += arm * arm
        log_scales += np.log(scale[g]) - np.log(whitener[g, g])
        for j in range(count):
            x = _whitened(value, location, scale, whitener, g, j)
            x_ = (x - ratio * arm) / (1.0 - share)
            for h in range(g + 1):
                value_[h, j] -= whitener[g, h] * x_ / scale[h]
    quadratic = (squares - ratio * totals) / (1.0 - share)
    density = -0.5 * (
        quadratic
        + treated * ((count - 1) * np.log1p(-share) + np.log(inflation))
        + count * (treated * LOG_2PI + 2.0 * log_scales)
    )
    share_ = -0.5 * (
        (quadratic - totals / (inflation * inflation) - treated * (count - 1)) / (1.0 - share)
        + treated * (count - 1) / inflation
    )
    return density, share_


@returning
def effects(x: Any, point: Any, gradient: Any, data: Any, outcome: int) -> Any:
    """Log-density of the effects and of ``pooling``, on the scale sampled.

    Sets their entries of the gradient, those of the effects to the adjoints of the effects.
    """
    sizes, starts = integers(data, SIZES), integers(data, STARTS)
    treated, count = sizes[ARMS] - 1, sizes[FOLLOW_UP]
    cells = treated * count
    place = starts[EFFECT] + outcome * cells
    for i in range(place, place + cells):
        gradient[i] = 0.0
    if sizes[FAMILY] == FLAT:
        return 0.0
    share, share_place, total = 0.0, starts[POOLING] + outcome, 0.0
    if count > 1:
        share = point[share_place] = sigmoid(x[share_place])
    own = point[place : place + cells].reshape((treated, count))
    own_ = gradient[place : place + cells].reshape((treated, count))
    location, scale = flat(data, EFFECT_LOCATION), flat(data, EFFECT_SCALE)
    whitener = matrix(data, WHITENER)
    if sizes[FAMILY] == MIXTURE:
        parts = components(data)
        low, high = outcome * parts, (outcome + 1) * parts
        shape = (parts, treated, count)
        total, share_ = pooled_mixture(
            own,
            location[low * cells : high * cells].reshape(shape),
            scale[low * cells : high * cells].reshape(shape),
            flat(data, EFFECT_TAIL)[low:high],
            flat(data, EFFECT_WEIGHT)[low:high],
            flat(data, EFFECT_CONSTANT)[low:high],
            whitener,
            share,
            own_,
        )
    else:
        centre = location[outcome * cells : (outcome + 1) * cells].reshape((treated, count))
        spread = scale[outcome * treated : (outcome + 1) * treated]
        total, share_ = pooled_normal(own, centre, spread, whitener, share, own_)
    if count > 1:
        value, slope = beta_log_odds(x[share_place], SHARE, SHARE)
        total += value
        gradient[share_place] = slope + share_ * share * sigmoid(-x[share_place])
    return total
