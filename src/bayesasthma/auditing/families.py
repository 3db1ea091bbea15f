"""Explanations that need other rows: adjustment within a family, and exchanged p-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesasthma.auditing.candidates import NON_NEGATIVE, Candidate, paired
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import Change
from bayesasthma.auditing.verdicts import meets
from bayesasthma.frequentist import Range, benjamini_hochberg

#: Tests with which one may have been exchanged that are named, at most.
MOST_EXCHANGES = 20


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


def plausible(test: PrintedTest) -> list[Candidate]:
    """Candidates, with non-negative correlations where the paper prints none."""
    if not test.candidates:
        return []
    if isinstance(test.subject, Change) and test.candidates[0].free_correlation:
        return [paired(test.subject, NON_NEGATIVE)]
    return test.candidates


def adjusted_range(
    printed: list[Range], candidates: list[list[Candidate]], members: tuple[int, ...]
) -> dict[int, Range]:
    """Range of each member's q, were the printed p-values adjusted within this family.

    q is non-decreasing in every p of the family, so bounds on p bound q. If the family is the
    explanation, no member's p exceeds its printed q, so the others' upper bounds are cut there:
    without that, one member with an unknown correlation could explain anything.

    Parameters
    ----------
    printed : list of Range
        What every test of the paper prints.
    candidates : list of list of Candidate
        The `plausible` ones of every test.
    members : tuple of int
        The family; members that cannot be recomputed are left out.

    Returns
    -------
    dict
        Range of q by position.
    """
    known = [i for i in members if candidates[i]]
    low = np.array([min(c.low for c in candidates[i]) for i in known])
    high = np.array([max(c.high for c in candidates[i]) for i in known])
    printed_high = np.array([float(printed[i].high) for i in known])
    cut = np.maximum(np.minimum(high, printed_high), low)
    q_low, q_high = benjamini_hochberg(low), raised_one_by_one(cut, high)
    return {i: Range(q_low[j], q_high[j]) for j, i in enumerate(known)}


def raised_one_by_one(p: np.ndarray, raised: np.ndarray) -> np.ndarray:
    """Benjamini–Hochberg adjusted value of each p-value of a family, were it alone raised.

    Parameters
    ----------
    p : ndarray, shape (test,)
        p-values of the family.
    raised : ndarray, shape (test,)
        What each is raised to, at least itself.

    Returns
    -------
    ndarray, shape (test,)

    Notes
    -----
    Among ``m`` sorted p-values, one raised to ``x`` has as rank the number ``r`` of those that were
    ``≤ x`` before, itself among them, and those above keep theirs. Its adjusted value is the least
    of ``x m/r`` and of ``p m/rank`` of those above.
    """
    size = len(p)
    ranked = np.sort(p)
    rank = np.searchsorted(ranked, raised, side="right")
    scaled = np.append(ranked * size / np.arange(1, size + 1), np.inf)
    above = np.minimum.accumulate(scaled[::-1])[::-1][rank]
    return np.asarray(np.minimum(np.minimum(raised * size / rank, above), 1.0))


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
    printed = [test.printed for test in tests]
    candidates = [plausible(test) for test in tests]
    plainly = [any(meets(c, p) for c in own) for own, p in zip(candidates, printed, strict=True)]
    for family in families(tests, baseline, labels):
        q = adjusted_range(printed, candidates, family.members)
        if len(q) < 2:
            continue
        fits = [i for i, r in q.items() if bool(r.meets(printed[i]))]
        plain = sum(plainly[i] for i in q)
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
        Names by position of the test, `MOST_EXCHANGES` at most and the number of the others. Only
        pairs of one table are looked at.
    """
    found: dict[int, list[str]] = {}
    tables: dict[str, list[int]] = {}
    for i in wrong:
        tables.setdefault(tests[i].table, []).append(i)
    for members in tables.values():
        for i, others in _both_fit([tests[i] for i in members]).items():
            names = [f"p exchanged with that of {tests[members[j]].label(labels)}" for j in others]
            found[members[i]] = names[:MOST_EXCHANGES]
            if (more := len(names) - MOST_EXCHANGES) > 0:
                found[members[i]].append(f"p exchanged with that of {more} others")
    return found


def _both_fit(tests: list[PrintedTest]) -> dict[int, np.ndarray]:
    """Positions of the tests with which each could change places, where there are any."""
    low = np.array([float(test.printed.low) for test in tests])
    high = np.array([float(test.printed.high) for test in tests])
    every = [(i, own) for i, test in enumerate(tests) for own in plausible(test)]
    owner = np.array([i for i, _ in every], dtype=int)
    # a test fits by its p or by any p that it can reach
    ends = np.array([(own.low, own.high, own.p) for _, own in every]).reshape(-1, 3)
    least, most, exact = ends[:, 0], ends[:, 1], ends[:, 2]
    texts = np.array([test.text for test in tests], dtype=object)
    found = {}
    for i in range(len(tests)):
        of_others = (least <= high[i]) & (low[i] <= most) | (low[i] <= exact) & (exact <= high[i])
        fits = np.zeros(len(tests), dtype=bool)
        fits[owner[of_others]] = True
        takes = np.zeros(len(tests), dtype=bool)
        for k in np.flatnonzero(owner == i):
            takes |= (least[k] <= high) & (low <= most[k])
            takes |= (low <= exact[k]) & (exact[k] <= high)
        both = fits & takes & (texts != texts[i])
        if both.any():
            found[i] = np.flatnonzero(both)
    return found
