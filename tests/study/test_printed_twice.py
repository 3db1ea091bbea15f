"""What a bundle says twice: a remark where it should be, and none where nothing follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bundles import complete, three_arms, write_toml

from bayesasthma.study.bundle import load_study
from bayesasthma.study.instruments import INSTRUMENTS, recognised
from bayesasthma.study.printed_twice import Remark, impossible_changes, printed_twice
from bayesasthma.study.template import write_template

OUTCOMES = "outcome,label,unit,direction\nscore,{label},points,{direction}\n"
SUMMARIES = "outcome,arm,visit,statistic,n,mean,sd,se,ci_low,ci_high\n"
LEVELS = (
    "score,control,start,level,,16.8,4.3,,,\nscore,control,end,level,,18.9,2.9,,,\n"
    "score,drug,start,level,,17.0,4.1,,,\n"
)


def remarks(
    folder: Path, rows: str = "", *, label: str = "Score", direction: str = "higher", **files: str
) -> list[Remark]:
    write_toml(folder, {"control": 20, "drug": 20}, {"start": 0, "end": 12}, "start")
    texts = {
        "outcomes.csv": OUTCOMES.format(label=label, direction=direction),
        "summaries.csv": SUMMARIES + LEVELS + rows,
    } | {f"{name}.csv": text for name, text in files.items()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return printed_twice(load_study(folder))


def test_the_bundled_study_and_simulated_patients_raise_none(tmp_path: Path) -> None:
    assert printed_twice(load_study("liu2025")) == []
    for seed in range(3):
        for i, write in enumerate((three_arms, complete)):
            folder = tmp_path / f"{seed}-{i}"
            folder.mkdir()
            # patients who left are a note, and contradict nothing
            remarks = printed_twice(load_study(write(folder, seed)))
            assert [remark for remark in remarks if remark.weight != "note"] == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("change,,2.1,3.9,,,", ""),
        ("change,,2.2,3.9,,,", ""),  # 18.85 - 16.85 to 18.95 - 16.75, rounded itself
        ("change,,2.4,3.9,,,", "levels differ by 2.1"),
        ("change,18,2.4,3.9,,,", ""),  # other patients
    ],
)
def test_change_against_levels(tmp_path: Path, row: str, words: str) -> None:
    found = remarks(tmp_path, f"score,control,end,{row}\n")
    assert [remark.weight for remark in found] == (["question"] if words else [])
    if words:
        (remark,) = found
        assert words in remark.text
        assert (remark.file, remark.line, remark.arm) == ("summaries.csv", 5, "control")


@pytest.mark.parametrize(
    ("row", "weight"),
    [
        ("change,,2.1,7.9,,,", "contradiction"),
        ("change,,2.1,1.2,,,", "contradiction"),
        ("change,,2.1,7.3,,,", "question"),  # 4.35 + 2.95 is 7.3
        ("change,18,2.1,7.9,,,", "question"),  # of other patients
        ("change,,2.1,3.9,,,", ""),
    ],
)
def test_an_sd_of_change_that_no_correlation_gives(tmp_path: Path, row: str, weight: str) -> None:
    remarks(tmp_path, f"score,control,end,{row}\n")
    found = list(impossible_changes(load_study(tmp_path)))
    assert [remark.weight for remark in found] == ([weight] if weight else [])
    if weight:
        assert found[0].where == "summaries.csv, row 5 (score, control, end)"
        assert "1.4 and 7.2" in found[0].text


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("17.9,4.2,0.94,,", ""),
        ("17.9,4.2,1.94,,", "do not meet"),
        ("17.9,4.2,,15.9,19.9", ""),
        ("17.9,4.2,,16.1,19.7", ""),  # normal quantiles
        ("17.9,4.2,,17.0,18.8", "do not meet"),
        ("17.9,,,15.9,19.9", ""),
        ("17.9,,,15.9,20.1", ""),
        ("17.9,,,15.9,20.2", "not equally far"),
    ],
)
def test_sd_se_and_interval_of_one_row(tmp_path: Path, cells: str, words: str) -> None:
    found = remarks(tmp_path, f"score,drug,end,level,,{cells}\n")
    assert [remark.weight for remark in found] == (["question"] if words else [])
    assert words in "".join(remark.text for remark in found)


def test_more_patients_than_the_arm_has(tmp_path: Path) -> None:
    (found,) = remarks(tmp_path, "score,drug,end,level,25,17.9,4.2,,,\n")
    assert (found.weight, found.line, found.expected) == ("contradiction", 5, "at most 20")
    found = remarks(tmp_path, adverse="visit,reaction,arm,events,n\nend,rash,drug,2,30\n")[0]
    assert (found.weight, found.file, found.outcome) == ("contradiction", "adverse.csv", "rash")


@pytest.mark.parametrize(
    ("label", "direction", "weights"),
    [
        ("Asthma Control Test (ACT)", "lower", ["question"]),
        ("Asthma Control Test (ACT)", "higher", []),
        ("ACQ-6 score", "higher", ["question"]),
        ("ACQ", "none", []),
        ("FEV1 (% predicted)", "lower", ["question"]),
        ("Asthma-related quality of life (higher is worse)", "lower", []),
        ("AQLQ (higher scores are worse)", "lower", []),
        ("Reaction to ACTH", "lower", []),
        ("Time to loss of ACT control", "lower", []),
        ("Modified Rankin Scale", "lower", ["question"]),
    ],
)
def test_direction_against_the_instrument(
    tmp_path: Path, label: str, direction: str, weights: list[str]
) -> None:
    found = remarks(tmp_path, label=label, direction=direction)
    assert [remark.weight for remark in found] == weights


def test_instruments_are_recognised_by_their_own_names_once() -> None:
    assert len({item.name for item in INSTRUMENTS}) == len(INSTRUMENTS)
    for label in ("ACT", "act", "FeNO", "HbA1c (%)", "SGRQ total score", "6MWD", "EQ-5D-5L"):
        assert recognised(label) is not None, label
    for label in ("", "pain", "ACTH", "activity", "effect", "acquired", "FEV1/FVC"):
        assert recognised(label) is None, label


ADVERSE = "visit,reaction,arm,events\n"


def counts(**reactions: tuple[int, int]) -> str:
    rows = [
        f"end,{name},{arm},{count}\n"
        for name, both in reactions.items()
        for arm, count in zip(("control", "drug"), both, strict=True)
    ]
    return ADVERSE + "".join(rows)


@pytest.mark.parametrize(
    ("reactions", "weights"),
    [
        ({"rash": (3, 1), "fever": (2, 2)}, []),
        ({"rash": (3, 1), "fever": (2, 2), "any_reaction": (4, 3)}, ["note"]),
        ({"rash": (3, 1), "fever": (2, 2), "any_reaction": (2, 3)}, ["contradiction", "note"]),
        ({"rash": (3, 1), "fever": (2, 2), "any_reaction": (9, 3)}, ["question", "note"]),
        ({"rash": (3, 1), "fever": (2, 2), "fatigue": (5, 3)}, []),  # by chance, in two cells
        # "any" of something is no total of all
        ({"rash": (9, 9), "fever": (2, 2), "any_emergency_care": (4, 3)}, []),
    ],
)
def test_totals_among_reactions(
    tmp_path: Path, reactions: dict[str, tuple[int, int]], weights: list[str]
) -> None:
    found = remarks(tmp_path, adverse=counts(**reactions))
    assert [remark.weight for remark in found] == weights


def test_a_row_that_adds_up_the_others_at_every_visit(tmp_path: Path) -> None:
    rows = "".join(
        f"{visit},{name},{arm},{count}\n"
        for visit in ("start", "end")
        for arm in ("control", "drug")
        for name, count in (("rash", 1), ("fever", 2), ("events", 3))
    )
    found = remarks(tmp_path, adverse=ADVERSE + rows)
    assert [remark.outcome for remark in found] == ["events"]


def test_a_lopsided_difference(tmp_path: Path) -> None:
    differences = "outcome,arm,visit,adjusted_for,value\nscore,drug,end,site,{}\n"
    (found,) = remarks(tmp_path, differences=differences.format("-0.016 (-0.040 to -0.008)"))
    assert (found.weight, found.file, found.line) == ("question", "differences.csv", 2)
    assert remarks(tmp_path, differences=differences.format("-0.016 (-0.028 to -0.004)")) == []


def test_a_scaffold_is_unfinished(tmp_path: Path) -> None:
    write_template(tmp_path / "new")
    found = printed_twice(load_study(tmp_path / "new"))
    assert {remark.weight for remark in found} == {"unfinished"}
    assert {remark.file for remark in found} == {
        *("study.toml", "summaries.csv", "tests.csv", "baseline.csv", "adverse.csv")
    }


def test_a_scaffold_whose_rows_were_replaced_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    write_template(folder)
    for name, old, new in (
        ("study.toml", "Title of the paper", "A paper"),
        ("study.toml", "First author et al. Journal, year.", "Nobody, 2000"),
        ("summaries.csv", "16.5,", "16.6,"),
        ("tests.csv", "0.19", "0.20"),
        ("baseline.csv", ",0,0.0", ",1,4.9"),
        ("adverse.csv", ",4,,,20.0", ",3,,,15.0"),
    ):
        text = (folder / name).read_text()
        assert old in text, name
        (folder / name).write_text(text.replace(old, new))
    assert printed_twice(load_study(folder)) == []
