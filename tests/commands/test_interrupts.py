"""Signals while a model is sampled: the status of the signal, nothing half written, a resume."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.bundles import one_visit

LONG = ["--draws", "1000000", "--tune", "1000", "--chains", "1"]
SHORT = ["--draws", "200", "--tune", "200", "--chains", "2"]


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bayesasthma", "fit", "independent", "study", "--out", "out", *more],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_sampling(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any("sampling" in line for line in process.stderr)
    time.sleep(1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_fit_ends_with_the_status_of_the_signal(
    number: signal.Signals, tmp_path: Path
) -> None:
    one_visit(tmp_path / "study")
    process = start(tmp_path, *LONG)
    until_sampling(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert said.strip() == "interrupted; finished fits are kept and a rerun resumes from them"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_that_the_next_one_does_not_remove(tmp_path: Path) -> None:
    one_visit(tmp_path / "study")
    process = start(tmp_path, *LONG)
    until_sampling(process)
    # as if it had been killed while it wrote
    half = tmp_path / "out" / "posterior" / f".independent-reference.nc.{process.pid}.part"
    half.parent.mkdir()
    half.write_bytes(b"half")
    second = start(tmp_path, *SHORT)
    assert second.stderr is not None
    assert "another run is writing to out" in second.stderr.readline()
    process.kill()
    process.communicate()
    second.communicate(timeout=300)
    assert second.returncode in {0, 1}
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == [
        "effects-independent-reference.csv",
        "independent-reference.nc",
    ]
