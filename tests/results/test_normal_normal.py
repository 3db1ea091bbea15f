"""The quadrature of a random-effects meta-analysis: closed forms, limits and equivariance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bayesasthma.errors import UsageError
from bayesasthma.priors.heterogeneity import heterogeneity_prior
from bayesasthma.results.normal_normal import normal_normal

Y, S = np.array([0.9, 0.2, 0.45, 0.7]), np.array([0.2, 0.15, 0.3, 0.25])
PRIORS = ["half-normal(0.5)", "half-cauchy(0.5)", "log-normal(-1.28, 0.87)", "uniform(2)", "rhodes"]


def test_without_heterogeneity_it_is_the_common_effect() -> None:
    posterior = normal_normal(Y, S, heterogeneity_prior("uniform(1e-9)"))
    w = S**-2.0
    centre, se = w @ Y / w.sum(), w.sum() ** -0.5
    assert posterior.mean.mean == pytest.approx(centre, rel=1e-12)
    assert posterior.mean.sd == pytest.approx(se, rel=1e-9)
    for study in posterior.studies:
        assert (study.mean, study.sd) == pytest.approx((centre, se), rel=1e-9)
    expected = stats.norm(centre, se).ppf([0.025, 0.5, 0.9])
    np.testing.assert_allclose(posterior.mean.quantile([0.025, 0.5, 0.9]), expected, rtol=1e-9)
    assert posterior.mean.probability_above(0.4) == pytest.approx(
        stats.norm(centre, se).sf(0.4), rel=1e-9
    )


def test_with_great_heterogeneity_each_study_stands_alone() -> None:
    posterior = normal_normal(Y, S, heterogeneity_prior("log-normal(12, 0.01)"))
    for study, y, s in zip(posterior.studies, Y, S, strict=True):
        assert (study.mean, study.sd) == pytest.approx((y, s), rel=1e-6)


@pytest.mark.parametrize("prior", PRIORS)
def test_densities_integrate_to_their_distribution(prior: str) -> None:
    posterior = normal_normal(Y, S, heterogeneity_prior(prior), (0.0, 2.0))
    for of in (posterior.mean, posterior.heterogeneity, posterior.predictive):
        low, middle, high = of.quantile([0.05, 0.5, 0.95])
        np.testing.assert_allclose(of.cdf([low, middle, high]), [0.05, 0.5, 0.95], atol=1e-10)
        mass, _ = integrate.quad(lambda x, of=of: float(of.density(x)), low, high, limit=200)
        assert mass == pytest.approx(0.9, abs=1e-7)


@pytest.mark.parametrize("prior", PRIORS)
def test_one_study_leaves_the_prior_of_tau_as_it_is(prior: str) -> None:
    own = heterogeneity_prior(prior)
    posterior = normal_normal([0.3], [0.2], own)  # a flat mean takes up what one study says
    p = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(posterior.heterogeneity.quantile(p), own.quantile(p), rtol=1e-6)
    assert posterior.studies[0].mean == pytest.approx(0.3)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 2)), min_size=1, max_size=7),
    st.sampled_from(PRIORS[:3]),
    st.floats(0.01, 100),
    st.floats(-10, 10),
    st.sampled_from([-1, 1]),
)
def test_a_change_of_unit_origin_and_sign_acts_on_the_posterior(
    studies: list[tuple[float, float]], prior: str, factor: float, shift: float, sign: int
) -> None:
    y, s = np.array(studies).T
    own = heterogeneity_prior(prior)
    first = normal_normal(y, s, own)
    second = normal_normal(sign * factor * y + shift, factor * s, own.rescaled(factor))
    for a, b in ((first.mean, second.mean), (first.predictive, second.predictive)):
        low, middle, high = a.quantile([0.025, 0.5, 0.975])
        expected = np.sort(sign * factor * np.array([low, middle, high]) + shift)
        scale = factor * (high - low)
        np.testing.assert_allclose(b.quantile([0.025, 0.5, 0.975]), expected, atol=1e-6 * scale)


def test_moments_that_do_not_exist_are_not_given() -> None:
    two = normal_normal(Y[:2], S[:2], heterogeneity_prior("half-cauchy(0.5)"))
    assert np.isfinite(two.mean.mean)
    assert np.isnan(two.mean.sd)
    assert np.isnan(two.heterogeneity.sd)
    one = normal_normal(Y[:1], S[:1], heterogeneity_prior("half-cauchy(0.5)"), (0.0, 1.0))
    assert np.isnan(one.predictive.sd)
    assert np.isfinite(one.mean.sd)


def test_many_studies_with_a_narrow_likelihood() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(1.0, np.hypot(0.3, 0.1), 900)
    posterior = normal_normal(y, np.full(900, 0.1), heterogeneity_prior("half-normal(0.5)"))
    expected = np.sqrt(y.var(ddof=1) - 0.01)
    assert posterior.heterogeneity.mean == pytest.approx(expected, rel=2e-3)
    assert posterior.heterogeneity.sd == pytest.approx(
        y.var(ddof=1) / expected / np.sqrt(2 * 899), rel=0.02
    )


def test_the_table_has_a_row_for_each_quantity() -> None:
    posterior = normal_normal(Y, S, heterogeneity_prior("half-normal(0.5)"))
    table = posterior.table(["a", "b", "c", "d"])
    assert list(table["quantity"]) == ["mean", "heterogeneity", "predictive", *["study"] * 4]
    assert list(table["study"][3:]) == ["a", "b", "c", "d"]
    assert (table["ci_low"] < table["median"]).all()
    assert (table["median"] < table["ci_high"]).all()
    own = table.set_index("quantity").loc["predictive"]
    assert own["ci_low"] < table.loc[0, "ci_low"]


@pytest.mark.parametrize(
    ("y", "s", "mean"),
    [([], [], None), ([1.0], [1.0, 2.0], None), ([1.0], [0.0], None), ([np.nan], [1.0], None),
     ([1.0], [1.0], (0.0, 0.0)), ([1.0], [1.0], (np.nan, 1.0))],
)  # fmt: skip
def test_what_cannot_be_analysed_is_refused(
    y: list[float], s: list[float], mean: tuple[float, float] | None
) -> None:
    with pytest.raises(UsageError, match="expected"):
        normal_normal(y, s, heterogeneity_prior("half-normal(0.5)"), mean)
