"""The pooled model against closed forms, one study's own model and a mixed model of patients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests import monte_carlo
from tests.pooled_studies import one_visit_study, patient_study, table_study

from bayesasthma.errors import UsageError
from bayesasthma.inference import pooling as inference
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.pooling import (
    ACCEPTANCE,
    leave_one_out,
    pool_outcome,
    shared_outcomes,
)
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.pooling.data import Source
from bayesasthma.pooling.model import PooledSpec
from bayesasthma.priors.heterogeneity import heterogeneity_prior
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.results.effect_table import estimand_draws
from bayesasthma.results.pooled_effects import pooled_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import xarray as xr

    from bayesasthma.study.study import Study

OPTIONS = SamplerOptions(
    draws=2000, tune=500, chains=2, seed=monte_carlo.seeded(), target_accept=ACCEPTANCE
)


def pooled(
    studies: Sequence[Study], spec: PooledSpec | None = None, options: SamplerOptions = OPTIONS
) -> xr.Dataset:
    sources = {study.name: Source("score") for study in studies}
    fit = pool_outcome("score", studies, sources, spec, options)
    assert not fit.gate.divergences
    return pooled_dataset(fit)


def quadrature(
    estimate: np.ndarray, error: np.ndarray, scale: float, wide: float
) -> tuple[float, float, float, float]:
    """Mean and SD of the mean effect, mean of tau and SD of a new effect, by sums over tau.

    Half-normal tau of this scale, Normal(0, wide^2) mean (Roever 2020, J Stat Softw 93(6), 2.4).
    """
    tau = np.linspace(1e-6, 8 * scale, 4001)
    total = error**2 + tau[:, None] ** 2
    precision = (1 / total).sum(axis=1) + 1 / wide**2
    mean = (estimate / total).sum(axis=1) / precision
    # marginal of the estimates given tau, the mean effect integrated out
    log = -0.5 * np.log(total).sum(axis=1) - 0.5 * np.log(precision)
    log -= 0.5 * ((estimate**2 / total).sum(axis=1) - precision * mean**2)
    weight = np.exp(log - log.max() - 0.5 * (tau / scale) ** 2)
    weight /= weight.sum()
    centre = (weight * mean).sum()
    variance = (weight * (1 / precision + (mean - centre) ** 2)).sum()
    tau_mean = (weight * tau).sum()
    new = variance + (weight * tau**2).sum()
    return float(centre), float(np.sqrt(variance)), float(tau_mean), float(np.sqrt(new))


@pytest.mark.slow
def test_one_visit_of_many_patients_gives_the_normal_normal_model(tmp_path: Path) -> None:
    differences = np.array([2.0, 4.5, 1.0, 6.0])
    n = np.array([4000, 3000, 5000, 3500])
    studies = [
        one_visit_study(tmp_path / f"s{i}", int(size), value)
        for i, (size, value) in enumerate(zip(n, differences, strict=True))
    ]
    found = pooled(
        studies, replace(PooledSpec(), heterogeneity=heterogeneity_prior("half-normal(0.2)"))
    )
    error = 10 * np.sqrt(2 / n)
    centre, sd, tau, new = quadrature(differences, error, 2.0, 20.0)
    mean = found["mean_effect"].isel(week=0)
    monte_carlo.assert_agree(monte_carlo.mean(mean), centre, "mean")
    monte_carlo.assert_agree(monte_carlo.sd(mean), sd, "sd", share=0.25)
    monte_carlo.assert_agree(monte_carlo.mean(found["heterogeneity"].isel(week=0)), tau, "tau")
    predictive = found["predictive_effect"].isel(week=0)
    monte_carlo.assert_agree(monte_carlo.sd(predictive), new, "predictive", share=0.3)


@pytest.mark.slow
def test_patients_alike_in_all_studies_give_their_mixed_model(tmp_path: Path) -> None:
    """Without heterogeneity: generalised least squares of all patients, REML covariance."""
    studies = [patient_study(tmp_path / f"p{k}", 80, (4.0, 6.0), 20 + k) for k in range(3)]
    spec = replace(PooledSpec(), heterogeneity=heterogeneity_prior("half-normal(0.0001)"))
    found = pooled(studies, spec)
    estimates, precisions = [], []
    for study in studies:
        wide = study.patients.pivot(index=["arm", "patient"], columns="visit", values="score")  # type: ignore[union-attr]
        values = wide[["start", "week12", "week24"]]
        control, active = (values.loc[arm].to_numpy() for arm in ("control", "active"))
        centred = np.concatenate([control - control.mean(axis=0), active - active.mean(axis=0)])
        covariance = centred.T @ centred / (len(centred) - 2)
        difference = active.mean(axis=0) - control.mean(axis=0)
        slope = covariance[1:, 0] / covariance[0, 0]
        estimates.append(difference[1:] - slope * difference[0])
        rest = covariance[1:, 1:] - np.outer(slope, covariance[0, 1:])
        precisions.append(np.linalg.inv(rest * (1 / len(control) + 1 / len(active))))
    estimate, spread = under_the_walk(
        np.array(estimates), np.array(precisions), float(found.attrs["scale"])
    )
    for k in range(2):
        draws = found["mean_effect"].isel(week=k)
        # what is left is that the covariances are not known, and have priors of their own
        assert abs(float(draws.mean()) - estimate[k]) < 0.12 * spread[k]
        assert float(draws.std()) == pytest.approx(spread[k], rel=0.08)


def under_the_walk(
    estimates: np.ndarray, precisions: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD of the effects at weeks 12 and 24 from estimates (study, week) in a given unit.

    Normal likelihood; the prior of the first effect and of the walk, whose scale is summed over.
    """
    data = precisions.sum(axis=0)
    pull = np.einsum("sij,sj->i", precisions, estimates)
    score = np.linspace(-5, 5, 401)
    weights, means, covariances = [], [], []
    for omega in 0.25 * np.exp(0.5 * score):
        first, step = (2 * unit) ** 2, (omega * unit) ** 2 * 12 / 24
        prior = np.linalg.inv(np.array([[first, first], [first, first + step]]))
        covariance = np.linalg.inv(data + prior)
        means.append(covariance @ pull)
        covariances.append(covariance)
        # the marginal likelihood, up to what the walk's scale does not change
        weights.append(
            0.5 * (np.linalg.slogdet(prior)[1] + np.linalg.slogdet(covariance)[1])
            + 0.5 * pull @ covariance @ pull
        )
    weight = np.exp(np.array(weights) - max(weights) - 0.5 * score**2)
    weight /= weight.sum()
    mean = weight @ np.array(means)
    second = np.einsum("o,oij->ij", weight, np.array(covariances))
    second += np.einsum("o,oi,oj->ij", weight, np.array(means) - mean, np.array(means) - mean)
    return mean, np.sqrt(np.diag(second))


@pytest.mark.slow
def test_one_study_of_patients_gives_its_longitudinal_fit(tmp_path: Path) -> None:
    study = patient_study(tmp_path / "p", 60, (3.0, 5.0), 5, missing=0.1)
    # a heterogeneity of about one baseline SD leaves the study's effects as free as they are alone
    spec = replace(PooledSpec(), heterogeneity=heterogeneity_prior("log-normal(0, 0.1)"))
    fit = pool_outcome("score", [study], {"p": Source("score")}, spec, OPTIONS)
    found = pooled_dataset(fit)["study_effect"].isel(study=0)
    own = fit_table(study, "longitudinal", OPTIONS)
    expected = estimand_draws(own, ["adjusted_difference"])["adjusted_difference"]
    for k in range(2):
        alone = expected.isel(outcome=0, arm=0, visit=k)
        spread = float(alone.std())
        assert abs(float(found.isel(week=k).mean() - alone.mean())) < 0.12 * spread
        assert float(found.isel(week=k).std()) == pytest.approx(spread, rel=0.1)


@pytest.mark.slow
def test_a_study_with_sds_of_change_informs_the_correlation_of_one_without(tmp_path: Path) -> None:
    bare = table_study(tmp_path / "bare")
    told = table_study(tmp_path / "told", 200, change_sd=5.0)
    other = table_study(tmp_path / "other", 201, change_sd=5.0)
    alone = pooled([bare])["rho"].sel(study="bare")
    # an SD of change of 5 beside levels of 10: a correlation of 0.875
    together = pooled([bare, told, other])["rho"].sel(study="bare")
    assert float(together.std()) < 0.85 * float(alone.std())
    assert float(together.mean()) > float(alone.mean()) + 0.5 * float(alone.std())


@pytest.mark.slow
def test_arms_exchanged_turn_the_effect_round(tmp_path: Path) -> None:
    sizes = (40, 41)
    found, turned = (
        pooled([table_study(tmp_path / f"{swap}{n}", n, swapped=swap) for n in sizes])
        for swap in (False, True)
    )
    for name in ("mean_effect", "predictive_effect"):
        monte_carlo.assert_agree(
            monte_carlo.mean(found[name].isel(week=0)),
            monte_carlo.mean(-turned[name].isel(week=0)),
            name,
            share=0.3,
        )


@pytest.mark.slow
def test_effects_come_back_in_the_unit(tmp_path: Path) -> None:
    def of(times: float) -> xr.Dataset:
        root = tmp_path / f"x{times:g}"
        root.mkdir()
        return pooled([table_study(root / f"s{n}", n, times=times) for n in (40, 50)])

    plain, larger = of(1.0), of(1000.0)
    assert larger.attrs["scale"] == pytest.approx(1000 * plain.attrs["scale"])
    for name in ("mean_effect", "heterogeneity"):
        for week in plain["week"].to_numpy():
            monte_carlo.assert_agree(
                monte_carlo.mean(larger[name].sel(week=week) / 1000),
                monte_carlo.mean(plain[name].sel(week=week)),
                f"{name} at {week}",
                share=0.4,
            )


def test_left_out_studies_leave_the_others(tmp_path: Path) -> None:
    studies = [table_study(tmp_path / f"s{n}", n) for n in (40, 50)]
    options = replace(OPTIONS, draws=50, tune=50)
    sources = {study.name: Source("score") for study in studies}
    fit = pool_outcome("score", studies, sources, options=options)
    rest = leave_one_out(fit, options)
    assert {name: own.design.names for name, own in rest.items()} == {
        "s40": ("s50",),
        "s50": ("s40",),
    }


def test_a_saved_pool_is_not_resumed_once_the_model_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = [one_visit_study(tmp_path / f"s{n}", n, 2.0) for n in (40, 50)]
    sources = {study.name: Source("score") for study in studies}
    options = replace(OPTIONS, draws=20, tune=50)

    def resumed() -> bool:
        fit = pool_outcome("score", studies, sources, options=options, folder=tmp_path)
        return not fit.seconds

    assert [resumed(), resumed()] == [False, True]
    monkeypatch.setattr(inference, "_source", lambda: [["another model"]])
    assert not resumed()


def test_what_cannot_be_pooled_is_refused(tmp_path: Path) -> None:
    first = one_visit_study(tmp_path / "first", 30, 1.0)
    down = one_visit_study(tmp_path / "down", 30, 1.0, direction="lower")
    both = {name: Source("score") for name in ("first", "down")}
    with pytest.raises(
        UsageError, match=r"direction of benefit differs.*first: higher, down: lower"
    ):
        pool_outcome("score", [first, down], both)
    with pytest.raises(UsageError, match="two studies are named 'first'"):
        shared_outcomes([first, first])
    with pytest.raises(UsageError, match="'first' and 'again' are the same study"):
        shared_outcomes([first, replace(first, name="again")])
    with pytest.raises(UsageError, match="two studies or more, not 1"):
        shared_outcomes([first])
    with pytest.raises(UsageError, match="unknown outcome 'other'; the study has score"):
        pool_outcome("x", [first], {"first": Source("other")})
    with pytest.raises(UsageError, match="'high' is no treated arm; there are active"):
        pool_outcome("x", [first], {"first": Source("score", arms=("high",))})
    with pytest.raises(UsageError, match="draws on the external evidence of one study"):
        pool_outcome(
            "score", [first], {"first": Source("score")}, PooledSpec(prior_set("external"))
        )
