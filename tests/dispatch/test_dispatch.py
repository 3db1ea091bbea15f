"""Tasks over processes and over a Dask cluster: each once, whatever dies in between."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from bayesasthma import dispatch
from bayesasthma.dispatch import Event, Outcome, Plan, Task, Worker, open_pool
from bayesasthma.errors import UsageError

WORK = '''
"""A task function that workers can import by name."""
import os, pathlib, time

def work(payload, worker):
    number, folder, seconds = payload
    if number == 13:
        raise ValueError("unlucky")
    worker.kept["done"] = worker.kept.get("done", 0) + 1
    (pathlib.Path(folder) / f"{number}.{os.getpid()}.begun").touch()
    time.sleep(seconds)
    return {"number": number, "pid": os.getpid(), "done": worker.kept["done"]}

def fatal(payload, worker):
    os._exit(1)
'''


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "cheap_tasks.py").write_text(WORK, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import cheap_tasks  # type: ignore[import-not-found]

    return cheap_tasks


def tasks(folder: Path, count: int, seconds: float, groups: int = 2) -> list[Task]:
    return [
        Task(f"task {i}", f"group {i % groups}", (100 + i, str(folder), seconds))
        for i in range(count)
    ]


def each_once(outcomes: list[Outcome], count: int) -> bool:
    return Counter(outcome.key for outcome in outcomes) == {f"task {i}": 1 for i in range(count)}


def test_one_worker_is_this_process(work, tmp_path: Path) -> None:
    with open_pool(work.work, workers=1) as pool:
        found = list(dispatch.run(tasks(tmp_path, 5, 0.0), pool))
    assert each_once(found, 5)
    assert {item.value["pid"] for item in found} == {os.getpid()}
    # kept from task to task
    assert sorted(item.value["done"] for item in found) == [1, 2, 3, 4, 5]


def test_a_task_that_fails_does_not_end_the_others(work, tmp_path: Path) -> None:
    bad = Task("bad", "group 0", (13, str(tmp_path), 0.0))
    with open_pool(work.work, workers=1) as pool:
        found = {item.key: item for item in dispatch.run([bad, *tasks(tmp_path, 2, 0.0)], pool)}
    assert "unlucky" in found["bad"].error
    assert found["bad"].value is None
    assert not found["task 0"].error


def kill_first_busy(folder: Path) -> int:
    """Kill the process that began the first task found; returns its id."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        begun = sorted(folder.glob("*.begun"))
        if begun:
            pid = int(begun[0].name.split(".")[1])
            os.kill(pid, signal.SIGKILL)
            return pid
        time.sleep(0.01)
    raise AssertionError("no task began")


@pytest.mark.slow
def test_a_killed_process_is_replaced_and_nothing_is_lost(work, tmp_path: Path) -> None:
    pool = dispatch.Processes(work.work, 2)
    try:
        found, dead = [], 0
        for outcome in dispatch.run(tasks(tmp_path, 12, 0.1), pool):
            found.append(outcome)
            if not dead:
                dead = pool.pids()[0]
                os.kill(dead, signal.SIGKILL)
        left = pool.pids()
    finally:
        pool.close()
    assert each_once(found, 12)
    assert not any(item.error for item in found)
    assert dead not in left
    assert len(left) == 2


@pytest.mark.slow
def test_a_task_that_kills_its_worker_is_given_up(work, tmp_path: Path) -> None:
    pool = dispatch.Processes(work.fatal, 1)
    try:
        (found,) = dispatch.run([Task("a", "g", None)], pool)
    finally:
        pool.close()
    assert found.attempts == dispatch.ATTEMPTS
    assert "died" in found.error


@pytest.mark.slow
def test_a_dask_worker_killed_in_the_middle_loses_nothing(work, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        found: list[Outcome] = []
        dead = 0
        with open_pool(work.work, scheduler=cluster.scheduler_address) as pool:
            for outcome in dispatch.run(tasks(tmp_path, 16, 0.3), pool, worth_joining=1):
                found.append(outcome)
                if len(found) == 4:
                    dead = found[-1].value["pid"]
                    time.sleep(0.1)  # into its next task
                    os.kill(dead, signal.SIGKILL)
    assert each_once(found, 16)
    assert not any(item.error for item in found)
    begun = Counter(path.name.split(".")[0] for path in tmp_path.glob("*.begun"))
    assert len(begun) == 16
    # the one that was running when its worker died was begun twice, and no other
    assert sorted(begun.values()) == [1] * 15 + [2]
    assert sorted(item.attempts for item in found) == [1] * 15 + [2]
    assert dead in {item.value["pid"] for item in found}


def test_no_scheduler_is_a_usage_error(work, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        dispatch.DaskCluster(work.work, "tcp://127.0.0.1:9", timeout=0.5)


def test_a_cluster_without_the_extra_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(dispatch.cluster, "import_module", missing)
    with pytest.raises(UsageError, match="bayesasthma\\[cluster\\]"):
        dispatch.DaskCluster(print, "tcp://127.0.0.1:9")  # type: ignore[arg-type]


def test_numbers_of_workers_are_checked() -> None:
    with pytest.raises(UsageError, match="at least 1"), open_pool(print, workers=0):  # type: ignore[arg-type]
        pass


# ------------------------------------------------------------------------------ the plan


def plan(sizes: dict[str, int], worth_joining: int = 3) -> Plan:
    every = [Task(f"{group}{i}", group, None) for group, n in sizes.items() for i in range(n)]
    return Plan(every, worth_joining)


def test_workers_begin_with_different_groups_the_largest_first() -> None:
    mine = plan({"small": 2, "large": 5})
    first, second = mine.take("a", ["a", "b"]), mine.take("b", ["a", "b"])
    assert first is not None
    assert second is not None
    assert (first.group, second.group) == ("large", "small")


def test_a_worker_stays_with_the_graph_it_compiled() -> None:
    mine = plan({"x": 3, "y": 3})
    groups = [mine.take("a", ["a"]).group for _ in range(6)]  # type: ignore[union-attr]
    assert groups == ["x", "x", "x", "y", "y", "y"]


def test_a_second_compilation_has_to_be_worth_it() -> None:
    mine = plan({"x": 4}, worth_joining=3)
    assert mine.take("a", ["a", "b"]) is not None
    assert mine.take("b", ["a", "b"]) is not None  # three waiting: worth it
    mine = plan({"x": 3}, worth_joining=3)
    assert mine.take("a", ["a", "b"]) is not None
    assert mine.take("b", ["a", "b"]) is None  # two waiting: the other is quicker alone


def test_a_dead_workers_group_is_free_again() -> None:
    mine = plan({"x": 2}, worth_joining=9)
    task = mine.take("a", ["a", "b"])
    assert task is not None
    assert mine.take("b", ["a", "b"]) is None
    mine.give_back(task)
    again = mine.take("b", ["b"])
    assert again == task


class Unreliable:
    """A pool that loses every task once and repeats every answer."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self.lost: set[str] = set()
        self.last: list[Event] = []

    def workers(self) -> list[str]:
        return ["a", "b"]

    def submit(self, worker: str, task: Task) -> None:
        self.given[worker] = task.key

    def events(self) -> list[Event]:
        late, now = [event for event in self.last if not event.lost], []
        for worker, key in self.given.items():
            now.append(Event(worker, key, value=key, lost=key not in self.lost))
            self.lost.add(key)
        self.given, self.last = {}, now
        return [*late, *now]

    def close(self) -> None: ...


def test_late_and_repeated_answers_count_once() -> None:
    every = [Task(f"task {i}", "g", None) for i in range(9)]
    found = list(dispatch.run(every, Unreliable(), worth_joining=1))
    assert each_once(found, 9)
    assert all(item.attempts == 2 and item.value == item.key for item in found)


def test_a_worker_knows_its_cores() -> None:
    assert Worker(3).cores == 3
