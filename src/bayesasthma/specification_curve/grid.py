"""The specifications of a curve: a small TOML file, crossed block by block."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from bayesasthma._files.toml import parse_toml
from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.priors.named_sets import prior_set

#: Which estimand each way of treating the baseline reports.
ADJUSTMENTS = {
    "adjusted": "adjusted_difference",
    "change": "difference_in_change",
    "difference": "difference",
}
#: Why a specification is left out.
NO_CORRELATIONS = "'independent' compares each visit by itself: the difference is all it has"


@dataclass(frozen=True)
class TableChoices:
    """What one fit of the printed means and SDs assumes.

    Attributes
    ----------
    model : {"longitudinal", "independent", "joint"}
    prior : str
        A prior set: its name, or its file.
    correlation : str
        As `CorrelationPrior.parse` reads it; ``"none"`` for ``independent``.
    variance : {"by_arm", "common"}
    rounding : bool
    scale : {"identity", "log"}
        Log: log-normal patients and ratios of geometric means, for outcomes that suit it.
    dispersion : {"sd", "se"}
        Printed dispersions taken as SDs, or as standard errors.
    baseline : {"design", "common", "free"}
        One population mean of all arms at baseline, or one per arm; ``design`` is common where the
        study was randomised.
    """

    model: str = "longitudinal"
    prior: str = "weak"
    correlation: str = "unstructured"
    variance: str = "by_arm"
    rounding: bool = True
    scale: str = "identity"
    dispersion: str = "sd"
    baseline: str = "design"

    def choices(self) -> dict[str, str]:
        """Every choice by name, as text."""
        return _as_text(self)


@dataclass(frozen=True)
class Specification:
    """A fit and the way it treats the baseline: one point of the curve.

    Attributes
    ----------
    fit : TableChoices
    adjustment : {"adjusted", "change", "difference"}
        An estimand of the same fit, so it costs no sampling.
    """

    fit: TableChoices = field(default_factory=TableChoices)
    adjustment: str = "adjusted"

    def choices(self) -> dict[str, str]:
        """Every choice by name, as text."""
        return {**self.fit.choices(), "adjustment": self.adjustment}


@dataclass(frozen=True)
class AdverseChoices:
    """What one fit of the adverse-reaction counts assumes.

    Attributes
    ----------
    model : {"hierarchical", "independent"}
    prior : str
        A prior set; ``"jeffreys"`` for ``independent``.
    reading : {"per_visit", "cumulative"}
    """

    model: str = "hierarchical"
    prior: str = "weak"
    reading: str = "per_visit"

    def choices(self) -> dict[str, str]:
        """Every choice by name, as text."""
        return _as_text(self)


def _as_text(choices: TableChoices | AdverseChoices) -> dict[str, str]:
    return {
        name: ("yes" if value else "no") if isinstance(value, bool) else str(value)
        for name, value in asdict(choices).items()
    }


@dataclass(frozen=True)
class Removed:
    """A combination that is not run.

    Attributes
    ----------
    block : str
    choices : str
    reason : str
    """

    block: str
    choices: str
    reason: str


@dataclass(frozen=True)
class Grid:
    """Specifications without duplicates or impossible combinations.

    Attributes
    ----------
    name : str
    specifications : tuple of Specification
    adverse : tuple of AdverseChoices
    removed : tuple of Removed
    """

    name: str
    specifications: tuple[Specification, ...]
    adverse: tuple[AdverseChoices, ...]
    removed: tuple[Removed, ...]

    @property
    def fits(self) -> tuple[TableChoices, ...]:
        """The table fits that the specifications need, each once."""
        return tuple(dict.fromkeys(item.fit for item in self.specifications))

    def __len__(self) -> int:
        return len(self.specifications) + len(self.adverse)

    def keep(
        self,
        table: Callable[[Specification], Specification | str],
        adverse: Callable[[AdverseChoices], str],
    ) -> Grid:
        """The grid for one study.

        Parameters
        ----------
        table : callable
            The specification as this study has it, or why it cannot have it.
        adverse : callable
            Why the study cannot have it; empty if it can.
        """
        chosen, removed = _Chosen(), list(self.removed)
        for item in self.specifications:
            result = table(item)
            if isinstance(result, str):
                removed.append(Removed("", _describe(item), result))
            else:
                chosen.add(result, _describe(item), "this study")
        counts = []
        for reading in self.adverse:
            if reason := adverse(reading):
                removed.append(Removed("", _describe(reading), reason))
            else:
                counts.append(reading)
        specifications = tuple(chosen.found)
        return Grid(self.name, specifications, tuple(counts), (*removed, *chosen.removed))


class _Chosen:
    """Items in order, each once, and the repetitions."""

    def __init__(self) -> None:
        self.found: dict[Any, str] = {}
        self.removed: list[Removed] = []

    def add(self, item: Any, text: str, block: str) -> None:
        if item in self.found:
            reason = f"the same as {_describe(item)} of {self.found[item]}"
            self.removed.append(Removed(block, text, reason))
        else:
            self.found[item] = block


def _describe(item: Specification | AdverseChoices) -> str:
    return ", ".join(f"{name} {value}" for name, value in item.choices().items())


# ------------------------------------------------------------------------------ the file


def _one_of(*known: str) -> Callable[[object], object]:
    def check(value: object) -> object:
        if value not in known:
            raise UsageError(f"{value!r}; there are {', '.join(known)}")
        return value

    return check


def _prior(value: object) -> object:
    text = str(value)
    name = prior_set(text).name
    return text if text.endswith(".toml") else name


def _correlation(value: object) -> object:
    try:
        return CorrelationPrior.parse(str(value)).label
    except ValueError as error:
        raise UsageError(str(error)) from error


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise UsageError(f"{value!r}; write true or false")
    return value


CHECKS: dict[str, dict[str, Callable[[object], object]]] = {
    "block": {
        "model": _one_of("longitudinal", "independent", "joint"),
        "prior": _prior,
        "correlation": _correlation,
        "variance": _one_of("by_arm", "common"),
        "rounding": _flag,
        "scale": _one_of("identity", "log"),
        "dispersion": _one_of("sd", "se"),
        "baseline": _one_of("design", "common", "free"),
        "adjustment": _one_of(*ADJUSTMENTS),
    },
    "adverse": {
        "model": _one_of("hierarchical", "independent"),
        "prior": _prior,
        "reading": _one_of("per_visit", "cumulative"),
    },
}
DEFAULTS: dict[str, dict[str, object]] = {
    "block": {item.name: item.default for item in fields(TableChoices)}
    | {"adjustment": "adjusted"},
    "adverse": {item.name: item.default for item in fields(AdverseChoices)},
}


def default_grid() -> Grid:
    """The grid that ships with the package."""
    text = (files("bayesasthma.specification_curve") / "default.toml").read_text(encoding="utf-8")
    return parse_grid(text, "default")


def read_grid(path: str | Path) -> Grid:
    """Read a grid from a TOML file.

    Raises
    ------
    UsageError
        If the file cannot be read, or as :func:`parse_grid`.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the grid {path}: {error}") from error
    return parse_grid(text, path.stem, str(path))


def parse_grid(text: str, name: str = "grid", where: str = "grid") -> Grid:
    """Specifications of a grid.

    Each ``[[block]]`` names values, one or a list, of any of ``model``, ``prior``,
    ``correlation``, ``variance``, ``rounding``, ``scale``, ``dispersion``, ``baseline`` and
    ``adjustment``, and stands for all their combinations; a choice that it leaves out keeps the
    default. ``[[adverse]]`` does the same with ``model``, ``prior`` and ``reading``. ``name`` and
    ``note`` are free text.

    Parameters
    ----------
    text : str
        TOML.
    name : str
        Of the grid.
    where : str
        What messages call it.

    Raises
    ------
    UsageError
        If it is no TOML, names an unknown choice or value (all such problems at once), or has no
        specification.
    """
    try:
        content = parse_toml(text)
    except ValueError as error:
        raise UsageError(f"{where} is not TOML: {error}") from error
    problems = [
        f"unknown key {key!r}; there are [[block]] and [[adverse]]"
        for key in content
        if key not in CHECKS
    ]
    tables, counts = _Chosen(), _Chosen()
    removed: list[Removed] = []
    for kind in CHECKS:
        blocks = content.get(kind, [])
        if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
            problems.append(f"write [[{kind}]], with two brackets")
            continue
        for position, block in enumerate(blocks, start=1):
            label = str(block.get("name", f"{kind} {position}"))
            values = _values(kind, label, block, problems)
            for combination in _crossed(values):
                if kind == "adverse":
                    reading = _adverse(combination)
                    counts.add(reading, _describe_raw(combination), label)
                    continue
                table = _table(combination)
                if isinstance(table, str):
                    removed.append(Removed(label, _describe_raw(combination), table))
                else:
                    tables.add(table, _describe_raw(combination), label)
    if not problems and not tables.found and not counts.found:
        problems.append("it has no specification: write at least one [[block]]")
    if problems:
        raise UsageError(f"{where}:\n  " + "\n  ".join(problems))
    removed += [*tables.removed, *counts.removed]
    return Grid(name, tuple(tables.found), tuple(counts.found), tuple(removed))


def _values(
    kind: str, label: str, block: dict[str, Any], problems: list[str]
) -> dict[str, list[Any]]:
    """Checked values of every choice of a block; appends what is wrong."""
    found: dict[str, list[Any]] = {key: [value] for key, value in DEFAULTS[kind].items()}
    for key, given in block.items():
        if key in ("name", "note"):
            continue
        check = CHECKS[kind].get(key)
        if check is None:
            known = ", ".join(CHECKS[kind])
            problems.append(f"{label}: unknown choice {key!r}; there are {known}")
            continue
        values = given if isinstance(given, list) else [given]
        if not values:
            problems.append(f"{label}: {key} is empty")
        found[key] = []
        for value in values:
            try:
                found[key].append(check(value))
            except UsageError as error:
                problems.append(f"{label}: {key} = {error}")
    return found


def _crossed(values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for combination in itertools.product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def _describe_raw(combination: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in combination.items())


def _table(combination: dict[str, Any]) -> Specification | str:
    """The specification of a combination, or why there is none."""
    choices = dict(combination)
    adjustment = choices.pop("adjustment")
    fit = TableChoices(**choices)
    if fit.model == "independent":
        if adjustment != "difference":
            return NO_CORRELATIONS
        fit = replace(fit, correlation="none", baseline="design")
    return Specification(fit, adjustment)


def _adverse(combination: dict[str, Any]) -> AdverseChoices:
    """The conjugate model has one prior, Jeffreys', whatever set is named."""
    choices = AdverseChoices(**combination)
    return replace(choices, prior="jeffreys") if choices.model == "independent" else choices
