"""Explanations that need other rows: adjustment within a family, and exchanged p-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesasthma.auditing.alternatives import NON_NEGATIVE
from bayesasthma.auditing.candidates import Candidate, paired
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import Change
from bayesasthma.auditing.verdicts import meets, prints
from bayesasthma.frequentist import Range, benjamini_hochberg


@dataclass(frozen=True)
class Family:
    """A set of tests that may have been adjusted together.

    Attributes
    ----------
    name : str
        As it stands in the audit.
    members : tuple of int
        Positions among the printed tests.
    """

    name: str
    members: tuple[int, ...]


def families(
    tests: list[PrintedTest], baseline: str | None, labels: dict[str, str]
) -> list[Family]:
    """Every plausible Benjamini–Hochberg family of at least two tests, without duplicates.

    Parameters
    ----------
    tests : list of PrintedTest
        All printed tests.
    baseline : str or None
        Baseline visit, left out of the follow-up families.
    labels : dict
        Labels of outcomes, arms and visits by id.

    Returns
    -------
    list of Family
        One outcome, one visit, one arm, one table and whole-paper families, by kind of test.
    """
    groups: dict[str, list[int]] = {}
    for i, t in enumerate(tests):
        kind = {"between": "between-arm", "within": "within-arm"}.get(t.kind, t.kind)
        outcome, visit, arm = (labels.get(x, x) for x in (t.outcome, t.visit, t.arm))
        names = [f"all {kind} tests", f"the {kind} tests of {t.table}", f"all tests of {t.table}"]
        names.append("all tests of the paper")
        if t.outcome:
            names.append(f"the {kind} tests of {outcome.partition(':')[0]}")
        if t.visit and t.kind != "within":
            names += [
                f"the {kind} tests at {visit}",
                f"the {kind} tests of {t.table} at {visit}",
            ]
            if t.visit != baseline:
                names += [
                    f"all follow-up {kind} tests",
                    f"the follow-up {kind} tests of {t.table}",
                    f"the follow-up {kind} tests of {outcome}",
                ]
        if t.arm and t.kind == "within":
            names += [
                f"the {kind} tests of {arm}",
                f"the {kind} tests of {t.table} in {arm}",
            ]
        for name in names:
            groups.setdefault(name, []).append(i)
    unique: dict[tuple[int, ...], str] = {}
    for name, members in groups.items():
        if len(members) > 1:
            unique.setdefault(tuple(members), name)
    return [Family(name, members) for members, name in unique.items()]


def _plausible(test: PrintedTest) -> list[Candidate]:
    """Candidates, with non-negative correlations where the paper prints none."""
    if isinstance(test.subject, Change) and test.candidates[0].free_correlation:
        return [paired(test.subject, NON_NEGATIVE)]
    return test.candidates


def adjusted_range(tests: list[PrintedTest], members: tuple[int, ...]) -> dict[int, Range]:
    """Range of each member's q, were the printed p-values adjusted within this family.

    q is non-decreasing in every p of the family, so bounds on p bound q. If the family is the
    explanation, no member's p exceeds its printed q, so the others' upper bounds are cut there:
    without that, one member with an unknown correlation could explain anything.

    Parameters
    ----------
    tests : list of PrintedTest
        All printed tests.
    members : tuple of int
        The family; members that cannot be recomputed are left out.

    Returns
    -------
    dict
        Range of q by position.
    """
    known = [i for i in members if tests[i].candidates]
    low = np.array([min(c.low for c in _plausible(tests[i])) for i in known])
    high = np.array([max(c.high for c in _plausible(tests[i])) for i in known])
    printed_high = np.array([float(tests[i].printed.high) for i in known])
    cut = np.maximum(np.minimum(high, printed_high), low)
    every = np.tile(cut, (len(known), 1))
    np.fill_diagonal(every, high)
    q_low = benjamini_hochberg(low)
    q_high = np.diagonal(benjamini_hochberg(every))
    return {i: Range(q_low[j], q_high[j]) for j, i in enumerate(known)}


def family_fits(
    tests: list[PrintedTest], baseline: str | None, labels: dict[str, str]
) -> dict[int, list[str]]:
    """Families whose adjusted p-values print as shown, for each test.

    A family counts only if it fits most of its members, and more of them than no adjustment does:
    one p-value that happens to fit says nothing about a procedure applied to all.

    Returns
    -------
    dict
        Names with counts, by position of the test.
    """
    found: dict[int, list[str]] = {}
    for family in families(tests, baseline, labels):
        q = adjusted_range(tests, family.members)
        if len(q) < 2:
            continue
        fits = [i for i, r in q.items() if bool(r.meets(tests[i].printed))]
        plain = sum(any(meets(c, tests[i].printed) for c in _plausible(tests[i])) for i in q)
        if 2 * len(fits) <= len(q) or len(fits) <= plain:
            continue
        name = f"Benjamini–Hochberg over {family.name} (fits {len(fits)} of {len(q)}, "
        name += f"unadjusted {plain})"
        for i in fits:
            found.setdefault(i, []).append(name)
    return found


def exchanged(
    tests: list[PrintedTest], wrong: list[int], labels: dict[str, str]
) -> dict[int, list[str]]:
    """Pairs of p-values that would both be right if they changed places.

    Parameters
    ----------
    tests : list of PrintedTest
        All printed tests.
    wrong : list of int
        Positions of the tests that are not reproduced.
    labels : dict
        Labels of outcomes, arms and visits by id.

    Returns
    -------
    dict
        Names by position of the test. Only pairs of one table are looked at.
    """
    found: dict[int, list[str]] = {}
    for i in wrong:
        for j in wrong:
            if i == j or tests[i].table != tests[j].table or tests[i].text == tests[j].text:
                continue
            if _fits(tests[i], tests[j]) and _fits(tests[j], tests[i]):
                found.setdefault(i, []).append(f"p exchanged with that of {tests[j].label(labels)}")
    return found


def _fits(subject: PrintedTest, printed: PrintedTest) -> bool:
    return any(
        prints(c.p, printed.printed) or meets(c, printed.printed) for c in _plausible(subject)
    )
