"""Intervals stay as printed beside the SDs taken from them; an SD may be printed as 0."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesasthma.auditing.printed_intervals import printed_intervals
from bayesasthma.study.bundle import load_study

CASES = Path(__file__).parents[1] / "reference" / "cases"


def test_intervals_are_kept_as_printed() -> None:
    study = load_study(CASES / "lopsided-interval")
    frame = study.intervals
    assert len(frame) == 2
    row = frame[frame["arm"] == "tertile2"].iloc[0]
    assert (row["statistic"], row["visit"]) == ("change", "end")
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (-0.016, -0.040, -0.008)
    assert (row["estimate_step"], row["ci_low_step"]) == (0.001, 0.001)
    interval = printed_intervals(study)["fluency", "tertile2", "end", "change"]
    assert interval.arms == pytest.approx((0.024, 0.008))
    assert interval.lopsided
    assert interval.excludes(0.0) is True
    assert interval.excludes(-0.02) is False
    assert interval.excludes(-0.0402) is None
    assert not printed_intervals(study)["fluency", "tertile1", "end", "change"].lopsided


def test_without_intervals_there_are_none() -> None:
    assert load_study("liu2025").intervals.empty


def test_an_sd_of_zero_keeps_its_rounding_step() -> None:
    cell = load_study(CASES / "sd-printed-zero").table.sel(arm="company", statistic="level")
    assert float(cell["sd"].squeeze()) == 0.0
    assert float(cell["sd_step"].squeeze()) == 0.01
