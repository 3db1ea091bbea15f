"""The audit table: one row per printed p-value with its verdict and a one-line reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.auditing.alternatives import Alternative
from bayesasthma.auditing.candidates import Candidate
from bayesasthma.auditing.explanations import explain
from bayesasthma.auditing.inspect_sr import P_VALUES
from bayesasthma.auditing.missing_patients import MOST_MISSING, could_be_missing
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.sentences import changed, sentence
from bayesasthma.auditing.subjects import Cells, Change
from bayesasthma.auditing.verdicts import (
    ACCEPTED,
    NOT_CHECKABLE,
    changes_significance,
    judge,
)
from bayesasthma.auditing.withholding import withhold
from bayesasthma.frequentist import benjamini_hochberg, holm, implied_correlation_range

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

NO_EXPLANATION = "No explanation found."

COLUMNS = [
    "table",
    "kind",
    "outcome",
    "arm",
    "visit",
    "test",
    "p_printed",
    "p_recomputed",
    "p_low",
    "p_high",
    "verdict",
    "significance_changes",
    "explanation",
    "fits",
    "rho_low",
    "rho_high",
    "q_bh",
    "q_holm",
    "assumes",
    "p_orientation",
    "inspect_sr",
]


def audit_table(
    study: Study, cells: Cells, tests: list[PrintedTest], tried: list[list[Alternative]]
) -> pd.DataFrame:
    """Verdict, range and reason of every printed p-value.

    Parameters
    ----------
    study : Study
        The bundle.
    cells : Cells
        Its table.
    tests : list of PrintedTest
        Its printed p-values.
    tried : list of list of Alternative
        Alternative readings of each.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. `p_low` and `p_high` bound the p-values that numbers printing as shown
        allow (over all correlations for a paired test); `p_recomputed` is missing where p hangs on
        an unprinted correlation, and `rho_low` and `rho_high` then bound the correlations at which
        it would print as shown. `fits` lists the explanations that fit, separated by "; ".
        `q_bh` and `q_holm` adjust `p_recomputed` within all tests of the kind. `assumes` is what a
        verdict against the paper presumes; `p_orientation` the unadjusted p of the table where the
        stated test cannot be followed, which is no verdict; `inspect_sr` the INSPECT-SR check.
    """
    judged, reasons = withhold(tests, [judge(t.printed, t.candidates) for t in tests], study)
    wrong = [i for i, (v, _) in enumerate(judged) if v not in ACCEPTED and v != NOT_CHECKABLE]
    explained = explain(study, cells, tests, tried, wrong)
    rows = []
    for i, (test, (verdict, candidate)) in enumerate(zip(tests, judged, strict=True)):
        checked = verdict != NOT_CHECKABLE
        changes = checked and changes_significance(test.declared, test.candidates, test.alpha)
        rho = _implied(test, candidate)
        names = explained.get(i, [])
        reason = sentence(test, verdict, candidate, rho, reasons[i])
        if i in explained:
            reason += " " + (f"Would fit: {'; '.join(names)}." if names else _none(test))
        if changes:
            reason += " " + changed(test)
        rows.append(
            {
                "table": test.table,
                "kind": test.kind,
                "outcome": test.outcome,
                "arm": test.arm,
                "visit": test.visit,
                "test": candidate.name if candidate else test.stated,
                "p_printed": test.text,
                "p_recomputed": candidate.p if candidate else np.nan,
                "p_low": candidate.low if candidate else np.nan,
                "p_high": candidate.high if candidate else np.nan,
                "verdict": verdict,
                "significance_changes": changes,
                "explanation": reason,
                "fits": "; ".join(names),
                "rho_low": rho[0],
                "rho_high": rho[1],
                "assumes": "; ".join(test.basis.assumes) if i in explained else "",
                "p_orientation": _orientation(test, verdict),
                "inspect_sr": P_VALUES,
            }
        )
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for column, adjust in (("q_bh", benjamini_hochberg), ("q_holm", holm)):
        p = frame["p_recomputed"].astype(float)
        frame[column] = p.groupby(frame["kind"]).transform(lambda x, f=adjust: f(x.to_numpy()))
    return frame


def _none(test: PrintedTest) -> str:
    if could_be_missing(test.subject) <= MOST_MISSING:
        return NO_EXPLANATION
    return f"{NO_EXPLANATION[:-1]}; more than {MOST_MISSING:,} missing patients were not tried."


def _orientation(test: PrintedTest, verdict: str) -> float:
    shown = test.basis.orientation
    return shown.p if verdict == NOT_CHECKABLE and shown is not None else np.nan


def _implied(test: PrintedTest, candidate: Candidate | None) -> tuple[float, float]:
    """Correlations at which a paired t test prints as shown; NaN where none or not asked."""
    change = test.subject
    if not isinstance(change, Change) or candidate is None or not candidate.free_correlation:
        return np.nan, np.nan
    n = min(change.before.n, change.after.n)
    reach = implied_correlation_range(
        change.before.mean, change.before.sd, change.after.mean, change.after.sd, n, test.printed
    )
    return float(reach.low), float(reach.high)


def multiplicity_table(tests: list[PrintedTest], frame: pd.DataFrame) -> pd.DataFrame:
    """Benjamini–Hochberg and Holm adjusted p-values in stated families.

    Parameters
    ----------
    tests : list of PrintedTest
        Printed p-values.
    frame : DataFrame
        Their audit table.

    Returns
    -------
    DataFrame
        One row per test and family (all tests of the kind; those of the table; those of the
        outcome): `p_printed_bound` takes "<0.01" as 0.01 and ">" as 1, so the adjusted printed
        values are upper bounds there; `q_bh_printed`, `q_holm_printed`, `q_bh_recomputed` and
        `q_holm_recomputed` are missing where their p is.
    """
    base = frame[["table", "kind", "outcome", "arm", "visit", "p_printed", "p_recomputed"]]
    base = base.assign(p_printed_bound=[1.0 if t.operator == ">" else t.value for t in tests])
    parts = []
    for family, keys in (
        ("all tests of the kind", ["kind"]),
        ("tests of the kind in the table", ["kind", "table"]),
        ("tests of the kind for the outcome", ["kind", "outcome"]),
    ):
        part = base.assign(family=family)
        groups = part.groupby(keys, dropna=False)
        for source, column in (("printed", "p_printed_bound"), ("recomputed", "p_recomputed")):
            for name, adjust in (("bh", benjamini_hochberg), ("holm", holm)):
                part[f"q_{name}_{source}"] = groups[column].transform(
                    lambda x, f=adjust: f(x.to_numpy(dtype=float))
                )
        part["family_size"] = groups["p_printed"].transform("size")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
