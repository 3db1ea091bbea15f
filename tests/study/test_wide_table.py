"""Tables pasted as printed, turned into bundles; every number traced to its cell."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesasthma.errors import StudyError, UsageError
from bayesasthma.study.bundle import load_study
from bayesasthma.study.printed_twice import UNFINISHED, printed_twice
from bayesasthma.study.wide_table import bundle_from_table

TABLE = """\
Outcome\tTime\tActive drug (n = 21)\tPlacebo (n = 20)\tP value
Asthma Control Test (ACT)\tBaseline\t16.3 ± 4.0\t16.5 ± 4.1\tNS
\tWeek 24\t19.6 ± 3.9\t17.9 ± 4.2 (n = 18)\t0.19
\tChange at 24 weeks\t3.3 (2.1 to 4.5)\tNR\t
Lung function\t\t\t\t
FEV1 (% predicted)\tBaseline\t80.1 (12.30)\t79.5 (11.9)\t
FEV1 (% predicted)\t24 weeks\t85.2 (11.1)\t–\t0·03*
"""


def make(tmp_path: Path, text: str = TABLE, name: str = "table.tsv", **options: object) -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    bundle_from_table(tmp_path / name, tmp_path / "new", **options)  # type: ignore[arg-type]
    return tmp_path / "new"


def problems(tmp_path: Path, text: str, **options: object) -> list[tuple[int | None, str, str]]:
    with pytest.raises(StudyError) as caught:
        make(tmp_path, text, **options)
    assert not (tmp_path / "new").exists()
    return [(p.row, p.column, p.expected) for p in caught.value.problems]


def test_a_pasted_table_becomes_a_study(tmp_path: Path) -> None:
    study = load_study(make(tmp_path))
    assert list(study.arms.index) == ["placebo", "active_drug"]
    assert list(study.arms["label"]) == ["Placebo", "Active drug"]
    assert list(study.arms["n"]) == [20, 21]
    assert study.visits["week"].to_dict() == {"baseline": 0.0, "week24": 24.0}
    assert study.baseline_visit == "baseline"
    assert list(study.outcomes.index) == ["act", "fev1_predicted"]
    assert list(study.outcomes["direction"]) == [1, 1]  # known instruments
    act = study.table.sel(outcome="act", visit="week24", statistic="level")
    assert float(act["n"].sel(arm="placebo")) == 18
    assert float(act["mean"].sel(arm="active_drug")) == 19.6
    fev1 = study.table.sel(outcome="fev1_predicted", visit="baseline", statistic="level")
    assert float(fev1["sd_step"].sel(arm="active_drug")) == 0.01
    change = study.table.sel(outcome="act", visit="week24", statistic="change")
    assert float(change["mean"].sel(arm="active_drug")) == 3.3
    assert list(study.tests["p"]) == ["NS", "0.19", "0·03*"]


def test_every_number_is_traced_to_its_cell(tmp_path: Path) -> None:
    folder = make(tmp_path)
    cells = [line.split("\t") for line in TABLE.splitlines()]
    traced = 0
    for name, column in (("summaries.csv", "value"), ("tests.csv", "p")):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                match = re.fullmatch(r"table\.tsv, row (\d+), column (\d+)", row["source"])
                assert match is not None
                assert cells[int(match[1]) - 1][int(match[2]) - 1].startswith(row[column])
                traced += 1
    assert traced == 8 + 3


def test_what_the_table_does_not_say_is_left_to_fill_in(tmp_path: Path) -> None:
    folder = make(tmp_path)
    found = [remark for remark in printed_twice(load_study(folder)) if remark.weight == UNFINISHED]
    words = " ".join(remark.text for remark in found)
    for name in ("title", "citation", "design", "randomised", "unit"):
        assert name in words
    header = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(re.sub(r'"TO FILL IN[^"]*"', '"said"', header))
    outcomes = (folder / "outcomes.csv").read_text()
    (folder / "outcomes.csv").write_text(outcomes.replace("TO FILL IN: unit", "points"))
    assert not [r for r in printed_twice(load_study(folder)) if r.weight == UNFINISHED]


def test_options_reach_the_header(tmp_path: Path) -> None:
    text = (
        "Outcome;Visit;A (n = 10);B (n=12)\nPain;Baseline;5,1 (0,6);5,0 (0,5)\n"
        "Pain;1 month;4,1 (0,6);3,0 (0,5)\n"
    )
    folder = make(tmp_path, text, "t.csv", decimal=",", value_is="se", control="B", randomised=True)
    study = load_study(folder)
    assert study.randomised
    assert study.control == "b"
    assert study.visits["week"].tolist() == [0, 4.3]
    sd = study.table["sd"].sel(outcome="pain", arm="b", visit="baseline", statistic="level")
    assert float(sd) == pytest.approx(0.5 * 12**0.5)
    assert "which direction is better for pain" in study.design
    with pytest.raises(UsageError, match="no arm 'C'"):
        bundle_from_table(tmp_path / "t.csv", tmp_path / "other", decimal=",", control="C")


def test_a_change_without_a_visit_is_of_the_only_one(tmp_path: Path) -> None:
    text = (
        "outcome,visit,A (n = 10),B (n = 12)\npain,Change from baseline,1 ± 1,2 ± 1\n"
        "pain,Baseline,5 ± 1,6 ± 1\npain,2 years,5 ± 1,6 ± 1\n"
    )
    table = load_study(make(tmp_path, text)).table
    cell = table.sel(outcome="pain", arm="b", visit="week104", statistic="change")
    assert float(cell["mean"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "row", "column", "words"),
    [
        ("16.3 ± 4.0", "16.3", 2, "Active drug", "such as 16.8 ± 4.3"),
        ("16.3 ± 4.0", "16,3 ± 4,0", 2, "Active drug", "--decimal"),
        ("16.3 ± 4.0", "\u0661\u0666 ± 4", 2, "Active drug", "digits 0 to 9"),
        ("16.3 ± 4.0", "10 (47.6)%", 2, "Active drug", "such as"),
        ("16.3 ± 4.0", "10/21 (47.6%)", 2, "Active drug", "counts go into"),
        ("Week 24", "later", 3, "visit", "Week 12 or 6 months"),
        ("0.19", "small", 3, "p", "p-value"),
        ("Placebo (n = 20)", "Placebo", 1, "Placebo", "number of patients"),
        ("\tTime\t", "\tDose\t", 1, "visit", "a column visit"),
    ],
)
def test_cells_that_are_wrong_are_named(
    tmp_path: Path, old: str, new: str, row: int, column: str, words: str
) -> None:
    assert TABLE.count(old) == 1
    found = problems(tmp_path, TABLE.replace(old, new))
    assert any(r == row and c == column and words in e for r, c, e in found), found


def test_tables_without_data(tmp_path: Path) -> None:
    assert "at least one row" in problems(tmp_path, "outcome,visit,A (n=2),B (n=2)\n")[0][2]
    assert "two arms" in problems(tmp_path, "outcome,visit,A (n=2)\nx,Baseline,1 ± 1\n")[0][2]
    with pytest.raises(UsageError, match="no file"):
        bundle_from_table(tmp_path / "none.csv", tmp_path / "new")


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine.txt").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        make(tmp_path)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.txt"]


def workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Table 2"
    for line in TABLE.splitlines():
        sheet.append(line.split("\t"))
    book.save(path)
    return path


def test_a_workbook_is_read_like_text(tmp_path: Path) -> None:
    bundle_from_table(workbook(tmp_path / "t.xlsx"), tmp_path / "book")
    plain = load_study(make(tmp_path))
    study = load_study(tmp_path / "book")
    assert study.table.equals(plain.table)
    assert study.summaries["source"].iloc[0] == "t.xlsx, sheet Table 2, cell C2"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 999), st.integers(1, 999), st.integers(0, 2)),
        min_size=4,
        max_size=4,
    ),
    st.sampled_from(["{} ± {}", "{} ({})", "{} [SD {}]"]),
)
def test_what_is_typed_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[tuple[int, int, int]], style: str
) -> None:
    texts = [(f"{m / 10**d:.{d}f}", f"{s / 10**d:.{d}f}") for m, s, d in numbers]
    cells = [style.format(*pair) for pair in texts]
    table = f"outcome,visit,A (n = 9),B (n = 8)\nx,Baseline,{cells[0]},{cells[1]}\n"
    table += f"x,Week 6,{cells[2]},{cells[3]}\n"
    study = load_study(make(tmp_path_factory.mktemp("wide"), table, "t.csv"))
    printed = study.table.sel(outcome="x", statistic="level").transpose("visit", "arm")
    for name, which in (("mean", 0), ("sd", 1)):
        assert printed[name].to_numpy().ravel().tolist() == [float(pair[which]) for pair in texts]
        steps = printed[f"{name}_step"].to_numpy().ravel()
        assert steps.tolist() == [float(f"1e-{d}") for _, _, d in numbers]


MIXED = """\
outcome,visit,Control (n = 59),Drug (n = 55),p
Score,3 months,20.8 (3.0),22.9 (2.3),<0.001
,Change at 3 months,0.6 (2.8),2.7 (2.8),<0.001
"FeNO, median (IQR)",3 months,39.8 (22.9–57.9),41.8 (23.4–68.0),0.64
"Days, median (range)",3 months,4 (0–9),3 (0–8),0.20
"School absence, n (%)",3 months,37 (62.7),11/55 (20.0),<0.001
"Smokers, n (%)",Baseline,3 (5.1),4 (7.3),
"""


def test_a_label_says_what_a_row_is(tmp_path: Path) -> None:
    """Counts and medians are no means, and a change has a baseline to be from."""
    study = load_study(make(tmp_path, MIXED, "table.csv"))
    assert list(study.outcomes.index) == ["score"]
    assert study.baseline_visit == "baseline"
    medians = study.medians.set_index(["label", "arm"])
    assert medians.loc[("FeNO", "control"), ["median", "q1", "q3"]].tolist() == [39.8, 22.9, 57.9]
    assert medians.loc[("Days", "drug"), ["median", "least", "greatest"]].tolist() == [3, 0, 8]
    events = study.adverse.set_index("arm")
    assert set(events["reaction"]) == {"school_absence"}
    assert events["events"].to_dict() == {"control": 37, "drug": 11}
    assert study.baseline.set_index("arm")["count"].to_dict() == {"control": 3, "drug": 4}
    assert study.tests["outcome"].tolist() == ["score", "score", "feno", "days", "school_absence"]
    assert study.tests["table"].tolist()[:2] == ["table.csv", "table.csv, change"]


def test_a_count_that_is_none(tmp_path: Path) -> None:
    found = problems(tmp_path, MIXED.replace("37 (62.7)", "37 ± 62.7"), name="table.csv")
    assert [(row, column) for row, column, _ in found] == [(6, "Control")]


def test_formulas_of_a_table_are_texts_for_spreadsheets(tmp_path: Path) -> None:
    """Labels and notes come back as they stand, and no cell of the bundle begins as a formula."""
    table = (
        "outcome,visit,Placebo (n = 20),=1+1 (n = 21),note\n"
        "=cmd|' /C calc'!A0,Baseline,16.8 ± 4.3,17.0 ± 4.0,@SUM(1)\n"
        "'+1+1,Week 12,-1.8 ± 4.3,18.0 ± 4.0,-2+3\n"
    )
    folder = make(tmp_path, table, "table.csv")
    study = load_study(folder)
    assert study.outcomes["label"].tolist() == ["=cmd|' /C calc'!A0", "'+1+1"]
    assert study.arms["label"].tolist() == ["Placebo", "=1+1"]
    assert set(study.summaries["note"]) == {"@SUM(1)", "-2+3"}
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            cells = {cell for row in csv.reader(file) for cell in row}
        assert not [cell for cell in cells if cell[:1] in "=@\t\r" and cell], path.name
