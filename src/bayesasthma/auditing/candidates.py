"""Recompute a test from its subject: p from the printed numbers, and the range rounding allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bayesasthma.auditing.subjects import Change, Interaction, Summary
from bayesasthma.frequentist import (
    Range,
    Rounded,
    TTest,
    ancova,
    ancova_p_range,
    change_variance_range,
    cross_products,
    cross_products_range,
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

FloatArray = NDArray[np.float64]

ANY_CORRELATION = Range(np.asarray(-1.0), np.asarray(1.0))
NON_NEGATIVE = Range(np.asarray(0.0), np.asarray(1.0))


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


type Pair = tuple[Summary, Summary]


def t_of_each(pairs: Sequence[Pair], *, equal_var: bool = True) -> TTest:
    """Test the second against the first of each pair of summaries by t, from their printed numbers.

    Parameters
    ----------
    pairs : sequence of (Summary, Summary)
        At least one; the control first.
    equal_var : bool
        Student's test, else Welch's.

    Returns
    -------
    TTest
        Fields of shape (pair,).
    """
    mean1, sd1, n1, mean2, sd2, n2 = _columns(pairs)
    values = (mean1.value, sd1.value, n1, mean2.value, sd2.value, n2)
    return two_sample_t(*values, equal_var)


def student_each(pairs: Sequence[Pair]) -> list[Candidate]:
    """`student` of each pair of summaries, all at once."""
    return _each("Student's t test", pairs, student_p_range, equal_var=True)


def welch_each(pairs: Sequence[Pair]) -> list[Candidate]:
    """`welch` of each pair of summaries, all at once."""
    return _each("Welch's t test", pairs, welch_p_range, equal_var=False)


type _Columns = tuple[Rounded, Rounded, FloatArray, Rounded, Rounded, FloatArray]


def _columns(pairs: Sequence[Pair]) -> _Columns:
    """Means, SDs and numbers of patients, those of the second of each pair first."""
    return *_column([second for _, second in pairs]), *_column([first for first, _ in pairs])


def _column(cells: list[Summary]) -> tuple[Rounded, Rounded, FloatArray]:
    means, sds = _stack([c.mean for c in cells]), _stack([c.sd for c in cells])
    return means, sds, np.array([c.n for c in cells])


def _each(
    name: str, pairs: Sequence[Pair], p_range: Callable[..., Range], *, equal_var: bool
) -> list[Candidate]:
    if not pairs:
        return []
    p, reach = t_of_each(pairs, equal_var=equal_var).p, p_range(*_columns(pairs))
    ends = zip(p.tolist(), reach.low.tolist(), reach.high.tolist(), strict=True)
    return [Candidate(name, own, low, high) for own, low, high in ends]


def one_way(groups: tuple[Summary, ...]) -> Candidate:
    """One-way analysis of variance of three or more arms."""
    means, sds = _stack([g.mean for g in groups]), _stack([g.sd for g in groups])
    n = np.array([g.n for g in groups])
    p = one_way_anova(means.value, sds.value, n).p
    return _candidate("one-way analysis of variance", p, one_way_p_range(means, sds, n))


def one_sided(candidate: Candidate) -> list[Candidate]:
    """Both one-sided tests of a two-sided one: towards the difference found, and against it."""
    name = f"one-sided {candidate.name}"
    half = (candidate.low / 2, candidate.high / 2)
    against = f"{name} in the other direction"
    return [
        replace(candidate, name=name, p=candidate.p / 2, low=half[0], high=half[1]),
        replace(candidate, name=against, p=1 - candidate.p / 2, low=1 - half[1], high=1 - half[0]),
    ]


def pooled_contrast(everyone: tuple[Summary, ...], first: Summary, second: Summary) -> Candidate:
    """Two arms compared with the error of the analysis of variance of all arms."""
    n = np.array([g.n for g in everyone])
    df = float(n.sum() - len(n))
    sds = _stack([g.sd for g in everyone])
    error = [float(np.sum((n - 1) * sd**2)) / df for sd in (sds.low, sds.value, sds.high)]
    scale = 1 / first.n + 1 / second.n
    least, most = difference_range(first.mean, second.mean)
    exact = abs(float(second.mean.value - first.mean.value))
    p = [
        float(two_sided_p(_quotient(d, np.sqrt(e * scale)), df))
        for d, e in ((most, error[0]), (exact, error[1]), (least, error[2]))
    ]
    return Candidate("contrast in the analysis of variance of all arms", p[1], p[0], p[2])


def linear_trend(groups: tuple[Summary, ...], scores: tuple[float, ...]) -> Candidate:
    """Linear contrast of the means over ordered arms, in their analysis of variance."""
    n, c = np.array([g.n for g in groups]), np.array(scores, dtype=float)
    c = c - c.mean()
    means, sds = _stack([g.mean for g in groups]), _stack([g.sd for g in groups])
    df = float(n.sum() - len(n))
    error = [float(np.sum((n - 1) * sd**2)) / df for sd in (sds.low, sds.value, sds.high)]
    middle = float(np.sum(c * means.value))
    slack = float(np.sum(np.abs(c) * (means.high - means.value)))
    least, most = max(abs(middle) - slack, 0.0), abs(middle) + slack
    scale = float(np.sum(c**2 / n))
    p = [
        float(two_sided_p(_quotient(d, np.sqrt(e * scale)), df))
        for d, e in ((most, error[0]), (abs(middle), error[1]), (least, error[2]))
    ]
    shown = ", ".join(f"{x:g}" for x in scores)
    return Candidate(f"linear contrast of the means with scores {shown}", p[1], p[0], p[2])


def covariance_adjusted(
    before: tuple[Summary, ...],
    after: tuple[Summary, ...],
    change: tuple[Summary, ...] | None,
    arm: int,
) -> Candidate:
    """Analysis of covariance on baseline: exact with SDs of change, else over all correlations."""
    n = np.array([g.n for g in before])
    x, y = (
        [_stack([getattr(g, f) for g in cell]) for f in ("mean", "sd")] for cell in (before, after)
    )
    sd = _stack([g.sd for g in change]) if change is not None else None
    products = cross_products_range(x[1], y[1], n, sd)
    reach = ancova_p_range(x[0], x[1], y[0], y[1], n, products, arm)
    p = np.nan
    if sd is not None:
        exact = cross_products(x[1].value, y[1].value, sd.value, n)
        p = float(ancova(x[0].value, x[1].value, y[0].value, y[1].value, n, exact, arm).p)
    name = "analysis of covariance on baseline"
    if len(before) > 2:
        name += ", all arms in one model"
    return _candidate(name, p, reach, free=sd is None)


def _quotient(numerator: float, denominator: float) -> float:
    if numerator == 0:
        return 0.0
    return float(numerator / denominator) if denominator > 0 else float("inf")


def difference_range(first: Rounded, second: Rounded) -> tuple[float, float]:
    """Least and greatest absolute difference of two means as printed."""
    low, high = float(second.low - first.high), float(second.high - first.low)
    return max(low, -high, 0.0), max(abs(low), abs(high))


def one_sample(change: Summary, name: str = "paired t test of the printed change") -> Candidate:
    """One-sample t test of a printed change."""
    p = one_sample_t(change.mean.value, change.sd.value, change.n).p
    zero = Rounded(np.asarray(0.0), np.asarray(0.0), 0.0)
    reach = paired_p_range(rounded(0.0), zero, change.mean, change.sd, change.n)
    return _candidate(name, p, reach)


def paired(subject: Change, correlation: Range, name: str = "paired t test") -> Candidate:
    """Paired t test; from the printed SD of change where there is one."""
    n = min(subject.before.n, subject.after.n)
    if subject.change is not None:
        return one_sample(subject.change, f"{name} of the printed change")
    b, a = subject.before, subject.after
    reach = paired_p_range(b.mean, b.sd, a.mean, a.sd, n, correlation)
    rho = float(correlation.low)
    if rho < float(correlation.high):
        return _candidate(name, np.nan, reach, free=True)
    p = paired_t(b.mean.value, b.sd.value, a.mean.value, a.sd.value, n, rho).p
    return _candidate(name, p, reach)


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
    bound = max(lowest, -1 / (len(series) - 1))
    means, sds = _key([c.mean for c in series]), _key([c.sd for c in series])
    reach = _all_visits(means, sds, series[0].n, bound, sphericity)
    name = "repeated-measures analysis of variance over all visits"
    if not sphericity:
        name += ", Greenhouse–Geisser"
    return _candidate(name, np.nan, reach, free=True)


type Key = tuple[tuple[float, float, float], ...]


def _key(numbers: list[Rounded]) -> Key:
    return tuple((float(x.value), float(x.step), x.floor) for x in numbers)


def _unkeyed(key: Key) -> Rounded:
    value, step, _ = np.array(key).T
    return Rounded(value, step, key[0][2])


# All p-values of an arm within a table are of the same visits: with 200 of them each takes long.
@lru_cache(maxsize=256)
def _all_visits(means: Key, sds: Key, n: float, bound: float, sphericity: bool) -> Range:
    spread = [_unkeyed(sds)]
    return repeated_measures_p_range(_unkeyed(means), n, spread, [n], (bound, 1.0), sphericity)


@lru_cache(maxsize=256)
def _errors(sds: Key) -> tuple[float, float]:
    """Least within-patient error at a correlation of 1, greatest at 0."""
    spread = _unkeyed(sds)
    return (
        float(within_subject_error_range(spread, 1.0).low),
        float(within_subject_error_range(spread, 0.0).high),
    )


def over_all_visits(subject: Change) -> list[Candidate]:
    """`time_effect` for any correlation from 0, with sphericity and by Greenhouse and Geisser."""
    found = (time_effect(subject, 0.0, sphericity=assumed) for assumed in (True, False))
    return [candidate for candidate in found if candidate is not None]


def contrast_within_anova(subject: Change) -> Candidate | None:
    """Baseline against the last visit with the error of the repeated-measures analysis.

    ``t² = n d² / (2 MS)`` on (n − 1)(visits − 1) degrees of freedom, for correlations of 0 to 1.
    """
    series = subject.series
    if len(series) < 3 or len({cell.n for cell in series}) > 1:
        return None
    n, error = series[0].n, _errors(_key([c.sd for c in series]))
    least, most = difference_range(subject.before.mean, subject.after.mean)
    df = (n - 1) * (len(series) - 1)
    smallest = least * np.sqrt(n / (2 * error[1])) if error[1] > 0 else np.inf
    largest = most * np.sqrt(n / (2 * error[0])) if error[0] > 0 else np.inf
    reach = Range(two_sided_p(largest, df), two_sided_p(smallest, df))
    return _candidate("contrast in the repeated-measures analysis", np.nan, reach, free=True)


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
