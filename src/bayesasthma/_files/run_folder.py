"""A run's folder: can it be written, is another run in it, what did a killed run leave there."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bayesasthma._files.output import PARTIAL
from bayesasthma.errors import BayesAsthmaError

try:
    import fcntl as _fcntl
except ModuleNotFoundError:  # Windows has no such locks: two runs are not kept apart there
    fcntl: Any = None
else:
    fcntl = _fcntl

#: Folders below a run's, in which files are written.
BELOW = (
    "", "posterior", "posterior/sensitivity", "figures", "unrounded", "diagnostics", "pooled",
)  # fmt: skip
#: Age, in seconds, from which an unfinished file is nobody's, whatever process has its number now.
OLD = 86_400.0


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written, before anything is computed for it.

    Raises
    ------
    BayesAsthmaError
        Naming what stands in the way: a folder that may not be written, or another user's fit that
        may not be read.
    """
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        raise BayesAsthmaError(f"--out {str(folder)!r} is no text in UTF-8") from None
    for place in (folder, *folder.absolute().parents):
        try:
            found = place.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise BayesAsthmaError(f"cannot write {folder}: {error.strerror}: {place}") from error
        del found
        if not place.is_dir():
            raise BayesAsthmaError(f"--out {folder}: {place} is a file, not a folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise BayesAsthmaError(f"cannot write {folder}: no permission to write in {place}")
        break
    for below in BELOW:
        _check_below(folder, folder / below)


def _check_below(folder: Path, place: Path) -> None:
    """Refuse a place of a run's that cannot be written, or holds a fit that cannot be read."""
    if not place.exists():
        return
    if not place.is_dir():
        raise BayesAsthmaError(f"cannot write {folder}: {place} is a file, not a folder")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise BayesAsthmaError(f"cannot write {folder}: no permission to read and write in {place}")
    for fit in place.glob("*.nc"):
        if not os.access(fit, os.R_OK):
            raise BayesAsthmaError(
                f"cannot use {folder}: no permission to read {fit}, which another run left there"
            )


@contextlib.contextmanager
def run_folder(folder: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """A folder for one run at a time; another waits. What a killed run half wrote is removed.

    Folders that were made and stay empty are removed again.

    Parameters
    ----------
    folder : Path
    say : callable
        Told if there is another run to wait for.

    Raises
    ------
    BayesAsthmaError
        If it cannot be made or written.
    """
    check_writable(folder)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    lock = _locked(folder, say)
    try:
        sweep(folder)
        yield folder
    finally:
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()
        if lock is not None:
            os.close(lock)


def _locked(folder: Path, say: Callable[[str], None]) -> int | None:
    """A lock on the folder itself, which leaves no file and ends with the process."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if fcntl is None:
                return None
            lock = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise BayesAsthmaError(f"cannot write {folder}: {error.strerror or error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run is writing to {folder}: waiting until it has ended")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            os.close(lock)
            return None
        # the run that was waited for may have removed the folder
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(lock), folder.stat()):
                return lock
        os.close(lock)


def sweep(folder: Path) -> list[Path]:
    """Remove unfinished files of processes that are no more; returns them.

    Called before this process writes to the folder: what bears its number is of one before it, as
    in containers, where each run may be process 7.
    """
    removed = []
    for below in BELOW:
        for path in (folder / below).glob(".*.part*"):
            match = PARTIAL.fullmatch(path.name)
            if match is None:
                continue
            with contextlib.suppress(OSError):
                process = int(match["process"])
                aged = time.time() - path.stat().st_mtime > OLD
                if aged or process == os.getpid() or not _alive(process):
                    path.unlink()
                    removed.append(path)
    return removed


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    # one that has ended keeps its number until its parent has asked how
    with contextlib.suppress(OSError, IndexError):
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return state.rpartition(")")[2].split()[0] not in {"Z", "X"}
    return True
