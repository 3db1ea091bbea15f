"""Many tasks over worker processes: this machine's own, or those of an existing Dask cluster.

A worker keeps what is costly to make (a compiled graph) from one task to the next, so tasks carry
the name of the group that shares it, and a worker is given tasks of groups it has met before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bayesasthma.dispatch.cluster import DaskCluster, check_scheduler
from bayesasthma.dispatch.local import InProcess, Processes, available_cores
from bayesasthma.dispatch.side_by_side import side_by_side
from bayesasthma.dispatch.tasks import (
    ATTEMPTS,
    Event,
    Outcome,
    Plan,
    Pool,
    Task,
    TaskFunction,
    Worker,
    run,
)
from bayesasthma.errors import UsageError

__all__ = [
    "ATTEMPTS",
    "DaskCluster",
    "Event",
    "InProcess",
    "Outcome",
    "Plan",
    "Pool",
    "Processes",
    "Task",
    "TaskFunction",
    "Worker",
    "available_cores",
    "check_scheduler",
    "open_pool",
    "run",
    "side_by_side",
]


@contextlib.contextmanager
def open_pool(
    function: TaskFunction,
    *,
    workers: int | None = None,
    cores_per_worker: int = 1,
    scheduler: str | None = None,
) -> Iterator[Pool]:
    """Workers for a run, let go at its end.

    Parameters
    ----------
    function : callable
        ``function(payload, worker)``, importable by name.
    workers : int, optional
        Processes of this machine; as many as its cores allow by default.
    cores_per_worker : int
        Threads of each. Workers times threads never exceed the cores.
    scheduler : str, optional
        Address of a Dask scheduler, in place of this machine.

    Raises
    ------
    UsageError
        If a number is below 1, or the cluster cannot be reached.
    """
    pool: Pool
    if scheduler is not None:
        pool = DaskCluster(function, scheduler)
    else:
        if cores_per_worker < 1 or (workers is not None and workers < 1):
            raise UsageError("workers and cores per worker are at least 1")
        most = max(1, available_cores() // cores_per_worker)
        count = most if workers is None else min(workers, most)
        pool = (
            InProcess(function, cores_per_worker)
            if count == 1
            else Processes(function, count, cores_per_worker)
        )
    try:
        yield pool
    finally:
        pool.close()
