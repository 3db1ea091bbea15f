"""What a small main job does when it is killed, interrupted or out of space in each of its stages.

    python benchmarks/faults.py            # writes benchmarks/results/faults.csv
    python benchmarks/faults.py --stages audit,saving --faults TERM

Each case runs the main job on a simulated bundle in a process of its own, lets one fault happen in
one stage, and then runs the job again as anybody would. Recorded are the exit status, the last line
that was said, the unfinished files that were left, and of the second run its status, what it left
and whether its tables are those of an undisturbed run, byte for byte.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.bundles import one_visit  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "faults.csv"
STAGES = ("audit", "compile", "sampling", "predictive", "saving", "figures", "report")
FAULTS = ("KILL", "TERM", "INT", "full")
JOB = ["reanalyse", "study", "--out", "out", "--draws", "100", "--tune", "200", "--chains", "2"]
TABLES = ("audit.csv", "effects.csv", "comparison.csv", "diagnostics.csv")
COLUMNS = ("stage", "fault", "status", "said", "left", "status_after", "left_after", "same_tables")

#: Runs the job with a fault in a stage: arguments are both, then those of the job.
DISTURBED = r"""
import errno, os, pathlib, signal, sys, threading
stage, fault, *arguments = sys.argv[1:]
# a shell that starts this in the background has Ctrl-C ignored, and then nothing would happen
signal.signal(signal.SIGINT, signal.default_int_handler)
full = False

def strike():
    global full
    if fault == "full":
        full = True
    else:
        os.kill(os.getpid(), getattr(signal, "SIG" + fault))

def before(module, name, later=0.0):
    original = getattr(module, name)
    def struck(*args, **options):
        if later:
            threading.Timer(later, strike).start()
        else:
            strike()
        return original(*args, **options)
    setattr(module, name, struck)

class Full:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *_): self.file.close()
    def writelines(self, pieces):
        self.file.write(bytes(next(iter(pieces)))[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

opened, replaced = pathlib.Path.open, pathlib.Path.replace
def opening(self, mode="r", *args, **options):
    file = opened(self, mode, *args, **options)
    return Full(file) if full and "w" in mode and self.name.endswith(".part") else file
def replacing(self, target):
    path = pathlib.Path(target)
    here = {"saving": path.suffix == ".nc", "figures": path.parent.name == "figures",
            "report": path.name == "report.html"}
    if fault != "full" and here.get(stage):
        strike()
    return replaced(self, target)
def opening_a_stage(self, mode="r", *args, **options):
    here = {"saving": ".nc." in self.name, "figures": self.parent.name == "figures",
            "report": "report.html" in self.name}
    if fault == "full" and "w" in mode and here.get(stage):
        strike()
    return opening(self, mode, *args, **options)
pathlib.Path.open, pathlib.Path.replace = opening_a_stage, replacing

import bayesasthma.auditing
from bayesasthma.inference import fitting
if stage == "audit": before(bayesasthma.auditing, "audit")
if stage == "compile": before(fitting, "ready_table")
if stage == "sampling": before(fitting, "sample_closely", 0.2); before(fitting, "sample_apart", 0.2)
if stage == "predictive": before(fitting, "assemble")
from bayesasthma.commands.cli import main
main(arguments)
"""


def run(folder: Path, *disturbed: str) -> tuple[int, str]:
    """The job, with a fault or without: its status and the last line it said."""
    program = ["-c", DISTURBED, *disturbed] if disturbed else ["-m", "bayesasthma"]
    done = subprocess.run(
        [sys.executable, *program, *JOB], cwd=folder, capture_output=True, text=True, check=False
    )
    status = done.returncode if done.returncode >= 0 else 128 - done.returncode
    lines = done.stderr.strip().splitlines()
    said = "TRACEBACK " * ("Traceback" in done.stderr) + (lines[-1] if lines else "")
    return status, said[:160]


def left(folder: Path) -> str:
    """Unfinished files, without the number of their process."""
    found = (path.relative_to(folder / "out") for path in (folder / "out").rglob("*.part*"))
    names = (path.with_name(path.name.split(".part")[0]).with_suffix("") for path in found)
    return " ".join(sorted(map(str, names)))


def tables(folder: Path) -> dict[str, bytes]:
    """Tables of a run."""
    return {name: (folder / "out" / name).read_bytes() for name in TABLES}


def case(stage: str, fault: str, truth: dict[str, bytes]) -> dict[str, object]:
    """One fault in one stage, and the run after it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        one_visit(folder / "study")
        status, said = run(folder, stage, fault)
        found = left(folder)
        again, words = run(folder)
        same = again in {0, 1} and tables(folder) == truth
        after = left(folder) or words * (again > 1)
        values = (stage, fault, status, said, found, again, after, same)
        return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    """Try every fault in every stage."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--faults", default=",".join(FAULTS))
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    with tempfile.TemporaryDirectory() as scratch:
        one_visit(Path(scratch) / "study")
        run(Path(scratch))
        truth = tables(Path(scratch))
    rows = []
    for stage in asked.stages.split(","):
        for fault in asked.faults.split(","):
            rows.append(case(stage, fault, truth))
            print(*rows[-1].values(), sep=" | ", flush=True)
    if (asked.stages, asked.faults) == (",".join(STAGES), ",".join(FAULTS)):
        with RESULTS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    wrong = [row for row in rows if row["left_after"] or not row["same_tables"]]
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
