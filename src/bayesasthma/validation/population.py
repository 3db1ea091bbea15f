"""A population of patients with known moments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log

import numpy as np
from scipy import stats

from bayesasthma.likelihood.correlation import (
    cholesky,
    cholesky_from_z,
    pairs,
    unpack_lower,
    z_from_cholesky,
)
from bayesasthma.likelihood.tables import fisher_scale, log_constant, table_logp


@dataclass(frozen=True)
class Population:
    """Means, SDs and correlation matrix of the rows of one series, and its patients per row."""

    mu: np.ndarray
    sigma: np.ndarray
    R: np.ndarray
    n: np.ndarray

    @classmethod
    def example(cls, rows: int, n: int, seed: int = 1) -> Population:
        """Positive, unequal correlations, as repeated measures have."""
        rng = np.random.default_rng(seed)
        loading = rng.uniform(0.5, 0.9, rows)
        R = np.outer(loading, loading)
        np.fill_diagonal(R, 1.0)
        return cls(rng.normal(20, 2, rows), rng.uniform(1.5, 4.0, rows), R, np.full(rows, float(n)))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.mu)

    @property
    def z(self) -> np.ndarray:
        """Partial correlations on Fisher's z scale, shape (pair,)."""
        return partial_z(self.R)

    @property
    def covariance(self) -> np.ndarray:
        """Of one patient, shape (row, row)."""
        return self.R * np.outer(self.sigma, self.sigma)

    @property
    def balanced(self) -> bool:
        """Whether all rows have the same number of patients."""
        return bool(np.all(self.n == self.n[0]))

    def but(self, **changes: np.ndarray) -> Population:
        """The same population but for some of its moments."""
        return replace(self, **changes)

    def log_density(
        self,
        mean: np.ndarray,
        sd: np.ndarray,
        epsilon: np.ndarray | None = None,
        pinned: np.ndarray | None = None,
        pinned_z: np.ndarray | None = None,
    ) -> np.ndarray:
        """Sum of :func:`table_logp` over rows, for any batch; shape (...)."""
        count = len(pairs(self.rows))
        pinned = np.zeros(count, dtype=bool) if pinned is None else pinned
        pinned_z = np.zeros(count) if pinned_z is None else pinned_z
        epsilon = np.zeros((~pinned).sum()) if epsilon is None else epsilon
        lead = np.broadcast_shapes(
            *(np.shape(array)[:-1] for array in (mean, sd, epsilon, pinned_z))
        )
        rows: np.ndarray = table_logp(
            np.broadcast_to(mean, (*lead, self.rows)),
            np.broadcast_to(sd, (*lead, self.rows)),
            np.broadcast_to(self.mu, (*lead, self.rows)),
            np.log(self.sigma),
            np.broadcast_to(self.z, (*lead, count)),
            epsilon,
            self.n,
            log_constant(self.n - 1),
            fisher_scale(self.n - 1),
            pinned,
            pinned_z,
            balanced=self.balanced,
        )
        total: np.ndarray = rows.sum(axis=-1)
        return total


def dense(lower: list[list[np.ndarray]]) -> np.ndarray:
    """A matrix, shape (..., row, row), from its lower triangle; zero above the diagonal."""
    size = len(lower)
    lead = np.broadcast_shapes(*(np.shape(entry) for row in lower for entry in row))
    matrix = np.zeros((*lead, size, size))
    for i, row in enumerate(lower):
        for j, entry in enumerate(row):
            matrix[..., i, j] = entry
    return matrix


def lower_of(matrix: np.ndarray) -> list[list[np.ndarray]]:
    """The lower triangle, diagonal included, of ``matrix[..., i, j]``."""
    return [[matrix[..., i, j] for j in range(i + 1)] for i in range(matrix.shape[-1])]


def partial_z(R: np.ndarray) -> np.ndarray:
    """Partial correlations on Fisher's z scale, shape (..., pair), of a correlation matrix."""
    z = z_from_cholesky(cholesky(lower_of(R)))
    entries = [z[i][j] for i, j in pairs(R.shape[-1])]
    return np.stack(entries, axis=-1) if entries else np.zeros((*R.shape[:-2], 0))


def correlation_of(z: np.ndarray, rows: int) -> np.ndarray:
    """Correlation matrix, shape (..., row, row), from partial correlations (..., pair)."""
    factor = dense(cholesky_from_z(unpack_lower(z, rows)))
    matrix: np.ndarray = factor @ np.swapaxes(factor, -1, -2)
    return matrix


def table_of(population: Population, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, SDs and correlations of simulated patients, seen at every visit."""
    rng = np.random.default_rng(seed)
    # by Cholesky, which gives the same data on every machine: singular vectors have no sign
    size = int(population.n[0])
    y = rng.multivariate_normal(population.mu, population.covariance, size, method="cholesky")
    R = np.corrcoef(y, rowvar=False).reshape(population.rows, population.rows)
    return y.mean(axis=0), y.std(axis=0, ddof=1), R


def log_normal_means(population: Population, mean: np.ndarray) -> float:
    """Density of the means of patients who are all seen at every visit."""
    return float(
        stats.multivariate_normal.logpdf(
            mean, population.mu, population.covariance / population.n[0]
        )
    )


def log_wishart(population: Population, sd: np.ndarray, R: np.ndarray) -> float:
    """Density of SDs and sample correlations (the lower triangle of ``R``) from scipy's Wishart."""
    df = population.n[0] - 1
    A = df * R * np.outer(sd, sd)
    jacobian = np.sum(np.log(2 * df * sd))
    jacobian += sum(log(df * sd[i] * sd[j]) for i, j in pairs(population.rows))
    return float(stats.wishart(df, population.covariance).logpdf(A) + jacobian)


def integrated(
    population: Population,
    mean: np.ndarray,
    sd: np.ndarray,
    pinned: np.ndarray | None = None,
    pinned_z: np.ndarray | None = None,
    points: int = 61,
) -> float:
    """Density of what is printed: epsilon integrated out by the trapezoidal rule.

    The rule converges exponentially here: the integrand is analytic and falls off exponentially.
    """
    count = len(pairs(population.rows)) - (0 if pinned is None else int(pinned.sum()))
    grid = np.linspace(-14, 14, points)
    epsilon = np.stack(np.meshgrid(*[grid] * count, indexing="ij"), axis=-1)
    log_values = population.log_density(mean, sd, epsilon, pinned, pinned_z)
    log_values = log_values + stats.norm.logpdf(epsilon).sum(axis=-1)
    return float(np.exp(log_values).sum() * (grid[1] - grid[0]) ** count)
