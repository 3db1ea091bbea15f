"""Requirements, checks of them, and what a check found."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from bayesasthma.validation.bench import Bench

PASSED, FAILED = "PASSED", "FAILED"


@dataclass(frozen=True)
class Requirement:
    """What an installation has to do.

    Attributes
    ----------
    id : str
        Such as ``R14``.
    part : {"IQ", "OQ"}
        Of the installation, or of its operation.
    text : str
    """

    id: str
    part: str
    text: str


def requirements() -> list[Requirement]:
    """The numbered requirements, in their order."""
    text = (files("bayesasthma.validation") / "requirements.toml").read_text(encoding="utf-8")
    return [Requirement(**own) for own in tomllib.loads(text)["requirement"]]


@dataclass(frozen=True)
class Finding:
    """What a check found, and whether that is as expected."""

    found: str
    passed: bool


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    id : str
        Such as ``OQ-03``.
    requirement : str
        The requirement that it is of.
    tested, expected : str
    tolerance, reason : str
        What still passes, and why that and no other; for exact answers both may be blank.
    run : callable
        Does it, with what checks share.
    quick : bool
        Whether a quick run has it.
    """

    id: str
    requirement: str
    tested: str
    expected: str
    tolerance: str
    reason: str
    run: Callable[[Bench], Finding]
    quick: bool = True


@dataclass(frozen=True)
class Item:
    """A check that was done: as `Check`, with what was found, the verdict and the seconds."""

    id: str
    requirement: str
    tested: str
    expected: str
    tolerance: str
    reason: str
    found: str
    verdict: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.verdict == PASSED
