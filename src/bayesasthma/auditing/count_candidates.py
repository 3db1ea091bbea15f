"""Tests of counts that may stand behind a printed p; counts are exact, so p is a point."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from bayesasthma.auditing.candidates import Candidate
from bayesasthma.auditing.subjects import Counts, Crosstab
from bayesasthma.frequentist import (
    barnard_exact,
    chi2_test,
    cochran_armitage,
    contingency_chi2,
    fisher_exact,
    fisher_freeman_halton,
    mid_p,
)

#: Tests of two proportions by the method of ``test_names.toml``; a χ² test may be corrected or not.
METHODS = {
    "chi2": ("χ² test", "χ² test with Yates' correction"),
    "yates": ("χ² test with Yates' correction",),
    "fisher": ("Fisher's exact test",),
    "mid_p": ("mid-p",),
    "likelihood_ratio": ("likelihood-ratio χ²",),
    "barnard": ("Barnard's exact test",),
}
USUAL = ("chi2", "fisher")


def _tests(e1: float, n1: float, e2: float, n2: float) -> dict[str, Callable[[], object]]:
    table = [[e1, n1 - e1], [e2, n2 - e2]]
    return {
        "Fisher's exact test": lambda: fisher_exact(e1, n1, e2, n2),
        "χ² test": lambda: chi2_test(e1, n1, e2, n2)[1],
        "χ² test with Yates' correction": lambda: chi2_test(e1, n1, e2, n2, True)[1],
        "mid-p": lambda: mid_p(e1, n1, e2, n2),
        "likelihood-ratio χ²": lambda: contingency_chi2(table, "likelihood")[2],
        "Barnard's exact test": lambda: barnard_exact(e1, n1, e2, n2),
        "one-sided Fisher's exact test": lambda: np.minimum(
            fisher_exact(e1, n1, e2, n2, "less"), fisher_exact(e1, n1, e2, n2, "greater")
        ),
        "one-sided Fisher's exact test in the other direction": lambda: np.maximum(
            fisher_exact(e1, n1, e2, n2, "less"), fisher_exact(e1, n1, e2, n2, "greater")
        ),
        "one-sided χ² test": lambda: chi2_test(e1, n1, e2, n2)[1] / 2,
        "one-sided χ² test in the other direction": (
            lambda: 1 - np.asarray(chi2_test(e1, n1, e2, n2)[1]) / 2
        ),
    }


COUNT_TESTS = tuple(_tests(1, 2, 1, 2))
#: Most possible tables of an exact test that are summed: of given margins, and (Barnard) of given
#: numbers of patients; most patients of an arm, beyond which logarithms of factorials lose the
#: digits that count; and most patients of a larger table.
MOST_TABLES, MOST_PAIRS, MOST_IN_ARM, MOST_PATIENTS = 100_000, 4_000_000, 10_000_000, 1_000_000


def feasible(subject: Counts, name: str) -> bool:
    """Whether a test of two proportions is computed of so many patients."""
    (e1, e2), (n1, n2) = subject.events, subject.n
    if "Barnard" in name:
        return n1 * n2 <= MOST_PAIRS
    exact = "Fisher" in name or name == "mid-p"
    few = min(n1, n2, e1 + e2, n1 + n2 - e1 - e2) <= MOST_TABLES and max(n1, n2) <= MOST_IN_ARM
    return few or not exact


def count_test(subject: Counts, name: str) -> Candidate:
    """One named test of two proportions."""
    (e1, e2), (n1, n2) = subject.events, subject.n
    p = float(_tests(e2, n2, e1, n1)[name]())  # type: ignore[arg-type]
    return Candidate(name, p, p, p)


def count_tests(subject: Counts, methods: Iterable[str] = USUAL) -> list[Candidate]:
    """Tests of proportions by the given methods; of more than two arms as a contingency table."""
    if len(subject.events) > 2:
        e, n = np.array(subject.events), np.array(subject.n)
        return table_tests(np.stack([e, n - e], axis=-1), methods)
    names = dict.fromkeys(name for m in methods for name in METHODS.get(m, ()))
    return [count_test(subject, name) for name in names if feasible(subject, name)]


def one_sided_counts(subject: Counts, methods: Iterable[str]) -> list[Candidate]:
    """One-sided tests of two proportions, in both directions."""
    kinds = {"fisher": "Fisher's exact test", "chi2": "χ² test"}
    names = [f"one-sided {kinds[m]}" for m in methods if m in kinds]
    return [
        count_test(subject, full)
        for name in names
        for full in (name, f"{name} in the other direction")
        if feasible(subject, full)
    ]


def crosstab_tests(subject: Crosstab, methods: Iterable[str] = USUAL) -> list[Candidate]:
    """Tests of a table of arms by categories."""
    return table_tests(np.array(subject.counts), methods)


def table_tests(table: np.ndarray, methods: Iterable[str]) -> list[Candidate]:
    """Pearson's χ², the likelihood ratio and Fisher, Freeman and Halton's test of a table."""
    rows, columns = (int((table.sum(axis=i) > 0).sum()) for i in (1, 0))
    size = f"{rows} × {columns}"
    found = []
    for method in dict.fromkeys(methods):
        if method in {"chi2", "yates"}:
            p = float(contingency_chi2(table)[2])
            found.append(Candidate(f"χ² test of the {size} table", p, p, p))
        elif method == "likelihood_ratio":
            p = float(contingency_chi2(table, "likelihood")[2])
            found.append(Candidate(f"likelihood-ratio χ² of the {size} table", p, p, p))
        elif method == "fisher" and table.sum() <= MOST_PATIENTS:
            exact = fisher_freeman_halton(table)
            name = f"Fisher–Freeman–Halton test of the {size} table"
            found.append(Candidate(name, exact.p, exact.low, exact.high))
    return found


def trend_tests(subject: Counts, scores: Iterable[tuple[float, ...]]) -> list[Candidate]:
    """Cochran–Armitage test with each set of scores, and the linear-by-linear association."""
    found = []
    for s in dict.fromkeys(scores):
        shown = ", ".join(f"{x:g}" for x in s)
        for unbiased, name in (
            (False, "Cochran–Armitage test for trend"),
            (True, "linear-by-linear association"),
        ):
            p = cochran_armitage(subject.events, subject.n, s, unbiased=unbiased)[1]
            found.append(Candidate(f"{name} with scores {shown}", p, p, p))
    return found
