"""Short pieces of work over the cores of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from bayesasthma.dispatch import side_by_side
from bayesasthma.dispatch.side_by_side import _forks

forking = pytest.mark.skipif(not _forks(), reason="processes cannot be forked here")


def where(number: int) -> tuple[int, int]:
    time.sleep(0.05)
    return number, os.getpid()


def fail(number: int) -> int:
    if number % 2:
        raise ValueError(f"task {number}")
    return number


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_values_come_in_the_order_of_the_tasks(workers: int) -> None:
    here, values = side_by_side([partial(where, k) for k in range(7)], os.getpid, workers=workers)
    assert here == os.getpid()
    assert [number for number, _ in values] == list(range(7))
    assert workers > 1 or {pid for _, pid in values} == {os.getpid()}


@forking
def test_helpers_take_what_this_process_leaves() -> None:
    held = {"made": "here"}  # no helper is sent it
    _, values = side_by_side(
        [lambda: (held["made"], os.getpid())] * 4, lambda: time.sleep(0.5), workers=2
    )
    assert {value for value, _ in values} == {"here"}
    assert os.getpid() not in {pid for _, pid in values}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_error_in_order_is_raised(workers: int) -> None:
    with pytest.raises(ValueError, match="task 1"):
        side_by_side([partial(fail, k) for k in range(6)], workers=workers)


def die_apart(parent: int) -> int:
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


@forking
def test_what_a_dead_helper_had_is_done_here() -> None:
    parent = os.getpid()
    _, values = side_by_side([partial(die_apart, parent)] * 3, lambda: time.sleep(0.3), workers=2)
    assert values == [parent] * 3


@forking
def test_an_interrupt_ends_the_helpers() -> None:
    code = (
        "import os, time\n"
        "from bayesasthma.dispatch import side_by_side\n"
        # in one piece, for two processes write
        "def task():\n    os.write(1, f'{os.getpid()}\\n'.encode())\n    time.sleep(60)\n"
        "side_by_side([task] * 2, workers=2)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = {int(process.stdout.readline()) for _ in range(2)}
        process.send_signal(signal.SIGINT)  # to the parent alone
        _, errors = process.communicate(timeout=30)
    assert process.pid in pids
    assert "KeyboardInterrupt" in errors
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
