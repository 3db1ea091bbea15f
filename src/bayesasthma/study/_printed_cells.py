"""Cells that hold several numbers: mean with its SD or interval, count with its percentage."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bayesasthma.study._printed_numbers import (
    DASHES,
    LONGEST_CELL,
    Number,
    parse_number,
    without_marks,
)

#: What the number beside a mean can be, as `value_is` and labels within a cell have it.
SPREADS = ("sd", "se", "ci", "cv")
_LABELS = {
    "sd": "sd",
    "s.d.": "sd",
    "se": "se",
    "sem": "se",
    "s.e.": "se",
    "s.e.m.": "se",
    "cv": "cv",
    "ci": "ci",
    "c.i.": "ci",
    "confidence interval": "ci",
    "iqr": "iqr",
    "range": "range",
    "q1-q3": "iqr",
}
_PLUS_MINUS = re.compile(r"±|\+\s?/\s?[-−–]|\+-")
_BRACKETED = re.compile(r"(?P<middle>[^()\[\]{}±]+?)\s*[(\[{](?P<inside>[^()\[\]{}]+)[)\]}]")
_IN_WORDS = re.compile(
    r"(?P<middle>[^()\[\]±]+?)[,;]?\s+(?P<inside>[0-9.,·]+\s?%\s?(?:CI|C\.I\.).+)", re.IGNORECASE
)
_LABEL = re.compile(
    r"(?:(?P<level>[0-9]{1,2}(?:[.,·][0-9]+)?)\s?%\s?(?=c))?"
    r"(?P<label>s\.?e\.?m\.?|s\.d\.|sd|s\.e\.|se|cv|ci|c\.i\.|confidence interval|iqr|range|q1-q3)"
    r"(?![a-z])\s?[:=,]?\s*(?P<rest>.+)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(rf"\s*(?:\bto\b|,|;|[{DASHES}]|\.{{2,3}}|\u2026)\s*", re.IGNORECASE)
_COUNT = re.compile(
    r"(?P<count>[0-9][0-9 ,.']*?)(?:\s*(?:/|\bof\b)\s*(?P<n>[0-9][0-9 ,.']*?))?"
    r"(?:\s*[,;]?\s*[(\[]?\s*(?P<percent>[0-9.,·]+)\s?(?P<sign>%)?\s*[)\]])?"
)
_COUNT_WITH_SIGN = re.compile(
    r"(?P<count>[0-9]+)(?:\s*(?:/|\bof\b)\s*(?P<n>[0-9]+))?\s*[,;]\s*(?P<percent>[0-9.,·]+)\s?%"
)
_PERCENT_FIRST = re.compile(
    r"(?P<percent>[0-9.,·]+)\s?%\s*[(\[]\s*(?P<count>[0-9]+)(?:\s*(?:/|\bof\b)\s*(?P<n>[0-9]+))?"
    r"\s*[)\]]"
)


@dataclass(frozen=True)
class PrintedValue:
    """A cell such as ``16.8 ± 4.3`` or ``16.8 [15.1, 18.5]``.

    Attributes
    ----------
    middle : Number
        The mean, or another estimate.
    spread : Number or None
        The number after ±, or alone in brackets.
    interval : (Number, Number) or None
        Two numbers in brackets.
    stated : str
        What the cell says of them: ``sd``, ``se``, ``ci``, ``cv``, ``iqr``, ``range`` or nothing.
    ci_prob : float or None
        Level of the interval, where the cell states it: ``90 % CI`` is 0.9.
    percent : bool
        Whether the spread has a percent sign and the middle has none.
    """

    middle: Number
    spread: Number | None = None
    interval: tuple[Number, Number] | None = None
    stated: str = ""
    ci_prob: float | None = None
    percent: bool = False


@dataclass(frozen=True)
class PrintedCount:
    """A cell such as ``10/18 (55.6%)``; what it does not print is None."""

    count: Number
    n: Number | None = None
    percent: Number | None = None
    signed: bool = False


def parse_value(text: str, decimal: str | None = None) -> PrintedValue | None:
    """Read a mean with what stands beside it; None if the cell is not of that form.

    ``16.8 ± 4.3``, ``16.8 (4.3)``, ``16.8 (SE 0.9)``, ``16.8 [15.1, 18.5]``, ``16.8 (15.1 to
    18.5)``, ``16.8 (90 % CI 15.4–18.2)``. Footnote marks at the ends are dropped. Ends of an
    interval that can be told apart in more than one way, or that together may be one number with a
    decimal comma, are not guessed.
    """
    if len(text) > LONGEST_CELL:
        return None
    text = without_marks(text)[0]
    parts = _PLUS_MINUS.split(text)
    if len(parts) == 2 and parts[0].strip() and not set("()[]{}") & set(text):
        middle = _number(parts[0], decimal)
        stated, _, rest = _labelled(parts[1], decimal)
        spread = _number(rest, decimal)
        if middle is None or spread is None or stated in {"iqr", "range"}:
            return None
        percent = "%" in parts[1] and "%" not in parts[0]
        return PrintedValue(middle, spread, None, stated, None, percent)
    match = _BRACKETED.fullmatch(text) or _IN_WORDS.fullmatch(text)
    middle = _number(match["middle"], decimal) if match else None
    if match is None or middle is None:
        return None
    stated, level, rest = _labelled(match["inside"], decimal)
    rest = re.sub(rf"^(?:{_PLUS_MINUS.pattern})\s*", "", rest)
    spread = _number(rest, decimal)
    if spread is not None and level is None:
        percent = "%" in rest and "%" not in match["middle"]
        return PrintedValue(middle, spread, None, stated, None, percent)
    ends = _interval(rest, decimal)
    return PrintedValue(middle, None, ends, stated, level) if ends else None


def _number(text: str, decimal: str | None) -> Number | None:
    """A number, footnote marks and a percent sign after it dropped."""
    bare = without_marks(text)[0]
    return parse_number(bare.removesuffix("%").rstrip(), decimal)


def _labelled(text: str, decimal: str | None) -> tuple[str, float | None, str]:
    """What a text says its numbers are, the level of an interval, and the rest."""
    match = _LABEL.fullmatch(text.strip())
    if match is None:
        return "", None, text.strip()
    level = parse_number(match["level"], decimal) if match["level"] else None
    label = _LABELS[re.sub(r"\s+", " ", match["label"].lower())]
    return label, level.value / 100 if level else None, match["rest"]


def _interval(text: str, decimal: str | None) -> tuple[Number, Number] | None:
    """Two numbers and a separator between them; None where they can be read in two ways."""
    if any(parse_number(text, mark) is not None for mark in (".", ",")):
        return None
    found = []
    for match in _BETWEEN.finditer(text):
        low, high = _number(text[: match.start()], decimal), _number(text[match.end() :], decimal)
        if low is not None and high is not None:
            found.append((low, high))
    return found[0] if len(found) == 1 else None


def parse_count(text: str, decimal: str | None = None) -> PrintedCount | None:
    """Read a count with its denominator and percentage; None if the cell is not of that form.

    ``10``, ``10/18``, ``10 (55.6)``, ``10/18 (55.6%)``, ``10 of 18 (55.6 %)``, ``55.6% (10/18)``.
    """
    if len(text) > LONGEST_CELL:
        return None
    text = without_marks(text)[0]
    for pattern in (_PERCENT_FIRST, _COUNT_WITH_SIGN, _COUNT):
        if (match := pattern.fullmatch(text)) is None:
            continue
        found = match.groupdict()
        numbers = {
            name: parse_number(found[name], decimal) if found.get(name) else None
            for name in ("count", "n", "percent")
        }
        if any(found.get(name) and numbers[name] is None for name in numbers):
            continue
        if (count := numbers["count"]) is not None:
            return PrintedCount(count, numbers["n"], numbers["percent"], "%" in text or "/" in text)
    return None
