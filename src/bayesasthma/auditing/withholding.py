"""Verdicts against a paper that are withheld, since what they presume may not hold."""

from __future__ import annotations

from collections import Counter
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
    prints_plainly = _prints_plainly(tests, judged)
    found: list[Judged] = []
    reasons: list[tuple[str, ...]] = []
    for test, (verdict, candidate) in zip(tests, judged, strict=True):
        reason, accuses = test.basis.withheld, verdict in ACCUSING
        may_be = test.kind not in APART and test.kind not in prints_plainly
        if accuses and not reason and adjusted and may_be and not too_small(test):
            reason = (f"the paper states an adjustment for multiplicity ({adjusted})",)
        if verdict == NOT_CHECKABLE or (accuses and reason):
            found.append((NOT_CHECKABLE, None))
            reasons.append(reason)
        else:
            found.append((verdict, candidate))
            reasons.append(())
    return found, reasons


def _prints_plainly(tests: list[PrintedTest], judged: list[Judged]) -> set[str]:
    """Kinds of test of which the paper shows that their p-values are unadjusted."""
    known: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    some_too_small = False
    for test, (verdict, _) in zip(tests, judged, strict=True):
        known[test.kind] += verdict != NOT_CHECKABLE
        plain[test.kind] += verdict in ACCEPTED
        if verdict in ACCUSING and test.kind not in APART and not test.basis.withheld:
            some_too_small = some_too_small or too_small(test)
    if not some_too_small:
        return set()
    return {
        kind
        for kind, count in plain.items()
        if count >= UNADJUSTED_COUNT and count >= UNADJUSTED_SHARE * known[kind]
    }


def too_small(test: PrintedTest) -> bool:
    """Whether a printed p is below every p that the admitted tests allow."""
    return all(float(test.printed.high) < c.low for c in test.candidates)
