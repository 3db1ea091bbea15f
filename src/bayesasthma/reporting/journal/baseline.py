"""The baseline table: characteristics as printed, by arm, with standardised differences."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bayesasthma.plots.style import arm_name, pretty_unit
from bayesasthma.reporting.journal.footnotes import SPREADS, sized, sources
from bayesasthma.reporting.journal.layout import NOTHING, Column, JournalTable, Rows
from bayesasthma.reporting.journal.printed import (
    count,
    mean_and_spread,
    printed_cell,
    printed_p,
    text_of,
)
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import number
from bayesasthma.study.study import Study

#: Words of a variable's name that are abbreviations.
ABBREVIATIONS = {
    "act", "acq", "aqlq", "bmi", "copd", "crp", "feno", "fev1", "fvc", "ics", "ige", "laba", "ldl",
    "pef",
}  # fmt: skip
SPELLING = {"feno": "FeNO", "ige": "IgE"}

STANDARDISED = (
    "Mean of the treated arm less that of the control arm, over the pooled SD; of a share, its "
    "difference over the root of the mean of p(1 − p) in the two arms (Austin 2009, Stat Med "
    "28:3083). It describes imbalance and tests nothing."
)
COUNTS = (
    "Counts are patients (share of the arm), with their denominator where it is not the arm’s size."
)
PRINTED_P = (
    "As the paper prints it. A small p at baseline says nothing of the treatment; audit.csv holds "
    "each against the numbers beside it."
)


def baseline_tables(results: ReanalysisResults) -> list[JournalTable]:
    """The table of patients' characteristics and of the outcomes at baseline; none without either.

    Parameters
    ----------
    results : ReanalysisResults
        Only its study and run are looked at.

    Returns
    -------
    list of JournalTable
    """
    study = results.study
    if study.baseline.empty and (study.baseline_visit is None or study.outcomes.empty):
        return []
    rows = Rows()
    p_values: list[list[str]] = []
    for variable in dict.fromkeys(study.baseline["variable"]):
        _variable(study, str(variable), rows, p_values)
    if study.baseline_visit is not None and len(study.outcomes):
        _outcomes(study, rows, p_values)
    if not rows.rows:
        return []
    arms = [str(arm) for arm in study.arms.index]
    columns = [Column(sized(study, arm), width=1.5) for arm in arms]
    several = len(study.treatments) > 1
    for arm in study.treatments:
        above = "Standardised difference" if several else ""
        heading = arm_name(study, arm) if several else "Standardised difference"
        columns.append(Column(heading, STANDARDISED, above))
    shown_p = any(any(cells) for cells in p_values)
    if shown_p:
        columns += [
            Column(arm_name(study, arm) if several else "Printed p", PRINTED_P,
                   "Printed p" if several else "", 0.8)
            for arm in study.treatments
        ]  # fmt: skip
    full = Rows(rows.groups)
    for row, cells in zip(rows.rows, p_values, strict=True):
        more = tuple(cell or NOTHING for cell in cells) if shown_p else ()
        full.rows.append(type(row)(row.label, row.cells + more, row.group))
    return [
        JournalTable(
            title="Characteristics of the patients at baseline",
            stub=Column("Characteristic", width=2.2),
            columns=tuple(columns),
            rows=tuple(full.rows),
            groups=tuple(full.groups),
            remarks=(
                f"{SPREADS} {COUNTS}",
                *sources(results, computed=False),
            ),
        )
    ]


def variable_name(name: str) -> str:
    """Name of a variable or level as a heading: ``bmi_class`` as ``BMI class``."""
    words = [
        SPELLING.get(word, word.upper()) if word.lower() in ABBREVIATIONS else word
        for word in name.replace("_", " ").split()
    ]
    text = " ".join(words)
    return text[:1].upper() + text[1:] if words and words[0].islower() else text


def _variable(study: Study, variable: str, rows: Rows, p_values: list[list[str]]) -> None:
    own = study.baseline[study.baseline["variable"] == variable]
    levels = list(dict.fromkeys(text_of(level) for level in own["level"]))
    name = variable_name(variable)
    whole = [printed_p(study, variable, study.baseline_visit, arm) for arm in study.treatments]
    if len(levels) > 1:
        rows.begin(name)
    elif rows.groups:
        rows.begin("")
    for at, level in enumerate(levels):
        part = own[own["level"].map(text_of) == level].drop_duplicates("arm").set_index("arm")
        cells = [_cell(study, part, str(arm)) for arm in study.arms.index]
        cells += [_difference(part, study.control, arm) for arm in study.treatments]
        label = variable_name(level) if len(levels) > 1 else name
        if len(levels) == 1 and level and level.lower() not in {"yes", "present"}:
            label = f"{name}: {variable_name(level).lower()}"
        rows.add(label, cells)
        single = [
            printed_p(study, f"{variable}:{level}", study.baseline_visit, arm)
            for arm in study.treatments
        ]
        # the p of a variable of several levels stands on the first of them
        p_values.append([s or (w if at == 0 else "") for s, w in zip(single, whole, strict=True)])


def _cell(study: Study, part: pd.DataFrame, arm: str) -> str:
    if arm not in part.index:
        return NOTHING
    row = part.loc[[arm]].iloc[0].to_dict()
    if np.isfinite(float(row["mean"])):
        return mean_and_spread(row)
    size = float(study.arms["n"][arm])
    n = float(row["n"])
    return count(
        float(row["count"]),
        n if np.isfinite(n) else size,
        float(row["percent"]),
        float(row["percent_step"]),
        size,
    )


def _difference(part: pd.DataFrame, control: str, arm: str) -> str:
    if control not in part.index or arm not in part.index:
        return NOTHING
    own, other = (part.loc[[name]].iloc[0].to_dict() for name in (arm, control))
    if all(np.isfinite(float(row["sd"])) for row in (own, other)):
        return standardised(
            *(float(row[name]) for row in (own, other) for name in ("mean", "sd", "n"))
        )
    p, q = (float(row["count"]) / float(row["n"]) for row in (own, other))
    spread = math.sqrt((p * (1 - p) + q * (1 - q)) / 2) if 0 <= p <= 1 and 0 <= q <= 1 else math.nan
    return number((p - q) / spread, 2) if spread > 0 else NOTHING


def standardised(
    mean: float, sd: float, n: float, control_mean: float, control_sd: float, control_n: float
) -> str:
    """Difference in means over the pooled SD, to two decimals; a dash where there is none."""
    if n + control_n <= 2 or not np.isfinite(n + control_n):
        return NOTHING
    freedom = n + control_n - 2
    pooled = math.sqrt(((n - 1) * sd**2 + (control_n - 1) * control_sd**2) / freedom)
    if not np.isfinite(pooled) or pooled <= 0 or not np.isfinite(mean - control_mean):
        return NOTHING
    return number((mean - control_mean) / pooled, 2)


def _outcomes(study: Study, rows: Rows, p_values: list[list[str]]) -> None:
    base = str(study.baseline_visit)
    table = study.table.sel(visit=base, statistic="level")
    rows.begin("Outcomes at baseline")
    for outcome in map(str, study.outcomes.index):
        cells = [printed_cell(study, outcome, str(arm), base) for arm in study.arms.index]
        if all(cell == NOTHING or cell.startswith("change") for cell in cells):
            continue
        for arm in study.treatments:
            pair = [table.sel(outcome=outcome, arm=name) for name in (arm, study.control)]
            cells.append(
                standardised(*(float(cell[k]) for cell in pair for k in ("mean", "sd", "n")))
            )
        unit = pretty_unit(str(study.outcomes["unit"][outcome]))
        label = str(study.outcomes["label"][outcome])
        rows.add(f"{label} ({unit})" if unit else label, cells)
        p_values.append([printed_p(study, outcome, base, arm) for arm in study.treatments])
    if not rows.rows or rows.rows[-1].group != len(rows.groups) - 1:
        rows.groups.pop()
