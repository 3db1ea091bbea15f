"""Bundles in an Excel workbook: the same study as from files, and clear words where not."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bayesasthma.errors import StudyError, UsageError
from bayesasthma.study.bundle import bundled_studies, load_study


def book_of(folder: Path, path: Path) -> Path:
    """The CSV files of a bundle as sheets; numbers as numbers, with the decimals they show."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for file in sorted(folder.glob("*.csv")):
        sheet = book.create_sheet(file.stem)
        with file.open(encoding="utf-8", newline="") as lines:
            for i, row in enumerate(csv.reader(lines), 1):
                for j, text in enumerate(row, 1):
                    cell = sheet.cell(i, j)
                    try:
                        number = float(text)
                    except ValueError:
                        cell.value = text or None
                        continue
                    cell.value = number
                    places = len(text.partition(".")[2])
                    cell.number_format = "0." + "0" * places if places else "0"
    book.save(path)
    return path


def add(path: Path, sheet: str, rows: list[list[Any]]) -> None:
    book = openpyxl.load_workbook(path)
    page = book.create_sheet(sheet)
    for row in rows:
        page.append(row)
    book.save(path)


HEADER = {
    "study": [
        ["key", "value"],
        ["title", "A trial"],
        ["citation", "Nobody, 2000"],
        ["randomised", True],
    ],
    "arms": [
        ["id", "label", "role", "n"],
        ["placebo", "Placebo", "control", 20],
        ["drug", 'The "drug"', "treatment", 22],
    ],
    "visits": [["id", "week", "baseline"], ["start", 0, True], ["end", 12.5, None]],
    "methods": [["key", "value"], ["alpha", 0.01], ["primary", "score"]],
    "outcomes": [["outcome", "label", "unit", "direction"], ["score", "Score", "points", "higher"]],
    "summaries": [
        ["outcome", "arm", "visit", "value"],
        ["score", "placebo", "start", "16.8 ± 4.3"],
        ["score", "drug", "start", "17.0 ± 4.0"],
    ],
}


def whole(path: Path, **changes: list[list[Any]] | None) -> Path:
    """A workbook that is a bundle by itself."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    book.create_sheet("remarks").append(["anything"])
    book.save(path)
    for name, rows in (HEADER | changes).items():
        if rows is not None:
            add(path, name, rows)
    return path


def problem(path: Path) -> tuple[str, int | None, str, str]:
    with pytest.raises(StudyError) as caught:
        load_study(path)
    found = caught.value.problems[0]
    return found.file, found.row, found.column, found.expected


def test_the_bundled_study_as_a_workbook_is_the_same(tmp_path: Path) -> None:
    source = bundled_studies()["liu2025"]
    folder = tmp_path / "liu"
    folder.mkdir()
    (folder / "study.toml").write_bytes((source / "study.toml").read_bytes())
    path = book_of(source, folder / "tables.xlsx")
    study, plain = load_study(folder), load_study("liu2025")
    assert study.table.equals(plain.table)
    for name in ("outcomes", "baseline", "adverse", "claims", "external", "summaries"):
        assert getattr(study, name).equals(getattr(plain, name)), name
    assert list(study.tests["p_value"]) == list(plain.tests["p_value"])
    assert list(study.tests["decimals"]) == list(plain.tests["decimals"])
    assert set(study.checksums) == {"study.toml", "tables.xlsx"}
    assert load_study(path).table.equals(plain.table)


def test_a_workbook_by_itself(tmp_path: Path) -> None:
    study = load_study(whole(tmp_path / "trial.xlsx"))
    assert study.name == "trial"
    assert study.arms["label"].to_dict() == {"placebo": "Placebo", "drug": 'The "drug"'}
    assert study.visits["week"].tolist() == [0, 12.5]
    assert (study.baseline_visit, study.randomised) == ("start", True)
    assert (study.methods["alpha"], study.methods["primary"]) == (0.01, ["score"])


def test_numbers_keep_the_decimals_that_the_sheet_shows(tmp_path: Path) -> None:
    path = whole(
        tmp_path / "trial.xlsx",
        summaries=[["outcome", "arm", "visit", "mean", "sd"], ["score", "placebo", "start", 16, 4]],
    )
    book = openpyxl.load_workbook(path)
    book["summaries"]["D2"].number_format = "0.00"
    book["summaries"]["E2"].value = 4.25
    book["summaries"]["E2"].number_format = "0.0"  # shows 4.3; what was typed is kept
    book.save(path)
    (row,) = load_study(path).summaries.to_dict("records")
    assert (row["mean"], row["mean_step"]) == (16.0, 0.01)
    assert (row["sd"], row["sd_step"]) == (4.25, 0.01)


def test_a_decimal_comma_goes_for_typed_texts_alone(tmp_path: Path) -> None:
    path = whole(
        tmp_path / "trial.xlsx",
        study=[*HEADER["study"], ["decimal", ","]],
        summaries=[
            ["outcome", "arm", "visit", "mean", "sd"],
            ["score", "placebo", "start", 16.5, "4,3"],
        ],
    )
    (row,) = load_study(path).summaries.to_dict("records")
    assert (row["mean"], row["sd"]) == (16.5, 4.3)


@pytest.mark.parametrize(
    ("value", "words"),
    [(dt.date(2026, 1, 2), "made a date"), ("=1/0", "never saved by a program")],
)
def test_cells_that_hold_no_text(tmp_path: Path, value: object, words: str) -> None:
    rows = [["outcome", "arm", "visit", "mean", "sd"], ["score", "placebo", "start", value, 4.3]]
    file, row, column, expected = problem(whole(tmp_path / "trial.xlsx", summaries=rows))
    assert (file, row, column) == ("trial.xlsx, sheet summaries", 2, "D")
    assert words in expected


def test_problems_name_sheet_and_row(tmp_path: Path) -> None:
    rows = [[*row] for row in HEADER["summaries"]]
    rows[2][3] = "17.0"
    found = problem(whole(tmp_path / "trial.xlsx", summaries=rows))
    assert found[:3] == ("trial.xlsx, sheet summaries", 3, "value")


def test_a_workbook_without_a_header(tmp_path: Path) -> None:
    assert problem(whole(tmp_path / "trial.xlsx", study=None))[0] == "study.toml"


def test_two_workbooks_in_a_folder(tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        whole(tmp_path / name)
    assert "one workbook" in problem(tmp_path)[3]


def test_beside_files_a_workbook_is_not_looked_at(tmp_path: Path) -> None:
    source = bundled_studies()["liu2025"]
    for file in [*source.glob("*.csv"), source / "study.toml"]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "supplement.xlsx").write_bytes(b"no workbook")
    assert "supplement.xlsx" not in load_study(tmp_path).checksums


def test_a_file_that_is_no_workbook(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"no workbook")
    with pytest.raises(UsageError, match="not a readable workbook"):
        load_study(tmp_path / "x.xlsx")


def test_without_openpyxl_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = whole(tmp_path / "trial.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UsageError, match=r"bayesasthma\[excel\]"):
        load_study(path)
