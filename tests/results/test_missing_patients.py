"""Assumptions on patients who left, against closed forms, exhaustive search and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.results.effective_draws import effective_draws
from bayesasthma.results.missing_patients import (
    BELOW,
    NEVER,
    TIPS,
    copy_increments,
    copy_reference,
    jump_to_reference,
    last_seen,
    tipping_point,
    weight_of_delta,
)

LEVELS = (0.975, 0.95, 0.8)


def normal_draws(mean: float, sd: float, size: int = 20_000) -> np.ndarray:
    """Draws (chain, draw) that are quantiles of a normal distribution, in no order."""
    at = stats.norm.ppf((np.arange(size) + 0.5) / size, mean, sd)
    return np.random.default_rng(1).permutation(at).reshape(4, -1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("mean", "sd", "share"), [(2.0, 0.5, 0.2), (1.0, 0.4, 0.03)])
def test_tipping_point_of_a_normal_posterior(
    level: float, mean: float, sd: float, share: float
) -> None:
    """P(b - p d > 0) = Phi((m - p d) / s) falls to a level at d = (m - s z) / p."""
    exact = (mean - sd * stats.norm.ppf(level)) / share
    found = tipping_point(normal_draws(mean, sd), np.array([[share]]), level)
    assert found.status == TIPS
    assert found.delta == pytest.approx(exact, rel=2e-3)


def test_no_tipping_point_without_leavers_or_with_a_benefit_that_grows() -> None:
    draws = normal_draws(2.0, 0.5, 4000)
    for weight in (0.0, -0.1):
        found = tipping_point(draws, np.array([[weight]]), 0.95)
        assert (found.status, found.delta) == (NEVER, np.inf)
    found = tipping_point(normal_draws(0.1, 0.5, 4000), np.array([[0.1]]), 0.95)
    assert (found.status, found.delta) == (BELOW, 0.0)


@given(
    st.integers(0, 10_000),
    st.sampled_from(LEVELS),
    st.sampled_from(["known", "uncertain", "of both arms"]),
)
def test_probability_of_benefit_crosses_the_level_there_and_not_before(
    seed: int, level: float, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    benefit = rng.normal(rng.uniform(0, 3), 1.0, (2, 200))
    weight = {
        "known": np.array([[rng.uniform(0.01, 0.4)]]),
        "uncertain": rng.beta(2, 10, (2, 200)),
        "of both arms": rng.beta(2, 10, (2, 200)) - rng.beta(2, 20, (2, 200)),
    }[kind]
    found = tipping_point(benefit, weight, level)

    def chance(delta: float) -> float:
        return float(np.mean(benefit - weight * delta > 0))

    if found.status == BELOW:
        assert chance(0.0) < level
        return
    end = found.delta if found.status == TIPS else 1e4
    before = np.linspace(0, end * (1 - 1e-9), 60)
    assert min(chance(delta) for delta in before) >= level
    if found.status == TIPS:
        assert chance(found.delta * (1 + 1e-9)) < level


def test_error_of_a_tipping_point_is_that_of_repeated_draws() -> None:
    rng = np.random.default_rng(3)
    found = [
        tipping_point(rng.normal(2.0, 0.5, (4, 500)), np.array([[0.2]]), 0.95) for _ in range(150)
    ]
    spread = np.std([point.delta for point in found])
    assert np.mean([point.mcse for point in found]) == pytest.approx(spread, rel=0.2)


def test_the_draw_at_the_tipping_point_is_no_benefit_any_more() -> None:
    benefit = normal_draws(2.0, 0.5, 40)
    found = tipping_point(benefit, np.ones((1, 1)), 0.8)
    assert found.delta in benefit
    still = (benefit > found.delta).astype(float)
    error = np.sqrt(0.8 * 0.2 / effective_draws(still))
    # the tipping point of a level is the largest delta that fewer draws than that are beyond
    ordered = np.sort(benefit.ravel())
    low, high = (ordered[40 - int(np.ceil(40 * (0.8 + sign * error)))] for sign in (1, -1))
    assert found.mcse == pytest.approx((high - low) / 2)


def test_last_visits_of_those_absent() -> None:
    assert last_seen(np.array([1, 3, 6]), 10.0) == pytest.approx(
        np.array([[0.1, 0, 0], [0.1, 0.2, 0], [0.1, 0.2, 0.3]])
    )
    # five are absent at first and two at the end: three of the five came back
    assert last_seen(np.array([5, 2]), 10.0) == pytest.approx(np.array([[0.5, 0], [0.2, 0]]))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_shares_by_last_visit_add_up_to_those_absent(left: list[int]) -> None:
    found = last_seen(np.array(left), 10.0)
    assert (found >= 0).all()
    assert found.sum(-1) == pytest.approx(np.array(left) / 10)
    assert np.triu(found, 1) == pytest.approx(0)


def test_jump_to_reference_shrinks_and_changes_no_sign() -> None:
    effect = np.array([-1.0, 0.5, 2.0])
    found = jump_to_reference(effect, 0.25)
    assert found == pytest.approx(0.75 * effect)
    assert (np.sign(found) == np.sign(effect)).all()


def test_increments_keep_the_effect_of_the_last_visit() -> None:
    effect = np.array([[1.0, 2.0, 4.0]])
    last = last_seen(np.array([1, 3, 6]), 10.0)
    found = copy_increments(effect, last, np.zeros(1))[0]
    assert found == pytest.approx(
        [0.9 * 1, 0.7 * 2 + 0.2 * 1, 0.4 * 4 + 0.1 * 0 + 0.2 * 1 + 0.3 * 2]
    )


def test_an_effect_that_stays_is_kept_by_increments_but_for_those_never_seen() -> None:
    last = last_seen(np.array([0, 3, 6]), 10.0)
    effect = np.full((5, 3), 2.0)
    assert copy_increments(effect, last, np.zeros(5)) == pytest.approx(effect)


def test_copied_reference_in_closed_form() -> None:
    """With autoregressive correlation a later visit depends on the last one seen alone."""
    rho = 0.7
    covariance = rho ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))[None]
    effect = np.array([[1.0, 2.0, 4.0]])
    found = copy_reference(effect, covariance, last_seen(np.array([1, 3, 6]), 10.0))[0]
    assert found == pytest.approx(
        [0.9, 0.7 * 2 + 0.2 * rho * 1, 0.4 * 4 + 0.2 * rho**2 * 1 + 0.3 * rho * 2]
    )


def test_copied_reference_is_what_conditional_means_give() -> None:
    """Leavers, treated until visit 2, with the control's conditional mean at visit 3."""
    rng = np.random.default_rng(7)
    root = rng.normal(size=(4, 4))
    covariance = root @ root.T + np.eye(4)
    control, treated = np.array([1.0, 2.0, 2.5, 3.0]), np.array([1.6, 2.9, 4.5, 6.0])
    slope = covariance[0] / covariance[0, 0]
    adjusted = (treated - control - slope * (treated - control)[0])[1:]
    seen = slice(0, 3)
    regression = np.linalg.solve(covariance[seen, seen], covariance[seen, 3])
    own = control[3] + regression @ (treated - control)[seen]
    direct = own - control[3] - slope[3] * (treated - control)[0]
    last = last_seen(np.array([0, 0, 4]), 10.0)
    found = copy_reference(adjusted[None], covariance[None], last)[0]
    assert found[2] == pytest.approx(0.6 * adjusted[2] + 0.4 * direct)


def test_weights_of_delta() -> None:
    assert weight_of_delta("treated", 0.2, 0.05) == pytest.approx(0.2)
    assert weight_of_delta("both", 0.2, 0.05) == pytest.approx(0.15)
    assert weight_of_delta("opposed", 0.2, 0.05) == pytest.approx(0.25)


def test_the_adjusted_effect_is_right_on_average_and_its_interval_covers() -> None:
    """Patients of whom leavers are worse by a known delta; the mean of those who stayed is seen."""
    rng, size, delta, trials = np.random.default_rng(11), 40, 1.5, 4000
    shares, means = (0.10, 0.30), (0.0, 0.8)
    left = rng.random((trials, 2, size)) < np.array(shares)[:, None]
    values = np.array(means)[:, None] + rng.normal(size=left.shape) - delta * left
    stayed = np.where(left, np.nan, values)
    seen = np.isfinite(stayed).sum(-1)
    mean, variance = np.nanmean(stayed, -1), np.nanvar(stayed, -1, ddof=1)
    gone = left.mean(-1)
    truth = means[1] - means[0] - delta * (gone[:, 1] - gone[:, 0])
    adjusted = mean[:, 1] - mean[:, 0] - delta * weight_of_delta("both", gone[:, 1], gone[:, 0])
    error = np.sqrt((variance / seen).sum(-1))
    bias = adjusted - truth
    assert abs(bias.mean()) < 4 * bias.std() / np.sqrt(trials)
    covered = np.abs(bias) < stats.t.ppf(0.975, seen.sum(-1) - 2) * error
    assert covered.mean() == pytest.approx(0.95, abs=0.015)
    # left as it is, the effect of those who stayed is off by what left with the others
    unadjusted = mean[:, 1] - mean[:, 0] - truth
    assert unadjusted.mean() == pytest.approx(delta * (shares[1] - shares[0]), abs=0.02)
