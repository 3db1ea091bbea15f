"""Rates of adverse reactions: log odds about their mean over all patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.models.adverse_counts import rates
from bayesasthma.priors.named_sets import prior_set

SHARES = {1: np.array([0.4, 0.6]), 2: np.array([0.5, 0.3, 0.2])}


def normal(rng: np.random.Generator, treated: int, draws: int = 3) -> dict[str, np.ndarray]:
    """Parameters under a normal prior (draw, ...), of four reactions."""
    return {
        "level": rng.normal(-2, 1.5, (draws, 4)),
        "pooling": rng.uniform(0.1, 0.9, draws),
        "effect_common": rng.normal(size=(draws, treated)),
        "effect_own": rng.normal(size=(draws, 4, treated)),
    }


@pytest.mark.parametrize("treated", [1, 2])
@pytest.mark.parametrize("mixture", [False, True])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_level_is_the_mean_log_odds_over_all_patients(
    treated: int, mixture: bool, seed: int
) -> None:
    rng, share = np.random.default_rng(seed), SHARES[treated]
    parameters = normal(rng, treated)
    if mixture:
        fewer = rng.normal(size=(3, treated, 4))
        parameters = {"level": parameters["level"], "fewer": fewer}
    log_odds = logit(rates(parameters, prior_set("weak"), share))
    assert log_odds.shape == (3, 4, treated + 1)
    np.testing.assert_allclose(log_odds @ share, parameters["level"], atol=1e-8)
    if mixture:
        ratio = log_odds[..., 1:] - log_odds[..., :1]
        np.testing.assert_allclose(ratio, -np.swapaxes(fewer, -1, -2), atol=1e-8)


def test_log_odds_ratios_have_the_prior_set_and_arms_share_half_of_it() -> None:
    parameters = normal(np.random.default_rng(seeded(12)), 2, 60_000)
    log_odds = logit(rates(parameters, prior_set("weak"), SHARES[2]))
    ratio = (log_odds[..., 1:] - log_odds[..., :1]) / 1.5  # reaction by reaction, treated arm
    error = ERRORS / np.sqrt(len(ratio))
    np.testing.assert_allclose(ratio.mean(axis=0), 0.0, atol=error)
    np.testing.assert_allclose(ratio.std(axis=0), 1.0, atol=error)
    between = ratio[..., 1] - ratio[..., 0]
    np.testing.assert_allclose(between.std(axis=0), 1.0, atol=error)
    found = np.corrcoef(ratio[:, 0, 0], ratio[:, 0, 1])[0, 1]
    assert found == pytest.approx(0.5, abs=error)
