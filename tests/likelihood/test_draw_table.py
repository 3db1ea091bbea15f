"""Draws of printed tables: their distributions, and that they follow the density of the table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.monte_carlo import ERRORS, SMALL_P, Estimate, seeded

from bayesasthma.likelihood.tables import draw_table
from bayesasthma.validation.population import Population

DRAWS = 40_000
UNEQUAL = np.array([20.0, 16.0, 11.0])


def draw(population: Population, count: int = DRAWS) -> tuple[np.ndarray, np.ndarray]:
    shape = (count, population.rows)
    return draw_table(
        np.random.default_rng(seeded(21)),
        np.broadcast_to(population.mu, shape),
        np.log(population.sigma),
        population.z,
        population.n,
    )


def standardised(
    population: Population, mean: np.ndarray, sd: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Means and variances, each with expectation 0 and variance 1 (if the rows are chi-square)."""
    df = population.n - 1
    normal = (mean - population.mu) / population.sigma * np.sqrt(population.n)
    chi = ((sd / population.sigma) ** 2 - 1) * np.sqrt(df / 2)
    return normal, chi


def log_density(population: Population, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Log-density of two means and SDs, shape (...): epsilon integrated out."""
    grid = np.linspace(-16, 16, 161)
    epsilon = grid.reshape(-1, *[1] * sd.ndim)
    log_values = population.log_density(mean, sd, epsilon) + stats.norm.logpdf(epsilon[..., 0])
    return np.logaddexp.reduce(log_values, axis=0) + np.log(grid[1] - grid[0])


class TestEqualNumbers:
    population = Population.example(4, 18)

    def test_a_batch_may_have_several_axes(self) -> None:
        flat = draw(self.population, 6)
        mu = np.broadcast_to(self.population.mu, (2, 3, 4))
        rest = np.log(self.population.sigma), self.population.z, self.population.n
        found = draw_table(np.random.default_rng(seeded(21)), mu, *rest)
        for one, other in zip(found, flat, strict=True):
            np.testing.assert_allclose(one.reshape(6, 4), other)

    def test_each_row_is_normal_and_chi(self) -> None:
        mean, sd = draw(self.population)
        for row in range(4):
            sigma, n = self.population.sigma[row], self.population.n[row]
            normal = stats.norm(self.population.mu[row], sigma / np.sqrt(n))
            chi = stats.chi(n - 1, scale=sigma / np.sqrt(n - 1))
            assert stats.kstest(mean[:, row], normal.cdf).pvalue > SMALL_P
            assert stats.kstest(sd[:, row], chi.cdf).pvalue > SMALL_P

    def test_means_correlate_as_patients_and_variances_with_the_square(self) -> None:
        normal, chi = standardised(self.population, *draw(self.population))
        for i in range(4):
            for j in range(i):
                rho = self.population.R[i, j]
                assert Estimate.of(normal[:, i] * normal[:, j]).agrees_with(rho, 0.05)
                assert Estimate.of(chi[:, i] * chi[:, j]).agrees_with(rho**2, 0.1)

    def test_means_are_independent_of_sds(self) -> None:
        normal, chi = standardised(self.population, *draw(self.population))
        for i in range(4):
            for j in range(4):
                assert stats.pearsonr(normal[:, i], chi[:, j]).pvalue > SMALL_P
                assert stats.pearsonr(normal[:, i] ** 2, chi[:, j]).pvalue > SMALL_P

    def test_equal_the_tables_of_simulated_patients(self) -> None:
        rng = np.random.default_rng(seeded(22))
        y = rng.multivariate_normal(self.population.mu, self.population.covariance, (8_000, 18))
        normal, chi = standardised(self.population, y.mean(axis=1), y.std(axis=1, ddof=1))
        drawn_normal, drawn_chi = standardised(self.population, *draw(self.population))
        weights = rng.standard_normal((5, 4))  # any projection has the same distribution
        for weight in weights:
            assert stats.ks_2samp(normal @ weight, drawn_normal @ weight).pvalue > SMALL_P
            assert stats.ks_2samp(chi @ weight, drawn_chi @ weight).pvalue > SMALL_P

    def test_one_row_and_a_batch(self) -> None:
        mean, sd = draw_table(
            np.random.default_rng(seeded(23)),
            np.zeros((3, 5, 1)),
            np.zeros((3, 5, 1)),
            np.zeros((3, 5, 0)),
            np.full((5, 1), 18.0),
        )
        assert mean.shape == sd.shape == (3, 5, 1)
        assert np.unique(mean).size == np.unique(sd).size == 15


class TestUnequalNumbers:
    population = Population.example(3, 1).but(n=UNEQUAL)

    def test_means_are_those_of_nested_patients(self) -> None:
        mean, _ = draw(self.population)
        more = np.maximum.outer(UNEQUAL, UNEQUAL)
        deviation = mean - self.population.mu
        for i in range(3):
            for j in range(i + 1):
                expected = self.population.covariance[i, j] / more[i, j]
                got = Estimate.of(deviation[:, i] * deviation[:, j])
                assert got.agrees_with(expected, 0.05)

    def test_variances_are_unbiased_and_correlate_as_documented(self) -> None:
        _, chi = standardised(self.population, *draw(self.population))
        df = UNEQUAL - 1
        for row in range(3):
            assert abs(chi[:, row].mean()) < ERRORS / np.sqrt(DRAWS)
        # the rows have their own df, so that these products are of s^2 / sigma^2 - 1
        ratio = chi * np.sqrt(2 / df)
        rho = self.population.R[1, 0]
        assert Estimate.of(ratio[:, 1] * ratio[:, 0]).agrees_with(2 * rho**2 / df[0], 0.05)
        expected = 2 / df[1] - 2 * rho**4 * (1 / df[1] - 1 / df[0])
        assert Estimate.of(ratio[:, 1] ** 2).agrees_with(expected, 0.05)

    def test_nested_patients_have_the_moments_that_are_documented(self) -> None:
        rng = np.random.default_rng(seeded(24))
        y = rng.multivariate_normal(self.population.mu, self.population.covariance, (20_000, 20))
        seen = [y[:, : int(n), row] for row, n in enumerate(UNEQUAL)]
        mean = np.stack([values.mean(axis=1) for values in seen], axis=-1)
        variance = np.stack([values.var(axis=1, ddof=1) for values in seen], axis=-1)
        ratio = variance / self.population.sigma**2 - 1
        normal, _ = standardised(self.population, mean, np.sqrt(variance))
        drawn, _ = standardised(self.population, *draw(self.population))
        for weight in rng.standard_normal((5, 3)):
            assert stats.ks_2samp(normal @ weight, drawn @ weight).pvalue > SMALL_P
        for i in range(3):
            for j in range(i + 1):  # numbers fall, so that the earlier row has more patients
                expected = 2 * self.population.R[i, j] ** 2 / (UNEQUAL[j] - 1)
                assert Estimate.of(ratio[:, i] * ratio[:, j]).agrees_with(expected, 0.08)

    def test_nested_means_and_sds_are_dependent_as_documented(self) -> None:
        rng = np.random.default_rng(seeded(25))
        rho, more, fewer = 0.95, 20, 5
        y = rng.multivariate_normal(np.zeros(2), [[1, rho], [rho, 1]], (40_000, more))
        mean = np.sqrt(fewer) * y[:, :fewer, 1].mean(axis=1)
        variance = (y[..., 0].var(axis=1, ddof=1) - 1) * np.sqrt((more - 1) / 2)
        assert abs(np.mean(mean * variance)) < ERRORS / np.sqrt(40_000)
        expected = rho**2 * (1 - fewer / more) / np.sqrt(more - 1)
        got = Estimate.of((mean**2 - 1) / np.sqrt(2) * variance)
        assert got.agrees_with(expected, 0.06)

    def test_sds_of_independent_visits_are_chi(self) -> None:
        population = self.population.but(R=np.eye(3))
        _, sd = draw(population)
        for row in range(3):
            df = UNEQUAL[row] - 1
            chi = stats.chi(df, scale=population.sigma[row] / np.sqrt(df))
            assert stats.kstest(sd[:, row], chi.cdf).pvalue > SMALL_P


@pytest.mark.parametrize("n", [(14.0, 14.0), (16.0, 9.0), (9.0, 16.0)])
class TestDrawsFollowTheDensity:
    """E[p(x | other) / p(x | truth)] = 1 for draws x of the truth, whatever the other is."""

    def population(self, n: tuple[float, float]) -> Population:
        R = np.array([[1.0, 0.65], [0.65, 1.0]])
        return Population(np.array([1.0, 2.0]), np.array([1.5, 0.8]), R, np.array(n))

    @pytest.mark.parametrize("change", ["mu", "sigma", "R"])
    @pytest.mark.parametrize("sign", [-1, 1])
    def test_mean_likelihood_ratio_is_one(self, n, change: str, sign: int) -> None:
        truth = self.population(n)
        shift = 0.06 * sign
        if change == "R":
            step = shift * (1 - np.eye(2))
        else:
            step = shift * truth.sigma * np.array([1.0, -0.5])
        other = truth.but(**{change: getattr(truth, change) + step})
        mean, sd = draw(truth, 6_000)
        ratio = np.exp(log_density(other, mean, sd) - log_density(truth, mean, sd))
        assert Estimate.of(ratio).agrees_with(1.0, 0.01)

    def test_second_sd_given_the_first_is_uniform_on_the_scale_of_its_distribution(self, n) -> None:
        truth = self.population(n)
        mean, sd = draw(truth, 400)
        # the density of the second SD over a grid, beside the SDs and means that were drawn
        node, weight = np.polynomial.legendre.leggauss(40)
        low, high = 0.02 * truth.sigma[1], 4 * truth.sigma[1]
        below = low + (sd[:, 1:] - low) * (node + 1) / 2
        above = sd[:, 1:] + (high - sd[:, 1:]) * (node + 1) / 2

        def mass(grid: np.ndarray, width: np.ndarray) -> np.ndarray:
            pair = np.stack(np.broadcast_arrays(sd[:, :1], grid), axis=-1)
            density = np.exp(log_density(truth, mean[:, None], pair))
            return density @ weight * width / 2

        under = mass(below, sd[:, 1] - low)
        over = mass(above, high - sd[:, 1])
        assert stats.kstest(under / (under + over), "uniform").pvalue > SMALL_P
        # what the grid integrates to is the density of the rest: the first SD and both means
        df = truth.n[0] - 1
        first = stats.chi.logpdf(sd[:, 0], df, scale=truth.sigma[0] / np.sqrt(df))
        more = np.maximum.outer(truth.n, truth.n)
        means = stats.multivariate_normal.logpdf(mean, truth.mu, truth.covariance / more)
        np.testing.assert_allclose(np.log(under + over), first + means, rtol=0, atol=1e-6)
