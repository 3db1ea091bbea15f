"""Numbers of the text, abstract and captions against the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.audit.findings import CONTRADICTION, NOTE, Finding
from bayesasthma.audit.labels import text_of
from bayesasthma.audit.printed_tests import PrintedTest
from bayesasthma.audit.subjects import Cells
from bayesasthma.frequentist import printed_interval

if TYPE_CHECKING:
    from bayesasthma.study import Study


@dataclass(frozen=True)
class Claim:
    """One numeric statement outside the tables, as the bundle has it."""

    where: str
    refers_to: str
    value: str
    outcome: str
    arm: str
    visit: str
    statistic: str

    @property
    def within(self) -> bool:
        """Whether a p is claimed of one arm's change."""
        return "within" in self.refers_to.lower() or bool(self.arm)


def claim_findings(study: Study, cells: Cells, tests: list[PrintedTest]) -> Iterator[Finding]:
    """Claims that disagree with the table they refer to, and those that cannot be looked up.

    Parameters
    ----------
    study : Study
        Its `claims` name outcome, arm, visit and statistic (p, mean, sd, change, percent, events,
        count or n) of what they state.
    cells : Cells
        The study's table.
    tests : list of PrintedTest
        Its printed p-values.
    """
    for row in study.claims.to_dict("records"):
        claim = Claim(**{name: text_of(row.get(name)) for name in Claim.__dataclass_fields__})
        statistic = claim.statistic.lower()
        if statistic in {"p", "p-value", "p_value"}:
            yield from _p_claim(cells, tests, claim)
        else:
            yield from _number_claim(study, cells, claim, statistic)


def _where(claim: Claim) -> dict[str, str]:
    return {"outcome": claim.outcome, "arm": claim.arm, "visit": claim.visit}


def _p_claim(cells: Cells, tests: list[PrintedTest], claim: Claim) -> Iterator[Finding]:
    kinds = {"within"} if claim.within else {"between", "adverse", "baseline", "interaction"}
    same = [t for t in tests if t.outcome == claim.outcome]
    meant = [
        t
        for t in same
        if t.kind in kinds
        and (not claim.visit or t.visit == claim.visit)
        and (not claim.within or t.arm == claim.arm)
    ]
    if not meant:
        yield _unchecked(claim)
        return
    test = meant[0]
    if _bare(test.text) == _bare(claim.value):
        return
    twins = [t for t in same if t is not test and _bare(t.text) == _bare(claim.value)]
    hint = (
        f" The table prints {_bare(claim.value)} as the {twins[0].kind}-arm p of "
        f"{twins[0].label(cells.names)}."
        if twins
        else ""
    )
    yield Finding(
        "text",
        CONTRADICTION,
        f"{claim.where} gives p {_relation(claim.value)} where {test.table} prints "
        f"{_bare(test.text)} ({test.label(cells.names)}).{hint}",
        table=test.table,
        printed=claim.value,
        expected=test.text,
        **_where(claim),
    )


def _bare(p: str) -> str:
    """Text of a p-value without star, blanks or equals sign."""
    return p.replace("*", "").replace(" ", "").lstrip("=")


def _relation(p: str) -> str:
    bare = _bare(p)
    return bare if bare[:1] in "<>" else f"= {bare}"


def _number_claim(study: Study, cells: Cells, claim: Claim, statistic: str) -> Iterator[Finding]:
    found = _look_up(study, cells, claim, statistic)
    if found is None:
        yield _unchecked(claim)
        return
    table, value, step = found
    try:
        low, high = (float(x) for x in printed_interval(claim.value.strip(" %")))
    except ValueError:
        yield _unchecked(claim)
        return
    # Both are rounded: they agree if some number rounds to either.
    if low <= value + step / 2 + 1e-9 and value - step / 2 - 1e-9 <= high:
        return
    yield Finding(
        "text",
        CONTRADICTION,
        f"{claim.where} gives {claim.value} as the {statistic} of {claim.refers_to}; "
        f"{table} gives {value:g}.",
        table=table,
        printed=claim.value,
        expected=f"{value:g}",
        **_where(claim),
    )


def _look_up(
    study: Study, cells: Cells, claim: Claim, statistic: str
) -> tuple[str, float, float] | None:
    """Value of the tables and its rounding step."""
    if statistic in {"mean", "sd"}:
        cell = cells.get(claim.outcome, claim.arm, claim.visit)
        if cell is not None:
            number = cell.mean if statistic == "mean" else cell.sd
            return "the table", float(number.value), float(number.step)
    if statistic == "n" and not claim.outcome and claim.arm in study.arms.index:
        return "the design", float(study.arms["n"].to_dict()[claim.arm]), 0.0
    rows = _rows(study, claim)
    column = {"count": "count", "events": "events"}.get(statistic, statistic)
    if "events" in rows.columns and column == "count":
        column = "events"
    if len(rows) != 1 or column not in rows.columns:
        return None
    row = rows.to_dict("records")[0]
    value = float(row[column])
    if column == "percent" and np.isnan(value):
        value = 100 * float(row["events" if "events" in row else "count"]) / float(row["n"])
    table = text_of(row.get("source")) or "the table"
    return None if np.isnan(value) else (table, value, float(row.get(f"{column}_step", 0.0) or 0.0))


def _rows(study: Study, claim: Claim) -> pd.DataFrame:
    """Rows of the counts that a claim is about."""
    if claim.outcome in set(study.adverse["reaction"]):
        frame = study.adverse[study.adverse["reaction"] == claim.outcome]
        if claim.visit:
            frame = frame[frame["visit"] == claim.visit]
    else:
        variable, _, level = claim.outcome.partition(":")
        frame = study.baseline[study.baseline["variable"] == variable]
        if level:
            frame = frame[frame["level"] == level]
    return frame[frame["arm"] == claim.arm] if claim.arm else frame


def _unchecked(claim: Claim) -> Finding:
    return Finding(
        "text",
        NOTE,
        f"{claim.where} states {claim.value} of {claim.refers_to}, which the tables do not show.",
        printed=claim.value,
        **_where(claim),
    )
