"""Prior that is a mixture of Student t distributions, as :mod:`bayesasthma.models.mixtures` has."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.compiling import compiled


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
    sums = np.zeros((components, treated))
    quadratics, totals = np.zeros(components), np.zeros(components)
    slopes, densities = np.zeros(components), np.zeros(components)
    log_det = treated * ((count - 1) * np.log1p(-share) + np.log(inflation))
    for g in range(treated):
        log_det -= 2.0 * count * np.log(whitener[g, g])
    for c in range(components):
        squares = log_scales = 0.0
        for g in range(treated):
            for j in range(count):
                log_scales += np.log(scale[c, g, j])
                for h in range(g + 1):
                    deviation = (value[h, j] - location[c, h, j]) / scale[c, h, j]
                    x[c, g, j] += whitener[g, h] * deviation
                sums[c, g] += x[c, g, j]
                squares += x[c, g, j] * x[c, g, j]
            totals[c] += sums[c, g] * sums[c, g]
        quadratics[c] = (squares - share / inflation * totals[c]) / (1.0 - share)
        if tail[c] > 0.0:
            power = 1.0 + effects * tail[c]
            kernel = power * np.log1p(tail[c] * quadratics[c]) / tail[c]
            slopes[c] = power / (1.0 + tail[c] * quadratics[c])
        else:
            kernel, slopes[c] = quadratics[c], 1.0
        densities[c] = constant[c] - 0.5 * kernel - log_scales
    top = densities[0]
    for c in range(1, components):
        top = max(top, densities[c])
    total = 0.0
    for c in range(components):
        total += weight[c] * np.exp(densities[c] - top)
    share_ = 0.5 * treated * (count - 1) * (1.0 / (1.0 - share) - 1.0 / inflation)
    for c in range(components):
        part = weight[c] * np.exp(densities[c] - top) / total
        # the density falls by half of each of these times the change of the quadratic form
        falls = -0.5 * part * slopes[c] / (1.0 - share)
        share_ += falls * (quadratics[c] - totals[c] / (inflation * inflation))
        for g in range(treated):
            for j in range(count):
                x_ = 2.0 * falls * (x[c, g, j] - share / inflation * sums[c, g])
                for h in range(g + 1):
                    value_[h, j] += x_ * whitener[g, h] / scale[c, h, j]
    return np.log(total) + top - 0.5 * log_det, share_
