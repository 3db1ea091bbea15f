"""Functions of one variable on grids: log-densities, their neighbourhoods, quantiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import interpolate, special

FloatArray = NDArray[np.float64]

#: Log-density below its maximum at which an integral over a grid ends.
DEPTH = 26.0
#: Points of a grid, and of the search for its ends; nodes of the integral over a study's level.
POINTS, SEARCH_POINTS, LEVEL_NODES = 161, 41, 97
#: Most points of a grid whose steps must be short.
MOST = 20_001
#: Gauss-Hermite nodes of a normal neighbourhood that is narrower than the grid's steps, and fewer
#: of one that is narrower than half a step.
_Z, _W = np.polynomial.hermite_e.hermegauss(31)
_LOG_W = np.log(_W / _W.sum())
_Z_FEW, _W_FEW = np.polynomial.hermite_e.hermegauss(9)
_LOG_W_FEW = np.log(_W_FEW / _W_FEW.sum())
#: Steps of a grid from which a normal distribution is wide enough for a sum over it.
WIDE = 2.0


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
    def _ends(self) -> tuple[FloatArray, FloatArray]:
        """Slope and half the curvature at both ends."""
        at = self.x[[0, -1]]
        return self._spline(at, nu=1), np.minimum(self._spline(at, nu=2), 0.0) / 2

    def at(self, x: ArrayLike) -> FloatArray:
        """Log-density at ``x`` (any shape); beyond the ends, a concave parabola."""
        x = np.asarray(x)
        inside = np.clip(x, self.x[0], self.x[-1])
        found = np.asarray(self._spline(inside))
        if (beyond := x - inside).any():
            slope, half = (own[(x > inside).astype(int)] for own in self._ends)
            found = found + slope * beyond + half * beyond**2
        return found

    def near(self, x: FloatArray, sd: float) -> FloatArray:
        """Log of the density's mean over ``Normal(x, sd^2)``; ``x`` (point,) ascending."""
        if sd == 0:
            return self.at(x)
        if sd < 0.5 * self.step:
            return log_sum_exp(self.at(x[:, None] + sd * _Z_FEW) + _LOG_W_FEW)
        if sd < WIDE * self.step:
            return log_sum_exp(self.at(x[:, None] + sd * _Z) + _LOG_W)
        _, exponent = self._products(x, sd)
        constant = np.log(self.step / sd) - 0.5 * np.log(2 * np.pi)
        return np.asarray(log_sum_exp(exponent) + constant)

    def under(self, x: FloatArray, mass: FloatArray, sd: float) -> LogGrid:
        """Log-density of a value that has this density as its likelihood.

        Given ``x`` (point,), which has posterior probabilities ``mass``, the value is ``Normal(x,
        sd^2)``; ``sd`` is ``WIDE`` steps at least.
        """
        nodes, exponent = self._products(x, sd)
        joint = np.exp(exponent - exponent.max(axis=1)[:, None])
        density = (mass / joint.sum(axis=1)) @ joint
        kept = np.flatnonzero(density > density.max() * np.exp(-DEPTH))
        first, last = max(kept[0], 0), max(kept[-1], kept[0] + 7)
        coarse = LogGrid(nodes[first : last + 1], np.log(density[first : last + 1]))
        fine = np.linspace(coarse.x[0], coarse.x[-1], max(POINTS, len(coarse.x)))
        return LogGrid(fine, coarse.at(fine))

    def _products(self, x: FloatArray, sd: float) -> tuple[FloatArray, FloatArray]:
        """Points that count, and log of the density times the normal one; shape (x, point).

        As ``x`` rises, the normal density favours larger points the more: the range of points that
        count moves upwards, and the first and the last ``x`` have its ends.
        """
        ends = self.value - 0.5 * ((self.x - x[[0, -1], None]) / sd) ** 2
        counts = ends > ends.max(axis=1)[:, None] - DEPTH - 4
        first = max(int(np.argmax(counts[0])) - 8, 0)
        last = min(len(self.x) - int(np.argmax(counts[1][::-1])) + 8, len(self.x))
        nodes = self.x[first:last]
        return nodes, self.value[first:last] - 0.5 * ((nodes - x[:, None]) / sd) ** 2


def log_sum_exp(value: FloatArray) -> FloatArray:
    """Over the last axis, of finite numbers (SciPy's takes five times as long)."""
    top = value.max(axis=-1)
    return np.asarray(np.log(np.exp(value - top[..., None]).sum(axis=-1)) + top)


def narrowed(
    log_density: Callable[[FloatArray], FloatArray],
    low: float,
    high: float,
    least: float = np.inf,
    seeds: Sequence[float] = (),
) -> LogGrid:
    """A log-density where it is within ``DEPTH`` of its maximum, at steps of ``least`` at most.

    The search begins between ``low`` and ``high`` and widens if that is too narrow; it also looks
    at ``seeds``, where narrow peaks may be.
    """
    for _ in range(80):
        x = np.linspace(low, high, SEARCH_POINTS)
        if seeds:
            x = np.unique(np.concatenate([x, [at for at in seeds if low < at < high]]))
        value = log_density(x)
        inside = np.flatnonzero(value > value.max() - DEPTH)
        first, last = int(inside[0]), int(inside[-1])
        short = (first == 0, last == len(x) - 1)
        if any(short):
            room = high - low
            low, high = low - short[0] * room, high + short[1] * room
            continue
        low, high = float(x[first - 1]), float(x[last + 1])
        if last - first > SEARCH_POINTS // 2:
            break
    points = max(POINTS, min(int((high - low) / least) + 2, MOST))
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
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        moved, level = np.abs(new - level).max(), new
        if moved < 1e-9 * scale:
            break
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
    inside = log_sum_exp(log_integrand(nodes))
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
        return float(self._at_most(np.array([at]))[0])

    def _at_most(self, at: FloatArray) -> FloatArray:
        total = np.zeros(len(at))
        for (x, below), mass, sd in zip(self._below, self._mass, self._spread, strict=True):
            if not sd:
                total += below(np.clip(at, x[0], x[-1]))
            elif sd < x[1] - x[0]:
                total += below(np.clip(at[:, None] + sd * _Z, x[0], x[-1])) @ np.exp(_LOG_W)
            else:
                total += special.ndtr((at[:, None] - x) / sd) @ mass
        return total

    def quantile(self, p: float) -> float:
        """Value that is not exceeded with probability ``p``."""
        reach = 10 * max(self._spread)
        low = min(float(x[0]) for x, _ in self.parts) - reach
        high = max(float(x[-1]) for x, _ in self.parts) + reach
        while high - low > 1e-9 + 1e-12 * abs(low):
            at = np.linspace(low, high, SEARCH_POINTS)
            # the first and the last are not looked at again: rounding must not move them past p
            k = int(np.searchsorted(np.maximum.accumulate(self._at_most(at[1:-1])), p))
            low, high = float(at[k]), float(at[k + 1])
        return (low + high) / 2
