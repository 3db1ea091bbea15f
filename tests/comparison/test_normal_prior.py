"""A prior as typed, what it is worth, and the usual ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.comparison.normal_prior import (
    NormalPrior,
    is_normal,
    parse_normal,
    worth_in_patients,
    zampieri_presets,
)
from bayesasthma.errors import UsageError

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: float(f"{x:.6g}"))
SIZES = st.floats(1e-6, 1e6).map(lambda x: float(f"{x:.6g}"))


@given(NUMBERS, SIZES, st.sampled_from(["outcome", "sd", "mcid"]))
def test_a_prior_is_read_as_it_is_written(location: float, scale: float, unit: str) -> None:
    prior = NormalPrior(location, scale, unit)  # type: ignore[arg-type]
    assert is_normal(str(prior))
    assert parse_normal(str(prior)) == prior


def test_spaces_and_case_do_not_matter() -> None:
    assert parse_normal(" Normal( -0.5 ,2e0 , SD ) ") == NormalPrior(-0.5, 2.0, "sd")


@pytest.mark.parametrize("text", ["weak", "external:0.8", "my_prior.toml", "normal", "normal 0 2"])
def test_names_and_files_are_no_distributions(text: str) -> None:
    assert not is_normal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("normal(0)", "expected normal"),
        ("normal(0, 1, sd, 3)", "expected normal"),
        ("normal(zero, 1)", "location 'zero' is no number"),
        ("normal(0, wide)", "scale 'wide' is no number"),
        ("normal(0, inf)", "scale 'inf' is not finite"),
        ("normal(nan, 1)", "location 'nan' is not finite"),
        ("normal(0, 0)", "scale 0 is not above 0"),
        ("normal(0, -2)", "scale -2 is not above 0"),
        ("normal(0, 1, points)", "unit 'points'; there are sd, mcid and outcome"),
    ],
)
def test_what_is_wrong_with_a_prior_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError, match="prior 'normal") as error:
        parse_normal(text)
    assert said in str(error.value)


@given(st.floats(0.01, 100), st.floats(2, 1000), st.floats(0.05, 20))
def test_a_prior_is_worth_the_patients_who_would_say_as_much(
    error: float, patients: float, factor: float
) -> None:
    """So many patients with the same SDs have a standard error equal to the prior's scale."""
    scale = error * factor
    worth = worth_in_patients(scale, error, patients)
    assert error * np.sqrt(patients / worth) == pytest.approx(scale)


def test_presets_have_the_chances_that_their_authors_give_them() -> None:
    presets = dict(zampieri_presets(np.log(2), 1.0, -1.0))
    assert len(presets) == 9
    for strength, chance in (("weak", 0.30), ("moderate", 0.15), ("strong", 0.05)):
        hopeful, gloomy = presets[f"optimistic, {strength}"], presets[f"pessimistic, {strength}"]
        assert hopeful.location == pytest.approx(-np.log(2), rel=1e-3)
        assert stats.norm.sf(0, hopeful.location, hopeful.scale) == pytest.approx(chance, abs=1e-3)
        assert stats.norm.cdf(0, gloomy.location, gloomy.scale) == pytest.approx(chance, abs=1e-3)
    doubled = presets["sceptical, moderate"]  # 95 % of odds ratios between a half and two
    assert stats.norm.cdf(np.log(2), 0, doubled.scale) == pytest.approx(0.975, abs=1e-3)
    strong = presets["sceptical, strong"]
    assert stats.norm.cdf(np.log(1.5), 0, strong.scale) == pytest.approx(0.976, abs=2e-3)
