"""Events in person-time as printed in `rates.csv`, with a rate ratio where one is printed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bayesasthma.study._bundle_records import Ids, check_interval, frame
from bayesasthma.study._sheets import Row, Sheet, step_of, value_of

_NUMBERS = ("person_time", "rate", "per", "ratio", "ci_low", "ci_high", "ci_prob")
_STEPS = ("person_time_step", "rate_step", "ratio_step", "ci_step")
RATES = (
    dict.fromkeys(("event", "arm", "visit", "method", "note", "source"), "str")
    | dict.fromkeys(("count", *_NUMBERS, *_STEPS), "float64")
    | {"line": "int64"}
)


def read_rates(sheet: Sheet | None, ids: Ids, control: str) -> pd.DataFrame:
    """Events, person-time and rate ratios by event, arm and visit; problems go to the collector."""
    records: list[dict[str, Any]] = []
    seen: dict[tuple[str, ...], int] = {}
    for row in sheet or ():
        event, arm = row.required("event"), row.choice("arm", ids.arms)
        visit = row.choice("visit", ids.visits, blank=True)
        row.required("count")
        row.required("person_time")
        numbers = {
            "count": row.number("count", low=0, whole=True),
            "person_time": row.number("person_time", above=0),
            "rate": row.number("rate", low=0),
            "per": row.number("per", above=0),
        } | {name: row.number(name, above=0) for name in ("ratio", "ci_low", "ci_high")}
        prob = _ratio(row, arm, control)
        key = (event or "", arm or "", visit or "")
        first = seen.setdefault(key, row.line)
        if first != row.line:
            row.bad("event", f"each event, arm and visit once; row {first} has it too")
        ends = check_interval(row, numbers["ci_low"], numbers["ratio"], numbers["ci_high"], "ratio")
        needed = (numbers["count"], numbers["person_time"], prob, visit)
        if not ends or event is None or arm is None or any(item is None for item in needed):
            continue
        names = ("event", "arm", "visit", "method", "note", "source")
        records.append(
            {name: row.text(name) for name in names}
            | {name: value_of(number) for name, number in numbers.items()}
            | {f"{name}_step": step_of(numbers[name]) for name in ("person_time", "rate", "ratio")}
            | {"ci_step": step_of(numbers["ci_low"]), "ci_prob": prob, "line": row.line}
        )
    found = frame(records, RATES)
    found["per"] = found["per"].fillna(1.0)
    return found


def _ratio(row: Row, arm: str | None, control: str) -> float | None:
    """Level of the interval of a ratio; None where something about the ratio is wrong."""
    printed = [name for name in ("ratio", "ci_low", "ci_high") if row.text(name)]
    if printed and arm == control:
        row.bad(printed[0], "a blank: a ratio stands with the treated arm, over the control")
        return None
    if len(printed) in {1, 2} and printed != ["ratio"]:
        missing = next(n for n in ("ratio", "ci_low", "ci_high") if n not in printed)
        row.bad(missing, "the ratio with both ends of its interval, or alone")
        return None
    number = row.number("ci_prob", percent=True)
    if number is None:
        return None if row.text("ci_prob") else 0.95
    level = number.value / 100 if "%" in row.text("ci_prob") else number.value
    if not 0 < level < 1:
        row.bad("ci_prob", "a probability such as 0.90, or 90%")
        return None
    return level
