"""Lines and branches that the tests run, by room: the record of `make coverage`.

The arguments are those that pytest was given, to be told in the record.
"""

from __future__ import annotations

import csv
import json
import platform
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOUND = ROOT / "build" / "coverage" / "coverage.json"
OUT = ROOT / "benchmarks" / "results" / "coverage.csv"
COLUMNS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def by_room(files: dict[str, dict[str, dict[str, int]]]) -> dict[str, list[int]]:
    """Lines, lines run, branches, branches taken of each folder, and of all."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * len(COLUMNS))
    for path, file in files.items():
        parts = path.replace("\\", "/").split("bayesasthma/")[-1].split("/")
        room = "/".join(parts[:-1][:2]) or "(root)"
        for place, name in enumerate(COLUMNS):
            sums[room][place] += file["summary"][name]
    whole = [sum(column) for column in zip(*sums.values(), strict=True)]
    return {**dict(sorted(sums.items())), "all": whole}


def share(part: int, whole: int) -> str:
    """In percent; of nothing, nothing."""
    return f"{100 * part / whole:.1f}" if whole else ""


def main() -> None:
    """Write the record, and print it."""
    facts = json.loads(FOUND.read_text(encoding="utf-8"))
    of = f" ARGS='{' '.join(sys.argv[1:])}'" if sys.argv[1:] else ""
    lines = [
        "# Coverage",
        "",
        f"Made by `make coverage{of}`, Python {platform.python_version()}.",
        "What Numba compiles is not seen: bodies in `models/kernels`, `pooling` count as not run.",
        "",
        "| room | lines | run, % | branches | taken, % |",
        "|---|---:|---:|---:|---:|",
    ]
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["room", "lines", "lines_run", "branches", "branches_taken"])
        for room, sums in by_room(facts["files"]).items():
            writer.writerow([room, *sums])
            count, run, branches, taken = sums
            lines.append(
                f"| `{room}` | {count} | {share(run, count)} | {branches} | "
                f"{share(taken, branches)} |"
            )
    text = "\n".join(lines) + "\n"
    OUT.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
