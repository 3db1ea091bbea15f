"""Numbers of the study as they are printed: means with their spread, counts, p-values, names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.comparison.quotes import decimals
from bayesasthma.reporting.journal.layout import NOTHING
from bayesasthma.reporting.wording import number
from bayesasthma.study.study import Study

GAP = "\N{NO-BREAK SPACE}"
#: Order in which the rows of a cell are looked for: levels before changes.
STATISTICS = ("level", "geometric_mean", "change")


def places(step: float, spread: float = math.nan) -> int:
    """Decimals of a number that was rounded to ``step``; of one that was not, by its spread."""
    if step > 0:
        return max(0, round(-math.log10(step)))
    return decimals(spread)


def mean_and_spread(row: dict[Any, Any]) -> str:
    """Mean with its SD, SE, CV or interval, in the digits that were printed.

    Parameters
    ----------
    row : dict
        ``mean`` and any of ``sd``, ``se``, ``cv``, ``ci_low`` with ``ci_high``, with their steps;
        ``statistic``, if it is not a level.
    """
    geometric = row.get("statistic") == "geometric_mean"

    def known(name: str) -> bool:
        return name in row and bool(np.isfinite(float(row[name])))

    def shown(name: str) -> str:
        spread = float(row["sd"]) if "sd" in row and not geometric else math.nan
        step = float(row.get("ci_step" if name.startswith("ci_") else f"{name}_step", 0.0))
        return number(float(row[name]), places(step, spread)) if known(name) else ""

    if not known("mean"):
        return NOTHING
    text = shown("mean")
    level = f"{100 * float(row.get('ci_prob', 0.95)):g}{GAP}% CI"
    spreads = {
        "sd": f" (geometric SD {shown('sd')})" if geometric else f" ± {shown('sd')}",
        "se": f" (SE {shown('se')})",
        "cv": f" (CV {shown('cv')}{GAP}%)",
        "ci_low": f" ({level} {shown('ci_low')} to {shown('ci_high')})",
    }
    return text + next((own for name, own in spreads.items() if known(name)), "")


def printed_cell(study: Study, outcome: str, arm: str, visit: str) -> str:
    """What is printed of an outcome in an arm at a visit; of patients, their mean and SD."""
    found = study.summaries
    size = float(study.arms["n"][arm])
    if len(found):
        found = found[
            (found["outcome"] == outcome) & (found["arm"] == arm) & (found["visit"] == visit)
        ]
        for statistic in STATISTICS:
            rows = found[found["statistic"] == statistic]
            if len(rows):
                text = mean_and_spread(rows.iloc[0].to_dict())
                n = float(rows["n"].iloc[0])
                if np.isfinite(n) and n != size and text != NOTHING:
                    text += f" (n{GAP}={GAP}{n:.0f})"
                return f"change {text}" if statistic == "change" else text
        return NOTHING
    cell = study.table.sel(outcome=outcome, arm=arm, visit=visit)
    for statistic in ("level", "change"):
        if statistic in cell["statistic"].to_numpy():
            own = cell.sel(statistic=statistic)
            if np.isfinite(float(own["mean"])):
                row = {name: float(own[name]) for name in ("mean", "sd", "mean_step", "sd_step")}
                text = mean_and_spread(row)
                return f"change {text}" if statistic == "change" else text
    return NOTHING


def count(events: float, n: float, percent: float, step: float, size: float) -> str:
    """``10 (55.6 %)``, with the denominator where it is not the arm's size."""
    if not np.isfinite(events) and not np.isfinite(percent):
        return NOTHING
    if not np.isfinite(percent) and n > 0:
        percent = 100 * events / n
    share = (
        f"{number(percent, places(step) if step > 0 else 1)}{GAP}%" if np.isfinite(percent) else ""
    )
    if not np.isfinite(events):
        return share
    of = "" if n == size or not np.isfinite(n) else f"/{n:.0f}"
    return f"{events:.0f}{of}" + (f" ({share})" if share else "")


def printed_p(study: Study, subject: str, visit: str | None, arm: str) -> str:
    """The printed p of a comparison between arms; blank if there is none."""
    tests = study.tests
    found = tests[(tests["kind"] == "between") & (tests["outcome"] == subject)]
    found = found[(found["arm"] == arm) | (found["arm"].fillna("") == "")]
    places_in_time = {"", visit or ""}
    found = found[found["visit"].fillna("").isin(places_in_time)]
    return str(found["p"].iloc[0]) if len(found) else ""


def text_of(value: object) -> str:
    """A cell of words, blank where it is missing."""
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]
