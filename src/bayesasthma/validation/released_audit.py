"""OQ: the audit of the bundled study against that of the release."""

from __future__ import annotations

import io

import pandas as pd

from bayesasthma._files.output import as_written, csv_text
from bayesasthma.validation.items import Check, Finding

#: Relative difference of a number: the tables have six digits.
SIX_DIGITS = 2e-5
#: Sentences, whose numbers stand in columns of their own as well.
SENTENCES = ("explanation", "finding")


def checks() -> list[Check]:
    """Printed tests, and findings."""
    return [
        Check(
            "OQ-60",
            "R19",
            "Audit of the bundled study: verdict, recomputed p and its range of every printed p",
            "audit.csv of the release",
            f"verdicts equal; numbers {SIX_DIGITS:g}",
            "The table has six digits; nothing is sampled.",
            lambda bench: same_table(bench.audit.tests, bench.committed("audit")),
        ),
        Check(
            "OQ-61",
            "R19",
            "Findings of the audit: kind, weight, place, what is printed and what was expected",
            "findings.csv of the release",
            f"equal; numbers {SIX_DIGITS:g}",
            "The table has six digits; nothing is sampled.",
            lambda bench: same_table(bench.audit.findings, bench.committed("findings")),
        ),
    ]


def same_table(own: pd.DataFrame, committed: pd.DataFrame) -> Finding:
    """Whether a table is the committed one, sentences aside."""
    own = as_written(pd.read_csv(io.StringIO(csv_text(own))))
    names = [name for name in committed.columns if name not in SENTENCES]
    if len(own) != len(committed) or not set(names) <= set(own.columns):
        return Finding(f"{len(own)} rows, expected {len(committed)}", passed=False)
    wrong = []
    for name in names:
        mine, theirs = own[name], committed[name]
        if mine.dtype.kind in "fi" and theirs.dtype.kind in "fi":
            off = (mine - theirs).abs() > SIX_DIGITS * theirs.abs().clip(lower=1e-6)
            differs = off | (mine.isna() != theirs.isna())
        else:
            differs = mine.fillna("").astype(str) != theirs.fillna("").astype(str)
        wrong += [
            f"row {i + 1}, {name}: {mine[i]!s} for {theirs[i]!s}" for i in differs[differs].index
        ]
    if wrong:
        return Finding(f"{len(wrong)} cells differ: {'; '.join(wrong[:3])}", passed=False)
    return Finding(f"{len(own)} rows of {len(names)} columns equal", passed=len(own) > 0)
