"""What is calibrated: models, sizes and schedules, with the number of replicates of the proof."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bayesasthma.errors import UsageError

MODELS = ("independent", "longitudinal", "joint", "adverse")

Sizes = tuple[tuple[int, ...], tuple[int, ...]]

#: The paper's patients per arm.
PAPER = (18, 19)
#: A study that loses patients, with visits at irregular intervals.
DWINDLING: Sizes = ((18, 16, 14, 12), (19, 17, 15, 13))
IRREGULAR_WEEKS = (0.0, 4.0, 26.0, 52.0)


@dataclass(frozen=True)
class Case:
    """One simulation-based calibration.

    Attributes
    ----------
    name : str
        Also of its folder and figure.
    model : {"independent", "longitudinal", "joint", "adverse"}
    prior : str
        A proper prior set: parameters are drawn from it.
    n : tuple
        Patients of each arm at each visit; one number stands for all visits.
    weeks : tuple of float or None
        Of the visits; None for the paper's.
    reading : str
        Of adverse-reaction counts.
    own_unit : bool
        Standardise by the simulated table itself, as a fit of a real study does. Otherwise the unit
        is known, as the prior on paper has it, and calibration must be exact.
    replicates : int
        In the committed proof.
    """

    name: str
    model: str
    prior: str = "weak"
    n: tuple[tuple[int, ...], ...] = ((18,), (19,))
    weeks: tuple[float, ...] | None = None
    reading: str = "per_visit"
    own_unit: bool = False
    replicates: int = 500

    def record(self) -> dict[str, Any]:
        """What determines the simulated studies, as plain data."""
        values = asdict(self)
        del values["replicates"]
        return values

    @property
    def title(self) -> str:
        """For people."""
        sizes = " / ".join(
            str(own[0]) if len(set(own)) == 1 else "→".join(map(str, own)) for own in self.n
        )
        where = [f"n = {sizes}"]
        if self.weeks is not None:
            where.append("weeks " + ", ".join(f"{week:g}" for week in self.weeks))
        return self._titled(where)

    @property
    def short_title(self) -> str:
        """For people, without sizes and schedule."""
        return self._titled([])

    def _titled(self, where: list[str]) -> str:
        reading = [self.reading.replace("_", " ")] if self.model == "adverse" else []
        unit = ["unit from the table"] if self.own_unit else []
        return ", ".join([self.model, *reading, *where, *unit])


def _sizes(text: str) -> tuple[tuple[int, ...], ...]:
    first, second = (int(part) for part in text.split("/"))
    return ((first,), (second,))


CASES: tuple[Case, ...] = (
    Case("longitudinal", "longitudinal", replicates=2000),
    Case("longitudinal-own-unit", "longitudinal", own_unit=True, replicates=2000),
    Case("longitudinal-5-5", "longitudinal", n=_sizes("5/5")),
    Case("longitudinal-50-60", "longitudinal", n=_sizes("50/60")),
    Case("longitudinal-unequal", "longitudinal", n=DWINDLING, weeks=IRREGULAR_WEEKS),
    Case("independent", "independent", replicates=1000),
    Case("independent-5-5", "independent", n=_sizes("5/5")),
    Case("independent-50-60", "independent", n=_sizes("50/60")),
    Case("joint", "joint", replicates=300),
    Case("adverse-per-visit", "adverse", replicates=2000),
    Case("adverse-cumulative", "adverse", reading="cumulative", replicates=2000),
    Case("adverse-5-5", "adverse", n=_sizes("5/5")),
    Case("adverse-50-60", "adverse", n=_sizes("50/60")),
)


def at_paper_sizes() -> dict[str, str]:
    """Cases of the proof at the paper's sizes and schedule, and their titles without these."""
    paper = tuple((size,) for size in PAPER)
    return {case.name: case.short_title for case in CASES if case.n == paper and case.weeks is None}


def parse_sizes(text: str) -> tuple[tuple[int, ...], ...]:
    """Read ``"18,19"``: patients of the control and of the treated arm.

    Raises
    ------
    UsageError
        If it is not two whole numbers of at least 5.
    """
    try:
        sizes = tuple((int(part),) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) != 2 or min(min(own) for own in sizes) < 5:
        raise UsageError(f"--n {text!r}: two whole numbers of at least 5, such as 18,19")
    return sizes


def cases_of(model: str, n: tuple[tuple[int, ...], ...] | None = None) -> tuple[Case, ...]:
    """The cases of a model at given sizes: one, or for ``adverse`` one per reading.

    Raises
    ------
    UsageError
        If there is no such model.
    """
    if model not in MODELS:
        raise UsageError(f"unknown model {model!r}; there are {', '.join(MODELS)}")
    n = n or _sizes("18/19")
    size = "-".join(str(own[0]) for own in n)
    if model == "adverse":
        return tuple(
            Case(f"adverse-{reading.replace('_', '-')}-{size}", model, n=n, reading=reading)
            for reading in ("per_visit", "cumulative")
        )
    return (Case(f"{model}-{size}", model, n=n),)
