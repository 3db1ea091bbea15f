"""The numeric heart of a bundle: summaries, correlations and patients, checked and put on arrays."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesasthma.sheets import Number, Row, Sheet

STATISTICS = ("level", "change")
FIELDS = ("mean", "sd", "n", "mean_step", "sd_step")
#: Confidence level of ``ci_low`` and ``ci_high``.
CI_LEVEL = 0.95


def _empty(outcomes: pd.DataFrame, arms: pd.DataFrame, visits: pd.DataFrame) -> xr.Dataset:
    dims = ("outcome", "arm", "visit", "statistic")
    coords: dict[str, Any] = {
        "outcome": list(outcomes.index),
        "arm": list(arms.index),
        "visit": list(visits.index),
        "statistic": list(STATISTICS),
    }
    shape = tuple(len(coords[dim]) for dim in dims)
    table = xr.Dataset({name: (dims, np.full(shape, np.nan)) for name in FIELDS}, coords)
    return table.assign_coords(week=("visit", visits["week"].to_numpy(dtype=float)))


def summary_table(
    sheet: Sheet,
    outcomes: pd.DataFrame,
    arms: pd.DataFrame,
    visits: pd.DataFrame,
    baseline_visit: str | None,
) -> xr.Dataset:
    """Means, SDs, sizes and rounding steps of ``summaries.csv``; problems go to the collector.

    A standard error is turned into an SD by ``sqrt(n)``; a 95 % interval by Student's t on ``n - 1``
    (Cochrane Handbook 6.5.2.2).
    """
    table = _empty(outcomes, arms, visits)
    lines: dict[tuple[str, str, str, str], Row] = {}
    for row in sheet:
        outcome = row.choice("outcome", list(outcomes.index))
        arm = row.choice("arm", list(arms.index))
        visit = row.choice("visit", list(visits.index))
        statistic = row.choice("statistic", STATISTICS, blank=True)
        row.required("mean")
        mean = row.number("mean")
        n = row.number("n", low=2, whole=True)
        size = n.value if n is not None else float(arms.loc[arm, "n"]) if arm else float("nan")
        sd = _dispersion(row, size)
        if outcome is None or arm is None or visit is None or statistic is None:
            continue
        statistic = statistic or "level"
        if statistic == "change" and baseline_visit is None:
            row.bad("statistic", "level, since no visit is the baseline")
        elif statistic == "change" and visit == baseline_visit:
            row.bad("visit", "a visit after the baseline, for a change from baseline")
        key = (outcome, arm, visit, statistic)
        if key in lines:
            row.bad("outcome", f"each cell once; row {lines[key].line} has it too")
            continue
        lines[key] = row
        if mean is None or sd is None:
            continue
        low, high = outcomes.loc[outcome, ["minimum", "maximum"]].astype(float)
        if statistic == "level" and (mean.value < low or mean.value > high):
            row.bad("mean", f"a mean within the instrument's range, {low:g} to {high:g}")
        where = dict(outcome=outcome, arm=arm, visit=visit, statistic=statistic)
        for name, value in zip(
            FIELDS, (mean.value, sd.value, size, mean.step, sd.step), strict=True
        ):
            table[name].loc[where] = value
    if baseline_visit is not None:
        _check_changes(table, lines, baseline_visit)
    return table


def _dispersion(row: Row, n: float) -> Number | None:
    """The SD of a row, from whichever of sd, se and a 95 % interval is given."""
    given = [name for name in ("sd", "se") if row.text(name)]
    interval = [name for name in ("ci_low", "ci_high") if row.text(name)]
    if len(interval) == 1:
        row.bad("ci_high" if interval == ["ci_low"] else "ci_low", "both ends of the interval")
        return None
    if len(given) + bool(interval) != 1:
        row.bad("sd", "one of sd, se, or ci_low with ci_high")
        return None
    if given:
        number = row.number(given[0], above=0)
        if number is None or given == ["sd"]:
            return number
        factor = float(np.sqrt(n))
        return Number(number.value * factor, number.step * factor)
    low, high = row.number("ci_low"), row.number("ci_high")
    if low is None or high is None:
        return None
    if high.value <= low.value:
        row.bad("ci_high", f"a number above ci_low, {low.value:g}")
        return None
    factor = float(np.sqrt(n) / (2 * stats.t.ppf(0.5 + CI_LEVEL / 2, n - 1)))
    return Number((high.value - low.value) * factor, (high.step + low.step) * factor)


def _check_changes(
    table: xr.Dataset, lines: dict[tuple[str, str, str, str], Row], baseline: str
) -> None:
    """An SD of change must be one that some correlation with baseline can give."""
    for (outcome, arm, visit, statistic), row in lines.items():
        levels = ((outcome, arm, baseline, "level"), (outcome, arm, visit, "level"))
        if statistic != "change" or any(key not in lines for key in levels):
            continue
        cell = table.sel(outcome=outcome, arm=arm)
        s0, step0 = (
            float(cell[f].sel(visit=baseline, statistic="level")) for f in ("sd", "sd_step")
        )
        st, step1 = (float(cell[f].sel(visit=visit, statistic="level")) for f in ("sd", "sd_step"))
        sd, step2 = (float(cell[f].sel(visit=visit, statistic="change")) for f in ("sd", "sd_step"))
        slack = (step0 + step1 + step2) / 2
        if not abs(s0 - st) - slack < sd < s0 + st + slack:
            row.bad("sd", f"an SD of change from {abs(s0 - st):g} to {s0 + st:g}, given both levels")


def correlations(
    sheet: Sheet | None, outcomes: Collection[str], arms: list[str], visits: list[str]
) -> pd.DataFrame:
    """Published within-patient correlations, one row each."""
    columns = ["outcome", "arm", "visit_1", "visit_2", "correlation", "note", "source"]
    records = []
    seen = set()
    for row in sheet or ():
        found = [
            row.choice("outcome", sorted(outcomes)),
            row.choice("arm", arms),
            row.choice("visit_1", visits),
            row.choice("visit_2", visits),
        ]
        row.required("correlation")
        value = row.number("correlation", low=-1, high=1)
        if row.text("visit_1") == row.text("visit_2"):
            row.bad("visit_2", "another visit than visit_1")
        key = (row.text("outcome"), row.text("arm"), frozenset(found[2:]))
        if key in seen:
            row.bad("outcome", "each pair of visits once")
        seen.add(key)
        if value is not None and abs(value.value) == 1:
            row.bad("correlation", "a correlation strictly between -1 and 1")
        if value is None or None in found:
            continue
        records.append({name: row.text(name) for name in columns} | {"correlation": value.value})
    return pd.DataFrame(records, columns=columns)


def patient_rows(
    sheet: Sheet, outcomes: list[str], arms: list[str], visits: list[str]
) -> pd.DataFrame:
    """Patient-level data: one row per patient and visit, NaN where a value is missing."""
    present = [name for name in outcomes if name in sheet.columns]
    for name in outcomes:
        if name not in sheet.columns and sheet.rows:
            Row(sheet.file, 1, {name: ""}, sheet.rows[0].collector).bad(
                name, "a column for this outcome"
            )
    records = []
    arm_of: dict[str, str] = {}
    seen = set()
    for row in sheet:
        patient = row.required("patient")
        arm, visit = row.choice("arm", arms), row.choice("visit", visits)
        key = (patient, visit)
        if key in seen:
            row.bad("patient", "each patient and visit once")
        seen.add(key)
        if patient is not None and arm is not None and arm_of.setdefault(patient, arm) != arm:
            row.bad("arm", f"the arm this patient has elsewhere, {arm_of[patient]}")
        values = {}
        for name in present:
            missing = row.text(name).upper() in ("", "NA", "NAN")
            number = None if missing else row.number(name)
            values[name] = float("nan") if number is None else number.value
        records.append({"patient": patient, "arm": arm, "visit": visit, **values})
    return pd.DataFrame(records, columns=["patient", "arm", "visit", *present])


def patient_table(
    patients: pd.DataFrame, outcomes: pd.DataFrame, arms: pd.DataFrame, visits: pd.DataFrame
) -> xr.Dataset:
    """Means, SDs and sizes per cell of patient-level data (available cases)."""
    table = _empty(outcomes, arms, visits)
    names = [name for name in outcomes.index if name in patients]
    for (arm, visit), cell in patients.groupby(["arm", "visit"]):
        for name in names:
            values = cell[name].dropna()
            where = dict(outcome=name, arm=arm, visit=visit, statistic="level")
            if len(values) < 2:
                continue
            numbers = (values.mean(), values.std(ddof=1), len(values), 0.0, 0.0)
            for field, value in zip(FIELDS, numbers, strict=True):
                table[field].loc[where] = value
    return table
