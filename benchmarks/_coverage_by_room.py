"""Lines and branches that the tests run, by room: the record of `make coverage`."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOUND = ROOT / "build" / "coverage" / "coverage.json"
OUT = ROOT / "benchmarks" / "results" / "coverage.csv"
COLUMNS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def main() -> None:
    """Sum coverage's figures of the files of each folder and write them."""
    facts = json.loads(FOUND.read_text(encoding="utf-8"))
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * len(COLUMNS))
    for path, file in facts["files"].items():
        parts = path.replace("\\", "/").split("bayesasthma/")[-1].split("/")
        room = "/".join(parts[:-1][:2]) or "(root)"
        for place, name in enumerate(COLUMNS):
            sums[room][place] += file["summary"][name]
    sums["all"] = [sum(column) for column in zip(*sums.values(), strict=True)]
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["room", "lines", "lines_run", "branches", "branches_run", "share_run"])
        for room, (lines, run, branches, taken) in sums.items():
            share = (run + taken) / max(lines + branches, 1)
            writer.writerow([room, lines, run, branches, taken, f"{share:.3f}"])
            print(f"{room:32} {share:6.1%}")


if __name__ == "__main__":
    main()
