"""Several studies of one outcome, each in its own unit, made ready for the pooled model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.models.design import Design, design
from bayesasthma.priors.distributions import FALLBACK_TARGET_SD
from bayesasthma.study.study import Study

#: Unit of effects of studies whose units differ.
STANDARDISED = "baseline SD"


@dataclass(frozen=True)
class Source:
    """Where a study has the pooled outcome, and what its numbers are multiplied by.

    Attributes
    ----------
    outcome : str
        Its id in the study.
    factor : float or None
        Pooled unit per unit of the study; None if nothing is stated.
    arms : tuple of str
        Ids of the treated arms that are pooled; empty for all.
    """

    outcome: str
    factor: float | None = None
    arms: tuple[str, ...] = ()


@dataclass(frozen=True)
class PooledStudy:
    """One study of a pooled outcome.

    Attributes
    ----------
    label : str
    design : Design
        Of this outcome alone, in the study's own baseline SDs.
    weeks : tuple of float
        Of the follow-up visits, since baseline where there is one.
    unit : float
        The pooled model's standard unit in the study's own baseline SDs.
    patients : int
    """

    label: str
    design: Design
    weeks: tuple[float, ...]
    unit: float
    patients: int


@dataclass(frozen=True)
class PooledDesign:
    """What the pooled model needs to know of its studies.

    Attributes
    ----------
    outcome, label : str
    studies : tuple of PooledStudy
    weeks : tuple of float
        Follow-up weeks at which at least one study prints the outcome, ascending.
    scale : float
        Standard unit of the model in `unit`: the baseline SD pooled over studies, or 1 where units
        differ.
    unit : str
        Of reported effects.
    direction : int
        +1 if higher is better, -1 if lower is, 0 if neither is claimed.
    mcid : float
        In `unit`; NaN unless the studies that state an absolute one agree on it.
    target : float
        What priors take for the MCID, in the model's standard unit.
    log : bool
        Whether effects are differences of logarithms.
    whole_reference : float or None
        The reference week of a design that this one is a part of.
    """

    outcome: str
    label: str
    studies: tuple[PooledStudy, ...]
    weeks: tuple[float, ...]
    scale: float
    unit: str
    direction: int
    mcid: float
    target: float
    log: bool = False
    whole_reference: float | None = None
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Note the studies' labels."""
        object.__setattr__(self, "names", tuple(own.label for own in self.studies))

    @property
    def patients(self) -> int:
        """Of all studies."""
        return sum(own.patients for own in self.studies)

    @property
    def reference_week(self) -> float:
        """Where the heterogeneity has its prior: the last week of two studies, or that of all.

        The last of any without one; of some of the studies that of all, if they print it.
        """
        if self.whole_reference in self.weeks:
            return float(self.whole_reference)
        count = Counter(week for own in self.studies for week in own.weeks)
        shared = [week for week in self.weeks if count[week] > 1]
        return (shared or self.weeks)[-1]

    def of(self, chosen: Sequence[int]) -> PooledDesign:
        """The design of some of the studies, with unit, target and reference week of all."""
        kept = tuple(self.studies[i] for i in chosen)
        weeks = tuple(sorted({week for own in kept for week in own.weeks}))
        return replace(self, studies=kept, weeks=weeks, whole_reference=self.reference_week)


def pooled_design(
    outcome: str, studies: Sequence[Study], sources: Mapping[str, Source]
) -> PooledDesign:
    """Studies of one outcome as one design.

    Parameters
    ----------
    outcome : str
        Name of the pooled outcome.
    studies : sequence of Study
    sources : mapping of str to Source
        By study name: those that have the outcome.

    Returns
    -------
    PooledDesign
        Effects in the outcome's unit if all studies have the same (or a stated factor leads to it),
        else in baseline SDs of each study.

    Raises
    ------
    UsageError
        If a study has no such outcome, arm or follow-up visit, or directions of benefit or scales
        differ between studies.
    """
    chosen = [study for study in studies if study.name in sources]
    own = [_Part.of(study, sources[study.name]) for study in chosen]
    _require_one(own, outcome)
    converted = {part.unit for part in own if part.factor is None}
    same = len(converted) <= 1
    unit = next((part.unit_text for part in own if part.factor is None), own[0].unit_text)
    factors = np.array([part.factor or 1.0 for part in own])
    own_scales = np.array([part.design.scale[0] for part in own])
    spreads = np.array([part.spread for part in own])
    weight = np.array([part.design.n_arm.sum() - len(part.design.arms) for part in own])
    scale = (
        float(np.sqrt((weight * (factors * spreads) ** 2).sum() / weight.sum())) if same else 1.0
    )
    units = (scale / factors if same else spreads) / own_scales
    pooled = tuple(
        PooledStudy(
            part.study.name,
            part.design,
            part.weeks,
            float(own_unit),
            int(part.design.n_arm.sum()),
        )
        for part, own_unit in zip(own, units, strict=True)
    )
    log = own[0].log
    mcid = _mcid(own) if same and not log else np.nan
    targets = np.array([float(part.design.target[0]) for part in own]) / units
    known = targets[np.isfinite(targets)]
    target = mcid / scale if np.isfinite(mcid) else FALLBACK_TARGET_SD
    if not np.isfinite(mcid) and len(known):
        target = float(known.mean())
    return PooledDesign(
        outcome=outcome,
        label=str(own[0].row["label"]),
        studies=pooled,
        weeks=tuple(sorted({week for part in own for week in part.weeks})),
        scale=scale,
        unit=(f"log {unit}".strip() if log else unit) if same else STANDARDISED,
        direction=int(own[0].row["direction"]),
        mcid=float(mcid),
        target=float(target),
        log=log,
    )


def _spread(study: Study, outcome: str, design: Design) -> float:
    """Baseline SD of a study, in its outcome's unit; of changes alone, their largest SD.

    Early changes have small SDs, for visits of a few weeks are much alike; later ones come near the
    SD of levels, which they have at a correlation of a half.
    """
    found = [1.0]
    if prints_changes_alone(study, outcome):
        for table in design.tables:
            freedom = table.n - 1
            variance = np.sum(freedom * table.sd**2, axis=0) / np.sum(freedom, axis=0)
            found.append(float(np.sqrt(variance.max())))
    return max(found) * float(design.scale[0])


@dataclass(frozen=True)
class _Part:
    """A study restricted to one outcome, its arms that are pooled and its visits with numbers."""

    study: Study
    outcome: str
    factor: float | None
    design: Design
    weeks: tuple[float, ...]
    spread: float

    @classmethod
    def of(cls, study: Study, source: Source) -> _Part:
        printed = restricted(study, source)
        own = changes_as_levels(printed, source.outcome)
        layout = design(own, [source.outcome])
        first = len(layout.visits) - len(layout.follow_up)
        start = 0.0
        if printed.baseline_visit is not None:
            start = float(printed.visits["week"][printed.baseline_visit])
        weeks = tuple(float(week - start) for week in layout.weeks[first:])
        spread = _spread(printed, source.outcome, layout)
        return cls(own, source.outcome, source.factor, layout, weeks, spread)

    @property
    def row(self) -> dict[Any, Any]:
        found: dict[Any, Any] = self.study.outcomes.loc[self.outcome].to_dict()
        return found

    @property
    def unit_text(self) -> str:
        value = self.row["unit"]
        return value.strip() if isinstance(value, str) else ""

    @property
    def unit(self) -> str:
        return " ".join(self.unit_text.casefold().split())

    @property
    def log(self) -> bool:
        return self.outcome in self.study.log_outcomes


def restricted(study: Study, source: Source) -> Study:
    """A study with one outcome's treated arms that are pooled and the visits that print it.

    Raises
    ------
    UsageError
        If it has no such outcome or arm, or prints it at no follow-up visit in two arms.
    """
    outcome = source.outcome
    if outcome not in study.outcomes.index:
        known = ", ".join(map(str, study.outcomes.index)) or "none"
        raise UsageError(f"{study.name}: unknown outcome {outcome!r}; the study has {known}")
    unknown = [arm for arm in source.arms if arm not in study.treatments]
    if unknown:
        raise UsageError(
            f"{study.name}: {unknown[0]!r} is no treated arm; there are "
            f"{', '.join(study.treatments)}"
        )
    arms = [study.control, *(source.arms or study.treatments)]
    seen = study.table["mean"].sel(outcome=outcome).notnull().any("statistic")
    printed = [arm for arm in arms if bool(seen.sel(arm=arm).any())]
    visits = [
        visit
        for visit in study.follow_up
        if bool(seen.sel(arm=study.control, visit=visit))
        and any(bool(seen.sel(arm=arm, visit=visit)) for arm in arms[1:])
    ]
    if not visits or study.control not in printed:
        raise UsageError(
            f"{study.name}: {outcome!r} is printed at no follow-up visit in both the control arm "
            "and a treated one: there is no effect to pool"
        )
    kept = ([study.baseline_visit] if study.baseline_visit is not None else []) + visits
    patients = study.patients
    if patients is not None:
        patients = patients[patients["arm"].isin(printed) & patients["visit"].isin(kept)]
    correlations = study.correlations
    within = correlations["visit_1"].isin(kept) & correlations["visit_2"].isin(kept)
    return replace(
        study,
        arms=study.arms.loc[printed],
        visits=study.visits.loc[kept],
        table=study.table.sel(arm=printed, visit=kept),
        correlations=correlations[within],
        patients=patients,
    )


def prints_changes_alone(study: Study, outcome: str) -> bool:
    """Whether a study with a baseline prints an outcome's changes from it and no level."""
    levels = study.table["mean"].sel(outcome=outcome, statistic="level")
    return (
        study.baseline_visit is not None
        and study.patients is None
        and not bool(levels.notnull().any())
    )


def changes_as_levels(study: Study, outcome: str) -> Study:
    """A randomised study that prints changes alone, with these as levels and no baseline.

    Randomised arms are alike at baseline, so that the difference between mean changes is the
    baseline-adjusted one. SDs of levels and their correlations with baseline, which changes alone
    do not tell apart, are no parameters then: left in, they make a ridge that takes six times the
    steps to walk along.
    """
    if not study.randomised or not prints_changes_alone(study, outcome):
        return study
    kept = study.follow_up
    changes = study.table.sel(visit=kept, statistic=["change"])
    return replace(
        study,
        visits=study.visits.loc[kept],
        table=xr.concat(
            [changes.assign_coords(statistic=["level"]), changes.where(False)], dim="statistic"
        ),
        baseline_visit=None,
        correlations=study.correlations.iloc[:0],
    )


def _require_one(own: Sequence[_Part], outcome: str) -> None:
    """Refuse studies whose outcomes are not one."""
    directions = {part.study.name: int(part.row["direction"]) for part in own}
    if len(set(directions.values())) > 1:
        words = {1: "higher", -1: "lower", 0: "none"}
        listed = ", ".join(f"{name}: {words[value]}" for name, value in directions.items())
        raise UsageError(f"{outcome}: the direction of benefit differs between studies ({listed})")
    if len({part.log for part in own}) > 1:
        log = [part.study.name for part in own if part.log]
        raise UsageError(
            f"{outcome}: {', '.join(log)} is on the log scale and the others are not; effects on "
            "different scales are not pooled"
        )


def _mcid(own: Sequence[_Part]) -> float:
    """The absolute MCID that the studies state, in the pooled unit; NaN if they do not agree."""
    stated = {
        round(float(part.row["mcid"]) * (part.factor or 1.0), 12)
        for part in own
        if part.row["mcid_kind"] == "absolute"
    }
    stated = {value for value in stated if np.isfinite(value)}
    return stated.pop() if len(stated) == 1 else np.nan
