"""Results folders of other users: refused by name before anything is fitted, or waited for.

Root may do everything, so that as root the commands run as nobody, in folders of root's; anybody
else takes the permissions from their own folders.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bundles import one_visit

pytestmark = pytest.mark.slow

ROOT = os.getuid() == 0
#: What a folder or file of another user's is to its reader: root's have the others' permissions.
READ_ONLY, UNREADABLE, WRITE_ONLY, OPEN = (0o755, 0o600, 0o733, 0o777) if ROOT else (
    0o555, 0o000, 0o333, 0o777,
)  # fmt: skip
FEW = ["--draws", "20", "--tune", "20", "--chains", "1"]
#: Imports, as long as it may read the package, all that its commands need; then each command in a
#: process of its own, as nobody if it is root. Prints the statuses.
COMMANDS = """
import json, os, sys
import bayesasthma as ba
from bayesasthma.commands.cli import main
from bayesasthma.commands import console, studies
import bayesasthma.inference.named_models, bayesasthma.reporting.reanalysis
ba.audit(ba.load_study())
for number, arguments in enumerate(json.loads(sys.argv[1])):
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(f"said-{number}", os.O_WRONLY | os.O_CREAT), 2)
        if os.getuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        try:
            main(arguments)
        except SystemExit as ended:
            sys.stdout.flush(); sys.stderr.flush()
            os._exit(ended.code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that everybody may look into; those of pytest belong to one user alone."""
    folder = Path(tempfile.mkdtemp(prefix="other-users-"))
    folder.chmod(0o755)
    one_visit(folder / "trial")
    yield folder
    for found in [folder, *folder.rglob("*")]:
        found.chmod(0o700)
    shutil.rmtree(folder)


def prepared(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True)
    folder.chmod(mode)


@pytest.fixture(scope="module")
def said(place: Path) -> list[tuple[int, str]]:
    """Status and message of every command, in the order of the tests."""
    own = os.umask(0)
    prepared(place / "closed", READ_ONLY)
    prepared(place / "drop", WRITE_ONLY)
    for name in ("below", "fit", "waits"):
        prepared(place / name, OPEN)
    prepared(place / "below" / "posterior", READ_ONLY)
    prepared(place / "fit" / "posterior", OPEN)
    fit = place / "fit" / "posterior" / "longitudinal-weak.nc"
    fit.write_bytes(b"draws")
    fit.chmod(UNREADABLE)
    os.umask(own)
    commands = [
        ["reanalyse", "trial", "--out", "closed/new", *FEW],
        ["reanalyse", "trial", "--out", "drop", *FEW],
        ["reanalyse", "trial", "--out", "below", *FEW],
        ["reanalyse", "trial", "--out", "fit", *FEW],
        ["audit", "trial", "--out", "waits", "--json"],
    ]
    lock = os.open(place / "waits", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    last = place / f"said-{len(commands) - 1}"
    with subprocess.Popen(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=place, stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        limit = time.monotonic() + 300
        while not (last.exists() and "another run" in last.read_text()):
            assert running.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
        os.close(lock)
        printed, _ = running.communicate(timeout=120)
    statuses = [int(line) for line in printed.splitlines()]
    return [(status, (place / f"said-{i}").read_text()) for i, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (0, "cannot write closed/new: no permission to write in "),
        (1, "'drop' is not readable"),
        (2, "cannot write below: no permission to read and write in below/posterior"),
        (3, "cannot use fit: no permission to read fit/posterior/longitudinal-weak.nc"),
    ],
)
def test_what_is_not_ours_is_refused_before_anything_is_fitted(
    number: int, why: str, said: list[tuple[int, str]], place: Path
) -> None:
    status, message = said[number]
    assert status == 2
    assert why in message
    assert "sampling" not in message
    assert "audit" not in message
    assert "Traceback" not in message


def test_a_lock_of_another_user_is_waited_for(said: list[tuple[int, str]], place: Path) -> None:
    status, message = said[4]
    assert status == 0, message
    assert "another run is writing to waits: waiting until it has ended" in message
    assert (place / "waits" / "audit.csv").is_file()
    assert {found.name for found in place.iterdir() if not found.name.startswith("said")} == {
        "trial", "closed", "drop", "below", "fit", "waits",
    }  # fmt: skip
