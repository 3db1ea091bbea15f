"""The table of printed p-values beside what the tables imply and what the model says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.comparison.quotes import decimals
from bayesasthma.plots.style import arm_name
from bayesasthma.reporting.journal.effects import effect_note, leading_rows, quoted
from bayesasthma.reporting.journal.footnotes import (
    ABBREVIATED,
    DIGITS,
    WITHHELD,
    allocation,
    benefit_note,
    contrast,
    sources,
)
from bayesasthma.reporting.journal.grouping import grouped, one_visit
from bayesasthma.reporting.journal.layout import NOT_QUOTED, NOTHING, Column, JournalTable, Rows
from bayesasthma.reporting.journal.printed import text_of
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import interval, p_value

RECOMPUTED = (
    "Two-sided p of Student’s t test from the printed means, SDs and numbers of patients; in "
    "parentheses the range that numbers printing as shown allow. The test is of the difference in "
    "means at the visit, whatever the posterior beside it is of."
)
VERDICT = (
    "Of the audit on the printed p. “Not reproduced” presumes the stated test, two-sided and "
    "without adjustment, the printed numbers of patients and SDs that are SDs; audit.csv holds the "
    "reason and what each verdict presumes. It is a question to the authors, not a finding about "
    "them."
)
PRINTED = "With the paper’s own marks."


def comparison_tables(results: ReanalysisResults) -> list[JournalTable]:
    """One table per treated arm; none for a study without outcomes."""
    rows = leading_rows(results)
    found = []
    for arm in results.study.treatments:
        own = rows[rows["arm"] == arm]
        if len(own):
            found.append(_table(results, own, arm))
    return found


def _table(results: ReanalysisResults, rows: pd.DataFrame, arm: str) -> JournalTable:
    study = results.study
    outcomes = [str(k) for k in study.outcomes.index if (rows["outcome"] == k).any()]
    tests = results.comparison[
        (results.comparison["arm"] == arm) & (results.comparison["estimand"] != "change")
    ].drop_duplicates(["outcome", "visit"])
    tests = tests.set_index(["outcome", "visit"])
    probability = 100 * float(rows["ci_prob"].iloc[0])
    student = (
        f"Difference in printed means, {contrast(study, arm)}, with the 95 % confidence interval "
        "of Student’s t test."
    )
    columns = (
        Column("Printed p", PRINTED, width=0.9),
        Column("Recomputed p", RECOMPUTED, width=1.8),
        Column("Verdict", VERDICT, width=1.8),
        Column("Difference in means (95 % CI)", student, width=1.9),
        Column(f"Posterior effect ({probability:g} % CrI)", effect_note(study, rows, arm),
               width=1.9),
        Column("P(benefit)", benefit_note(study, outcomes), width=1.1),
    )  # fmt: skip
    made = Rows()
    for heading, members in grouped(study, rows):
        made.begin(heading)
        for label, row in members:
            key = (row["outcome"], row["visit"])
            test = tests.loc[[key]].iloc[0] if key in tests.index else None
            made.add(label, [*_test_cells(test, row), *quoted(row, judged=False)])
    confidence = ABBREVIATED.replace("CrI,", "CI, confidence interval; CrI,")
    remarks = (DIGITS, *allocation(study), confidence, *sources(results))
    if any(NOT_QUOTED in row.cells for row in made.rows):
        remarks = (WITHHELD, *remarks)
    return JournalTable(
        title=f"Printed p-values beside the posterior: {arm_name(study, arm)} compared with "
        f"{arm_name(study, study.control)}",
        stub=Column("Outcome" if one_visit(rows) else "Outcome and visit", width=1.7),
        columns=columns,
        rows=tuple(made.rows),
        groups=tuple(made.groups),
        remarks=remarks,
    )


def _test_cells(test: pd.Series | None, row: pd.Series) -> list[str]:
    """Printed p, recomputed p, verdict and Student's difference of one comparison."""
    if test is None:
        return [NOTHING] * 4
    recomputed = p_value(test["p_recomputed"])
    low, high = p_value(test["p_low"]), p_value(test["p_high"])
    if recomputed and low and high and low != high:
        recomputed += f" ({low} to {high})"
    student = NOTHING
    if np.isfinite(test["estimate"]) and np.isfinite(test["ci_low"]):
        # a posterior on the log scale has digits of its own
        own_scale = row["unit"] == test["unit"]
        spread = float(row["sd"]) if own_scale else (test["ci_high"] - test["ci_low"]) / 4
        student = interval(test["estimate"], test["ci_low"], test["ci_high"], decimals(spread))
    printed = text_of(test["p_printed"])
    return [
        printed or NOTHING, recomputed or NOTHING, text_of(test["verdict"]) or NOTHING, student,
    ]  # fmt: skip
