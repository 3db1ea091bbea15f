"""How commands end when something around them is wrong: one line, a status, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.bundles import one_visit
from tests.refusals import refusal

from bayesasthma.commands.ending import LONGEST, MOST_LINES, printable

MAIN = [sys.executable, "-m", "bayesasthma"]
FEW = ["--draws", "20", "--tune", "20", "--chains", "1"]


def run(*arguments: str, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    own = {"capture_output": True, **options}
    result = subprocess.run(
        [*MAIN, *arguments], cwd=cwd, text=True, timeout=300, check=False, **own
    )
    assert "Traceback" not in (result.stderr or "")
    return result


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with a bundle that is audited in no time."""
    one_visit(tmp_path / "small")
    return tmp_path


def test_a_folder_below_a_file(small: Path) -> None:
    (small / "file").write_text("")
    result = run("audit", "small", "--out", "file/below/it", cwd=small)
    assert result.returncode == 2
    assert "file is a file, not a folder" in result.stderr


def test_a_full_disk_behind_stdout(small: Path) -> None:
    with Path("/dev/full").open("w") as full:
        result = run(
            "audit", "small", cwd=small, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert result.returncode == 2
    assert "cannot print the result: No space left on device" in result.stderr


@pytest.mark.parametrize("more", [[], ["--json"], ["--inspect-sr"]])
def test_a_reader_that_has_gone(small: Path, more: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = run(
        "audit", "small", *more, cwd=small,
        capture_output=False, stdout=writing, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    assert result.returncode == 141
    assert "error" not in result.stderr
    assert (small / "reports" / "small" / "audit.csv").is_file()


@pytest.mark.slow
def test_closed_and_ascii_streams(small: Path) -> None:
    closed = run("audit", "small", cwd=small, preexec_fn=lambda: os.close(1))
    assert closed.returncode == 0
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = run("study", "list", cwd=small, env=ascii_only)
    assert shown.returncode == 0
    shown.stdout.encode("ascii")
    listed = run("study", "list", "--json", cwd=small, env=ascii_only)
    assert json.loads(listed.stdout)[0]["study"] == "liu2025"


def test_no_home_and_an_odd_locale(small: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k not in {"HOME", "LANG"}}
    result = run("audit", "small", cwd=small, env=env | {"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert result.returncode == 0


def test_no_space_for_a_table(small: Path) -> None:
    import resource

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    result = run("audit", "small", cwd=small, preexec_fn=little)
    assert result.returncode == 2
    assert "audit.csv: File too large" in result.stderr
    assert not (small / "reports").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "independent", "--seed", "9" * 23], "--seed"),
        (["fit", "independent", "--draws", "9" * 12], "--draws"),
        (["quote", "--outcome", "zzz"], "no outcome 'zzz'"),
        (["quote", "--visit", "week99"], "no visit 'week99'"),
        (["quote", "--threshold", "nan"], "threshold nan"),
        (["quote", "--margin", "-1"], "margin -1"),
        (["quote", "--estimand", "zzz"], "no estimand 'zzz'"),
    ],
)
def test_what_no_fit_could_answer_is_refused_before_there_is_one(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    errors = refusal([*arguments, *([] if "--draws" in arguments else FEW)], capsys)
    assert said in errors
    assert "sampling" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_may_not_be_read(small: Path) -> None:
    if os.getuid() != 0:
        (small / "small").chmod(0)
        result = run("audit", "small", cwd=small)
        (small / "small").chmod(0o755)
    else:  # root reads everything: as somebody else, from where he may go
        outside = Path("/tmp") / f"unreadable-{os.getpid()}"
        shutil.copytree(small / "small", outside)
        outside.chmod(0o700)
        code = (
            "import os\nimport bayesasthma as ba\nfrom bayesasthma.commands.cli import main\n"
            # all that is imported on the way, while this user may still read it
            "from bayesasthma.commands import studies, console\nba.audit(ba.load_study())\n"
            f"os.setuid(65534)\nmain(['audit', {str(outside)!r}])"
        )
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
        )
        shutil.rmtree(outside)
    assert result.returncode == 2, result.stderr
    assert "Permission denied" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_scheduler_that_accepts_and_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        start = time.monotonic()
        result = run(
            "sensitivity", "--scheduler", f"tcp://127.0.0.1:{port}", "--out", "out", cwd=tmp_path
        )
    assert result.returncode == 2
    assert f"no Dask scheduler answers at tcp://127.0.0.1:{port}" in result.stderr
    assert "sampling" not in result.stderr
    assert time.monotonic() - start < 60  # of which at most 15 s are waiting, measured by hand
    assert list(tmp_path.iterdir()) == []


def test_messages_are_bounded_and_without_control_characters() -> None:
    text = printable("a\x1b[31mb\n" + "c" * 10_000 + "\nd" * 1_000)
    lines = text.split("\n")
    assert lines[0] == r"a\x1b[31mb"
    assert max(map(len, lines)) < LONGEST + 40
    assert len(lines) == MOST_LINES + 1
