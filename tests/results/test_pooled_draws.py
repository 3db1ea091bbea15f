"""From made-up draws of a pooled model's parameters to effects by week, of studies, and alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from tests.bundles import three_arms
from tests.pooled_studies import one_visit_study, patient_study, table_study

from bayesasthma.inference.pooling import PooledFit, _reduced
from bayesasthma.pooling.data import PooledDesign, Source, pooled_design
from bayesasthma.pooling.model import PooledSpec, alone_model, pooled_model
from bayesasthma.results.pooled_effects import alone_dataset, pooled_dataset
from bayesasthma.study.bundle import load_study

if TYPE_CHECKING:
    from pathlib import Path

CHAINS, DRAWS = 2, 4000
GATE = {"fit": "x", "sampled": True, "divergences": 0, "tree_depth_reached": 0, "bfmi": 1.0,
        "r_hat": 1.0, "ess_bulk": 1e3, "ess_tail": 1e3, "worst": "x", "parameters": 1}  # fmt: skip


def two_visits_and_one(folder: Path) -> PooledDesign:
    """Weeks 12 and 24 of a study of patients, week 12 alone of two of tables."""
    studies = [
        patient_study(folder / "p", 20, (3.0, 5.0), 5),
        table_study(folder / "t"),
        one_visit_study(folder / "o", 40, 2.0),
    ]
    return pooled_design("score", studies, {study.name: Source("score") for study in studies})


def fit_of(design: PooledDesign, **posterior: xr.DataArray) -> PooledFit:
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset(posterior), "sample_stats": xr.Dataset()}  # type: ignore[arg-type]
    )
    tree.attrs |= {"gate": json.dumps(GATE), "record": json.dumps({"options": {"seed": 3}})}
    return PooledFit(design, PooledSpec(), "x", tree)


def constant(value: object, *dims: str) -> xr.DataArray:
    value = np.asarray(value, dtype=float)
    return xr.DataArray(
        np.broadcast_to(value, (CHAINS, DRAWS, *value.shape)), dims=("chain", "draw", *dims)
    )


def drawn(design: PooledDesign) -> dict[str, xr.DataArray]:
    """Every parameter of the pooled model at a few points, as draws."""
    model = pooled_model(design, PooledSpec())
    points = [[model.expand(model.initial_point(10 * c + d)) for d in range(3)] for c in range(2)]
    dims = {own.name: own.dims for own in model.variables}
    return {
        name: xr.DataArray(
            np.array([[point[name] for point in chain] for chain in points]),
            dims=("chain", "draw", *dims[name]),
        )
        for name in dims
    }


def test_a_new_study_scatters_by_the_heterogeneity_of_each_week(tmp_path: Path) -> None:
    design = two_visits_and_one(tmp_path)
    assert design.weeks == (12.0, 24.0)
    assert design.reference_week == 12.0
    tau, kappa = np.array([0.2, 0.8]), 0.3
    given = drawn(design) | {
        "mean_effect": constant([0.5, 1.0], "week"),
        "heterogeneity": constant(tau, "week"),
        "walk_scale": constant(1e-9),
        "heterogeneity_walk": constant(1e-9),
        "visit_correlation": constant(kappa),
    }
    size = CHAINS * DRAWS
    given = {name: own if own.sizes["draw"] == DRAWS else constant(own[0, 0], *own.dims[2:])
             for name, own in given.items()}  # fmt: skip
    found = pooled_dataset(fit_of(design, **given), [18.0])
    scale = design.scale
    np.testing.assert_allclose(found["mean_effect"][0, 0] / scale, [0.5, 0.75, 1.0], atol=1e-6)
    # between the weeks log tau is linear in the doublings of the weeks
    share = np.log(19 / 13) / np.log(25 / 13)
    taus = np.array([0.2, 0.2 * 4**share, 0.8])
    np.testing.assert_allclose(found["heterogeneity"][0, 0] / scale, taus, rtol=1e-6)
    apart = (found["predictive_effect"] - found["mean_effect"]).to_numpy().reshape(size, 3) / scale
    np.testing.assert_allclose(apart.std(axis=0), taus, rtol=5 / np.sqrt(2 * size))
    together = np.corrcoef(apart.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(together, kappa, atol=5 / np.sqrt(size))


def test_between_weeks_the_heterogeneity_walks(tmp_path: Path) -> None:
    design = two_visits_and_one(tmp_path)
    given = {name: constant(own[0, 0], *own.dims[2:]) for name, own in drawn(design).items()}
    given["heterogeneity_walk"] = constant(0.4)
    found = pooled_dataset(fit_of(design, **given), [18.0])
    at = np.log(found["heterogeneity"].sel(week=18.0).to_numpy())
    before, after = np.log2(19 / 13), np.log2(25 / 19)
    sd = 0.4 * np.sqrt(before * after / (before + after))
    assert at.std() == pytest.approx(sd, rel=5 / np.sqrt(2 * at.size))


def test_what_a_refit_keeps_is_what_its_effects_are_made_of(tmp_path: Path) -> None:
    design = two_visits_and_one(tmp_path)
    fit = fit_of(design, **drawn(design))
    less = PooledFit(design, fit.spec, "x", _reduced(fit.data))
    assert len(less.data["posterior"].data_vars) < len(fit.data["posterior"].data_vars)
    # between two weeks, too: a study that is left out may have a week of its own there
    found = pooled_dataset(fit, [18.0])
    assert not found["heterogeneity"].isnull().any()
    xr.testing.assert_identical(pooled_dataset(less, [18.0]), found)


@pytest.mark.parametrize("units", ["one", "several"])
def test_a_study_alone_comes_in_the_unit_of_the_pool(tmp_path: Path, units: str) -> None:
    study = load_study(three_arms(tmp_path / "three"))
    other = table_study(tmp_path / "other", unit="points" if units == "one" else "metres")
    sources = {"three": Source("symptoms"), "other": Source("score")}
    if units == "one":
        sources["three"] = Source("symptoms", factor=3.0)
    # symptoms are better lower, the score is better higher
    other = replace(other, outcomes=other.outcomes.assign(direction=-1))
    whole = pooled_design("symptoms", [study, other], sources)
    design = whole.of([0])
    (own,) = design.studies
    model = alone_model(design, PooledSpec())
    points = [model.expand(model.initial_point(seed)) for seed in range(3)]
    given = {
        item.name: xr.DataArray(
            np.array([[point[item.name] for point in points]]), dims=("chain", "draw", *item.dims)
        )
        for item in model.variables
    }
    found = alone_dataset(fit_of(design, **given))
    in_study_unit = given["effect"].to_numpy()[:, :, 0].mean(axis=2) * own.design.scale[0]
    effect = found["study_effect"].sel(study="three").transpose("chain", "draw", "week")
    unit = 3.0 if units == "one" else 1 / own.design.scale[0]
    np.testing.assert_allclose(effect, unit * in_study_unit, rtol=1e-12)
    assert found["week"].to_numpy().tolist() == [4.0, 8.0]
    rho = 1 / (1 + np.exp(-given["logit_rho"].to_numpy()[..., 0]))
    np.testing.assert_allclose(found["rho"].sel(study="three"), rho, rtol=1e-12)
