"""Batches of simulated studies: the unit of work, and files that let a run resume."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesasthma._files.sealed import BrokenSealError, read_sealed, write_sealed
from bayesasthma.calibration.sources import environment
from bayesasthma.dispatch import Outcome, Task, open_pool, run
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.inference.sampling import Progress

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Batch:
    """One batch of a job.

    Attributes
    ----------
    job : object
        What is simulated and fitted; has ``name``, ``group``, ``source`` and ``record()``,
        and ``batch(number, seed, graphs)`` does the work.
    number : int
    seed : int
        Of the job; the batch's own seeds follow from it and the number.
    environment : str
        Digest of the sender's source and package versions: workers must have the same.
    source : str
        Digest of what the job's draws depend on.
    """

    job: Any
    number: int
    seed: int
    environment: str
    source: str

    @property
    def path(self) -> str:
        """File below a run's folder."""
        return f"{self.job.name}/{self.number:04d}.npz"

    @property
    def fingerprint(self) -> str:
        """What the batch's file depends on."""
        facts = [self.job.record(), self.number, self.seed, self.source]
        text = json.dumps(facts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def do_batch(batch: Batch, worker: Any) -> Arrays:
    """Do a batch on a worker, which keeps compiled graphs and the jobs' prior draws."""
    from bayesasthma.inference.graphs import CompiledGraphs

    if worker.kept.setdefault("environment", environment()) != batch.environment:
        raise BayesAsthmaError(
            "a worker has other package versions, or another bayesasthma, than this process"
        )
    graphs = worker.kept.setdefault("graphs", CompiledGraphs())
    start, cpu = time.perf_counter(), time.process_time()
    compiling = sum(graphs.seconds.values())
    arrays: Arrays = batch.job.batch(batch.number, batch.seed, graphs)
    compiled = sum(graphs.seconds.values()) - compiling
    wall = time.perf_counter() - start - compiled
    return arrays | {"seconds": np.array([wall, time.process_time() - cpu, compiled])}


def run_batches(
    batches: Iterable[Batch],
    folder: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress,
) -> None:
    """Do the batches whose files are missing or out of date; each is saved as soon as it is done.

    Raises
    ------
    BayesAsthmaError
        If a batch fails; those that are done are kept.
    """
    every = list(batches)
    left = {batch.path: batch for batch in every if load(folder, batch) is None}
    if len(left) < len(every):
        progress(f"{len(every) - len(left)} of {len(every)} batches are done already")
    if not left:
        return
    tasks = [Task(path, batch.job.group, batch) for path, batch in left.items()]
    start = time.perf_counter()
    with open_pool(do_batch, workers=workers, scheduler=scheduler) as pool:
        for done, outcome in enumerate(_checked(run(tasks, pool)), 1):
            batch = left[outcome.key]
            save(folder, batch, outcome.value)
            spent = time.perf_counter() - start
            rest = spent / done * (len(tasks) - done)
            progress(
                f"{batch.job.name}: batch {batch.number + 1} done; {done} of {len(tasks)}, "
                f"{spent:.0f} s, about {rest:.0f} s left"
            )


def _checked(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    for outcome in outcomes:
        if outcome.error:
            raise BayesAsthmaError(f"{outcome.key}: {outcome.error}")
        yield outcome


def load(folder: Path, batch: Batch) -> Arrays | None:
    """A batch's arrays if its file is whole and current."""
    try:
        with np.load(io.BytesIO(read_sealed(folder / batch.path))) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, BrokenSealError):
        return None
    return arrays if str(arrays.pop("fingerprint", "")) == batch.fingerprint else None


def save(folder: Path, batch: Batch, arrays: Arrays) -> None:
    """Write a batch's file in one move.

    Raises
    ------
    BayesAsthmaError
        If the folder cannot be written.
    """
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, fingerprint=np.array(batch.fingerprint), **arrays)
    write_sealed(file.getbuffer(), folder / batch.path)
