"""Contrasts of several arms with one control: their correlation, and why it is one half."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.models.arm_contrasts import (
    SHARED,
    contrast_factor,
    correlate,
    given_others,
    log_determinant,
    whiten,
)
from bayesasthma.models.coordinates import Coordinates
from bayesasthma.models.distributions import (
    _pooled_logp,
    _pooled_random,
    contrast_normal,
)
from bayesasthma.models.mixture_data import draw_mixture, mixture_data
from bayesasthma.priors.distributions import EffectPrior

MODE = pytensor.compile.mode.Mode("py", "fast_compile")
arms = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


@given(treated=arms, seed=seeds)
def test_whiten_and_correlate_are_inverses(treated: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(2, treated, 3))
    np.testing.assert_allclose(whiten(correlate(x, treated), treated), x, atol=1e-12)
    np.testing.assert_allclose(correlate(whiten(x, treated), treated), x, atol=1e-12)
    # over the last axis but one: columns do not mix
    one = np.array(x)
    one[..., 1:] = 7.0
    np.testing.assert_allclose(whiten(one, treated)[..., 0], whiten(x, treated)[..., 0])


@pytest.mark.parametrize("treated", [1, 2, 4])
def test_graphs_do_what_numpy_does(treated: int) -> None:
    value = np.random.default_rng(1).normal(size=(2, treated, 3))
    x = pt.tensor3("x")
    found = pytensor.function([x], [f(x, treated, pt) for f in (whiten, correlate)], mode=MODE)
    white, coloured = found(value)
    np.testing.assert_allclose(white, whiten(value, treated), atol=1e-14)
    np.testing.assert_allclose(coloured, correlate(value, treated), atol=1e-14)


@given(treated=arms)
def test_contrasts_share_half_their_variance(treated: int) -> None:
    factor = contrast_factor(treated)
    implied = factor @ factor.T
    np.testing.assert_allclose(implied, np.where(np.eye(treated) > 0, 1.0, 0.5), atol=1e-14)
    assert log_determinant(treated) == pytest.approx(np.linalg.slogdet(implied)[1], abs=1e-12)
    # (k + 1) / 2^k: the determinant of ones and halves
    assert np.exp(log_determinant(treated)) == pytest.approx((treated + 1) / 2**treated)


@given(treated=arms, seed=seeds)
def test_every_contrast_of_all_arms_has_one_variance(treated: int, seed: int) -> None:
    """The implied prior over all arms, the control's with them, does not know who is the control.

    Contrasts of arms that vary alike and independently: an exchange of any two arms, another
    control among them, leaves covariance and density where they are.
    """
    covariance = contrast_factor(treated) @ contrast_factor(treated).T
    for first, second in itertools.combinations(range(treated + 1), 2):
        weights = np.zeros(treated + 1)
        weights[[first, second]] = -1.0, 1.0
        assert weights[1:] @ covariance @ weights[1:] == pytest.approx(1.0)
    # contrasts with any other arm as the control
    new = seed % (treated + 1)
    others = [g for g in range(treated + 1) if g != new]
    of_arms = np.vstack([np.zeros(treated), np.eye(treated)])
    turned = of_arms[others] - of_arms[new]
    np.testing.assert_allclose(turned @ covariance @ turned.T, covariance, atol=1e-12)
    value = np.random.default_rng(seed).normal(size=(treated, 1))
    np.testing.assert_allclose(
        (whiten(turned @ value, treated) ** 2).sum(), (whiten(value, treated) ** 2).sum(), rtol=1e-9
    )
    assert abs(np.linalg.det(turned)) == pytest.approx(1.0)


@given(treated=arms, seed=seeds)
def test_what_is_expected_of_an_arm_given_the_others(treated: int, seed: int) -> None:
    value = np.random.default_rng(seed).normal(size=(treated, 1))
    covariance = contrast_factor(treated) @ contrast_factor(treated).T
    expected, left = given_others(value)
    for g in range(treated):
        rest = [h for h in range(treated) if h != g]
        weights = np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, g])
        assert expected[g, 0] == pytest.approx(weights @ value[rest, 0], abs=1e-12)
        assert left == pytest.approx(1 - weights @ covariance[rest, g])


def test_half_is_what_exchangeable_arms_imply() -> None:
    """Means of arms about a common one, of which contrasts are taken."""
    means = np.random.default_rng(seeded(3)).normal(size=(200_000, 4)) / np.sqrt(2)
    contrasts = means[:, 1:] - means[:, :1]
    found = np.cov(contrasts.T)
    error = np.sqrt((1 + SHARED**2) / len(means))
    assert np.abs(found - np.where(np.eye(3) > 0, 1.0, SHARED)).max() < ERRORS * error


def kronecker(treated: int, visits: int, share: float, scale: np.ndarray) -> np.ndarray:
    """Prior covariance of effects (treated, visit), flattened."""
    between = np.where(np.eye(treated) > 0, 1.0, 0.5) * np.outer(scale, scale)
    return np.kron(between, share + (1 - share) * np.eye(visits))


@pytest.mark.parametrize("treated", [1, 2, 3])
def test_pooled_effects_have_the_density_of_scipys_normal(treated: int) -> None:
    rng = np.random.default_rng(5)
    value, location = rng.normal(size=(2, 2, treated, 3))
    # the SD of one arm need not be another's: a sceptic may doubt one
    scale, share = rng.uniform(0.3, 2, (2, treated)), np.array([0.2, 0.7])
    fixed = [pt.constant(own) for own in (value, location, scale, share)]
    graph = _pooled_logp((treated, 3), *fixed, None)
    found = pytensor.function([], graph, mode=MODE)()
    for k in range(2):
        covariance = kronecker(treated, 3, share[k], scale[k])
        exact = stats.multivariate_normal(location[k].ravel(), covariance)
        assert found[k] == pytest.approx(exact.logpdf(value[k].ravel()), abs=1e-10)


def normal_draws(rng: np.random.Generator, size: int) -> np.ndarray:
    shape = (size, 2, 3)
    return _pooled_random(
        np.zeros(shape), np.full(shape[:2], 0.7), np.full(size, 0.4), np.zeros(shape), rng, None
    )


def mixture_draws(rng: np.random.Generator, size: int) -> np.ndarray:
    values = mixture_data([EffectPrior.normal(0.0, 0.7)], 6)
    for name in ("location", "scale"):
        values[name] = np.broadcast_to(values[name][..., None, None], (1, 2, 2, 3)).copy()
    order = [values[name] for name in ("location", "scale", "tail", "weight", "constant")]
    return draw_mixture(*order, np.array([0.4]), rng=rng, size=(size,))


@pytest.mark.parametrize("draw", [normal_draws, mixture_draws])
def test_draws_of_effects_have_that_covariance(
    draw: Callable[[np.random.Generator, int], np.ndarray],
) -> None:
    size = 100_000
    draws = draw(np.random.default_rng(seeded(6)), size).reshape(size, -1)
    exact = kronecker(2, 3, 0.4, np.full(2, 0.7))
    error = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / size)
    assert np.abs((np.cov(draws.T) - exact) / error).max() < ERRORS


def test_imbalances_have_the_density_and_the_draws_of_such_contrasts() -> None:
    import pymc as pm

    covariance = kronecker(3, 1, 0.0, np.full(3, 0.8))
    with pm.Model(coords={"outcome": range(2), "treated": range(3)}) as model:
        offset = pt.as_tensor(np.full((2, 3), 0.25))
        own = contrast_normal(
            "imbalance", 0.8, 3, offset, ("outcome", "treated"), Coordinates()
        )  # fmt: skip
    value = np.random.default_rng(7).normal(size=(2, 3))
    found = model.compile_logp(mode=MODE)({"imbalance_coordinates__": value - 0.25})
    exact = stats.multivariate_normal(np.zeros(3), covariance).logpdf(value)
    assert float(found) == pytest.approx(exact.sum(), abs=1e-10)
    draws = pm.draw(own, 20_000, random_seed=seeded(8), mode="FAST_COMPILE")
    error = np.sqrt((np.outer(*[np.diag(covariance)] * 2) + covariance**2) / len(draws))
    assert np.abs((np.cov(draws[:, 0].T) - covariance) / error).max() < ERRORS
    assert np.abs(np.corrcoef(draws[:, 0, 0], draws[:, 1, 0])[0, 1]) < ERRORS / np.sqrt(len(draws))
