"""How many patients fewer than printed would give a printed p: the fewest that do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayesasthma.auditing.candidates import NON_NEGATIVE, Candidate
from bayesasthma.auditing.subjects import Change, Groups, Subject
from bayesasthma.frequentist import Range, Rounded, paired_p_range, rounded, student_p_range

#: Most missing patients of an arm that are tried.
MOST_MISSING = 10_000


def could_be_missing(subject: Subject | None) -> int:
    """Half of the patients of the smaller arm or visit; 0 of what missing patients do not mend.

    Two patients stay, for one alone has no SD.
    """
    if isinstance(subject, Groups) and len(subject.groups) == 2:
        n = int(min(cell.n for cell in subject.groups))
    elif isinstance(subject, Change):
        n = int(min(subject.before.n, subject.after.n))
    else:
        return 0
    return min(n // 2, n - 2)


def fewest_missing(subject: Subject | None, printed: Range) -> tuple[str, Candidate] | None:
    """The fewest missing patients at which a p prints as shown.

    Parameters
    ----------
    subject : Subject or None
        Two groups, of which the same number is missing in both, or one arm's change; nothing is
        missing of others.
    printed : Range
        p-values that print as shown.

    Returns
    -------
    (str, Candidate) or None
        What is tried, in words, and its p-values; None if neither half of the patients missing nor
        `MOST_MISSING` give such a p.
    """
    for missing in _pieces(min(could_be_missing(subject), MOST_MISSING)):
        if isinstance(subject, Change):
            reach, free = _paired(subject, missing)
            name, words = "paired t test", "patients fewer"
        elif isinstance(subject, Groups):
            first, second = subject.groups
            reach, free = student_p_range(
                first.mean, first.sd, first.n - missing, second.mean, second.sd, second.n - missing
            ), False  # fmt: skip
            name, words = "Student's t test", "patients fewer in each arm"
        fits = np.flatnonzero(reach.meets(printed))
        if len(fits):
            at = fits[0]
            ends = float(reach.low[at]), float(reach.high[at])
            return f"{missing[at]} {words}", Candidate(name, float("nan"), *ends, free)
    return None


def _paired(subject: Change, missing: np.ndarray) -> tuple[Range, bool]:
    """p-values at several numbers of missing patients, and whether a correlation is free."""
    before, after, change = subject.before, subject.after, subject.change
    if change is not None:
        nothing = Rounded(np.asarray(0.0), np.asarray(0.0), 0.0)
        left = np.maximum(change.n - missing, 2)
        return paired_p_range(rounded(0.0), nothing, change.mean, change.sd, left), False
    rho = subject.correlation or NON_NEGATIVE
    left = min(before.n, after.n) - missing
    reach = paired_p_range(before.mean, before.sd, after.mean, after.sd, left, rho)
    return reach, float(rho.low) < float(rho.high)


def _pieces(most: int) -> Iterator[np.ndarray]:
    """1 to ``most``, in pieces of growing size: where few are missing, few are tried."""
    start, size = 1, 64
    while start <= most:
        yield np.arange(start, min(start + size, most + 1))
        start, size = start + size, 8 * size
