"""A run's folder: writable or refused, one run at a time, swept."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bayesasthma._files.run_folder import check_writable, run_folder, sweep
from bayesasthma.errors import BayesAsthmaError


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_folders_that_stay_empty_are_removed(tmp_path: Path) -> None:
    with run_folder(tmp_path / "a" / "b", print) as folder:
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []
    with run_folder(tmp_path / "a" / "b", print) as folder:
        (folder / "x").write_text("")
    assert (tmp_path / "a" / "b" / "x").is_file()


def test_unfinished_files_of_dead_processes_are_removed(tmp_path: Path) -> None:
    dead, alive = dead_process(), os.getppid()
    (tmp_path / "posterior").mkdir()
    for name in (f".effects.csv.{dead}.part", f"posterior/.fit.nc.{dead}.part",
                 f".effects.csv.{alive}.part", ".mine.part", "a.1.part"):  # fmt: skip
        (tmp_path / name).write_text("")
    (tmp_path / f".before.csv.{os.getpid()}.part").write_text("")  # of a process before this one
    old = tmp_path / f".old.csv.{alive}.part"
    old.write_text("")
    os.utime(old, (0, 0))
    assert len(sweep(tmp_path)) == 4
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {f".effects.csv.{alive}.part", ".mine.part", "a.1.part"}


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_a_process_that_has_ended_but_was_not_asked_how_is_dead(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    assert ended.stdout.read() == b""  # it has closed its output, and is about to end
    half = tmp_path / f".a.csv.{ended.pid}.part"
    half.touch()
    for _ in range(200):
        if sweep(tmp_path):
            break
        time.sleep(0.05)
    assert not half.exists()
    ended.communicate()


def test_a_second_run_waits_and_says_so(tmp_path: Path) -> None:
    said, order = [], []

    def second() -> None:
        with run_folder(tmp_path / "out", said.append):
            order.append("second")

    with run_folder(tmp_path / "out", said.append):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            time.sleep(0.01)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert said == [f"another run is writing to {tmp_path / 'out'}: waiting until it has ended"]


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BayesAsthmaError, match="is a file, not a folder"):
        check_writable(tmp_path / "file" / "below")
    with pytest.raises(BayesAsthmaError, match="no text in UTF-8"):
        check_writable(Path(os.fsdecode(b"\xff")))
    # root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BayesAsthmaError, match="no permission to write"):
        check_writable(tmp_path / "new")


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        ("posterior", "no permission to read and write in .*posterior"),
        ("posterior/sensitivity", "no permission to read and write in .*sensitivity"),
        ("figures", "no permission to read and write in .*figures"),
        ("posterior/a.nc", r"no permission to read .*a\.nc"),
    ],
)
def test_what_a_run_would_meet_later_is_refused_at_once(
    closed: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("posterior/sensitivity", "figures", "else"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "posterior" / "a.nc").touch()
    check_writable(tmp_path)
    # root may do everything
    own = tmp_path / closed
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != own)
    with pytest.raises(BayesAsthmaError, match=said):
        check_writable(tmp_path)


def test_a_file_in_the_place_of_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "posterior").touch()
    with pytest.raises(BayesAsthmaError, match=r"posterior is a file, not a folder"):
        check_writable(tmp_path)


@pytest.mark.parametrize("years", [-10, 10])
def test_the_clock_does_not_decide_what_is_litter(
    years: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a process that is no more goes, one of a process that writes stays."""
    now = time.time()
    dead = tmp_path / f".a.csv.{dead_process()}.part"
    other = tmp_path / f".b.csv.{os.getppid()}.part"
    dead.touch()
    other.touch()
    then = now + years * 365.25 * 86_400
    os.utime(dead, (then, then))
    monkeypatch.setattr(time, "time", lambda: min(now, then))  # set back, or never
    assert sweep(tmp_path) == [dead]
    assert other.exists()
