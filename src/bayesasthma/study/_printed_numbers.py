"""Numbers as a paper prints them: value, unit of the last printed place, inequality, asterisks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_P_VALUE = re.compile(
    r"(?P<before>\**)\s*(?:[pP]\s*(?=[<>=]))?(?P<operator>[<>=]?)\s*(?P<number>[0-9.eE+-]+)"
    r"\s*(?P<after>\**)"
)
#: Words in place of a p-value that is not below the level of significance.
_NOT_SIGNIFICANT = re.compile(
    r"(p\s*[=:]?\s*)?(n\.?\s?s\.?|(not|non)[\s-]*sign?(ificant|\.)?)", re.IGNORECASE
)
MINUS = "\N{MINUS SIGN}"


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


def parse_number(text: str) -> Number | None:
    """Read a number as printed; None if it is not a finite one.

    ``16.8`` has step 0.1, ``17`` step 1, ``1.50e2`` step 1. A typeset minus sign is a minus.
    """
    text = text.strip().replace(MINUS, "-")
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    step = float(f"1e{_last_place(text)}")
    return Number(value, step) if math.isfinite(value) and math.isfinite(step) else None


def _last_place(text: str) -> int:
    """Power of ten of the last printed digit."""
    mantissa, _, exponent = text.lower().partition("e")
    return (int(exponent) if exponent else 0) - len(mantissa.partition(".")[2])


def parse_p(text: str, alpha: float = 0.05) -> PrintedP | None:
    """Read a p-value as printed, with its asterisks and inequality; None if it is not one.

    "NS", "n.s." and "not significant" are a p above `alpha`, the paper's level of significance.
    """
    if _NOT_SIGNIFICANT.fullmatch(text.strip()):
        return PrintedP(alpha, ">", False, max(2, -_last_place(f"{alpha:g}")))
    match = _P_VALUE.fullmatch(text.strip())
    number = parse_number(match["number"]) if match else None
    if match is None or number is None or match["number"][0] in "+-":
        return None
    operator = match["operator"] or "="
    impossible = {"<": number.value <= 0, ">": number.value >= 1, "=": False}[operator]
    if number.value > 1 or impossible:
        return None
    starred = bool(match["before"] or match["after"])
    return PrintedP(number.value, operator, starred, max(0, -_last_place(match["number"])))


def why_not_a_number(text: str) -> str:
    """What was expected in place of ``text``, with the likely reason where one is recognised."""
    hints = (
        (",", ", with a point for decimals and no commas"),
        ("·", ", with a point, not a raised dot"),
        ("±", " alone: mean and SD have a column each"),
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
        return "a finite number"
    return "a number"
