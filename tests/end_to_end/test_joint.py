"""The joint model from bundle to joint.csv, and beside the longitudinal model."""

from __future__ import annotations

import numpy as np
import pytest
from tests import bundles

from bayesasthma.comparison.posterior_beside_p import compare
from bayesasthma.inference.assembly import natural_moments
from bayesasthma.inference.fitting import Fit, fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec
from bayesasthma.results.effect_table import effects
from bayesasthma.results.joint_estimands import benefits, joint_effects
from bayesasthma.study.bundle import load_study

FEW = SamplerOptions(draws=400, tune=400, chains=2)


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    study = load_study(bundles.complete(tmp_path_factory.mktemp("complete") / "study"))
    return fit_table(study, "joint", FEW)


def test_every_group_and_quantity_is_there_and_finite(joint: Fit) -> None:
    assert joint.gate.divergences == 0
    assert joint.gate.r_hat < 1.05
    groups = set(joint.data.children)
    assert {"prior", "prior_predictive", "posterior_predictive", "log_likelihood"} <= groups
    posterior = joint.data["posterior"].to_dataset()
    assert list(posterior["domain_effect"]["domain"].values) == ["control", "lung function"]
    for name in ("outcome_correlation", "domain_effect", "mean", "sd"):
        assert np.isfinite(posterior[name]).all()
    log_likelihood = joint.data["log_likelihood"]["table_0"]
    assert np.isfinite(log_likelihood).all()
    table = effects(joint)
    assert set(table["model"]) == {"joint"}
    assert {"adjusted_difference", "share_improved"} <= set(table["estimand"])
    compared = compare(joint)
    # arms of a randomised study are alike at baseline: printed tests there stand alone
    alone = compared["model"].isna()
    assert set(compared["visit"][alone]) <= {"start"}
    assert set(compared["model"][~alone]) == {"joint"}


def test_outcomes_of_one_patient_go_together_in_the_posterior(joint: Fit) -> None:
    draws = benefits(joint).standardised.sel(visit="week12", arm="active")
    flat = draws.transpose("outcome", ...).to_numpy().reshape(draws.sizes["outcome"], -1)
    r = np.corrcoef(flat)
    assert r[0, 1] > 0.2  # symptoms and score
    assert r[2, 3] > 0.2  # flow and volume
    table = joint_effects(joint)
    every = table[(table["estimand"] == "all_improve") & (table["visit"] == "week12")]
    assert (every["mean"] > every["if_independent"] - 0.02).all()


def test_predicted_means_of_two_outcomes_are_correlated(joint: Fit) -> None:
    predicted = joint.data["posterior_predictive"]["table_0"].sel(moment="mean")
    posterior = joint.data["posterior"].to_dataset()
    residual = predicted - posterior["mean"].stack(series_0=("outcome", "arm")).reset_index(
        "series_0", drop=True
    ).rename(visit="row_0").drop_vars("row_0")
    flat = residual.isel(row_0=0).transpose("series_0", ...).to_numpy().reshape(10, -1)
    expected = float(
        posterior["outcome_correlation"].sel(outcome="flow", outcome_b="volume").mean()
    )
    # series are ordered by outcome, then arm: flow is 4 and 5, volume 6 and 7
    assert np.corrcoef(flat)[4, 6] == pytest.approx(expected, abs=0.12)
    assert np.corrcoef(flat)[4, 7] == pytest.approx(0.0, abs=0.12)


def test_moments_of_the_prior_have_the_prior_sets_scale(joint: Fit) -> None:
    layout = design(joint.study)
    prior = joint.data["prior"].to_dataset()
    assert prior["effect"].std().item() == pytest.approx(2.0, rel=0.05)  # weak
    again = natural_moments(prior, layout, table_spec("joint"))
    np.testing.assert_allclose(again["mean"], prior["mean"])
