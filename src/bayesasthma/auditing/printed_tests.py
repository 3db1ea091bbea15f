"""The printed p-values of a study, each tied to the numbers it should follow from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.auditing.candidates import Candidate, candidates
from bayesasthma.auditing.labels import text_of
from bayesasthma.auditing.subjects import (
    Cells,
    Counts,
    Groups,
    Interaction,
    Subject,
    counts_by_arm,
    summary,
)
from bayesasthma.auditing.verdicts import ALPHA, declared_significant
from bayesasthma.frequentist import Range, printed_p

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


@dataclass(frozen=True)
class PrintedTest:
    """One printed p-value.

    Attributes
    ----------
    table, kind, outcome, arm, visit : str
        Where it stands (`outcome` as in the bundle, such as "smoking:current"); `kind` is between,
        within, interaction, adverse or baseline.
    stated : str
        Test as the bundle describes it, possibly empty.
    text : str
        p as printed.
    value : float
        Printed number.
    operator : str
        "=", "<" or ">".
    printed : Range
        p-values that print as `text`.
    declared : bool or None
        Whether the paper presents it as significant.
    starred : bool
        Whether it carries the paper's mark of significance.
    alpha : float
        Level of significance of the paper.
    subject : Subject or None
        What it should follow from; None where the tables lack it.
    candidates : list of Candidate
        Tests that the description admits; empty without a subject.
    """

    table: str
    kind: str
    outcome: str
    arm: str
    visit: str
    stated: str
    text: str
    value: float
    operator: str
    printed: Range
    declared: bool | None
    starred: bool
    alpha: float
    subject: Subject | None
    candidates: list[Candidate]

    def label(self, names: dict[str, str]) -> str:
        """Short name for messages, with the study's labels."""
        parts = (self.outcome, self.arm, self.visit)
        return ", ".join(names.get(x, x) for x in parts if x)


def printed_tests(study: Study, cells: Cells) -> list[PrintedTest]:
    """Every printed p-value of `study.tests` with its subject.

    Parameters
    ----------
    study : Study
        The bundle.
    cells : Cells
        Its table.

    Returns
    -------
    list of PrintedTest
        In the bundle's order; rows without a p are left out.
    """
    found = []
    alpha = float(study.methods.get("alpha", ALPHA))
    for row in study.tests.to_dict("records"):
        value = row["p_value"]
        if value is None or np.isnan(value):
            continue
        where = {c: text_of(row.get(c)) for c in ("table", "outcome", "arm", "visit")}
        kind, subject = _subject(study, cells, text_of(row["kind"]), where)
        stated = text_of(row.get("test")) or _method(study, subject)
        operator, starred = str(row["p_operator"]), bool(row["starred"])
        found.append(
            PrintedTest(
                **where,
                kind=kind,
                stated=stated,
                text=text_of(row["p"]),
                value=float(value),
                operator=operator,
                printed=printed_p(value, operator, row["decimals"]),
                declared=declared_significant(value, operator, starred, alpha),
                starred=starred,
                alpha=alpha,
                subject=subject,
                candidates=[] if subject is None else candidates(subject, stated),
            )
        )
    return found


def _method(study: Study, subject: Subject | None) -> str:
    """Look up what the paper's methods state for this kind of subject."""
    key = {Groups: "between", Counts: "categorical"}.get(type(subject), "")
    stated = study.methods.get(key, "")
    return " or ".join(map(str, stated)) if isinstance(stated, list | tuple) else str(stated)


def _subject(
    study: Study, cells: Cells, kind: str, where: dict[str, str]
) -> tuple[str, Subject | None]:
    outcome, arm, visit = where["outcome"], where["arm"], where["visit"]
    arms = [study.control, arm] if arm and arm != study.control else cells.arms
    if outcome in study.outcomes.index:
        return kind, _outcome_subject(study, cells, kind, outcome, arm, visit, arms)
    if outcome in set(study.adverse["reaction"]):
        rows = study.adverse[study.adverse["reaction"] == outcome]
        rows = rows[rows["visit"] == visit] if visit else rows
        return "adverse", counts_by_arm(rows, "events", arms)
    variable, _, level = outcome.partition(":")
    if variable in set(study.baseline["variable"]):
        rows = study.baseline[study.baseline["variable"] == variable]
        levels = rows["level"].map(text_of)
        if level:
            rows = rows[levels == level]
        elif len(set(levels)) > 1:
            # A variable tested as a whole: its first category against the rest.
            rows = rows[levels == levels.iloc[0]] if len(set(levels)) == 2 else rows.iloc[:0]
        return "baseline", _baseline_subject(rows, arms)
    return kind, None


def _outcome_subject(
    study: Study,
    cells: Cells,
    kind: str,
    outcome: str,
    arm: str,
    visit: str,
    arms: list[str],
) -> Subject | None:
    last = str(study.visits.index[-1])
    if kind == "between":
        return cells.groups(outcome, arms, visit or last)
    if kind == "within":
        return cells.change(outcome, arm, visit or last) if arm else None
    changes = [cells.change(outcome, a, visit or last) for a in arms]
    complete = tuple(c for c in changes if c is not None)
    return Interaction(complete) if len(complete) == len(arms) == 2 else None


def _baseline_subject(rows: pd.DataFrame, arms: list[str]) -> Groups | Counts | None:
    counts = counts_by_arm(rows, "count", arms)
    if counts is not None:
        return counts
    by_arm = {row["arm"]: row for row in reversed(rows.to_dict("records"))}
    if any(arm not in by_arm for arm in arms):
        return None
    groups = []
    for arm in arms:
        row = by_arm[arm]
        cell = summary(
            row["mean"], row.get("mean_step", 0.0), row["sd"], row.get("sd_step", 0.0), row["n"]
        )
        if not cell.complete:
            return None
        groups.append(cell)
    return Groups(tuple(groups))
