"""A table as a journal prints it: title, headed columns, grouped rows, footnotes; no markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

#: Cells whose fit fails its diagnostics gate, and cells with nothing to say.
NOT_QUOTED, NOTHING = "not quoted", "–"
#: Tables of more columns than this stand on a page turned on its side.
UPRIGHT = 5


@dataclass(frozen=True)
class Column:
    """A column of cells.

    Attributes
    ----------
    heading : str
    note : str
        Footnote to the heading; columns with the same note share its mark.
    above : str
        Heading over this column and its neighbours with the same one.
    width : float
        Share of the table's width, relative to the other columns.
    """

    heading: str
    note: str = ""
    above: str = ""
    width: float = 1.0


@dataclass(frozen=True)
class Row:
    """A row: its label, its cells, and the group that it stands in.

    ``group`` numbers the heading among those of `JournalTable.groups`; None for a row that stands
    before the first group.
    """

    label: str
    cells: tuple[str, ...]
    group: int | None = None


@dataclass(frozen=True)
class JournalTable:
    """One table.

    Attributes
    ----------
    title : str
    stub : Column
        Of the row labels.
    columns : tuple of Column
    rows : tuple of Row
        With a cell for every column.
    groups : tuple of str
        Headings between rows; two may read alike.
    remarks : tuple of str
        Footnotes to the table as a whole.
    """

    title: str
    stub: Column
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    groups: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that rows have the shape that the columns and groups promise."""
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{row.label!r}: {len(row.cells)} cells, not {len(self.columns)}")
            if row.group is not None and not 0 <= row.group < len(self.groups):
                raise ValueError(f"{row.label!r}: no group {row.group}")

    @property
    def notes(self) -> dict[str, str]:
        """Marks (a, b, …) by footnote, in the order of the columns."""
        texts = dict.fromkeys(c.note for c in (self.stub, *self.columns) if c.note)
        return dict(zip(texts, ascii_lowercase, strict=False))

    def mark(self, column: Column) -> str:
        """Mark of a column's footnote; blank without one."""
        return self.notes.get(column.note, "")

    @property
    def quoted(self) -> bool:
        """Whether no row is withheld because of its gate."""
        return not any(NOT_QUOTED in row.cells for row in self.rows)


@dataclass
class Rows:
    """Rows in the making, in the order in which they are to stand."""

    groups: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def begin(self, heading: str) -> None:
        """Put a heading between the rows before and after it."""
        self.groups.append(heading)

    def add(self, label: str, cells: Sequence[str]) -> None:
        """Append a row under the last heading."""
        group = len(self.groups) - 1 if self.groups else None
        self.rows.append(Row(label, tuple(cells), group))


#: Categories of characters that no document holds: controls, lone surrogates, private use, unknown.
_UNPRINTABLE = {"Cc", "Cs", "Co", "Cn"}


def printable(text: str) -> str:
    """Text as one line of characters that every format can hold; other white space is one blank."""
    spaced = "".join(" " if char in "\t\n\r\v\f\u2028\u2029\x85" else char for char in text)
    kept = "".join(char for char in spaced if unicodedata.category(char) not in _UNPRINTABLE)
    return " ".join(part for part in kept.split(" ") if part)
