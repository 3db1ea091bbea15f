"""Functions of one variable on grids: log-densities, their neighbourhoods, quantiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import interpolate, optimize, special

FloatArray = NDArray[np.float64]

#: Log-density below its maximum at which an integral over a grid ends.
DEPTH = 36.0
#: The same for the range in which a study's likelihood is known.
HULL = 200.0
#: Points of a grid, and of the search for its ends; nodes of the integral over a study's level.
POINTS, SEARCH_POINTS, LEVEL_NODES = 161, 41, 97
#: Gauss-Hermite nodes of a normal neighbourhood that is narrower than the grid's steps.
_Z, _W = np.polynomial.hermite_e.hermegauss(31)
_LOG_W = np.log(_W / _W.sum())
#: Steps of a grid from which a normal distribution is wide enough for a sum over it.
WIDE = 1.5


@dataclass(frozen=True)
class LogGrid:
    """A log-density at equal steps, with a spline between them.

    Attributes
    ----------
    x, value : ndarray, shape (point,)
    """

    x: FloatArray
    value: FloatArray

    @property
    def step(self) -> float:
        """Between two points."""
        return float(self.x[1] - self.x[0])

    @cached_property
    def _spline(self) -> interpolate.BSpline:
        return interpolate.make_interp_spline(self.x, self.value, k=5)

    @cached_property
    def _high(self) -> tuple[FloatArray, FloatArray]:
        kept = self.value > self.value.max() - HULL
        return self.x[kept], self.value[kept]

    def at(self, x: ArrayLike) -> FloatArray:
        """Log-density at ``x`` (any shape); beyond the ends, that of the end."""
        return np.asarray(self._spline(np.clip(x, self.x[0], self.x[-1])))

    def near(self, x: FloatArray, sd: float) -> FloatArray:
        """Log of the density's mean over ``Normal(x, sd^2)``; shape of ``x`` (point,)."""
        if sd < WIDE * self.step:
            return np.asarray(_log_sum_exp(self.at(x[:, None] + sd * _Z) + _LOG_W))
        nodes, value = self._high
        squares = ((nodes - x[:, None]) / sd) ** 2
        total = _log_sum_exp(value - 0.5 * squares)
        return np.asarray(total + np.log(self.step / sd) - 0.5 * np.log(2 * np.pi))


def _log_sum_exp(value: FloatArray) -> FloatArray:
    """Over the last axis, of finite numbers (SciPy's takes five times as long)."""
    top = value.max(axis=-1)
    return np.asarray(np.log(np.exp(value - top[..., None]).sum(axis=-1)) + top)


def narrowed(
    log_density: Callable[[FloatArray], FloatArray], low: float, high: float, least: float = np.inf
) -> LogGrid:
    """A log-density where it is within ``DEPTH`` of its maximum, at steps of ``least`` at most."""
    for _ in range(40):
        x = np.linspace(low, high, SEARCH_POINTS)
        value = log_density(x)
        inside = np.flatnonzero(value > value.max() - DEPTH)
        low, high = x[max(inside[0] - 1, 0)], x[min(inside[-1] + 1, len(x) - 1)]
        if len(inside) > SEARCH_POINTS // 2:
            break
    points = max(POINTS, min(int((high - low) / least) + 2, 4001))
    x = np.linspace(low, high, points)
    return LogGrid(x, log_density(x))


def log_likelihood(
    x: FloatArray, events: tuple[int, int], n: tuple[int, int], location: float, scale: float
) -> FloatArray:
    """Log-likelihood of log odds ratios, a study's level integrated out.

    Parameters
    ----------
    x : ndarray, shape (point,)
    events, n : (int, int)
        Of the control and the treated arm.
    location, scale : float
        Of the normal prior of the level, the mean of both arms' log odds.

    Notes
    -----
    The integrand is log-concave in the level: Newton's method finds its mode, and the trapezoidal
    rule converges exponentially between the points where it has died out.
    """
    shift = np.array([-0.5, 0.5])[:, None] * x
    y, size = np.array(events, dtype=float)[:, None], np.array(n, dtype=float)[:, None]

    def log_integrand(level: FloatArray) -> FloatArray:
        total = -0.5 * ((level - location) / scale) ** 2
        for k in range(2):
            log_odds = level + (shift[k] if level.ndim == 1 else shift[k][:, None])
            total = total + y[k] * log_odds - size[k] * np.logaddexp(0, log_odds)
        return np.asarray(total)

    def slope(level: FloatArray) -> tuple[FloatArray, FloatArray]:
        rate = special.expit(level + shift)
        first = (y - size * rate).sum(axis=0) - (level - location) / scale**2
        return first, (size * rate * (1 - rate)).sum(axis=0) + scale**-2

    # between these the slope changes sign: halved until Newton's steps stay inside
    reach = 40.0 + np.abs(x) + scale**2 * size.sum()
    low, high = location - reach, location + reach
    level = np.full_like(x, location)
    for _ in range(100):
        first, curvature = slope(level)
        low, high = np.where(first > 0, level, low), np.where(first > 0, high, level)
        new = level + first / curvature
        level = np.where((new > low) & (new < high), new, (low + high) / 2)
    sd = slope(level)[1] ** -0.5
    top = log_integrand(level)
    ends = []
    for sign in (-1, 1):
        reach = 9.0 * sd
        for _ in range(60):
            short = log_integrand(level + sign * reach) > top - 40
            if not short.any():
                break
            reach = np.where(short, 1.15 * reach, reach)
        ends.append(level + sign * reach)
    nodes = ends[0][:, None] + (ends[1] - ends[0])[:, None] * np.linspace(0, 1, LEVEL_NODES)
    inside = _log_sum_exp(log_integrand(nodes))
    constant = np.log(scale) + 0.5 * np.log(2 * np.pi)
    return np.asarray(inside + np.log((ends[1] - ends[0]) / (LEVEL_NODES - 1)) - constant)


@dataclass(frozen=True)
class GridMixture:
    """A distribution that is given on a grid for each value of tau.

    Attributes
    ----------
    parts : tuple of (ndarray, ndarray)
        Points at equal steps, and density there times the part's weight.
    spread : tuple of float
        SD of a normal distribution that is added to each part; 0 for none.
    """

    parts: tuple[tuple[FloatArray, FloatArray], ...]
    spread: tuple[float, ...] = ()

    @cached_property
    def _mass(self) -> list[FloatArray]:
        return [density * (x[1] - x[0]) for x, density in self.parts]

    @cached_property
    def mean(self) -> float:
        """Mean."""
        pairs = zip(self.parts, self._mass, strict=True)
        return float(sum(mass @ x for (x, _), mass in pairs))

    @cached_property
    def sd(self) -> float:
        """Standard deviation."""
        pairs = zip(self.parts, self._mass, self._spread, strict=True)
        return float(
            np.sqrt(sum(mass @ ((x - self.mean) ** 2 + sd**2) for (x, _), mass, sd in pairs))
        )

    @cached_property
    def _spread(self) -> tuple[float, ...]:
        return self.spread or (0.0,) * len(self.parts)

    @cached_property
    def _below(self) -> list[tuple[FloatArray, interpolate.PPoly]]:
        return [
            (x, interpolate.CubicSpline(x, density).antiderivative()) for x, density in self.parts
        ]

    def cdf(self, at: float) -> float:
        """Probability of at most ``at``."""
        total = 0.0
        for (x, below), mass, sd in zip(self._below, self._mass, self._spread, strict=True):
            if sd < x[1] - x[0]:
                near = np.clip(at + sd * _Z, x[0], x[-1]) if sd else np.clip([at], x[0], x[-1])
                total += float(below(near) @ (np.exp(_LOG_W) if sd else np.ones(1)))
            else:
                total += float(mass @ special.ndtr((at - x) / sd))
        return total

    def quantile(self, p: float) -> float:
        """Value that is not exceeded with probability ``p``."""
        reach = 10 * max(self._spread)
        low = min(float(x[0]) for x, _ in self.parts) - reach
        high = max(float(x[-1]) for x, _ in self.parts) + reach
        found: float = optimize.brentq(lambda at: self.cdf(at) - p, low, high, xtol=1e-11)
        return found
