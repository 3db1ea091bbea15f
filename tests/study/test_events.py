"""Studies of events alone, and the direction of benefit of an event."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.bundles import OUTCOME, SUMMARY, write_rows, write_toml

from bayesasthma.auditing import audit
from bayesasthma.errors import Problem, StudyError, UsageError
from bayesasthma.models.design import design
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

COUNTS = ("visit", "reaction", "arm", "events", "n", "direction")
DEATHS = [("day60", "death", "control", 57, 125, ""), ("day60", "death", "ecmo", 44, 124, "")]


def write(folder: Path, rows: list[tuple[object, ...]] | None = None) -> Path:
    """The deaths of the EOLIA trial (Combes et al. 2018, NEJM 378:1965)."""
    write_toml(folder, {"control": 125, "ecmo": 124}, {"day60": 8.5}, None)
    write_rows(folder / "adverse.csv", COUNTS, DEATHS if rows is None else rows)
    return folder


def problems(folder: Path) -> list[Problem]:
    with pytest.raises(StudyError) as caught:
        load_study(folder)
    return list(caught.value.problems)


def test_events_alone_are_a_study(tmp_path: Path) -> None:
    study = load_study(write(tmp_path / "eolia"))
    assert study.outcomes.empty
    assert {"label", "direction", "mcid", "minimum"} <= set(study.outcomes.columns)
    assert study.table["mean"].sizes == {"outcome": 0, "arm": 2, "visit": 1, "statistic": 2}
    assert study.event_directions == {"death": -1}
    assert "outcome" not in repr(study)
    assert "2 adverse-reaction counts" in repr(study)
    assert audit(study).tests.empty
    with pytest.raises(UsageError, match="prints no means and SDs"):
        design(study)


def test_an_outcomes_file_without_rows_changes_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "eolia")
    write_rows(folder / "outcomes.csv", OUTCOME, [])
    study = load_study(folder)
    assert study.outcomes.empty
    assert len(study.adverse) == 2


def test_outcomes_without_summaries_are_still_a_problem(tmp_path: Path) -> None:
    folder = write(tmp_path / "eolia")
    write_rows(folder / "outcomes.csv", OUTCOME, [("act", "ACT", "", "", "higher", "", "", "")])
    (problem,) = problems(folder)
    assert problem.file == "summaries.csv"
    assert "events in adverse.csv" in problem.expected


def test_summaries_beside_events_still_need_their_outcomes(tmp_path: Path) -> None:
    folder = write(tmp_path / "eolia")
    rows = [("act", arm, "day60", "", "", "18.0", "3.0") for arm in ("control", "ecmo")]
    write_rows(folder / "summaries.csv", SUMMARY, rows)
    assert ("outcomes.csv", "this file in the bundle") in [
        (problem.file, problem.expected) for problem in problems(folder)
    ]


def test_a_bundle_of_nothing_is_none(tmp_path: Path) -> None:
    folder = write(tmp_path / "eolia", [])
    (problem,) = problems(folder)
    assert (problem.file, problem.column) == ("adverse.csv", "events")
    (folder / "adverse.csv").unlink()
    assert {problem.file for problem in problems(folder)} == {"outcomes.csv", "summaries.csv"}


@pytest.mark.parametrize(
    ("words", "sign"), [(("higher", "higher"), 1), (("", "none"), 0), (("lower", ""), -1)]
)
def test_a_direction_stated_once_holds_for_all_rows(
    tmp_path: Path, words: tuple[str, str], sign: int
) -> None:
    rows = [(*row[:-1], word) for row, word in zip(DEATHS, words, strict=True)]
    study = load_study(write(tmp_path / "eolia", rows))
    assert study.event_directions == {"death": sign}
    assert list(study.adverse["direction"]) == [sign, sign]
    assert ("adverse-reaction" in repr(study)) == (sign == -1)


def test_two_directions_of_one_event_are_a_problem(tmp_path: Path) -> None:
    rows = [(*DEATHS[0][:-1], "lower"), (*DEATHS[1][:-1], "higher")]
    (problem,) = problems(write(tmp_path / "eolia", rows))
    assert (problem.file, problem.row, problem.column) == ("adverse.csv", 3, "direction")
    assert problem.value == "higher"
    assert "row 2 has lower" in problem.expected


def test_a_direction_that_is_no_word_for_one_is_a_problem(tmp_path: Path) -> None:
    rows = [(*DEATHS[0][:-1], "better"), DEATHS[1]]
    (problem,) = problems(write(tmp_path / "eolia", rows))
    assert (problem.column, problem.value) == ("direction", "better")


def test_an_event_may_be_primary(tmp_path: Path) -> None:
    folder = write(tmp_path / "eolia")
    file = folder / "study.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(f'{text}[methods]\nprimary = "death"\n', encoding="utf-8")
    assert load_study(folder).methods["primary"] == "death"
    file.write_text(f'{text}[methods]\nprimary = "deaths"\n', encoding="utf-8")
    (problem,) = problems(folder)
    assert problem.expected == "ids among death"


def test_the_bundled_study_has_reactions_alone(tmp_path: Path) -> None:
    study: Study = load_study("liu2025")
    assert set(study.event_directions.values()) == {-1}
    assert np.issubdtype(study.adverse["direction"].dtype, np.integer)
