"""A bundle in the making: arms, visits and outcomes as they turn up, and the files they become."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field

from bayesasthma._files.output import inert
from bayesasthma.errors import UsageError, visible
from bayesasthma.study._sheets import Collector
from bayesasthma.study.template import TO_FILL_IN

CONTROLS = re.compile(r"\b(placebo|control|sham|usual|standard|no treatment)\b", re.IGNORECASE)

#: Columns that take over what stands in the table, whatever it is; all others have been read.
FREE_TEXTS = frozenset({"label", "unit", "note", "source", "table"})


@dataclass
class Arm:
    """An arm's column: its label, where it is, its patients, and its id once all are known."""

    label: str
    column: int
    n: int
    id: str = ""


@dataclass
class Draft:
    """What has been read so far."""

    file: str
    collector: Collector
    arms: list[Arm] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    visits: dict[str, tuple[str, float]] = field(default_factory=dict)
    summaries: list[dict[str, str]] = field(default_factory=list)
    tests: list[dict[str, str]] = field(default_factory=list)
    baseline: list[dict[str, str]] = field(default_factory=list)
    adverse: list[dict[str, str]] = field(default_factory=list)
    #: Labels of outcomes whose rows are medians, and what stands beside these.
    medians: dict[str, str] = field(default_factory=dict)


def slug(label: str, taken: set[str], most: int = 30) -> str:
    """A short id of at most so many letters, digits and underscores."""
    short = re.search(r"\(([A-Za-z][A-Za-z0-9-]{1,9})\)\s*$", label)
    text = short[1] if short else label
    base = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:most].strip("_") or "outcome"
    name, count = base, 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    return name


def name_arms(draft: Draft, control: str | None) -> None:
    """Ids of arms, the control first, put into all rows."""
    labels = [arm.label for arm in draft.arms]
    if control is not None and control not in labels:
        raise UsageError(f"no arm {control!r}; the table has {', '.join(labels)}")
    named = [label for label in labels if CONTROLS.search(label)]
    first = control or (named[0] if named else labels[0])
    taken: set[str] = set()
    for arm in draft.arms:
        arm.id = slug(arm.label, taken)
        taken.add(arm.id)
    ids = {arm.label: arm.id for arm in draft.arms}
    draft.arms.sort(key=lambda arm: arm.label != first)
    for row in (*draft.summaries, *draft.baseline, *draft.adverse):
        row["arm"] = ids[row["arm"]]


def header_of(draft: Draft, decimal: str | None, value_is: str, randomised: bool | None) -> str:
    """Text of study.toml."""
    parts = ["design"] if randomised is not None else ["design", "randomised below"]
    unknown = [k for k, row in draft.outcomes.items() if row["direction"] == "none"]
    if unknown:
        parts.append(f"in outcomes.csv, which direction is better for {', '.join(unknown)}")
    design = "; ".join(parts)
    file = visible(draft.file).replace("\n", " ")
    lines = [
        f"# From {file}. What follows TO FILL IN is not in the table.",
        f'title = "{TO_FILL_IN}: title of the paper"',
        f'citation = "{TO_FILL_IN}: first author, journal, year, doi"',
        f'design = "{TO_FILL_IN}: {design}"',
        f"randomised = {str(bool(randomised)).lower()}",
    ]
    lines += [f"decimal = {json.dumps(decimal)}"] if decimal else []
    lines += [f"value_is = {json.dumps(value_is)}"] if value_is else []
    for i, arm in enumerate(draft.arms):
        role = "treatment" if i else "control"
        label = json.dumps(arm.label, ensure_ascii=False)
        lines += ["", "[[arms]]", f"id = {json.dumps(arm.id)}", f"label = {label}"]
        lines += [f'role = "{role}"', f"n = {arm.n}"]
    for name, (label, week) in sorted(draft.visits.items(), key=lambda item: item[1][1]):
        text = json.dumps(label, ensure_ascii=False)
        lines += [
            "",
            "[[visits]]",
            f"id = {json.dumps(name)}",
            f"label = {text}",
            f"week = {week:g}",
        ]
        lines += ["baseline = true"] if week == 0 else []
    return "\n".join(lines) + "\n"


def csv_of(rows: list[dict[str, str]]) -> str:
    """Text of a CSV file, its free texts such that no spreadsheet computes them."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: inert(text) if name in FREE_TEXTS else text for name, text in row.items()}
        for row in rows
    )
    return file.getvalue()
