"""Patients who had left by a visit, as printed, in `missing.csv`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import xarray as xr

from bayesasthma.study._bundle_records import Ids
from bayesasthma.study._sheets import Row, Sheet
from bayesasthma.study.left_patients import fault, missing_frame, printed_numbers


def read_missing(
    sheet: Sheet | None, ids: Ids, baseline: str | None, table: xr.Dataset | None
) -> pd.DataFrame:
    """Patients who had left by arm and visit; problems go to the collector.

    Every arm has a row for every visit after the baseline: a blank could mean that nobody left, or
    that it is not printed.
    """
    records: list[dict[str, Any]] = []
    visits = [visit for visit in ids.visits if visit != baseline]
    seen: dict[tuple[str, str], Row] = {}
    for row in sheet or ():
        arm, visit = row.choice("arm", ids.arms), row.choice("visit", visits)
        row.required("left")
        left = row.number("left", low=0, whole=True)
        size = float(ids.sizes.get(arm or "", math.nan))
        started = row.number("started", low=1 if math.isnan(size) else size, whole=True)
        if arm is None or visit is None:
            continue
        first = seen.setdefault((arm, visit), row)
        if first is not row:
            row.bad("visit", f"each arm and visit once; row {first.line} has it too")
        if first is not row or left is None or (started is None and row.text("started")):
            continue
        records.append(
            {
                "arm": arm,
                "visit": visit,
                "left": left.value,
                "started": started.value if started is not None else size,
                "line": row.line,
                "note": row.text("note"),
                "source": row.text("source"),
            }
        )
    found = missing_frame(records)
    if sheet is not None and seen:
        _check_arms(found, sheet, seen, ids, visits, table)
    return found


def _check_arms(
    found: pd.DataFrame,
    sheet: Sheet,
    seen: dict[tuple[str, str], Row],
    ids: Ids,
    visits: Sequence[str],
    table: xr.Dataset | None,
) -> None:
    """Each arm is whole, its patients start in one number, and none comes back."""
    for arm in ids.arms:
        absent = [visit for visit in visits if (arm, visit) not in seen]
        if absent:
            expected = f"a row for {arm} at {', '.join(absent)} (0 if nobody had left)"
            sheet.collector.add(sheet.file, None, "visit", "", expected)
            continue
        own = found[found["arm"] == arm].set_index("visit").reindex(list(visits))
        if own["left"].isna().any():
            continue  # reported with its row
        started = own["started"].unique()
        if len(started) > 1:
            row = seen[arm, str(own.index[own["started"] != started[0]][0])]
            row.bad("started", f"one number of patients for an arm, as above ({started[0]:g})")
            continue
        size = float(ids.sizes.get(arm, float("nan")))
        printed = [float("inf")] * len(visits)
        if table is not None:
            printed = printed_numbers(table, arm, size, visits)
        if (wrong := fault(list(own["left"]), float(started[0]), printed)) is not None:
            place, expected = wrong
            seen[arm, visits[place]].bad("left", expected)
