"""The likelihood of a table whose correlations are unseen, against patients and integrals."""

from __future__ import annotations

from math import exp, log, pi, sqrt

import numpy as np
import pytest
from scipy import integrate, special, stats
from tests.monte_carlo import Estimate, seeded

from bayesasthma.likelihood.correlation import pairs
from bayesasthma.likelihood.tables import fisher_scale
from bayesasthma.validation.population import (
    Population,
    integrated,
    log_normal_means,
    log_wishart,
    partial_z,
    table_of,
)


def directions(
    rng: np.random.Generator, draws: int, rows: int, dimension: int, first: np.ndarray | None
) -> np.ndarray:
    """Uniform points on the sphere, shape (draw, row, dimension); the first row is the first axis.

    ``first`` fixes the cosines of the other rows with it.
    """
    u = rng.standard_normal((draws, rows, dimension))
    u[:, 0] = np.eye(dimension)[0]
    if first is not None:
        u[:, 1:, 0] = 0.0
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    if first is not None:
        u[:, 1:] *= np.sqrt(1 - first**2)[:, None]
        u[:, 1:, 0] = first
    return u


def from_patients(
    population: Population,
    mean: np.ndarray,
    sd: np.ndarray,
    first: np.ndarray | None = None,
    draws: int = 200_000,
) -> Estimate:
    """Density of the printed means and SDs by Monte Carlo over patients, without Wishart theory.

    The values ``y`` of the ``n`` patients at a visit are the mean, the SD, and a direction ``u`` on
    the unit sphere of the ``n - 1`` contrasts: ``|dy| = sqrt(n) sqrt(n-1)^(n-1) sd^(n-2)
    d mean d sd d u``. The patients' normal density is integrated over ``u``: by Monte Carlo, but
    for the last row, where it is ``exp(v'u)`` and the integral is that of von Mises and Fisher.
    ``first`` are the published correlations with the first row.
    """
    n, df, last = int(population.n[0]), int(population.n[0]) - 1, population.rows - 1
    known = None if first is None else first[:-1]
    u = directions(np.random.default_rng(seeded(4)), draws, last, df, known)
    precision = np.linalg.inv(population.covariance)
    length = sqrt(df) * sd
    scaled = length[:last, None] * u
    squares = np.einsum("dik,djk,ij->d", scaled, scaled, precision[:last, :last], optimize=True)
    squares += length[last] ** 2 * precision[last, last]
    squares += n * (mean - population.mu) @ precision @ (mean - population.mu)
    v = -length[last] * np.einsum("dik,i->dk", scaled, precision[last, :last])
    if first is None:
        along, kappa, dimension = 0.0, np.linalg.norm(v, axis=1), df
    else:
        along = first[-1] * v[:, 0]
        kappa = sqrt(1 - first[-1] ** 2) * np.linalg.norm(v[:, 1:], axis=1)
        dimension = df - 1
    order = dimension / 2 - 1
    log_last = along + kappa + np.log(special.ive(order, kappa))
    log_last += special.gammaln(order + 1) + order * np.log(2 / kappa)
    log_y = -0.5 * squares + log_last
    log_y -= 0.5 * n * ((last + 1) * log(2 * pi) + np.linalg.slogdet(population.covariance)[1])
    log_sphere = log(2) + 0.5 * df * log(pi) - special.gammaln(0.5 * df)
    log_volume = np.sum(0.5 * log(n) + 0.5 * df * log(df) + (df - 1) * np.log(sd) + log_sphere)
    if first is not None:  # density of a cosine with a fixed direction on the sphere
        log_volume += np.sum(
            0.5 * (df - 3) * np.log(1 - first**2) - special.betaln(0.5, 0.5 * (df - 1))
        )
    return Estimate.of(np.exp(log_y + log_volume))


def sampled(
    population: Population,
    mean: np.ndarray,
    sd: np.ndarray,
    pinned: np.ndarray | None = None,
    pinned_z: np.ndarray | None = None,
    draws: int = 200_000,
) -> Estimate:
    """The same by importance sampling, from t distributions that are wider than the integrand."""
    count = len(pairs(population.rows)) - (0 if pinned is None else int(pinned.sum()))
    epsilon = np.random.default_rng(seeded(3)).standard_t(6, (draws, count))
    log_values = population.log_density(mean, sd, epsilon, pinned, pinned_z)
    ratio = stats.norm.logpdf(epsilon) - stats.t.logpdf(epsilon, 6)
    return Estimate.of(np.exp(log_values + ratio.sum(axis=-1)))


def total_mass(population: Population, draws: int = 100_000) -> Estimate:
    """Integral of the density over means, SDs and epsilon, by importance sampling."""
    rng, rows, n = np.random.default_rng(seeded(2)), population.rows, population.n
    wide = stats.multivariate_normal(
        population.mu, 1.4 * population.covariance / np.sqrt(np.outer(n, n))
    )
    log_sd = stats.multivariate_t(
        np.log(population.sigma), population.R**2 / np.sqrt(np.outer(n - 1, n - 1)) / 1.7, df=20
    )
    mean = wide.rvs(draws, random_state=rng)
    log_s = log_sd.rvs(draws, random_state=rng)
    epsilon = rng.standard_t(8, (draws, len(pairs(rows))))
    log_values = population.log_density(mean, np.exp(log_s), epsilon)
    log_values += log_s.sum(axis=1) - wide.logpdf(mean) - log_sd.logpdf(log_s)
    ratio = stats.norm.logpdf(epsilon) - stats.t.logpdf(epsilon, 8)
    return Estimate.of(np.exp(log_values + ratio.sum(axis=1)))


class TestFreeCorrelations:
    @pytest.mark.parametrize("n", [(12, 12, 12), (12, 12, 12, 12), (15, 12, 9), (9, 15, 12)])
    def test_density_integrates_to_one(self, n: tuple[int, ...]) -> None:
        population = Population.example(len(n), 1).but(n=np.array(n, dtype=float))
        assert total_mass(population).agrees_with(1.0, precision=0.01)

    @pytest.mark.parametrize("seed", [6, 9])
    def test_three_rows_equal_the_marginal_of_the_patients(self, seed: int) -> None:
        population = Population.example(3, 9, seed)
        mean, sd, _ = table_of(population, seed)
        exact = integrated(population, mean, sd)
        assert from_patients(population, mean, sd).agrees_with(exact, precision=0.01)

    @pytest.mark.parametrize("seed", [11, 12])
    def test_four_rows_equal_the_marginal_of_the_patients(self, seed: int) -> None:
        population = Population.example(4, 8, seed)
        mean, sd, _ = table_of(population, seed)
        estimate = sampled(population, mean, sd)
        assert from_patients(population, mean, sd).agrees_with(estimate, precision=0.015)

    def test_prior_spread_of_epsilon_is_that_of_a_sample_correlation(self) -> None:
        # with independent visits r^2 is Beta(1/2, (df - 1)/2), so that Var(z) = psi'((df - 1)/2)/2
        df = np.full(2, 17.0)
        expected = sqrt(special.polygamma(1, (df[0] - 1) / 2) / 2) / fisher_scale(df)[0]
        population = Population(np.zeros(2), np.ones(2), np.eye(2), df + 1)
        epsilon = np.linspace(-14, 14, 2001)[:, None]
        log_values = population.log_density(np.zeros(2), np.array([0.7, 1.2]), epsilon)
        weight = np.exp(log_values - log_values.max()) * stats.norm.pdf(epsilon[:, 0])
        spread = sqrt(np.average(epsilon[:, 0] ** 2, weights=weight))
        assert spread == pytest.approx(expected, rel=1e-8)
        assert spread == pytest.approx(1.048, abs=5e-4)  # quoted in docs/likelihood.md


class TestSomeCorrelationsPinned:
    def test_pinned_density_integrates_to_the_free_one(self) -> None:
        population = Population.example(2, 15)
        mean, sd, _ = table_of(population, 7)

        def density(r: float) -> float:
            z = np.array([np.arctanh(r)])
            return exp(population.log_density(mean, sd, None, np.array([True]), z))

        total, _ = integrate.quad(density, -1, 1, epsabs=0, epsrel=1e-10)
        assert integrated(population, mean, sd, points=801) == pytest.approx(total, rel=1e-8)

    def test_three_rows_with_the_first_column_equal_the_integrated_wishart(self) -> None:
        population = Population.example(3, 15)
        mean, sd, R = table_of(population, 8)
        pinned = np.array([True, True, False])
        got = integrated(population, mean, sd, pinned, partial_z(R), points=801)

        def density(c: float) -> float:
            C = R.copy()
            C[2, 1] = C[1, 2] = c
            return exp(log_wishart(population, sd, C) + log_normal_means(population, mean))

        spread = sqrt((1 - R[1, 0] ** 2) * (1 - R[2, 0] ** 2))
        centre = R[1, 0] * R[2, 0]
        inside = 1 - 1e-9  # scipy refuses the singular matrices at both ends
        total, _ = integrate.quad(
            density, centre - inside * spread, centre + inside * spread, epsabs=0, epsrel=1e-10
        )
        assert got == pytest.approx(total, rel=1e-7)

    @pytest.mark.parametrize("seed", [6, 9])
    def test_four_rows_with_the_first_column_equal_the_marginal_of_the_patients(
        self, seed: int
    ) -> None:
        population = Population.example(4, 10, seed)
        mean, sd, R = table_of(population, seed)
        pinned = np.array([j == 0 for _, j in pairs(4)])
        estimate = sampled(population, mean, sd, pinned, partial_z(R))
        patient = from_patients(population, mean, sd, first=R[1:, 0])
        assert patient.agrees_with(estimate, precision=0.005)

    def test_level_and_change_rows_say_what_two_levels_with_a_correlation_say(self) -> None:
        levels = Population.example(2, 18)
        mean, sd, R = table_of(levels, 9)
        to_change = np.array([[1.0, 0.0], [-1.0, 1.0]])
        covariance = to_change @ levels.covariance @ to_change.T
        sigma = np.sqrt(np.diag(covariance))
        change = levels.but(
            mu=to_change @ levels.mu, sigma=sigma, R=covariance / np.outer(sigma, sigma)
        )
        S = to_change @ (R * np.outer(sd, sd)) @ to_change.T
        change_sd = np.sqrt(np.diag(S))
        change_r = S[1, 0] / np.prod(change_sd)
        every = np.array([True])
        got = change.log_density(to_change @ mean, change_sd, None, every, np.arctanh([change_r]))
        expected = levels.log_density(mean, sd, None, every, np.arctanh([R[1, 0]]))
        # both are densities of (s_0, s_1, s_change), by way of one correlation or the other
        got += log(sd[1] / np.prod(change_sd))
        expected += log(change_sd[1] / np.prod(sd))
        assert got == pytest.approx(expected, rel=1e-10)
