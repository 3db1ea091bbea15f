"""How the command line ends: signals, closed pipes, full disks; text that a terminal can show."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from typer.core import TyperGroup

from bayesasthma.errors import BayesAsthmaError, shortened, visible


class NobodyReadsError(Exception):
    """The reader of the output has closed it."""


class OutputError(BayesAsthmaError):
    """What was found could not be printed."""


class Group(TyperGroup):
    """Commands whose output is out when they end, or known not to be."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what a full disk or a closed pipe did to its output is an error."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            raise NobodyReadsError from None  # Typer's answer to the other would be status 1
        except OSError as error:
            if error.filename is not None:
                raise BayesAsthmaError(f"{error.filename}: {error.strerror}") from error
            raise OutputError(f"cannot print the result: {error.strerror or error}") from error


#: Longest line of an error message, in characters.
LONGEST = 1_000
#: Most lines of an error message.
MOST_LINES = 200


@contextlib.contextmanager
def signals() -> Iterator[list[int]]:
    """Let SIGTERM and a closed terminal end a command as Ctrl-C does: files whole, helpers ended.

    Yields
    ------
    list of int
        Which signals came.
    """
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # what is ignored on purpose (nohup) stays ignored
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def open_streams() -> None:
    """Make standard streams usable: a closed one leads nowhere, any text can be printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # else the next file that is opened gets this number, and what is printed
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
        stream = getattr(sys, name)
        if name != "stdin" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Send what is still to be printed nowhere: the interpreter flushes it as it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def printable(text: str) -> str:
    """A message without control characters, its lines and their number bounded."""
    lines = visible(text).split("\n")
    short = [shortened(line, LONGEST) for line in lines]
    if len(short) > MOST_LINES:
        short = [*short[:MOST_LINES], f"  … and {len(short) - MOST_LINES} more lines"]
    return "\n".join(short)
