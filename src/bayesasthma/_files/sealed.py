"""Files with a checksum of themselves at their end, which is held against them when they are read.

Formats that look at nothing behind their own end (HDF5, zip) stay readable by everything else.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from bayesasthma._files.output import write_bytes

#: What stands behind the content: this, then its SHA-256 in hexadecimal digits.
MARK = b"\nbayesasthma sha256 "
LENGTH = len(MARK) + 64


class BrokenSealError(Exception):
    """Why a file is not what was written."""


def write_sealed(content: bytes | memoryview, path: Path) -> None:
    """Write a file with its checksum, atomically.

    Raises
    ------
    BayesAsthmaError
        If it cannot be written.
    """
    end = MARK + hashlib.sha256(content).hexdigest().encode()
    write_bytes([content, end], path)


def read_sealed(path: Path) -> memoryview:
    """The content of a file that bears its checksum.

    Raises
    ------
    OSError
        If it cannot be read.
    BrokenSealError
        If it is empty, has no checksum, or another one.
    """
    raw = memoryview(path.read_bytes())
    content, end = raw[:-LENGTH], bytes(raw[-LENGTH:])
    if not raw:
        raise BrokenSealError("it is empty")
    if not end.startswith(MARK):
        raise BrokenSealError(
            "it does not end with its checksum: it was cut off, or saved by an earlier version"
        )
    if hashlib.sha256(content).hexdigest().encode() != end[len(MARK) :]:
        raise BrokenSealError("it was changed since it was written (its checksum is another)")
    return content
