"""Tables printed from simulated patients, with p-values that are right by construction.

Every test is computed from the patients, by SciPy or by least squares, apart from the package.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from scipy import stats
from tests.auditing.printed_paper import Paper, Rng, before_after, least_squares_p, normal, two


def _levels(
    name: str, test: Callable[[np.ndarray, np.ndarray], float], judged: bool, **more: str
) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper, a, b = two(rng, judged, **more)
        x, y = normal(rng, a), normal(rng, b, 22.0, 5.0 * float(rng.uniform(0.5, 2)))
        paper.mean("control", "end", x)
        paper.mean("drug", "end", y)
        paper.test("between", "score", "", "end", name, test(x, y))
        return paper

    return make


def student(x: np.ndarray, y: np.ndarray) -> float:
    return float(stats.ttest_ind(x, y).pvalue)


def welch(x: np.ndarray, y: np.ndarray) -> float:
    return float(stats.ttest_ind(x, y, equal_var=False).pvalue)


def rank_sum(x: np.ndarray, y: np.ndarray) -> float:
    return float(stats.mannwhitneyu(x, y).pvalue)


def upper(x: np.ndarray, y: np.ndarray) -> float:
    return float(stats.ttest_ind(x, y, alternative="greater").pvalue)


def permuted(x: np.ndarray, y: np.ndarray) -> float:
    rng = np.random.default_rng(0)
    pooled = np.concatenate([x, y])
    found = abs(np.median(x) - np.median(y))
    draws = [rng.permutation(pooled) for _ in range(200)]
    return float(
        np.mean([abs(np.median(d[: len(x)]) - np.median(d[len(x) :])) >= found for d in draws])
    )


def logs(x: np.ndarray, y: np.ndarray) -> float:
    return student(np.log(np.abs(x) + 1), np.log(np.abs(y) + 1))


def more_patients(x: np.ndarray, y: np.ndarray) -> float:
    """As if an analysis that the table does not show had found something else."""
    return student(x[: len(x) // 2], y)


def paired(stays: float, test: str, judged: bool) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper, a, _ = two(rng, judged)
        before, after = before_after(rng, a, float(rng.normal(0, 2)))
        kept = max(int(a * stays), 5)
        # Those with high values leave: the completers' own baseline is another.
        order = np.argsort(before)[:kept] if kept < a else np.arange(a)
        paper.mean("control", "start", before)
        paper.mean("control", "end", after[order])
        call = stats.wilcoxon if "rank" in test.lower() else stats.ttest_rel
        p = float(call(after[order], before[order]).pvalue)
        paper.test("within", "score", "control", "end", test, p)
        return paper

    return make


def covariance(test: str, *, change: bool, centre: bool, judged: bool) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper, a, b = two(rng, judged)
        before, after, arm = [], [], np.repeat([0.0, 1.0], [a, b])
        site = rng.integers(0, 2, a + b).astype(float)
        for name, n, gain in (("control", a, 0.0), ("drug", b, 2.0)):
            x, y = before_after(rng, n, gain)
            y = y + 6 * site[:a] if name == "control" else y + 6 * site[a:]
            paper.mean(name, "start", x)
            paper.mean(name, "end", y)
            if change:
                paper.mean(name, "end", y - x, "change")
            before.append(x)
            after.append(y)
        x, y = np.concatenate(before), np.concatenate(after)
        p = least_squares_p(y, arm, x, *([site] if centre else []))
        paper.test("between", "score", "", "end", test, p)
        return paper

    return make


def longitudinal(rng: Rng) -> Paper:
    """No test stated beside the p; the methods say that a mixed model was used."""
    paper = covariance("", change=False, centre=True, judged=False)(rng)
    paper.methods = 'longitudinal = "Mixed model for repeated measures (MMRM)"'
    return paper


def changes(within: bool) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper, a, b = two(rng, True)
        x, y = normal(rng, a, 1.5, 4.0), normal(rng, b, 3.0, 4.0)
        paper.mean("control", "end", x, "change")
        paper.mean("drug", "end", y, "change")
        if within:
            p = float(stats.ttest_1samp(y, 0).pvalue)
            paper.test("within", "score", "drug", "end", "paired t", p)
        else:
            paper.test("between", "score", "", "end", "Student's t-test", student(x, y))
        return paper

    return make


def changes_beside_levels(name: str) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper, a, b = two(rng, True)
        differences = []
        for arm, n, gain in (("control", a, 0.0), ("drug", b, 2.0)):
            x, y = before_after(rng, n, gain)
            paper.mean(arm, "start", x)
            paper.mean(arm, "end", y)
            paper.mean(arm, "end", y - x, "change")
            differences.append(y - x)
        paper.test("between", "score", "", "end", name, student(*differences))
        return paper

    return make


def adjusted(method: str) -> Callable[[Rng], Paper]:
    """Several outcomes' worth of p, adjusted, and the adjustment in the methods alone."""

    def make(rng: Rng) -> Paper:
        paper = Paper({"control": 30, "drug": 30}, False, f'multiplicity = "{method}"')
        found = []
        for visit in ("start", "end"):
            x, y = normal(rng, 30), normal(rng, 30, 22.5)
            paper.mean("control", visit, x)
            paper.mean("drug", visit, y)
            found.append(student(x, y))
        p = np.array([*found, 0.2])
        q = np.minimum(p * 3, 1.0) if method == "Bonferroni" else stats.false_discovery_control(p)
        for visit, value in zip(("start", "end"), q, strict=False):
            paper.test("between", "score", "", visit, "Student t", float(value))
        return paper

    return make


def several_means(name: str, judged: bool) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper = Paper({"placebo": 25, "low": 28, "high": 31}, judged)
        data = [normal(rng, n, 20 + i, 5.0) for i, n in enumerate(paper.arms.values())]
        for arm, x in zip(paper.arms, data, strict=True):
            paper.mean(arm, "end", x)
        if "ANOVA" in name:
            paper.test("between", "score", "", "end", name, float(stats.f_oneway(*data).pvalue))
        elif "Kruskal" in name:
            paper.test("between", "score", "", "end", name, float(stats.kruskal(*data).pvalue))
        elif "Dunnett" in name:
            p = stats.dunnett(*data[1:], control=data[0], rng=np.random.default_rng(1)).pvalue
            paper.test("between", "score", "high", "end", name, float(p[1]))
        else:
            p = stats.tukey_hsd(*data).pvalue[0, 2]
            paper.test("between", "score", "high", "end", name, float(p))
        return paper

    return make


def exact_table_p(table: np.ndarray) -> float:
    """Freeman and Halton's test of 2 × 3 counts by going through all tables."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    pmf = stats.multivariate_hypergeom(columns, rows[0]).pmf
    first = [range(int(c) + 1) for c in columns[:2]]
    tables = [(i, j, rows[0] - i - j) for i, j in product(*first)]
    weights = np.array([pmf(t) for t in tables if 0 <= t[2] <= columns[2]])
    return float(weights[weights <= pmf(table[0]) * (1 + 1e-7)].sum())


def categories(name: str, judged: bool) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper, a, b = two(rng, judged)
        table = np.array([rng.multinomial(n, [0.5, 0.3, 0.2]) for n in (a, b)])
        table[:, 0] += 1
        sizes = table.sum(axis=1)
        paper.arms = {"control": int(sizes[0]), "drug": int(sizes[1])}
        for arm, row in zip(paper.arms, table, strict=True):
            for level, count in zip("xyz", row, strict=True):
                paper.add("baseline", "stage", level, arm, count, "", "")
        if "Fisher" in name:
            p = exact_table_p(table)
        elif "Kruskal" in name or "Mann" in name:
            ranks = [np.repeat([1, 2, 3], row) for row in table]
            p = float(stats.mannwhitneyu(*ranks, method="asymptotic").pvalue)
        else:
            seen = table[:, table.sum(axis=0) > 0]
            p = float(stats.chi2_contingency(seen, correction=False).pvalue)
        paper.test("between", "stage", "", "start", name, p)
        return paper

    return make


def proportions(name: str, judged: bool) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper, a, b = two(rng, judged)
        e = [int(rng.binomial(a, 0.3)), int(rng.binomial(b, 0.5)) + 1]
        table = [[e[0], a - e[0]], [e[1], b - e[1]]]
        for arm, events in zip(paper.arms, e, strict=True):
            paper.add("adverse", "end", "rash", arm, events, "", "")
        if "isher" in name:
            p = float(stats.fisher_exact(table).pvalue)
        elif "logistic" in name:
            p = 0.5 * float(stats.chi2_contingency(table).pvalue)
        else:
            p = float(stats.chi2_contingency(table, correction="Yates" in name).pvalue)
        paper.test("between", "rash", "", "end", name, p)
        return paper

    return make


def missing_denominators(rng: Rng) -> Paper:
    """Counts of fewer patients than the arm has; only the percentages tell."""
    paper = Paper({"control": 98, "drug": 102}, True)
    seen = [int(98 - rng.integers(5, 9)), int(102 - rng.integers(5, 9))]
    counts = [int(rng.binomial(n, 0.8)) for n in seen]
    for arm, count, n in zip(paper.arms, counts, seen, strict=True):
        paper.add("baseline", "grade", "", arm, count, f"{100 * count / n:.2f}", "")
    table = [[c, n - c] for c, n in zip(counts, seen, strict=True)]
    p = float(stats.chi2_contingency(table, correction=False).pvalue)
    paper.test("between", "grade", "", "start", "chi-square", p)
    return paper


def coarse_percentages(rng: Rng) -> Paper:
    """As above, but percentages are whole, so that the arms' numbers may fit them as well."""
    paper = missing_denominators(rng)
    paper.rows["baseline"] = [
        ",".join([*cells[:4], f"{float(cells[4]):.0f}", ""])
        for cells in (row.split(",") for row in paper.rows["baseline"])
    ]
    paper.judged = False
    return paper


def left_out(rng: Rng) -> Paper:
    """Categories that leave patients out; tested with those as a category."""
    paper = Paper({"control": 60, "drug": 60}, False)
    table = np.array([rng.multinomial(60, [0.4, 0.3, 0.2, 0.1]) for _ in range(2)])
    table[:, 3] += 1
    table[:, 0] -= 1
    for arm, row in zip(paper.arms, table, strict=True):
        for level, count in zip("xyz", row[:3], strict=True):
            paper.add("baseline", "stage", level, arm, count, "", "")
    seen = table[:, table.sum(axis=0) > 0]
    p = float(stats.chi2_contingency(seen, correction=False).pvalue)
    paper.test("between", "stage", "", "start", "chi-square", p)
    return paper


def trend(name: str, scores: tuple[float, ...]) -> Callable[[Rng], Paper]:
    def make(rng: Rng) -> Paper:
        paper = Paper({"d10": 40, "d20": 35, "d40": 38, "d80": 39}, True)
        n = np.array(list(paper.arms.values()))
        events = rng.binomial(n, [0.15, 0.2, 0.25, 0.35])
        for arm, count in zip(paper.arms, events, strict=True):
            paper.add("adverse", "end", "response", arm, count, "", "")
        score = np.repeat(np.array(scores), n)
        ill = np.concatenate(
            [np.repeat([1, 0], [e, m - e]) for e, m in zip(events, n, strict=True)]
        )
        r = np.corrcoef(score, ill)[0, 1]  # Cochran-Armitage χ² is N r²
        paper.test("between", "response", "", "end", name, float(stats.chi2.sf(len(ill) * r**2, 1)))
        return paper

    return make


#: Kinds of printed tests: name in a report, and the table's maker.
KINDS: dict[str, Callable[[Rng], Paper]] = {
    "Student's t": _levels("Student's t-test", student, True),
    "t of either kind, Student": _levels("independent samples t-test", student, True),
    "t of either kind, Welch": _levels("t test", welch, True),
    "Welch": _levels("Welch t-test", welch, True),
    "not stated, Student": _levels("", student, True),
    "not stated, Welch": _levels("", welch, True),
    "Mann-Whitney": _levels("Mann-Whitney U", rank_sum, False),
    "MWU": _levels("MWU", rank_sum, False),
    "rank sum in the methods": _levels(
        "", rank_sum, False, methods='between = "Wilcoxon rank-sum test"'
    ),
    "t or Mann-Whitney": _levels("Student t or Mann-Whitney U, as appropriate", rank_sum, False),
    "one-sided": _levels("one-tailed Student t", upper, True),
    "permutation": _levels("permutation test", permuted, False),
    "logarithms": _levels("t test on log-transformed values", logs, False),
    "GLM": _levels("GLM", more_patients, False),
    "GEE": _levels("generalized estimating equations", more_patients, False),
    "adjusted": _levels("t test adjusted for age and sex", more_patients, False),
    "multiple imputation": _levels("t-test with multiple imputation", more_patients, False),
    "LOCF": _levels("t test (LOCF)", more_patients, False),
    "unknown": _levels("Zorbax' method", more_patients, False),
    "per protocol": _levels("Student t, per protocol", more_patients, False),
    "Bonferroni beside the p": _levels("t test, Bonferroni corrected", more_patients, False),
    "crossover": _levels(
        "t test", more_patients, False, design="Parallel groups with crossover after 24 weeks"
    ),
    "clusters": _levels("", more_patients, False, design="Cluster randomised"),
    "paired": paired(1.0, "paired t-test", True),
    "paired with drop-outs": paired(0.7, "paired t-test", False),
    "paired, not stated, drop-outs": paired(0.6, "", False),
    "signed rank": paired(1.0, "Wilcoxon signed-rank test", False),
    "ANCOVA on baseline, exact": covariance(
        "ANCOVA with baseline as covariate", change=True, centre=False, judged=True
    ),
    "ANCOVA, exact": covariance("ANCOVA", change=True, centre=False, judged=True),
    "ANCOVA on baseline and centre": covariance(
        "ANCOVA with baseline and centre", change=True, centre=True, judged=False
    ),
    "ANCOVA with a centre unsaid": covariance(
        "analysis of covariance", change=True, centre=True, judged=False
    ),
    "ANCOVA on baseline from levels": covariance(
        "ANCOVA (baseline as covariate)", change=False, centre=False, judged=True
    ),
    "MMRM beside the p": covariance("MMRM", change=True, centre=True, judged=False),
    "MMRM in the methods": longitudinal,
    "changes between": changes(within=False),
    "changes within": changes(within=True),
    "changes beside levels": changes_beside_levels("Student's t test"),
    "changes beside levels, in words": changes_beside_levels("t test of change from baseline"),
    "Bonferroni in the methods": adjusted("Bonferroni"),
    "Benjamini-Hochberg in the methods": adjusted("Benjamini-Hochberg"),
    "one-way ANOVA": several_means("one-way ANOVA", True),
    "Kruskal-Wallis": several_means("Kruskal–Wallis", False),
    "Tukey": several_means("ANOVA-free Tukey HSD".removeprefix("ANOVA-free "), False),
    "Dunnett": several_means("Dunnett", False),
    "χ² of categories": categories("chi-square", True),
    "Freeman-Halton": categories("Fisher-Freeman-Halton", True),
    "ranks of categories": categories("Mann-Whitney U", False),
    "χ²": proportions("χ²", True),
    "χ² with Yates": proportions("chi-square with Yates' correction", True),
    "Fisher": proportions("Fisher's exact test", True),
    "logistic regression": proportions("logistic regression", False),
    "denominators of their own": missing_denominators,
    "denominators of their own, coarse": coarse_percentages,
    "categories left out": left_out,
    "trend, equal scores": trend("Cochran-Armitage", (0, 1, 2, 3)),
    "trend, doses": trend("chi-square for trend", (10, 20, 40, 80)),
    "trend, scores stated": trend("Cochran–Armitage (scores 1, 4, 9, 16)", (1, 4, 9, 16)),
}
