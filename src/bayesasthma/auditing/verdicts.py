"""Verdict on a printed p-value, and whether its conclusion survives."""

from __future__ import annotations

import numpy as np

from bayesasthma.auditing.candidates import Candidate
from bayesasthma.frequentist import Range

REPRODUCED = "reproduced"
WITHIN_ROUNDING = "reproduced within rounding"
POSSIBLE = "possible at some correlation"
NOT_REPRODUCED = "not reproduced"
IMPOSSIBLE = "impossible at any correlation"
NOT_CHECKABLE = "cannot be checked"

VERDICTS = (REPRODUCED, WITHIN_ROUNDING, POSSIBLE, NOT_REPRODUCED, IMPOSSIBLE, NOT_CHECKABLE)
ACCEPTED = frozenset({REPRODUCED, WITHIN_ROUNDING, POSSIBLE})
#: Verdicts that say a printed p does not follow.
ACCUSING = frozenset({NOT_REPRODUCED, IMPOSSIBLE})

# Where the bundle's methods name no level of significance.
ALPHA = 0.05


def meets(candidate: Candidate, printed: Range) -> bool:
    """Whether some reachable p prints as shown."""
    return candidate.low <= float(printed.high) and float(printed.low) <= candidate.high


def prints(p: float, printed: Range) -> bool:
    """Whether this p prints as shown."""
    return bool(float(printed.low) <= p <= float(printed.high))


def judge(printed: Range, candidates: list[Candidate]) -> tuple[str, Candidate | None]:
    """Verdict and the candidate it rests on.

    Parameters
    ----------
    printed : Range
        p-values that print as shown.
    candidates : list of Candidate
        Tests that the paper's description admits.

    Returns
    -------
    verdict : str
        One of `VERDICTS`.
    candidate : Candidate or None
        The test that fits, or the one that comes closest; None where nothing could be recomputed.
    """
    if not candidates:
        return NOT_CHECKABLE, None
    for candidate in candidates:
        if not candidate.free_correlation and prints(candidate.p, printed):
            return REPRODUCED, candidate
    for candidate in candidates:
        if meets(candidate, printed):
            return (POSSIBLE if candidate.free_correlation else WITHIN_ROUNDING), candidate
    closest = min(candidates, key=lambda c: _distance(c, printed))
    free = all(c.free_correlation for c in candidates)
    return (IMPOSSIBLE if free else NOT_REPRODUCED), closest


def _distance(candidate: Candidate, printed: Range) -> float:
    return max(candidate.low - float(printed.high), float(printed.low) - candidate.high)


def declared_significant(
    value: float, operator: str, starred: bool, alpha: float = ALPHA
) -> bool | None:
    """Decide what the paper says of this p at level `alpha`; None where its print leaves that open.

    A star counts as a declaration, also of "*0.05"; an unstarred "0.05" may be 0.0499 or 0.0501.
    """
    if starred:
        return True
    if operator == "<":
        return True if value <= alpha else None
    if operator == ">":
        return False if value >= alpha else None
    return None if np.isnan(value) or value == alpha else bool(value < alpha)


def changes_significance(
    declared: bool | None, candidates: list[Candidate], alpha: float = ALPHA
) -> bool:
    """Whether every admitted test, at every rounding and correlation, concludes the opposite."""
    if declared is None or not candidates:
        return False
    if declared:
        return all(c.low >= alpha for c in candidates)
    return all(c.high < alpha for c in candidates)
