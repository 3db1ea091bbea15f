"""Time the specification curve: one graph for many fits, one worker or two, few patients or many.

    python benchmarks/specification_curve.py                   # some ten minutes
    python benchmarks/specification_curve.py --only patients   # one part
    python benchmarks/specification_curve.py --small           # fewer fits, to try it out

Writes benchmarks/results/specification_curve.json, part by part. Wall times depend on what else the
machine does: each part records the load average at its start.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import bayesasthma as ba
from bayesasthma.convergence import ess_bulk
from bayesasthma.correlation import CorrelationPrior
from bayesasthma.dispatch import Processes, Task, Worker
from bayesasthma.dispatch import run as run_tasks
from bayesasthma.graphs import CompiledGraphs
from bayesasthma.models import longitudinal
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.sampling import SamplerOptions, compile_model, sample
from bayesasthma.series import Design, design

RESULTS = Path(__file__).parent / "results"
PRIORS = ("weak", "sceptical", "enthusiastic", "pessimistic")


def options(small: bool, seed: int = 1) -> SamplerOptions:
    """The curve's own, or a few draws."""
    from bayesasthma.specification_curve import curve_options

    return curve_options(200 if small else None, 200 if small else None, 2, seed)


def reuse(layout: Design, small: bool) -> dict[str, Any]:
    """Fits per minute of one core: compiled once, against compiled for each in two ways."""
    many, few = (4, 1) if small else (12, 3)
    chosen = replace(options(small), cores=1)
    graphs = CompiledGraphs()
    graphs.get(layout, table_spec("longitudinal"))  # the once, reported beside the rest
    swaps = []
    for prior in PRIORS:
        start = time.perf_counter()
        graphs.get(layout, table_spec("longitudinal", prior))
        swaps.append(time.perf_counter() - start)
    kept = seconds_a_fit(chosen, many, lambda spec: graphs.get(layout, spec))
    found = {
        "fits": many,
        "refits": few,
        "compile_once_s": sum(graphs.seconds.values()),
        "swap_s": float(np.median(swaps)),
        "per_minute_compiled_once": 60 / kept,
    }
    for name, compiled in (
        # numba's cache on disk knows the graph, whose data and priors are inputs
        ("recompiled", lambda spec: compile_model(longitudinal.build(layout, spec))),
        # data and priors written into the graph, as a model is usually written
        ("recompiled_with_constants", lambda spec: compile_constants(layout, spec)),
    ):
        anew = seconds_a_fit(chosen, few, compiled)
        found |= {f"per_minute_{name}": 60 / anew, f"ratio_to_{name}": anew / kept}
    return found


def seconds_a_fit(
    chosen: SamplerOptions, count: int, compiled: Callable[[TableSpec], Any]
) -> float:
    """Wall seconds of a fit with whatever it takes to compile its model."""
    # a prior that no earlier run compiled: a graph with constants is in no cache
    location = CorrelationPrior().location + 1e-9 * (time.time_ns() % 10**6)
    start = time.perf_counter()
    for i in range(count):
        prior = table_spec("longitudinal", PRIORS[i % len(PRIORS)])
        spec = replace(prior, correlation=replace(prior.correlation, location=location))
        sample(compiled(spec), replace(chosen, seed=i + 1))
    return (time.perf_counter() - start) / count


def compile_constants(layout: Design, spec: TableSpec) -> Any:
    """Compile a model whose data and prior scales are constants."""
    import nutpie
    from pymc.model.transform.optimization import freeze_dims_and_data

    return nutpie.compile_pymc_model(freeze_dims_and_data(longitudinal.build(layout, spec)))


def one_fit(payload: Any, worker: Worker) -> float:
    """A fit with the worker's own graph; seconds."""
    layout, prior, chosen = payload
    graphs = worker.kept.setdefault("graphs", CompiledGraphs())
    compiled = graphs.get(layout, table_spec("longitudinal", prior))
    if chosen is None:
        return 0.0
    start = time.perf_counter()
    sample(compiled, replace(chosen, cores=1))
    return time.perf_counter() - start


def workers(layout: Design, small: bool) -> dict[str, Any]:
    """Wall seconds of the same fits at one and two workers, one core each, graphs compiled."""
    count = 4 if small else 24
    found: dict[str, Any] = {"fits": count}
    for number in (1, 2):
        pool = Processes(one_fit, number)
        try:
            # every worker compiles first: this measures the fits
            ready = [Task(f"ready {i}", f"g{i}", (layout, "weak", None)) for i in range(number)]
            list(run_tasks(ready, pool, worth_joining=1))
            tasks = [
                Task(f"fit {i}", "fits", (layout, PRIORS[i % 4], options(small, seed=i + 1)))
                for i in range(count)
            ]
            start = time.perf_counter()
            for outcome in run_tasks(tasks, pool, worth_joining=1):
                assert not outcome.error, outcome.error
            found[f"seconds_{number}"] = time.perf_counter() - start
        finally:
            pool.close()
    found["speed_up"] = found["seconds_1"] / found["seconds_2"]
    return found


def with_n(layout: Design, n: int) -> Design:
    """The same means and SDs from ``n`` patients in each arm."""
    tables = tuple(replace(table, n=np.full_like(table.n, n)) for table in layout.tables)
    return replace(layout, tables=tables, n_arm=np.full_like(layout.n_arm, n))


def patients(layout: Design, small: bool) -> list[dict[str, Any]]:
    """Seconds of a summary fit against the number of patients behind the printed numbers."""
    # the warm-up of a fit by itself: a curve's is too short for the scales of a million patients
    chosen = replace(options(small), cores=1, tune=SamplerOptions().tune)
    graphs = CompiledGraphs()
    found = []
    for n in (20, 1_000_000) if small else (20, 200, 2_000, 20_000, 200_000, 1_000_000):
        compiled = graphs.get(with_n(layout, n), table_spec("longitudinal"))
        start = time.perf_counter()
        tree = sample(compiled, chosen)
        seconds = time.perf_counter() - start
        effect = tree["posterior"]["effect"].to_numpy()
        effect = effect.reshape(*effect.shape[:2], -1)
        stats = tree["sample_stats"].to_dataset()
        found.append(
            {
                "n_per_arm": n,
                "tune": chosen.tune,
                "seconds": seconds,
                "ess_bulk_effects": float(ess_bulk(effect).min()),
                "steps_per_draw": float(stats["n_steps"].mean()),
                "divergences": int(stats["diverging"].sum()),
            }
        )
    return found


PARTS = {"reuse": reuse, "workers": workers, "patients": patients}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="few draws and fits")
    parser.add_argument("--only", choices=PARTS, help="measure this part")
    chosen = parser.parse_args()
    small = chosen.small
    layout = design(ba.load_study("liu2025"))
    path = RESULTS / ("specification_curve_small.json" if small else "specification_curve.json")
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    names = ("bayesasthma", "pymc", "nutpie", "pytensor", "numba")
    for name in [chosen.only] if chosen.only else PARTS:
        load = os.getloadavg()[0]
        found = PARTS[name](layout, small)
        print(name, json.dumps(found), flush=True)
        results[name] = {
            "found": found,
            "options": options(small).record(),
            "load_average": load,
            "versions": {name: version(name) for name in names},
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "measured": datetime.now(UTC).date().isoformat(),
        }
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
