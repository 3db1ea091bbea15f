"""Beta mixtures against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from bayesasthma.results.beta_mixtures import BetaMixture, fit_beta_mixture, probability_less

positive = st.floats(0.3, 60)
mixtures = st.builds(
    lambda w, a, b: BetaMixture((w, 1 - w), a, b),
    st.floats(0.05, 0.95),
    st.tuples(positive, positive),
    st.tuples(positive, positive),
)


steep_at_zero = BetaMixture((0.25, 0.75), (1.0, 0.3125), (1.0, 8.0))
steep_at_one = BetaMixture((0.25, 0.75), (1.0, 8.0), (1.0, 0.3125))


@given(mixture=mixtures, probability=st.floats(0.001, 0.999))
@example(mixture=steep_at_zero, probability=0.001953125)
@example(mixture=steep_at_one, probability=1 - 0.001953125)
@settings(max_examples=300, deadline=None)
def test_quantile_inverts_the_distribution_function(
    mixture: BetaMixture, probability: float
) -> None:
    """To the last bits of the rate: beside one, a steep density lets no float come closer."""
    quantile = mixture.quantile(probability)
    slack = 8 * np.finfo(float).eps * quantile
    assert mixture.cdf(max(0.0, quantile - slack)) <= probability + 1e-11
    assert mixture.cdf(min(1.0, quantile + slack)) >= probability - 1e-11


@given(mixture=mixtures)
@settings(max_examples=30, deadline=None)
def test_moments_are_those_of_the_components(mixture: BetaMixture) -> None:
    parts = [stats.beta(a, b) for a, b in zip(mixture.a, mixture.b, strict=True)]
    first, second = (
        sum(w * part.moment(k) for w, part in zip(mixture.weights, parts, strict=True))
        for k in (1, 2)
    )
    assert mixture.mean == pytest.approx(first, rel=1e-10)
    assert mixture.sd == pytest.approx(np.sqrt(second - first**2), rel=1e-6)


@given(mixture=mixtures, n=st.integers(0, 40), share=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_posterior_is_prior_times_likelihood(mixture: BetaMixture, n: int, share: float) -> None:
    events = round(n * share)
    posterior = mixture.posterior(events, n)
    rates = np.array([0.1, 0.4, 0.8])
    ratio = posterior.pdf(rates) / (
        mixture.pdf(rates) * rates**events * (1 - rates) ** (n - events)
    )
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-8)
    assert sum(posterior.weights) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("shapes", [(1.1e7, 9e9), (1.1e7, 1.1e7), (2e7, 1e8), (1e8, 3e10)])
@pytest.mark.parametrize("z", [-2.0, 0.3, 1.0])
def test_rates_of_very_many(shapes: tuple[float, float], z: float) -> None:
    """With the mean of one moved by so many standard errors: the quadrature says the same."""
    first = stats.beta(*shapes)
    a = shapes[0] + z * np.sqrt(2 * shapes[0])
    second = stats.beta(a, shapes[1])
    grid = np.polynomial.legendre.leggauss(200)
    u = (grid[0] + 1) / 2
    exact = float(grid[1] @ first.cdf(second.ppf(u))) / 2
    assert probability_less(first, second) == pytest.approx(exact, abs=1e-6)
    assert probability_less(second, first) == pytest.approx(1 - exact, abs=1e-6)


def test_rates_next_to_zero_and_one_of_very_many() -> None:
    none, every = stats.beta(0.5, 1e12), stats.beta(1e12, 0.5)
    assert probability_less(none, none) == pytest.approx(0.5, abs=1e-9)
    assert probability_less(every, every) == pytest.approx(0.5, abs=1e-9)
    assert probability_less(none, every) == pytest.approx(1)
    assert probability_less(every, none) == pytest.approx(0, abs=1e-12)
    half = stats.beta(5e11, 5e11)
    assert probability_less(half, stats.beta(1, 1)) == pytest.approx(0.5, abs=1e-6)
    assert probability_less(stats.beta(1, 1), half) == pytest.approx(0.5, abs=1e-6)


def test_probability_less_is_exact() -> None:
    # P(X < Y) for integer a of Y: Cook 2005, UT MD Anderson report 005-05
    a, b = 4, 2
    exact = sum(
        np.exp(special.betaln(3 + i, 5 + b) - special.betaln(1 + i, b) - special.betaln(3, 5))
        / (b + i)
        for i in range(a)
    )
    assert probability_less(stats.beta(3, 5), stats.beta(a, b)) == pytest.approx(exact, abs=1e-10)
    mixture = BetaMixture((0.3, 0.7), (3, 9), (5, 40))
    other = BetaMixture((0.6, 0.4), (4, 1), (2, 1))
    density = integrate.quad(
        lambda x: float(mixture.cdf(x) * other.pdf(x)), 0, 1, points=[0.2], epsabs=1e-12
    )[0]
    assert probability_less(mixture, other) == pytest.approx(density, abs=1e-9)
    assert probability_less(other, mixture) == pytest.approx(1 - density, abs=1e-9)


def test_fitting_recovers_a_mixture() -> None:
    truth = BetaMixture((0.35, 0.65), (30, 4), (10, 12))
    rates = np.array([truth.quantile(p) for p in (np.arange(2000) + 0.5) / 2000])
    found = fit_beta_mixture(rates, 2)
    assert np.abs(found.cdf(rates) - truth.cdf(rates)).max() < 2e-3
    single = fit_beta_mixture(stats.beta.ppf((np.arange(2000) + 0.5) / 2000, 2.5, 14.0), 1)
    assert single.a[0] == pytest.approx(2.5, rel=0.01)
    assert single.b[0] == pytest.approx(14.0, rel=0.01)


def test_robust_adds_one_patients_worth() -> None:
    robust = BetaMixture((1.0,), (30.0,), (90.0,)).robust(0.25, mean=0.4)
    assert robust.weights == (0.75, 0.25)
    assert (robust.a[1], robust.b[1]) == pytest.approx((0.8, 1.2))
    # after data far from the old studies the vague component takes over
    assert robust.posterior(20, 22).weights[1] > 0.99


@pytest.mark.parametrize(
    ("weights", "a", "b"),
    [((0.5, 0.6), (1, 1), (1, 1)), ((1.0,), (0.0,), (1.0,)), ((1.0,), (1.0, 2.0), (1.0,))],
)
def test_impossible_mixtures_are_refused(
    weights: tuple[float, ...], a: tuple[float, ...], b: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        BetaMixture(weights, a, b)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="events lie between"):
        BetaMixture((1.0,), (1.0,), (1.0,)).posterior(3, 2)
