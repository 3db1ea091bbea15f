"""Time `bayesasthma pool` of ten published trials, and what it finds of all eleven.

    python benchmarks/pooled_bundles.py           # ten trials, cold and warm; some minutes
    python benchmarks/pooled_bundles.py --example # all eleven, with each left out
    python benchmarks/pooled_bundles.py --classical # the classical analysis of all eleven, seconds

*cold*: empty home and cache folders, nothing compiled; *warm*: compiled code of that run, no saved
fit, and no study left out or fitted alone. Wall time is that of the machine as it was, so processor
time (user and system, all threads and processes) and the machine's load stand beside it. Stages are
wall seconds as each fit notes them. Writes benchmarks/results/pooled_bundles.json, with
``--example`` pooled_example.csv: mean effect and heterogeneity by the pooled model and by a meta-
analysis in two steps, by week; with ``--classical`` pooled_classical.csv, REML with the HKSJ
interval of the printed changes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.comparison.two_step import two_step
from bayesasthma.frequentist.meta_analysis import meta_analysis
from bayesasthma.inference.sampling import versions

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
BUNDLES = ROOT / "data" / "alogliptin"
#: Trials that are timed, and the arm that is pooled, against placebo.
COUNT = 10
DOSE = "mg25"
#: Where a fit is saved under its label, by what its label has.
KINDS = {"-alone-": "each alone", "-without-": "all but each", "": "all studies"}


def trials() -> list[Path]:
    """Folders of the bundles."""
    return sorted(path.parent for path in BUNDLES.glob("*/study.toml"))


def environment(home: Path) -> dict[str, str]:
    """Variables of this process, but that programs keep what they keep in an empty home."""
    own = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    folders = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "NUMBA_CACHE_DIR": home / "numba"}
    return own | {name: str(folder) for name, folder in folders.items()}


def stages(folder: Path) -> dict[str, float]:
    """Wall seconds of the fits in a folder, by kind of fit and what it did."""
    found: dict[str, float] = {}
    for path in sorted(folder.glob("*.nc")):
        kind = next(name for mark, name in KINDS.items() if mark in path.stem)
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            seconds = json.loads(tree.attrs["seconds"])
        for stage, own in seconds.items():
            name = f"{kind}: {stage}"
            found[name] = found.get(name, 0.0) + own
    return found


def run(bundles: list[Path], out: Path, variables: dict[str, str], *options: str) -> dict[str, Any]:
    """Pool bundles in a process of its own; ends this one if it fails or a gate does."""
    command = [sys.executable, "-m", "bayesasthma", "pool", *map(str, bundles), "--out", str(out)]
    command += ["--treatment", DOSE, *options]
    load = os.getloadavg()[0]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(process.returncode)
    wall = time.perf_counter() - start
    fits = stages(out / "posterior")
    rest = wall - sum(fits.values())
    return {
        "wall_s": round(wall, 1),
        "user_s": round(usage.ru_utime, 1),
        "system_s": round(usage.ru_stime, 1),
        "load_before": round(load, 1),
        "peak_memory_gb": round(usage.ru_maxrss / 1e6, 2),
        "stages_s": {name: round(own, 1) for name, own in (fits | {"rest": rest}).items()},
    }


def timed() -> None:
    """Pool ten trials, cold and warm, and write what it took."""
    chosen = trials()[:COUNT]
    found: dict[str, Any] = {"trials": [path.name for path in chosen]}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        for state, options in (("cold", ()), ("warm", ("--no-leave-one-out",))):
            found[state] = run(chosen, Path(folder) / state, environment(home), *options)
            print(state, json.dumps(found[state]), flush=True)
    found["machine"] = {"cores": os.cpu_count(), "python": platform.python_version()}
    found["versions"] = versions()
    found["measured"] = datetime.now(UTC).date().isoformat()
    path = RESULTS / "pooled_bundles.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")


def example(out: Path) -> None:
    """Pool all trials and write the pooled model's numbers beside those of two steps."""
    run(trials(), out, dict(os.environ))
    effects = pd.read_csv(out / "pooled_effects.csv").set_index("week")
    studies = pd.read_csv(out / "pooled_studies.csv")
    with xr.open_dataset(out / "pooled" / "hba1c.nc", engine="h5netcdf") as data:
        steps = two_step(data.load(), studies).set_index("week")
    ours = effects[
        ["n_studies_at_week", "mean", "sd", "q025", "q975", "mcse_mean",
         "predictive_q025", "predictive_q975", "tau_mean", "tau_q025", "tau_q975"]
    ]  # fmt: skip
    path = RESULTS / "pooled_example.csv"
    ours.join(steps.drop(columns="n_studies")).to_csv(path, float_format="%.4f")
    print(f"written to {path}")


def classical() -> None:
    """REML and HKSJ of the printed differences in change, week by week."""
    rows = []
    for folder in trials():
        table = pd.read_csv(folder / "summaries.csv").pivot(
            index="visit", columns="arm", values=["mean", "se"]
        )
        mean, variance = table.xs("mean", axis=1), table.xs("se", axis=1) ** 2
        found = pd.DataFrame(
            {
                "week": mean.index.str.removeprefix("week").astype(int),
                "y": mean[DOSE] - mean["placebo"],
                "se": np.sqrt(variance[DOSE] + variance["placebo"]),
            }
        )
        rows.append(found)
    every = pd.concat(rows)
    kept = []
    for week, own in every.groupby("week"):
        if len(own) > 1:
            own_result = meta_analysis(own["y"].to_numpy(), own["se"].to_numpy())
            kept.append({"week": week, "n_studies": len(own)} | {
                name: getattr(own_result, name)
                for name in ("estimate", "ci_low", "ci_high", "tau", "q_p", "i2",
                             "prediction_low", "prediction_high")
            })  # fmt: skip
    path = RESULTS / "pooled_classical.csv"
    pd.DataFrame(kept).to_csv(path, index=False, float_format="%.4g")
    print(f"written to {path}")


def main() -> None:
    """Measure, or make the example's numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", action="store_true")
    parser.add_argument("--classical", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "alogliptin")
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if asked.classical:
        classical()
    elif asked.example:
        example(asked.out)
    else:
        timed()


if __name__ == "__main__":
    main()
