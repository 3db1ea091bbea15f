"""Workers of an existing Dask distributed cluster."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
import uuid
from importlib import import_module
from typing import Any

from bayesasthma.dispatch.tasks import POLL_SECONDS, Event, Task, TaskFunction, Worker, attempt
from bayesasthma.errors import BayesAsthmaError, UsageError

#: Seconds to wait for a scheduler, and then for a worker of it.
TIMEOUT = 8.0


def check_scheduler(address: str) -> None:
    """Refuse the address of a scheduler that does not answer, within `TIMEOUT` seconds or so.

    Raises
    ------
    UsageError
        If it is no address, or nobody answers there.
    """
    distributed = _distributed()

    async def asked() -> None:
        # distributed's own time limit ends with the connection: who then says nothing is waited for
        client = distributed.Client(
            address, timeout=TIMEOUT, set_as_default=False, asynchronous=True
        )
        try:
            async with asyncio.timeout(TIMEOUT):
                await client
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await client.close(1)

    try:
        asyncio.run(asked())
    except (OSError, ValueError, TimeoutError, TypeError) as error:
        reason = str(error) or f"nothing within {TIMEOUT:g} s"
        raise UsageError(f"no Dask scheduler answers at {address}: {reason}") from error


def _distributed() -> Any:
    try:
        # partly typed, and not always installed
        return import_module("distributed")
    except ImportError as error:
        raise UsageError(
            "a Dask scheduler needs the extra 'cluster': pip install 'bayesasthma[cluster]'"
        ) from error


class DaskCluster:
    """The workers of an existing Dask distributed cluster, one task at a time each.

    Workers may come and go. A task may use as many threads as its worker has.

    Parameters
    ----------
    function : callable
        Importable by name on the workers, which need this package installed.
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.
    timeout : float
        Seconds to wait for the scheduler and for a first worker.

    Raises
    ------
    UsageError
        If ``distributed`` is not installed, or no scheduler or worker answers.
    """

    def __init__(self, function: TaskFunction, address: str, timeout: float = TIMEOUT) -> None:
        distributed = _distributed()
        self._function = function
        try:
            self._client = distributed.Client(address, timeout=timeout, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(f"no Dask scheduler answers at {address}: {error}") from error
        self._run = uuid.uuid4().hex[:8]
        self._count = 0
        self._futures: dict[str, tuple[str, Any]] = {}
        self._done: queue.SimpleQueue[tuple[str, str, Any]] = queue.SimpleQueue()
        self._alive: list[str] = []
        self._looked = 0.0
        deadline = time.monotonic() + timeout
        while not self.workers():
            if time.monotonic() > deadline:
                self.close()
                raise UsageError(f"the Dask scheduler at {address} has no worker")
            time.sleep(POLL_SECONDS / 4)

    def workers(self) -> list[str]:
        """Addresses of the workers, at most a second old."""
        if not self._alive or time.monotonic() - self._looked > POLL_SECONDS:
            try:
                self._alive = sorted(self._client.nthreads())
            except (OSError, TimeoutError) as error:
                raise BayesAsthmaError(
                    f"the Dask scheduler is gone ({error}); a rerun resumes"
                ) from error
            self._looked = time.monotonic()
        return self._alive

    def submit(self, worker: str, task: Task) -> None:
        """Send a task to one worker."""
        self._count += 1
        future = self._client.submit(
            _on_dask,
            self._function,
            task.payload,
            key=f"bayesasthma-{self._run}-{self._count}",
            workers=[worker],
            allow_other_workers=False,
            pure=False,
        )
        self._futures[worker] = (task.key, future)
        future.add_done_callback(lambda done: self._done.put((worker, task.key, done)))

    def events(self) -> list[Event]:
        """Wait for a result, at most a second; tasks whose worker is gone are lost."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._read(*self._done.get(timeout=POLL_SECONDS)))
            while True:
                found.append(self._read(*self._done.get_nowait()))
        alive = self.workers()
        for worker in [name for name in self._futures if name not in alive]:
            key, future = self._futures.pop(worker)
            future.cancel()
            found.append(Event(worker, key, lost=True))
        return [event for event in found if event is not None]

    def close(self) -> None:
        """Leave the cluster; its workers stay."""
        for _, future in self._futures.values():
            future.cancel()
        self._client.close()

    def _read(self, worker: str, key: str, future: Any) -> Event | None:
        if self._futures.get(worker, ("", None))[1] is not future:
            return None
        del self._futures[worker]
        if future.status == "finished":
            value, error = future.result()
            return Event(worker, key, value, error)
        if future.status == "error":
            problem = future.exception()
            killed = type(problem).__name__ == "KilledWorker"
            return Event(worker, key, error=str(problem), lost=killed)
        return Event(worker, key, lost=True)


def _on_dask(function: TaskFunction, payload: Any) -> tuple[Any, str]:
    """Do a task on a Dask worker, which keeps its `Worker` from task to task."""
    distributed: Any = import_module("distributed")
    host = distributed.get_worker()
    kept = vars(host).setdefault("bayesasthma", {"lock": threading.Lock(), "worker": None})
    with kept["lock"]:  # another client's task may share the process
        if kept["worker"] is None:
            kept["worker"] = Worker(int(host.state.nthreads))
        return attempt(function, payload, kept["worker"])
