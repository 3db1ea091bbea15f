"""Reading a run back: the same tables, and a clear word where they are not the study's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bayesasthma._files.output import write_csv
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.reporting.journal.saved_run import load_run
from bayesasthma.reporting.results import ReanalysisResults


def leave(results: ReanalysisResults, folder: Path) -> Path:
    """What the main job leaves, as far as it is read back."""
    for name in ("effects", "adverse", "comparison"):
        write_csv(getattr(results, name), folder / f"{name}.csv")
    run = {"study": results.study.name, **results.run}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


@pytest.fixture
def folder(results: ReanalysisResults, tmp_path: Path) -> Path:
    return leave(results, tmp_path)


def test_tables_come_back(results: ReanalysisResults, folder: Path) -> None:
    found = load_run(results.study, folder)
    for name in ("effects", "adverse", "comparison"):
        ours, theirs = getattr(found, name), getattr(results, name).reset_index(drop=True)
        words = [column for column in ours if ours[column].dtype == "str"]
        numbers = [column for column in ours if ours[column].dtype == float]
        assert {"outcome", "reaction"} & set(words)
        assert {"ci_low", "ci_high"} <= set(numbers)
        text = theirs[words].astype(object).where(theirs[words].notna(), "")
        pd.testing.assert_frame_equal(ours[words], text.astype(str), check_dtype=False)
        pd.testing.assert_frame_equal(
            ours[numbers], theirs[numbers].astype(float), rtol=1e-5, atol=0, check_dtype=False
        )
    assert found.comparison["headline"].dtype == bool
    assert list(found.comparison["headline"]) == list(results.comparison["headline"])
    assert found.run["seed"] == 1


def test_no_run(results: ReanalysisResults, tmp_path: Path) -> None:
    with pytest.raises(BayesAsthmaError, match=r"no finished run in .*bayesasthma reanalyse"):
        load_run(results.study, tmp_path)


def test_a_missing_table_is_named(results: ReanalysisResults, folder: Path) -> None:
    (folder / "comparison.csv").unlink()
    with pytest.raises(BayesAsthmaError, match=r"no comparison\.csv in"):
        load_run(results.study, folder)


def test_other_inputs_are_named(results: ReanalysisResults, folder: Path) -> None:
    changed = {**results.study.checksums, "summaries.csv": "0", "differences.csv": "1"}
    study = replace(results.study, checksums=changed)
    with pytest.raises(BayesAsthmaError, match=r"other inputs \(differences\.csv, summaries\.csv"):
        load_run(study, folder)


def test_another_study_is_refused(results: ReanalysisResults, folder: Path) -> None:
    study = replace(results.study, name="another")
    with pytest.raises(BayesAsthmaError, match="found the study 'liu2025', expected 'another'"):
        load_run(study, folder)


def test_a_damaged_cell_is_named(results: ReanalysisResults, folder: Path) -> None:
    path = folder / "effects.csv"
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    table.loc[3, "ci_low"] = "1,5"
    table.to_csv(path, index=False)
    message = r"effects\.csv, row 5, column ci_low: found '1,5', expected a number or nothing"
    with pytest.raises(BayesAsthmaError, match=message):
        load_run(results.study, folder)


def test_a_missing_column_is_named(results: ReanalysisResults, folder: Path) -> None:
    path = folder / "effects.csv"
    pd.read_csv(path, dtype="str").drop(columns=["gate", "p_benefit"]).to_csv(path, index=False)
    with pytest.raises(BayesAsthmaError, match=r"no column p_benefit, gate"):
        load_run(results.study, folder)


def test_a_damaged_record_is_named(results: ReanalysisResults, folder: Path) -> None:
    (folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(BayesAsthmaError, match=r"cannot read .*run\.json"):
        load_run(results.study, folder)
