"""Time all ten outcomes: the summary fit against Bambi on patients that match the tables.

Both sides keep 4 x 1,000 draws by nutpie, after the warm-up that is each one's default (400 and
1,000 iterations), in fresh processes on the same machine, one after the other: first with an empty
compilation cache (cold), then with the one just filled (warm). Neither side's total counts the time
to judge its draws, which is no part of a fit. Bambi fits ``y ~ 0 + arm:visit + (1|patient), sigma ~
0 + visit`` to each outcome in turn.

    python benchmarks/ten_outcomes.py            # writes benchmarks/results/ten_outcomes.json

"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
DRAWS, CHAINS, SEED = 1000, 4, 1
#: PyMC's and so Bambi's own.
THEIR_TUNE = 1000
CORRELATION = 0.6


def ours() -> dict[str, Any]:
    """Fit the longitudinal model to the printed tables."""
    start = time.perf_counter()
    import bayesasthma as ba

    study = ba.load_study("liu2025")
    options = ba.SamplerOptions(draws=DRAWS, chains=CHAINS, seed=SEED)
    fit = ba.fit(study, "longitudinal", options=options)
    assert isinstance(fit, ba.Fit)
    total = time.perf_counter() - start
    import arviz as az

    ess = az.ess(fit.data["posterior"].to_dataset())
    return {
        "total_s": total,
        "compile_s": fit.seconds["compile"],
        "sample_s": fit.seconds["sample"],
        "min_ess_bulk": min(float(ess[name].min()) for name in ess),
        "divergences": fit.gate.divergences,
    }


def patients() -> Any:
    """Simulated patients whose means and SDs are exactly those printed, one frame per outcome."""
    import numpy as np
    import pandas as pd

    import bayesasthma as ba

    study = ba.load_study("liu2025")
    rng = np.random.default_rng(SEED)
    visits, size = list(study.visits.index), len(study.visits)
    root = np.linalg.cholesky(np.full((size, size), CORRELATION) + (1 - CORRELATION) * np.eye(size))
    for outcome in study.outcomes.index:
        frames = []
        for arm in study.arms.index:
            cell = study.table.sel(outcome=outcome, arm=arm, statistic="level")
            y = rng.standard_normal((int(study.arms.loc[arm, "n"]), size)) @ root.T
            y = (y - y.mean(axis=0)) / y.std(axis=0, ddof=1)
            y = cell["mean"].to_numpy() + cell["sd"].to_numpy() * y
            frames.append(
                pd.DataFrame(
                    {
                        "y": y.ravel(),
                        "visit": np.tile(visits, len(y)),
                        "arm": arm,
                        "patient": [f"{arm}{i}" for i in np.repeat(np.arange(len(y)), size)],
                    }
                )
            )
        yield outcome, pd.concat(frames, ignore_index=True)


def bambi() -> dict[str, Any]:
    """Fit Bambi's mixed model to each outcome in turn."""
    start = time.perf_counter()
    import arviz as az
    import bambi as bmb

    sampling, smallest, divergences, judging = 0.0, float("inf"), 0, 0.0
    for _, frame in patients():
        formula = bmb.Formula("y ~ 0 + arm:visit + (1|patient)", "sigma ~ 0 + visit")
        model = bmb.Model(formula, frame)
        fitted = model.fit(
            draws=DRAWS, tune=THEIR_TUNE, chains=CHAINS, random_seed=SEED,
            inference_method="nutpie", progressbar=False,
        )  # fmt: skip
        seconds = fitted["posterior"].attrs.get("sampling_time")
        sampling += float(seconds) if seconds is not None else float("nan")
        begun = time.perf_counter()
        ess = az.ess(fitted["posterior"].to_dataset())
        judging += time.perf_counter() - begun
        smallest = min(smallest, *(float(ess[name].min()) for name in ess))
        divergences += int(fitted["sample_stats"]["diverging"].sum())
    return {
        "total_s": time.perf_counter() - start - judging,
        "sample_s": sampling,
        "min_ess_bulk": smallest,
        "divergences": divergences,
    }


def measure(side: str, cache: Path) -> dict[str, Any]:
    """Run one side in a fresh process with its own compilation cache."""
    flags = f"numba__fastmath=False,base_compiledir={cache}"
    result = subprocess.run(
        [sys.executable, __file__, "--side", side],
        env={
            **os.environ,
            "PYTENSOR_FLAGS": flags,
            "NUMBA_CACHE_DIR": str(cache / "numba"),
            "PYTHONWARNINGS": "ignore",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.exit(result.stderr)
    measured: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    print(side, json.dumps(measured), flush=True)
    return measured


def main() -> None:
    """Measure both sides, cold and warm, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("ours", "bambi"))
    side = parser.parse_args().side
    if side:
        measured = ours() if side == "ours" else bambi()
        measured["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps(measured))
        return
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ours", "bambi"):
            for state in ("cold", "warm"):
                results[f"{name}_{state}"] = measure(name, Path(folder) / name)
    start = time.perf_counter()
    command = [sys.executable, "-m", "bayesasthma", "--help"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    results["help_s"] = time.perf_counter() - start
    for state in ("cold", "warm"):
        a, b = results[f"ours_{state}"], results[f"bambi_{state}"]
        results[f"ratio_total_{state}"] = a["total_s"] / b["total_s"]
    a, b = results["ours_warm"], results["bambi_warm"]
    results["ratio_ess_per_sampling_second"] = (a["min_ess_bulk"] / a["sample_s"]) / (
        b["min_ess_bulk"] / b["sample_s"]
    )
    results["machine"] = {"cores": os.cpu_count(), "python": platform.python_version()}
    names = ("bayesasthma", "pymc", "nutpie", "pytensor", "bambi", "numba")
    results["versions"] = {name: version(name) for name in names}
    results["measured"] = datetime.now(UTC).date().isoformat()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "ten_outcomes.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in results.items() if k.startswith(("ratio", "help"))}))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
