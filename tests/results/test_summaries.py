"""Summaries of draws: probabilities are means over draws, their errors honest at 0 and 1."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.comparison.quotes import decimals
from bayesasthma.results.summaries import format_probability, probability_mcse, summarise


def normal(location: list[float], seed: int = 0) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((4, 1000, len(location))) + location
    return xr.DataArray(
        values, {"outcome": list("abc")[: len(location)]}, ("chain", "draw", "outcome")
    )


def test_probabilities_are_means_over_draws() -> None:
    draws = normal([0.5, -1.0, 0.0])
    sign = xr.DataArray([1.0, -1.0, 0.0], {"outcome": list("abc")}, "outcome")
    table = summarise(draws, sign, 0.7)
    values = draws.to_numpy().reshape(-1, 3)
    a, b, c = (table.loc[name] for name in "abc")
    assert a["p_benefit"] == (values[:, 0] > 0).mean()
    assert b["p_benefit"] == (values[:, 1] < 0).mean()
    assert b["p_benefit_gt_mcid"] == (values[:, 1] < -0.7).mean()
    assert b["p_harm_gt_mcid"] == (values[:, 1] > 0.7).mean()
    assert a["p_within_mcid"] == (abs(values[:, 0]) < 0.7).mean()
    total = table[["p_benefit_gt_mcid", "p_harm_gt_mcid", "p_within_mcid"]].sum(axis=1)
    assert total[["a", "b"]].tolist() == pytest.approx([1.0, 1.0])
    assert np.isnan(c["p_benefit"])
    assert c["p_positive"] == (values[:, 2] > 0).mean()
    np.testing.assert_allclose(a[["ci_low", "ci_high"]], np.quantile(values[:, 0], [0.025, 0.975]))


def test_a_threshold_may_vary_by_draw() -> None:
    draws = normal([0.5])
    limit = abs(normal([0.0], seed=1))
    table = summarise(draws, 1.0, limit)
    assert table["p_benefit_gt_mcid"].item() == float((draws > limit).mean())


def test_labels_without_draws_are_left_out() -> None:
    draws = normal([0.5, 0.0]).where(xr.DataArray([True, False], dims="outcome"))
    assert list(summarise(draws, 1.0).index.get_level_values(0)) == ["a"]
    assert summarise(draws.where(False), 1.0).empty


def test_error_of_a_probability_is_calibrated_and_never_zero() -> None:
    estimates, errors = [], []
    for seed in range(200):
        positive = (normal([1.0], seeded(seed)) > 0).astype(float)
        estimates.append(float(positive.mean()))
        errors.append(float(probability_mcse(positive)[0]))
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=ERRORS / np.sqrt(2 * 200))
    certain = (normal([40.0]) > 0).astype(float)
    assert 0 < float(probability_mcse(certain)[0]) < 3 / 4000


@given(st.floats(0, 1), st.floats(1e-5, 0.05))
def test_a_printed_probability_never_claims_more_than_its_error(p: float, mcse: float) -> None:
    text = format_probability(p, mcse)
    number = float(text.lstrip("<> "))
    places = len(text.rpartition(".")[2])
    assert 10.0**-places > 0.6 * mcse
    assert 0 < number < 1 or text in {"0.0", "0.00", "0.000"}
    if text[0] in "<>":
        assert (p < number) if text[0] == "<" else (p > number)
    else:
        assert abs(number - p) <= 0.5 * 10.0**-places + 1e-12


def test_printed_probabilities() -> None:
    assert format_probability(1.0, 0.0002) == "> 0.999"
    assert format_probability(0.0, 0.0002) == "< 0.001"
    assert format_probability(0.97525, 0.003) == "0.98"
    assert format_probability(0.5, 0.0005) == "0.500"
    assert format_probability(0.5, 0.3) == "0.5"  # one digit at least
    assert format_probability(float("nan"), 0.1) == "n/a"


@given(st.floats(1e-6, 1e6))
def test_decimals_show_two_digits_of_the_sd(sd: float) -> None:
    places = decimals(sd)
    assert 0 <= places <= 6
    if 0 < places < 6:
        assert 10 <= sd * 10**places < 100.0001
