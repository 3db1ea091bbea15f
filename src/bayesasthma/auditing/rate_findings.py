"""Printed rates and rate ratios against events and person-time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesasthma.auditing.findings import NOTE, UNUSUAL, Finding
from bayesasthma.auditing.rate_candidates import METHODS
from bayesasthma.auditing.stated_tests import read_stated
from bayesasthma.auditing.subjects import Rates, rates_of, shown
from bayesasthma.frequentist import exact_rate_ratio, rounded, wald_rate_ratio

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

RATE_COLUMNS = [
    "event", "visit", "arm", "count", "person_time", "count_control", "person_time_control",
    "ratio", "ci_low", "ci_high", "exact_low", "exact_high", "p_wald", "p_exact",
    "ratio_printed", "ci_low_printed", "ci_high_printed", "ci_prob", "method",
]  # fmt: skip
#: Nothing between the ends of a printed interval and ours, but what rounding leaves open.
SLACK = 1e-6
BOTH = (wald_rate_ratio, exact_rate_ratio)


def rate_table(study: Study) -> pd.DataFrame:
    """Crude rate ratio of every treated arm with Wald's and the exact interval.

    Returns
    -------
    DataFrame
        One row per event, visit and treated arm with a row of the control: counts and person-time,
        `ratio` of the rates, its 95 % (or printed level's) interval by the normal distribution of
        its logarithm (`ci_low`, `ci_high`) and by Clopper and Pearson's (`exact_low`,
        `exact_high`), both p-values, and what is printed.
    """
    rows = []
    for row, subject in _pairs(study):
        time = [float(t.value) for t in subject.time]
        wald = wald_rate_ratio(subject.events, time, row["ci_prob"])
        exact = exact_rate_ratio(subject.events, time, row["ci_prob"])
        rows.append(
            {name: row[name] for name in ("event", "visit", "arm", "count", "person_time")}
            | {"count_control": subject.events[0], "person_time_control": time[0]}
            | {"ratio": wald.ratio, "ci_low": wald.ci_low, "ci_high": wald.ci_high}
            | {"exact_low": exact.ci_low, "exact_high": exact.ci_high}
            | {"p_wald": wald.p, "p_exact": exact.p}
            | {f"{name}_printed": row[name] for name in ("ratio", "ci_low", "ci_high")}
            | {"ci_prob": row["ci_prob"], "method": row["method"]}
        )
    return pd.DataFrame(rows, columns=RATE_COLUMNS)


def rate_findings(study: Study) -> Iterator[Finding]:
    """Rates that are not count over person-time, and ratios and intervals that do not follow.

    None is a contradiction: a printed rate may be the mean of the patients' own or a model's.
    """
    for row in study.rates.to_dict("records"):
        yield from _rate(row)
    for row, subject in _pairs(study):
        if np.isfinite(row["ratio"]):
            yield from _ratio(study, row, subject)


def _pairs(study: Study) -> Iterator[tuple[dict[Any, Any], Rates]]:
    for row in study.rates.to_dict("records"):
        if row["arm"] == study.control:
            continue
        arms = [study.control, str(row["arm"])]
        subject = rates_of(study, str(row["event"]), str(row["visit"]), arms)
        if subject is not None:
            yield row, subject


def _where(row: dict[Any, Any]) -> dict[str, str]:
    names = {"table": "source", "outcome": "event", "arm": "arm", "visit": "visit"}
    return {name: str(row[column]) for name, column in names.items()}


def _rate(row: dict[Any, Any]) -> Iterator[Finding]:
    if not np.isfinite(row["rate"]):
        return
    time = rounded(row["person_time"], row["person_time_step"])
    printed = rounded(row["rate"], row["rate_step"])
    low, high = (row["per"] * row["count"] / float(end) for end in (time.high, time.low))
    if low <= float(printed.high) + SLACK and float(printed.low) - SLACK <= high:
        return
    exact = row["per"] * row["count"] / row["person_time"]
    yield Finding(
        "consistency",
        UNUSUAL,
        f"{row['count']:g} events in {shown(time)} of person-time are a rate of {exact:.4g}, "
        f"printed {shown(printed)}: both hold if it is the mean of the patients' own rates or a "
        "model's.",
        printed=shown(printed),
        expected=f"{exact:.4g}",
        **_where(row),
    )


def _ratio(study: Study, row: dict[Any, Any], subject: Rates) -> Iterator[Finding]:
    stated = read_stated(str(row["method"] or study.methods.get("rates", "") or ""))
    plain = all(k.method in METHODS for k in stated.tests) and not stated.not_followed
    if not stated.silent and not (stated.recognised and plain):
        return  # another analysis: nothing of it follows
    unless = (
        "" if stated.tests else ", unless an adjusted or overdispersed model was fitted, which "
        "the bundle does not say"
    )  # fmt: skip
    first, second = subject.time
    corners = [
        wald_rate_ratio(subject.events, times, row["ci_prob"])
        for times in product(*([float(t.low), float(t.high)] for t in (first, second)))
    ]
    printed = rounded(row["ratio"], row["ratio_step"])
    ratios = [c.ratio for c in corners]
    if not _meet(ratios, printed.low, printed.high):
        yield Finding(
            "interval",
            UNUSUAL,
            f"The rates of {subject} have a ratio of {_span(ratios)}, printed "
            f"{shown(printed)}{unless}.",
            printed=shown(printed),
            expected=_span(ratios),
            **_where(row),
        )
        return
    if np.isfinite(row["ci_low"]):
        yield from _ends(row, subject, unless)


def _ends(row: dict[Any, Any], subject: Rates, unless: str) -> Iterator[Finding]:
    """Width of the printed interval, in logarithms, against Wald's and the exact one."""
    ends = [rounded(row[name], row["ci_step"]) for name in ("ci_low", "ci_high")]
    if float(ends[0].low) <= 0:
        return
    widths = [
        float(np.log(float(ends[1].low) / float(ends[0].high))),
        float(np.log(float(ends[1].high) / float(ends[0].low))),
    ]
    time = [float(t.value) for t in subject.time]
    found = [method(subject.events, time, row["ci_prob"]) for method in BOTH]
    own = [float(np.log(f.ci_high / f.ci_low)) for f in found if f.ci_low > 0]
    if not own or _meet(own, *widths):
        return
    wider = widths[0] > max(own)
    wald = found[0]
    yield Finding(
        "interval",
        NOTE if wider else UNUSUAL,
        f"The interval of the rate ratio, {shown(ends[0])} to {shown(ends[1])}, is "
        + (
            "wider than Poisson counts give, as where patients differ in their rates"
            if wider
            else "narrower than Poisson counts give"
        )
        + f" ({wald.ci_low:.3g} to {wald.ci_high:.3g} from {subject})"
        + (unless if not wider else "")
        + ".",
        printed=f"{shown(ends[0])} to {shown(ends[1])}",
        expected=f"{wald.ci_low:.3g} to {wald.ci_high:.3g}",
        **_where(row),
    )


def _meet(values: list[float], low: Any, high: Any) -> bool:
    """Whether a range of values and a printed range share a point."""
    return min(values) <= float(high) + SLACK and float(low) - SLACK <= max(values)


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"
