"""What a bundle declares: ``study.toml`` and ``outcomes.csv``, which the other files refer to."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.study._sheets import (
    FREE_COLUMNS,
    Collector,
    Row,
    Sheet,
    read_text,
    suggest,
    value_of,
)

FILE = "study.toml"
ROLES = ("control", "treatment")
DIRECTIONS = {"higher": 1, "lower": -1, "none": 0}
KEYS = (
    "title",
    "citation",
    "design",
    "randomised",
    "arms",
    "visits",
    "methods",
    "exclusions",
    "covariates",
)
ARM_KEYS = ("id", "label", "role", "n")
VISIT_KEYS = ("id", "label", "week", "baseline")
METHOD_KEYS = (
    "between",
    "within",
    "categorical",
    "longitudinal",
    "multiplicity",
    "alpha",
    "primary",
)
EXCLUSION_KEYS = ("criterion", "variable", "level")
#: Ids an outcome cannot have, since `patients.csv` has columns of these names.
RESERVED = ("patient", "arm", "visit", *sorted(FREE_COLUMNS))


@dataclass(frozen=True)
class Header:
    """The content of ``study.toml``; where an entry is wrong, as much of it as can be used.

    Attributes
    ----------
    title, citation, design : str
    randomised : bool
    arms, visits : DataFrame
        As in `Study`; ``n`` and ``week`` are NaN where they are not numbers.
    baseline_visit : str or None
    methods : dict
    exclusions : DataFrame
        Columns ``criterion, variable, level``.
    covariates : tuple of str
        Columns of ``patients.csv`` that models adjust for.
    """

    title: str
    citation: str
    design: str
    randomised: bool
    arms: pd.DataFrame
    visits: pd.DataFrame
    baseline_visit: str | None
    methods: dict[str, Any]
    exclusions: pd.DataFrame
    covariates: tuple[str, ...]


@dataclass(frozen=True)
class _Table:
    """One table of the TOML file, under the name that messages give it."""

    name: str
    values: dict[str, Any]
    collector: Collector

    def bad(self, key: str, expected: str) -> None:
        """Note that an entry is not what was expected."""
        column = f"{self.name}.{key}" if self.name else key
        value = self.values.get(key)
        self.collector.add(FILE, None, column, "" if value is None else str(value), expected)

    def known(self, keys: Collection[str]) -> None:
        """Note every key that is not among ``keys``."""
        for key in self.values:
            if key not in keys and key not in FREE_COLUMNS:
                self.bad(key, f"a key among {', '.join(keys)}{suggest(key, keys)}")

    def text(self, key: str, *, required: bool = False) -> str:
        """A text without surrounding blanks; empty if absent."""
        value = self.values.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if required or (value is not None and not isinstance(value, str)):
            self.bad(key, "a text in quotes")
        return ""

    def flag(self, key: str, *, required: bool = False) -> bool:
        """True or false; false if absent."""
        value = self.values.get(key)
        if not isinstance(value, bool) and (required or value is not None):
            self.bad(key, "true or false")
        return value is True

    def number(self, key: str) -> float | None:
        """A finite number; None if it is not one."""
        value = self.values.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        return None

    def tables(self, key: str) -> list[_Table]:
        """The ``[[key]]`` tables, numbered from 1."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.bad(key, f"[[{key}]] tables")
            return []
        return [_Table(f"{key}[{i}]", item, self.collector) for i, item in enumerate(value, 1)]


def read_header(folder: Path, collector: Collector, checksums: dict[str, str]) -> Header | None:
    """Read ``study.toml``; problems go to the collector, None if it is no TOML at all."""
    path = folder / FILE
    if not path.exists():
        collector.add(FILE, None, "", "", "this file in the bundle")
        return None
    text = read_text(path, collector, checksums)
    if text is None:
        return None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else None
        collector.add(FILE, line, "", "", f"valid TOML ({error})")
        return None
    top = _Table("", values, collector)
    top.known(KEYS)
    visits, baseline = _visits(top)
    return Header(
        title=top.text("title", required=True),
        citation=top.text("citation", required=True),
        design=top.text("design"),
        randomised=top.flag("randomised", required=True),
        arms=_arms(top),
        visits=visits,
        baseline_visit=baseline,
        methods=_methods(top),
        exclusions=_exclusions(top),
        covariates=_covariates(top),
    )


def _identified(tables: list[_Table]) -> dict[str, _Table]:
    found: dict[str, _Table] = {}
    for table in tables:
        name = table.text("id", required=True)
        if name in found:
            table.bad("id", "each id once")
        elif name:
            found[name] = table
    return found


def _arms(top: _Table) -> pd.DataFrame:
    tables = top.tables("arms")
    if len(tables) < 2:
        top.collector.add(FILE, None, "arms", str(len(tables)), "at least two [[arms]] tables")
    for arm in tables:
        arm.known(ARM_KEYS)
        if arm.values.get("role") not in ROLES:
            arm.bad("role", "control or treatment")
        if np.isnan(_patients(arm)):
            arm.bad("n", "a whole number of at least 2")
    controls = sum(arm.values.get("role") == "control" for arm in tables)
    if tables and controls != 1:
        found = f"{controls} with the role control"
        top.collector.add(FILE, None, "arms", found, "exactly one arm with the role control")
    arms = _identified(tables)
    ids = sorted(arms, key=lambda name: arms[name].values.get("role") != "control")
    sizes = np.array([_patients(arms[name]) for name in ids])
    return pd.DataFrame(
        {
            "label": [arms[name].text("label") or name for name in ids],
            "role": [str(arms[name].values.get("role")) for name in ids],
            "n": sizes if np.isnan(sizes).any() else sizes.astype(int),
        },
        index=pd.Index(ids, name="arm", dtype="str"),
    )


def _patients(arm: _Table) -> float:
    """Number of patients of an arm; NaN if it is none."""
    n = arm.number("n")
    return n if n is not None and n >= 2 and n == int(n) else math.nan


def _visits(top: _Table) -> tuple[pd.DataFrame, str | None]:
    tables = top.tables("visits")
    if not tables:
        top.collector.add(FILE, None, "visits", "", "at least one [[visits]] table")
    previous = -math.inf
    base = None
    for i, visit in enumerate(tables):
        visit.known(VISIT_KEYS)
        week = visit.number("week")
        if week is None:
            visit.bad("week", "a number of weeks")
        elif week <= previous:
            visit.bad("week", f"a week after {previous:g}: visits stand in ascending order")
        else:
            previous = week
        if visit.flag("baseline"):
            if i > 0:
                visit.bad("baseline", "at most one baseline visit, the first")
            else:
                base = visit.text("id") or None
    visits = _identified(tables)
    frame = pd.DataFrame(
        {
            "label": [table.text("label") or name for name, table in visits.items()],
            "week": pd.Series([table.number("week") for table in visits.values()], dtype=float),
        }
    )
    frame.index = pd.Index(list(visits), name="visit", dtype="str")
    return frame, base


def _methods(top: _Table) -> dict[str, Any]:
    value = top.values.get("methods", {})
    if not isinstance(value, dict):
        top.bad("methods", "a [methods] table")
        return {}
    methods = _Table("methods", value, top.collector)
    methods.known(METHOD_KEYS)
    alpha = methods.number("alpha")
    if "alpha" in value and (alpha is None or not 0 < alpha < 1):
        methods.bad("alpha", "a number between 0 and 1")
    for key in METHOD_KEYS:
        entry = value.get(key, "")
        listed = isinstance(entry, list) and all(isinstance(item, str) for item in entry)
        if key != "alpha" and not isinstance(entry, str) and not listed:
            methods.bad(key, "a text, or a list of texts")
    return dict(value)


def _exclusions(top: _Table) -> pd.DataFrame:
    tables = top.tables("exclusions")
    for table in tables:
        table.known(EXCLUSION_KEYS)
    records = [[table.text(key, required=True) for key in EXCLUSION_KEYS] for table in tables]
    return pd.DataFrame(records, columns=list(EXCLUSION_KEYS), dtype="str")


def _covariates(top: _Table) -> tuple[str, ...]:
    value = top.values.get("covariates", [])
    listed = isinstance(value, list) and all(isinstance(item, str) and item for item in value)
    if not listed or len(set(value)) < len(value) or set(value) & set(RESERVED):
        top.bad("covariates", "a list of different columns of patients.csv")
        return ()
    return tuple(value)


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
