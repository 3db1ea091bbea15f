"""The numbers of a bundle: summaries, correlations and patients, checked and put on arrays."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.study._bundle_medians import MEDIAN, MEDIANS, median_records, says_median
from bayesasthma.study._bundle_moments import GEOMETRIC, PrintedRow, mean_and_sd, printed_row
from bayesasthma.study._bundle_records import frame
from bayesasthma.study._sheets import Row, Sheet, step_of, value_of

DIMS = ("outcome", "arm", "visit", "statistic")
STATISTICS = ("level", "change")
FIELDS = ("mean", "sd", "n", "mean_step", "sd_step")
#: Smallest SD as a share of its mean, and largest ratio of two SDs of an outcome.
SMALLEST_SHARE, MOST_TIMES = 1e-15, 1e6
#: What a patient's missing value may be written as, in any case.
MISSING = ("", "NA", "NAN")


def empty_table(outcomes: pd.DataFrame, arms: pd.DataFrame, visits: pd.DataFrame) -> xr.Dataset:
    """The arrays of a `Study` with nothing printed in any cell."""
    coords: dict[str, Any] = {
        "outcome": np.array(outcomes.index, dtype=str),
        "arm": list(arms.index),
        "visit": list(visits.index),
        "statistic": list(STATISTICS),
    }
    shape = tuple(len(coords[dim]) for dim in DIMS)
    table = xr.Dataset({name: (DIMS, np.full(shape, np.nan)) for name in FIELDS}, coords)
    return table.assign_coords(week=("visit", visits["week"].to_numpy(dtype=float)))


#: Columns of the rows of `summaries.csv` as printed; ``line`` is the line of the file.
SUMMARIES = dict.fromkeys(("outcome", "arm", "visit", "statistic", "note", "source"), "str") | (
    dict.fromkeys(("n", "mean", "sd", "se", "cv", "ci_low", "ci_high", "ci_prob"), "float64")
    | dict.fromkeys(("mean_step", "sd_step", "se_step", "cv_step", "ci_step"), "float64")
    | {"line": "int64"}
)


def summary_table(
    sheet: Sheet,
    outcomes: pd.DataFrame,
    arms: pd.DataFrame,
    visits: pd.DataFrame,
    baseline_visit: str | None,
    value_is: str = "sd",
) -> tuple[xr.Dataset, pd.DataFrame, dict[tuple[str, str, str], int], pd.DataFrame]:
    """Means, SDs, sizes and rounding steps of ``summaries.csv``; problems go to the collector.

    How an SD follows from what is printed: :func:`bayesasthma.study._bundle_moments.mean_and_sd`.

    Returns
    -------
    Dataset
        As in `Study`.
    DataFrame
        The rows as printed, see `SUMMARIES`.
    dict of (str, str, str) to int
        Outcome, arm and visit whose correlation with baseline an SD of change gives, with its line.
    DataFrame
        Medians as printed, which are in none of these, see `MEDIANS`.
    """
    table = empty_table(outcomes, arms, visits)
    places = {dim: {str(name): i for i, name in enumerate(table[dim].values)} for dim in DIMS}
    cells = {name: table[name].values for name in FIELDS}  # a label at a time is slow in xarray
    lines: dict[tuple[str, str, str, str], Row] = {}
    records: list[dict[str, Any]] = []
    middles: list[dict[str, Any]] = []
    if not {"mean", "value", "median"} & set(sheet.columns):
        sheet.collector.add(sheet.file, 1, "mean", "", "this column (or value) in the header")
        return table, frame([], SUMMARIES), {}, frame([], MEDIANS)
    sizes = {str(arm): float(n) for arm, n in arms["n"].items()}
    for row in sheet:
        outcome = row.choice("outcome", list(outcomes.index))
        arm = row.choice("arm", list(arms.index))
        visit = row.choice("visit", list(visits.index))
        statistic = row.choice("statistic", (*STATISTICS, GEOMETRIC, MEDIAN), blank=True)
        n = row.number("n", low=2, whole=True)
        size = n.value if n is not None else sizes.get(arm or "", float("nan"))
        if statistic in ("", MEDIAN) and says_median(row):
            middles += _medians(row, (outcome, arm, visit), size, lines)
            continue
        printed = printed_row(row, value_is, geometric=statistic == GEOMETRIC)
        if outcome is None or arm is None or visit is None or statistic is None:
            continue
        kind = "change" if statistic == "change" else "level"
        _check_visit(row, kind, visit, baseline_visit)
        key = (outcome, arm, visit, kind)
        if not _once(row, key, lines):
            continue
        if kind == "level":
            _check_range(row, printed, outcomes, outcome)
        moments = mean_and_sd(printed, size) if printed else None
        if printed is None or moments is None:
            continue
        where = {"outcome": outcome, "arm": arm, "visit": visit, "statistic": kind}
        steps = (moments[0].value, moments[1].value, size, moments[0].step, moments[1].step)
        at = tuple(places[dim][name] for dim, name in where.items())
        for name, value in zip(FIELDS, steps, strict=True):
            cells[name][at] = value
        records.append(
            where | {"statistic": statistic or "level"} | _as_printed(row, printed, size)
        )
    _check_geometric(lines)
    _check_sizes(lines, cells, places)
    pins = _pins(table, lines, baseline_visit)
    return table, frame(records, SUMMARIES), pins, frame(middles, MEDIANS)


def _medians(
    row: Row, place: tuple[str | None, ...], size: float, lines: dict[Any, Row]
) -> list[dict[str, Any]]:
    """The record of a median's row, unless an id or number of it is wrong."""
    ids = [name for name in place if name is not None]
    if len(ids) < len(place) or not _once(row, (ids[0], ids[1], ids[2], MEDIAN), lines):
        return []
    return median_records(row, tuple(ids), size)


def _once(row: Row, key: tuple[str, str, str, str], lines: dict[Any, Row]) -> bool:
    """Keep the row of a cell; False, and noted, if there is one already."""
    first = lines.setdefault(key, row)
    if first is not row:
        row.bad("outcome", f"each cell once; row {first.line} has it too")
    return first is row


def _as_printed(row: Row, printed: PrintedRow, size: float) -> dict[str, Any]:
    names = ("mean", "sd", "se", "cv", "ci_low", "ci_high")
    return (
        {name: value_of(getattr(printed, name)) for name in names}
        | {f"{name}_step": step_of(getattr(printed, name)) for name in names[:4]}
        | {"ci_step": step_of(printed.ci_low), "ci_prob": printed.ci_prob, "n": size}
        | {"line": row.line, "note": row.text("note"), "source": row.text("source")}
    )


def _check_geometric(lines: dict[tuple[str, str, str, str], Row]) -> None:
    """An outcome is of geometric means in all its rows or in none: its table is of logarithms."""
    own = {outcome for (outcome, *_), row in lines.items() if row.text("statistic") == GEOMETRIC}
    for (outcome, _, _, kind), row in lines.items():
        if outcome in own and kind != MEDIAN and row.text("statistic") != GEOMETRIC:
            row.bad("statistic", f"{GEOMETRIC}, as in the other rows of {outcome}")


def _check_sizes(
    lines: dict[tuple[str, str, str, str], Row],
    cells: dict[str, np.ndarray],
    places: dict[str, dict[str, int]],
) -> None:
    """Note SDs that are lost in the digits of their mean, or have nothing to do with the others.

    No rounding or misprint explains them, and a model of both would be arithmetic without digits.
    """
    largest = np.nanmax(cells["sd"], axis=(1, 2, 3), initial=0.0)
    for key, row in lines.items():
        if key[3] not in STATISTICS:
            continue
        at = tuple(places[dim][name] for dim, name in zip(DIMS, key, strict=True))
        mean, sd = float(cells["mean"][at]), float(cells["sd"][at])
        if not sd > 0:
            continue  # none, or printed as 0: less than a unit of its last place
        column = next((name for name in ("sd", "se", "value", "cv") if row.text(name)), "ci_low")
        if sd < SMALLEST_SHARE * abs(mean):
            row.bad(column, f"an SD of at least {SMALLEST_SHARE:g} times the mean (15 digits)")
        elif sd * MOST_TIMES < largest[at[0]]:
            row.bad(
                column,
                f"an SD within a factor of {MOST_TIMES:,.0f} of the others of {key[0]}, of which "
                f"one is {largest[at[0]]:g}",
            )


def _check_visit(row: Row, kind: str, visit: str, baseline: str | None) -> None:
    """Note a change that has no baseline to be from."""
    if kind == "change" and baseline is None:
        row.bad("statistic", "level, since no visit is the baseline")
    elif kind == "change" and visit == baseline:
        row.bad("visit", "a visit after the baseline, for a change from baseline")


def _check_range(
    row: Row, printed: PrintedRow | None, outcomes: pd.DataFrame, outcome: str
) -> None:
    """Note a mean outside the instrument's range, unless the row has a note on it."""
    mean = printed.mean if printed else None
    ends = _missed_range(mean.value, outcomes, outcome) if mean else ""
    if ends and not row.text("note"):
        expected = f"a mean in the instrument's range, {ends}, or a note that it is printed so"
        row.bad("value" if row.text("value") else "mean", expected)


def _missed_range(value: float, outcomes: pd.DataFrame, outcome: str) -> str:
    """The instrument's range if the value is outside of it, else empty."""
    low, high = (float(outcomes[name][outcome]) for name in ("minimum", "maximum"))
    if not (value < low or value > high):
        return ""
    if np.isnan(low) or np.isnan(high):
        return f"at least {low:g}" if value < low else f"at most {high:g}"
    return f"{low:g} to {high:g}"


def _pins(
    table: xr.Dataset, lines: dict[tuple[str, str, str, str], Row], baseline: str | None
) -> dict[tuple[str, str, str], int]:
    """Lines whose SD of change gives a correlation with baseline inside -1 and 1.

    ``s_d^2 = s_0^2 + s_t^2 - 2 r s_0 s_t`` (Cochrane Handbook 6.5.2.8). An SD of change that no
    correlation gives is kept as printed, for the audit to find; models take nothing from it.
    """
    pinned = {}
    for (outcome, arm, visit, statistic), row in lines.items():
        levels = ((outcome, arm, baseline, "level"), (outcome, arm, visit, "level"))
        if statistic != "change" or any(key not in lines for key in levels):
            continue
        sds = table["sd"].sel(outcome=outcome, arm=arm)
        first, last = (float(sds.sel(visit=v, statistic="level")) for v in (baseline, visit))
        change = float(sds.sel(visit=visit, statistic="change"))
        if abs(first - last) < change < first + last:
            pinned[(outcome, arm, visit)] = row.line
    return pinned


def read_patients(
    sheet: Sheet,
    outcomes: pd.DataFrame,
    arms: pd.DataFrame,
    visits: pd.DataFrame,
    covariates: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Patient-level data: one row per patient and visit, NaN where a value is missing.

    A covariate is a column of numbers if all its values are, else of texts.
    """
    covariates = _known_covariates(sheet, covariates, outcomes)
    present = [name for name in outcomes.index if name in sheet.columns]
    for name in outcomes.index:
        if name not in sheet.columns:
            sheet.collector.add(sheet.file, 1, name, "", "a column for this outcome")
    covariate_of: dict[tuple[str, str], str] = {}
    records: list[dict[str, Any]] = []
    arm_of: dict[str, str] = {}
    seen: dict[tuple[str, str], int] = {}
    for row in sheet:
        patient = row.required("patient") or ""
        arm = row.choice("arm", list(arms.index)) or ""
        visit = row.choice("visit", list(visits.index)) or ""
        first = seen.setdefault((patient, visit), row.line)
        if first != row.line and patient and visit:
            row.bad("patient", f"each patient and visit once; row {first} has it too")
        if patient and arm and arm_of.setdefault(patient, arm) != arm:
            row.bad("arm", f"the arm this patient has elsewhere, {arm_of[patient]}")
        texts = {name: _covariate(row, name, patient, covariate_of) for name in covariates}
        values = {name: _patient_value(row, name, outcomes) for name in present}
        if arm and visit:  # else there is no cell to put it in, and that has been reported
            records.append({"patient": patient, "arm": arm, "visit": visit} | values | texts)
    members = pd.Series(arm_of, dtype="str").value_counts()
    for arm_id, size in arms["n"].items():
        if (found := int(members.get(arm_id, 0))) > size:
            expected = f"no more patients than the arm's n in study.toml, {size:g}"
            sheet.collector.add(sheet.file, None, "arm", f"{found} in {arm_id}", expected)
    texts_of = ("patient", "arm", "visit", *covariates)
    types = dict.fromkeys(texts_of, "str") | dict.fromkeys(present, "float64")
    patients = frame(records, types)
    _type_covariates(patients, covariates, sheet)
    _check_spread(patients, present, sheet)
    return patients


def _known_covariates(
    sheet: Sheet, covariates: tuple[str, ...], outcomes: pd.DataFrame
) -> tuple[str, ...]:
    """Covariates that are columns, and not outcomes."""
    known = []
    for name in covariates:
        if name in outcomes.index:
            sheet.collector.add("study.toml", None, "covariates", name, "no outcome among them")
        elif name not in sheet.columns:
            expected = "a column for this covariate of study.toml"
            sheet.collector.add(sheet.file, 1, name, "", expected)
        else:
            known.append(name)
    return tuple(known)


def _covariate(row: Row, name: str, patient: str, known: dict[tuple[str, str], str]) -> str:
    """A patient's value, the same in every row."""
    text = row.required(name) or ""
    if text and text.upper() in MISSING:
        row.bad(name, "a value, since models adjust for it")
    if patient and text and known.setdefault((patient, name), text) != text:
        row.bad(name, f"what this patient has elsewhere, {known[patient, name]}")
    return text


def _type_covariates(patients: pd.DataFrame, covariates: tuple[str, ...], sheet: Sheet) -> None:
    """Turn covariates whose values all are numbers into numbers."""
    for name in covariates:
        if patients[name].nunique() < 2:
            sheet.collector.add(sheet.file, None, name, "", "a covariate that differs by patient")
        with suppress(ValueError):
            patients[name] = patients[name].astype("float64")


def _check_spread(patients: pd.DataFrame, outcomes: list[str], sheet: Sheet) -> None:
    """Patients who all have the same value have no SD to model."""
    for (arm, visit), cell in patients.groupby(["arm", "visit"], sort=False):
        for name in outcomes:
            values = cell[name].dropna()
            if len(values) > 1 and np.ptp(values) <= SMALLEST_SHARE * values.abs().max():
                found = f"{values.iloc[0]:g} for all {len(values)} in {arm} at {visit}"
                sheet.collector.add(sheet.file, None, name, found, "values that differ")


def _patient_value(row: Row, outcome: str, outcomes: pd.DataFrame) -> float:
    number = None if row.text(outcome).upper() in MISSING else row.number(outcome)
    if number is not None and (ends := _missed_range(number.value, outcomes, outcome)):
        row.bad(outcome, f"a value in the instrument's range, {ends}")
    return value_of(number)


def patient_table(
    patients: pd.DataFrame, outcomes: pd.DataFrame, arms: pd.DataFrame, visits: pd.DataFrame
) -> xr.Dataset:
    """Means, SDs and sizes per cell of patient-level data (available cases)."""
    table = empty_table(outcomes, arms, visits)
    names = [name for name in outcomes.index if name in patients]
    for (arm, visit), cell in patients.groupby(["arm", "visit"]):
        for name in names:
            values = cell[name].dropna()
            where = {"outcome": name, "arm": arm, "visit": visit, "statistic": "level"}
            if len(values) < 2:
                continue
            numbers = (values.mean(), values.std(ddof=1), len(values), 0.0, 0.0)
            for field, value in zip(FIELDS, numbers, strict=True):
                table[field].loc[where] = value
    return table
