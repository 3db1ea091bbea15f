"""Further kinds of printed tables, with p-values that are right by construction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from tests.auditing.printed_paper import Paper, Rng, before_after, normal, two
from tests.auditing.simulated_tables import student


def _paper_of(
    make: Callable[[Rng, np.ndarray, np.ndarray], tuple[str, float]], judged: bool, **more: str
) -> Callable[[Rng], Paper]:
    """Two arms at one visit, and a test of them that `make` names and does."""

    def paper_of(rng: Rng) -> Paper:
        paper, a, b = two(rng, judged, **more)
        x, y = normal(rng, a), normal(rng, b, 22.0)
        paper.mean("control", "end", x)
        paper.mean("drug", "end", y)
        paper.test("between", "score", "", "end", *make(rng, x, y))
        return paper

    return paper_of


def trimmed(_: Rng, x: np.ndarray, y: np.ndarray) -> tuple[str, float]:
    return "Yuen's trimmed t test", float(stats.ttest_ind(x, y, trim=0.2).pvalue)


def after_outliers(_: Rng, x: np.ndarray, y: np.ndarray) -> tuple[str, float]:
    kept = [z[np.abs(z - z.mean()) < 1.5 * z.std()] for z in (x, y)]
    return "Student's t test after exclusion of outliers", student(*kept)


def two_way(rng: Rng, x: np.ndarray, y: np.ndarray) -> tuple[str, float]:
    return "two-way ANOVA (group × sex)", student(x[: len(x) // 2], y)


def weighted(rng: Rng, x: np.ndarray, y: np.ndarray) -> tuple[str, float]:
    w = [rng.uniform(0.5, 2, len(z)) for z in (x, y)]
    means = [np.average(z, weights=k) for z, k in zip((x, y), w, strict=True)]
    se = np.sqrt(sum(z.var() / len(z) for z in (x, y)))
    return "weighted t test", float(2 * stats.norm.sf(abs(means[1] - means[0]) / se))


def z_test(_: Rng, x: np.ndarray, y: np.ndarray) -> tuple[str, float]:
    se = np.sqrt(x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y))
    return "z test", float(2 * stats.norm.sf(abs(y.mean() - x.mean()) / se))


def bayesian(_: Rng, x: np.ndarray, y: np.ndarray) -> tuple[str, float]:
    return "Bayesian t test", student(x, y) / 2


def footnote(rng: Rng) -> Paper:
    """A footnote says that a row is of fewer patients; the row has no number of its own."""
    paper, a, b = two(rng, False)
    paper.arms = {"control": a, "drug": b}
    x, y = normal(rng, a - 6), normal(rng, b - 5, 22.0)
    for arm, z in (("control", x), ("drug", y)):
        cells = ("score", arm, "end", "level", "", f"{z.mean():.2f}", f"{z.std(ddof=1):.2f}")
        paper.add("summaries", *cells, f"data of {a + b - 11} participants")
    paper.test("between", "score", "", "end", "Student's t test", student(x, y))
    return paper


def geometric(rng: Rng) -> Paper:
    """Geometric means with CV, and a t test that does not say that it is of logarithms."""
    paper, a, b = two(rng, False)
    x, y = (np.exp(rng.normal(m, 0.7, n)) for m, n in ((3.6, a), (3.2, b)))
    for arm, z in (("control", x), ("drug", y)):
        sd = np.log(z).std(ddof=1)
        mean = f"{np.exp(np.log(z).mean()):.1f}"
        factor = f"{np.exp(sd):.3f}"
        paper.add("summaries", "score", arm, "end", "geometric_mean", len(z), mean, factor, "")
    paper.test("between", "score", "", "end", "Student's t test", student(x, y))
    return paper


def changes_of_completers(rng: Rng) -> Paper:
    """Levels of all, changes of those who stayed, and a paired test of these."""
    paper, a, _ = two(rng, True)
    before, after = before_after(rng, a, 2.0)
    kept = max(int(0.7 * a), 5)
    paper.mean("control", "start", before)
    paper.mean("control", "end", after[:kept])
    change = after[:kept] - before[:kept]
    paper.mean("control", "end", change, "change")
    p = float(stats.ttest_1samp(change, 0).pvalue)
    paper.test("within", "score", "control", "end", "paired t-test", p)
    return paper


def rates(
    name: str, p_of: Callable[[np.ndarray, np.ndarray], float], judged: bool = True
) -> Callable[[Rng], Paper]:
    """Exacerbations in person-time that is printed to a decimal."""

    def make(rng: Rng) -> Paper:
        paper = Paper({"control": 60, "drug": 62}, judged)
        time = np.array([55.0, 57.0]) + rng.uniform(0, 3, 2)
        events = rng.poisson(time * np.array([1.3, 0.9])) + 1
        for arm, count, years in zip(paper.arms, events, time, strict=True):
            paper.add("rates", "exacerbation", arm, "end", count, f"{years:.1f}")
        paper.test("between", "exacerbation", "", "end", name, p_of(events, time))
        return paper

    return make


def exact_rates(e: np.ndarray, t: np.ndarray) -> float:
    return float(stats.binomtest(int(e[1]), int(e.sum()), t[1] / t.sum()).pvalue)


def wald_rates(e: np.ndarray, t: np.ndarray) -> float:
    z = np.log(e[1] / t[1] / (e[0] / t[0])) / np.sqrt((1 / e).sum())
    return float(2 * stats.norm.sf(abs(z)))


def overdispersed(e: np.ndarray, t: np.ndarray) -> float:
    return float(min(1.0, 3 * wald_rates(e, t)))


def several_tests_in_a_cell(rng: Rng) -> Paper:
    """A family of p-values in the methods: t tests, or Mann–Whitney where skewed."""
    paper, a, b = two(rng, False, methods='between = ["t test", "Mann-Whitney U"]')
    x, y = np.exp(normal(rng, a, 2.0, 0.8)), np.exp(normal(rng, b, 2.4, 0.8))
    paper.mean("control", "end", x)
    paper.mean("drug", "end", y)
    p = float(stats.mannwhitneyu(x, y).pvalue)
    paper.test("between", "score", "", "end", "", p)
    return paper


def poisson_of_patients(rng: Rng) -> Paper:
    """Patients with an event are printed, and events in person-time are tested."""
    paper, a, b = two(rng, False)
    for arm, n in (("control", a), ("drug", b)):
        paper.add("adverse", "end", "attack", arm, int(rng.binomial(n, 0.4)), "", "")
    paper.test("between", "attack", "", "end", "Poisson regression", float(rng.uniform(0.01, 0.9)))
    return paper


#: Kinds of printed tests: name in a report, and the table's maker.
MORE: dict[str, Callable[[Rng], Paper]] = {
    "trimmed means": _paper_of(trimmed, False),
    "outliers left out": _paper_of(after_outliers, False),
    "two-way analysis of variance": _paper_of(two_way, False),
    "weighted": _paper_of(weighted, False),
    "z test": _paper_of(z_test, False),
    "Bayesian": _paper_of(bayesian, False),
    "a footnote on patients": footnote,
    "geometric means, test unsaid": geometric,
    "changes of completers": changes_of_completers,
    "exact Poisson": rates("exact Poisson test", exact_rates),
    "Poisson regression on the arm": rates("Poisson regression", wald_rates),
    "incidence rate ratio": rates("incidence rate ratio", wald_rates),
    "t or Mann-Whitney in the methods": several_tests_in_a_cell,
    "Poisson, of patients": poisson_of_patients,
    "negative binomial": rates("negative binomial regression", overdispersed, judged=False),
    "rates, test unsaid": rates("", overdispersed, judged=False),
}
