"""The bundle `liu2025` against a second, independent transcription: every cell, as printed text."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

FIRST = Path(__file__).parents[2] / "data" / "liu2025"
SECOND = Path(__file__).parent / "second_transcription"

#: File: the columns that name a cell, and the columns that hold what is printed.
LAYOUT = {
    "summaries.csv": (("outcome", "arm", "visit"), ("mean", "sd")),
    "tests.csv": (("table", "kind", "outcome", "arm", "visit"), ("p",)),
    "baseline.csv": (("variable", "level", "arm"), ("mean", "sd", "count", "percent")),
    "adverse.csv": (("visit", "reaction", "arm"), ("events", "percent")),
}
#: Number of rows: 10 outcomes x 2 arms x 4 visits; 12 + 18 + 24 + 18 + 9 p-values of Tables 1 to 5;
#: 13 rows of Table 1 (gender counts as two) x 2 arms; 3 reactions x 2 arms x 3 visits.
ROWS = {"summaries.csv": 80, "tests.csv": 81, "baseline.csv": 26, "adverse.csv": 18}


def cells(folder: Path, name: str) -> dict[tuple[str, ...], str]:
    """Printed text by key and column; a key that stands twice is an error."""
    keys, columns = LAYOUT[name]
    found: dict[tuple[str, ...], str] = {}
    with (folder / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = tuple(row[column] for column in keys)
            for column in columns:
                assert (*key, column) not in found, f"{name}: {key} stands twice"
                found[*key, column] = row[column]
    return found


@pytest.mark.parametrize("name", LAYOUT)
def test_both_transcriptions_agree_in_every_cell(name: str) -> None:
    first, second = cells(FIRST, name), cells(SECOND, name)
    different = {
        key: (first.get(key), second.get(key))
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    }
    assert different == {}


@pytest.mark.parametrize(("name", "count"), ROWS.items())
def test_the_bundle_is_complete(name: str, count: int) -> None:
    assert len(cells(FIRST, name)) == count * len(LAYOUT[name][1])
