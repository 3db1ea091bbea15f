"""The report's section on the audit: verdicts, the p-values to ask about, findings by weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma.auditing import (
    CONTRADICTION,
    IMPOSSIBLE,
    NOT_REPRODUCED,
    NOTE,
    UNUSUAL,
    AuditResult,
)
from bayesasthma.plots.style import reaction_label
from bayesasthma.reporting.folded_findings import FoldedFinding, finding_text, fold
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import p_value, plural
from bayesasthma.study.study import Study

KINDS = {
    "between": "Between the arms",
    "within": "Within an arm, over time",
    "interaction": "Change compared between arms",
    "baseline": "Baseline characteristics",
    "adverse": "Adverse reactions",
}
#: Heading and one sentence, by the order in which a reader should ask.
WEIGHTS = {
    CONTRADICTION: (
        "Statements that disagree",
        "Two printed things that cannot both be right as they stand.",
    ),
    UNUSUAL: ("Worth asking about", "Possible, but a reader would want to hear why."),
    NOTE: ("Good to know", "No disagreement; it matters for how the numbers are used."),
}
#: Headings of the p-values to ask about, in order, each with a sentence.
GROUPS = {
    "The conclusion would change": ("Significant in print and not by the tables, or the reverse."),
    "Impossible at any correlation": (
        "No paired t test of the printed numbers gives the printed p, whatever the correlation "
        "between a patient's two values. The conclusion stays the same."
    ),
    "Not reproduced": (
        "No admitted test of the printed numbers gives the printed p. The conclusion stays the "
        "same."
    ),
}


@dataclass(frozen=True)
class VerdictGroup:
    """Printed p-values that share a verdict.

    ``rows`` hold where, printed, recomputed, why, and what the verdict presumes.
    """

    title: str
    note: str
    rows: list[list[str]]


@dataclass(frozen=True)
class AuditSection:
    """What the audit's section prints.

    Attributes
    ----------
    lead : str
    columns : list of str
        Verdicts that occur.
    counts : list of list of str
        Kind of test, then the number of p-values by verdict.
    groups : list of VerdictGroup
    findings : list of (str, str, list of str)
        Heading, sentence and findings, by weight.
    folded : list of (str, str, list of FoldedFinding)
        The same, what is said of several cells alike once.
    """

    lead: str
    columns: list[str]
    counts: list[list[str]]
    groups: list[VerdictGroup]
    findings: list[tuple[str, str, list[str]]]
    folded: list[tuple[str, str, list[FoldedFinding]]]


def audit_section(results: ReanalysisResults) -> AuditSection | None:
    """The section, or None without an audit or anything in it."""
    audit: AuditResult | None = results.audit
    if audit is None or (audit.tests.empty and audit.findings.empty):
        return None
    columns, counts = _counts(audit)
    return AuditSection(
        lead=_lead(audit),
        columns=columns,
        counts=counts,
        groups=_groups(results.study, audit.tests),
        findings=_findings(results.study, audit.findings),
        folded=_folded(results.study, audit.findings),
    )


def _lead(audit: AuditResult) -> str:
    total = len(audit.tests)
    text = (
        f"{plural(total, 'printed p-value')} recomputed from the printed numbers: over every way "
        "these may have been rounded and, for changes over time, over every within-patient "
        "correlation. "
    )
    changed = int(audit.tests["significance_changes"].sum()) if total else 0
    if changed:
        text += (
            f"For {changed} of them the tables lead to the other conclusion at the paper's level "
            "of significance. "
        )
    return text + (
        "The audit says which numbers agree. It does not know why others do not: a test that is "
        "not described, a slip of transcription or an analysis of other patients would all look "
        "alike here."
    )


def _counts(audit: AuditResult) -> tuple[list[str], list[list[str]]]:
    table = audit.counts()
    table = table.loc[:, (table > 0).any()]
    rows = [
        [KINDS.get(str(kind), str(kind)), *(f"{int(n)}" if n else "–" for n in row)]
        for kind, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return [str(name).replace("_", " ") for name in table.columns], rows


def _groups(study: Study, tests: pd.DataFrame) -> list[VerdictGroup]:
    if tests.empty:
        return []
    changes = tests["significance_changes"].astype(bool)
    impossible = (tests["verdict"] == IMPOSSIBLE) & ~changes
    missed = (tests["verdict"] == NOT_REPRODUCED) & ~changes
    parts = {
        "The conclusion would change": changes,
        "Impossible at any correlation": impossible,
        "Not reproduced": missed,
    }
    return [
        VerdictGroup(
            title, GROUPS[title], [_test_row(study, row) for _, row in tests[chosen].iterrows()]
        )
        for title, chosen in parts.items()
        if chosen.any()
    ]


def _test_row(study: Study, row: pd.Series) -> list[str]:
    low, high = p_value(row["p_low"]), p_value(row["p_high"])
    reachable = f"{low} to {high}" if low != high else low
    if not np.isfinite(row["p_recomputed"]):
        recomputed = f"any of {reachable}" if low != high else low
    elif row["p_low"] == row["p_high"]:
        recomputed = p_value(row["p_recomputed"])
    else:
        recomputed = f"{p_value(row['p_recomputed'])} ({reachable})"
    presumes = "" if pd.isna(row["assumes"]) else str(row["assumes"])
    why = str(row["explanation"])
    return [_place(study, row), str(row["p_printed"]), recomputed, why, presumes]


def _place(study: Study, row: pd.Series) -> str:
    """``Table 4: FEV1 % predicted, AIT, 48 weeks``."""
    names = [_name(study, "outcomes", row["outcome"]), _name(study, "arms", row["arm"])]
    if row["kind"] != "baseline":
        names.append(_name(study, "visits", row["visit"]))
    place = ", ".join(name for name in names if name)
    return f"{row['table']}: {place}" if row["table"] else place


def _name(study: Study, kind: str, label: object) -> str:
    text = "" if pd.isna(label) else str(label)  # type: ignore[call-overload]
    table = getattr(study, kind)
    if text in table.index:
        return str(table["label"][text])
    return reaction_label(text.replace(":", ": ")) if text else ""


def _findings(study: Study, findings: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    found = []
    for weight, (title, note) in WEIGHTS.items():
        part = findings[findings["weight"] == weight]
        if len(part):
            found.append((title, note, [finding_text(study, row) for _, row in part.iterrows()]))
    return found


def _folded(study: Study, findings: pd.DataFrame) -> list[tuple[str, str, list[FoldedFinding]]]:
    return [
        (title, note, fold(study, part))
        for weight, (title, note) in WEIGHTS.items()
        if len(part := findings[findings["weight"] == weight])
    ]
