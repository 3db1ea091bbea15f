"""Printed intervals against their estimate and against the p printed beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from bayesasthma.auditing.findings import NOTE, UNUSUAL, Finding
from bayesasthma.auditing.printed_intervals import PrintedInterval, printed_intervals
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.stated_tests import read_stated
from bayesasthma.auditing.subjects import Cells, shown
from bayesasthma.auditing.verdicts import NOT_REPRODUCED

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


def interval_findings(
    study: Study, cells: Cells, tests: list[PrintedTest], table: pd.DataFrame
) -> Iterator[Finding]:
    """Intervals that are not symmetric, and p-values that contradict theirs.

    Parameters
    ----------
    study : Study
        Its printed intervals are those of means and mean changes, whose ends a t interval puts
        equally far from the estimate.
    cells : Cells
        Its table.
    tests : list of PrintedTest
        Its printed p-values.
    table : DataFrame
        Their verdicts.
    """
    for (outcome, arm, visit, statistic), interval in printed_intervals(study).items():
        if interval.lopsided:
            yield _lopsided(outcome, arm, visit, statistic, interval)
    for test, verdict in zip(tests, table["verdict"], strict=True):
        if test.kind == "within":
            yield from _own_interval(cells, test)
        elif verdict == NOT_REPRODUCED and test.basis.by_interval:
            yield _arms_intervals(test)


def _where(test: PrintedTest) -> dict[str, str]:
    return {
        "table": test.table,
        "outcome": test.outcome,
        "arm": test.arm,
        "visit": test.visit,
        "printed": test.text,
    }


def _lopsided(
    outcome: str, arm: str, visit: str, statistic: str, interval: PrintedInterval
) -> Finding:
    decimals = shown(interval.estimate).partition(".")[2]
    above, below = (f"{x:.{len(decimals)}f}" for x in interval.arms)
    printed = f"{shown(interval.estimate)} ({shown(interval.low)} to {shown(interval.high)})"
    text = (
        f"The {'change' if statistic == 'change' else 'mean'} lies {above} above one end of its "
        f"interval and {below} below the other, more of a difference than rounding allows"
    )
    if interval.symmetric_on_logs:
        text += "; on a logarithmic scale they are equally far"
    return Finding(
        "interval",
        NOTE if interval.symmetric_on_logs else UNUSUAL,
        f"{text}.",
        outcome=outcome,
        arm=arm,
        visit=visit,
        printed=printed,
    )


def _own_interval(cells: Cells, test: PrintedTest) -> Iterator[Finding]:
    """A within-arm p and the interval of the change that it tests."""
    interval = cells.interval(test.outcome, test.arm, test.visit, "change")
    stated = read_stated(test.stated)
    if interval is None or stated.not_followed or stated.has("one_sided") or stated.unknown:
        return
    outside = interval.excludes(0.0)
    least = 1 - interval.level
    span = f"{shown(interval.low)} to {shown(interval.high)}"
    if outside and float(test.printed.low) > least:
        text = f"The interval of the change, {span}, excludes 0, but its printed p is {test.text}."
    elif outside is False and float(test.printed.high) < least:
        text = f"The interval of the change, {span}, includes 0, but its printed p is {test.text}."
    else:
        return
    yield Finding("interval", UNUSUAL, text, **_where(test))


def _arms_intervals(test: PrintedTest) -> Finding:
    first = test.candidates[0]
    text = (
        f"The printed p, {test.text.strip('* ')}, contradicts the arms' own intervals: by "
        f"{first.name} they give p = {first.p:.2g}."
    )
    return Finding("interval", UNUSUAL, text, expected=f"{first.p:.2g}", **_where(test))
