"""What is ranked of the joint model: each outcome in turn, and statements about several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.calibration.cases import CASES
from bayesasthma.calibration.joint_problem import JointProblem
from bayesasthma.calibration.quantities import kept
from bayesasthma.calibration.ranking import problem_of
from bayesasthma.calibration.table_problem import TableProblem
from bayesasthma.errors import UsageError


@pytest.fixture(scope="module")
def problem() -> JointProblem:
    case = next(case for case in CASES if case.name == "joint")
    found = problem_of(case)
    assert isinstance(found, JointProblem)
    return found


@pytest.fixture(scope="module")
def prior(problem: JointProblem) -> xr.Dataset:
    return problem.prior(6, 3)


#: Outcomes of the bundled study with an MCID and a direction.
MCID = ("act", "aqlq", "feno", "fev1_pred")


@pytest.mark.parametrize("fit", range(6))
def test_statements_are_those_of_the_true_effects(
    problem: JointProblem, prior: xr.Dataset, fit: int
) -> None:
    layout = problem.layout
    study, truth = problem.simulate(prior.isel(fit=fit), np.random.default_rng(fit))
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
        beyond = all(benefit[own] > limit[own] for own in outcomes if own in MCID)
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


def test_claims_are_true_if_every_outcome_improves(
    problem: JointProblem, prior: xr.Dataset
) -> None:
    draws = prior.isel(fit=0).expand_dims(chain=1, draw=1)
    shape = (1, 1, len(problem.layout.outcomes), 1, len(problem.layout.follow_up))
    coords = {"outcome": list(problem.layout.outcomes), "visit": list(problem.layout.follow_up)}
    benefit = xr.DataArray(
        np.full(shape, 9.0), coords, ("chain", "draw", "outcome", "arm", "visit")
    )
    for shift, expected in ((0.0, 1.0), (-10.0, 0.0)):
        found = problem.statements(benefit + shift, draws, np.random.default_rng(1))
        for name, outcomes in problem.sets.items():
            assert (found[f"all_improve:{name}"] == expected).all()
            assert (found[f"all_improve_by_mcid:{name}"] == expected).all()
            assert (found[f"number_improving:{name}"] == expected * len(outcomes)).all()


@pytest.mark.slow
def test_true_effects_have_the_models_prior_and_go_with_their_domain(
    problem: JointProblem, prior: xr.Dataset
) -> None:
    """Marginally an effect is N(0, 2^2) under ``weak``, whatever it shares with its domain."""
    rng = np.random.default_rng(seeded(4))
    found = [problem._hierarchy(prior.isel(fit=i % 6), rng) for i in range(3000)]
    effect = np.array([own.to_numpy()[:, 0] for own, _ in found])
    domain = np.array([own.to_numpy()[0, 0, :, 0] for _, own in found])
    assert effect.mean(axis=0) == pytest.approx(np.zeros((10, 3)), abs=ERRORS * 2 / np.sqrt(3000))
    close = ERRORS / np.sqrt(2 * 3000)
    assert effect.std(axis=0) == pytest.approx(np.full((10, 3), 2.0), rel=close)
    groups = problem.groups
    for place, group in enumerate(groups.pooled_groups):
        for k in np.flatnonzero(groups.index == group):
            benefit = effect[:, k] * groups.sign[k]
            r = [np.corrcoef(benefit[:, t], domain[:, place, t])[0, 1] for t in range(3)]
            assert min(r) > 0.7


def test_each_outcome_is_ranked_in_turn(problem: JointProblem, prior: xr.Dataset) -> None:
    assert [problem.ranked_entry(number) for number in range(12)] == [*range(10), 0, 1]
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
    assert found.ranked_entry(3) is None
    truth = found.simulate(found.prior(2, 1).isel(fit=0), np.random.default_rng(1))[1]
    effect = truth["adjusted_difference[week12]"]
    assert np.array_equal(truth["benefit[week12]"], (effect > 0).astype(float))
    assert np.array_equal(
        truth["benefit_gt_mcid[week12]"], (effect > found.layout.target).astype(float)
    )
    assert not [name for name in truth if name.startswith(("all_improve", "domain"))]


def test_the_unit_of_the_table_is_refused() -> None:
    case = next(case for case in CASES if case.name == "joint")
    with pytest.raises(UsageError, match="known unit"):
        JointProblem(replace(case, own_unit=True))
