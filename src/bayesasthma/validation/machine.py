"""IQ: the machine: kernels load, folders can be written, texts, numbers, clock and room."""

from __future__ import annotations

import json
import locale
import os
import platform
import shutil
import stat
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bayesasthma._files.output import write_text
from bayesasthma.dispatch.local import available_cores
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.validation.bench import Bench, answers
from bayesasthma.validation.graph_densities import CASES, kernel_of
from bayesasthma.validation.items import Check, Finding

#: Room that a run of the bundled study and the compiled code of the models take at most, in bytes.
ROOM = 500_000_000
#: Signs that a table or a label may have.
SIGNS = "16.8 ± 4.3, ρ = −0.5, β2-Agonist, größer, 喘息"
#: What a clock may be behind that of the machine that made the release.
BEHIND = timedelta(days=1)


def checks() -> list[Check]:
    """Kernels, folders, texts, clock, room."""
    kernels = {"independent": "flat", "longitudinal": "normal", "joint": "normal",
               "adverse": "normal"}  # fmt: skip
    found = [
        Check(
            f"IQ-{10 + i}",
            "R04",
            f"Machine code of the model {name}: compiled or read from disk, and run where chains "
            "start",
            "a finite log-density and gradient",
            "none",
            "What does not run here cannot be sampled here.",
            lambda bench, name=name: kernel_runs(bench, name),  # type: ignore[misc]
            quick=name != "joint",
        )
        for i, name in enumerate(kernels)
    ]
    return [
        *found,
        Check(
            "IQ-20",
            "R05",
            "Machine, processor, cores, number format, linear algebra",
            "recorded; 64-bit IEEE 754 numbers",
            "none",
            "Draws depend on the processor: posteriors of two machines agree within Monte Carlo "
            "error, not digit by digit.",
            lambda _: number_format(),
        ),
        Check(
            "IQ-21",
            "R05",
            "Matrix product, Cholesky factor and solution by the linear algebra installed",
            "equal to exact ones of integers",
            "1e-12",
            "Rounding of double precision.",
            lambda _: linear_algebra(),
        ),
        Check(
            "IQ-22",
            "R06",
            "A file in the results folder: written, read back, its permissions",
            "readable and writable by its owner, otherwise as the user's umask says",
            "none",
            "Results must stay readable, and closed to others where the user wants that.",
            lambda bench: results_folder(bench.scratch),
        ),
        Check(
            "IQ-23",
            "R06",
            "Folder of the compiled code",
            "can be written, and has the code of the model independent",
            "none",
            "Without it every run compiles again.",
            cache_folder,
        ),
        Check(
            "IQ-24",
            "R06",
            "Room on the disk of the results",
            f"at least {ROOM / 1e6:.0f} MB",
            "none",
            "A main job with all its fits takes less.",
            lambda bench: disk_room(bench.folder),
        ),
        Check(
            "IQ-25",
            "R07",
            "Signs and numbers through a file",
            "read as they were written",
            "none",
            "UTF-8 and a decimal point, whatever the locale.",
            lambda bench: text_round_trip(bench.scratch),
        ),
        Check(
            "IQ-26",
            "R08",
            "Clock",
            "not before the release, and it goes forward",
            "1 day",
            "Clocks of two machines, and time zones, differ.",
            lambda _: clock(datetime.now(UTC)),
        ),
    ]


def kernel_runs(bench: Bench, name: str) -> Finding:
    """Compile or read the machine code of a model, and evaluate it once."""
    model = kernel_of(CASES[name], bench.study)
    start = time.perf_counter()
    code = model.kernel.compiled
    seconds = time.perf_counter() - start
    value, gradient, status = model.value_and_gradient(model.initial_point())
    hits = code.logp.cache_hits + code.expand.cache_hits
    how = "read from disk" if hits == 2 else "compiled"
    good = status == 0 and bool(np.isfinite(value)) and bool(np.isfinite(gradient).all())
    text = f"{how} in {seconds:.1f} s; {model.n_dim} parameters, log-density {value:.6g}"
    return Finding(text, good)


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    path = Path("/proc/cpuinfo")
    try:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Hardware")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def blas() -> str:
    """Library that NumPy's linear algebra was built with."""
    try:
        facts: Any = np.show_config(mode="dicts")
        own = facts["Build Dependencies"]["blas"]
        return f"{own.get('name', 'unknown')} {own.get('version', '')}".strip()
    except (KeyError, TypeError):
        return "unknown"


def facts() -> dict[str, str]:
    """The machine, for the report."""
    threads = {
        name: os.environ[name]
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                     "NUMBA_NUM_THREADS", "NUMBA_CPU_NAME", "PYTENSOR_FLAGS")
        if name in os.environ
    }  # fmt: skip
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": f"{available_cores()} of {os.cpu_count()}",
        "linear algebra": blas(),
        "settings": ", ".join(f"{k}={v}" for k, v in threads.items()) or "none",
        "Python": f"{platform.python_version()} ({platform.python_compiler()})",
        "interpreter": sys.executable,
        "package": str(Path(__file__).resolve().parents[1]),
        "locale": ".".join(filter(None, locale.getlocale())) or "C",
        "time zone": time.strftime("%Z (UTC%z)"),
    }


def number_format() -> Finding:
    """Double precision as IEEE 754 has it, gradual underflow included."""
    own = np.finfo(float)
    good = own.nmant == 52 and own.maxexp == 1024 and 0 < float(np.nextafter(0.0, 1.0)) < own.tiny
    good = good and np.dtype(np.intp).itemsize == 8
    about = facts()
    names = ("processor", "machine", "cores", "linear algebra")
    return Finding("; ".join(f"{name}: {about[name]}" for name in names), bool(good))


def linear_algebra() -> Finding:
    """Products and factors of integers, whose answers are exact."""
    size = 120
    low = np.tril(np.arange(size * size).reshape(size, size) % 7 + 0.0)
    np.fill_diagonal(low, 40.0)
    square = low @ low.T
    exact = np.array([[int(low[i] @ low[j]) for j in range(size)] for i in range(size)], float)
    away = [
        float(np.abs(square - exact).max()),
        float(np.abs(np.linalg.cholesky(exact) - low).max()),
        float(np.abs(np.linalg.solve(low, low.sum(axis=1)) - 1.0).max()),
    ]
    return Finding(f"largest difference {max(away):.1e}", max(away) <= 1e-12)


def results_folder(folder: Path) -> Finding:
    """Write a file as results are written, and look at it."""
    path = folder / "written.txt"
    write_text(SIGNS, path)
    mode = stat.S_IMODE(path.stat().st_mode)
    good = path.read_text(encoding="utf-8") == SIGNS
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        good = good and mode == 0o666 & ~mask and path.stat().st_uid == os.geteuid()
    left = [own.name for own in folder.iterdir() if own.name.endswith(".part")]
    return Finding(f"written and read back, permissions {mode:o}", good and not left)


def cache_folder(bench: Bench) -> Finding:
    """Where Numba keeps the machine code of kernels."""
    code = kernel_of(CASES["independent"], bench.study).kernel.compiled
    folder = Path(code.logp._cache.cache_path)  # noqa: SLF001  # Numba tells it nowhere else
    kept = sorted(folder.glob("*independent-flat*.nbi"))
    good = os.access(folder, os.W_OK | os.X_OK) and bool(kept)
    return Finding(f"{folder}: {'has' if kept else 'lacks'} the code", good)


def disk_room(folder: Path) -> Finding:
    """Free space where the results go."""
    free = shutil.disk_usage(folder).free
    return Finding(f"{free / 1e6:,.0f} MB free", free >= ROOM)


def text_round_trip(folder: Path) -> Finding:
    """A table with signs and numbers, written and read as results are."""
    import pandas as pd

    from bayesasthma._files.output import as_written, write_csv

    path = folder / "table.csv"
    written = pd.DataFrame({"label": [SIGNS, "=1+1"], "value": [0.5, 1234.5]})
    write_csv(written, path)
    back = as_written(pd.read_csv(path))
    good = back.equals(written) and b"0.5" in path.read_bytes()
    return Finding(
        f"file names in {sys.getfilesystemencoding()}, standard output in "
        f"{sys.stdout.encoding or 'none'}, locale {facts()['locale']}; "
        f"{'as written' if good else 'not as written'}",
        good and sys.getfilesystemencoding().lower().replace("-", "") == "utf8",
    )


def clock(now: datetime) -> Finding:
    """Whether the clock is later than the release, and goes forward."""
    try:
        run = json.loads((answers("liu2025") / "run.json").read_text("utf-8"))
        released = datetime.fromisoformat(run["started"])
    except (KeyError, ValueError) as error:
        raise BayesAsthmaError(f"run.json of the release: {error}") from error
    first, first_day = time.monotonic(), time.time()
    time.sleep(0.02)
    forward = time.monotonic() > first and time.time() > first_day
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC; the release's own run began {released:%Y-%m-%d}"
    return Finding(text, forward and now > released - BEHIND)
