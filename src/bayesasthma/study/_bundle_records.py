"""What a paper prints beside its summaries: p-values, Table 1, reactions, claims, evidence."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bayesasthma.study._bundle_counts import read_count, spread_value
from bayesasthma.study._bundle_medians import (
    MEDIAN_COLUMNS,
    MEDIAN_TYPES,
    printed_median,
    says_median,
)
from bayesasthma.study._bundle_outcomes import DIRECTIONS
from bayesasthma.study._printed_numbers import foreign_digits
from bayesasthma.study._sheets import Number, Row, Sheet, parse_p, step_of, suggest, value_of

TEST_KINDS = ("between", "within", "interaction")
#: Direction of an event that states none: it is a reaction.
REACTION = "lower"
#: What a claim gives a number for, and what it puts in words (with the words it may use).
CLAIMED_NUMBERS = ("n", "mean", "sd", "p", "percent", "events")
CLAIMED_WORDS = {
    "direction": ("increase", "decrease", "no change"),
    "significance": ("significant", "not significant"),
}

_TEXT, _FLOAT, _INT, _BOOL = "str", "float64", "int64", "bool"


def _types(texts: str, floats: str = "", ints: str = "", bools: str = "") -> dict[str, str]:
    """Type of every column, from blank-separated names; note and source come last."""
    groups = (
        (texts, _TEXT),
        (floats, _FLOAT),
        (ints, _INT),
        (bools, _BOOL),
        ("note source", _TEXT),
    )
    return {name: kind for names, kind in groups for name in names.split()}


TESTS = _types("table kind outcome arm visit test p p_operator", "p_value", "decimals", "starred")
BASELINE = (
    _types("variable level arm", "mean sd count percent n mean_step sd_step percent_step")
    | MEDIAN_TYPES
)
ADVERSE = _types("visit reaction severity arm", "percent percent_step", "events n direction")
CLAIMS = _types("where refers_to value outcome arm visit statistic quote")
EXTERNAL = _types("outcome reaction scale citation", "estimate se ci_low ci_high")


@dataclass(frozen=True)
class Ids:
    """The ids that rows may refer to.

    Attributes
    ----------
    outcomes, arms, visits : list of str
    sizes : mapping of str to float
        Patients per arm; NaN if not known.
    reactions, variables, events : list of str
        Of ``adverse.csv``, ``baseline.csv`` and ``rates.csv``; a level of a variable is
        ``variable:level``.
    """

    outcomes: list[str]
    arms: list[str]
    visits: list[str]
    sizes: Mapping[str, float]
    reactions: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def size(self, arm: str | None) -> float:
        """Patients of an arm, infinity if not known."""
        size = float(self.sizes.get(arm or "", math.nan))
        return math.inf if math.isnan(size) else size

    def check_subject(self, row: Row) -> None:
        """Note an ``outcome`` cell that looks like a misspelled id; blank is fine.

        Papers also print p-values of things whose data they do not show, so that a name unlike any
        id is allowed, and one close to an id is if the row has a ``note``.
        """
        subject = row.text("outcome")
        known = [*self.outcomes, *self.reactions, *self.variables, *self.events]
        hint = suggest(subject, known)
        if subject and subject not in known and hint and not row.text("note"):
            what = "an outcome, reaction, event of rates.csv, baseline variable or variable:level"
            row.bad("outcome", f"{what}{hint}, or a note on why another")


def frame(records: list[dict[str, Any]], types: Mapping[str, str]) -> pd.DataFrame:
    """Records as a typed frame; an empty one has the same columns and types."""
    return pd.DataFrame(records, columns=list(types)).astype(dict(types))


def check_interval(
    row: Row, low: Number | None, middle: Number | None, high: Number | None, column: str
) -> bool:
    """Note an interval that is upside down or does not hold its estimate; True if it is fine."""
    if low is None or high is None:
        return True
    if high.value <= low.value:
        row.bad("ci_high", f"a number above ci_low, {low.value:g}")
        return False
    if middle is not None and not low.value <= middle.value <= high.value:
        row.bad(column, f"a number inside its interval, {low.value:g} to {high.value:g}")
        return False
    return True


def _texts(row: Row, columns: Mapping[str, str]) -> dict[str, Any]:
    return {name: row.text(name) for name, kind in columns.items() if kind == _TEXT}


def read_tests(sheet: Sheet | None, ids: Ids, alpha: float = 0.05) -> pd.DataFrame:
    """Printed p-values; problems go to the collector. ``alpha`` is the level that NS refers to."""
    records = []
    seen: dict[tuple[str, ...], int] = {}
    for row in sheet or ():
        row.choice("kind", TEST_KINDS)
        if row.required("outcome"):
            ids.check_subject(row)
        row.choice("arm", ids.arms, blank=True)
        row.choice("visit", ids.visits, blank=True)
        if row.text("kind") == "within" and not row.text("arm"):
            row.bad("arm", "the arm of a within-arm test")
        _once(row, ("outcome", "table", "kind", "arm", "visit", "test", "p"), seen)
        printed = parse_p(row.text("p"), decimal=row.decimal, alpha=alpha)
        if printed is None:
            row.bad("p", _why_no_p(row.text("p")))
            continue
        records.append(
            _texts(row, TESTS)
            | {"p_value": printed.value, "p_operator": printed.operator}
            | {"starred": printed.starred, "decimals": printed.decimals}
        )
    return frame(records, TESTS)


def _why_no_p(text: str) -> str:
    digits = foreign_digits(text)
    end = f", in the digits 0 to 9, not {digits!r}" if digits else ""
    return f"a p-value from 0 to 1 such as 0.02, <0.01, *0.02 or NS{end}"


def _once(row: Row, columns: tuple[str, ...], seen: dict[tuple[str, ...], int]) -> None:
    """Note a row that agrees with an earlier one in all of ``columns``."""
    if row.absent.intersection(columns):
        return
    key = tuple(row.text(column) for column in columns)
    first = seen.setdefault(key, row.line)
    if first != row.line:
        row.bad(columns[0], f"each {', '.join(columns)} once; row {first} has it too")


def read_baseline(sheet: Sheet | None, ids: Ids) -> pd.DataFrame:
    """Rows of Table 1 by arm; problems go to the collector."""
    records = []
    seen: dict[tuple[str, ...], int] = {}
    for row in sheet or ():
        row.required("variable")
        arm = row.choice("arm", ids.arms)
        median = says_median(row)
        middle = printed_median(row) or {} if median else {}
        row = row if median else spread_value(row)  # noqa: PLW2901
        mean, sd = row.number("mean"), row.number("sd", low=0)
        count, size, percent = read_count(row, "count", ids.size(arm))
        if not any(row.text(name) for name in ("mean", "count", "percent", "value", "median")):
            row.bad("", "a mean, a median, a count or a percentage")
        elif row.text("sd") and not row.text("mean"):
            row.bad("mean", "the mean that this SD belongs to")
        _once(row, ("variable", "level", "arm"), seen)
        records.append(
            _texts(row, BASELINE)
            | {"mean": value_of(mean), "sd": value_of(sd)}
            | {"count": value_of(count), "percent": value_of(percent), "n": size}
            | {"mean_step": step_of(mean), "sd_step": step_of(sd), "percent_step": step_of(percent)}
            | {name: value_of(middle.get(name)) for name in MEDIAN_COLUMNS}
            | {f"{name}_step": step_of(middle.get(name)) for name in MEDIAN_COLUMNS}
        )
    return frame(records, BASELINE)


def read_adverse(sheet: Sheet | None, ids: Ids) -> pd.DataFrame:
    """Patients with an event by visit and arm; problems go to the collector.

    ``direction`` is the event's: stated in one of its rows it holds for all of them.
    """
    records = []
    seen: dict[tuple[str, ...], int] = {}
    directions = _directions(sheet)
    for row in sheet or ():
        reaction = row.required("reaction")
        arm = row.choice("arm", ids.arms)
        row.choice("visit", ids.visits)
        row.required("events")
        events, size, percent = read_count(row, "events", ids.size(arm))
        _once(row, ("reaction", "visit", "arm"), seen)
        if events is None or math.isinf(size):
            continue
        records.append(
            _texts(row, ADVERSE)
            | {"events": int(events.value), "n": int(size)}
            | {"direction": DIRECTIONS[directions.get(reaction or "", REACTION)]}
            | {"percent": value_of(percent), "percent_step": step_of(percent)}
        )
    return frame(records, ADVERSE)


def _directions(sheet: Sheet | None) -> dict[str, str]:
    """The direction of every event that states one; a second one is noted."""
    found: dict[str, tuple[str, int]] = {}
    for row in sheet or ():
        stated, reaction = row.choice("direction", DIRECTIONS, blank=True), row.text("reaction")
        if not stated:
            continue
        first, line = found.setdefault(reaction, (stated, row.line))
        if first != stated:
            row.bad("direction", f"one direction for each reaction; row {line} has {first}")
    return {reaction: stated for reaction, (stated, _) in found.items()}


def read_claims(sheet: Sheet | None, ids: Ids) -> pd.DataFrame:
    """What the text states of results; problems go to the collector.

    The value stays as printed: a p-value where ``statistic`` is ``p``, one of the words of
    `CLAIMED_WORDS` for a statistic put in words, else a number. An arm with a ``p`` or a
    ``significance`` means the change within that arm, no arm the difference between the arms.
    """
    records = []
    seen: dict[tuple[str, ...], int] = {}
    for row in sheet or ():
        row.required("where")
        row.required("refers_to")
        ids.check_subject(row)
        row.choice("arm", ids.arms, blank=True)
        row.choice("visit", ids.visits, blank=True)
        row.choice("statistic", (*CLAIMED_NUMBERS, *CLAIMED_WORDS), blank=True)
        if row.required("value"):
            _check_claim(row, row.text("statistic"))
        _once(row, ("value", *(name for name in CLAIMS if name != "value")), seen)
        records.append(_texts(row, CLAIMS))
    return frame(records, CLAIMS)


def _check_claim(row: Row, statistic: str) -> None:
    """Note a value that is not of the kind its statistic asks for."""
    if statistic == "p" and parse_p(row.text("value"), decimal=row.decimal) is None:
        row.bad("value", "a p-value from 0 to 1 such as 0.02 or <0.01")
    elif statistic in CLAIMED_WORDS:
        row.choice("value", CLAIMED_WORDS[statistic])
    elif statistic in CLAIMED_NUMBERS and statistic != "p":
        row.number("value", high=100 if statistic == "percent" else math.inf)


def read_external(sheet: Sheet | None, ids: Ids) -> pd.DataFrame:
    """Evidence from elsewhere; problems go to the collector."""
    records = []
    for row in sheet or ():
        row.choice("outcome", ids.outcomes, blank=True)
        if ids.reactions:
            row.choice("reaction", ids.reactions, blank=True)
        if bool(row.text("outcome")) == bool(row.text("reaction")):
            row.bad("outcome", "an outcome or a reaction, one of the two")
        for name in ("estimate", "scale", "citation"):
            row.required(name)
        numbers = {name: row.number(name) for name in ("estimate", "ci_low", "ci_high")}
        numbers["se"] = row.number("se", above=0)
        uncertain = row.text("se") or (row.text("ci_low") and row.text("ci_high"))
        if not uncertain and row.text("scale") != "sd":
            row.bad("se", "a standard error, or both ends of an interval")
        check_interval(row, numbers["ci_low"], numbers["estimate"], numbers["ci_high"], "estimate")
        records.append(
            _texts(row, EXTERNAL) | {name: value_of(number) for name, number in numbers.items()}
        )
    return frame(records, EXTERNAL)


def subjects(
    outcomes: Collection[str], baseline: pd.DataFrame, adverse: Sheet | None
) -> tuple[list[str], list[str]]:
    """Reactions, and baseline variables with their levels, that a p-value can belong to."""
    reactions = dict.fromkeys(row.text("reaction") for row in adverse or ())
    variables = dict.fromkeys(baseline["variable"]) | dict.fromkeys(
        f"{variable}:{level}"
        for variable, level in zip(baseline["variable"], baseline["level"], strict=True)
        if level
    )
    return [r for r in reactions if r and r not in outcomes], [v for v in variables if v]
