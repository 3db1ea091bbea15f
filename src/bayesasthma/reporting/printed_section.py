"""The report's section on what is printed and in no model, or beside ours: three tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma.comparison.printed_differences import printed_differences
from bayesasthma.comparison.quotes import decimals
from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit, reaction_label, visit_name
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import interval, number, p_value
from bayesasthma.study.study import Study

ADJUSTED = {"none": "unadjusted", "baseline": "for baseline"}
ESTIMANDS = {"difference": "difference in means", "adjusted_difference": "baseline-adjusted"}


@dataclass(frozen=True)
class PrintedSection:
    """What the section prints; each list is empty where the paper has nothing of the kind.

    Attributes
    ----------
    differences : list of list of str
        Outcome, unit, contrast with visit, adjustment, printed, ours, what ours is, distance in
        printed standard errors, ratio of SDs.
    medians : list of list of str
        Outcome, unit, visit, then the median with quartiles or range by arm.
    median_arms : list of str
    rates : list of list of str
        Event with visit, contrast, counts in person-time, printed ratio, ratio with interval from
        the counts, exact interval, exact p.
    """

    differences: list[list[str]]
    medians: list[list[str]]
    median_arms: list[str]
    rates: list[list[str]]


def printed_section(results: ReanalysisResults) -> PrintedSection | None:
    """The section, or None where a paper prints none of the three."""
    study = results.study
    found = PrintedSection(
        differences=_differences(study, results.effects),
        medians=_medians(study),
        median_arms=[arm_name(study, str(arm)) for arm in study.arms.index],
        rates=_rates(results),
    )
    return found if found.differences or found.medians or found.rates else None


def _differences(study: Study, effects: pd.DataFrame) -> list[list[str]]:
    if study.differences.empty:
        return []
    rows = []
    for row in printed_differences(study, effects).to_dict("records"):
        outcome, visit = str(row["outcome"]), visit_name(study, str(row["visit"]))
        contrast = f"{arm_name(study, str(row['arm']))} − {arm_name(study, study.control)}, {visit}"
        places = decimals(float(row["printed_se"]))
        ends = [float(row[f"printed{name}"]) for name in ("", "_low", "_high")]
        level = "" if row["ci_prob"] == 0.95 else f" ({100 * row['ci_prob']:g} % CI)"
        cells = ["–", "no fit has it", "–", "–"]
        if np.isfinite(row["mean"]):
            ours = interval(row["mean"], row["ci_low"], row["ci_high"], places)
            what = f"{ESTIMANDS[row['estimand']]}, {row['model']}"
            cells = [ours, what, number(row["distance"], 2), number(row["sd_ratio"], 2)]
        adjusted = str(row["adjusted_for"])
        name, unit = outcome_name(study, outcome), str(study.outcomes["unit"][outcome])
        how = ADJUSTED.get(adjusted, f"for {adjusted}")
        theirs = interval(ends[0], ends[1], ends[2], places) + level
        rows.append([name, pretty_unit(unit), contrast, how, theirs, *cells])
    return rows


def _medians(study: Study) -> list[list[str]]:
    frame = study.medians
    if frame.empty:
        return []
    rows = []
    for (outcome, visit), own in frame.groupby(["outcome", "visit"], sort=False):
        by_arm = own.set_index("arm")
        cells = [median_text(by_arm, str(arm)) for arm in study.arms.index]
        label, unit = str(own["label"].iloc[0]), pretty_unit(str(own["unit"].iloc[0]))
        rows.append([label or str(outcome), unit, visit_name(study, str(visit)), *cells])
    return rows


def median_text(by_arm: pd.DataFrame, arm: str) -> str:
    """``41.8 (IQR 23.4 to 68.0)`` with the decimals that are printed; a dash where none is."""
    if arm not in by_arm.index:
        return "–"
    row = by_arm.loc[arm].to_dict()

    def shown(name: str) -> str:
        step = float(row[f"{name}_step"])
        return f"{row[name]:.{max(0, round(-np.log10(step))) if step > 0 else 6}f}"

    parts = []
    if np.isfinite(row["q1"]):
        parts.append(f"IQR {shown('q1')} to {shown('q3')}")
    if np.isfinite(row["iqr"]):
        parts.append(f"IQR {shown('iqr')} wide")
    if np.isfinite(row["least"]):
        parts.append(f"range {shown('least')} to {shown('greatest')}")
    return f"{shown('median')} ({'; '.join(parts)})" if parts else shown("median")


def _rates(results: ReanalysisResults) -> list[list[str]]:
    if results.audit is None or results.audit.rates.empty:
        return []
    study = results.study
    rows = []
    for row in results.audit.rates.to_dict("records"):
        event = reaction_label(str(row["event"]))
        visit = str(row["visit"])
        name = f"{event}, {visit_name(study, visit)}" if visit in study.visits.index else event
        contrast = f"{arm_name(study, str(row['arm']))} / {arm_name(study, study.control)}"
        counts = (
            f"{row['count']:g} in {row['person_time']:g}; "
            f"{row['count_control']:g} in {row['person_time_control']:g}"
        )
        theirs, ours = _ratio(row, "ratio_printed", "_printed"), _ratio(row, "ratio", "")
        exact = f"{row['exact_low']:.2f} to {row['exact_high']:.2f}"
        rows.append([name, contrast, counts, theirs, ours, exact, p_value(row["p_exact"])])
    return rows


def _ratio(row: dict[str, float], middle: str, suffix: str) -> str:
    if not np.isfinite(row[middle]):
        return "–"
    low, high = (row[f"{name}{suffix}"] for name in ("ci_low", "ci_high"))
    return interval(row[middle], low, high, 2) if np.isfinite(low) else number(row[middle], 2)
