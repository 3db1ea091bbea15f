"""Read one file of a bundle as text, cell by cell, and collect everything wrong with it."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bayesasthma.errors import Problem

FREE_COLUMNS = frozenset({"note", "source"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_P_VALUE = re.compile(r"\*?\s*(?P<operator>[<>=]?)\s*(?P<number>\d*\.?\d+)\s*\*?")


@dataclass(frozen=True)
class Number:
    """A printed number: its value, and the unit of its last printed place."""

    value: float
    step: float


@dataclass(frozen=True)
class PrintedP:
    """A printed p-value: ``"*<0.01"`` is 0.01, ``"<"``, starred, two decimals."""

    value: float
    operator: str
    starred: bool
    decimals: int


def parse_number(text: str) -> Number | None:
    """Read a number as printed; None if it is not one.

    ``16.8`` has step 0.1, ``17`` step 1, ``1.50e2`` step 1.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if not math.isfinite(value):
        return None
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    power = (int(exponent) if exponent else 0) - decimals
    return Number(value, float(f"1e{power}"))


def parse_p(text: str) -> PrintedP | None:
    """Read a p-value as printed, with its asterisk and inequality; None if it is not one."""
    match = _P_VALUE.fullmatch(text.strip())
    if match is None or float(match["number"]) > 1:
        return None
    return PrintedP(
        float(match["number"]),
        match["operator"] or "=",
        "*" in text,
        len(match["number"].partition(".")[2]),
    )


@dataclass
class Collector:
    """Gathers problems, so that all are reported at once."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, file: str, row: int | None, column: str, value: str, expected: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(file, row, column, value, expected))


@dataclass(frozen=True)
class Row:
    """One line of a sheet; reading a cell that is wrong notes a problem and returns None."""

    file: str
    line: int
    cells: dict[str, str]
    collector: Collector

    def bad(self, column: str, expected: str) -> None:
        """Note that a cell is not what was expected."""
        self.collector.add(self.file, self.line, column, self.cells.get(column, ""), expected)

    def text(self, column: str) -> str:
        """The cell without surrounding blanks; empty if the column is absent."""
        return self.cells.get(column, "")

    def required(self, column: str) -> str | None:
        """A cell that must not be blank."""
        if not self.text(column):
            self.bad(column, "a value, not a blank")
            return None
        return self.text(column)

    def choice(self, column: str, allowed: Collection[str], *, blank: bool = False) -> str | None:
        """One of ``allowed``; with a suggestion where a known one is close."""
        value = self.text(column)
        if value in allowed or (blank and not value):
            return value
        close = difflib.get_close_matches(value, list(allowed), n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        self.bad(column, f"one of {', '.join(allowed)}{hint}")
        return None

    def number(
        self,
        column: str,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        above: float = -math.inf,
        whole: bool = False,
    ) -> Number | None:
        """A number in ``[low, high]`` and greater than ``above``; None (silently) if blank."""
        text = self.text(column)
        if not text:
            return None
        parsed = parse_number(text)
        if parsed is None:
            comma = "," in text and parse_number(text.replace(",", ".", 1)) is not None
            self.bad(column, "a number" + (", with a point, not a decimal comma" if comma else ""))
            return None
        value = parsed.value
        if not low <= value <= high or value <= above:
            self.bad(column, _range(low, high, above))
            return None
        if whole and value != int(value):
            self.bad(column, "a whole number")
            return None
        return parsed


def _range(low: float, high: float, above: float) -> str:
    if above > -math.inf:
        return f"a number above {above:g}" + (f" and up to {high:g}" if high < math.inf else "")
    if low > -math.inf and high < math.inf:
        return f"a number from {low:g} to {high:g}"
    return f"a number of at least {low:g}" if low > -math.inf else f"a number of at most {high:g}"


@dataclass(frozen=True)
class Sheet:
    """A file of a bundle, its header checked, its lines still text."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows."""
        return iter(self.rows)


def read_text(path: Path, collector: Collector, checksums: dict[str, str]) -> str | None:
    """The text of a UTF-8 file (a byte-order mark is tolerated); None after noting a problem."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        collector.add(path.name, None, "", "", f"a readable file ({error.strerror})")
        return None
    checksums[path.name] = hashlib.sha256(raw).hexdigest()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        value = raw[error.start : error.start + 1].hex()
        collector.add(path.name, line, "", f"byte 0x{value}", "UTF-8 text")
        return None


def read_sheet(
    path: Path,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    collector: Collector,
    checksums: dict[str, str],
    *,
    open_ended: bool = False,
) -> Sheet | None:
    """Read a CSV file and check its header and the width of its lines.

    Parameters
    ----------
    path : Path
    required, optional : tuple of str
        Columns; ``note`` and ``source`` are always free.
    collector, checksums
        Filled in place.
    open_ended : bool
        Allow any further column.

    Returns
    -------
    Sheet or None
        None if the header cannot be used.
    """
    text = read_text(path, collector, checksums)
    if text is None:
        return None
    try:
        lines = [
            (reader.line_num, cells)
            for reader in [csv.reader(io.StringIO(text, newline=""), strict=True)]
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        collector.add(path.name, None, "", "", f"well-formed CSV ({error})")
        return None
    if not lines:
        collector.add(path.name, None, "", "", "a header line, the file is empty")
        return None
    header = tuple(cell.strip() for cell in lines[0][1])
    known = (*required, *optional)
    usable = True
    for name in required:
        if name not in header:
            collector.add(path.name, lines[0][0], name, "", "this column in the header")
            usable = False
    for name in header:
        if header.count(name) > 1:
            collector.add(path.name, lines[0][0], name, name, "each column once")
            usable = False
        if name not in known and name not in FREE_COLUMNS and not open_ended:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            collector.add(
                path.name, lines[0][0], name, name, f"a column among {', '.join(known)}{hint}"
            )
    if not usable:
        return None
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            collector.add(
                path.name, line, "", ",".join(cells), f"{len(header)} cells, not {len(cells)}"
            )
            continue
        stripped = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        rows.append(Row(path.name, line, stripped, collector))
    return Sheet(path.name, header, tuple(rows))
