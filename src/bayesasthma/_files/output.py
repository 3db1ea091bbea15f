"""Write result files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bayesasthma.errors import BayesAsthmaError

if TYPE_CHECKING:
    import pandas as pd


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV, numbers to six significant digits."""
    text: str = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table atomically, with six significant digits."""
    write_text(csv_text(frame), path)


def write_text(text: str, path: Path) -> None:
    """Write a text file (UTF-8) atomically; see `write_bytes`."""
    write_bytes(text.encode(), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file atomically.

    Raises
    ------
    BayesAsthmaError
        If the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise BayesAsthmaError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
