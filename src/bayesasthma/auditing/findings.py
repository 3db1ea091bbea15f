"""Findings about the tables themselves, beside the p-values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import pandas as pd

from bayesasthma.auditing.inspect_sr import BY_KIND

CONTRADICTION = "contradiction"
UNUSUAL = "unusual"
NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One observation about the printed numbers; an observation, never an accusation.

    Attributes
    ----------
    kind : str
        A key of `bayesasthma.auditing.inspect_sr.BY_KIND`, such as consistency, text or grim.
    weight : str
        "contradiction" where two printed things cannot both be right, "unusual" where a reader
        should ask, "note" where it matters for the analysis only.
    finding : str
        One sentence.
    table, outcome, arm, visit, printed, expected : str
        Where, what is printed, and what the rest of the paper implies; empty if not applicable.
    """

    kind: str
    weight: str
    finding: str
    table: str = ""
    outcome: str = ""
    arm: str = ""
    visit: str = ""
    printed: str = ""
    expected: str = ""


FINDING_COLUMNS = [*(field.name for field in fields(Finding)), "inspect_sr"]


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Collect findings, contradictions first, otherwise in the order of the checks."""
    records = [asdict(f) | {"inspect_sr": BY_KIND[f.kind]} for f in findings]
    frame = pd.DataFrame(records, columns=FINDING_COLUMNS)
    rank = frame["weight"].map({CONTRADICTION: 0, UNUSUAL: 1, NOTE: 2})
    return frame.loc[rank.sort_values(kind="stable").index].reset_index(drop=True)
