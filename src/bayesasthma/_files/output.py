"""Write result files whole or not at all, and tables that no spreadsheet takes for formulas."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bayesasthma.errors import BayesAsthmaError

if TYPE_CHECKING:
    import pandas as pd

#: Name of a file that is being written: that of the file, and the process that writes.
PARTIAL = re.compile(r"\..+\.(?P<process>[0-9]+)\.part(?:\.npz)?")
#: What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection").
FORMULA = re.compile(r"'*[=+\-@\t\r]")
#: A text that begins so and is harmless all the same, and that people want to read as it is: a
#: number, or a sign alone.
PLAIN_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?%?|[=+\-–]")


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV, numbers to six significant digits, texts as `inert` makes them."""
    text: str = _each_text(frame, inert).to_csv(
        index=False, float_format="%.6g", lineterminator="\n"
    )
    return text


def as_written(frame: pd.DataFrame) -> pd.DataFrame:
    """A table read from a CSV of ours, with the texts that it was written from."""
    return _each_text(frame, given)


def inert(text: str) -> str:
    """A text for a cell, with an apostrophe before what a spreadsheet would compute.

    `given` takes it away again: a text of the same look gets one more.
    """
    computes = FORMULA.match(text) is not None and PLAIN_NUMBER.fullmatch(text) is None
    return f"'{text}" if computes else text


def given(cell: str) -> str:
    """The text that `inert` made a cell of."""
    return cell[1:] if cell.startswith("'") and inert(cell[1:]) == cell else cell


def _each_text(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    texts = {
        name: frame[name].map(lambda cell: change(cell) if isinstance(cell, str) else cell)
        for name in frame.columns
        if frame[name].dtype.kind not in "fiub"
        and any(isinstance(cell, str) and change(cell) != cell for cell in frame[name])
    }
    return frame.assign(**texts) if texts else frame


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table atomically, with six significant digits."""
    write_text(csv_text(frame), path)


def write_text(text: str, path: Path) -> None:
    """Write a text file atomically, in UTF-8; raises as `write_bytes`."""
    write_bytes([text.encode("utf-8", "backslashreplace")], path)


def write_bytes(pieces: list[bytes | memoryview], path: Path) -> None:
    """Write a file atomically: a reader sees the old file or the whole new one.

    Raises
    ------
    BayesAsthmaError
        If it cannot be written; nothing is left of it then.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.writelines(pieces)
        partial.replace(path)
    except OSError as error:
        raise BayesAsthmaError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
