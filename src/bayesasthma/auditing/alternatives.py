"""Named explanations tried where a printed p-value does not follow from its numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesasthma.auditing.candidates import (
    NON_NEGATIVE,
    Candidate,
    contrast_within_anova,
    difference_of_changes,
    one_sided,
    paired,
    student,
    time_effect,
    welch,
)
from bayesasthma.auditing.count_candidates import COUNT_TESTS, count_test, count_tests, feasible
from bayesasthma.auditing.missing_patients import fewest_missing
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import Change, Counts, Groups, Interaction, Summary
from bayesasthma.auditing.verdicts import meets
from bayesasthma.frequentist import Rounded

STANDARD_ERRORS = "the printed SDs are standard errors"


@dataclass(frozen=True)
class Alternative:
    """A named explanation and the p-values it could print.

    Attributes
    ----------
    name : str
        As it stands in the audit.
    candidate : Candidate
        Its p-values.
    loose : bool
        It has a free number (a correlation, a number of patients) and so fits more by chance.
    """

    name: str
    candidate: Candidate
    loose: bool = False


def alternatives(test: PrintedTest, change: Interaction | None = None) -> list[Alternative]:
    """Explanations to try for one printed p-value.

    Those that need other rows, and missing patients, are looked for where a p is not reproduced.

    Parameters
    ----------
    test : PrintedTest
        The printed p with its subject.
    change : Interaction, optional
        The arms' changes from baseline to the same visit.

    Returns
    -------
    list of Alternative
        The stated test is not among them.
    """
    subject = test.subject
    if isinstance(subject, Groups) and len(subject.groups) == 2:
        found = _means(subject.groups[0], subject.groups[1])
        if change is not None:
            compared = difference_of_changes(change, NON_NEGATIVE)
            found.append(Alternative("comparison of the changes from baseline", compared, True))
    elif isinstance(subject, Counts) and len(subject.events) == 2:
        found = _proportions(subject, {c.name for c in test.candidates})
    elif isinstance(subject, Change):
        found = _changes(subject)
    else:
        found = []
    return found + [_truncated(test, c) for c in test.candidates[:1]]


def _truncated(test: PrintedTest, candidate: Candidate) -> Alternative:
    """Cut off instead of rounded: [v, v + unit) prints v, half a unit above the rounded set."""
    half = (float(test.printed.high) - float(test.printed.low)) / 2
    shift = half if test.operator == "=" else 0.0
    moved = replace(candidate, low=candidate.low - shift, high=candidate.high - shift)
    return Alternative("p cut off instead of rounded", moved)


def _means(first: Summary, second: Summary) -> list[Alternative]:
    plain = student(first, second)
    total = first.n + second.n
    swapped = replace(first, sd=second.sd), replace(second, sd=first.sd)
    found = {
        "Welch's t test": welch(first, second),
        **{c.name: c for c in one_sided(plain)},
        STANDARD_ERRORS: student(_as_se(first), _as_se(second)),
        "standard errors were used in place of the SDs": student(_over(first), _over(second)),
        "the arms' numbers of patients are swapped": student(
            replace(first, n=second.n), replace(second, n=first.n)
        ),
        "all patients were counted in each arm": student(
            replace(first, n=total), replace(second, n=total)
        ),
        "the arms' SDs are swapped": student(*swapped),
    }
    return [Alternative(name, candidate) for name, candidate in found.items()]


def _scaled(cell: Summary, factor: float) -> Summary:
    sd = Rounded(cell.sd.value * factor, cell.sd.step * factor, cell.sd.floor)
    return replace(cell, sd=sd)


def _as_se(cell: Summary) -> Summary:
    return _scaled(cell, np.sqrt(cell.n))


def _over(cell: Summary) -> Summary:
    return _scaled(cell, 1 / np.sqrt(cell.n))


def _proportions(subject: Counts, stated: set[str]) -> list[Alternative]:
    found = [
        Alternative(name, count_test(subject, name))
        for name in COUNT_TESTS
        if name not in stated and feasible(subject, name)
    ]
    (e1, e2), (n1, n2) = subject.events, subject.n
    if max(e1, e2) <= min(n1, n2) and n1 != n2:
        swapped = Counts(subject.events, (n2, n1))
        found += [
            Alternative(f"the arms' numbers of patients are swapped ({c.name})", c)
            for c in count_tests(swapped)
        ]
    return found


def _changes(subject: Change) -> list[Alternative]:
    rho = subject.correlation or NON_NEGATIVE
    found = [
        *(Alternative(c.name, c, True) for c in one_sided(paired(subject, rho))),
        Alternative(
            STANDARD_ERRORS,
            paired(
                replace(subject, before=_as_se(subject.before), after=_as_se(subject.after)), rho
            ),
            True,
        ),
        Alternative(
            "unpaired Student's t test of the two visits", student(subject.before, subject.after)
        ),
        Alternative(
            "unpaired t test if the printed SDs are standard errors",
            student(_as_se(subject.before), _as_se(subject.after)),
        ),
    ]
    for sphericity in (True, False):
        candidate = time_effect(subject, 0.0, sphericity=sphericity)
        if candidate is not None:
            found.append(Alternative(candidate.name, candidate, True))
    contrast = contrast_within_anova(subject)
    if contrast is not None:
        found.append(Alternative(contrast.name, contrast, True))
    visits = len(subject.series)
    if visits > 2:
        pairs = visits * (visits - 1) // 2
        plain = paired(subject, rho)
        adjusted = replace(
            plain, low=min(plain.low * pairs, 1.0), high=min(plain.high * pairs, 1.0)
        )
        name = f"Bonferroni over the {pairs} pairs of visits"
        found.append(Alternative(name, adjusted, True))
    return found


def fitting(test: PrintedTest, tried: list[Alternative]) -> list[Alternative]:
    """Keep the alternatives that can print this p; the fewest missing patients come last."""
    hits = [a for a in tried if meets(a.candidate, test.printed)]
    fewest = fewest_missing(test.subject, test.printed)
    return hits if fewest is None else [*hits, Alternative(*fewest, True)]
