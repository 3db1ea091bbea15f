"""Reverse Bayes against published examples and the closed forms of the normal case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, special, stats
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.comparison.importance import ESS_MIN, K_MAX
from bayesasthma.comparison.reverse_bayes import (
    REFITTED,
    REWEIGHTED,
    EffectDraws,
    Key,
    critical_scale,
    intrinsic_p,
    log_prior,
    normal_sceptical_sd,
    reweight,
    sceptical_limit,
)
from bayesasthma.comparison.sceptical_search import (
    NOT_REACHED,
    REACHED,
    ROUNDS,
    UNRESOLVED,
    sceptical_scales,
)
from bayesasthma.comparison.sceptics_outlook import outlook
from bayesasthma.models.arm_contrasts import given_others

VISITS = ("week12", "week24", "week48")
SHARE = 0.6


@pytest.mark.parametrize(
    ("interval", "limit"),
    [
        # GREAT trial, odds ratio 0.24 to 0.97; Spiegelhalter, Abrams & Myles 2004, 3.11
        ((0.24, 0.97), 0.10),
        # sumatriptan, odds ratio 6.0 to 21.5: critical prior interval 0.84 to 1.19; Matthews 2001
        ((6.0, 21.5), 0.84),
        ((1 / 21.5, 1 / 6.0), 0.84),
    ],
)
def test_published_sceptical_limits(interval: tuple[float, float], limit: float) -> None:
    low, high = np.log(interval)
    found = float(sceptical_limit(low, high))
    assert round(float(np.exp(-found)), 2) == limit
    if limit == 0.84:
        assert round(float(np.exp(found)), 2) == 1.19


def test_published_thresholds_of_intrinsic_credibility() -> None:
    """Held 2019; more digits from the R package ReplicationSuccess, thresholdIntrinsic."""
    p_ic = [0.000005, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0]
    p = [1.07801853562574e-10, 7.19495236320815e-05, 0.000269716956631484, 0.00557459668078442,
         0.020009253716118, 0.340148158600666, 1.0]  # fmt: skip
    np.testing.assert_allclose(intrinsic_p(p), p_ic, rtol=1e-9)
    assert float(intrinsic_p(0.0)) == 0
    assert np.isnan(intrinsic_p(np.nan))


@given(st.floats(0.01, 100), st.floats(1.01, 20), st.sampled_from([-1, 1]))
def test_a_prior_as_wide_as_the_limit_makes_the_interval_touch_zero(
    se: float, ratio: float, sign: int
) -> None:
    z = special.ndtri(0.975)
    estimate = sign * ratio * z * se
    limit = float(sceptical_limit(estimate - z * se, estimate + z * se))
    prior, data = (z / limit) ** 2, 1 / se**2
    mean, sd = estimate * data / (prior + data), (prior + data) ** -0.5
    assert abs(mean) - z * sd == pytest.approx(0, abs=1e-7 * abs(estimate))


@given(st.floats(2.0, 8.0))
def test_intrinsic_credibility_is_conflict_with_the_critical_prior(z_value: float) -> None:
    z = special.ndtri(0.975)
    assume(abs(z_value - np.sqrt(2) * z) > 1e-6)
    limit = float(sceptical_limit(z_value - z, z_value + z))
    conflict = z_value / np.sqrt(1 + (limit / z) ** 2) > z
    p = 2 * special.ndtr(-z_value)
    assert bool(intrinsic_p(p) < 0.05) == conflict


def test_an_interval_over_zero_has_no_limit() -> None:
    assert np.isnan(sceptical_limit([-1.0, 0.0, np.nan], [2.0, 1.0, 1.0])).all()


@given(
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.floats(0.01, 0.98),
    st.floats(-1, 1),
    st.floats(0.1, 3),
)
def test_prior_is_the_multivariate_normal(
    benefit: list[float], share: float, location: float, scale: float
) -> None:
    covariance = scale**2 * ((1 - share) * np.eye(3) + share)
    expected = stats.multivariate_normal.logpdf(benefit, [location] * 3, covariance)
    found = log_prior(np.array([benefit]), np.array([share]), location, scale)
    assert found[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.sampled_from([0.9, 0.95, 0.975]))
def test_closed_form_puts_the_posterior_at_the_level(
    estimate: float, se: float, level: float
) -> None:
    s = float(normal_sceptical_sd(estimate, se, level))
    if estimate / se <= special.ndtri(level):
        assert np.isnan(s)
        return
    mean = estimate * s**2 / (s**2 + se**2)
    sd = s * se / np.sqrt(s**2 + se**2)
    assert stats.norm.cdf(mean / sd) == pytest.approx(level, abs=1e-9)
    assert np.isnan(normal_sceptical_sd(-estimate, se, level))


class NormalStudy:
    """Estimates with a known covariance: the posterior under any normal prior is normal."""

    def __init__(self, estimate: list[float], correlation: float = 0.5) -> None:
        self.estimate = np.array(estimate)
        count = len(estimate)
        self.precision = np.linalg.inv((1 - correlation) * np.eye(count) + correlation)
        self.unit = (1 - SHARE) * np.eye(count) + SHARE
        self.calls: list[Mapping[Key, float]] = []

    def posterior(self, scale: float, location: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        prior = np.linalg.inv(self.unit) / scale**2
        covariance = np.linalg.inv(self.precision + prior)
        mean = covariance @ (
            self.precision @ self.estimate + prior @ np.full(len(self.estimate), location)
        )
        return mean, covariance

    def draws(
        self, scale: float, count: int = 4000, location: float = 0.0, method: str = REWEIGHTED
    ) -> EffectDraws:
        rng = np.random.default_rng(seeded(7))
        benefit = rng.multivariate_normal(*self.posterior(scale, location), count)
        share = np.full(count, SHARE)
        visits = VISITS[: len(self.estimate)]
        return EffectDraws(benefit, share, location, scale, visits, method=method)

    def critical(self, visit: int, level: float) -> float:
        def excess(log_scale: float) -> float:
            mean, covariance = self.posterior(np.exp(log_scale))
            score = mean[visit] / np.sqrt(covariance[visit, visit])
            return float(stats.norm.cdf(score)) - level

        return float(np.exp(optimize.brentq(excess, np.log(1e-3), np.log(1e3))))

    def tolerance(self, visit: int, level: float, ess: float) -> float:
        """Relative, of the critical scale: `ERRORS` errors of P(benefit) over its slope."""
        step = 0.01

        def chance(log_scale: float) -> float:
            mean, covariance = self.posterior(np.exp(log_scale))
            return float(stats.norm.cdf(mean[visit] / np.sqrt(covariance[visit, visit])))

        here = np.log(self.critical(visit, level))
        slope = (chance(here + step) - chance(here - step)) / (2 * step)
        return float(np.expm1(ERRORS * np.sqrt(level * (1 - level) / ess) / slope))

    def refit(self, wanted: Mapping[Key, float]) -> dict[Key, EffectDraws]:
        self.calls.append(wanted)
        return {key: self.draws(scale, 2000, method=REFITTED) for key, scale in wanted.items()}


@pytest.mark.parametrize("location", [0.0, 1.0])
def test_reweighting_matches_the_closed_form(location: float) -> None:
    study = NormalStudy([2.2])
    draws = study.draws(scale=4.0, count=40_000, location=location)
    for level in (0.95, 0.975):
        scale, state = critical_scale(draws, 0, level)
        assert state.reliable(0)
        expected = float(normal_sceptical_sd(2.2, 1.0, level))
        assert scale == pytest.approx(expected, rel=study.tolerance(0, level, state.ess[0]))


def test_reweighting_is_joint_over_the_arms() -> None:
    """A sceptic of one arm keeps the prior of the other, which shares its control."""
    estimate, precision = np.array([2.2, 2.8]), np.linalg.inv([[1.0, 0.5], [0.5, 1.0]])

    def posterior(scales: list[float]) -> tuple[np.ndarray, np.ndarray]:
        unit = np.outer(scales, scales) * np.array([[1.0, 0.5], [0.5, 1.0]])
        covariance = np.linalg.inv(precision + np.linalg.inv(unit))
        return covariance @ precision @ estimate, covariance

    def excess(log_scale: float) -> float:
        mean, covariance = posterior([float(np.exp(log_scale)), 2.0])
        return float(stats.norm.cdf(mean[0] / np.sqrt(covariance[0, 0]))) - 0.95

    exact = float(np.exp(optimize.brentq(excess, np.log(1e-3), np.log(1e3))))
    benefit = np.random.default_rng(seeded(8)).multivariate_normal(*posterior([2.0, 2.0]), 400_000)
    expected, left = given_others(benefit[..., None] / 2.0)
    share = np.zeros(len(benefit))
    draws = EffectDraws(
        benefit[:, :1], share, 0.0, 2.0, VISITS[:1], expected=expected[:, 0], left=left
    )
    scale, state = critical_scale(draws, 0, 0.95)
    assert state.reliable(0)
    assert scale == pytest.approx(exact, rel=0.03)
    # the other arm speaks for this one: without it another sceptic would do
    alone, _ = critical_scale(replace(draws, expected=0.0, left=1.0), 0, 0.95)
    assert abs(np.log(alone / exact)) > 0.06


def test_each_arm_of_an_outcome_is_refitted_by_itself() -> None:
    calls: list[Mapping[Key, float]] = []

    def refit(wanted: Mapping[Key, float]) -> dict[Key, EffectDraws]:
        calls.append(wanted)
        return {}

    fits = {(name, arm): NormalStudy([6.0]).draws(8.0) for name in "ab" for arm in ("s", "t")}
    sceptical_scales(fits, refit=refit, rounds=2)
    assert [set(call) for call in calls] == [set(fits)] * 2


@pytest.mark.parametrize("estimate", [[2.6], [5.0, 6.0, 7.0], [4.0, 9.0, 6.5]])
@pytest.mark.parametrize("location", [0.0, 1.0])
def test_the_first_guess_is_the_answer_where_the_likelihood_is_normal(
    estimate: list[float], location: float
) -> None:
    study = NormalStudy(estimate)
    guess = outlook(study.draws(10.0, 40_000, location))
    for visit in range(len(estimate)):
        for level in (0.95, 0.975):
            exact = study.critical(visit, level)
            assert guess.scale_at(visit, level) == pytest.approx(exact, rel=0.05)


def test_the_first_guess_knows_the_tails_of_t() -> None:
    """One visit, eight SEs from 0 by 20 degrees of freedom: by quadrature over the effect."""
    freedom, estimate = 20.0, 8.0
    rng = np.random.default_rng(seeded(9))
    benefit = (estimate + rng.standard_t(freedom, 100_000))[:, None]
    draws = EffectDraws(benefit, np.zeros(len(benefit)), 0.0, 1e3, VISITS[:1], freedom=freedom)
    effect = np.linspace(-30, 40, 40_001)

    def excess(log_scale: float) -> float:
        density = stats.t.pdf(effect - estimate, freedom)
        density = density * stats.norm.pdf(effect, scale=np.exp(log_scale))
        return float(density[effect > 0].sum() / density.sum()) - 0.95

    exact = float(np.exp(optimize.brentq(excess, np.log(1e-2), np.log(1e2))))
    found = outlook(replace(draws, scale=30.0)).scale_at(0, 0.95)
    assert found == pytest.approx(exact, rel=0.05)
    normal = outlook(replace(draws, scale=30.0, freedom=np.inf)).scale_at(0, 0.95)
    assert abs(np.log(normal / exact)) > 0.2


def test_a_refit_corrects_the_guess() -> None:
    study = NormalStudy([5.0, 6.0, 7.0])
    wrong = replace(outlook(study.draws(10.0)), scale=3.0 * outlook(study.draws(10.0)).scale)
    for visit in range(3):
        exact = study.critical(visit, 0.95)
        assert wrong.scale_at(visit, 0.95) > 2 * exact
        beside = wrong.beside(study.draws(1.3 * exact, method=REFITTED), visit, 0.95)
        assert beside == pytest.approx(exact, rel=0.15)


def test_reweighting_is_joint_over_the_visits() -> None:
    study = NormalStudy([1.9, 2.3, 2.0], correlation=0.3)
    draws = study.draws(scale=3.0, count=400_000)
    for visit in range(3):
        scale, state = critical_scale(draws, visit, 0.95)
        assert state.reliable(visit)
        close = study.tolerance(visit, 0.95, state.ess[visit])
        assert scale == pytest.approx(study.critical(visit, 0.95), rel=close)
        alone = float(normal_sceptical_sd(study.estimate[visit], 1.0, 0.95))
        # one visit at a time would say something else, as can be told
        assert abs(np.log(study.critical(visit, 0.95) / alone)) > 1.2 * close


def test_reweighted_probability_at_the_fitted_prior_is_that_of_the_draws() -> None:
    draws = NormalStudy([1.0, 2.0]).draws(scale=2.0)
    state = reweight(draws, 2.0)
    np.testing.assert_allclose(state.probability, (draws.benefit > 0).mean(0))
    np.testing.assert_allclose(state.ess, 4000)
    assert state.reliable(0)


def test_a_small_pareto_k_alone_is_not_relied_on() -> None:
    """Weights towards a narrow prior are bounded: few draws can carry them at a harmless k."""
    draws = NormalStudy([4.0, 4.5, 5.0]).draws(scale=2.0)
    states = [reweight(draws, scale) for scale in np.geomspace(0.1, 2.0, 60)]
    deceptive = [s for s in states if s.pareto_k < 0.5 < K_MAX and s.ess[0] < ESS_MIN / 2]
    assert deceptive
    assert not any(s.reliable(0) for s in deceptive)


def test_effective_size_is_that_of_the_weighted_share() -> None:
    """The spread of reweighted probabilities over repetitions is what the size promises."""
    study = NormalStudy([1.9, 2.3])
    chances, promised = [], []
    for seed in range(300):
        rng = np.random.default_rng(seeded(seed))
        benefit = rng.multivariate_normal(*study.posterior(3.0), 1000)
        draws = EffectDraws(benefit, np.full(1000, SHARE), 0.0, 3.0, VISITS[:2])
        state = reweight(draws, 1.0)
        chances.append(state.probability[0])
        promised.append(state.probability[0] * (1 - state.probability[0]) / state.ess[0])
    ratio = np.var(chances) / np.mean(promised)
    assert abs(ratio - 1) < ERRORS * np.sqrt(2 / len(chances))
    halved = reweight(replace(draws, efficiency=0.5), 1.0)
    np.testing.assert_allclose(halved.ess, state.ess / 2, rtol=0.05)


def test_strong_effects_need_a_refit_and_get_one() -> None:
    study = NormalStudy([5.0, 6.0, 7.0])
    key = ("fev1", "treated")
    fits = {key: study.draws(scale=10.0)}
    alone = sceptical_scales(fits)
    assert set(alone["method"]) == {UNRESOLVED}
    assert alone["sd"].isna().all()
    table = sceptical_scales(fits, refit=study.refit)
    assert set(table["method"]) == {REFITTED}
    assert len(study.calls) == 1  # they are not far apart
    assert table["sd"].max() / table["sd"].min() < REACHED
    assert (table["pareto_k"] <= K_MAX).all()
    assert (table["ess"] >= ESS_MIN).all()
    for _, row in table.iterrows():
        expected = study.critical(VISITS.index(row["visit"]), row["level"])
        close = study.tolerance(VISITS.index(row["visit"]), row["level"], row["ess"])
        assert row["sd"] == pytest.approx(expected, rel=close)


def test_refits_serve_all_outcomes_and_leave_out_what_is_settled() -> None:
    strong, weak = NormalStudy([6.0]), NormalStudy([2.2])
    fits = {("a", "t"): strong.draws(8.0), ("b", "t"): weak.draws(4.0)}
    table = sceptical_scales(fits, levels=(0.95,), refit=strong.refit)
    assert list(table["method"]) == [REFITTED, REWEIGHTED]
    assert all(set(call) == {("a", "t")} for call in strong.calls)


def test_a_refit_that_fails_leaves_the_question_open() -> None:
    calls: list[Mapping[Key, float]] = []

    def refuse(wanted: Mapping[Key, float]) -> dict[Key, EffectDraws]:
        calls.append(wanted)
        return {}

    table = sceptical_scales({("a", "t"): NormalStudy([6.0]).draws(8.0)}, refit=refuse)
    assert set(table["method"]) == {UNRESOLVED}
    assert len(calls) == ROUNDS


def test_what_never_convinced_has_no_critical_prior() -> None:
    study = NormalStudy([1.0])
    table = sceptical_scales({("a", "t"): study.draws(4.0)}, refit=study.refit)
    assert set(table["method"]) == {NOT_REACHED}
    assert table["sd"].isna().all()
    assert study.calls == []
