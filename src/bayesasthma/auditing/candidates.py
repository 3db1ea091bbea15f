"""Recompute a test from its subject: p from the printed numbers, and the range rounding allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesasthma.auditing.subjects import Change, Counts, Groups, Interaction, Subject, Summary
from bayesasthma.frequentist import (
    Range,
    Rounded,
    barnard_exact,
    change_variance_range,
    chi2_test,
    contingency_chi2,
    fisher_exact,
    mid_p,
    one_sample_t,
    one_way_anova,
    one_way_p_range,
    paired_p_range,
    paired_t,
    pooled_sd,
    repeated_measures_p_range,
    rounded,
    student_p_range,
    two_sample_t,
    two_sided_p,
    welch_p_range,
    within_subject_error_range,
)

ANY_CORRELATION = Range(np.asarray(-1.0), np.asarray(1.0))


@dataclass(frozen=True)
class Candidate:
    """A test that may stand behind a printed p-value.

    Attributes
    ----------
    name : str
        Named as a clinician would read it.
    p : float
        p from the printed numbers; NaN where it hangs on an unprinted correlation.
    low, high : float
        p-values reachable from numbers that print as shown (and from any admitted correlation).
    free_correlation : bool
        The range runs over within-patient correlations that the paper does not print.
    """

    name: str
    p: float
    low: float
    high: float
    free_correlation: bool = False


def candidates(subject: Subject, stated: str) -> list[Candidate]:
    """Recompute the tests that the paper's description admits, the likeliest first.

    Parameters
    ----------
    subject : Subject
        What is tested.
    stated : str
        Test as described in the bundle, free text; empty for the usual one: Student's t for means,
        χ² (with and without Yates) and Fisher for counts, paired t for a change.

    Returns
    -------
    list of Candidate
        Never empty.
    """
    text = stated.lower()
    if isinstance(subject, Groups):
        if len(subject.groups) > 2:
            return [one_way(subject.groups)]
        first, second = subject.groups
        return [welch(first, second) if "welch" in text else student(first, second)]
    if isinstance(subject, Counts):
        return count_tests(subject, text)
    if isinstance(subject, Change):
        return [paired(subject, subject.correlation or ANY_CORRELATION)]
    return [difference_of_changes(subject, ANY_CORRELATION)]


def _candidate(name: str, p: object, reach: Range, *, free: bool = False) -> Candidate:
    return Candidate(name, float(p), float(reach.low), float(reach.high), free)  # type: ignore[arg-type]


def student(first: Summary, second: Summary, name: str = "Student's t test") -> Candidate:
    """Student's two-sample t test of two summaries."""
    p = two_sample_t(*_plain(second), *_plain(first)).p
    return _candidate(name, p, student_p_range(*_printed(second), *_printed(first)))


def welch(first: Summary, second: Summary, name: str = "Welch's t test") -> Candidate:
    """Welch's t test of two summaries."""
    p = two_sample_t(*_plain(second), *_plain(first), False).p
    return _candidate(name, p, welch_p_range(*_printed(second), *_printed(first)))


def one_way(groups: tuple[Summary, ...]) -> Candidate:
    """One-way analysis of variance of three or more arms."""
    means, sds = _stack([g.mean for g in groups]), _stack([g.sd for g in groups])
    n = np.array([g.n for g in groups])
    p = one_way_anova(means.value, sds.value, n).p
    return _candidate("one-way analysis of variance", p, one_way_p_range(means, sds, n))


def paired(subject: Change, correlation: Range, name: str = "paired t test") -> Candidate:
    """Paired t test; from the printed SD of change where there is one."""
    n = min(subject.before.n, subject.after.n)
    if subject.change is not None:
        change = subject.change
        still = rounded(0.0)
        zero = Rounded(np.asarray(0.0), np.asarray(0.0), 0.0)
        p = one_sample_t(change.mean.value, change.sd.value, change.n).p
        reach = paired_p_range(still, zero, change.mean, change.sd, change.n)
        return _candidate(f"{name} of the printed change", p, reach)
    b, a = subject.before, subject.after
    reach = paired_p_range(b.mean, b.sd, a.mean, a.sd, n, correlation)
    free = float(correlation.low) < float(correlation.high)
    middle = (float(correlation.low) + float(correlation.high)) / 2
    p = paired_t(b.mean.value, b.sd.value, a.mean.value, a.sd.value, n, middle).p
    return _candidate(name, np.nan if free else p, reach, free=free)


def difference_of_changes(subject: Interaction, correlation: Range) -> Candidate:
    """Student's t test of the arms' changes (the arm × time F of two visits and two arms)."""
    first, second = subject.arms[0], subject.arms[1]
    n = [min(c.before.n, c.after.n) for c in (second, first)]
    variance = []
    for end in ("high", "low"):
        sds = [_change_sd(c, correlation, end) for c in (second, first)]
        variance.append(float(pooled_sd(sds[0], n[0], sds[1], n[1]) ** 2) * (1 / n[0] + 1 / n[1]))
    changes = [
        (float(c.after.mean.low - c.before.mean.high), float(c.after.mean.high - c.before.mean.low))
        for c in (second, first)
    ]
    low, high = changes[0][0] - changes[1][1], changes[0][1] - changes[1][0]
    least, most = max(low, -high, 0.0), max(abs(low), abs(high))
    df = n[0] + n[1] - 2
    smallest = least / np.sqrt(variance[0]) if least > 0 else 0.0
    largest = most / np.sqrt(variance[1]) if variance[1] > 0 else np.inf
    reach = Range(two_sided_p(largest, df), two_sided_p(smallest, df))
    return _candidate("t test of the changes from baseline", np.nan, reach, free=True)


def _change_sd(change: Change, correlation: Range, end: str) -> float:
    if change.change is not None:
        return float(getattr(change.change.sd, end))
    reach = change_variance_range(
        change.before.sd, change.after.sd, change.correlation or correlation
    )
    return float(np.sqrt(getattr(reach, end)))


def time_effect(subject: Change, lowest: float, *, sphericity: bool = True) -> Candidate | None:
    """Repeated-measures analysis over all visits of the arm, for correlations of `lowest` to 1."""
    series = subject.series
    if len(series) < 3 or len({cell.n for cell in series}) > 1:
        return None
    n = series[0].n
    bound = max(lowest, -1 / (len(series) - 1))
    reach = repeated_measures_p_range(
        _stack([c.mean for c in series]),
        n,
        [_stack([c.sd for c in series])],
        [n],
        (bound, 1.0),
        sphericity,
    )
    name = "repeated-measures analysis of variance over all visits"
    if not sphericity:
        name += ", Greenhouse–Geisser"
    return _candidate(name, np.nan, reach, free=True)


def contrast_within_anova(subject: Change) -> Candidate | None:
    """Baseline against the last visit with the error of the repeated-measures analysis.

    ``t² = n d² / (2 MS)`` on (n − 1)(visits − 1) degrees of freedom, for correlations of 0 to 1.
    """
    series = subject.series
    if len(series) < 3 or len({cell.n for cell in series}) > 1:
        return None
    n, sds = series[0].n, _stack([c.sd for c in series])
    least, most = _absolute_change(subject)
    error = (
        float(within_subject_error_range(sds, 1.0).low),
        float(within_subject_error_range(sds, 0.0).high),
    )
    df = (n - 1) * (len(series) - 1)
    smallest = least * np.sqrt(n / (2 * error[1])) if error[1] > 0 else np.inf
    largest = most * np.sqrt(n / (2 * error[0])) if error[0] > 0 else np.inf
    reach = Range(two_sided_p(largest, df), two_sided_p(smallest, df))
    return _candidate("contrast in the repeated-measures analysis", np.nan, reach, free=True)


def _absolute_change(change: Change) -> tuple[float, float]:
    low = float(change.after.mean.low - change.before.mean.high)
    high = float(change.after.mean.high - change.before.mean.low)
    return max(low, -high, 0.0), max(abs(low), abs(high))


def _counts(e1: float, n1: float, e2: float, n2: float) -> dict[str, Callable[[], object]]:
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
        "one-sided χ² test": lambda: chi2_test(e1, n1, e2, n2)[1] / 2,
    }


COUNT_TESTS = tuple(_counts(1, 2, 1, 2))


def count_test(subject: Counts, name: str) -> Candidate:
    """One named test of two proportions; counts are exact, so its range is a point."""
    (e1, e2), (n1, n2) = subject.events, subject.n
    p = float(_counts(e2, n2, e1, n1)[name]())  # type: ignore[arg-type]
    return Candidate(name, p, p, p)


def count_tests(subject: Counts, text: str = "") -> list[Candidate]:
    """Recompute the tests of counts that the description admits; χ² for more than two arms."""
    if len(subject.events) > 2:
        e, n = np.array(subject.events), np.array(subject.n)
        p = float(contingency_chi2(np.stack([e, n - e], axis=-1))[2])
        return [Candidate("χ² test", p, p, p)]
    names = []
    if "fisher" in text:
        names.append("Fisher's exact test")
    if "chi" in text or "χ" in text:
        if "yates" not in text:
            names.append("χ² test")
        names.append("χ² test with Yates' correction")
    if "mid" in text:
        names.append("mid-p")
    if not names:
        names = ["χ² test", "χ² test with Yates' correction", "Fisher's exact test"]
    return [count_test(subject, name) for name in names]


def _plain(cell: Summary) -> tuple[float, float, float]:
    return float(cell.mean.value), float(cell.sd.value), cell.n


def _printed(cell: Summary) -> tuple[Rounded, Rounded, float]:
    return cell.mean, cell.sd, cell.n


def _stack(numbers: list[Rounded]) -> Rounded:
    return Rounded(
        np.array([float(x.value) for x in numbers]),
        np.array([float(x.step) for x in numbers]),
        numbers[0].floor,
    )
