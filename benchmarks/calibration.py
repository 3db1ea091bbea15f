"""Time simulation-based calibration: seconds per 100 replicates, and what a second worker saves.

    python benchmarks/calibration.py                       # some five minutes
    python benchmarks/calibration.py --only longitudinal   # one model

Simulating, fitting and ranking, the graphs being compiled. Writes
benchmarks/results/calibration.json, model by model. The joint model is left out: one batch of it
takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bayesasthma.calibration.cases import CASES
from bayesasthma.calibration.procedure import SEED
from bayesasthma.calibration.ranking import BATCH, RankJob
from bayesasthma.dispatch import Processes, Task, Worker
from bayesasthma.dispatch import run as run_tasks
from bayesasthma.inference.graphs import CompiledGraphs

PATH = Path(__file__).parent / "results" / "calibration.json"
MODELS = {"longitudinal": 4, "independent": 12, "adverse-per-visit": 12}  # and batches to time
WORKERS = (1, 2)


def one_batch(payload: Any, worker: Worker) -> int:
    """Simulate, fit and rank one batch with the worker's own graphs; fits."""
    job, number = payload
    arrays = job.batch(number, SEED, worker.kept.setdefault("graphs", CompiledGraphs()))
    return len(arrays["fits"])


def timed(case: str, batches: int) -> dict[str, Any]:
    """Wall seconds of the same batches at one and at two workers."""
    job = RankJob(next(own for own in CASES if own.name == case))
    found: dict[str, Any] = {"replicates": batches * BATCH}
    for count in WORKERS:
        pool = Processes(one_batch, count)
        try:
            # a batch for every worker first, which compiles
            ready = [Task(f"ready {i}", f"g{i}", (job, i)) for i in range(count)]
            list(run_tasks(ready, pool, worth_joining=1))
            tasks = [Task(f"batch {i}", "batches", (job, i)) for i in range(batches)]
            start = time.perf_counter()
            for outcome in run_tasks(tasks, pool, worth_joining=1):
                assert not outcome.error, outcome.error
            seconds = time.perf_counter() - start
        finally:
            pool.close()
        found[f"seconds_per_100_at_{count}"] = 100 * seconds / found["replicates"]
    found["speed_up"] = found["seconds_per_100_at_1"] / found["seconds_per_100_at_2"]
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MODELS, help="measure this model")
    chosen = parser.parse_args()
    results = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    names = ("bayesasthma", "pymc", "nutpie", "pytensor", "numba")
    for case in [chosen.only] if chosen.only else MODELS:
        load = os.getloadavg()[0]
        found = timed(case, MODELS[case])
        print(case, json.dumps(found), flush=True)
        results[case] = {
            "found": found,
            "load_average": load,
            "versions": {name: version(name) for name in names},
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "measured": datetime.now(UTC).date().isoformat(),
        }
        PATH.parent.mkdir(exist_ok=True)
        PATH.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written to {PATH}")


if __name__ == "__main__":
    main()
