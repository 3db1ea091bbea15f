"""The grid of calibration/common_change.csv with the model of the first edition (commit 0af8b09).

    git worktree add FIRST 0af8b09
    PYTHONPATH=FIRST/src python benchmarks/_common_change_before.py \
        --new . --studies 120 --workers 2

The job and the table are those of the new source (``--new``), read from its files under the names
that the first edition's modules had: so patients, seeds and columns are the same, and the model,
likelihood, sampler and coordinates are the old ones. A batch that is done is kept in ``batches/``;
a rerun resumes. Writes ``<new>/calibration/common_change_before.csv`` (elsewhere with ``--out``).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import multiprocessing
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np

COMMIT = "0af8b09"
SEED = 20250711
HERE = Path(__file__).parent
#: What the first edition had: no randomised studies.
RHO, BASELINE = 0.6, "free"
_KEPT: dict[str, object] = {}


def new_modules(new: str) -> tuple[types.ModuleType, types.ModuleType]:
    """The new source's job and table, on top of the old package."""
    import bayesasthma.graphs  # only the first edition has it

    package = types.ModuleType("bayesasthma.inference")
    package.__path__ = []
    sys.modules.setdefault("bayesasthma.inference", package)
    sys.modules.setdefault("bayesasthma.inference.graphs", bayesasthma.graphs)
    found = []
    for name in ("common_change", "common_change_table"):
        full = f"bayesasthma.calibration.{name}"
        if full not in sys.modules:
            path = Path(new) / "src/bayesasthma/calibration" / f"{name}.py"
            spec = importlib.util.spec_from_file_location(full, path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[full] = module
            spec.loader.exec_module(module)
        found.append(sys.modules[full])
    return found[0], found[1]


def do(task: tuple[str, tuple, int, str]) -> tuple[str, float]:
    """One batch, into its file."""
    new, cell, number, path = task
    job_module, _ = new_modules(new)
    from bayesasthma.graphs import CompiledGraphs

    graphs = _KEPT.setdefault("graphs", CompiledGraphs())
    compiled, start = sum(graphs.seconds.values()), time.perf_counter()
    arrays = job_module.CommonChangeJob(*cell).batch(number, SEED, graphs)
    seconds = time.perf_counter() - start - (sum(graphs.seconds.values()) - compiled)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part.npz")
    np.savez_compressed(part, **arrays, seconds=seconds)
    part.replace(target)
    return f"{target.parent.name}/{target.stem}", seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--new", default=".")
    parser.add_argument("--studies", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sizes", default="", help="such as 10,20; all by default")
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    import bayesasthma

    root = Path(bayesasthma.__file__).parents[2]
    git = ["git", "-C", str(root)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    dirty = subprocess.run(
        [*git, "status", "--porcelain", "--", "src"], capture_output=True, text=True, check=True
    )
    if not head.stdout.startswith(COMMIT) or dirty.stdout.strip():
        raise SystemExit(f"PYTHONPATH must lead to a clean worktree of {COMMIT}, not {root}")
    job_module, table_module = new_modules(options.new)
    # batches of another job are not this one's
    source = Path(options.new) / "src/bayesasthma/calibration/common_change.py"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
    sizes = {int(own) for own in options.sizes.split(",") if own}
    jobs = [
        job
        for job in job_module.GRID
        if (job.rho, job.baseline) == (RHO, BASELINE) and (not sizes or job.n in sizes)
    ]
    files = {
        (job, number): HERE / "batches" / digest / job.name / f"{number:04d}.npz"
        for number in range(jobs[0].batches(options.studies))
        for job in jobs
    }
    tasks = [
        (options.new, (job.n, job.rho, job.improvement, job.baseline), number, str(path))
        for (job, number), path in files.items()
        if not path.exists()
    ]
    spent = 0.0
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done, (name, seconds) in enumerate(pool.imap_unordered(do, tasks), 1):
            spent += seconds
            left = spent / done * (len(tasks) - done) / 60
            print(f"{name}: {seconds:.0f} s; {done} of {len(tasks)}; {left:.0f} core minutes left")
    results, facts = {}, []
    for job in jobs:
        parts = [np.load(path) for (own, _), path in files.items() if own == job]
        results[job] = np.concatenate([part["values"] for part in parts])
        facts += [part["fits"] for part in parts]
    table = table_module.common_change_table(results)
    out = Path(options.out or Path(options.new) / "calibration" / "common_change_before.csv")
    table.to_csv(out, index=False, float_format="%.4g", lineterminator="\n")
    fits = np.concatenate(facts)
    print(table[["n", "improvement", "bias", "shift", "shift_error", "type_1", "verdict"]])
    print(f"{len(fits)} fits, {int(fits[:, 3].sum())} repeated; written to {out}")


if __name__ == "__main__":
    main()
