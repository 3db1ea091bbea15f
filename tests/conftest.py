"""Settings shared by all tests, and the rule that nothing is skipped in CI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator

# Figures are drawn without a display; this has to stand before matplotlib is first imported.
os.environ["MPLBACKEND"] = "Agg"

# A shared machine is not a stopwatch, and in CI the same commit has to give the same answer.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


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


# Outermost of the wrappers: pytest's own turns xfail into its final outcome inside of it.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return fail_if_skipped((yield))
