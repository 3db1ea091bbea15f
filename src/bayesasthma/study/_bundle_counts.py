"""Counts of `baseline.csv` and `adverse.csv`, alone or in one cell with n and percentage."""

from __future__ import annotations

import math
from dataclasses import replace

from bayesasthma.study._bundle_medians import MEDIAN_VALUES
from bayesasthma.study._printed_cells import parse_count, parse_value
from bayesasthma.study._printed_numbers import foreign_digits
from bayesasthma.study._sheets import Number, Row

#: What `value_is` can say of a cell of Table 1.
BASELINE_VALUES = ("sd", "count", *MEDIAN_VALUES)
_COUNT = "a count such as 10, 10/18, 10 (55.6) or 10/18 (55.6%)"


def read_count(row: Row, column: str, size: float) -> tuple[Number | None, float, Number | None]:
    """Count, number of patients and percentage of a row; problems go to the collector.

    Parameters
    ----------
    row : Row
    column : str
        Where the count is; its cell may have the number of patients and the percentage, too.
    size : float
        Patients of the arm, for a row that gives no number of its own; infinity if not known.
    """
    own = row.number("n", low=1, whole=True)
    percent = row.number("percent", low=0, high=100, percent=True)
    text = row.text(column)
    plain = not any(sign in text for sign in "/([%") and " of " not in text
    if not text or plain:
        size = own.value if own is not None else size
        return row.number(column, low=0, high=size, whole=True), size, percent
    cell = parse_count(text, row.decimal)
    if cell is None:
        digits = foreign_digits(text)
        row.bad(column, f"{_COUNT}, in the digits 0 to 9, not {digits!r}" if digits else _COUNT)
        return None, own.value if own is not None else size, percent
    if cell.n is not None and own is not None and cell.n.value != own.value:
        row.bad("n", f"{cell.n.value:g}, as in {column}")
    if cell.percent is not None and percent is not None and cell.percent != percent:
        row.bad("percent", f"{cell.percent.value:g}, as in {column}")
    known = cell.n or own
    size = known.value if known is not None else size
    if not _is_count(cell.count, size) or (known is not None and not _is_count(known, math.inf)):
        ends = f"from 0 to {size:g}" if math.isfinite(size) else "of at least 0"
        row.bad(column, f"a whole number {ends} and its percentage")
        return None, size, percent
    percent = percent or cell.percent
    if percent is not None and not 0 <= percent.value <= 100:
        row.bad(column, "a percentage from 0 to 100")
        percent = None
    return cell.count, size, percent


def _is_count(number: Number, size: float) -> bool:
    return 0 <= number.value <= size and number.value == int(number.value)


def spread_value(row: Row) -> Row:
    """The row with its `value` cell told apart: a mean and SD, or a count.

    A percent sign or a slash makes it a count, a ± a mean with its SD; for ``10 (55.6)`` the row
    has to say which, in ``value_is``.
    """
    text = row.text("value")
    said = row.choice("value_is", BASELINE_VALUES, blank=True)
    if not text or said is None:
        return row
    if there := next((name for name in ("mean", "sd", "count") if row.text(name)), ""):
        row.bad(there, "a blank, since the row has a value")
        return row
    count, value = parse_count(text, row.decimal), parse_value(text, row.decimal)
    if value is not None and (value.spread is None or value.stated not in {"", "sd"}):
        row.bad("value", "a mean with its SD, or a count with its percentage")
        return row
    if not said and count is not None and (count.signed or value is None):
        said = "count"
    elif not said and value is not None and count is None:
        said = "sd"
    if said == "count" and count is not None:
        return replace(row, cells=row.cells | {"count": text})
    if said == "sd" and value is not None:
        return replace(row, cells=row.cells | _apart(text, row))
    digits = foreign_digits(text)
    if digits:
        row.bad("value", f"numbers in the digits 0 to 9, not {digits!r}")
    elif count is not None and value is not None:
        row.bad("value", "value_is sd or count beside it: the number in brackets may be either")
    else:
        row.bad("value", "a mean with its SD such as 45.3 ± 8.4, or a count such as 10/18 (55.6%)")
    return row


def _apart(text: str, row: Row) -> dict[str, str]:
    """Mean and SD as texts, so that they keep their decimals."""
    value = parse_value(text, row.decimal)
    assert value is not None
    assert value.spread is not None
    mark = row.decimal or "."
    return {
        name: printed(number, mark)
        for name, number in (("mean", value.middle), ("sd", value.spread))
    }


def printed(number: Number, mark: str = ".") -> str:
    """A number with the decimals that its step says."""
    decimals = max(0, round(-math.log10(number.step))) if number.step > 0 else 6
    return f"{number.value:.{decimals}f}".replace(".", mark)
