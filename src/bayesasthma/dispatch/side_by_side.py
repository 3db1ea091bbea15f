"""Short pieces of work over this machine's cores, on what this process already holds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from bayesasthma.dispatch.local import available_cores


def nothing() -> None:
    """No work of this process's own."""


def side_by_side[T, H](
    tasks: Sequence[Callable[[], T]],
    here: Callable[[], H] = nothing,  # type: ignore[assignment]
    *,
    workers: int | None = None,
) -> tuple[H, list[T]]:
    """Do tasks over all cores, and one function of this process beside them.

    Helpers are forks of this process: they find everything it has imported and drawn in place,
    nothing is copied before it is changed, and only results are sent. They take a task when they
    have done the one before, and so does this process once ``here`` is done. Where processes cannot
    be forked safely (macOS, Windows), and on one core, this process does everything.

    Parameters
    ----------
    tasks : sequence of callable
        Without arguments; their values can be pickled. They must not depend on one another, nor
        start threads or sample.
    here : callable
        Done in this process, so that its value need not be pickled.
    workers : int, optional
        Processes, with this one; as many as its cores by default.

    Returns
    -------
    value
        Of ``here``.
    values : list
        Of the tasks, in their order.

    Raises
    ------
    Exception
        The first that a task raised, in their order. Helpers have ended then, as they have after
        an interrupt.
    """
    count = min(available_cores() if workers is None else workers, len(tasks))
    if count < 2 or not _forks():
        return here(), [task() for task in tasks]
    with _numbers(len(tasks)) as queue:
        helpers: list[tuple[Any, Connection]] = []
        try:
            helpers.extend(_start(tasks, queue) for _ in range(count - 1))
            value = here()
            found = dict(_take(tasks, queue))
            for process, connection in helpers:
                with contextlib.suppress(EOFError, OSError):  # it died: what it had is done here
                    found |= connection.recv()
                process.join()
        finally:
            for process, connection in helpers:
                connection.close()
                if process.is_alive():
                    process.kill()
                process.join()
    for number, task in enumerate(tasks):
        done, error = found[number] if number in found else (task(), None)
        if error is not None:
            raise error
        found[number] = (done, None)
    return value, [found[number][0] for number in range(len(tasks))]


def _forks() -> bool:
    """Whether a fork of this process can be relied on: system libraries of macOS do not bear it."""
    return "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"


@contextlib.contextmanager
def _numbers(count: int) -> Iterator[int]:
    """A pipe with the numbers of the tasks, four bytes each, which every process reads from."""
    reading, writing = os.pipe()
    try:
        os.write(writing, b"".join(number.to_bytes(4, "little") for number in range(count)))
        os.close(writing)
        yield reading
    finally:
        os.close(reading)


def _take(
    tasks: Sequence[Callable[[], Any]], queue: int
) -> Iterator[tuple[int, tuple[Any, Exception | None]]]:
    """Do the next task that nobody has taken, until there is none."""
    while read := os.read(queue, 4):
        number = int.from_bytes(read, "little")
        try:
            yield number, (tasks[number](), None)
        except Exception as error:  # noqa: BLE001
            yield number, (None, error)


def _start(tasks: Sequence[Callable[[], Any]], queue: int) -> tuple[Any, Connection]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_help, args=(tasks, queue, theirs), daemon=True)
    with warnings.catch_warnings():
        # Python warns of threads whose locks a fork would inherit: pools of linear algebra and of
        # the sampler, idle here, which the tasks do not use or which the libraries start afresh
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
        process.start()
    theirs.close()
    return process, ours


def _help(tasks: Sequence[Callable[[], Any]], queue: int, connection: Connection) -> None:
    """A helper: do tasks, then send all results at once."""
    # what ends this process's group ends a helper as well, without a traceback
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it: the process was killed
        connection.send(dict(_take(tasks, queue)))
