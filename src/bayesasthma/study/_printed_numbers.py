"""Numbers as a paper prints them: value, unit of the last printed place, inequality, asterisks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
MINUS = "\N{MINUS SIGN}"
#: Signs that typesetters use for a minus; dashes are one only before the first digit.
_MINUSES = re.compile(r"[\u2212\ufe63\uff0d]|^[\u2010-\u2013]\s*(?=[0-9.,\u00b7])")
#: The raised point of some journals, and what looks like it.
_RAISED = re.compile(r"(?<=[0-9])[\u00b7\u2219\u22c5\u2027\u30fb](?=[0-9])|^\u00b7(?=[0-9])")
_SPACES = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_ASTERISKS = "*\u2217\u204e\uff0a"
#: Marks that refer to a footnote.
_MARKS = f"{_ASTERISKS}\u2020\u2021\u00a7\u00b6\u2016#"
_OPERATORS = {
    **dict.fromkeys(("<", "<=", "=<", "\u2264", "\u2a7d", "\u2266"), "<"),
    **dict.fromkeys((">", ">=", "=>", "\u2265", "\u2a7e", "\u2267"), ">"),
    "=": "=",
}
_FULL_WIDTH = {0xFF1C: "<", 0xFF1D: "=", 0xFF1E: ">"}
#: Hyphens and dashes that stand between the ends of an interval.
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_SIGN = "|".join(re.escape(sign) for sign in sorted(_OPERATORS, key=len, reverse=True))
_P_VALUE = re.compile(
    rf"(?:p(?:[- ]?values?)?\s*:?\s*(?={_SIGN}|[0-9.,\u00b7]))?(?P<operator>{_SIGN})?"
    r"\s*(?P<number>[^\s]+)",
    re.IGNORECASE,
)
_NOT_SIGNIFICANT = re.compile(
    r"(?:p\s*[=:]?\s*)?(?:n\.?\s?/?s\.?|not significant|non-?\s?significant)", re.IGNORECASE
)
_NS_BESIDE = re.compile(r"\s*(?:\(\s*n\.?s\.?\s*\)|,?\s+n\.?s\.?)$", re.IGNORECASE)


#: Sizes between which products of squares of numbers stay far inside the range of a float, and the
#: smallest p-value that a float holds with all its digits.
SMALLEST, LARGEST, SMALLEST_P = 1e-30, 1e30, 1e-300
#: Most characters of a cell of one number or several: patterns take long over endless digits.
LONGEST_CELL = 150


@dataclass(frozen=True)
class Number:
    """A printed number: its value, and the unit of its last printed place (0 if not rounded)."""

    value: float
    step: float


@dataclass(frozen=True)
class PrintedP:
    """A printed p-value: ``"*<0.01"`` is 0.01, ``"<"``, starred, two decimals."""

    value: float
    operator: str
    starred: bool
    decimals: int


def parse_number(
    text: str, decimal: str | None = None, *, smallest: float = SMALLEST
) -> Number | None:
    """Read a number as printed; None if it is not one, or too large or small to compute with.

    ``16.8`` has step 0.1, ``17`` step 1, ``1.50e2`` step 1. A typeset minus sign is a minus, a
    raised dot between digits a decimal point, and a space of any width (or an apostrophe) between
    groups of three digits is dropped.

    Parameters
    ----------
    text : str
    decimal : {".", ","}, optional
        Decimal mark that the bundle states; the other sign then separates thousands. Where none is
        stated decimals have a point, and commas are dropped only where they cannot be decimal ones:
        ``1,234.5`` and ``1,234,567``, but not ``1,234``.
    smallest : float
        Smallest size of a number that is not 0, and of its last place.
    """
    text = _plain(text, decimal)
    if not _NUMBER.fullmatch(text):
        return None
    place = _last_place(text)
    if not smallest <= 10.0 ** max(min(place, 300), -301) <= LARGEST:
        return None
    value = float(text)
    usable = value == 0 or smallest <= abs(value) <= LARGEST
    return Number(value, float(f"1e{place}")) if usable else None


def _plain(text: str, decimal: str | None) -> str:
    """The number with a point for decimals and without thousands separators, where it has some."""
    mark = decimal or "."
    text = _SPACES.sub(" ", text.strip())
    text = _RAISED.sub(mark, _MINUSES.sub("-", text))
    text = re.sub(r"^([+-])\s+(?=[0-9])", r"\1", text)
    comma = "." if mark == "," else ","
    rest = rf"(?:{re.escape(mark)}[0-9]*)?"
    grouped = re.fullmatch(
        rf"[+-]?[1-9][0-9]{{0,2}}(?P<group>[ '’{comma}])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*{rest}",
        text,
    )
    if grouped:
        sign = grouped["group"]
        if sign == comma and decimal is None and text.count(comma) == 1 and mark not in text:
            return text  # could be a decimal comma
        text = text.replace(sign, "")
    if mark == ",":
        if "." in text:
            return text.replace(".", "?")  # no number: a point is no decimal mark here
        text = text.replace(",", ".")
    return text


def _last_place(text: str) -> int:
    """Power of ten of the last printed digit."""
    mantissa, _, exponent = text.lower().partition("e")
    return (int(exponent) if exponent else 0) - len(mantissa.partition(".")[2])


def without_marks(text: str) -> tuple[str, bool]:
    """A cell without the footnote marks at its ends, and whether an asterisk was among them."""
    text = text.strip()
    bare = text.strip(_MARKS + " ")
    start = text.find(bare) if bare else len(text)
    cut = text[:start] + text[start + len(bare) :]
    return bare, any(sign in cut for sign in _ASTERISKS)


def parse_p(text: str, *, decimal: str | None = None, alpha: float = 0.05) -> PrintedP | None:
    """Read a p-value as printed, with its footnote marks and inequality; None if it is not one.

    ``≤`` is read as ``<`` and ``≥`` as ``>``. ``NS`` and its like are read as a p above ``alpha``,
    the level that the bundle states; ``0.12 (NS)`` is 0.12. Only asterisks make it ``starred``,
    for what other marks stand for differs from paper to paper.
    """
    if len(text) > LONGEST_CELL:
        return None
    text, starred = without_marks(_SPACES.sub(" ", text.translate(_FULL_WIDTH)))
    if _NOT_SIGNIFICANT.fullmatch(text):
        return PrintedP(alpha, ">", starred, max(0, -_last_place(repr(alpha))))
    text, more = without_marks(_NS_BESIDE.sub("", text))
    match = _P_VALUE.fullmatch(text)
    number = parse_number(match["number"], decimal, smallest=SMALLEST_P) if match else None
    if match is None or number is None or match["number"][0] in f"+-{MINUS}":
        return None
    operator = _OPERATORS[match["operator"] or "="]
    impossible = {"<": number.value <= 0, ">": number.value >= 1, "=": False}[operator]
    if number.value > 1 or number.value < 0 or impossible:
        return None
    decimals = max(0, round(-math.log10(number.step)))
    return PrintedP(number.value, operator, starred or more, decimals)


def foreign_digits(text: str) -> str:
    """Digits of a text that are not 0 to 9: of other scripts, superscripts, full-width ones."""
    return "".join(sign for sign in text if sign.isdigit() and not sign.isascii())


def why_not_a_number(text: str, decimal: str | None = None) -> str:
    """What was expected in place of ``text``, with the likely reason where one is recognised."""
    if digits := foreign_digits(text):
        return f"a number in the digits 0 to 9, not {digits!r}"
    if decimal == "," and "." in text:
        return 'a number with a decimal comma, since study.toml says decimal = ","'
    hints = (
        (
            ",",
            ', with a point for decimals, no commas (or decimal = "," or "." in study.toml)',
        ),
        ("±", " alone: mean and SD have a column each, or stand together in the column value"),
        ("%", ", without the percent sign"),
        ("<", ", not a bound"),
        (">", ", not a bound"),
    )
    for sign, hint in hints:
        if sign in text:
            return f"a number{hint}"
    if text.strip().lower() in {"na", "n/a", "nan", "nr", "-", "–"}:
        return "a number, or a blank where nothing is printed"
    if text.strip().lower().lstrip("+-") in {"inf", "infinity"} or _NUMBER.fullmatch(text.strip()):
        return f"a finite number, from {SMALLEST:g} to {LARGEST:g} in size, or 0"
    return "a number"
