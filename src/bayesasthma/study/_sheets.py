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

from bayesasthma._files.output import given
from bayesasthma.errors import Problem
from bayesasthma.study._printed_numbers import (
    Number,
    PrintedP,
    parse_number,
    parse_p,
    why_not_a_number,
)

__all__ = [
    "FREE_COLUMNS",
    "Collector",
    "Given",
    "Number",
    "PrintedP",
    "Row",
    "Sheet",
    "all_visible",
    "parse_number",
    "parse_p",
    "read_sheet",
    "read_text",
    "step_of",
    "suggest",
    "value_of",
]

#: Most patients or events that anything is counted in, and most lines of a file.
MOST_COUNTED, MOST_LINES = 1e12, 1_000_000

FREE_COLUMNS = frozenset({"note", "source"})


#: Characters that are no text: control characters, and those that turn the direction of a line.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass
class Collector:
    """Gathers problems, so that all are reported at once."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, file: str, row: int | None, column: str, value: str, expected: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(file, row, column, value, expected))


def suggest(value: str, known: Collection[str]) -> str:
    """`` (did you mean ...?)`` where a known word is close; else empty."""
    close = difflib.get_close_matches(value, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def value_of(number: Number | None) -> float:
    """Value of a number; NaN if there is none."""
    return math.nan if number is None else number.value


def step_of(number: Number | None) -> float:
    """Unit of a number's last printed place; 0 if there is none."""
    return 0.0 if number is None else number.step


@dataclass(frozen=True)
class Row:
    """One line of a sheet; reading a cell that is wrong notes a problem and returns None.

    A column that the header lacks is reported once, for the header, and not again on every line.
    ``decimal`` is the decimal mark that the bundle states, if it does.
    """

    file: str
    line: int
    cells: dict[str, str]
    collector: Collector
    absent: frozenset[str] = frozenset()
    decimal: str | None = None

    def bad(self, column: str, expected: str) -> None:
        """Note that a cell is not what was expected."""
        if column not in self.absent:
            self.collector.add(self.file, self.line, column, self.cells.get(column, ""), expected)

    def text(self, column: str) -> str:
        """The cell without surrounding blanks; empty if the column is absent.

        An apostrophe that keeps a spreadsheet from computing it is no part of it.
        """
        return given(self.cells.get(column, ""))

    def required(self, column: str) -> str | None:
        """A cell that must not be blank."""
        if not self.text(column):
            self.bad(column, "a value, not a blank")
            return None
        return self.text(column)

    def choice(
        self, column: str, allowed: Collection[str] | None, *, blank: bool = False
    ) -> str | None:
        """One of ``allowed``, with a suggestion where a known one is close.

        ``allowed`` is None where what is known could not be read; then anything but a blank goes.
        """
        value = self.text(column)
        if blank and not value:
            return value
        if allowed is None:
            return self.required(column)
        if value in allowed:
            return value
        self.bad(column, f"one of {', '.join(allowed)}{suggest(value, allowed)}")
        return None

    def number(
        self,
        column: str,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        above: float = -math.inf,
        whole: bool = False,
        percent: bool = False,
    ) -> Number | None:
        """A number in ``[low, high]`` and greater than ``above``; None (silently) if blank.

        ``percent`` allows a percent sign after it.
        """
        text = self.text(column)
        if not text:
            return None
        bare = text.removesuffix("%").rstrip() if percent else text
        parsed = parse_number(bare, self.decimal)
        if parsed is None:
            self.bad(column, why_not_a_number(text, self.decimal))
            return None
        if whole and parsed.value > MOST_COUNTED:
            high = min(high, MOST_COUNTED)
        if whole and parsed.value != math.floor(parsed.value):
            self.bad(column, _range(low, high, above, "a whole number"))
            return None
        if not low <= parsed.value <= high or parsed.value <= above:
            self.bad(column, _range(low, high, above, "a whole number" if whole else "a number"))
            return None
        return parsed


def _range(low: float, high: float, above: float, kind: str) -> str:
    if above > -math.inf:
        return f"{kind} above {above:g}" + (f" and up to {high:g}" if high < math.inf else "")
    if low > -math.inf and high < math.inf:
        return f"{kind} from {low:g} to {high:g}"
    if low > -math.inf:
        return f"{kind} of at least {low:g}"
    return f"{kind} of at most {high:g}" if high < math.inf else kind


@dataclass(frozen=True)
class Sheet:
    """A file's lines, header checked.

    Attributes
    ----------
    file : str
    columns : tuple of str
    rows : tuple of Row
    collector : Collector
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    collector: Collector

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the lines below the header."""
        return iter(self.rows)


@dataclass(frozen=True)
class Given:
    """Text that stands for a file, as of a sheet of a workbook; ``name`` is what messages say."""

    name: str
    text: str


def read_text(path: Path | Given, collector: Collector, checksums: dict[str, str]) -> str | None:
    """Decode a file as UTF-8 (a byte-order mark is dropped) and keep its SHA-256."""
    if isinstance(path, Given):
        return path.text
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
        byte = f"byte 0x{raw[error.start]:02x}"
        collector.add(path.name, line, "", byte, "UTF-8 text (save the file as UTF-8)")
        return None


def read_sheet(
    path: Path | Given,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    collector: Collector,
    checksums: dict[str, str],
    *,
    open_ended: bool = False,
    decimal: str | None = None,
) -> Sheet | None:
    """Read a CSV file and check its header and the width of its lines.

    Parameters
    ----------
    path : Path or Given
    required, optional : tuple of str
        Columns; ``note`` and ``source`` are always free.
    collector, checksums
        Filled in place.
    open_ended : bool
        Allow any further column.
    decimal : {".", ","}, optional
        Decimal mark that the bundle states. Where it is a comma, semicolons may stand between
        cells, as spreadsheets then write them.

    Returns
    -------
    Sheet or None
        None if there is no header to go by. A sheet that lacks a column is returned all the same,
        so that its other columns are checked.
    """
    text = read_text(path, collector, checksums)
    if text is None or not all_visible(path.name, text, collector):
        return None
    separator = ";" if decimal == "," and ";" in text.partition("\n")[0] else ","
    lines = _lines(path.name, text, collector, separator)
    if not lines:
        if not any(problem.file == path.name for problem in collector.problems):
            collector.add(path.name, None, "", "", "a header line, the file is empty")
        return None
    first, cells = lines[0]
    while cells and not cells[-1]:  # spreadsheets leave empty columns behind
        cells = cells[:-1]
    header = tuple(cells)
    if len(header) == 1 and (other := next((s for s in ";\t" if s in header[0]), "")):
        collector.add(path.name, first, "", header[0], f"commas between cells, not {other!r}")
        return None
    known = header if open_ended else (*required, *optional)
    absent = _check_header(path.name, first, header, (required, known), collector)
    rows = []
    for line, cells in lines[1:]:
        while len(cells) > len(header) and not cells[-1]:
            cells = cells[:-1]  # noqa: PLW2901
        if len(cells) != len(header):
            hint = " (a decimal comma makes two cells of one)" if len(cells) > len(header) else ""
            expected = f"{len(header)} cells, as in the header, not {len(cells)}{hint}"
            collector.add(path.name, line, "", ",".join(cells), expected)
            continue
        named = dict(zip(reversed(header), reversed(cells), strict=True))
        rows.append(Row(path.name, line, named, collector, absent, decimal))
    return Sheet(path.name, header, tuple(rows), collector)


def all_visible(file: str, text: str, collector: Collector) -> bool:
    """Whether a text has no control characters; the first of them is noted, with its line."""
    found = CONTROL.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        expected = "text without control characters (such as a copy from a PDF may have)"
        collector.add(file, line, "", f"U+{ord(found[0]):04X}", expected)
    return found is None


def _lines(
    file: str, text: str, collector: Collector, separator: str = ","
) -> list[tuple[int, list[str]]]:
    """Split into cells; the number is that of the first line of each record."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    lines = []
    start = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                lines.append((start, stripped))
            if len(lines) > MOST_LINES:
                collector.add(file, start, "", "", f"at most {MOST_LINES:,} lines")
                return []
            start = reader.line_num + 1
    except csv.Error as error:
        collector.add(file, start, "", "", f"well-formed CSV ({error})")
    return lines


def _check_header(
    file: str,
    line: int,
    header: tuple[str, ...],
    columns: tuple[tuple[str, ...], tuple[str, ...]],
    collector: Collector,
) -> frozenset[str]:
    """Report missing, unknown and repeated columns; return the missing ones."""
    required, known = columns
    absent = frozenset(required) - frozenset(header)
    for name in required:
        if name in absent:
            collector.add(file, line, name, "", "this column in the header")
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            collector.add(file, line, name, name, "each column once")
        if name not in known and name not in FREE_COLUMNS:
            hint = suggest(name, known)
            collector.add(file, line, name, name, f"a column among {', '.join(known)}{hint}")
    return absent
