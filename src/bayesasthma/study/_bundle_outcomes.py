"""What a bundle declares in ``outcomes.csv``: its outcomes, which the other files refer to."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from bayesasthma.study._sheets import FREE_COLUMNS, Row, Sheet, value_of

DIRECTIONS = {"higher": 1, "lower": -1, "none": 0}
DIRECTION_WORDS = {sign: word for word, sign in DIRECTIONS.items()}
#: Scales that the models are not made for; docs/bundles.md says what can be done.
ORDINAL = re.compile(
    r"\bordinal\b|^(rank|ranks|grade|grades|category|categories|class|stage)$", re.IGNORECASE
)
#: Ids an outcome cannot have, since `patients.csv` has columns of these names.
RESERVED = ("patient", "arm", "visit", *sorted(FREE_COLUMNS))

#: Columns of the ``outcomes`` of a `Study`, with the types of an empty frame.
OUTCOMES = {
    "label": "str", "unit": "str", "domain": "str", "direction": "int64",
    "mcid": "float64", "mcid_kind": "str", "mcid_source": "str",
    "minimum": "float64", "maximum": "float64", "items": "float64",
}  # fmt: skip


def no_outcomes() -> pd.DataFrame:
    """The ``outcomes`` of a study of events alone."""
    frame = pd.DataFrame(columns=list(OUTCOMES), index=pd.Index([], name="outcome", dtype="str"))
    return frame.astype(OUTCOMES)


def read_outcomes(sheet: Sheet, *, needed: bool = True) -> pd.DataFrame:
    """The ``outcomes`` of a `Study`, in the file's order; problems go to the collector.

    ``needed``: whether a file without any is a problem.
    """
    records: dict[str, dict[str, Any]] = {}
    for row in sheet:
        outcome = row.required("outcome")
        row.required("label")
        direction = row.choice("direction", DIRECTIONS)
        for name in ("label", "unit"):
            if ORDINAL.search(row.text(name)):
                row.bad(
                    name,
                    "a scale of which means make sense: an ordinal one is out of scope (counts of "
                    "a category or better can stand in adverse.csv)",
                )
        mcid, kind = _mcid(row)
        low, high = row.number("minimum"), row.number("maximum")
        if low is not None and high is not None and low.value >= high.value:
            row.bad("maximum", f"a number above the minimum, {low.value:g}")
            low = high = None  # no mean lies inside: one problem is enough
        items = row.number("items", low=1, whole=True)
        if outcome is None:
            continue
        if outcome in RESERVED:
            row.bad("outcome", f"an id other than {', '.join(RESERVED)}")
        if outcome in records:
            row.bad("outcome", "each outcome once")
            continue
        records[outcome] = {
            "label": row.text("label"),
            "unit": row.text("unit"),
            "domain": row.text("domain"),
            "direction": DIRECTIONS.get(direction or "none", 0),
            "mcid": mcid,
            "mcid_kind": kind,
            "mcid_source": row.text("mcid_source"),
            "minimum": value_of(low),
            "maximum": value_of(high),
            "items": value_of(items),
        }
    if not sheet.rows and needed:
        sheet.collector.add(sheet.file, None, "outcome", "", "at least one outcome")
    if not records:
        return no_outcomes()
    frame = pd.DataFrame.from_dict(records, orient="index")
    frame.index = pd.Index(list(records), name="outcome", dtype="str")
    return frame


def _mcid(row: Row) -> tuple[float, str]:
    mcid = row.number("mcid", above=0)
    kind = row.choice("mcid_kind", ("absolute", "relative"), blank=True)
    if row.text("mcid") and kind == "":
        row.bad("mcid_kind", "absolute or relative, since there is an mcid")
    if kind and not row.text("mcid"):
        row.bad("mcid", "the smallest difference that matters, since there is an mcid_kind")
    if kind == "relative" and mcid is not None and mcid.value >= 1:
        row.bad("mcid", "a fraction of the control arm's level below 1, such as 0.20")
    return value_of(mcid), (kind or "") if mcid is not None else ""
