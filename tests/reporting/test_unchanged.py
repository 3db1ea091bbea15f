"""A rerun takes up an earlier run exactly if nothing that its files depend on has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.reporting import unchanged
from bayesasthma.reporting.missing_section import with_missing
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.design_table import next_trial
from bayesasthma.study.left_patients import left_patients

OPTIONS = SamplerOptions()


@pytest.fixture
def folder(results: ReanalysisResults, tmp_path: Path) -> Path:
    """A folder that a finished run has left."""
    for name in ("posterior/longitudinal-weak.nc", "figures/traces.png", "report.html", "run.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("content")
    unchanged.keep(results, tmp_path, OPTIONS)
    return tmp_path


def test_tables_come_back_to_the_last_digit(results: ReanalysisResults, folder: Path) -> None:
    found = unchanged.take_up(results.study, folder, OPTIONS)
    assert found is not None
    for name in unchanged.TABLES:
        pd.testing.assert_frame_equal(found[name], getattr(results, name), check_exact=True)


def test_who_left_and_the_next_trial_come_back(results: ReanalysisResults, tmp_path: Path) -> None:
    left = left_patients(results.study, "AIT=0,1,2; OMA_AIT=0,1,3")
    full = replace(with_missing(results, left), next_trial=next_trial(results.table_fits[0]))
    unchanged.keep(full, tmp_path, OPTIONS)
    found = unchanged.take_up(results.study, tmp_path, OPTIONS)
    assert found is not None
    for name in ("missing", "tipping", "next_trial"):
        assert not found[name].empty
        pd.testing.assert_frame_equal(found[name], getattr(full, name), check_exact=True)


def test_the_record_and_dates_of_files_do_not_count(
    results: ReanalysisResults, folder: Path
) -> None:
    (folder / "run.json").write_text("other timings")
    os.utime(folder / "report.html", (0, 0))
    (folder / "tables").mkdir()
    (folder / "tables" / "effects.html").write_text("made of the others")
    assert unchanged.take_up(results.study, folder, OPTIONS) is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "posterior/longitudinal-weak.nc").write_text("other draws"),
        lambda folder: (folder / "figures/traces.png").unlink(),
        lambda folder: (folder / "report.html").write_text("edited"),
        lambda folder: (folder / "specifications.csv").write_text("new"),
        lambda folder: (folder / "unrounded/effects.parquet").write_text("broken"),
        lambda folder: (folder / "unrounded/fingerprint.txt").unlink(),
    ],
    ids=["draws", "figure", "page", "new file", "table", "no fingerprint"],
)
def test_any_file_counts(
    change: Callable[[Path], None], results: ReanalysisResults, folder: Path
) -> None:
    change(folder)
    assert unchanged.take_up(results.study, folder, OPTIONS) is None


def test_study_options_versions_source_and_plot_settings_count(
    results: ReanalysisResults, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = results.study
    retitled = replace(study, title=f"{study.title}.")
    less = replace(study, claims=study.claims.iloc[1:])
    assert unchanged.take_up(retitled, folder, OPTIONS) is None
    assert unchanged.take_up(less, folder, OPTIONS) is None
    assert unchanged.take_up(study, folder, replace(OPTIONS, seed=1)) is None
    with mpl.rc_context({"lines.markersize": 9.0}):
        assert unchanged.take_up(study, folder, OPTIONS) is None
    with monkeypatch.context() as patch:
        patch.setattr(unchanged, "version", lambda name: f"{name} of another day")
        assert unchanged.take_up(study, folder, OPTIONS) is None
    with monkeypatch.context() as patch:
        patch.setattr(unchanged, "__file__", str(folder / "reporting" / "unchanged.py"))
        assert unchanged.take_up(study, folder, OPTIONS) is None
    assert unchanged.take_up(study, folder, OPTIONS) is not None
