"""Within-patient correlations that printed differences and paired tests imply."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.study.correlation_algebra import (
    ArmCells,
    Implied,
    Printed,
    correlation_of_adjusted_difference,
    correlation_of_paired_test,
)
from bayesasthma.study.study import Study

#: A range of correlations wider than this says too little to stand for a published one.
WIDEST = 0.2
COLUMNS = (
    *("outcome", "arm", "visit_1", "visit_2", "correlation", "low", "high"),
    *("implied_by", "line", "used", "reason"),
)
PAIRED_T = re.compile(r"\b(paired|dependent)\b.*\bt\b|\bt\b.*\b(paired|dependent)\b", re.IGNORECASE)


def implied_correlations(study: Study) -> pd.DataFrame:
    """Correlations with baseline that printed differences and paired tests imply.

    Only where baseline and visit are of the same number of patients, and the paper does not print
    the correlation (or an SD of change, which gives it) itself. A difference adjusted for more than
    the baseline, or a test that is not stated to be a paired t test, implies none.

    Returns
    -------
    DataFrame
        ``outcome, arm, visit_1, visit_2``; ``correlation`` at face value and its range ``low`` to
        ``high`` over rounding; ``implied_by`` ("difference" or "paired test") and the ``line`` of
        its file; ``used``: whether it is narrow enough (`WIDEST`) to stand for a published
        correlation and the narrowest for its cell; else the ``reason``.
    """
    rows = [*_from_differences(study), *_from_tests(study)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["used"] = False
    if table.empty:
        return table
    table["reason"] = [_unusable(study, row) for row in table.to_dict("records")]
    width = (table["high"] - table["low"]).where(table["reason"] == "", np.inf)
    best = width.groupby([table["outcome"], table["arm"], table["visit_2"]]).transform("min")
    chosen = (width == best) & np.isfinite(width)
    again = table.assign(chosen=chosen)
    table["used"] = chosen & ~again[chosen].duplicated(["outcome", "arm", "visit_2"]).reindex(
        table.index, fill_value=False
    )
    spare = (table["reason"] == "") & ~table["used"]
    table.loc[spare, "reason"] = "another printed number says more"
    return table


def _unusable(study: Study, row: dict[Any, Any]) -> str:
    if row["reason"]:
        return str(row["reason"])
    published = study.correlations
    own = published[(published["outcome"] == row["outcome"]) & (published["arm"] == row["arm"])]
    if len(own):
        return "correlations of this arm are published"
    cell = {"outcome": row["outcome"], "arm": row["arm"], "visit": row["visit_2"]}
    if np.isfinite(float(study.table["sd"].sel(cell, drop=True).sel(statistic="change"))):
        return "the SD of change gives it"
    low, high = float(row["low"]), float(row["high"])
    if high - low > WIDEST:
        return (
            f"the range is wider than {WIDEST:g}: one number out of it would claim more than is "
            "printed, so that the prior stands"
        )
    return "" if -1 < float(row["correlation"]) < 1 else "no correlation strictly inside -1, 1"


def passed_over(study: Study) -> list[str]:
    """One sentence for every printed number whose implied correlations are not used, and why."""
    rows = implied_correlations(study)
    found: dict[tuple[str, int], str] = {}
    for row in rows[~rows["used"].astype(bool)].to_dict("records"):
        key = (str(row["implied_by"]), int(row["line"]))
        place = ", ".join(str(row[name]) for name in ("outcome", "arm", "visit_2"))
        if math.isnan(float(row["low"])):
            said = f"gives no correlation: {row['reason']}"
        else:
            said = f"allows {row['low']:.2f} to {row['high']:.2f}, not used: {row['reason']}"
        found.setdefault(key, f"the {row['implied_by']} of {place} {said}")
    return list(found.values())


def _cells(study: Study, outcome: str, arm: str, visit: str) -> ArmCells | None:
    """Baseline and visit of one arm; None where a cell is missing or of other patients."""
    if study.baseline_visit is None or visit == study.baseline_visit:
        return None
    table = study.table.sel(outcome=outcome, arm=arm, statistic="level")
    first, last = table.sel(visit=study.baseline_visit), table.sel(visit=visit)
    numbers = [float(cell[name]) for cell in (first, last) for name in ("mean", "sd", "n")]
    if not np.isfinite(numbers).all() or float(first["n"]) != float(last["n"]):
        return None

    def printed(cell: xr.Dataset, name: str, floor: float = -math.inf) -> Printed:
        return Printed(float(cell[name]), float(cell[f"{name}_step"]), floor)

    return ArmCells(
        float(last["n"]),
        printed(first, "mean"),
        printed(first, "sd", 0.0),
        printed(last, "mean"),
        printed(last, "sd", 0.0),
    )


def _from_differences(study: Study) -> Iterator[dict[str, object]]:
    if study.differences.empty or study.baseline_visit is None:
        return
    logs = study.log_outcomes
    for row in study.differences.to_dict("records"):
        if row["adjusted_for"] != "baseline" or row["outcome"] in logs:
            continue
        outcome, arm, visit = (str(row[name]) for name in ("outcome", "arm", "visit"))
        pair = [_cells(study, outcome, name, visit) for name in (study.control, arm)]
        known = [cells for cells in pair if cells is not None]
        others = [_cells(study, outcome, name, visit) for name in study.treatments if name != arm]
        more = [cells for cells in others if cells is not None]
        if len(known) == 2:
            found = _hull(row, known, more if len(more) == len(others) else [])
        else:
            nan = math.nan
            found = Implied(nan, nan, nan, "levels of the same patients at both visits are missing")
        for name in (study.control, arm):
            yield _record(outcome, name, study.baseline_visit, visit, found, "difference", row)


def _hull(row: dict[Any, Any], pair: list[ArmCells], more: list[ArmCells]) -> Implied:
    """Of an analysis of two arms and, where there are more, of all: which is rarely said."""

    def number(name: str, step: str) -> Printed:
        return Printed(float(row[name]), float(row[step]))

    interval = number("ci_low", "ci_step"), number("ci_high", "ci_step")
    error = number("se", "se_step")
    found = [
        correlation_of_adjusted_difference(
            number("estimate", "estimate_step"),
            None if math.isnan(error.value) else error,
            None if math.isnan(interval[0].value) else interval,
            float(row["ci_prob"]),
            arms,
        )
        for arms in ([pair, [*pair, *more]] if more else [pair])
    ]
    possible = [item for item in found if not item.reason]
    if not possible:
        return found[-1]
    return replace(
        possible[-1],
        low=min(item.low for item in possible),
        high=max(item.high for item in possible),
    )


def _from_tests(study: Study) -> Iterator[dict[str, object]]:
    logs = study.log_outcomes
    for line, row in enumerate(study.tests.to_dict("records"), 2):
        if row["kind"] != "within" or not PAIRED_T.search(str(row["test"])):
            continue
        outcome, arm, visit = (str(row[name]) for name in ("outcome", "arm", "visit"))
        if outcome not in study.outcomes.index or outcome in logs or visit not in study.follow_up:
            continue
        arm_cells = _cells(study, outcome, arm, visit)
        if arm_cells is None or study.baseline_visit is None:
            continue
        value, operator = float(row["p_value"]), row["p_operator"]
        half = 0.5 * 10.0 ** -float(row["decimals"])
        ends = {
            "<": (0.0, value),
            ">": (value, 1.0),
            "=": (max(value - half, 0.0), min(value + half, 1.0)),
        }[operator]
        face = value if operator == "=" and value > 0 else math.nan
        found = correlation_of_paired_test(ends, face, arm_cells)
        yield _record(
            outcome, arm, study.baseline_visit, visit, found, "paired test", row | {"line": line}
        )


def _record(
    outcome: str,
    arm: str,
    baseline: str,
    visit: str,
    found: Implied,
    source: str,
    row: dict[Any, Any],
) -> dict[str, object]:
    return {
        "outcome": outcome,
        "arm": arm,
        "visit_1": baseline,
        "visit_2": visit,
        "correlation": found.value,
        "low": found.low,
        "high": found.high,
        "implied_by": source,
        "line": row["line"],
        "reason": found.reason,
    }


def with_implied_correlations(study: Study) -> Study:
    """The study with the usable implied correlations among its published ones.

    Like a published correlation, one is taken at face value; its note has the range. What an
    analysis pooled over arms is given to both.
    """
    implied = implied_correlations(study)
    rows = implied[implied["used"]].copy()
    if rows.empty:
        return study
    rows["note"] = [
        f"implied by a printed {row.implied_by}, {row.low:.2f} to {row.high:.2f}"
        for row in rows.itertuples()
    ]
    rows["source"] = ""
    columns = ["outcome", "arm", "visit_1", "visit_2", "correlation", "note", "source"]
    correlations = pd.concat([study.correlations, rows[columns]], ignore_index=True)
    checksums = {**study.checksums, "correlation": "printed"}
    return replace(study, correlations=correlations, checksums=checksums)
