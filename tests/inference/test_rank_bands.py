"""Ranks of chains among each other, and the band around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.inference.rank_bands import _tails, rank_band, rank_differences


@given(chains=st.integers(1, 4), length=st.integers(2, 30), seed=st.integers(0, 2**32 - 1))
def test_differences_are_those_of_sorted_draws(chains: int, length: int, seed: int) -> None:
    draws = np.random.default_rng(seed).normal(size=(chains, length, 2))
    found = rank_differences(draws)
    assert found.shape == (chains, 2, length + 1)
    for quantity in range(2):
        own = draws[:, :, quantity]
        ordered = np.sort(own.ravel())
        for point in range(1, length + 1):
            lowest = (own <= ordered[point * chains - 1]).mean(axis=1)
            np.testing.assert_allclose(found[:, quantity, point], lowest - point / length)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-12)  # the chains share the ranks
    np.testing.assert_allclose(found[:, :, [0, -1]], 0, atol=1e-12)


def test_tails_are_hypergeometric() -> None:
    chains, length = 3, 20
    first, below, above = _tails(chains, length)
    for row, point in enumerate(range(1, length)):
        law = stats.hypergeom(chains * length, length, chains * point)
        x = first[row] + np.arange(below.shape[1])
        np.testing.assert_allclose(below[row], law.cdf(x), atol=1e-12)
        np.testing.assert_allclose(above[row], law.sf(x - 1), atol=1e-12)


@pytest.mark.parametrize("prob", [0.9, 0.99])
def test_like_chains_stay_inside_as_often_as_the_band_says(prob: float) -> None:
    chains, length, sets = 4, 200, 4000
    low, high = rank_band(chains, length, prob)
    found = rank_differences(np.random.default_rng(5).normal(size=(chains, length, sets)))
    inside = ((found >= low - 1e-9) & (found <= high + 1e-9)).all(axis=(0, 2)).mean()
    # errors of the share found, and of the level, which is estimated from 2000 sets
    error = np.sqrt(prob * (1 - prob) * (1 / sets + 1 / 2000))
    assert abs(inside - prob) < 4 * error


def test_a_chain_that_disagrees_leaves_the_band() -> None:
    draws = np.random.default_rng(6).normal(size=(4, 500, 1))
    draws[2] += 0.5
    low, high = rank_band(4, 500)
    outside = (rank_differences(draws)[2, 0] < low) | (rank_differences(draws)[2, 0] > high)
    assert outside.any()


def test_a_band_is_handed_out_again_unchanged() -> None:
    band = rank_band(2, 50)
    assert band is rank_band(2, 50)
    with pytest.raises(ValueError, match="read-only"):
        band[0, 3] = 1.0
