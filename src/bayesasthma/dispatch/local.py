"""Workers of this machine: this process itself, or processes that are replaced when they die."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from bayesasthma.dispatch.tasks import POLL_SECONDS, Event, Task, TaskFunction, Worker, attempt


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class InProcess:
    """One worker that is this process: nothing is started, and errors are easy to trace."""

    def __init__(self, function: TaskFunction, cores: int = 1) -> None:
        self._function, self._worker = function, Worker(cores)
        self._task: Task | None = None

    def workers(self) -> list[str]:
        """The one worker's name."""
        return ["here"]

    def submit(self, worker: str, task: Task) -> None:
        """Remember the task; it is done when events are asked for."""
        del worker
        self._task = task

    def events(self) -> list[Event]:
        """Do the task."""
        task, self._task = self._task, None
        if task is None:
            return []
        value, error = attempt(self._function, task.payload, self._worker)
        return [Event("here", task.key, value, error)]

    def close(self) -> None:
        """Nothing to let go."""


class Processes:
    """Worker processes of this machine, replaced when they die.

    Parameters
    ----------
    function : callable
        Importable by name; called as ``function(payload, worker)`` in the worker process.
    count : int
    cores : int
        Threads of each.
    """

    def __init__(self, function: TaskFunction, count: int, cores: int = 1) -> None:
        self._function, self._cores = function, cores
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[str, tuple[Any, Connection]] = {}
        self._given: dict[str, str] = {}
        self._started = 0
        for _ in range(count):
            self._start()

    def workers(self) -> list[str]:
        """Names of the processes."""
        return list(self._processes)

    def pids(self) -> list[int]:
        """Process ids."""
        return [int(process.pid) for process, _ in self._processes.values()]

    def submit(self, worker: str, task: Task) -> None:
        """Send a task to a process."""
        self._given[worker] = task.key
        with contextlib.suppress(OSError):  # dead: its sentinel says so
            self._processes[worker][1].send((task.key, task.payload))

    def events(self) -> list[Event]:
        """Wait for a result or a death, at most a second."""
        connections = {entry[1]: name for name, entry in self._processes.items()}
        sentinels = {entry[0].sentinel: name for name, entry in self._processes.items()}
        found = []
        ready = wait([*connections, *sentinels], timeout=POLL_SECONDS)
        for item in ready:
            if item in connections:
                name = connections[item]
                with contextlib.suppress(EOFError, OSError):
                    key, value, error = item.recv()
                    self._given.pop(name, None)
                    found.append(Event(name, key, value, error))
        for item in ready:
            if item in sentinels:
                found += self._bury(sentinels[cast("int", item)])
        return found

    def close(self) -> None:
        """End the processes."""
        for process, connection in self._processes.values():
            connection.close()
            process.terminate()
        for process, _ in self._processes.values():
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()

    def _bury(self, name: str) -> list[Event]:
        process, connection = self._processes.pop(name)
        process.join()
        connection.close()
        self._start()
        key = self._given.pop(name, None)
        return [] if key is None else [Event(name, key, lost=True)]

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._function, self._cores), daemon=True
        )
        with _environment({name: str(self._cores) for name in _THREADS}):
            process.start()
        theirs.close()
        self._started += 1
        self._processes[f"process {self._started}"] = (process, ours)


#: Linear algebra must not start threads of its own beside the other workers'.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started inside; libraries read them on import."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, function: TaskFunction, cores: int) -> None:
    """A worker process: do tasks until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    worker = Worker(cores)
    with contextlib.suppress(EOFError, OSError):
        while True:
            key, payload = connection.recv()
            value, error = attempt(function, payload, worker)
            connection.send((key, value, error))
