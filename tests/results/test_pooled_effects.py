"""Effects between the weeks of studies, mixtures of predictive draws, and priors made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from tests import monte_carlo
from tests.pooled_studies import table_study

from bayesasthma._files.output import write_csv, write_text
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.design import design
from bayesasthma.models.moments import effect_priors
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.results.map_prior import (
    NormalMixture,
    external_rows,
    fit_mixture,
    map_table,
    prior_toml,
)
from bayesasthma.results.pooled_effects import between_weeks
from bayesasthma.study.bundle import load_study

if TYPE_CHECKING:
    from pathlib import Path


def test_between_weeks_is_a_brownian_bridge() -> None:
    rng = np.random.default_rng(0)
    size = (1, 40_000)
    weeks, grid = np.array([4.0, 16.0, 28.0]), np.array([4.0, 7.0, 10.0, 16.0, 28.0])
    walk = np.broadcast_to(np.array([1.0, 3.0, -1.0]), (*size, 3))
    found = between_weeks(walk, weeks, np.full(size, 0.5 / np.sqrt(24)), grid, rng)[0]
    np.testing.assert_array_equal(
        found[:, [0, 3, 4]], np.broadcast_to([1.0, 3.0, -1.0], (size[1], 3))
    )
    assert found[:, 1].mean() == pytest.approx(1.5, abs=5 * 0.5 / np.sqrt(size[1]))
    # of a walk of SD 0.5 in 24 weeks the covariance at v > w is 0.5^2 (w - a)(b - v) / (24 (b - a))
    covariance = np.cov(found[:, 1], found[:, 2])
    expected = 0.25 / (24 * 12) * np.array([[3 * 9, 3 * 6], [3 * 6, 6 * 6]])
    np.testing.assert_allclose(covariance, expected, rtol=0.05)


def test_a_mixture_is_found_again() -> None:
    rng = np.random.default_rng(1)
    first = rng.random(20_000) < 0.7
    draws = np.where(first, rng.normal(0, 1, 20_000), rng.normal(4, 2, 20_000))
    found = fit_mixture(draws)
    assert len(found.weight) == 2
    np.testing.assert_allclose(found.weight, [0.7, 0.3], atol=0.03)
    np.testing.assert_allclose(found.mean, [0, 4], atol=0.15)
    np.testing.assert_allclose(found.sd, [1, 2], atol=0.1)
    assert found.moments()[0] == pytest.approx(draws.mean(), abs=1e-3)
    assert found.moments()[1] == pytest.approx(draws.std(), rel=1e-3)


def test_no_component_is_narrower_than_a_thousandth_of_the_draws_spread() -> None:
    draws = np.concatenate([np.zeros(400), np.linspace(-1, 1, 401)])
    assert min(fit_mixture(draws).sd) == pytest.approx(1e-3 * draws.std(), rel=1e-6)


def test_normal_draws_need_one_component() -> None:
    draws = np.random.default_rng(2).normal(1.5, 0.3, 6000)
    found = fit_mixture(draws)
    assert len(found.weight) == 1
    assert found.mean[0] == pytest.approx(draws.mean())
    assert found.sd[0] == pytest.approx(draws.std())


def dataset(direction: int = 1, unit: str = "points") -> xr.Dataset:
    rng = np.random.default_rng(3)
    shape = (2, 500, 1)
    return xr.Dataset(
        {"predictive_effect": (("chain", "draw", "week"), rng.normal(2.0, 1.5, shape))},
        {"week": [12.0], "study": ["a", "b"]},
        {"outcome": "score", "unit": unit, "scale": 10.0, "direction": direction, "log": 0},
    )


@pytest.mark.parametrize("direction", [1, -1])
def test_fits_take_the_predictive_effect_as_their_prior(tmp_path: Path, direction: int) -> None:
    data = dataset(direction)
    mixture, rows = map_table(data, 12.0)
    assert rows["weight"].sum() == pytest.approx(1)
    mean, sd = mixture.moments()
    found = {"score": (mixture, data, 12.0)}
    table_study(tmp_path / "new")
    file = tmp_path / "new" / "outcomes.csv"
    words = {1: "higher", -1: "lower"}
    file.write_text(file.read_text(encoding="utf-8").replace("higher", words[direction]))
    write_csv(external_rows(found), tmp_path / "new" / "external.csv")
    study = load_study(tmp_path / "new")
    layout = design(study)
    (scale,) = layout.scale
    write_text(prior_toml(found), tmp_path / "map.toml")
    for name in ("external:0.8", str(tmp_path / "map.toml")):
        (prior,) = effect_priors(layout, table_spec("longitudinal", prior_set(name)))
        informative, vague = prior.components
        assert informative.location * scale == pytest.approx(mean, rel=1e-5)
        assert informative.scale * scale == pytest.approx(sd, rel=1e-5)
        assert informative.weight == pytest.approx(0.8)
        assert (vague.location, vague.scale) == pytest.approx((0.0, 2.0), rel=1e-3)
    options = SamplerOptions(draws=20, tune=50, chains=2, seed=monte_carlo.seeded())
    fit = fit_table(study, table_spec("longitudinal", "external:0.8"), options)
    assert fit.prior == "external:0.8"


def test_outcomes_in_baseline_sds_have_no_row_of_external_evidence() -> None:
    data = dataset(unit="baseline SD").assign_attrs(scale=1.0)
    found = {"score": (NormalMixture((1.0,), (0.2,), (0.1,)), data, 12.0)}
    assert external_rows(found).empty
    assert 'unit = "sd"' in prior_toml(found)
