"""The printed p-values of a study, each tied to the numbers it should follow from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from bayesasthma.auditing.admitted import Basis, admit
from bayesasthma.auditing.candidates import Candidate
from bayesasthma.auditing.labels import text_of
from bayesasthma.auditing.stated_tests import StatedTest, read_stated
from bayesasthma.auditing.subjects import (
    Cells,
    Change,
    Counts,
    Crosstab,
    Groups,
    PrintedChange,
    Rates,
    Subject,
)
from bayesasthma.auditing.tested import tested
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
    basis : Basis
        These with what keeps the p from being judged, and what a verdict presumes.
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
    basis: Basis = field(default_factory=Basis)

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
    longitudinal = read_stated(_text(study.methods.get("longitudinal", "")))
    for row in study.tests.to_dict("records"):
        value = row["p_value"]
        if value is None or np.isnan(value):
            continue
        where = {c: text_of(row.get(c)) for c in ("table", "outcome", "arm", "visit")}
        about = tested(
            study, cells, text_of(row["kind"]), where["outcome"], where["arm"], where["visit"]
        )
        stated = read_stated(text_of(row.get("test")))
        general = _method(study, about.subject)
        late = where["visit"] != study.baseline_visit
        later = longitudinal if late else StatedTest("")
        note = read_stated(text_of(row.get("note", "")))
        basis = admit(about, stated, general, later, note)
        if not any(c.isdigit() for c in text_of(row["p"])):
            basis = replace(basis, assumes=(*basis.assumes, f"NS for a p above {alpha:g}"))
        operator, starred = str(row["p_operator"]), bool(row["starred"])
        found.append(
            PrintedTest(
                **where,
                kind=about.kind,
                stated=stated.text or general.text,
                text=text_of(row["p"]),
                value=float(value),
                operator=operator,
                printed=printed_p(value, operator, row["decimals"]),
                declared=declared_significant(value, operator, starred, alpha),
                starred=starred,
                alpha=alpha,
                subject=about.subject,
                candidates=basis.candidates,
                basis=basis,
            )
        )
    return found


def _method(study: Study, subject: Subject | None) -> StatedTest:
    """Look up what the paper's methods state for this kind of subject."""
    key = {
        Groups: "between",
        Counts: "categorical",
        Crosstab: "categorical",
        Rates: "rates",
        Change: "within",
        PrintedChange: "within",
    }.get(type(subject), "")
    return read_stated(_text(study.methods.get(key, "")))


def _text(stated: object) -> str:
    return " or ".join(map(str, stated)) if isinstance(stated, list | tuple) else str(stated)
