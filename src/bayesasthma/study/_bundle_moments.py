"""Mean and SD of one row of `summaries.csv`, from whichever of the usual ways it prints them in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from bayesasthma.study._bundle_records import check_interval
from bayesasthma.study._printed_cells import SPREADS, PrintedValue, parse_value
from bayesasthma.study._printed_numbers import foreign_digits
from bayesasthma.study._sheets import Number, Row

#: Confidence level of an interval where the bundle states no other.
CI_LEVEL = 0.95
#: What `summaries.csv` may call a row: a geometric mean is a level whose logarithms are kept.
GEOMETRIC = "geometric_mean"
_GEOMETRIC_SPREAD = "a CV, a geometric SD (as sd) or an interval, for a geometric mean"
_COMMAS = ' (for decimal commas say decimal = "," in study.toml; write "to" between two ends)'
#: Column of `differences.csv` with the difference itself.
ESTIMATE = "estimate"
#: Columns that a `value` stands in for.
APART = ("mean", "sd", "se", "cv", "ci_low", "ci_high")
_VALUE = "a mean with its SD, SE or interval, such as 16.8 ± 4.3, 16.8 (4.3) or 16.8 [15.1, 18.5]"


@dataclass(frozen=True)
class PrintedRow:
    """What a row prints, in the paper's numbers; None for what it does not.

    Attributes
    ----------
    mean, sd, se, cv, ci_low, ci_high : Number or None
        In the outcome's unit; ``cv`` in percent.
    ci_prob : float
        Level of the interval.
    geometric : bool
        Whether ``mean`` is a geometric mean; ``sd`` then is a geometric SD, a factor.
    """

    mean: Number | None = None
    sd: Number | None = None
    se: Number | None = None
    cv: Number | None = None
    ci_low: Number | None = None
    ci_high: Number | None = None
    ci_prob: float = CI_LEVEL
    geometric: bool = False


class _Refused(Exception):  # noqa: N818
    """A row is wrong, and that has been reported."""


def _expect(condition: bool, row: Row, column: str, expected: str) -> None:
    """Report what was expected and give the row up, unless the condition holds."""
    if not condition:
        row.bad(column, expected)
        raise _Refused


def printed_row(row: Row, value_is: str, *, geometric: bool) -> PrintedRow | None:
    """The numbers of a row, from its `value` cell or its cells apart; None where one is wrong.

    Parameters
    ----------
    row : Row
    value_is : str
        What the number beside a mean is, where neither cell nor row says so.
    geometric : bool
    """
    known, prob = row.choice("value_is", SPREADS, blank=True), _level(row)
    if known is None:
        return None
    try:
        read = _from_value if row.text("value") else _from_columns
        found = read(row, value_is, prob or CI_LEVEL, geometric)
    except _Refused:
        return None
    return found if prob is not None else None


def _level(row: Row) -> float | None:
    """The level that `ci_prob` states, the usual one if it is blank, None if it is wrong."""
    number = row.number("ci_prob", percent=True)
    if number is None:
        return None if row.text("ci_prob") else CI_LEVEL
    level = number.value / 100 if "%" in row.text("ci_prob") else number.value
    if not 0 < level < 1:
        row.bad("ci_prob", "a probability such as 0.90, or 90%")
        return None
    return level


def _from_columns(row: Row, _value_is: str, prob: float, geometric: bool) -> PrintedRow:
    """Read cells of one number each."""
    if row.text("value_is"):
        row.bad("value_is", "a blank: it says what the column value holds")
    row.required("mean")
    mean = row.number("mean", above=0.0 if geometric else -math.inf)
    interval = [name for name in ("ci_low", "ci_high") if row.text(name)]
    missing = "ci_high" if interval == ["ci_low"] else "ci_low"
    _expect(len(interval) != 1, row, missing, "both ends of the interval")
    given = [name for name in ("sd", "se", "cv") if row.text(name)]
    _expect(bool(given or interval), row, "sd", "one of sd, se, or ci_low with ci_high")
    _expect("cv" not in given or geometric, row, "cv", f"a blank, but for a {GEOMETRIC}")
    _expect("se" not in given or not geometric, row, "se", _GEOMETRIC_SPREAD)
    numbers = {
        "sd": row.number("sd", above=1.0) if geometric else row.number("sd", low=0),
        "se": row.number("se", low=0),
        "cv": row.number("cv", above=0, percent=True),
    }
    low, high = row.number("ci_low"), row.number("ci_high")
    if any(numbers[name] is None for name in given):
        raise _Refused
    if interval:
        if low is None or high is None or not check_interval(row, low, mean, high, "mean"):
            raise _Refused
        _expect(not geometric or low.value > 0, row, "ci_low", "a number above 0")
    return PrintedRow(mean, **numbers, ci_low=low, ci_high=high, ci_prob=prob, geometric=geometric)


def _from_value(row: Row, value_is: str, prob: float, geometric: bool) -> PrintedRow:
    """Read a cell of several numbers; every problem is reported at that cell."""
    there = next((name for name in APART if row.text(name)), "")
    _expect(not there, row, there, "a blank, since the row has a value")
    cell = _cell(row)
    own = row.text("value_is")
    kind = cell.stated or own or ("ci" if cell.interval else value_is)
    _expect(not own or kind == own, row, "value_is", f"{cell.stated}, as the cell itself says")
    _expect(cell.interval is None or kind == "ci", row, "value", f"one number, the {kind}")
    _expect(kind != "cv" or geometric, row, "value", f"no CV, but for a {GEOMETRIC}")
    _expect(kind != "se" or not geometric, row, "value", _GEOMETRIC_SPREAD)
    _expect(not cell.percent or kind == "cv", row, "value", "no percent sign: a count is no mean")
    _expect(cell.middle.value > 0 or not geometric, row, "value", "a geometric mean above 0")
    if cell.ci_prob is not None:
        same = not row.text("ci_prob") or math.isclose(cell.ci_prob, prob)
        _expect(same, row, "ci_prob", f"{cell.ci_prob:g}, as the cell itself says")
        prob = cell.ci_prob
    if cell.spread is not None and kind != "ci":
        if geometric and kind == "sd":
            _expect(cell.spread.value > 1, row, "value", "SD above 1")
        else:  # an SD printed as 0 is one that rounds to it
            _expect(cell.spread.value >= 0, row, "value", f"{kind.upper()} of at least 0")
        return PrintedRow(cell.middle, ci_prob=prob, geometric=geometric, **{kind: cell.spread})
    low, high = cell.interval or _half_width(cell)
    inside = low.value <= cell.middle.value <= high.value and low.value < high.value
    _expect(inside, row, "value", "a mean inside its interval, the lower end first")
    _expect(low.value > 0 or not geometric, row, "value", "an interval above 0")
    return PrintedRow(cell.middle, ci_low=low, ci_high=high, ci_prob=prob, geometric=geometric)


def printed_estimate(row: Row) -> PrintedRow | None:
    """An estimate with its standard error or interval; None where something is wrong.

    In the columns estimate, se, ci_low, ci_high, or together in `value`, where one number beside
    the estimate has to be called an SE.
    """
    known, prob = row.choice("value_is", ("se", "ci"), blank=True), _level(row)
    if known is None or prob is None:
        return None
    try:
        return _value_of_estimate(row, prob) if row.text("value") else _estimate(row, prob)
    except _Refused:
        return None


def _value_of_estimate(row: Row, prob: float) -> PrintedRow:
    there = next((name for name in (ESTIMATE, "se", "ci_low", "ci_high") if row.text(name)), "")
    _expect(not there, row, there, "a blank, since the row has a value")
    cell = _cell(row)
    kind = cell.stated or row.text("value_is") or ("ci" if cell.interval else "")
    _expect(kind in {"se", "ci"}, row, "value", "an SE or interval, named so in cell or value_is")
    printed = _from_value(row, kind, prob, geometric=False)
    assert printed.mean is not None
    return printed


def _estimate(row: Row, prob: float) -> PrintedRow:
    row.required(ESTIMATE)
    numbers = {name: row.number(name) for name in (ESTIMATE, "ci_low", "ci_high")}
    numbers["se"] = row.number("se", above=0)
    if numbers[ESTIMATE] is None or any(row.text(k) and numbers[k] is None for k in numbers):
        raise _Refused
    low, high, se = numbers["ci_low"], numbers["ci_high"], numbers["se"]
    complete = (low is not None and high is not None) or (se is not None and low is high)
    _expect(complete, row, "ci_low", "both ends of an interval, or a standard error")
    if not check_interval(row, low, numbers[ESTIMATE], high, ESTIMATE):
        raise _Refused
    return PrintedRow(numbers[ESTIMATE], se=se, ci_low=low, ci_high=high, ci_prob=prob)


def _cell(row: Row) -> PrintedValue:
    text = row.text("value")
    cell = parse_value(text, row.decimal)
    digits = foreign_digits(text)
    _expect(cell is not None or not digits, row, "value", f"the digits 0 to 9, not {digits!r}")
    comma = _COMMAS if "," in text and row.decimal != "," else ""
    _expect(cell is not None, row, "value", _VALUE + comma)
    assert cell is not None
    median = cell.stated in {"iqr", "range"}
    _expect(not median, row, "value", "a mean: none follows from a median with quartiles or range")
    return cell


def _half_width(cell: PrintedValue) -> tuple[Number, Number]:
    """Ends of an interval printed as its mean and half its width."""
    assert cell.spread is not None
    step = max(cell.middle.step, cell.spread.step)
    return (
        Number(cell.middle.value - cell.spread.value, step),
        Number(cell.middle.value + cell.spread.value, step),
    )


def mean_and_sd(printed: PrintedRow, n: float) -> tuple[Number, Number] | None:
    """Mean and SD of the patients with their rounding steps; logarithms for a geometric mean.

    An SE is turned into an SD by ``sqrt(n)``; an interval by Student's t on ``n - 1`` (Cochrane
    Handbook 6.5.2.2). Of a geometric mean the SD of the logarithms is ``sqrt(log(1 + cv^2))`` from
    a coefficient of variation, the logarithm of a geometric SD, or follows from the logarithms of
    the interval's ends (Higgins, White and Anzures-Cabrera 2008, doi 10.1002/sim.3427). Where
    several are printed the first of SD, SE, CV and interval is taken.
    """
    mean = printed.mean
    if mean is None:
        return None
    if printed.geometric:
        spread = _log_sd(printed, n)
        return None if spread is None else (_log(mean), spread)
    if printed.sd is not None:
        return mean, printed.sd
    if printed.se is not None:
        return mean, _times(printed.se, float(np.sqrt(n)))
    if printed.ci_low is None or printed.ci_high is None:
        return None
    return mean, _sd_of_interval(printed.ci_low, printed.ci_high, printed.ci_prob, n)


def _log(number: Number) -> Number:
    return Number(float(np.log(number.value)), number.step / number.value)


def _times(number: Number, factor: float) -> Number:
    return Number(number.value * factor, number.step * factor)


def _sd_of_interval(low: Number, high: Number, prob: float, n: float) -> Number:
    factor = float(np.sqrt(n) / (2 * special.stdtrit(n - 1, 0.5 + prob / 2)))
    return Number((high.value - low.value) * factor, (high.step + low.step) * factor)


def _log_sd(printed: PrintedRow, n: float) -> Number | None:
    if printed.sd is not None:
        return _log(printed.sd)
    if printed.cv is not None:
        share = printed.cv.value / 100
        value = float(np.sqrt(np.log1p(share**2)))
        slope = share / ((1 + share**2) * value)
        return Number(value, printed.cv.step / 100 * slope)
    if printed.ci_low is None or printed.ci_high is None:
        return None
    return _sd_of_interval(_log(printed.ci_low), _log(printed.ci_high), printed.ci_prob, n)


def on_log_scale(outcomes: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Outcomes of which the table has logarithms: unit, scale and bounds say so."""
    outcomes = outcomes.copy()
    scale = outcomes.get("scale", "identity")
    chosen = outcomes.index.isin(names)
    outcomes["scale"] = np.where(chosen, "log", scale)
    units = outcomes.loc[names, "unit"].fillna("")
    outcomes.loc[names, "unit"] = [f"log {unit}".strip() for unit in units]
    outcomes.loc[names, ["minimum", "maximum"]] = np.nan
    return outcomes
