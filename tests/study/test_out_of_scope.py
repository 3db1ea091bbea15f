"""Designs and scales that the models are not made for are refused at the door, with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bundles import complete

from bayesasthma.errors import StudyError
from bayesasthma.study.bundle import load_study


def with_design(folder: Path, design: str) -> Path:
    path = complete(folder) / "study.toml"
    path.write_text(path.read_text().replace('design = "Simulated"', f'design = "{design}"'))
    return folder


@pytest.mark.parametrize(
    "design",
    ["Randomised crossover trial", "Double-blind, cross-over", "two-period cross over design"],
)
def test_a_crossover_is_refused(tmp_path: Path, design: str) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(with_design(tmp_path, design))
    (problem,) = caught.value.problems
    assert (problem.file, problem.column, problem.value) == ("study.toml", "design", design)
    assert "same patients" in problem.expected


@pytest.mark.parametrize(
    "design",
    [
        "Randomised, two parallel groups",
        "Parallel groups with crossover to open-label treatment after 24 weeks",
        "Crossover trial, first period",
        "No crossover between arms was allowed",
    ],
)
def test_what_is_no_crossover_passes(tmp_path: Path, design: str) -> None:
    assert load_study(with_design(tmp_path, design)).design == design


@pytest.mark.parametrize(
    ("label", "unit", "column"),
    [("Dyspnoea (ordinal scale)", "points", "label"), ("Dyspnoea", "grade", "unit")],
)
def test_an_ordinal_scale_is_refused(tmp_path: Path, label: str, unit: str, column: str) -> None:
    path = complete(tmp_path) / "outcomes.csv"
    text = path.read_text().replace("symptoms,Symptoms,points", f"symptoms,{label},{unit}")
    assert label in text
    path.write_text(text)
    with pytest.raises(StudyError) as caught:
        load_study(tmp_path)
    (problem,) = caught.value.problems
    assert (problem.row, problem.column) == (2, column)
    assert "out of scope" in problem.expected


@pytest.mark.parametrize("unit", ["points", "% of upgrade", "gradient", "Class units"])
def test_other_units_pass(tmp_path: Path, unit: str) -> None:
    path = complete(tmp_path) / "outcomes.csv"
    path.write_text(path.read_text().replace("symptoms,Symptoms,points", f"symptoms,S,{unit}"))
    assert load_study(tmp_path).outcomes.loc["symptoms", "unit"] == unit
