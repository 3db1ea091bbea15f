"""What a bundle declares in ``study.toml``, which its other files refer to."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma._files.toml import parse_toml
from bayesasthma.study._bundle_outcomes import RESERVED
from bayesasthma.study._sheets import (
    FREE_COLUMNS,
    MOST_COUNTED,
    Collector,
    Given,
    all_visible,
    read_text,
    suggest,
)

FILE = "study.toml"
ROLES = ("control", "treatment")
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
    "decimal",
    "value_is",
)
#: Decimal marks, and what a bundle can say of the number beside a mean.
DECIMALS = (".", ",")
VALUE_IS = ("sd", "se")
ARM_KEYS = ("id", "label", "role", "n")
VISIT_KEYS = ("id", "label", "week", "baseline")
METHOD_KEYS = (
    "between",
    "within",
    "categorical",
    "rates",
    "longitudinal",
    "multiplicity",
    "alpha",
    "primary",
)
EXCLUSION_KEYS = ("criterion", "variable", "level")
#: Designs that the models are not made for; docs/bundles.md says what can be done.
CROSSOVER = re.compile(r"\bcross-?\s?over\b", re.IGNORECASE)
NO_CROSSOVER = re.compile(
    r"\bparallel\b|\b(no|without|not)\b[^.;]*\bcross|\bfirst period\b|\bpost-?crossover\b",
    re.IGNORECASE,
)


#: Most arms and visits, the latest week, and the shortest time between visits in weeks (a minute).
MOST_ARMS, MOST_VISITS, LATEST, CLOSEST = 50, 200, 10_000.0, 1e-4


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
    decimal : str or None
        Decimal mark of the printed numbers, if stated.
    value_is : str
        What the number beside a mean in one cell is, if stated: ``sd`` or ``se``.
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
    decimal: str | None = None
    value_is: str = ""

    @property
    def alpha(self) -> float:
        """Significance level that the paper states; 0.05 if it states none."""
        value = self.methods.get("alpha", 0.05)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number and 0 < value < 1 else 0.05


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

    def word(self, key: str, allowed: Collection[str]) -> str:
        """One of a few words; empty if absent or another."""
        value = self.values.get(key)
        if value is None:
            return ""
        if value not in allowed:
            self.bad(key, " or ".join(f'"{word}"' for word in allowed))
            return ""
        return str(value)

    def tables(self, key: str) -> list[_Table]:
        """The ``[[key]]`` tables, numbered from 1."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.bad(key, f"[[{key}]] tables")
            return []
        return [_Table(f"{key}[{i}]", item, self.collector) for i, item in enumerate(value, 1)]


def read_header(
    path: Path | Given | None, collector: Collector, checksums: dict[str, str]
) -> Header | None:
    """Read ``study.toml``; problems go to the collector, None if it is no TOML at all."""
    if path is None:
        collector.add(FILE, None, "", "", "this file in the bundle")
        return None
    text = read_text(path, collector, checksums)
    if text is None or not all_visible(FILE, text, collector):
        return None
    try:
        values = parse_toml(text)
    except ValueError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else None
        collector.add(FILE, line, "", "", f"valid TOML ({error})")
        return None
    top = _Table("", values, collector)
    top.known(KEYS)
    visits, baseline = _visits(top)
    design = top.text("design")
    if CROSSOVER.search(design) and not NO_CROSSOVER.search(design):
        top.bad(
            "design",
            "parallel groups: the arms of a crossover are the same patients, which the models do "
            'not allow for (its first period alone can be entered: say "first period" here)',
        )
    return Header(
        title=top.text("title", required=True),
        citation=top.text("citation", required=True),
        design=design,
        randomised=top.flag("randomised", required=True),
        arms=_arms(top),
        visits=visits,
        baseline_visit=baseline,
        methods=_methods(top),
        exclusions=_exclusions(top),
        covariates=_covariates(top),
        decimal=top.word("decimal", DECIMALS) or None,
        value_is=top.word("value_is", VALUE_IS),
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
    if len(tables) > MOST_ARMS:
        top.collector.add(FILE, None, "arms", str(len(tables)), f"at most {MOST_ARMS} arms")
        tables = tables[:MOST_ARMS]
    if len(tables) < 2:
        top.collector.add(FILE, None, "arms", str(len(tables)), "at least two [[arms]] tables")
    for arm in tables:
        arm.known(ARM_KEYS)
        if arm.values.get("role") not in ROLES:
            arm.bad("role", "control or treatment")
        if np.isnan(_patients(arm)):
            arm.bad("n", f"a whole number of at least 2, up to {MOST_COUNTED:g}")
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
    usable = n is not None and 2 <= n <= MOST_COUNTED and n == int(n)
    return n if usable and n is not None else math.nan


def _visits(top: _Table) -> tuple[pd.DataFrame, str | None]:
    tables = top.tables("visits")
    if len(tables) > MOST_VISITS:
        top.collector.add(FILE, None, "visits", str(len(tables)), f"at most {MOST_VISITS} visits")
        tables = tables[:MOST_VISITS]
    if not tables:
        top.collector.add(FILE, None, "visits", "", "at least one [[visits]] table")
    previous = -math.inf
    base = None
    for i, visit in enumerate(tables):
        visit.known(VISIT_KEYS)
        week = visit.number("week")
        if week is None or abs(week) > LATEST:
            visit.bad("week", f"a number of weeks, up to {LATEST:g}")
        elif week - previous < CLOSEST and week > previous:
            visit.bad("week", f"a week at least {CLOSEST:g} after {previous:g}")
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
