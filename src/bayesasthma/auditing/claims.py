"""Numbers and words of the text, abstract and captions against the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.auditing.findings import CONTRADICTION, NOTE, UNUSUAL, Finding
from bayesasthma.auditing.labels import text_of
from bayesasthma.auditing.percentages import denominators
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import Cells, shown
from bayesasthma.frequentist import Range, Rounded, printed_interval, printed_p, rounded
from bayesasthma.study.p_values import parse_p

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

GEOMETRIC = "geometric_mean"
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
            yield from _direction_claim(study, cells, claim)
        else:
            yield from _number_claim(study, cells, claim)


def _where(claim: Claim) -> dict[str, str]:
    return {"outcome": claim.outcome, "arm": claim.arm, "visit": claim.visit}


def _said(claim: Claim) -> str:
    return f'{claim.where} ("{claim.quote}")' if claim.quote else claim.where


def _same_outcome(tests: list[PrintedTest], claim: Claim) -> list[PrintedTest]:
    return [t for t in tests if t.outcome == claim.outcome]


def _meant(tests: list[PrintedTest], claim: Claim) -> list[PrintedTest]:
    """The printed p-values that a claim about a p or about significance may refer to.

    Several where it names no visit, or where several arms are each compared with the control: the
    claim then disagrees with the tables only if it does with all of them.
    """
    found = []
    for test in _same_outcome(tests, claim):
        within = test.kind == "within"
        if within != bool(claim.arm) or (within and test.arm != claim.arm):
            continue
        if not claim.visit or test.visit == claim.visit:
            found.append(test)
    return found


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
    meant = _meant(tests, claim)
    if not meant:
        yield _unchecked(claim)
        return
    said = _p_set(claim.value)
    if any(_bare(t.text) == _bare(claim.value) or _overlap(said, t.printed) for t in meant):
        return
    test = meant[0]
    twins = [
        t
        for t in _same_outcome(tests, claim)
        if t not in meant and _bare(t.text) == _bare(claim.value)
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
    meant = _meant(tests, claim)
    if not meant:
        yield _unchecked(claim)
        return
    claimed = claim.value == "significant"
    if any(t.declared is None or t.declared == claimed for t in meant):
        return
    test = meant[0]
    yield Finding(
        "text",
        CONTRADICTION,
        f"{_said(claim)} calls it {claim.value}; {_place(cells, test)} is {_bare(test.text)}.",
        table=test.table,
        printed=claim.value,
        expected=test.text,
        **_where(claim),
    )


def _direction_claim(study: Study, cells: Cells, claim: Claim) -> Iterator[Finding]:
    """Increase or decrease of an arm's mean; rounding and drop-outs may hide either."""
    expected = DIRECTIONS.get(claim.value)
    base = study.baseline_visit
    ends = [_printed_mean(study, cells, claim, visit) for visit in (base or "", claim.visit)]
    first, last = ends
    follows = claim.arm and base != claim.visit
    if not follows or first is None or last is None or expected is None:
        yield _unchecked(claim)
        return
    moved = float(last[0].value - first[0].value)
    if moved * expected > 0 or abs(moved) <= float(last[0].step + first[0].step) / 2 + 1e-9:
        return
    before, after = shown(first[0]), shown(last[0])
    names = cells.name(claim.outcome, claim.arm)
    # "no change" may mean none that is significant, and completers' baselines are not printed
    certain = expected != 0 and first[1] == last[1]
    doubt = (
        ""
        if certain
        else ", which holds if "
        + (
            "no significant change is meant"
            if expected == 0
            else "those seen at both visits are meant"
        )
    )
    yield Finding(
        "text",
        CONTRADICTION if certain else UNUSUAL,
        f"{_said(claim)} states {claim.value} of {names}{doubt}; the table goes from {before} to "
        f"{after}.",
        printed=claim.value,
        expected=f"{before} → {after}",
        **_where(claim),
    )


def _printed_mean(
    study: Study, cells: Cells, claim: Claim, visit: str
) -> tuple[Rounded, float] | None:
    """A mean as printed and its number of patients: a geometric mean itself, not its logarithm."""
    row = _geometric(study, claim, visit)
    if row is not None:
        return rounded(row["mean"], row["mean_step"]), float(row["n"])
    cell = cells.get(claim.outcome, claim.arm, visit)
    return (cell.mean, cell.n) if cell is not None else None


def _geometric(study: Study, claim: Claim, visit: str) -> pd.Series | None:
    """The row of a geometric mean as printed."""
    frame = study.summaries
    if frame.empty:
        return None
    cell = {"outcome": claim.outcome, "arm": claim.arm, "visit": visit, "statistic": GEOMETRIC}
    own = frame[np.logical_and.reduce([frame[name] == value for name, value in cell.items()])]
    return own.iloc[0] if len(own) else None


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
    doubt = _other_patients(study, claim, value, (low, high))
    yield Finding(
        "text",
        UNUSUAL if doubt else CONTRADICTION,
        f"{_said(claim)} gives {claim.value} as the {claim.statistic} of {claim.refers_to}; the "
        f"tables give {printed}{doubt}.",
        printed=claim.value,
        expected=printed,
        **_where(claim),
    )


def _other_patients(study: Study, claim: Claim, value: float, ends: tuple[float, float]) -> str:
    """Says that a number may be of other patients than the table's, where that would explain it."""
    low, high = ends
    if claim.statistic == "n" and not claim.outcome and low > value:
        return ", as they do if some patients were not analysed"
    if claim.statistic != "percent":
        return ""
    rows = _rows(study, claim)
    counts = rows["events"] if "events" in rows else rows["count"]
    for count, n in zip(counts.astype(float), rows["n"].astype(float), strict=True):
        sizes = denominators(count, n, (low + high) / 2, high - low)
        if sizes:
            return f"; {claim.value} is that of {count:g}/{sizes[0]}"
    return ""


def _look_up(study: Study, cells: Cells, claim: Claim) -> tuple[float, float] | None:
    """Value of the tables and its rounding step."""
    if claim.statistic == "n" and not claim.outcome:
        sizes = study.arms["n"].astype(float).to_dict()
        return (sizes[claim.arm] if claim.arm else sum(sizes.values())), 0.0
    row = _geometric(study, claim, claim.visit)
    if row is not None and claim.statistic in {"mean", "sd"}:
        value, step = float(row[claim.statistic]), float(row[f"{claim.statistic}_step"])
        return (value, step) if np.isfinite(value) else None
    cell = cells.get(claim.outcome, claim.arm, claim.visit)
    if claim.statistic in {"mean", "sd"} and cell is not None:
        number = cell.mean if claim.statistic == "mean" else cell.sd
        return float(number.value), float(number.step)
    rows = _rows(study, claim).to_dict("records")
    if len(rows) != 1:
        return None
    counted = rows[0]
    column = claim.statistic
    events = "events" if "events" in counted else "count"
    if column == "events":
        column = events
    value, step = float(counted.get(column, np.nan)), float(counted.get(f"{column}_step", 0.0))
    if column == "percent" and np.isnan(value):
        value = 100 * float(counted[events]) / float(counted["n"])
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
