"""OQ: tests from summaries, consistency checks and multiplicity against other answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bayesasthma.frequentist import (
    benjamini_hochberg,
    change_sd,
    debit,
    fisher_exact,
    grim,
    grimmer,
    holm,
    one_sample_t,
    paired_smd,
    printed_p,
    rounded,
    statistic_p_range,
    two_sample_t,
)
from bayesasthma.validation.agreement import WHY_EXACT, close, verdicts
from bayesasthma.validation.bench import Bench
from bayesasthma.validation.items import Check, Finding

PRINTED = "Published answers are rounded: half a unit of their last digit, and of their inputs'."


def checks() -> list[Check]:
    """All of them."""
    return [
        Check(
            "OQ-01",
            "R11",
            "Student's and Welch's t tests of every outcome and visit of the bundled study",
            "t, degrees of freedom and p of scipy.stats.ttest_ind_from_stats",
            "1e-10",
            WHY_EXACT,
            t_tests_of_scipy,
        ),
        Check(
            "OQ-02",
            "R11",
            "t tests from summaries, as SciPy's and BSDA's documentation print them",
            "published t, degrees of freedom, p and limits",
            "the published digits",
            PRINTED,
            published_t_tests,
        ),
        Check(
            "OQ-03",
            "R11",
            "Fisher's exact test; SD of a change, its standard error and standardised difference "
            "(Cochrane Handbook 5.1, section 16.4.6.4)",
            "published answers",
            "the published digits",
            PRINTED,
            lambda _: cochrane(),
        ),
        Check(
            "OQ-04",
            "R12",
            "Benjamini–Hochberg: 15 hypotheses of Benjamini and Hochberg (1995), adverse events of "
            "the R package c212",
            "published adjusted values and decisions",
            "1e-8",
            "Published to eight digits.",
            published_bh,
        ),
        Check(
            "OQ-05",
            "R12",
            "Holm on the 15 hypotheses of Benjamini and Hochberg (1995)",
            "the three rejections that the paper prints for Bonferroni and for Hochberg, between "
            "which Holm's lie",
            "none",
            "Decisions are exact.",
            published_holm,
        ),
        Check(
            "OQ-06",
            "R12",
            "GRIM, GRIMMER and DEBIT",
            "verdicts of the R package scrutiny",
            "none",
            "Verdicts are exact.",
            published_granularity,
        ),
        Check(
            "OQ-07",
            "R12",
            "Printed test results: errors and decision errors",
            "verdicts of the R package statcheck",
            "none",
            "Verdicts are exact.",
            published_statcheck,
        ),
    ]


def t_tests_of_scipy(bench: Bench) -> Finding:
    """Both t tests of all printed pairs of levels."""
    level = bench.study.table.sel(statistic="level")
    found, expected, labels = [], [], []
    for outcome in bench.study.outcomes.index:
        for visit in bench.study.visits.index:
            cell = level.sel(outcome=outcome, visit=visit)
            (m0, m1), (s0, s1), (n0, n1) = (cell[name].to_numpy() for name in ("mean", "sd", "n"))
            for equal in (True, False):
                own = two_sample_t(m1, s1, n1, m0, s0, n0, equal)
                other = stats.ttest_ind_from_stats(m1, s1, n1, m0, s0, n0, equal_var=equal)
                found += [own.t, own.p, own.df]
                expected += [other.statistic, other.pvalue, _df(s1, n1, s0, n0, equal)]
                name = "Student" if equal else "Welch"
                labels += [f"{name} {outcome} {visit} {what}" for what in ("t", "p", "df")]
    return close(np.array(found), np.array(expected), labels, 1e-10)


def _df(s1: float, n1: float, s0: float, n0: float, equal: bool) -> float:
    """Degrees of freedom, written out (Welch 1947, Biometrika 34:28)."""
    if equal:
        return n1 + n0 - 2
    v1, v0 = s1**2 / n1, s0**2 / n0
    return float((v1 + v0) ** 2 / (v1**2 / (n1 - 1) + v0**2 / (n0 - 1)))


def _digits(published: str) -> float:
    """Tolerance of a number that was printed, or computed in double precision."""
    places = len(published.partition(".")[2])
    return 1e-12 if places > 10 else 0.51 * 10.0**-places


def _number(text: Any) -> float:
    return float(text) if isinstance(text, str) and text else math.nan


def published_t_tests(bench: Bench) -> Finding:
    """Examples of two packages' documentation."""
    worst, count = (0.0, ""), 0
    for row in bench.published("t_from_summary").to_dict("records"):
        conf = _number(row["conf"])
        options: dict[str, Any] = {
            "null": _number(row["mu"]),
            "alternative": row["alternative"],
            "conf": 0.95 if math.isnan(conf) else conf,
        }
        first = [_number(row[name]) for name in ("mean1", "sd1", "n1")]
        if math.isnan(_number(row["n2"])):
            result = one_sample_t(first[0], first[1], first[2], **options)
        else:
            second = [_number(row[name]) for name in ("mean2", "sd2", "n2")]
            pair = (first[0], first[1], first[2], second[0], second[1], second[2])
            result = two_sample_t(*pair, row["equal_var"] == "True", **options)
        answers = {"t": result.t, "df": result.df, "p": result.p,
                   "ci_lo": result.ci_low, "ci_hi": result.ci_high}  # fmt: skip
        # BSDA's means are printed to six decimals themselves: half a unit over an SE of about 0.3
        more = 2e-6 if str(row["case"]).startswith("BSDA_welch") else 0.0
        for name, value in answers.items():
            if not isinstance(row[name], str):
                continue
            share = abs(value - _number(row[name])) / (_digits(row[name]) + more)
            count += 1
            worst = max(worst, (float(share), f"{row['case']} {name}"))
    text = f"{count} answers: largest difference {worst[0]:.2f} of the tolerance ({worst[1]})"
    return Finding(text, count > 0 and worst[0] <= 1)


def cochrane() -> Finding:
    """Fisher's test, and the crossover example: 7.0 (2.38) and 6.5 (2.21), n = 10, r = 0.68."""
    sd = change_sd(2.38, 2.21, 0.68)
    smd, se = paired_smd(7.0, 2.38, 6.5, 2.21, 10, 0.68)
    found = {
        "Fisher": (fisher_exact(8, 10, 1, 6), 0.034965034965034975, 1e-12),
        "SD of a change": (sd, 1.8426, 5e-4),
        "its standard error": (sd / math.sqrt(10), 0.583, 5e-4),
        "SE of a paired t": (one_sample_t(7.0 - 6.5, 2.0, 10).se, 0.632, 5e-4),
        "standardised difference": (smd, 0.218, 5e-4),
        "its SE": (se, 0.256, 5e-4),
    }
    wrong = [
        f"{name} {value:.6g}, published {published:.6g}"
        for name, (value, published, tolerance) in found.items()
        if not abs(float(value) - published) <= tolerance
    ]
    return Finding("; ".join(wrong) or f"all {len(found)} answers agree", not wrong)


def _families(bench: Bench) -> list[tuple[str, pd.DataFrame]]:
    table = bench.published("multiplicity")
    return [(str(name), rows) for name, rows in table.groupby("set", sort=False)]


def published_bh(bench: Bench) -> Finding:
    """Adjusted values where they are published, decisions everywhere."""
    found: list[float] = []
    expected: list[float] = []
    labels: list[str] = []
    for name, rows in _families(bench):
        adjusted = benjamini_hochberg(rows["p"].astype(float).to_numpy())
        published = rows["bh_adjusted_published"].astype(float).to_numpy()
        decided = (rows["bh_reject_at_0.05"] == "True").to_numpy(dtype=float)
        for i, value in enumerate(adjusted):
            found.append(float(value <= 0.05))
            expected.append(float(decided[i]))
            labels.append(f"{name} {i + 1} decision")
            if not math.isnan(published[i]):
                found.append(float(value))
                expected.append(float(published[i]))
                labels.append(f"{name} {i + 1}")
    return close(np.array(found), np.array(expected), labels, 1e-8)


def published_holm(bench: Bench) -> Finding:
    """Which of the paper's hypotheses Holm's procedure rejects at 5 %."""
    rows = dict(_families(bench))["BH1995_rtPA"]
    p = rows["p"].astype(float).to_numpy()
    rejected = holm(p) <= 0.05
    right = bool(rejected.sum() == 3 and p[rejected].max() < p[~rejected].min())
    return Finding(f"{int(rejected.sum())} of {len(p)} rejected", right)


def published_granularity(bench: Bench) -> Finding:
    """Whether printed means and SDs are possible for whole numbers."""
    found, expected, labels = [], [], []
    for row in bench.published("granularity").to_dict("records"):
        n, items = int(row["n"]), int(row["items"])
        if row["test"] == "DEBIT":
            found.append(debit(row["x"], row["sd"], n))
        elif row["test"] == "GRIMMER":
            found.append(grimmer(row["x"], row["sd"], n, items))
        else:
            found.append(grim(row["x"], n, items, percent=row["test"] == "GRIM_percent"))
        expected.append(row["consistent"] == "True")
        labels.append(f"{row['test']} of {row['x']}, n = {n}")
    return verdicts([bool(f) for f in found], expected, labels)


def published_statcheck(bench: Bench) -> Finding:
    """Whether a printed p fits its printed statistic, and whether a decision hangs on it."""
    found, expected, labels = [], [], []
    for row in bench.published("statcheck").to_dict("records"):
        statistic, p = row["statistic_as_printed"], row["p_reported"]
        shown = rounded(float(statistic), 10.0 ** -len(statistic.partition(".")[2]))
        own = statistic_p_range(row["test"], shown, _number(row["df1"]), _number(row["df2"]))
        low, high = float(own.low), float(own.high)
        label = f"{row['test']} = {statistic}, p {row['p_comparison']} {p}"
        if isinstance(row["error_expected"], str):
            range_ = printed_p(float(p), row["p_comparison"], len(p.partition(".")[2]))
            found.append(not (low <= range_.high and range_.low <= high))
            expected.append(row["error_expected"] == "True")
            labels.append(label)
        if isinstance(row["decision_error_expected"], str):
            found.append(low >= 0.05 if float(p) < 0.05 else high < 0.05)
            expected.append(row["decision_error_expected"] == "True")
            labels.append(f"{label}, decision")
    return verdicts([bool(f) for f in found], expected, labels)
