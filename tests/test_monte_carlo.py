"""The helper that judges sampled numbers: its errors are right, and it can fail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests import monte_carlo
from tests.monte_carlo import (
    ERRORS,
    SMALL_P,
    Estimate,
    assert_agree,
    level_of_quantile,
    probability,
    seeded,
)


def chains(rng: np.random.Generator, phi: float, size: tuple[int, ...]) -> np.ndarray:
    """Standard normal draws (..., draw), each correlated with the one before."""
    draws = rng.standard_normal(size)
    for t in range(1, size[-1]):
        draws[..., t] = phi * draws[..., t - 1] + np.sqrt(1 - phi**2) * draws[..., t]
    return draws


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.8])
def test_errors_are_those_of_repeated_runs(phi: float) -> None:
    runs = chains(np.random.default_rng(seeded(1)), phi, (200, 4, 500))
    weight = np.exp(0.3 * runs)  # of N(0.3, 1)
    for name, found, truth in (
        ("mean", [monte_carlo.mean(x) for x in runs], 0.0),
        ("sd", [monte_carlo.sd(x) for x in runs], 1.0),
        ("bound", [level_of_quantile(x, 0.025, stats.norm.cdf) for x in runs], 0.025),
        ("share", [probability(x > 1) for x in runs], stats.norm.sf(1)),
        ("weighted mean", list(map(monte_carlo.mean, runs, weight)), 0.3),
        ("weighted SD", list(map(monte_carlo.sd, runs, weight)), 1.0),
        ("weighted share", list(map(probability, runs > 1, weight)), stats.norm.sf(0.7)),
    ):
        z = np.array([(own.value - truth) / own.error for own in found])
        # an SD of 200 is within a quarter of the truth (5 errors), errors within another twelfth
        assert 0.69 < z.std() < 1.36, name
        assert np.abs(z).max() < ERRORS + 1, name


def test_independent_draws_need_no_chains() -> None:
    draws = np.random.default_rng(seeded(2)).standard_normal(10_000)
    assert monte_carlo.mean(draws).error == pytest.approx(Estimate.of(draws).error)
    for own, truth in ((monte_carlo.mean(draws), 0), (monte_carlo.sd(draws), 1)):
        assert_agree(own, truth)
    assert monte_carlo.sd(draws).error == pytest.approx(1 / np.sqrt(20_000), rel=0.2)


def test_a_real_difference_and_too_few_draws_fail() -> None:
    draws = np.random.default_rng(seeded(3)).standard_normal((4, 2500))
    assert_agree(monte_carlo.mean(draws), 0.0)
    with pytest.raises(AssertionError, match="errors apart"):
        assert_agree(monte_carlo.mean(draws + 0.15), 0.0)
    with pytest.raises(AssertionError, match="too few draws"):
        assert_agree(monte_carlo.mean(draws[:, :100]), 0.0)
    with pytest.raises(AssertionError, match="too few draws"):
        assert_agree(monte_carlo.mean(draws), Estimate(0.0, error=0.1))


def test_draws_that_are_all_the_same_leave_a_doubt() -> None:
    found = probability(np.ones((4, 1000)))
    assert found.value == 1
    assert 0 < found.error < 3 / 4000


def test_the_small_p_is_the_tail_beyond_the_errors() -> None:
    assert pytest.approx(2 * stats.norm.sf(ERRORS), rel=0.01) == SMALL_P


def test_the_seed_is_moved_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAYESASTHMA_TEST_SEED", raising=False)
    assert seeded(7) == 7
    monkeypatch.setenv("BAYESASTHMA_TEST_SEED", "2")
    assert seeded(7) == 200_013
