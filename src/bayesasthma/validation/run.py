"""Do all checks, one after another, and hold their findings against the requirements."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bayesasthma import __version__
from bayesasthma.errors import shortened, visible
from bayesasthma.inference.fitting import silent
from bayesasthma.inference.sampling import Progress
from bayesasthma.validation import (
    closed_form_posteriors,
    drawn_priors,
    equivalent_data,
    frequentist_answers,
    installed,
    kernels_against_graphs,
    likelihoods,
    machine,
    released_audit,
    released_posteriors,
    reproducible,
    second_implementation,
)
from bayesasthma.validation.bench import Bench
from bayesasthma.validation.items import (
    FAILED,
    PASSED,
    Check,
    Finding,
    Item,
    Requirement,
    requirements,
)

NOT_TESTED = "NOT TESTED"
#: Most characters of what was found that a report shows.
LONGEST = 2_000

#: In the order in which they are done: what needs the other process's answer comes late.
FAMILIES: tuple[Callable[[], list[Check]], ...] = (
    installed.checks,
    machine.checks,
    frequentist_answers.checks,
    likelihoods.checks,
    closed_form_posteriors.checks,
    drawn_priors.checks,
    released_posteriors.checks,
    second_implementation.checks,
    released_audit.checks,
    equivalent_data.checks,
    reproducible.checks,
    kernels_against_graphs.checks,
)


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes
    ----------
    items : tuple of Item
        In the order of their ids.
    requirements : tuple of Requirement
    quick : bool
        Whether checks that take long were left out.
    started : datetime
    seconds : float
    version : str
        Of the package.
    machine, versions : dict
        Facts of the machine, and versions of packages.
    """

    items: tuple[Item, ...]
    requirements: tuple[Requirement, ...]
    quick: bool
    started: datetime
    seconds: float
    version: str
    machine: dict[str, str]
    versions: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether every check that was done passed, and some were."""
        return bool(self.items) and all(item.passed for item in self.items)

    @property
    def verdict(self) -> str:
        """PASSED or FAILED."""
        return PASSED if self.passed else FAILED

    @property
    def failed(self) -> list[Item]:
        """Items that did not pass."""
        return [item for item in self.items if not item.passed]

    def items_of(self, requirement: str) -> list[Item]:
        """Items of a requirement."""
        return [item for item in self.items if item.requirement == requirement]

    def verdict_of(self, requirement: str) -> str:
        """PASSED, FAILED or, in a quick run, NOT TESTED."""
        items = self.items_of(requirement)
        if not items:
            return NOT_TESTED
        return PASSED if all(item.passed for item in items) else FAILED


def planned(quick: bool = False) -> list[Check]:
    """All checks, or those of a quick run."""
    return [check for family in FAMILIES for check in family() if check.quick or not quick]


def validate(folder: str | Path, *, quick: bool = False, progress: Progress = silent) -> Validation:
    """Check this installation: what is installed, and whether it computes what it should.

    Parameters
    ----------
    folder : path
        Where results go; its disk and permissions are checked. Nothing is left there:
        :func:`bayesasthma.validation.report.write_validation` writes the report.
    quick : bool
        Leave out the PyMC graphs, the joint model, and studies other than the bundled one.
    progress : callable
        Receives one line per check.

    Returns
    -------
    Validation
        A check that ends with an error has failed.
    """
    return run_checks(planned(quick), Path(folder), quick=quick, progress=progress)


def run_checks(
    checks: Sequence[Check], folder: Path, *, quick: bool = False, progress: Progress = silent
) -> Validation:
    """Do some checks; as `validate`."""
    started, begin = datetime.now(UTC).astimezone(), time.perf_counter()
    bench = Bench(folder)
    try:
        if any(check.requirement == "R15" for check in checks):
            _ahead(bench)
        items = []
        for check in checks:
            item = done(check, bench)
            items.append(item)
            progress(f"{item.id} {item.verdict} {item.seconds:5.1f} s  {item.tested}")
            if not item.passed:
                progress(f"      expected: {item.expected}; found: {item.found}")
    finally:
        bench.close()
    return Validation(
        tuple(sorted(items, key=lambda item: item.id)),
        tuple(requirements()),
        quick,
        started,
        time.perf_counter() - begin,
        __version__,
        machine.facts(),
        installed.versions(),
    )


def _ahead(bench: Bench) -> None:
    """Start the other process; a study that cannot be read is found by the checks that need it."""
    try:
        bench.ask_graphs()
    except Exception:  # noqa: BLE001
        return


def done(check: Check, bench: Bench) -> Item:
    """Do one check; an error is a finding."""
    begin = time.perf_counter()
    try:
        finding = check.run(bench)
    except Exception as error:  # noqa: BLE001  # whatever it is, this installation has failed
        finding = Finding(f"ended with {type(error).__name__}: {error}", passed=False)
    return Item(
        check.id,
        check.requirement,
        check.tested,
        check.expected,
        check.tolerance,
        check.reason,
        shortened(visible(finding.found), LONGEST),
        PASSED if finding.passed else FAILED,
        time.perf_counter() - begin,
    )
