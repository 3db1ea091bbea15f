"""Readings of a table: log-normal patients and standard errors printed as SDs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.bundles import patient_level, three_arms
from tests.monte_carlo import ERRORS, seeded

import bayesasthma as ba
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.design import design
from bayesasthma.results.effect_table import benefit_draws, effects, outcome_arrays
from bayesasthma.study.readings import (
    Reading,
    log_correlation,
    log_moments,
    read_as,
    skewed_outcomes,
)

if TYPE_CHECKING:
    from pathlib import Path

LOG = Reading(scale="log")


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


def cell(study: ba.Study, outcome: str, variable: str) -> np.ndarray:
    values: np.ndarray = (
        study.table[variable].sel(outcome=outcome, statistic="level", visit="week48").to_numpy()
    )
    return values


# ----------------------------------------------------------------------------- numbers


@given(mean=st.floats(0.05, 500), spread=st.floats(0.01, 2))
def test_moments_are_those_of_the_log_normal_with_that_mean_and_sd(
    mean: float, spread: float
) -> None:
    log_mean, log_sd, *_ = log_moments(*map(np.array, (mean, spread * mean, 0.0, 0.0)))
    exact = stats.lognorm(s=float(log_sd), scale=float(np.exp(log_mean)))
    assert exact.mean() == pytest.approx(mean, rel=1e-9)
    assert exact.std() == pytest.approx(spread * mean, rel=1e-9)


@given(mean=st.floats(5, 100), sd=st.floats(1, 50), step=st.sampled_from([0.1, 0.01]))
def test_rounding_units_are_those_of_the_errors_they_cause(
    mean: float, sd: float, step: float
) -> None:
    *_, mean_step, sd_step = log_moments(*map(np.array, (mean, sd, step, step)))
    rng = np.random.default_rng(seeded(0))
    error = rng.uniform(-0.5, 0.5, size=(2, 40_000)) * step
    zero = np.zeros(error.shape[1])
    moved_mean, moved_sd, *_ = log_moments(mean + error[0], sd + error[1], zero, zero)
    # a uniform error of width w has the SD w / sqrt(12)
    # errors of 40,000 draws, and what the map is not linear in
    close = ERRORS / np.sqrt(2 * error.shape[1]) + 0.01
    assert moved_mean.std() * np.sqrt(12) == pytest.approx(float(mean_step), rel=close)
    assert moved_sd.std() * np.sqrt(12) == pytest.approx(float(sd_step), rel=close)


def test_correlation_of_logarithms_inverts_the_log_normal_formula() -> None:
    rho, s1, s2 = 0.6, 0.5, 0.8
    cv1, cv2 = (np.sqrt(np.expm1(s**2)) for s in (s1, s2))
    printed = np.expm1(rho * s1 * s2) / (cv1 * cv2)
    assert log_correlation(printed, cv1, cv2) == pytest.approx(rho, abs=1e-12)
    with pytest.raises(UsageError, match="no log-normal patients"):
        log_correlation(-0.99, 2.0, 2.0)


# ----------------------------------------------------------------------------- studies


def test_the_printed_table_is_the_study_itself(study: ba.Study) -> None:
    assert read_as(study, Reading()) is study
    assert Reading().label == ""


def test_log_reading_of_inflammation_and_ige(study: ba.Study) -> None:
    assert set(skewed_outcomes(study)) == {"feno", "eos", "total_ige", "specific_ige"}
    read = read_as(study, LOG)
    assert set(read.log_outcomes) == set(skewed_outcomes(study))
    mean, sd = cell(study, "feno", "mean"), cell(study, "feno", "sd")
    np.testing.assert_allclose(
        np.exp(cell(read, "feno", "mean") + cell(read, "feno", "sd") ** 2 / 2), mean
    )
    assert read.outcomes.loc["feno", "unit"] == "log ppb"
    np.testing.assert_array_equal(cell(read, "act", "sd"), cell(study, "act", "sd"))
    assert (sd > 0).all()
    assert study.log_outcomes == []  # the study did not change
    assert read.checksums != study.checksums
    assert read.reading == "log"
    with pytest.raises(UsageError, match="already"):
        read_as(read, LOG)


def test_standard_errors_become_sds(study: ba.Study) -> None:
    read = read_as(study, Reading.parse(None, "se:fev1,pef"))
    n = cell(study, "fev1", "n")
    np.testing.assert_allclose(cell(read, "fev1", "sd"), cell(study, "fev1", "sd") * np.sqrt(n))
    np.testing.assert_allclose(
        cell(read, "fev1", "sd_step"), cell(study, "fev1", "sd_step") * np.sqrt(n)
    )
    np.testing.assert_array_equal(cell(read, "fev1", "mean"), cell(study, "fev1", "mean"))
    np.testing.assert_array_equal(cell(read, "act", "sd"), cell(study, "act", "sd"))
    both = read_as(study, Reading.parse("log:feno", "se"))
    assert both.reading == "log_feno-se"
    wide = cell(study, "feno", "sd") * np.sqrt(cell(study, "feno", "n"))
    expected, *_ = log_moments(cell(study, "feno", "mean"), wide, wide * 0, wide * 0)
    np.testing.assert_allclose(cell(both, "feno", "mean"), expected)


@pytest.mark.parametrize(
    ("scale", "dispersion", "message"),
    [
        ("sqrt", None, "unknown scale 'sqrt'"),
        ("log:", None, "name outcomes"),
        ("identity:feno", None, "only for the scale 'log'"),
        (None, "variance", "unknown dispersion"),
        ("log:nonsense", None, "unknown outcome 'nonsense'"),
        (None, "se:nonsense", "unknown outcome 'nonsense'"),
    ],
)
def test_what_cannot_be_read_is_refused(
    study: ba.Study, scale: str | None, dispersion: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_as(study, Reading.parse(scale, dispersion))


def test_changes_beside_levels_become_correlations_and_changes_alone_are_refused(
    tmp_path: Path,
) -> None:
    study = ba.load_study(str(three_arms(tmp_path / "three")))
    with pytest.raises(UsageError, match="suits the log scale"):
        read_as(study, LOG)
    read = read_as(study, Reading.parse("log:symptoms"))
    assert read.table["mean"].sel(outcome="symptoms", statistic="change").isnull().all()
    own = read.correlations[read.correlations["outcome"] == "symptoms"]
    assert len(own) == 6
    assert own["correlation"].between(0.1, 0.95).all()
    pinned = [table for table in design(read).tables if 0 in table.outcome]
    assert any(table.pinned.any() for table in pinned)
    folder = three_arms(tmp_path / "changes")
    text = (folder / "summaries.csv").read_text().splitlines()
    kept = [row for row in text if not row.startswith("symptoms,low,week8,level")]
    (folder / "summaries.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(UsageError, match="symptoms: a change from baseline"):
        read_as(ba.load_study(str(folder)), Reading.parse("log:symptoms"))


def test_patients_are_logged_themselves(tmp_path: Path) -> None:
    study = ba.load_study(str(patient_level(tmp_path / "patients")))
    read = read_as(study, Reading.parse("log:flow"))
    assert read.patients is not None
    assert study.patients is not None
    np.testing.assert_allclose(read.patients["flow"], np.log(study.patients["flow"]))
    one = read.patients.query("arm == 'control' and visit == 'start'")["flow"]
    assert float(
        read.table["mean"].sel(outcome="flow", arm="control", visit="start", statistic="level")
    ) == pytest.approx(one.mean())
    with pytest.raises(UsageError, match="patient-level"):
        read_as(study, Reading(dispersion="se"))


# ----------------------------------------------------------------------------- estimands


def fake_fit(study: ba.Study) -> Fit:
    """A fit whose posterior is known: independent normal draws of each mean, no correlation."""
    rng = np.random.default_rng(4)
    coords = {
        "outcome": list(study.outcomes.index),
        "arm": list(study.arms.index),
        "visit": list(study.visits.index),
    }
    level = study.table.sel(statistic="level")
    shape = (2, 500, *(len(values) for values in coords.values()))
    dims = ("chain", "draw", *coords)
    centre, sd = (level[name].transpose(*coords).to_numpy() for name in ("mean", "sd"))
    draws = centre + 0.3 * sd * rng.standard_normal(shape)
    posterior = xr.Dataset(
        {"mean": (dims, draws), "sd": (dims, np.broadcast_to(sd, shape).copy())}, coords
    )
    n = xr.Dataset({"n": ("arm", study.arms["n"].to_numpy(float))}, {"arm": coords["arm"]})
    tree = xr.DataTree.from_dict({"posterior": posterior, "constant_data": n})
    return Fit(study, "fake", "independent", "reference", tree, {})


def test_effects_are_ratios_of_geometric_means_judged_by_a_relative_mcid(study: ba.Study) -> None:
    fit = fake_fit(read_as(study, Reading.parse("log:feno,total_ige")))
    table = effects(fit).query("visit == 'week48'").set_index(["estimand", "outcome"])
    draws = fit.moments["mean"].sel(outcome="feno", visit="week48")
    ratio = np.exp(draws.isel(arm=1) - draws.isel(arm=0)).to_numpy()
    row = table.loc["ratio_geometric_means", "feno"]
    assert row["mean"] == pytest.approx(ratio.mean())
    assert row["ci_low"] == pytest.approx(np.quantile(ratio, 0.025))
    assert (row["unit"], row["mcid_kind"]) == ("ratio", "relative")
    assert row["mcid"] == pytest.approx(0.2)
    assert row["p_benefit"] == pytest.approx((ratio < 1).mean())
    assert row["p_benefit_gt_mcid"] == pytest.approx((ratio < 0.8).mean())
    assert row["p_harm_gt_mcid"] == pytest.approx((ratio > 1 / 0.8).mean())
    own = table.loc["difference", "feno"]
    assert own["unit"] == "log ppb"
    assert own["mcid"] == pytest.approx(-np.log(0.8))
    for name in ("p_benefit", "p_benefit_gt_mcid", "ess_bulk"):
        assert own[name] == row[name]
    # no direction of IgE is a benefit, and outcomes on their own scale have no ratio
    assert np.isnan(table.loc[("ratio_geometric_means", "total_ige"), "p_benefit"])
    assert ("ratio_geometric_means", "act") not in table.index
    benefit = benefit_draws(fit, "feno", "week48", "ratio_geometric_means")
    assert float((benefit > 0.2).mean()) == row["p_benefit_gt_mcid"]


def test_an_absolute_mcid_becomes_a_ratio_to_the_control_arms_level(study: ba.Study) -> None:
    read = read_as(study, Reading.parse("log:act"))
    direction, mcid, relative = outcome_arrays(read, np.array(["act"]))
    level = read.table["mean"].sel(
        outcome="act", arm=read.control, visit="baseline", statistic="level"
    )
    assert float(mcid[0]) == pytest.approx(np.log1p(3 / np.exp(float(level))))
    assert not bool(relative[0])
    assert float(direction[0]) == 1
    layout = design(read, ["act"])
    # a prior takes it as a share of the mean over all patients, and favours no arm
    cell = read.table.sel(outcome="act", visit="baseline", statistic="level")
    usual = np.average(cell["mean"], weights=cell["n"])
    assert layout.target[0] == pytest.approx(np.log1p(3 / np.exp(usual)) / layout.scale[0])
