"""OQ: the likelihood of a printed table against closed forms."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from scipy import integrate, special, stats

from bayesasthma.likelihood.correlation import pairs
from bayesasthma.models.adverse_counts import concentration, counts, rates
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.validation.agreement import WHY_EXACT, close
from bayesasthma.validation.bench import Bench
from bayesasthma.validation.graph_densities import CASES, kernel_of, points
from bayesasthma.validation.items import Check, Finding
from bayesasthma.validation.population import (
    Population,
    integrated,
    log_normal_means,
    log_wishart,
    partial_z,
    table_of,
)

WHY_INTEGRAL = "The integral over the unseen correlation is numerical, to about ten digits."


def checks() -> list[Check]:
    """All of them."""
    return [
        Check(
            "OQ-10",
            "R13",
            "Every printed level of the bundled study under the model of single visits, at seeded "
            "parameters",
            "normal density of the mean times scaled χ density of the SD (scipy.stats)",
            "1e-10",
            WHY_EXACT,
            single_visits,
        ),
        Check(
            "OQ-11",
            "R13",
            "Tables of two to four visits whose sample correlations are all published",
            "normal density of the means times Wishart density of the covariances (scipy.stats)",
            "1e-9",
            WHY_EXACT,
            lambda _: pinned_correlations(),
        ),
        Check(
            "OQ-12",
            "R13",
            "Two visits, correlation unseen",
            "bivariate normal times Kibble's bivariate gamma density",
            "1e-8",
            WHY_INTEGRAL,
            lambda _: two_visits(),
        ),
        Check(
            "OQ-13",
            "R13",
            "Three visits that are independent in the population, correlations unseen",
            "the product of the visits' own densities",
            "1e-8",
            WHY_INTEGRAL,
            lambda _: independent_visits(),
        ),
        Check(
            "OQ-14",
            "R13",
            "A published correlation, integrated over all values that it can have",
            "the density without it",
            "1e-7",
            WHY_INTEGRAL,
            lambda _: pinned_integrates(),
        ),
        Check(
            "OQ-15",
            "R13",
            "Counts of reactions under the hierarchical model, at seeded parameters",
            "beta-binomial probabilities (scipy.stats)",
            "1e-9",
            WHY_EXACT,
            reaction_counts,
        ),
    ]


def single_visits(bench: Bench) -> Finding:
    """Densities of whole tables, by the compiled code and cell by cell."""
    model = kernel_of(CASES["independent"], bench.study)
    printed, n = model.values["printed_0"], model.values["n_0"][:, 0]
    reference, group = model.values["reference"], model.values["group"]
    cells = len(n)
    found, expected, labels = [], [], []
    for i, x in enumerate(points(model)):
        mu = x[:cells] + np.where(reference >= 0, x[:cells][reference], 0.0)
        sigma = np.exp(x[cells:][group])
        # under flat priors the density is the likelihood
        whole = stats.norm.logpdf(printed[:, 0], mu, sigma / np.sqrt(n))
        whole += stats.chi.logpdf(printed[:, 1], n - 1, scale=sigma / np.sqrt(n - 1))
        value, _, status = model.value_and_gradient(x)
        found.append(value if status == 0 else np.nan)
        expected.append(float(whole.sum()))
        labels.append(f"point {i + 1}, {cells} cells")
    return close(np.array(found), np.array(expected), labels, 1e-10)


def log_partial_jacobian(z: np.ndarray, rows: int) -> float:
    """Log |d C / d r|: correlations by partial ones, ``prod (1 - r_ij^2)^((rows - 2 - j) / 2)``.

    Lewandowski, Kurowicka and Joe 2009, J Multivar Anal 100:1989.
    """
    return sum(
        0.5 * (rows - 2 - j) * log(1 - np.tanh(z[k]) ** 2) for k, (_, j) in enumerate(pairs(rows))
    )


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


def pinned_correlations() -> Finding:
    """Six populations, their patients' tables with every correlation."""
    found, expected, labels = [], [], []
    for rows in (2, 3, 4):
        for seed, n in ((1, 18), (2, 41)):
            population = Population.example(rows, n, seed)
            mean, sd, R = table_of(population, seed)
            z = partial_z(R)
            got = population.log_density(mean, sd, None, np.ones(len(z), dtype=bool), z)
            exact = log_normal_means(population, mean) + log_wishart(population, sd, R)
            found.append(float(got))
            expected.append(exact + log_partial_jacobian(z, rows))
            labels.append(f"{rows} visits, n = {n}")
    return close(np.array(found), np.array(expected), labels, 1e-9)


def two_visits() -> Finding:
    """The unseen correlation integrated out, over correlations and numbers of patients."""
    found, expected, labels = [], [], []
    sigma = np.array([2.0, 5.0])
    epsilon = np.linspace(-80, 80, 6401)[:, None]
    for n, rho in ((6, 0.3), (18, 0.6), (19, -0.4), (60, 0.9)):
        population = Population(
            np.array([10.0, -3.0]),
            sigma,
            np.array([[1, rho], [rho, 1]]),
            np.array([float(n), float(n)]),
        )
        mean = population.mu + np.array([0.7, -1.1]) * sigma / sqrt(n)
        sd = np.array([0.8, 1.3]) * sigma
        values = population.log_density(mean, sd, epsilon) + stats.norm.logpdf(epsilon[:, 0])
        found.append(float(special.logsumexp(values) + log(epsilon[1, 0] - epsilon[0, 0])))
        expected.append(log_kibble(sd, sigma, rho, n - 1) + log_normal_means(population, mean))
        labels.append(f"n = {n}, rho = {rho}")
    return close(np.array(found), np.array(expected), labels, 1e-8)


def independent_visits() -> Finding:
    """Without correlation the visits' means and SDs are independent."""
    n, rows = 18.0, 3
    population = Population(
        np.array([20.0, 21.0, 23.0]), np.array([3.0, 2.5, 4.0]), np.eye(rows), np.full(rows, n)
    )
    mean, sd = np.array([20.5, 20.4, 23.9]), np.array([2.6, 2.9, 3.7])
    exact = np.asarray(stats.norm.logpdf(mean, population.mu, population.sigma / sqrt(n)))
    exact += stats.chi.logpdf(sd, n - 1, scale=population.sigma / sqrt(n - 1))
    found = log(integrated(population, mean, sd, points=81))
    return close(np.array([found]), np.array([exact.sum()]), ["three visits"], 1e-8)


def pinned_integrates() -> Finding:
    """Two visits: all published correlations together weigh as much as none."""
    population = Population.example(2, 15)
    mean, sd, _ = table_of(population, 7)

    def density(r: float) -> float:
        z = np.array([np.arctanh(r)])
        return exp(population.log_density(mean, sd, None, np.array([True]), z))

    total, _ = integrate.quad(density, -1, 1, epsabs=0, epsrel=1e-10)
    found = log(integrated(population, mean, sd, points=801))
    return close(np.array([found]), np.array([log(total)]), ["two visits"], 1e-7)


def reaction_counts(bench: Bench) -> Finding:
    """The density with the counts less that of none at risk."""
    model, prior = kernel_of(CASES["adverse"], bench.study), prior_set("weak")
    data = counts(bench.study, "per_visit")
    none = model.with_data(events=0 * data.events, at_risk=0 * data.at_risk)
    found, expected, labels = [], [], []
    for i, x in enumerate(points(model)):
        parameters = model.expand(x)
        arm_rate = rates(parameters, prior, data.arm_share)[data.reaction, data.arm]
        total = concentration(parameters)
        rate = arm_rate * total
        exact = np.asarray(stats.betabinom.logpmf(data.events, data.at_risk, rate, total - rate))
        found.append(model.value_and_gradient(x)[0] - none.value_and_gradient(x)[0])
        expected.append(float(exact.sum()))
        labels.append(f"point {i + 1}, {len(data.events)} counts")
    return close(np.array(found), np.array(expected), labels, 1e-9)
