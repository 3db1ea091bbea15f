"""The joint model from bundle to joint.csv, and beside the longitudinal model."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from tests import bundles, monte_carlo
from tests.monte_carlo import ERRORS, Estimate, assert_agree, seeded

from bayesasthma.assembly import natural_moments
from bayesasthma.bundle import load_study
from bayesasthma.comparison import compare
from bayesasthma.effect_table import effects
from bayesasthma.fitting import Fit, fit_table
from bayesasthma.joint_estimands import benefits, joint_effects
from bayesasthma.models.specification import table_spec
from bayesasthma.sampling import SamplerOptions
from bayesasthma.series import design

FEW = SamplerOptions(draws=800, tune=400, chains=2, seed=seeded())


def correlation(a: xr.DataArray, b: xr.DataArray) -> Estimate:
    """Of draws (chain, draw)."""
    product = (a - a.mean()) / a.std() * (b - b.mean()) / b.std()
    return monte_carlo.mean(product)


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    study = load_study(bundles.complete(tmp_path_factory.mktemp("complete") / "study"))
    return fit_table(study, "joint", FEW)


def test_every_group_and_quantity_is_there_and_finite(joint: Fit) -> None:
    assert joint.gate.divergences < 16  # one in a hundred
    assert joint.gate.r_hat < 1.1  # the largest of some hundreds, of few draws
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
    assert set(compared["model"]) == {"joint"}


def test_outcomes_of_one_patient_go_together_in_the_posterior(joint: Fit) -> None:
    draws = benefits(joint).standardised.sel(visit="week12", arm="active")
    for pair in (("symptoms", "score"), ("flow", "volume")):
        r = correlation(*(draws.sel(outcome=name) for name in pair))
        assert r.value > ERRORS * r.error, pair
    table = joint_effects(joint)
    every = table[(table["estimand"] == "all_improve") & (table["visit"] == "week12")]
    assert (every["mean"] > every["if_independent"] - ERRORS * every["mcse"]).all()


def test_predicted_means_of_two_outcomes_are_correlated(joint: Fit) -> None:
    predicted = joint.data["posterior_predictive"]["table_0"].sel(moment="mean")
    posterior = joint.data["posterior"].to_dataset()
    residual = predicted - posterior["mean"].stack(series_0=("outcome", "arm")).reset_index(
        "series_0", drop=True
    ).rename(visit="row_0").drop_vars("row_0")
    series = residual.isel(row_0=0)
    expected = posterior["outcome_correlation"].sel(outcome="flow", outcome_b="volume")
    # series are ordered by outcome, then arm: flow is 4 and 5, volume 6 and 7
    within, across = (correlation(series.isel(series_0=4), series.isel(series_0=k)) for k in (6, 7))
    assert_agree(within, monte_carlo.mean(expected))
    assert_agree(across, 0.0)
    assert within.value > ERRORS * within.error


def test_moments_of_the_prior_have_the_prior_sets_scale(joint: Fit) -> None:
    layout = design(joint.study)
    prior = joint.data["prior"].to_dataset()
    square = (prior["effect"] ** 2).mean(("outcome", "treated", "follow_up"))
    assert_agree(Estimate.of(square.to_numpy().ravel()), 2.0**2, share=0.2)  # weak
    again = natural_moments(prior, layout, table_spec("joint"))
    np.testing.assert_allclose(again["mean"], prior["mean"])
