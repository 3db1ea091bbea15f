"""Patients who left: as typed, as printed, and as the numbers of a table tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import bundles

import bayesasthma as ba
from bayesasthma.errors import StudyError, UsageError
from bayesasthma.study.left_patients import (
    OF_THE_FILE,
    OF_THE_TABLE,
    STATED,
    left_in_words,
    left_patients,
)
from bayesasthma.study.printed_twice import printed_twice
from bayesasthma.study.study import Study

PAPER = ba.load_study("liu2025")


@pytest.fixture
def paper() -> Study:
    return PAPER


@pytest.fixture
def three(tmp_path: Path) -> Study:
    return ba.load_study(bundles.three_arms(tmp_path / "three"))


@st.composite
def rising(draw: st.DrawFn, most: int) -> list[int]:
    return sorted(draw(st.lists(st.integers(0, most), min_size=3, max_size=3)))


@settings(max_examples=30, deadline=None)
@given(rising(17), rising(18), st.sampled_from(["", " of 25", " of 60"]))
def test_what_is_typed_is_what_is_read(
    control: list[int], treated: list[int], started: str
) -> None:
    study = PAPER
    said = (
        f" Omalizumab + AIT = {', '.join(map(str, treated))}{started};"
        f"AIT={','.join(map(str, control))}"
    )
    found = left_patients(study, said)
    if not any(control + treated):
        assert found is None
        return
    assert found is not None
    assert found.source == STATED
    for outcome in ("act", "fev1_fvc"):
        own = found.left.sel(outcome=outcome)
        assert own.sel(arm="AIT").to_numpy().tolist() == control
        assert own.sel(arm="OMA_AIT").to_numpy().tolist() == treated
        wanted = float(started.rsplit(maxsplit=1)[-1]) if started else 19.0
        assert float(found.started.sel(outcome=outcome, arm="OMA_AIT")) == wanted


def test_shares(paper: Study) -> None:
    found = left_patients(paper, "AIT=0,5%,10 %; OMA_AIT=0%,0,2.5%")
    assert found is not None
    own = found.share.isel(outcome=0)
    assert own.sel(arm="AIT").to_numpy() == pytest.approx([0, 0.05, 0.1])
    assert own.sel(arm="OMA_AIT").to_numpy() == pytest.approx([0, 0, 0.025])
    assert "about 1.8 of 18 (AIT)" in left_in_words(paper, found, "act", "week48", "OMA_AIT")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("AIT=0,1", "3 numbers, one for each of week12, week24, week48, found 2"),
        ("AIT=0,2,1; OMA_AIT=0,0,0", "at week48 1; at least 2, since who has left"),
        ("AIT=0,1,18; OMA_AIT=0,0,0", "fewer than the 18 patients who started"),
        ("AIT=0,1,2", "no numbers of OMA_AIT; OMA_AIT=0,0,0 if nobody left"),
        ("AIT=0,1,2; AIT=0,0,0", "twice"),
        ("OMA=0,1,2", "with ARM among AIT, OMA_AIT, such as 'AIT=0,1,2"),
        ("0,1,2", "ARM=NUMBERS"),
        ("AIT=0,x,2; OMA_AIT=0,0,0", "'x' is no number of patients"),
        ("AIT=0,-1,2; OMA_AIT=0,0,0", "'-1' is no number of patients"),
        ("AIT=0,1,2 of 12; OMA_AIT=0,0,0", "of 12 patients, where study.toml says that 18"),
        ("AIT=0,1,100%; OMA_AIT=0,0,0", "fewer than the 18"),
        ("AIT=; OMA_AIT=0,0,0", "found 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(paper: Study, said: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        left_patients(paper, said)
    assert words in str(error.value)


def test_nobody_left_of_the_paper(paper: Study) -> None:
    assert left_patients(paper) is None
    assert left_patients(paper, "printed") is None


def test_numbers_that_fall(three: Study) -> None:
    found = left_patients(three)
    assert found is not None
    assert found.source == OF_THE_TABLE
    assert found.left.sel(outcome="flow", arm="control").to_numpy().tolist() == [2, 4]
    assert np.isnan(found.left.sel(outcome="flow", arm="high", visit="week8"))
    assert (found.left.sel(outcome="symptoms") == 0).all()
    (note,) = [own for own in printed_twice(three) if "no mean" in own.text]
    assert (note.weight, note.outcome, note.visit) == ("note", "flow", "week8")
    assert "4 of 25 (Control) and 0 of 24 (Low)" in note.text


def test_the_table_has_more_patients_than_would_be_left(three: Study) -> None:
    with pytest.raises(UsageError, match=r"at most 4: summaries\.csv has 21 of 25"):
        left_patients(three, "control=2,5; low=0,0; high=0,0")
    assert left_patients(three, "control=2,4; low=0,1; high=0,0") is not None


HEAD = "arm,visit,left,started\n"
ROWS = {("control", "week4"): "1,", ("control", "week8"): "2,", ("low", "week4"): "0,"}
ROWS |= {("low", "week8"): "3,30", ("high", "week4"): "0,", ("high", "week8"): "0,"}


def with_file(folder: Path, rows: dict[tuple[str, str], str]) -> Path:
    bundles.three_arms(folder)
    lines = [f"{arm},{visit},{rest}\n" for (arm, visit), rest in rows.items()]
    (folder / "missing.csv").write_text(HEAD + "".join(lines), encoding="utf-8")
    return folder


def test_the_file_of_the_bundle(tmp_path: Path) -> None:
    rows = ROWS | {("low", "week4"): "0,30"}
    study = ba.load_study(with_file(tmp_path / "a", rows))
    found = left_patients(study)
    assert found is not None
    assert found.source == OF_THE_FILE
    assert found.left.sel(outcome="symptoms", arm="low").to_numpy().tolist() == [0, 3]
    assert found.started.sel(outcome="symptoms").to_numpy().tolist() == [25, 30, 26]
    # what is typed comes first
    typed = left_patients(study, "control=0,1; low=0,0; high=0,0")
    assert typed is not None
    assert typed.source == STATED


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({("control", "week8"): "0,"}, "left"),  # falls
        ({("control", "week8"): "25,"}, "left"),  # nobody left over
        ({("control", "week8"): "5,"}, "left"),  # the table still has 21 of 25
        ({("control", "week8"): "1.5,"}, "left"),
        ({("control", "week8"): ","}, "left"),
        ({("low", "week8"): "3,20"}, "started"),  # fewer than the arm
        ({("low", "week4"): "0,31"}, "started"),  # two numbers for one arm
        ({("control", "start"): "0,"}, "visit"),  # the baseline
        ({("placebo", "week4"): "0,"}, "arm"),
    ],
)
def test_what_is_wrong_in_the_file(
    tmp_path: Path, change: dict[tuple[str, str], str], column: str
) -> None:
    rows = ROWS | {("low", "week4"): "0,30"} | change
    with pytest.raises(StudyError) as error:
        ba.load_study(with_file(tmp_path / "b", rows))
    assert ("missing.csv", column) in {(own.file, own.column) for own in error.value.problems}


def test_every_arm_and_visit_has_a_row(tmp_path: Path) -> None:
    rows = {key: text for key, text in ROWS.items() if key != ("high", "week8")}
    with pytest.raises(StudyError, match=r"a row for high at week8 \(0 if nobody had left\)"):
        ba.load_study(with_file(tmp_path / "c", rows))
