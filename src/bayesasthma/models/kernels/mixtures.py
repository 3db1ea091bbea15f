"""Prior that is a mixture of Student t distributions, as :mod:`bayesasthma.models.mixtures` has."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.compiling import compiled


@compiled
def _whitened(value: Any, location: Any, scale: Any, whitener: Any, x: Any) -> Any:
    """Standardised effects (treated, k), arms made independent, into ``x``.

    The sums of their squares, and of the squares of each arm's sum, and of the log scales.
    """
    treated, count = value.shape
    squares = totals = log_scales = 0.0
    for g in range(treated):
        arm = 0.0
        for j in range(count):
            x[g, j] = 0.0
            for h in range(g + 1):
                x[g, j] += whitener[g, h] * (value[h, j] - location[h, j]) / scale[h, j]
            log_scales += np.log(scale[g, j])
            squares += x[g, j] * x[g, j]
            arm += x[g, j]
        totals += arm * arm
    return squares, totals, log_scales


@compiled
def _by_effects(x: Any, scale: Any, whitener: Any, ratio: float, falls: float, value_: Any) -> Any:
    """Add a component's gradient; ``falls`` is that by its quadratic form less the share."""
    treated, count = x.shape
    for g in range(treated):
        arm = ratio * x[g].sum()
        for j in range(count):
            x_ = 2.0 * falls * (x[g, j] - arm)
            for h in range(g + 1):
                value_[h, j] += x_ * whitener[g, h] / scale[h, j]


@compiled
def pooled_mixture(
    value: Any,
    location: Any,
    scale: Any,
    tail: Any,
    weight: Any,
    constant: Any,
    whitener: Any,
    share: float,
    value_: Any,
) -> Any:
    """Log-density of effects (treated, k) that share strength, and its derivative by ``share``.

    Its gradient by the effects is added to ``value_``. Shapes (component, treated, k) and
    (component,); ``whitener`` (treated, treated) is the inverse of
    :func:`bayesasthma.models.arm_contrasts.contrast_factor`.
    """
    components, treated, count = location.shape
    effects = treated * count
    inflation = 1.0 + (count - 1) * share
    x = np.zeros((components, treated, count))
    quadratics, totals = np.zeros(components), np.zeros(components)
    slopes, densities = np.zeros(components), np.zeros(components)
    log_det = treated * ((count - 1) * np.log1p(-share) + np.log(inflation))
    for g in range(treated):
        log_det -= 2.0 * count * np.log(whitener[g, g])
    for c in range(components):
        squares, totals[c], log_scales = _whitened(value, location[c], scale[c], whitener, x[c])
        quadratics[c] = (squares - share / inflation * totals[c]) / (1.0 - share)
        if tail[c] > 0.0:
            power = 1.0 + effects * tail[c]
            kernel = power * np.log1p(tail[c] * quadratics[c]) / tail[c]
            slopes[c] = power / (1.0 + tail[c] * quadratics[c])
        else:
            kernel, slopes[c] = quadratics[c], 1.0
        densities[c] = constant[c] - 0.5 * kernel - log_scales
    top = densities.max()
    parts = weight * np.exp(densities - top)
    total = parts.sum()
    share_ = 0.5 * treated * (count - 1) * (1.0 / (1.0 - share) - 1.0 / inflation)
    for c in range(components):
        # the density falls by half of each of these times the change of the quadratic form
        falls = -0.5 * parts[c] / total * slopes[c] / (1.0 - share)
        share_ += falls * (quadratics[c] - totals[c] / (inflation * inflation))
        _by_effects(x[c], scale[c], whitener, share / inflation, falls, value_)
    return np.log(total) + top - 0.5 * log_det, share_
