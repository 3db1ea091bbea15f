"""Printed medians: which there are, and those that their scale cannot have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayesasthma.auditing.findings import CONTRADICTION, NOTE, Finding

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

PLACES = ("least", "q1", "median", "q3", "greatest")


def median_findings(study: Study) -> Iterator[Finding]:
    """Medians by name, which no model and no check of means uses, and those outside their scale."""
    frame = study.medians
    if frame.empty:
        return
    for outcome, rows in frame.groupby("outcome", sort=False):
        name = str(outcome)
        alone = name not in study.outcomes.index
        yield Finding(
            "range",
            NOTE,
            f"Medians are printed of {rows['label'].iloc[0]}: no mean or SD follows from them, so "
            "that no model and no check of means "
            + ("has this outcome." if alone else "has these cells."),
            outcome=name,
        )
        if not alone:
            yield from _outside(study, name)


def _outside(study: Study, outcome: str) -> Iterator[Finding]:
    limits = [float(study.outcomes[name][outcome]) for name in ("minimum", "maximum")]
    for row in study.medians[study.medians["outcome"] == outcome].to_dict("records"):
        values = np.array([float(row[name]) for name in PLACES])
        if np.any(values < limits[0]) or np.any(values > limits[1]):
            shown = ", ".join(f"{v:g}" for v in values if np.isfinite(v))
            ends = f"{limits[0]:g} to {limits[1]:g}"
            yield Finding(
                "range",
                CONTRADICTION,
                f"Median with quartiles or range of {shown} on a scale of {ends}.",
                outcome=outcome,
                arm=str(row["arm"]),
                visit=str(row["visit"]),
                printed=shown,
                expected=ends,
            )
