"""The kernel of adverse-reaction counts against its graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from tests.against_graphs import (
    IN_DOUBLE,
    assert_same_density,
    assert_same_start,
    assert_same_variables,
)

import bayesasthma as ba
from bayesasthma.models import adverse
from bayesasthma.models.adverse_counts import Counts, counts
from bayesasthma.models.kernels.adverse import kernel_model
from bayesasthma.priors.distributions import Component, EffectPrior, OwnPrior, PriorSet
from bayesasthma.priors.named_sets import prior_set

WEAK = prior_set("weak")
STUDENT = replace(WEAK, name="student", log_odds_df=4.0)
TWO = EffectPrior((Component(0.1, 0.5, weight=0.7), Component(-0.3, 1.2, df=4.0, weight=0.3)))
MIXED = replace(WEAK, name="mixed", log_odds_ratios=(OwnPrior(TWO),))


def four_arms() -> Counts:
    """Two reactions at two visits in arms of different size, some cells not printed."""
    rng = np.random.default_rng(8)
    reaction, visit, arm = (x.ravel() for x in np.indices((2, 2, 4)))
    kept = np.arange(len(arm)) % 7 != 3
    at_risk = np.array([20, 31, 12, 40])[arm]
    return Counts(
        reactions=("rash", "itch"),
        visits=("w4", "w8"),
        arms=("control", "low", "middle", "high"),
        reaction=reaction[kept],
        visit=visit[kept],
        arm=arm[kept],
        events=rng.binomial(at_risk, 0.2)[kept],
        at_risk=at_risk[kept],
        arm_share=np.array([20, 31, 12, 40]) / 103,
    )


def check(data: Counts, prior: PriorSet) -> None:
    with IN_DOUBLE:
        model = adverse.build(data, prior)
    kernel = kernel_model(data, prior)
    assert_same_variables(model, kernel)
    assert_same_density(model, kernel, points=150, spread=1.0)
    assert_same_start(model, kernel)


@pytest.mark.parametrize("reading", ["per_visit", "cumulative"])
@pytest.mark.parametrize("prior", [WEAK, STUDENT, MIXED], ids=lambda prior: prior.name)
def test_the_kernel_is_the_graph(prior: PriorSet, reading: str) -> None:
    check(counts(ba.load_study("liu2025"), reading), prior)


@pytest.mark.parametrize("prior", [WEAK, MIXED], ids=lambda prior: prior.name)
def test_the_kernel_is_the_graph_of_several_treated_arms(prior: PriorSet) -> None:
    check(four_arms(), prior)


def test_the_named_parameters_of_a_flat_vector() -> None:
    data = counts(ba.load_study("liu2025"), "per_visit")
    kernel = kernel_model(data, WEAK)
    x = kernel.initial_point(1)
    found = kernel.expand(x)
    assert found["effect_own"].shape == (3, 1)
    np.testing.assert_array_equal(found["level"], x[:3])
    np.testing.assert_array_equal(found["effect_own"].ravel(), x[-3:])
    np.testing.assert_allclose(found["pooling"], special.expit(x[3]), rtol=1e-14)
    np.testing.assert_allclose(found["overdispersion"], special.expit(x[4]), rtol=1e-14)


def test_data_are_swapped_without_compiling() -> None:
    study = ba.load_study("liu2025")
    first, other = counts(study, "per_visit"), counts(study, "cumulative")
    swapped = kernel_model(first, WEAK).with_data(events=other.events, at_risk=other.at_risk)
    x = swapped.initial_point(1)
    expected = kernel_model(other, WEAK).value_and_gradient(x)
    np.testing.assert_equal(swapped.value_and_gradient(x), expected)
    assert swapped.kernel.compiled is kernel_model(other, WEAK).kernel.compiled
    with pytest.raises(ValueError, match="shape"):
        swapped.with_data(events=other.events[1:])
    with pytest.raises(KeyError):
        swapped.with_data(nothing=1.0)


def test_a_point_without_density_is_told_to_the_sampler() -> None:
    kernel = kernel_model(counts(ba.load_study("liu2025"), "per_visit"), WEAK)
    assert kernel.value_and_gradient(np.full(kernel.n_dim, np.nan))[2] > 0
    with pytest.raises(ValueError, match="numbers"):
        kernel.value_and_gradient(np.zeros(3))
