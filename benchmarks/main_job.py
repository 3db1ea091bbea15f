"""Time the main job as a newcomer meets it: a fresh clone, no caches of any kind, this machine.

Three runs of ``make reanalysis`` in one clone: *cold* (no environment, no compiled code, empty home
and cache folders), *warm* (environment and compiled code kept, fits and report removed), *resumed*
(nothing changed). The package index's own cache is not used either.

    python benchmarks/main_job.py            # writes benchmarks/results/main_job.json and .md

Needs git, make and a network. Of the working tree it takes what is committed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
#: Where a fit's seconds go, as ``run.json`` names it.
STAGES = ("compile", "sample", "predict")
PACKAGES = ("numba", "nutpie", "numpy", "pymc", "arviz-base")


def environment(home: Path) -> dict[str, str]:
    """Variables of this process, but that programs keep what they keep in an empty home."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTENSOR")}
    for name in (
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "NUMBA_CACHE_DIR",
        "MPLCONFIGDIR",
        "PYTHONPYCACHEPREFIX",
    ):
        own.pop(name, None)
    own.setdefault("PYENV_ROOT", str(Path.home() / ".pyenv"))
    folders = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "PIP_CACHE_DIR": home / "pip"}
    return own | {name: str(folder) for name, folder in folders.items()}


def git() -> str:
    """Where git is."""
    return shutil.which("git") or "git"


def timed(command: list[str], folder: Path, variables: dict[str, str]) -> float:
    """Wall seconds of a command; ends this process if it fails."""
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr[-5000:])
    return time.perf_counter() - start


def stages(folder: Path) -> dict[str, float]:
    """Seconds of a run by stage, from its ``run.json``; of fits by what they did."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    found: dict[str, float] = {}
    for name, seconds in run["timings"].items():
        model = name.removeprefix("fit ")
        parts = {
            stage: sum(
                fit["seconds"].get(stage, 0.0)
                for label, fit in run["fits"].items()
                if label.startswith(model)
            )
            for stage in STAGES
        }
        if name.startswith("fit ") and any(parts.values()):
            found |= {f"{name}: {stage}": round(own, 1) for stage, own in parts.items()}
            found[f"{name}: rest"] = round(seconds - sum(parts.values()), 1)
        else:
            found[name] = seconds
    return found


def measure(clone: Path, home: Path) -> dict[str, Any]:
    """All runs, in a clone that is made here."""
    subprocess.run([git(), "clone", "--quiet", str(ROOT), str(clone)], check=True)
    variables, out = environment(home), clone / "reports" / "liu2025"
    shutil.rmtree(out)
    found: dict[str, Any] = {"environment_s": timed(["make", ".venv/.installed"], clone, variables)}
    for state in ("cold", "warm", "resumed"):
        if state == "warm":
            shutil.rmtree(out)
        seconds = timed(["make", "reanalysis"], clone, variables)
        found[state] = {"seconds": seconds, "stages": stages(out)}
        print(state, json.dumps(found[state]), flush=True)
    found["cold"]["seconds"] += found["environment_s"]
    # of the largest process, compilers and package installer included
    found["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    python = clone / ".venv" / "bin" / "python"
    ask = f"from importlib.metadata import version as v; print(*map(v, {PACKAGES!r}))"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    found["versions"] = dict(zip(PACKAGES, answer.stdout.split(), strict=True))
    return found


def table(found: dict[str, Any]) -> str:
    """Where the seconds go, as Markdown."""
    rows = list(dict.fromkeys(name for own in ("cold", "warm") for name in found[own]["stages"]))
    lines = ["| stage | cold (s) | warm (s) |", "|---|---|---|"]
    lines.append(f"| environment | {found['environment_s']:.1f} | – |")
    for name in rows:
        cells = [found[own]["stages"].get(name, 0.0) for own in ("cold", "warm")]
        lines.append(f"| {name} | " + " | ".join(f"{own:.1f}" for own in cells) + " |")
    whole = [found[own]["seconds"] for own in ("cold", "warm")]
    lines.append("| **whole command** | " + " | ".join(f"**{own:.1f}**" for own in whole) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the results."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        found = measure(Path(folder) / "clone", home)
    commit = [git(), "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    found["commit"] = subprocess.run(
        commit, capture_output=True, text=True, check=True
    ).stdout.strip()
    found["machine"] = {"cores": os.cpu_count(), "python": platform.python_version()}
    found["measured"] = datetime.now(UTC).date().isoformat()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "main_job.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(table(found), encoding="utf-8")
    print(table(found))
    print(f"resumed: {found['resumed']['seconds']:.1f} s; written to {path}")


if __name__ == "__main__":
    main()
