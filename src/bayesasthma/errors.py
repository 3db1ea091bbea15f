"""Errors a user can meet, under one root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class BayesAsthmaError(Exception):
    """Root of all errors that the package raises on purpose."""


class UsageError(BayesAsthmaError, ValueError):
    """A request that the package cannot meet: an unknown name, an option that does not fit."""


class GateError(BayesAsthmaError):
    """A number was asked for whose fit fails the diagnostics gate."""


#: Most characters of what was found and of what was expected that a message shows.
FOUND, EXPECTED = 100, 500


def visible(text: str) -> str:
    """A text in which control characters, but for line ends, stand as escapes."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text
    )


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters, and a word on how many there were."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a bundle.

    Attributes
    ----------
    file : str
        Relative to the bundle.
    row : int or None
        Line of the file as an editor counts; None for the file as a whole.
    column : str
        Empty for the row as a whole.
    value : str
        What was found.
    expected : str
    """

    file: str
    row: int | None
    column: str
    value: str
    expected: str

    def __str__(self) -> str:
        """One line: where, what was found, what was expected."""
        place = self.file
        if self.row is not None:
            place += f", row {self.row}"
        if self.column:
            place += f", column {self.column}"
        if not self.value:
            found = ": "
        elif len(self.value) > FOUND:
            found = f": found {self.value[:FOUND]!r}… ({len(self.value)} characters), "
        else:
            found = f": found {self.value!r}, "
        expected = shortened(self.expected, EXPECTED)
        return visible(f"{shortened(place, EXPECTED)}{found}expected {expected}").replace("\n", " ")


class StudyError(BayesAsthmaError):
    """A bundle that cannot be read; ``problems`` lists everything wrong with it."""

    def __init__(self, bundle: str, problems: Sequence[Problem]) -> None:
        self.bundle = bundle
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__("\n  ".join([f"{bundle}: {count}", *map(str, self.problems)]))
