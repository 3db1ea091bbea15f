"""A small calibration, end to end: run, resume, print."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import bayesasthma as ba
from bayesasthma.calibration import ranking
from bayesasthma.calibration.reliability import read_reliability
from bayesasthma.commands.cli import main


@pytest.mark.slow
def test_a_small_calibration_runs_resumes_and_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ranking, "BATCH", 5)
    first: list[str] = []
    found = ba.calibrate(
        "adverse", replicates=10, folder=tmp_path, workers=1, progress=first.append
    )
    assert set(found.ranks["case"]) == {
        "adverse-per-visit-18-19",
        "adverse-cumulative-18-19",
    }
    assert (found.ranks["replicates"] == 10).all()
    assert {"risk_difference[local, week48]", "overdispersion"} <= set(found.ranks["quantity"])
    assert (found.fits["fits"] == 10).all()
    counts = found.reliability.groupby(["case", "subject"])["studies"].sum()
    assert (counts == 10).all()
    written = read_reliability(tmp_path / "reliability.csv")
    assert written["studies"].tolist() == found.reliability["studies"].tolist()
    assert (tmp_path / "figures" / "adverse-per-visit-18-19.png").stat().st_size > 10_000

    again: list[str] = []
    more = ba.calibrate("adverse", replicates=10, folder=tmp_path, workers=1, progress=again.append)
    assert again == ["4 of 4 batches are done already"]
    pd.testing.assert_frame_equal(more.ranks, found.ranks)

    options = ["--replicates", "10", "--out", str(tmp_path), "--json", "--quiet"]
    with pytest.raises(SystemExit) as exit_info:
        main(["calibrate", "adverse", *options])
    assert exit_info.value.code == (0 if found.calibrated else 1)
    printed = json.loads(capsys.readouterr().out)
    assert printed["calibrated"] is found.calibrated
    assert len(printed["ranks"]) == len(found.ranks)
    assert len(printed["reliability"]) == len(found.reliability)


def test_an_unknown_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["calibrate", "nonesuch"])
    assert exit_info.value.code == 2
    assert "unknown model" in capsys.readouterr().err
