"""The audit table: one row per printed p-value with its verdict and a one-line reason."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.audit.alternatives import Alternative, alternatives, fitting
from bayesasthma.audit.candidates import Candidate
from bayesasthma.audit.families import exchanged, family_fits
from bayesasthma.audit.printed_tests import PrintedTest
from bayesasthma.audit.sentences import changed, sentence
from bayesasthma.audit.subjects import Cells, Change, Groups, Interaction
from bayesasthma.audit.verdicts import (
    ACCEPTED,
    NOT_CHECKABLE,
    changes_significance,
    judge,
    meets,
)
from bayesasthma.frequentist import benjamini_hochberg, holm, implied_correlation_range

if TYPE_CHECKING:
    from bayesasthma.study import Study

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
]


def audit_table(study: Study, cells: Cells, tests: list[PrintedTest]) -> pd.DataFrame:
    """Verdict, range and reason of every printed p-value.

    Parameters
    ----------
    study : Study
        The bundle.
    cells : Cells
        Its table.
    tests : list of PrintedTest
        Its printed p-values.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. `p_low` and `p_high` bound the p-values that numbers printing as shown
        allow (over all correlations for a paired test); `p_recomputed` is missing where p hangs on
        an unprinted correlation, and `rho_low` and `rho_high` then bound the correlations at which
        it would print as shown. `fits` lists the explanations that fit, separated by "; ".
        `q_bh` and `q_holm` adjust `p_recomputed` within all tests of the kind.
    """
    judged = [judge(t.printed, t.candidates) for t in tests]
    wrong = [i for i, (v, _) in enumerate(judged) if v not in ACCEPTED and v != NOT_CHECKABLE]
    explained = explain(study, cells, tests, wrong)
    rows = []
    for i, (test, (verdict, candidate)) in enumerate(zip(tests, judged, strict=True)):
        changes = changes_significance(test.declared, test.candidates, test.alpha)
        rho = _implied(test, candidate)
        names = explained.get(i, [])
        reason = sentence(test, verdict, candidate, rho)
        if i in explained:
            reason += " " + (f"Would fit: {'; '.join(names)}." if names else NO_EXPLANATION)
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
            }
        )
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for column, adjust in (("q_bh", benjamini_hochberg), ("q_holm", holm)):
        p = frame["p_recomputed"].astype(float)
        frame[column] = p.groupby(frame["kind"]).transform(lambda x, f=adjust: f(x.to_numpy()))
    return frame


def explain(
    study: Study, cells: Cells, tests: list[PrintedTest], wrong: list[int]
) -> dict[int, list[str]]:
    """Names of the explanations that fit each test that is not reproduced.

    Readings with a free number (a correlation, missing patients) are named only where no stricter
    one fits, since they fit much by chance.
    """
    if not wrong:
        return {}
    adjusted = family_fits(tests, study.baseline_visit, cells.names)
    swapped = exchanged(tests, wrong, cells.names)
    hits = {
        i: fitting(tests[i], alternatives(tests[i], _changes(study, cells, tests[i])))
        for i in wrong
    }
    strict = {i: [a for a in found if not a.loose] for i, found in hits.items()}
    counts = Counter((tests[i].kind, a.name) for i in wrong for a in strict[i])
    kinds = Counter(tests[i].kind for i in wrong)
    explained = {}
    for i in wrong:
        kind = tests[i].kind
        names = [
            f"{a.name} (fits {counts[kind, a.name]} of the {kinds[kind]} not reproduced)"
            for a in strict[i]
        ]
        names += adjusted.get(i, []) + swapped.get(i, [])
        if not names:
            names = [_loose(a) for a in hits[i] if a.loose]
        explained[i] = names
    return explained


def _loose(alternative: Alternative) -> str:
    if alternative.candidate.free_correlation:
        return f"{alternative.name}, at some correlation of 0 to 1"
    return alternative.name


def _changes(study: Study, cells: Cells, test: PrintedTest) -> Interaction | None:
    if test.kind != "between" or not test.visit or not isinstance(test.subject, Groups):
        return None
    arms = [study.control, test.arm] if test.arm and test.arm != study.control else cells.arms
    changes = [cells.change(test.outcome, arm, test.visit) for arm in arms]
    found = tuple(c for c in changes if c is not None)
    return Interaction(found) if len(found) == len(arms) == 2 else None


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


def readings_table(
    study: Study, cells: Cells, tests: list[PrintedTest], frame: pd.DataFrame
) -> pd.DataFrame:
    """How many p-values each alternative reading fits, by kind of test.

    Returns
    -------
    DataFrame
        kind, reading, loose (it has a free number), and for the p-values that are not reproduced
        and for the others: how many the reading fits (`fits_unreproduced`, `fits_others`) of how
        many (`unreproduced`, `others`).
    """
    rows = []
    for test, verdict in zip(tests, frame["verdict"], strict=True):
        if verdict == NOT_CHECKABLE:
            continue
        for a in alternatives(test, _changes(study, cells, test)):
            if "fewer" not in a.name:
                hit = meets(a.candidate, test.printed)
                rows.append((test.kind, a.name, a.loose, verdict in ACCEPTED, hit))
    long = pd.DataFrame(rows, columns=["kind", "reading", "loose", "accepted", "hit"])
    keys = ["kind", "reading", "loose"]
    parts = []
    for accepted, name in ((False, "unreproduced"), (True, "others")):
        part = long[long["accepted"] == accepted].groupby(keys, sort=False)["hit"]
        parts.append(part.agg(["sum", "size"]).set_axis([f"fits_{name}", name], axis=1))
    return parts[0].join(parts[1], how="outer").fillna(0).astype(int).reset_index()


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
