"""What is ranked of the joint model: each outcome in turn, and statements about several."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayesasthma.calibration.cases import CASES
from bayesasthma.calibration.joint_problem import JointProblem
from bayesasthma.calibration.quantities import kept
from bayesasthma.calibration.ranking import problem_of
from bayesasthma.calibration.table_problem import TableProblem


@pytest.fixture(scope="module")
def problem() -> JointProblem:
    case = next(case for case in CASES if case.name == "joint")
    found = problem_of(case)
    assert isinstance(found, JointProblem)
    return found


@pytest.fixture(scope="module")
def prior(problem: JointProblem) -> xr.Dataset:
    return problem.prior(6, 3)


def test_statements_are_those_of_the_true_effects(problem: JointProblem, prior: xr.Dataset) -> None:
    layout = problem.layout
    rng = np.random.default_rng(1)
    study, truth = problem.simulate(prior.isel(fit=0), rng)
    sign = layout.direction.astype(float)
    effect = truth["adjusted_difference[week48]"][0, 0]
    benefit = dict(zip(layout.outcomes, sign * effect, strict=True))
    directed = [name for name, own in zip(layout.outcomes, sign, strict=True) if own]
    limit = dict(zip(layout.outcomes, layout.target, strict=True))
    assert set(problem.sets["primary"]) < set(directed) < set(layout.outcomes)
    for name, outcomes in problem.sets.items():
        improve = [benefit[own] > 0 for own in outcomes]
        assert truth[f"number_improving:{name}[week48]"].item() == sum(improve)
        assert truth[f"all_improve:{name}[week48]"].item() == all(improve)
        beyond = all(benefit[own] > limit[own] for own in outcomes)
        assert truth[f"all_improve_by_mcid:{name}[week48]"].item() == beyond
    order = sorted(directed, key=lambda own: -benefit[own])
    rank = truth["rank_of_benefit[week48]"][0, 0]
    for k, own in enumerate(layout.outcomes):
        assert np.isnan(rank[k]) if own not in directed else rank[k] == order.index(own) + 1
    for domain in set(layout.domain):
        own = [
            benefit[name]
            for name, belongs in zip(layout.outcomes, layout.domain, strict=True)
            if belongs == domain and name in directed
        ]
        key = f"domain_mean[{domain}, week48]"
        if len(own) > 1:
            assert truth[key].item() == pytest.approx(np.mean(own))
        else:
            assert key not in truth
    assert {name for name in truth if name.startswith("domain_effect")} == {
        name.replace("mean", "effect") for name in truth if name.startswith("domain_mean")
    }
    assert len(study.outcomes) == 10


def test_domain_effects_of_the_truth_scatter_about_their_means(
    problem: JointProblem, prior: xr.Dataset
) -> None:
    """They are drawn given the outcomes' effects: near their mean, and not all of it."""
    found = [problem.simulate(prior.isel(fit=i), np.random.default_rng(i))[1] for i in range(6)]
    names = [name for name in found[0] if name.startswith("domain_effect")]
    effect = np.array([[own[name].item() for name in names] for own in found])
    mean = np.array(
        [[own[name.replace("effect", "mean")].item() for name in names] for own in found]
    )
    assert np.corrcoef(effect.ravel(), mean.ravel())[0, 1] > 0.8
    assert np.std(effect - mean) > 0.05


def test_each_outcome_is_ranked_in_turn(problem: JointProblem, prior: xr.Dataset) -> None:
    assert [problem.chosen(number) for number in range(12)] == [*range(10), 0, 1]
    truth = problem.simulate(prior.isel(fit=1), np.random.default_rng(2))[1]
    names, values = kept(truth, {name: own.repeat(4, axis=1) for name, own in truth.items()}, 1, 7)
    assert values.shape == (len(names), 1, 6)
    assert values[names.index("effect[week12]"), 0, 0] == pytest.approx(
        truth["effect[week12]"][0, 0, 7], rel=1e-6
    )


def test_outcomes_of_other_models_share_nothing() -> None:
    case = next(case for case in CASES if case.name == "longitudinal")
    found = problem_of(case)
    assert type(found) is TableProblem
    assert found.replicates_per_fit == 10
    assert found.chosen(3) is None
    truth = found.simulate(found.prior(2, 1).isel(fit=0), np.random.default_rng(1))[1]
    effect = truth["adjusted_difference[week12]"]
    assert np.array_equal(truth["benefit[week12]"], (effect > 0).astype(float))
    assert np.array_equal(
        truth["benefit_gt_mcid[week12]"], (effect > found.layout.target).astype(float)
    )
    assert not [name for name in truth if name.startswith(("all_improve", "domain"))]
