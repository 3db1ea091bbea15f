"""Counts against percentages, patients, visits and exclusion criteria."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesasthma.auditing.findings import CONTRADICTION, NOTE, UNUSUAL, Finding
from bayesasthma.auditing.labels import text_of
from bayesasthma.auditing.percentages import denominators, percent_fits

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


def tally_findings(study: Study) -> Iterator[Finding]:
    """All checks of counts in the baseline table and in the adverse reactions."""
    yield from _percentages(study.baseline, "count", ["variable", "level"], "")
    yield from _percentages(study.adverse, "events", ["reaction"], "visit")
    yield from _categories(study)
    yield from _sizes(study)
    yield from _monotone(study)
    yield from _exclusions(study)


def _percentages(
    frame: pd.DataFrame, column: str, name: list[str], visit: str
) -> Iterator[Finding]:
    if frame.empty:
        return
    for row in frame.to_dict("records"):
        count, n, percent = float(row[column]), float(row["n"]), float(row["percent"])
        step = float(row["percent_step"])
        places = max(0, round(-np.log10(step))) if step > 0 else 6
        where = {
            "table": text_of(row.get("source")),
            "outcome": " ".join(text_of(row.get(c)) for c in name).strip(),
            "arm": text_of(row["arm"]),
            "visit": text_of(row.get(visit)) if visit else "",
        }
        if count > n:
            yield Finding(
                "consistency",
                CONTRADICTION,
                f"{count:g} of {n:g} patients.",
                printed=f"{count:g}",
                expected=f"at most {n:g}",
                **where,
            )
        elif not percent_fits(count, n, percent, step):
            exact = 100 * count / n
            other = _other_denominator(frame, row, column, name, visit)
            yield Finding(
                "consistency",
                UNUSUAL if other else CONTRADICTION,
                f"{count:g} of {n:g} patients are {exact:.{places}f} %, not "
                f"{percent:.{places}f} %{other}.",
                printed=f"{percent:.{places}f} %",
                expected=f"{exact:.{places}f} %",
                **where,
            )


def _other_denominator(
    frame: pd.DataFrame, row: dict[Hashable, Any], column: str, name: list[str], visit: str
) -> str:
    """Name the denominator that a percentage has instead of the row's, if there is one."""
    count, n, percent, step = (float(row[c]) for c in (column, "n", "percent", "percent_step"))
    keys = [*name, visit] if visit else name
    alike = frame[np.logical_and.reduce([frame[k].map(text_of) == text_of(row[k]) for k in keys])]
    total = float(alike[column].sum())
    if len(alike) > 1 and total > 0 and percent_fits(count, total, percent, step):
        return f"; it is their share of the {total:g} patients of all arms"
    sizes = denominators(count, n, percent, step)
    if not sizes:
        return ""
    shown = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"; it is that of {count:g}/{shown}, so that {n:g} are not its denominator"


def _categories(study: Study) -> Iterator[Finding]:
    """Categories of one variable should add up to the arm."""
    frame = study.baseline
    if frame.empty:
        return
    counted = frame[frame["count"].notna()]
    for (variable, arm), rows in counted.groupby(["variable", "arm"], sort=False):
        if len(rows) < 2:
            continue
        total, n = float(rows["count"].sum()), float(rows["n"].iloc[0])
        if np.isfinite(n) and total != n:
            yield Finding(
                "consistency",
                UNUSUAL if total > n else NOTE,
                f"The {len(rows)} categories of {variable} add up to {total:g} of {n:g} patients"
                + (", unless a patient can be in several." if total > n else "."),
                table=text_of(rows["source"].iloc[0]) if "source" in rows else "",
                outcome=str(variable),
                arm=str(arm),
                printed=f"{total:g}",
                expected=f"{n:g}",
            )


def _sizes(study: Study) -> Iterator[Finding]:
    """Numbers of patients per row against the arm's."""
    size = study.arms["n"].astype(float).to_dict()
    for frame, name in ((study.baseline, "variable"), (study.adverse, "reaction")):
        if frame.empty:
            continue
        for row in frame.drop_duplicates([name, "arm", "n"]).to_dict("records"):
            n, expected = float(row["n"]), size.get(row["arm"], np.nan)
            if n > expected:
                yield Finding(
                    "consistency",
                    CONTRADICTION,
                    f"{n:g} patients of an arm of {expected:g}.",
                    outcome=text_of(row[name]),
                    arm=text_of(row["arm"]),
                    printed=f"{n:g}",
                    expected=f"at most {expected:g}",
                )


def _monotone(study: Study) -> Iterator[Finding]:
    """Whether counts of reactions can be read as cumulative."""
    frame = study.adverse
    if frame.empty:
        return
    order = {visit: i for i, visit in enumerate(study.visits.index)}
    falls, series = [], 0
    for (reaction, arm), rows in frame.groupby(["reaction", "arm"], sort=False):
        at = rows.assign(order=rows["visit"].map(order)).sort_values("order")
        events = at["events"].to_numpy(dtype=float)
        if len(events) < 2 or np.isnan(events).any():
            continue
        series += 1
        if np.any(np.diff(events) < 0):
            falls.append((str(reaction), str(arm), ", ".join(f"{e:g}" for e in events)))
    for reaction, arm, counts in falls:
        yield Finding(
            "monotone",
            NOTE,
            f"The counts fall over the visits ({counts}), so they are not cumulative.",
            outcome=reaction,
            arm=arm,
            printed=counts,
        )
    if series and not falls:
        yield Finding(
            "monotone",
            NOTE,
            f"None of the {series} series of reaction counts ever falls, so they can be read as "
            "counts per visit and as cumulative counts; the tables do not tell which.",
        )


def _exclusions(study: Study) -> Iterator[Finding]:
    """Patients in the baseline table whom the exclusion criteria rule out."""
    for rule in study.exclusions.to_dict("records"):
        variable, level = text_of(rule.get("variable")), text_of(rule.get("level"))
        frame = study.baseline
        rows = frame[(frame["variable"] == variable) & (frame["level"].map(text_of) == level)]
        for row in rows[rows["count"].astype(float) > 0].to_dict("records"):
            yield Finding(
                "exclusion",
                CONTRADICTION,
                f"{row['count']:g} of {row['n']:g} patients are listed as {variable} {level} "
                f"although {text_of(rule.get('criterion'))} was an exclusion criterion.",
                table=text_of(row.get("source")),
                outcome=f"{variable}:{level}",
                arm=text_of(row["arm"]),
                printed=f"{row['count']:g}",
                expected="0",
            )
