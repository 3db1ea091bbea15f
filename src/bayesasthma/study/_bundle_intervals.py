"""Intervals as printed, kept beside the SDs that were taken from them."""

from __future__ import annotations

import pandas as pd

from bayesasthma.study._bundle_records import frame
from bayesasthma.study._sheets import Sheet, parse_number

KEYS = ("outcome", "arm", "visit", "statistic")
NUMBERS = {"estimate": "mean", "ci_low": "ci_low", "ci_high": "ci_high"}
INTERVALS = dict.fromkeys(KEYS, "str") | {
    name: "float64" for number in NUMBERS for name in (number, f"{number}_step")
}


def printed_intervals(sheet: Sheet | None) -> pd.DataFrame:
    """Every mean of ``summaries.csv`` that is printed with both ends of an interval.

    Cells that are no numbers are left out; `summary_table` reports them.
    """
    records = []
    for row in sheet or ():
        found = {name: parse_number(row.text(column)) for name, column in NUMBERS.items()}
        record: dict[str, object] = {name: row.text(name) for name in KEYS}
        record["statistic"] = record["statistic"] or "level"
        for name, number in found.items():
            if number is not None:
                record |= {name: number.value, f"{name}_step": number.step}
        if all(found.values()):
            records.append(record)
    return frame(records, INTERVALS)
