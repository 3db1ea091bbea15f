"""The likelihood of a printed table against closed forms and the patients behind the table."""

from __future__ import annotations

import itertools
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from bayesasthma.likelihood.tables import fisher_scale, log_constant, patient_logp, table_logp
from bayesasthma.validation.likelihoods import log_kibble, log_partial_jacobian
from bayesasthma.validation.population import (
    Population,
    correlation_of,
    integrated,
    log_normal_means,
    log_wishart,
    partial_z,
    table_of,
)

seeds = st.integers(0, 2**32 - 1)
patients = st.integers(8, 60)


class TestScale:
    def test_is_near_the_spread_of_sample_correlations_and_positive(self) -> None:
        np.testing.assert_allclose(
            fisher_scale(np.array([17.0, 16.0, 1.0])) ** -2.0, [15.5, 0.5, 0.5]
        )
        np.testing.assert_allclose(fisher_scale(np.full(3, 9.0)) ** -2.0, [8.5, 8.5, 7.5])

    def test_one_row_has_none(self) -> None:
        assert fisher_scale(np.full((2, 3, 1), 9.0)).shape == (2, 3, 0)


class TestOneRow:
    @given(
        n=st.integers(2, 300),
        mu=st.floats(-50, 50),
        sigma=st.floats(0.05, 50),
        shift=st.floats(-4, 4),
        ratio=st.floats(0.3, 2.5),
    )
    def test_is_normal_times_scaled_chi(self, n, mu, sigma, shift, ratio) -> None:
        mean, sd = mu + shift * sigma / sqrt(n), ratio * sigma
        population = Population(np.array([mu]), np.array([sigma]), np.eye(1), np.array([float(n)]))
        expected = stats.norm.logpdf(mean, mu, sigma / sqrt(n)) + stats.chi.logpdf(
            sd, n - 1, scale=sigma / sqrt(n - 1)
        )
        got = population.log_density(np.array([mean]), np.array([sd]))
        assert got == pytest.approx(expected, rel=1e-10, abs=1e-10)


class TestTwoRows:
    def test_closed_form_is_the_density_of_two_sds(self) -> None:
        sigma, df = np.array([2.0, 5.0]), 17.0
        total, _ = integrate.dblquad(
            lambda b, a: exp(log_kibble(np.array([a, b]), sigma, 0.6, df)), 0.2, 6, 0.5, 15
        )
        assert total == pytest.approx(1, abs=1e-7)
        marginal, _ = integrate.quad(
            lambda b: exp(log_kibble(np.array([1.7, b]), sigma, 0.6, df)), 0.5, 15
        )
        assert marginal == pytest.approx(stats.chi.pdf(1.7, df, scale=2 / sqrt(df)), rel=1e-8)

    @given(
        n=st.integers(4, 60),
        rho=st.one_of(st.floats(0.02, 0.95), st.floats(-0.95, -0.02)),
        ratios=st.tuples(st.floats(0.5, 1.6), st.floats(0.5, 1.6)),
        shift=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    )
    def test_integrates_to_kibble_times_bivariate_normal(self, n, rho, ratios, shift) -> None:
        sigma = np.array([2.0, 5.0])
        population = Population(
            np.array([10.0, -3.0]),
            sigma,
            np.array([[1, rho], [rho, 1]]),
            np.array([float(n), float(n)]),
        )
        mean, sd = population.mu + np.array(shift) * sigma / sqrt(n), np.array(ratios) * sigma
        epsilon = np.linspace(-80, 80, 6401)[:, None]
        log_values = population.log_density(mean, sd, epsilon) + stats.norm.logpdf(epsilon[:, 0])
        got = special.logsumexp(log_values) + log(epsilon[1, 0] - epsilon[0, 0])
        expected = log_kibble(sd, sigma, rho, n - 1) + log_normal_means(population, mean)
        assert got == pytest.approx(expected, abs=1e-8)


class TestEveryCorrelationPinned:
    @pytest.mark.parametrize("rows", [2, 3, 4])
    @given(n=patients, seed=seeds)
    @settings(max_examples=30)
    def test_is_wishart_times_normal(self, rows: int, n: int, seed: int) -> None:
        population = Population.example(rows, n, seed)
        mean, sd, R = table_of(population, seed)
        z = partial_z(R)
        got = population.log_density(mean, sd, None, np.ones(len(z), dtype=bool), z)
        expected = log_normal_means(population, mean) + log_wishart(population, sd, R)
        assert got == pytest.approx(expected + log_partial_jacobian(z, rows), rel=1e-10, abs=1e-10)

    @given(n=patients, seed=seeds)
    @settings(max_examples=30)
    def test_likelihood_ratio_is_that_of_the_patients(self, n: int, seed: int) -> None:
        one, two = Population.example(4, n, seed), Population.example(4, n, seed + 1)
        mean, sd, R = table_of(one, seed)
        z = partial_z(R)
        every = np.ones(len(z), dtype=bool)
        root = sqrt(n - 1) * sd[:, None] * np.linalg.cholesky(R)
        from_table = [p.log_density(mean, sd, None, every, z) for p in (one, two)]
        patient = [
            patient_logp(mean, root, p.mu, np.log(p.sigma), p.z, float(n)) for p in (one, two)
        ]
        ratio = patient[0] - patient[1]
        assert from_table[0] - from_table[1] == pytest.approx(ratio, rel=1e-9, abs=1e-9)


class TestInvariance:
    @given(seed=seeds, a=st.floats(0.01, 100), b=st.floats(-100, 100))
    @settings(max_examples=40)
    def test_units(self, seed: int, a: float, b: float) -> None:
        population = Population.example(4, 18, seed)
        mean, sd, _ = table_of(population, seed)
        epsilon = np.random.default_rng(seed).standard_normal(6)
        other = population.but(mu=a * population.mu + b, sigma=a * population.sigma)
        got = other.log_density(a * mean + b, a * sd, epsilon)
        expected = population.log_density(mean, sd, epsilon) - 8 * log(a)
        assert got == pytest.approx(expected, rel=1e-8, abs=1e-8)

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
    def test_order_of_the_visits(self, order: tuple[int, ...]) -> None:
        population = Population.example(3, 12)
        mean, sd, R = table_of(population, 10)
        index = list(order)
        relabelled = population.but(
            mu=population.mu[index],
            sigma=population.sigma[index],
            R=population.R[np.ix_(order, order)],
        )
        free = integrated(relabelled, mean[index], sd[index], points=101)
        assert free == pytest.approx(integrated(population, mean, sd, points=101), rel=1e-8)
        every = np.ones(3, dtype=bool)
        z, other_z = partial_z(R), partial_z(R[np.ix_(order, order)])
        known = relabelled.log_density(mean[index], sd[index], None, every, other_z)
        assert known - log_partial_jacobian(other_z, 3) == pytest.approx(
            population.log_density(mean, sd, None, every, z) - log_partial_jacobian(z, 3), rel=1e-10
        )


class TestRounding:
    @pytest.mark.parametrize(("step_mean", "step_sd"), [(0.1, 0.1), (1.0, 0.5)])
    def test_uniform_error_gives_the_probability_of_what_is_printed(
        self, step_mean: float, step_sd: float
    ) -> None:
        n, mu, sigma, mean, sd = 18, 16.8, 3.0, 16.0, 2.5
        population = Population(np.array([mu]), np.array([sigma]), np.eye(1), np.array([float(n)]))
        node, weight = np.polynomial.legendre.leggauss(20)
        u, v = np.meshgrid(node / 2, node / 2, indexing="ij")
        density = np.exp(
            population.log_density((mean + step_mean * u)[..., None], (sd + step_sd * v)[..., None])
        )
        got = step_mean * step_sd * (weight / 2) @ density @ (weight / 2)
        half = np.array([-0.5, 0.5])
        in_mean = np.diff(stats.norm.cdf(mean + half * step_mean, mu, sigma / sqrt(n)))
        in_sd = np.diff(stats.chi.cdf(sd + half * step_sd, n - 1, scale=sigma / sqrt(n - 1)))
        assert got == pytest.approx(float((in_mean * in_sd)[0]), rel=1e-10)


class TestPatients:
    @pytest.mark.parametrize("rows", [1, 2, 4])
    @given(n=st.integers(1, 30), seed=seeds)
    @settings(max_examples=30)
    def test_is_the_sum_over_patients(self, rows: int, n: int, seed: int) -> None:
        population = Population.example(rows, n, seed)
        y = np.random.default_rng(seed).normal(20, 3, (n, rows))
        upper = np.linalg.qr(y - y.mean(axis=0), mode="r")
        root = np.zeros((rows, rows))
        root[:, : len(upper)] = upper.T
        got = patient_logp(
            y.mean(axis=0), root, population.mu, np.log(population.sigma), population.z, float(n)
        )
        normal = stats.multivariate_normal(population.mu, population.covariance)
        assert got == pytest.approx(np.sum(normal.logpdf(y)), rel=1e-9)

    @pytest.mark.parametrize("seen", list(itertools.product([True, False], repeat=3))[:-1])
    def test_unseen_visits_drop_out(self, seen: tuple[bool, ...]) -> None:
        population, n, there = Population.example(3, 9), 7, np.array(seen)
        y = np.random.default_rng(1).normal(20, 3, (n, 3)) * there
        root = np.zeros((3, 3))
        own = (y - y.mean(axis=0))[:, there]
        root[np.ix_(there, there)] = np.linalg.qr(own, mode="r").T
        got = patient_logp(
            y.mean(axis=0), root, population.mu, np.log(population.sigma), population.z, float(n),
            seen=there,
        )  # fmt: skip
        normal = stats.multivariate_normal(
            population.mu[there], population.covariance[np.ix_(there, there)]
        )
        assert got == pytest.approx(np.sum(normal.logpdf(y[:, there])), rel=1e-9)

    def test_covariates_shift_the_means_of_the_patients(self) -> None:
        population, n = Population.example(3, 9), 8
        rng = np.random.default_rng(2)
        y = rng.normal(20, 3, (n, 3))
        covariates, effect = rng.normal(size=(n, 2)), np.array([1.5, -0.7])
        directions, scale = np.linalg.qr(covariates - covariates.mean(axis=0))
        rest = y - y.mean(axis=0) - directions @ directions.T @ y
        got = patient_logp(
            y.mean(axis=0), np.linalg.qr(rest, mode="r").T, population.mu,
            np.log(population.sigma), population.z, float(n),
            projection=y.T @ directions, expected=scale @ effect,
        )  # fmt: skip
        shift = (covariates - covariates.mean(axis=0)) @ effect
        normal = stats.multivariate_normal(np.zeros(3), population.covariance)
        expected = np.sum(normal.logpdf(y - population.mu - shift[:, None]))
        assert got == pytest.approx(expected, rel=1e-9)


class TestArrayModules:
    @pytest.mark.parametrize("balanced", [True, False])
    def test_numpy_and_pytensor_agree(self, balanced: bool) -> None:
        import pytensor
        import pytensor.tensor as pt

        rng = np.random.default_rng(11)
        n = np.full((5, 4), 18.0) if balanced else rng.integers(8, 20, (5, 4)).astype(float)
        pinned = np.array([True, False, True, False, False, False])
        values = [
            rng.normal(20, 1, (5, 4)),
            rng.uniform(1, 3, (5, 4)),
            rng.normal(20, 1, (5, 4)),
            rng.normal(0.5, 0.3, (5, 4)),
            rng.normal(0.6, 0.3, (5, 6)),
            rng.standard_normal((5, 4)),
        ]
        rest = (n, log_constant(n - 1), fisher_scale(n - 1), pinned, rng.normal(0.6, 0.3, (5, 6)))
        symbols = [pt.matrix() for _ in values]
        graph = table_logp(*symbols, *rest, balanced=balanced, xp=pt)
        root = np.tril(rng.normal(3, 1, (5, 4, 4)))
        moments = [pt.tensor3(shape=(1, 5, 4)), *symbols[2:5]]
        patient_graph = patient_logp(moments[0], root, *moments[1:], n[:, 0], xp=pt)
        function = pytensor.function(
            [*symbols, moments[0]], [graph, patient_graph], mode="FAST_COMPILE"
        )
        table, patient = function(*values, values[0][None])
        np.testing.assert_allclose(
            table, table_logp(*values, *rest, balanced=balanced), rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(
            patient[0], patient_logp(values[0], root, *values[2:5], n[:, 0]), rtol=1e-12
        )

    def test_latent_correlations_round_trip(self) -> None:
        R = correlation_of(np.random.default_rng(12).normal(0.5, 0.4, (20, 6)), 4)
        np.testing.assert_allclose(correlation_of(partial_z(R), 4), R, atol=1e-13)
