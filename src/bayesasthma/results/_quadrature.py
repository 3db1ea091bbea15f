"""Quadrature over the two parameters of a population of rates: its location and its spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, special

#: Points of the grid along spread and location, and Gauss-Hermite nodes within a group.
SPREAD_POINTS, LOCATION_POINTS, NODES = 121, 41, 64
#: The same while the range of the location is searched for: rounds, points, nodes.
ROUNDS, SEARCH_POINTS, SEARCH_NODES = 6, 25, 10
#: Log-density below its maximum at which the grid ends.
DEPTH = 22.0


@dataclass(frozen=True)
class Grid:
    """Quadrature points of the two population parameters, (spread, location), and their weights."""

    spread: np.ndarray
    location: np.ndarray
    weight: np.ndarray

    def heaviest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flat spread, location and weight of the points that hold all but 1e-8 of the mass."""
        spread = np.broadcast_to(self.spread[:, None], self.weight.shape).ravel()
        order = np.argsort(self.weight.ravel())[::-1]
        total = np.cumsum(self.weight.ravel()[order])
        kept = order[: int(np.searchsorted(total, 1 - 1e-8)) + 1]
        weight = self.weight.ravel()[kept]
        return spread[kept], self.location.ravel()[kept], weight / weight.sum()

    def refined(self) -> Grid:
        """Sixteen times the points along the location: quantiles then lie between close points."""
        unit = np.linspace(0, 1, self.location.shape[1])
        finer = np.linspace(0, 1, 16 * self.location.shape[1] - 15)
        weight = np.maximum(interpolate.CubicSpline(unit, self.weight, axis=1)(finer), 0)
        location = self.location[:, :1] + (self.location[:, -1:] - self.location[:, :1]) * finer
        return Grid(self.spread, location, weight / weight.sum())

    def spread_summary(self, transform: Callable[[np.ndarray], np.ndarray]) -> list[float]:
        """Five summaries of a monotone function of the spread."""
        density = self.weight.sum(axis=1)
        cumulative = interpolate.CubicSpline(self.spread, density).antiderivative()(self.spread)
        inverse = interpolate.PchipInterpolator(
            *_increasing(cumulative / cumulative[-1], self.spread)
        )
        mean = float(np.sum(density * transform(self.spread)))
        second = float(np.sum(density * transform(self.spread) ** 2))
        middle, low, high = transform(inverse(np.array([0.5, 0.025, 0.975])))
        return [mean, float(np.sqrt(second - mean**2)), float(middle), float(low), float(high)]


def _increasing(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the points at which ``x`` goes up, as an interpolation needs."""
    kept = np.concatenate([[True], x[1:] > np.maximum.accumulate(x)[:-1]])
    return x[kept], y[kept]


def integrate(
    log_density: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
    spread: tuple[float, float],
    half_width: Callable[[np.ndarray], np.ndarray],
) -> Grid:
    """Trapezoidal grid that holds all of a density but ``exp(-DEPTH)`` of its height.

    Given the spread, the density is unimodal in the location: its range is narrowed down until the
    grid resolves it. The rule converges exponentially for what is smooth and dies out at both ends.
    """
    ends = spread
    for points in (31, SPREAD_POINTS):
        grid = np.linspace(*ends, points)
        low, high = -half_width(grid), half_width(grid)
        end = SEARCH_POINTS - 1
        for _ in range(ROUNDS):
            location = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, SEARCH_POINTS)
            value = log_density(location, grid[:, None], SEARCH_NODES)
            inside = value > value.max(axis=1, keepdims=True) - DEPTH
            first, last = inside.argmax(axis=1), end - inside[:, ::-1].argmax(axis=1)
            rows = np.arange(points)
            low = location[rows, np.maximum(first - 1, 0)]
            high = location[rows, np.minimum(last + 1, end)]
        location = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, LOCATION_POINTS)
        value = log_density(location, grid[:, None], NODES) + np.log(high - low)[:, None]
        height = special.logsumexp(value, axis=1)
        good = np.flatnonzero(height > height.max() - DEPTH)
        ends = (grid[max(good[0] - 1, 0)], grid[min(good[-1] + 1, points - 1)])
    weight = np.exp(value - value.max())
    return Grid(grid, location, weight / weight.sum())


def summarise(cdf: Callable[[np.ndarray], np.ndarray], mean: float, second: float) -> list[float]:
    """Mean, SD, median and 95 % interval of a rate from its distribution and two moments."""
    middle, low, high = rate_quantiles(cdf, np.array([0.5, 0.025, 0.975]))
    return [mean, float(np.sqrt(second - mean**2)), float(middle), float(low), float(high)]


def rate_quantiles(
    cdf: Callable[[np.ndarray], np.ndarray], probabilities: np.ndarray
) -> np.ndarray:
    """Quantiles of a rate: its distribution function on a grid of log odds, interpolated."""
    coarse = np.linspace(-40, 36, 39)
    height = cdf(special.expit(coarse))
    first = max(int(np.searchsorted(height, probabilities.min())) - 1, 0)
    last = min(int(np.searchsorted(height, probabilities.max(), side="right")), len(coarse) - 1)
    fine = np.linspace(coarse[first], coarse[last], 129)
    inverse = interpolate.PchipInterpolator(*_increasing(cdf(special.expit(fine)), fine))
    return np.asarray(special.expit(inverse(probabilities)))


def summarise_points(values: np.ndarray, weight: np.ndarray) -> list[float]:
    """Five summaries of weighted points that lie densely."""
    order = np.argsort(values)
    ordered, mass = values[order], weight[order]
    middle, low, high = np.interp([0.5, 0.025, 0.975], np.cumsum(mass) - mass / 2, ordered)
    mean = float(np.sum(weight * values))
    sd = float(np.sqrt(np.sum(weight * (values - mean) ** 2)))
    return [mean, sd, float(middle), float(low), float(high)]
