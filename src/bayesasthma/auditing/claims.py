"""Numbers and words of the text, abstract and captions against the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.auditing.findings import CONTRADICTION, NOTE, Finding
from bayesasthma.auditing.labels import text_of
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import Cells, shown
from bayesasthma.frequentist import Range, printed_interval, printed_p, rounded
from bayesasthma.study.p_values import parse_p

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

DIRECTIONS = {"increase": 1, "decrease": -1, "no change": 0}


@dataclass(frozen=True)
class Claim:
    """One statement outside the tables, as the bundle has it.

    With an arm, a p or a significance is about the change within that arm; without one it is about
    the difference between the arms.
    """

    where: str
    refers_to: str
    value: str
    outcome: str
    arm: str
    visit: str
    statistic: str
    quote: str


def claim_findings(study: Study, cells: Cells, tests: list[PrintedTest]) -> Iterator[Finding]:
    """Claims that disagree with the table they refer to, and those no table can confirm.

    Parameters
    ----------
    study : Study
        Its `claims` name outcome, arm, visit and statistic of what they state: n, mean, sd, p,
        percent, events, direction or significance.
    cells : Cells
        The study's table.
    tests : list of PrintedTest
        Its printed p-values.
    """
    for row in study.claims.to_dict("records"):
        claim = Claim(**{name: text_of(row.get(name)) for name in Claim.__dataclass_fields__})
        if claim.statistic == "p":
            yield from _p_claim(cells, tests, claim)
        elif claim.statistic == "significance":
            yield from _significance_claim(cells, tests, claim)
        elif claim.statistic == "direction":
            yield from _direction_claim(cells, claim)
        else:
            yield from _number_claim(study, cells, claim)


def _where(claim: Claim) -> dict[str, str]:
    return {"outcome": claim.outcome, "arm": claim.arm, "visit": claim.visit}


def _said(claim: Claim) -> str:
    return f'{claim.where} ("{claim.quote}")' if claim.quote else claim.where


def _same_outcome(tests: list[PrintedTest], claim: Claim) -> list[PrintedTest]:
    return [t for t in tests if t.outcome == claim.outcome]


def _meant(tests: list[PrintedTest], claim: Claim) -> PrintedTest | None:
    """The printed p that a claim about significance refers to."""
    for test in _same_outcome(tests, claim):
        within = test.kind == "within"
        if within != bool(claim.arm) or (within and test.arm != claim.arm):
            continue
        if not claim.visit or test.visit == claim.visit:
            return test
    return None


def _bare(p: str) -> str:
    """Text of a p-value without star, blanks or equals sign."""
    return p.replace("*", "").replace(" ", "").lstrip("=")


def _relation(p: str) -> str:
    bare = _bare(p)
    return bare if bare[:1] in "<>" else f"= {bare}"


def _p_set(text: str) -> Range:
    printed = parse_p(text) or parse_p(text, decimal=",")
    assert printed is not None, f"{text!r} was read as a p-value before"
    return printed_p(printed.value, printed.operator, printed.decimals)


def _overlap(first: Range, second: Range) -> bool:
    """Whether two printed p-values share more than an end: 0.07 and 0.08 do not."""
    low = max(float(first.low), float(second.low))
    high = min(float(first.high), float(second.high))
    return high - low > 1e-6


def _p_claim(cells: Cells, tests: list[PrintedTest], claim: Claim) -> Iterator[Finding]:
    test = _meant(tests, claim)
    if test is None:
        yield _unchecked(claim)
        return
    if _bare(test.text) == _bare(claim.value) or _overlap(_p_set(claim.value), test.printed):
        return
    twins = [
        t
        for t in _same_outcome(tests, claim)
        if t is not test and _bare(t.text) == _bare(claim.value)
    ]
    hint = f" {_bare(claim.value)} is {_place(cells, twins[0])}." if twins else ""
    yield Finding(
        "text",
        CONTRADICTION,
        f"{_said(claim)} gives p {_relation(claim.value)}; {_place(cells, test)} is "
        f"{_bare(test.text)}.{hint}",
        table=test.table,
        printed=claim.value,
        expected=test.text,
        **_where(claim),
    )


def _place(cells: Cells, test: PrintedTest) -> str:
    """Name of a printed p: what is compared, where."""
    if test.kind == "within":
        return f"the p of {test.table} for the change of {test.label(cells.names)}"
    return f"the p of {test.table} between arms for {test.label(cells.names)}"


def _significance_claim(cells: Cells, tests: list[PrintedTest], claim: Claim) -> Iterator[Finding]:
    test = _meant(tests, claim)
    if test is None:
        yield _unchecked(claim)
        return
    claimed = claim.value == "significant"
    if test.declared is None or test.declared == claimed:
        return
    yield Finding(
        "text",
        CONTRADICTION,
        f"{_said(claim)} calls it {claim.value}; {_place(cells, test)} is {_bare(test.text)}.",
        table=test.table,
        printed=claim.value,
        expected=test.text,
        **_where(claim),
    )


def _direction_claim(cells: Cells, claim: Claim) -> Iterator[Finding]:
    change = cells.change(claim.outcome, claim.arm, claim.visit) if claim.arm else None
    expected = DIRECTIONS.get(claim.value)
    if change is None or expected is None:
        yield _unchecked(claim)
        return
    found = np.sign(float(change.after.mean.value - change.before.mean.value))
    if found == expected:
        return
    before, after = shown(change.before.mean), shown(change.after.mean)
    names = cells.name(claim.outcome, claim.arm)
    yield Finding(
        "text",
        CONTRADICTION,
        f"{_said(claim)} states {claim.value} of {names}; the table goes from {before} to {after}.",
        printed=claim.value,
        expected=f"{before} → {after}",
        **_where(claim),
    )


def _number_claim(study: Study, cells: Cells, claim: Claim) -> Iterator[Finding]:
    found = _look_up(study, cells, claim)
    if found is None:
        yield _unchecked(claim)
        return
    value, step = found
    try:
        low, high = (float(x) for x in printed_interval(claim.value.strip(" %")))
    except ValueError:
        yield _unchecked(claim)
        return
    # Both may be rounded: they agree if one number rounds to either.
    if low <= value + step / 2 + 1e-9 and value - step / 2 - 1e-9 <= high:
        return
    printed = shown(rounded(value, step))
    yield Finding(
        "text",
        CONTRADICTION,
        f"{_said(claim)} gives {claim.value} as the {claim.statistic} of {claim.refers_to}; the "
        f"tables give {printed}.",
        printed=claim.value,
        expected=printed,
        **_where(claim),
    )


def _look_up(study: Study, cells: Cells, claim: Claim) -> tuple[float, float] | None:
    """Value of the tables and its rounding step."""
    if claim.statistic == "n" and not claim.outcome:
        sizes = study.arms["n"].astype(float).to_dict()
        return (sizes[claim.arm] if claim.arm else sum(sizes.values())), 0.0
    cell = cells.get(claim.outcome, claim.arm, claim.visit)
    if claim.statistic in {"mean", "sd"} and cell is not None:
        number = cell.mean if claim.statistic == "mean" else cell.sd
        return float(number.value), float(number.step)
    rows = _rows(study, claim).to_dict("records")
    if len(rows) != 1:
        return None
    row = rows[0]
    column = claim.statistic
    if column == "events" and "events" not in row:
        column = "count"
    value, step = float(row.get(column, np.nan)), float(row.get(f"{column}_step", 0.0))
    if column == "percent" and np.isnan(value):
        value = 100 * float(row["events"] if "events" in row else row["count"]) / float(row["n"])
    return None if np.isnan(value) else (value, step)


def _rows(study: Study, claim: Claim) -> pd.DataFrame:
    """Rows of the counts, or of the baseline table, that a claim is about."""
    if claim.outcome in set(study.adverse["reaction"]):
        frame = study.adverse[study.adverse["reaction"] == claim.outcome]
        frame = frame[frame["visit"] == claim.visit] if claim.visit else frame
    else:
        variable, _, level = claim.outcome.partition(":")
        frame = study.baseline[study.baseline["variable"] == variable]
        frame = frame[frame["level"] == level] if level else frame
    return frame[frame["arm"] == claim.arm] if claim.arm else frame


def _unchecked(claim: Claim) -> Finding:
    return Finding(
        "text",
        NOTE,
        f"{_said(claim)} states {claim.value} ({claim.refers_to}); no table shows it.",
        printed=claim.value,
        **_where(claim),
    )
