"""The likelihood of a printed table against closed forms and the patients behind the table."""

from __future__ import annotations

import itertools
from math import exp, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from bayesasthma.correlation import pairs
from bayesasthma.likelihood import fisher_scale, log_constant, patient_logp, table_logp
from tests.population import Estimate, Population, correlation_of, partial_z

seeds = st.integers(0, 2**32 - 1)
patients = st.integers(8, 60)


def table_of(population: Population, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, SDs and correlations of simulated patients, seen at every visit."""
    rng = np.random.default_rng(seed)
    y = rng.multivariate_normal(population.mu, population.covariance, int(population.n[0]))
    R = np.corrcoef(y, rowvar=False).reshape(population.rows, population.rows)
    return y.mean(axis=0), y.std(axis=0, ddof=1), R


def log_normal_means(population: Population, mean: np.ndarray) -> float:
    """Density of the means of patients who are all seen at every visit."""
    return float(
        stats.multivariate_normal.logpdf(
            mean, population.mu, population.covariance / population.n[0]
        )
    )


def log_partial_jacobian(z: np.ndarray, rows: int) -> float:
    """log |d C / d r|: correlations by partial ones, ``prod (1 - r_ij^2)^((rows - 2 - j) / 2)``.

    Lewandowski, Kurowicka and Joe 2009, J Multivar Anal 100:1989, equation 11 read backwards.
    """
    return sum(
        0.5 * (rows - 2 - j) * log(1 - np.tanh(z[k]) ** 2) for k, (_, j) in enumerate(pairs(rows))
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
    epsilon = np.random.default_rng(3).standard_t(6, (draws, count))
    log_values = population.log_density(mean, sd, epsilon, pinned, pinned_z)
    ratio = stats.norm.logpdf(epsilon) - stats.t.logpdf(epsilon, 6)
    return Estimate.of(np.exp(log_values + ratio.sum(axis=-1)))


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
    u = directions(np.random.default_rng(4), draws, last, df, known)
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
        population = Population(
            np.array([mu]), np.array([sigma]), np.eye(1), np.array([float(n)])
        )
        expected = stats.norm.logpdf(mean, mu, sigma / sqrt(n)) + stats.chi.logpdf(
            sd, n - 1, scale=sigma / sqrt(n - 1)
        )
        got = population.log_density(np.array([mean]), np.array([sd]))
        assert got == pytest.approx(expected, rel=1e-10, abs=1e-10)


def log_kibble(sd: np.ndarray, sigma: np.ndarray, rho: float, df: float) -> float:
    """Joint density of the SDs of two correlated normal samples.

    ``df s^2 / (2 sigma^2)`` follow the bivariate gamma of Kibble 1941, Sankhya 5:137 (of several
    variables: Krishnamoorthy and Parthasarathy 1951, Ann Math Stat 22:549), with shape ``df / 2``
    and correlation ``rho^2``; its series in Laguerre polynomials sums to a Bessel function.
    """
    shape = df / 2
    x, y = shape * (sd / sigma) ** 2
    argument = 2 * abs(rho) * sqrt(x * y) / (1 - rho**2)
    log_bessel = log(special.ive(shape - 1, argument)) + argument
    log_gamma_pair = (
        0.5 * (shape - 1) * log(x * y / rho**2)
        - special.gammaln(shape)
        - log(1 - rho**2)
        - (x + y) / (1 - rho**2)
        + log_bessel
    )
    return float(log_gamma_pair + np.sum(np.log(2 * shape * sd / sigma**2)))


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
        assert got == pytest.approx(
            expected + log_partial_jacobian(z, rows), rel=1e-10, abs=1e-10
        )

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


class TestFreeCorrelations:
    @pytest.mark.parametrize("rows", [3, 4])
    def test_density_integrates_to_one(self, rows: int) -> None:
        assert total_mass(Population.example(rows, 12)).agrees_with(1.0, precision=0.01)

    @pytest.mark.parametrize("seed", [5, 6])
    def test_three_rows_equal_the_marginal_of_the_patients(self, seed: int) -> None:
        population = Population.example(3, 9, seed)
        mean, sd, _ = table_of(population, seed)
        exact = integrated(population, mean, sd)
        assert from_patients(population, mean, sd).agrees_with(exact, precision=0.03)

    @pytest.mark.parametrize("seed", [5, 6])
    def test_four_rows_equal_the_marginal_of_the_patients(self, seed: int) -> None:
        population = Population.example(4, 8, seed)
        mean, sd, _ = table_of(population, seed)
        estimate = sampled(population, mean, sd)
        assert from_patients(population, mean, sd).agrees_with(estimate, precision=0.03)

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


def total_mass(population: Population, draws: int = 100_000) -> Estimate:
    """Integral of the density over means, SDs and epsilon, by importance sampling."""
    rng, rows, n = np.random.default_rng(2), population.rows, population.n
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

    @pytest.mark.parametrize("seed", [5, 6])
    def test_four_rows_with_the_first_column_equal_the_marginal_of_the_patients(
        self, seed: int
    ) -> None:
        population = Population.example(4, 10, seed)
        mean, sd, R = table_of(population, seed)
        pinned = np.array([j == 0 for _, j in pairs(4)])
        estimate = sampled(population, mean, sd, pinned, partial_z(R))
        patient = from_patients(population, mean, sd, first=R[1:, 0])
        assert patient.agrees_with(estimate, precision=0.03)

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
        got = change.log_density(
            to_change @ mean, change_sd, None, every, np.arctanh([change_r])
        )
        expected = levels.log_density(mean, sd, None, every, np.arctanh([R[1, 0]]))
        # both are densities of (s_0, s_1, s_change), by way of one correlation or the other
        got += log(sd[1] / np.prod(change_sd))
        expected += log(change_sd[1] / np.prod(sd))
        assert got == pytest.approx(expected, rel=1e-10)


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
            mu=population.mu[index], sigma=population.sigma[index], R=population.R[np.ix_(order, order)]
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
        population = Population(
            np.array([mu]), np.array([sigma]), np.eye(1), np.array([float(n)])
        )
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
        moments = [pt.matrix(shape=(5, 4)), *symbols[2:5]]
        patient_graph = patient_logp(moments[0], root, *moments[1:], n[:, 0], xp=pt)
        function = pytensor.function(
            [*symbols, moments[0]], [graph, patient_graph], mode="FAST_COMPILE"
        )
        table, patient = function(*values, values[0])
        np.testing.assert_allclose(
            table, table_logp(*values, *rest, balanced=balanced), rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(
            patient, patient_logp(values[0], root, *values[2:5], n[:, 0]), rtol=1e-12
        )

    def test_latent_correlations_round_trip(self) -> None:
        R = correlation_of(np.random.default_rng(12).normal(0.5, 0.4, (20, 6)), 4)
        np.testing.assert_allclose(correlation_of(partial_z(R), 4), R, atol=1e-13)
