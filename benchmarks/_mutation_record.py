"""The record of mutants: the table, the page made of it, and what was found of survivors."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
READ = HERE / "mutation_read.csv"


def interval(noticed: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z = 1.959964
    middle = (noticed + z**2 / 2) / (count + z**2)
    half = z * (noticed * (count - noticed) / count + z**2 / 4) ** 0.5 / (count + z**2)
    return middle - half, middle + half


def readings() -> Callable[[dict[str, Any]], str]:
    """What was found when a survivor was read."""
    key = itemgetter("module", "function", "before", "after")
    with READ.open(encoding="utf-8", newline="") as file:
        read = {key(row): row["reading"] for row in csv.DictReader(file)}
    return lambda row: read.get(key(row), "not read yet")


def page(rows: list[dict[str, Any]]) -> str:
    """The record in Markdown."""
    reading = readings()
    lines = [
        "# Mutants",
        "",
        "Made by `make mutation`; `benchmarks/mutation.py` says how. A score is the share of the",
        "drawn mutants that the tests notice, with Wilson's 95 % interval. Tests that",
        "survivors asked for count once these were judged again (`ARGS=--survivors`): the score is",
        "then too good an estimate of the room's, which a draw with another seed would tell.",
        "",
        "| room | mutants | drawn | noticed | score | interval | of the others, change nothing |",
        "|---|---:|---:|---:|---:|---|---:|",
    ]

    rooms = list(dict.fromkeys(row["room"] for row in rows))
    for room in rooms:
        own = [row for row in rows if row["room"] == room]
        noticed = sum(row["outcome"] != "survived" for row in own)
        same = sum(row["outcome"] == "survived" and reading(row).startswith("same") for row in own)
        low, high = interval(noticed, len(own))
        lines.append(
            f"| `{room}` | {int(own[0]['mutants']):,} | {len(own)} | {noticed} | "
            f"{noticed / len(own):.0%} | {low:.0%} to {high:.0%} | {same} |"
        )
    lines += ["", "| room | seed | seconds of tests | SHA-256 of the room's files | Python |"]
    lines += ["|---|---:|---:|---|---|"]
    for room in rooms:
        own = next(row for row in rows if row["room"] == room)
        lines.append(
            f"| `{room}` | {own['seed']} | {own['seconds']} | `{own['source']}` | {own['python']} |"
        )
    lines += ["", "## By module", "", "| module | drawn | noticed |", "|---|---:|---:|"]
    drawn = Counter(row["module"] for row in rows)
    found = Counter(row["module"] for row in rows if row["outcome"] != "survived")
    lines += [f"| `{module}` | {drawn[module]} | {found[module]} |" for module in drawn]
    lines += ["", "## Survivors, as read", ""]
    lines += ['"same": no input gives another answer.', ""]
    for row in rows:
        if row["outcome"] == "survived":
            lines.append(
                f"- `{row['module']}`, `{row['function']}`: `{row['before']}` → `{row['after']}`: "
                f"{reading(row)}"
            )
    return "\n".join(lines) + "\n"


def recorded() -> list[dict[str, Any]]:
    """The rows of the record."""
    table = RESULTS / "mutation.csv"
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(rows: list[dict[str, Any]]) -> None:
    """Write the record."""
    with (RESULTS / "mutation.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (RESULTS / "mutation.md").write_text(page(rows), encoding="utf-8")
