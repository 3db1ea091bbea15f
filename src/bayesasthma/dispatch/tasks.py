"""Tasks, the plan of who does which, and the loop that sees each of them done once."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bayesasthma.errors import BayesAsthmaError

#: A worker that has never met a group joins it only if this many of its tasks are waiting: fewer
#: are done sooner by the workers that have compiled its graph already.
WORTH_JOINING = 8
#: How often a task is handed out again after its worker died.
ATTEMPTS = 3
#: Longest time, in seconds, that a pool waits for something to happen.
POLL_SECONDS = 1.0


@dataclass
class Worker:
    """What one worker process has and keeps from task to task.

    Attributes
    ----------
    cores : int
        Threads that a task may use.
    kept : dict
        Whatever the task function stores under a name of its own.
    """

    cores: int = 1
    kept: dict[str, Any] = field(default_factory=dict)


TaskFunction = Callable[[Any, Worker], Any]


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes
    ----------
    key : str
        Unique among the tasks of a run.
    group : str
        Tasks of one group share what is costly to make.
    payload : object
        Picklable; the first argument of the task function.
    """

    key: str
    group: str
    payload: Any = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    key : str
    value : object
        What the task function returned.
    error : str
        Why there is no value; empty if there is one.
    worker : str
    attempts : int
        How often the task was handed out; more than 1 after a worker died.
    """

    key: str
    value: Any = field(repr=False)
    error: str
    worker: str
    attempts: int


@dataclass(frozen=True)
class Event:
    """A task came back from a pool, or was lost with its worker."""

    worker: str
    key: str
    value: Any = None
    error: str = ""
    lost: bool = False


class Pool(Protocol):
    """Workers that take one task at a time."""

    def workers(self) -> list[str]:
        """The workers alive now."""

    def submit(self, worker: str, task: Task) -> None:
        """Hand a task to a worker that has none."""

    def events(self) -> list[Event]:
        """Wait for something to happen, or for a moment; what happened."""

    def close(self) -> None:
        """Let the workers go; running tasks are given up."""


class Plan:
    """Which task a free worker is given next.

    Groups are begun the largest first, each by one worker; a worker that runs out helps with the
    largest group left if that is worth another compilation.
    """

    def __init__(self, tasks: Iterable[Task], worth_joining: int = WORTH_JOINING) -> None:
        self.waiting: dict[str, list[Task]] = {}
        for task in tasks:
            self.waiting.setdefault(task.group, []).append(task)
        self.met: dict[str, set[str]] = {}
        self.worth_joining = worth_joining

    def take(self, worker: str, alive: Iterable[str]) -> Task | None:
        """The next task of a free worker, or None if the others do better without it."""
        own = self.met.setdefault(worker, set())
        left = sorted((g for g in self.waiting if self.waiting[g]), key=self._size, reverse=True)
        taken = set().union(*(self.met.get(other, set()) for other in alive))
        for group in left:
            if group in own:
                return self._pop(worker, group)
        for group in left:
            if group not in taken:
                return self._pop(worker, group)
        if left and len(self.waiting[left[0]]) >= self.worth_joining:
            return self._pop(worker, left[0])
        return None

    def give_back(self, task: Task) -> None:
        """A task whose worker died waits again, first in its group."""
        self.waiting.setdefault(task.group, []).insert(0, task)

    def _size(self, group: str) -> int:
        return len(self.waiting[group])

    def _pop(self, worker: str, group: str) -> Task:
        self.met[worker].add(group)
        return self.waiting[group].pop(0)


def run(tasks: Iterable[Task], pool: Pool, worth_joining: int = WORTH_JOINING) -> Iterator[Outcome]:
    """Do every task once; yields each outcome as it comes.

    A task whose worker dies is handed out again, to whichever worker is free, up to ``ATTEMPTS``
    times; no outcome is yielded twice.

    Parameters
    ----------
    tasks : iterable of Task
    pool : Pool
    worth_joining : int
        Size from which a group is worth a second worker.
    """
    by_key = {task.key: task for task in tasks}
    plan = Plan(by_key.values(), worth_joining)
    running: dict[str, Task] = {}
    attempts = dict.fromkeys(by_key, 0)
    left = set(by_key)

    def hand_out() -> None:
        alive = pool.workers()
        for worker in alive:
            if worker not in running and (task := plan.take(worker, alive)) is not None:
                running[worker] = task
                attempts[task.key] += 1
                pool.submit(worker, task)

    while left:
        hand_out()
        finished = []
        for event in pool.events():
            owner = running.get(event.worker)
            if owner is None or owner.key != event.key:
                continue  # a late word of a task that was taken away
            del running[event.worker]
            if event.lost and attempts[event.key] < ATTEMPTS:
                plan.give_back(owner)
                continue
            error = f"its worker died {ATTEMPTS} times" if event.lost else event.error
            left.remove(event.key)
            finished.append(
                Outcome(event.key, event.value, error, event.worker, attempts[event.key])
            )
        hand_out()  # before the caller takes its time over the outcomes
        yield from finished


def attempt(function: TaskFunction, payload: Any, worker: Worker) -> tuple[Any, str]:
    """The function's value, or why there is none: one bad task must not end the others."""
    try:
        return function(payload, worker), ""
    except BayesAsthmaError as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001
        last = traceback.extract_tb(error.__traceback__)[-1]
        return None, f"{type(error).__name__}: {error} ({last.name}, line {last.lineno})"
