"""Special functions for kernels."""

from __future__ import annotations

from math import lgamma
from typing import Any

import numpy as np

from bayesasthma.models.kernels.compiling import compiled

#: Where the asymptotic series of the digamma function is exact to the last digit.
DIGAMMA_LEAST = 10.0


@compiled
def digamma(x: float) -> Any:
    """Derivative of ``lgamma``, for positive arguments.

    Smaller ones are carried up by ``psi(x) = psi(x + 1) - 1 / x``; then the asymptotic series, with
    Bernoulli numbers B_2n over 2n.
    """
    below = 0.0
    while x < DIGAMMA_LEAST:
        below += 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    series = y * (
        1 / 12
        - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * (691 / 32760 - y / 12)))))
    )
    return np.log(x) - 0.5 / x - series - below


@compiled
def log_beta(a: float, b: float) -> Any:
    """Logarithm of the beta function."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


@compiled
def sigmoid(x: float) -> Any:
    """The probability with log odds ``x``."""
    if x >= 0:
        return 1.0 / (1.0 + np.exp(-x))
    small = np.exp(x)
    return small / (1.0 + small)


@compiled
def log_sigmoid(x: float) -> Any:
    """Its logarithm."""
    return -np.log1p(np.exp(-x)) if x >= 0 else x - np.log1p(np.exp(x))


@compiled
def beta_log_odds(x: float, a: float, b: float) -> Any:
    """Log-density of the log odds ``x`` of a Beta(a, b) variable, and its derivative."""
    value = a * log_sigmoid(x) + b * log_sigmoid(-x) - log_beta(a, b)
    return value, a * sigmoid(-x) - b * sigmoid(x)


@compiled
def normal(x: float, location: float, scale: float) -> Any:
    """Log-density of a normal distribution, and its derivative."""
    z = (x - location) / scale
    return -0.5 * z * z - np.log(scale) - 0.5 * np.log(2 * np.pi), -z / scale
