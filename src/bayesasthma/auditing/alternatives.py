"""Named explanations tried where a printed p-value does not follow from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from bayesasthma.auditing.candidates import (
    NON_NEGATIVE,
    Candidate,
    Pair,
    contrast_within_anova,
    difference_of_changes,
    one_sided,
    over_all_visits,
    paired,
    student_each,
    welch_each,
)
from bayesasthma.auditing.count_candidates import COUNT_TESTS, count_test, count_tests, feasible
from bayesasthma.auditing.missing_patients import fewest_missing
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import (
    Change,
    Counts,
    Groups,
    Interaction,
    Subject,
    Summary,
)
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


def alternatives(
    tests: Sequence[PrintedTest], changes: Sequence[Interaction | None]
) -> list[list[Alternative]]:
    """Explanations to try for each printed p-value, those of all computed together.

    Those that need other rows, and missing patients, are looked for where a p is not reproduced.

    Parameters
    ----------
    tests : sequence of PrintedTest
        The printed p-values with their subjects.
    changes : sequence of Interaction or None
        The arms' changes from baseline to the same visit, of each.

    Returns
    -------
    list of list of Alternative
        In the order of the tests; the stated test is not among them.
    """
    subjects = [test.subject for test in tests]
    groups = [own.groups for own in subjects if _is_pair(own)]
    of_groups = iter(_means([(first, second) for first, second in groups]))
    visits = [(own.before, own.after) for own in subjects if isinstance(own, Change)]
    of_visits = iter(_unpaired(visits))
    over_visits = _over_all_visits(subjects)
    tried = []
    for test, subject, change in zip(tests, subjects, changes, strict=True):
        if _is_pair(subject):
            found = next(of_groups)
            if change is not None:
                compared = difference_of_changes(change, NON_NEGATIVE)
                found.append(Alternative("comparison of the changes from baseline", compared, True))
        elif isinstance(subject, Counts) and len(subject.events) == 2:
            found = _proportions(subject, {c.name for c in test.candidates})
        elif isinstance(subject, Change):
            found = _changes(subject, next(of_visits), over_visits[id(subject.series)])
        else:
            found = []
        tried.append(found + [_truncated(test, c) for c in test.candidates[:1]])
    return tried


def _is_pair(subject: Subject | None) -> TypeGuard[Groups]:
    return isinstance(subject, Groups) and len(subject.groups) == 2


def _truncated(test: PrintedTest, candidate: Candidate) -> Alternative:
    """Cut off instead of rounded: [v, v + unit) prints v, half a unit above the rounded set."""
    half = (float(test.printed.high) - float(test.printed.low)) / 2
    shift = half if test.operator == "=" else 0.0
    moved = replace(candidate, low=candidate.low - shift, high=candidate.high - shift)
    return Alternative("p cut off instead of rounded", moved)


def _means(pairs: list[Pair]) -> list[list[Alternative]]:
    """Of each pair of arms."""
    found = [
        [
            Alternative("Welch's t test", unequal),
            *(Alternative(c.name, c) for c in one_sided(plain)),
        ]
        for unequal, plain in zip(welch_each(pairs), student_each(pairs), strict=True)
    ]
    read_otherwise: dict[str, list[Pair]] = {
        STANDARD_ERRORS: [(_as_se(a), _as_se(b)) for a, b in pairs],
        "standard errors were used in place of the SDs": [(_over(a), _over(b)) for a, b in pairs],
        "the arms' numbers of patients are swapped": [
            (replace(a, n=b.n), replace(b, n=a.n)) for a, b in pairs
        ],
        "all patients were counted in each arm": [
            (replace(a, n=a.n + b.n), replace(b, n=a.n + b.n)) for a, b in pairs
        ],
        "the arms' SDs are swapped": [(replace(a, sd=b.sd), replace(b, sd=a.sd)) for a, b in pairs],
    }
    for name, read in read_otherwise.items():
        for own, candidate in zip(found, student_each(read), strict=True):
            own.append(Alternative(name, candidate))
    return found


def _unpaired(visits: list[Pair]) -> list[list[Alternative]]:
    """Of each pair of visits, as if other patients had been seen at the second."""
    plain = student_each(visits)
    errors = student_each([(_as_se(a), _as_se(b)) for a, b in visits])
    return [
        [
            Alternative("unpaired Student's t test of the two visits", own),
            Alternative("unpaired t test if the printed SDs are standard errors", of_errors),
        ]
        for own, of_errors in zip(plain, errors, strict=True)
    ]


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


def _over_all_visits(subjects: list[Subject | None]) -> dict[int, list[Alternative]]:
    """Analyses over all visits of an arm, once for all tests that share its series, by its id."""
    arms = {id(own.series): own for own in subjects if isinstance(own, Change)}
    return {
        key: [Alternative(c.name, c, True) for c in over_all_visits(own)]
        for key, own in arms.items()
    }


def _changes(
    subject: Change, unpaired: list[Alternative], over_visits: list[Alternative]
) -> list[Alternative]:
    rho = subject.correlation or NON_NEGATIVE
    plain = paired(subject, rho)
    found = [
        *(Alternative(c.name, c, True) for c in one_sided(plain)),
        Alternative(
            STANDARD_ERRORS,
            paired(
                replace(subject, before=_as_se(subject.before), after=_as_se(subject.after)), rho
            ),
            True,
        ),
        *unpaired,
        *over_visits,
    ]
    contrast = contrast_within_anova(subject)
    if contrast is not None:
        found.append(Alternative(contrast.name, contrast, True))
    visits = len(subject.series)
    if visits > 2:
        pairs = visits * (visits - 1) // 2
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
