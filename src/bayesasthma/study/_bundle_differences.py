"""Differences between arms as printed in `differences.csv`, each with its interval."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bayesasthma.study._bundle_moments import ESTIMATE, printed_estimate
from bayesasthma.study._bundle_records import Ids, frame
from bayesasthma.study._sheets import Row, Sheet, step_of, value_of

#: What `adjusted_for` says of an analysis of covariance on the outcome's baseline, and of none.
BASELINE, UNADJUSTED = "baseline", "none"
DIFFERENCES = dict.fromkeys(
    ("outcome", "arm", "visit", "adjusted_for", "method", "note", "source"), "str"
) | (
    dict.fromkeys(("estimate", "se", "ci_low", "ci_high", "ci_prob"), "float64")
    | dict.fromkeys(("estimate_step", "se_step", "ci_step"), "float64")
    | {"line": "int64"}
)


def read_differences(
    sheet: Sheet | None, ids: Ids, control: str, baseline: str | None
) -> pd.DataFrame:
    """Printed differences, treated minus control; problems go to the collector."""
    records: list[dict[str, Any]] = []
    seen: dict[tuple[str, ...], int] = {}
    for row in sheet or ():
        outcome = row.choice("outcome", ids.outcomes)
        arm = row.choice("arm", ids.arms)
        visit = row.choice("visit", ids.visits)
        adjusted = row.required("adjusted_for")
        if arm == control:
            row.bad("arm", "a treated arm: the difference is that arm minus the control")
            arm = None
        if adjusted == BASELINE and visit is not None and visit in (baseline, ids.visits[0]):
            row.bad("visit", "a visit after the baseline that the difference is adjusted for")
            visit = None
        printed = printed_estimate(row)
        _once(row, seen)
        if printed is None or None in (outcome, arm, visit, adjusted):
            continue
        names = ("outcome", "arm", "visit", "adjusted_for", "method", "note", "source")
        records.append(
            {name: row.text(name) for name in names}
            | {"estimate": value_of(printed.mean), "estimate_step": step_of(printed.mean)}
            | {"se": value_of(printed.se), "se_step": step_of(printed.se)}
            | {"ci_low": value_of(printed.ci_low), "ci_high": value_of(printed.ci_high)}
            | {"ci_step": step_of(printed.ci_low), "ci_prob": printed.ci_prob, "line": row.line}
        )
    return frame(records, DIFFERENCES)


def _once(row: Row, seen: dict[tuple[str, ...], int]) -> None:
    key = tuple(row.text(name) for name in ("outcome", "arm", "visit", "adjusted_for"))
    first = seen.setdefault(key, row.line)
    if first != row.line:
        row.bad(ESTIMATE, f"each difference once; row {first} has it too")
