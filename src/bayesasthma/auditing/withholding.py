"""Verdicts against a paper that are withheld, since what they presume may not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesasthma.auditing.candidates import Candidate
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.verdicts import ACCEPTED, ACCUSING, NOT_CHECKABLE

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

#: This many p-values of a kind, and this share of those recomputed, that follow without adjustment
#: show that a paper prints them unadjusted, whatever its methods say of multiplicity.
UNADJUSTED_COUNT, UNADJUSTED_SHARE = 8, 2 / 3
#: Tests of a kind that nobody adjusts together with the outcomes.
APART = frozenset({"baseline"})

type Judged = tuple[str, Candidate | None]


def withhold(
    tests: list[PrintedTest], judged: list[Judged], study: Study
) -> tuple[list[Judged], list[tuple[str, ...]]]:
    """Turn verdicts that accuse into "cannot be checked" where an assumption of theirs may fail.

    Parameters
    ----------
    tests : list of PrintedTest
        All printed p-values.
    judged : list of (str, Candidate or None)
        Their verdicts, as `judge` gives them.
    study : Study
        Its methods may state an adjustment for multiplicity. Adjusting never lowers a p, so only a
        printed p above the recomputed one can be adjusted. It is not taken for adjusted where the
        paper shows that it prints unadjusted ones: `UNADJUSTED_COUNT` and `UNADJUSTED_SHARE` of
        those of its kind follow without adjustment, and some p of the paper is too *small*, which
        no adjustment explains.

    Returns
    -------
    judged : list of (str, Candidate or None)
        A withheld verdict has no candidate.
    reasons : list of tuple of str
        Why a p cannot be checked; empty where it can be.
    """
    adjusted = str(study.methods.get("multiplicity", "") or "").strip()
    found: list[Judged] = []
    reasons: list[tuple[str, ...]] = []
    for test, (verdict, candidate) in zip(tests, judged, strict=True):
        reason, accuses = test.basis.withheld, verdict in ACCUSING
        if accuses and not reason and adjusted and _may_be_adjusted(test, tests, judged):
            reason = (f"the paper states an adjustment for multiplicity ({adjusted})",)
        if verdict == NOT_CHECKABLE or (accuses and reason):
            found.append((NOT_CHECKABLE, None))
            reasons.append(reason)
        else:
            found.append((verdict, candidate))
            reasons.append(())
    return found, reasons


def _may_be_adjusted(test: PrintedTest, tests: list[PrintedTest], judged: list[Judged]) -> bool:
    if test.kind in APART or too_small(test):
        return False
    verdicts = [v for t, (v, _) in zip(tests, judged, strict=True) if t.kind == test.kind]
    known = [v for v in verdicts if v != NOT_CHECKABLE]
    plain = sum(v in ACCEPTED for v in known)
    if plain < UNADJUSTED_COUNT or plain < UNADJUSTED_SHARE * len(known):
        return True
    others = [
        t
        for t, (v, _) in zip(tests, judged, strict=True)
        if v in ACCUSING and t.kind not in APART and not t.basis.withheld
    ]
    return not any(too_small(t) for t in others)


def too_small(test: PrintedTest) -> bool:
    """Whether a printed p is below every p that the admitted tests allow."""
    return all(float(test.printed.high) < c.low for c in test.candidates)
