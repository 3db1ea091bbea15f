"""Check the printed numbers of a study against each other: no sampling, a second or less."""

from __future__ import annotations

from bayesasthma.auditing.audit import audit
from bayesasthma.auditing.findings import CONTRADICTION, NOTE, UNUSUAL
from bayesasthma.auditing.inspect_sr import inspect_form, inspect_frame
from bayesasthma.auditing.result import AuditResult
from bayesasthma.auditing.verdicts import (
    IMPOSSIBLE,
    NOT_CHECKABLE,
    NOT_REPRODUCED,
    POSSIBLE,
    REPRODUCED,
    VERDICTS,
    WITHIN_ROUNDING,
)

__all__ = [
    "CONTRADICTION",
    "IMPOSSIBLE",
    "NOTE",
    "NOT_CHECKABLE",
    "NOT_REPRODUCED",
    "POSSIBLE",
    "REPRODUCED",
    "UNUSUAL",
    "VERDICTS",
    "WITHIN_ROUNDING",
    "AuditResult",
    "audit",
    "inspect_form",
    "inspect_frame",
]
