"""Findings alike become one line, and none of them is lost."""

from __future__ import annotations

import pandas as pd
import pytest

import bayesasthma as ba
from bayesasthma.auditing import NOTE, UNUSUAL, audit
from bayesasthma.reporting.folded_findings import OPEN, common, finding_text, fold
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def whole() -> Study:
    return ba.load_study("liu2025")


@pytest.fixture(scope="module")
def findings(whole: Study) -> pd.DataFrame:
    return audit(whole).findings


def test_six_lines_on_sds_become_one(whole: Study, findings: pd.DataFrame) -> None:
    unusual = findings[findings["weight"] == UNUSUAL]
    said = unusual["finding"].str.startswith("SD ")
    assert said.sum() == 6
    folded = [item for item in fold(whole, unusual) if item.text.startswith("SD ")]
    (found,) = folded
    assert found.count == 6
    assert found.text.startswith(f"SD {OPEN} where published ones are {OPEN}")
    assert [cell.printed for cell in found.cells] == list(unusual.loc[said, "printed"])
    assert found.cells[0].place == "FeNO, AIT, Baseline"
    assert found.cells[0].expected == "SD 26 to 29.1"


@pytest.mark.parametrize("weight", [UNUSUAL, NOTE])
def test_nothing_is_lost_and_large_groups_come_first(
    whole: Study, findings: pd.DataFrame, weight: str
) -> None:
    part = findings[findings["weight"] == weight]
    folded = fold(whole, part)
    texts = sorted(cell.text for item in folded for cell in item.cells)
    assert texts == sorted(finding_text(whole, row) for _, row in part.iterrows())
    sizes = [item.count for item in folded]
    assert sizes == sorted(sizes, reverse=True)
    assert len(folded) < len(part)
    # a finding of its own keeps every word
    for item in folded:
        if item.count == 1:
            assert item.text in set(part["finding"])


def test_what_differs_is_left_open() -> None:
    assert common(["The SD 3 is small.", "The SD 4 is small."]) == f"The SD {OPEN} is small."
    assert common(["In one arm only."] * 2) == "In one arm only."
    assert common(["A b c.", "A b d e c."]) == f"A b {OPEN} c."
    assert common(["One 1. Then this.", "One 2. Then that."]) == f"One {OPEN}"
