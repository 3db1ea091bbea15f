"""Heterogeneity priors: densities, quantiles, the registry and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats

from bayesasthma.errors import UsageError
from bayesasthma.priors.heterogeneity import (
    FAMILIES,
    LOG_ODDS_RATIO,
    SMD,
    heterogeneity_prior,
    heterogeneity_registry,
)

FORMULAS = [
    "half-normal(0.5)",
    "half-cauchy(0.5)",
    "half-t(4, 0.3)",
    "log-normal(-1.28, 0.87)",
    "log-t(5, -1.72, 1.295)",
    "uniform(2)",
]
SCIPY = {
    "half-normal(0.5)": stats.halfnorm(scale=0.5),
    "half-cauchy(0.5)": stats.halfcauchy(scale=0.5),
    "log-normal(-1.28, 0.87)": stats.lognorm(0.87, scale=np.exp(-1.28)),
    "uniform(2)": stats.uniform(0, 2),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_density_distribution_and_quantile_are_of_one_distribution(text: str) -> None:
    prior = heterogeneity_prior(text)
    p = np.array([0.025, 0.3, 0.5, 0.9, 0.975])
    quantiles = prior.quantile(p)
    np.testing.assert_allclose(prior.cdf(quantiles), p, rtol=1e-12)
    for low, high, mass in zip(quantiles, quantiles[1:], np.diff(p), strict=False):
        found, _ = integrate.quad(lambda tau: float(np.exp(prior.log_density(tau))), low, high)
        assert found == pytest.approx(mass, abs=1e-9)
    assert prior.log_density(-0.1) == -np.inf
    assert prior.cdf(-0.1) == 0


@pytest.mark.parametrize("text", SCIPY)
def test_families_are_those_of_scipy(text: str) -> None:
    prior, other = heterogeneity_prior(text), SCIPY[text]
    tau = np.array([0.0, 0.01, 0.2, 0.7, 1.9, 3.0])
    np.testing.assert_allclose(prior.log_density(tau), other.logpdf(tau), rtol=1e-12)
    np.testing.assert_allclose(prior.cdf(tau), other.cdf(tau), rtol=1e-12)


@pytest.mark.parametrize("text", FORMULAS)
@given(factor=st.floats(0.01, 100))
def test_a_change_of_unit_moves_the_quantiles_with_it(text: str, factor: float) -> None:
    prior = heterogeneity_prior(text)
    p = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(
        prior.rescaled(factor).quantile(p), factor * prior.quantile(p), rtol=1e-9
    )


def test_draws_have_the_distribution() -> None:
    prior = heterogeneity_prior("log-t(5, -1.72, 1.295)")
    draws = prior.rvs((2000,), np.random.default_rng(1))
    assert stats.kstest(draws, prior.cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("text", "expected"),
    # 97.5 % quantiles of a true effect about its mean, printed in Roever 2020, section 3.4
    [
        ("half-normal(0.5)", 1.092287),
        ("half-normal(1.0)", 2.184573),
        ("half-cauchy(0.5)", 5.050571),
    ],
)
def test_prior_predictive_quantiles_are_those_printed_for_bayesmeta(
    text: str, expected: float
) -> None:
    prior = heterogeneity_prior(text)
    # the mean over tau of Phi(x / tau), by quantiles of tau at Gauss-Legendre points
    nodes, weights = special.roots_legendre(2000)
    tau = prior.quantile((nodes + 1) / 2)

    def above(x: float) -> float:
        return float(weights @ stats.norm.cdf(x / tau)) / 2 - 0.975

    # printed values come from a grid of bayesmeta with a tolerance of its own
    assert optimize.brentq(above, 0.1, 50) == pytest.approx(expected, rel=2e-3)


def test_every_registered_prior_has_a_source_a_scale_and_a_check() -> None:
    registry = heterogeneity_registry()
    names = [prior.name for prior in registry]
    assert len(set(names)) == len(names)
    for prior in registry:
        assert prior.source
        assert prior.setting
        assert prior.scale in (LOG_ODDS_RATIO, SMD)
        assert prior.verified == bool(prior.checked)
        assert 0.01 < prior.quantile(0.5) < 2


def test_published_parameters_are_halved_for_tau() -> None:
    # general settings: log tau^2 ~ N(-2.56, 1.74^2) and t5(-3.44, 2.59^2)
    assert heterogeneity_prior("turner").parameters == (-1.28, 0.87)
    assert heterogeneity_prior("turner").scale == LOG_ODDS_RATIO
    assert heterogeneity_prior("rhodes").parameters == (5, -1.72, 1.295)
    assert heterogeneity_prior("rhodes").scale == SMD
    square = heterogeneity_prior("turner-adverse-events-drug-control").quantile([0.5, 0.975]) ** 2
    other = stats.lognorm(1.52, scale=np.exp(-1.87)).ppf([0.5, 0.975])
    np.testing.assert_allclose(square, other, rtol=1e-9)


def test_an_unverified_prior_is_refused_unless_asked_for() -> None:
    with pytest.raises(UsageError, match=r"half-normal\(0\.5\)"):
        heterogeneity_prior("roever-smd-0.5")
    assert not heterogeneity_prior("roever-smd-0.5", allow_unverified=True).verified


@pytest.mark.parametrize(
    "text",
    ["", "weak", "half-normal", "half-normal()", "half-normal(0)", "half-normal(-1)",
     "half-normal(0.5, 1)", "half-normal(nan)", "half-normal(inf)", "gamma(1)",
     "log-normal(0)", "log-normal(0, x)", "half-normal(0.5))"],
)  # fmt: skip
def test_what_is_no_prior_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        heterogeneity_prior(text)


@given(
    st.sampled_from([*FAMILIES, "gamma"]),
    st.lists(st.floats() | st.text(alphabet="0123456789.e-_+x ", max_size=5), max_size=3),
)
def test_any_formula_gives_a_prior_with_quantiles_or_a_usage_error(
    family: str, numbers: list[float | str]
) -> None:
    try:
        prior = heterogeneity_prior(f"{family}({', '.join(map(str, numbers))})")
    except UsageError:
        return
    assert prior.family == family
    assert len(prior.parameters) == len(numbers)


def test_the_table_of_the_documentation_is_the_registry() -> None:
    text = (Path(__file__).parents[2] / "docs" / "heterogeneity.md").read_text(encoding="utf-8")
    rows = [row.split(" | ") for row in text.splitlines() if row.startswith("| `")]
    short = {LOG_ODDS_RATIO: "log OR", SMD: "SMD"}
    assert f"These are {len(rows)} of {len(heterogeneity_registry())};" in text
    for name, scale, formula, middle, high in rows:
        prior = heterogeneity_prior(name.strip("| `"))
        numbers = [f"{float(prior.quantile(p)):.2f}" for p in (0.5, 0.95)]
        assert [scale, formula, middle, high.strip("| ")] == [
            short[prior.scale], prior.describe(), *numbers,
        ]  # fmt: skip
