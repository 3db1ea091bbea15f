"""Checks of INSPECT-SR that numbers can answer, with what the audit found for each.

INSPECT-SR (Wilkinson et al. 2025, medRxiv 2025.09.03.25334905) asks 21 questions of a randomised
trial in four domains. Numbers bear on five of its fourth, the study's results; the others are left
to the reader.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from bayesasthma.auditing.result import AuditResult

ELIGIBILITY, BASELINE, NUMBERS, MEANS, P_VALUES = "4.1", "4.3", "4.6", "4.8", "4.9"
#: What each check is about, in the words of this package.
CHECKS = {
    ELIGIBILITY: "patients whom the eligibility criteria exclude",
    BASELINE: "baseline data that are hard to believe",
    NUMBERS: "numbers of patients that disagree",
    MEANS: "means and SDs that no data can have",
    P_VALUES: "tests that do not follow from the tables",
}
#: Check that a kind of finding answers.
BY_KIND = {
    "exclusion": ELIGIBILITY,
    "imbalance": BASELINE,
    "baseline table": BASELINE,
    "consistency": NUMBERS,
    "monotone": NUMBERS,
    "grim": MEANS,
    "range": MEANS,
    "dispersion": MEANS,
    "repeated": MEANS,
    "digits": MEANS,
    "correlation": P_VALUES,
    "interval": P_VALUES,
    "precision": P_VALUES,
    "text": P_VALUES,
}
DOMAINS = {
    "1": "post-publication notices",
    "2": "conduct, governance and transparency",
    "3": "text and figures",
    "4": "other checks of the study's results",
}


@dataclass(frozen=True)
class Answer:
    """One line of the form: check, what it is about, what the numbers say, and the details."""

    check: str
    about: str
    numbers: str
    details: tuple[str, ...] = ()


def inspect_form(result: AuditResult) -> list[Answer]:
    """The form of INSPECT-SR, filled in where numbers can answer.

    Parameters
    ----------
    result : AuditResult
        Of `audit`.

    Returns
    -------
    list of Answer
        The five checks with what was found; whether it is a concern, and every other check, is
        the reader's judgement.
    """
    answers = []
    for check, about in CHECKS.items():
        part = result.findings[result.findings["inspect_sr"] == check]
        weights = part["weight"].value_counts()
        counts = [f"{weights[w]} {w}" for w in ("contradiction", "unusual", "note") if w in weights]
        details = [_line(row) for row in part.to_dict("records") if row["weight"] != "note"]
        if check == P_VALUES and len(result.tests):
            verdicts = result.tests["verdict"].value_counts()
            listed = ", ".join(f"{n} {v}" for v, n in verdicts.items())
            counts.insert(0, f"{len(result.tests)} printed p-values ({listed})")
        answers.append(Answer(check, about, "; ".join(counts) or "nothing found", tuple(details)))
    answers += [Answer(d, name, "left to the reader") for d, name in DOMAINS.items()]
    return answers


def _line(row: dict[Hashable, Any]) -> str:
    where = ", ".join(str(row[c]) for c in ("outcome", "arm", "visit") if row[c])
    return f"{where}: {row['finding']}" if where else str(row["finding"])


def inspect_frame(result: AuditResult) -> pd.DataFrame:
    """The form as a frame: ``check, about, numbers, details``."""
    rows = [(a.check, a.about, a.numbers, list(a.details)) for a in inspect_form(result)]
    return pd.DataFrame(rows, columns=["check", "about", "numbers", "details"])
