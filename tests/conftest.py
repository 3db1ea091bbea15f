"""Settings shared by all tests, and the rule that nothing is skipped in CI."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

# Figures are drawn without a display; this has to stand before matplotlib is first imported.
os.environ["MPLBACKEND"] = "Agg"

# Nor do graphs note the lines that made each node, a quarter of the time of building one; this has
# to stand before PyTensor is first imported.
os.environ["PYTENSOR_FLAGS"] = ",".join(
    filter(None, [os.environ.get("PYTENSOR_FLAGS"), "traceback__limit=0"])
)

# What a shell starts in the background ignores interrupts, as would the commands that tests send
# them to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine is not a stopwatch, and in CI the same commit has to give the same answer.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


TESTS = Path(__file__).parent

#: Folders whose files take longest. They come first, so that no process ends with one of them when
#: the others have nothing left to do.
SAMPLING = (
    "end_to_end",
    "inference",
    "reference",
    "models",
    "specification_curve",
    "calibration",
    "dispatch",
    "commands",
    "reporting",
)


def in_ci() -> bool:
    return os.environ.get("CI", "").strip().lower() not in {"", "0", "false", "no"}


settings.load_profile("ci" if in_ci() else "default")


def fail_if_skipped[Report: (pytest.TestReport, pytest.CollectReport)](report: Report) -> Report:
    """Turn a skip into a failure in CI; an expected failure (xfail) is no skip."""
    if in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"a skip is a failure in CI: {reason}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(SAMPLING)}
    items.sort(key=lambda item: rank.get(room_of(item.path), len(SAMPLING)))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for garbage seldom, and never again in what collection made: modules and tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def room_of(path: Path) -> str:
    """The folder of ``tests`` that a file is in."""
    parts = path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ("",)
    return parts[0]


# Outermost of the wrappers: pytest's own turns xfail into its final outcome inside of it.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return fail_if_skipped((yield))
