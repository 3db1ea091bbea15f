"""Medians with quartiles or range: kept as printed, for no mean or SD follows from them."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from bayesasthma.study._printed_cells import parse_value
from bayesasthma.study._printed_numbers import foreign_digits
from bayesasthma.study._sheets import Number, Row, step_of, value_of

#: What `statistic` calls such a row, and what `value_is` can say of the numbers beside it.
MEDIAN, QUARTILES, RANGE = "median", "iqr", "range"
MEDIAN_VALUES = (QUARTILES, RANGE)
#: Columns of one number each; ``iqr`` is the distance of the quartiles, where that is printed.
MEDIAN_COLUMNS = ("median", "q1", "q3", "least", "greatest", "iqr")
MEDIAN_TYPES = dict.fromkeys(MEDIAN_COLUMNS, "float64") | {
    f"{name}_step": "float64" for name in MEDIAN_COLUMNS
}
#: Columns of the medians of `summaries.csv` as printed.
MEDIANS = (
    dict.fromkeys(("outcome", "arm", "visit"), "str")
    | {"n": "float64", **MEDIAN_TYPES, "line": "int64"}
    | dict.fromkeys(("note", "source"), "str")
)
_WORD = re.compile(r"^\s*median\s*[:=]?\s*", re.IGNORECASE)
_VALUE = "a median with quartiles or range, such as 12 [8, 20], and value_is iqr or range"


def says_median(row: Row) -> bool:
    """Whether a row's own cells say that it is of a median."""
    text = row.text("value")
    if row.text("statistic") == MEDIAN or row.text("median"):
        return True
    if row.text("value_is") in MEDIAN_VALUES or _WORD.match(text):
        return True
    cell = parse_value(text, row.decimal) if text else None
    return cell is not None and cell.stated in MEDIAN_VALUES


def printed_median(row: Row) -> dict[str, Number] | None:
    """The numbers of a median's row by `MEDIAN_COLUMNS`; None where one is wrong, and noted."""
    found = _from_value(row) if row.text("value") else _from_columns(row)
    if found is None:
        return None
    order = [name for name in ("least", "q1", "median", "q3", "greatest") if name in found]
    for low, high in pairwise(order):
        if found[low].value > found[high].value:
            column = high if not row.text("value") else "value"
            row.bad(column, f"{high} of at least {low}, {found[low].value:g}")
            return None
    return found


def median_records(row: Row, key: tuple[str, ...], size: float) -> list[dict[str, Any]]:
    """The record of a median of ``summaries.csv`` by `MEDIANS`; none where it is wrong.

    ``key`` is outcome, arm and visit, ``size`` the number of patients.
    """
    found = printed_median(row)
    if found is None:
        return []
    return [
        dict(zip(("outcome", "arm", "visit"), key, strict=False))
        | {"n": size, "line": row.line, "note": row.text("note"), "source": row.text("source")}
        | {name: value_of(found.get(name)) for name in MEDIAN_COLUMNS}
        | {f"{name}_step": step_of(found.get(name)) for name in MEDIAN_COLUMNS}
    ]


def _from_columns(row: Row) -> dict[str, Number] | None:
    if row.required("median") is None:
        return None
    there = next((n for n in ("mean", "sd", "se", "cv", "ci_low", "ci_high") if row.text(n)), "")
    if there:
        row.bad(there, "a blank: a median goes with q1 and q3, least and greatest, or iqr")
        return None
    numbers = {name: row.number(name) for name in MEDIAN_COLUMNS}
    for one, other in (("q1", "q3"), ("least", "greatest")):
        if bool(row.text(one)) != bool(row.text(other)):
            row.bad(other if row.text(one) else one, f"{one} and {other}, or neither")
            return None
    if any(row.text(name) and numbers[name] is None for name in numbers):
        return None
    return {name: number for name, number in numbers.items() if number is not None}


def _from_value(row: Row) -> dict[str, Number] | None:
    there = next((name for name in ("mean", "sd", *MEDIAN_COLUMNS) if row.text(name)), "")
    if there:
        row.bad(there, "a blank, since the row has a value")
        return None
    text = _WORD.sub("", row.text("value"))
    cell = parse_value(text, row.decimal)
    if cell is None:
        digits = foreign_digits(text)
        row.bad("value", f"the digits 0 to 9, not {digits!r}" if digits else _VALUE)
        return None
    said = row.text("value_is") or cell.stated
    if said not in MEDIAN_VALUES or (cell.stated and cell.stated != said):
        row.bad("value_is", "iqr (quartiles) or range (least and greatest), as the paper says")
        return None
    found = {"median": cell.middle}
    if cell.interval is not None:
        names = ("q1", "q3") if said == QUARTILES else ("least", "greatest")
        return found | dict(zip(names, cell.interval, strict=True))
    if said == RANGE or cell.spread is None:
        row.bad("value", "both ends of the range")
        return None
    return found | {QUARTILES: cell.spread}
