"""Time the specification curve: one graph for many fits, one worker or two, few patients or many.

    python benchmarks/specification_curve.py                   # some fifteen minutes
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
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import bayesasthma as ba
from bayesasthma.dispatch import Processes, Task, Worker
from bayesasthma.dispatch import run as run_tasks
from bayesasthma.inference.diagnostics import check
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.sampling import SamplerOptions, sample
from bayesasthma.models import longitudinal
from bayesasthma.models.design import Design, design
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.specification_curve.fingerprints import environment
from bayesasthma.specification_curve.grid import ADJUSTMENTS, TableChoices
from bayesasthma.specification_curve.run import curve_options, options_of
from bayesasthma.specification_curve.study_grid import table_spec_of
from bayesasthma.specification_curve.tasks import Payload, draw_table, fit_specification, layouts
from bayesasthma.study.study import Study

RESULTS = Path(__file__).parent / "results"
PRIORS = ("weak", "sceptical", "enthusiastic", "pessimistic")
#: Fixed correlations, so that no specification is fitted twice.
RHO = 0.3


def options(small: bool, seed: int = 1) -> SamplerOptions:
    """The curve's own, or a few draws."""
    return curve_options(100 if small else None, 100 if small else None, None, seed)


def choices_of(prior: str) -> TableChoices:
    """A specification of ten outcomes."""
    return TableChoices(prior=prior, correlation=f"fixed:{RHO}")


def payload(study: Study, prior: str, chosen: SamplerOptions) -> Payload:
    """The same as a worker is sent it."""
    choices, estimands = choices_of(prior), tuple(ADJUSTMENTS.values())
    return Payload(study, choices, table_spec_of(choices), None, estimands, chosen, environment())


def reuse(study: Study, small: bool) -> dict[str, Any]:
    """Specifications per minute of one core: compiled once, or anew in two ways."""
    chosen, worker = options(small), Worker()
    sent = [payload(study, prior, chosen) for prior in PRIORS]
    first = fit_specification(sent[0], worker)  # the once, reported beside the rest
    graphs: CompiledGraphs = worker.kept["graphs"]
    apart = layouts(study, choices_of(PRIORS[0]))
    swaps = []
    for prior in PRIORS:
        start = time.perf_counter()
        graphs.get(apart[0], table_spec_of(choices_of(prior)))
        swaps.append(time.perf_counter() - start)
    start = time.perf_counter()
    for item in sent:
        fit_specification(item, worker)
    kept = (time.perf_counter() - start) / len(sent)
    start = time.perf_counter()
    for item in sent[:2]:
        fit_specification(item, Worker())  # numba's cache on disk knows the graph
    anew = (time.perf_counter() - start) / 2
    # data and priors written into the graph of every outcome, as a model is usually written
    few = apart[: 1 if small else 3]
    start = time.perf_counter()
    for one in few:
        sample(compile_constants(one, table_spec_of(choices_of(PRIORS[0]))), chosen)
    constants = (time.perf_counter() - start) / len(few) * len(study.outcomes)
    return {
        "compile_once_s": first["seconds"]["compile"],
        "swap_s": float(np.median(swaps)),
        "per_minute_compiled_once": 60 / kept,
        "per_minute_recompiled": 60 / anew,
        "per_minute_recompiled_with_constants": 60 / constants,
        "ratio_to_recompiled": anew / kept,
        "ratio_to_recompiled_with_constants": constants / kept,
    }


def compile_constants(layout: Design, spec: TableSpec) -> Any:
    """Compile a model whose data and prior scales are constants; no cache knows this prior."""
    import nutpie
    from pymc.model.transform.optimization import freeze_dims_and_data

    rho = RHO + 1e-9 * (time.time_ns() % 10**6)
    own = replace(spec, correlation=replace(spec.correlation, rho=rho))
    return nutpie.compile_pymc_model(freeze_dims_and_data(longitudinal.build(layout, own)))


def workers(study: Study, small: bool) -> dict[str, Any]:
    """Wall seconds of the same specifications at one and two workers, graphs compiled."""
    count = 2 if small else 8
    found: dict[str, Any] = {"specifications": count}
    for number in (1, 2):
        pool = Processes(fit_specification, number)
        try:
            # every worker compiles first: this measures the fits
            short = replace(options(small), draws=10, tune=10)
            ready = [
                Task(f"ready {i}", f"g{i}", payload(study, "weak", short)) for i in range(number)
            ]
            list(run_tasks(ready, pool, worth_joining=1))
            sent = [payload(study, PRIORS[i % 4], options(small, 100 * i)) for i in range(count)]
            tasks = [Task(f"fit {i}", "fits", own) for i, own in enumerate(sent)]
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


def patients(study: Study, small: bool) -> list[dict[str, Any]]:
    """Summary fits against the number of patients behind the printed numbers.

    Of each outcome by itself, as the curve samples it, and of all ten at once, as ``fit`` does.
    """
    spec, graphs = table_spec("longitudinal"), CompiledGraphs()
    alone = SamplerOptions(chains=2, cores=1)
    alone = replace(alone, draws=100, tune=100) if small else alone
    apart, whole = layouts(study, TableChoices()), design(study)
    found = []
    for n in (20, 1_000_000) if small else (20, 200, 2_000, 20_000, 200_000, 1_000_000):
        graphs.get(apart[0], spec)
        own = replace(study, arms=study.arms.assign(n=n))
        chosen = options_of(own, TableChoices(), options(small))
        start = time.perf_counter()
        drawn = [draw_table(with_n(one, n), spec, graphs, chosen) for one in apart]
        seconds = time.perf_counter() - start
        compiled = graphs.get(with_n(whole, n), spec)
        start = time.perf_counter()
        tree = sample(compiled, alone, n)
        together = time.perf_counter() - start
        gate = check("all", tree)
        found.append(
            {
                "n_per_arm": n,
                "apart_s": seconds,
                "apart_passed": sum(part.gate.passed for part in drawn),
                "apart_r_hat": max(part.gate.r_hat for part in drawn),
                "apart_ess_bulk": min(part.gate.ess_bulk for part in drawn),
                "together_s": together,
                "together_steps_per_draw": float(tree["sample_stats"]["n_steps"].mean()),
                "together_r_hat": gate.r_hat,
                "together_ess_bulk": gate.ess_bulk,
                "together_divergences": gate.divergences,
            }
        )
        print(json.dumps(found[-1]), flush=True)
    return found


PARTS = {"reuse": reuse, "workers": workers, "patients": patients}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="few draws and fits")
    parser.add_argument("--only", choices=PARTS, help="measure this part")
    chosen = parser.parse_args()
    small = chosen.small
    study = ba.load_study("liu2025")
    path = RESULTS / ("specification_curve_small.json" if small else "specification_curve.json")
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    names = ("bayesasthma", "pymc", "nutpie", "pytensor", "numba")
    for name in [chosen.only] if chosen.only else PARTS:
        load = os.getloadavg()[0]
        found = PARTS[name](study, small)
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
