"""A study: what a paper printed, validated, immutable, on labelled arrays."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr


@dataclass(frozen=True, repr=False, eq=False)
class Study:
    """One study's printed numbers.

    A study does not change: every access hands out a copy of its frames and dictionaries (a frame's
    data are copied only when written to), and the arrays of ``table`` are read-only. For a variant
    use `dataclasses.replace`. Studies are compared by identity.

    Attributes
    ----------
    name : str
        The bundle's folder name.
    title, citation, design : str
    randomised : bool
    arms : DataFrame
        Index ``arm``; columns ``label``, ``role`` ("control" or "treatment"), ``n``. Control first.
    visits : DataFrame
        Index ``visit``; columns ``label``, ``week``. Ascending.
    baseline_visit : str or None
    outcomes : DataFrame
        Index ``outcome``; ``label, unit, domain, direction`` (+1, -1, 0), ``mcid, mcid_kind,
        mcid_source, minimum, maximum, items``.
    table : Dataset (outcome, arm, visit, statistic)
        ``mean``, ``sd``, ``n`` (NaN where not printed) and ``mean_step``, ``sd_step``, the units in
        the last printed place (0 if not rounded). ``statistic`` is ``level`` or ``change`` from
        baseline.
    correlations, tests, baseline, adverse, claims, external : DataFrame
        As in the bundle's files, typed; empty if the file is absent. ``direction`` in ``adverse``
        is +1 where more events are a benefit, -1 where fewer are, 0 where neither is claimed.
    patients : DataFrame or None
        One row per patient and visit, if the bundle has patient-level data.
    covariates : tuple of str
        Columns of ``patients`` that models adjust for: numbers or texts, one value per patient.
    reading : str
        How the table is read, if not as printed: label of a
        :class:`bayesasthma.study.readings.Reading`.
    methods : dict
        What the paper states of its tests.
    exclusions : DataFrame
        Exclusion criteria that name a level of a baseline variable.
    summaries : DataFrame
        The rows of ``summaries.csv`` as printed, whichever of SD, SE, CV and interval they have:
        ``outcome, arm, visit, statistic`` ("level", "change", "geometric_mean"), ``n, mean, sd, se,
        cv, ci_low, ci_high, ci_prob``, their steps, ``line``, ``note``, ``source``; empty for
        patient-level data.
    differences : DataFrame
        Printed differences, treated minus control: ``outcome, arm, visit, adjusted_for``
        ("baseline", "none" or other words), ``method, estimate, se, ci_low, ci_high, ci_prob``,
        their steps, ``line``, ``note``, ``source``.
    medians : DataFrame
        Printed medians, which no model uses: ``outcome, arm, visit, n, median, q1, q3, least,
        greatest, iqr``, their steps, ``label``, ``unit``, ``line``, ``note``, ``source``. An
        outcome of which medians are all that is printed is not among ``outcomes``.
    rates : DataFrame
        Events in person-time: ``event, arm, visit, count, person_time, rate, per, ratio, ci_low,
        ci_high, ci_prob, method``, their steps, ``line``, ``note``, ``source``; ``ratio`` is that
        arm's rate over the control's.
    missing : DataFrame
        Patients who had left, as printed: ``arm, visit, left``, ``started`` (whom they are of),
        ``line``, ``note``, ``source``.
    checksums : dict
        SHA-256 of every file read.
    """

    name: str
    title: str
    citation: str
    design: str
    randomised: bool
    arms: pd.DataFrame
    visits: pd.DataFrame
    baseline_visit: str | None
    outcomes: pd.DataFrame
    table: xr.Dataset
    correlations: pd.DataFrame
    tests: pd.DataFrame
    baseline: pd.DataFrame
    adverse: pd.DataFrame
    claims: pd.DataFrame
    external: pd.DataFrame
    patients: pd.DataFrame | None
    checksums: dict[str, str]
    methods: dict[str, Any] = field(default_factory=dict)
    exclusions: pd.DataFrame = field(default_factory=pd.DataFrame)
    covariates: tuple[str, ...] = ()
    reading: str = ""
    summaries: pd.DataFrame = field(default_factory=pd.DataFrame)
    differences: pd.DataFrame = field(default_factory=pd.DataFrame)
    medians: pd.DataFrame = field(default_factory=pd.DataFrame)
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)
    missing: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        """Keep own copies, so that nobody else holds what the study holds."""
        for item in fields(self):
            value = object.__getattribute__(self, item.name)
            if isinstance(value, xr.Dataset):
                value = value.copy(deep=True)
                for variable in value.variables.values():
                    if isinstance(variable.data, np.ndarray):
                        variable.data.setflags(write=False)
            object.__setattr__(self, item.name, _copy(value))

    def __getattribute__(self, name: str) -> Any:
        """Look up an attribute; what could be changed in place is handed out as a copy."""
        value = object.__getattribute__(self, name)
        return value if name.startswith("__") else _copy(value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled study; unpickled arrays have to be made read-only again."""
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    @property
    def control(self) -> str:
        """Id of the control arm."""
        return str(self.arms.index[0])

    @property
    def treatments(self) -> list[str]:
        """Ids of the other arms."""
        return [str(arm) for arm in self.arms.index[1:]]

    @property
    def follow_up(self) -> list[str]:
        """Ids of the visits other than the baseline."""
        return [str(visit) for visit in self.visits.index if visit != self.baseline_visit]

    @property
    def log_outcomes(self) -> list[str]:
        """Ids of the outcomes whose table is of logarithms: geometric means, or a reading."""
        if "scale" not in self.outcomes:
            return []
        return [str(name) for name in self.outcomes.index[self.outcomes["scale"] == "log"]]

    @property
    def event_directions(self) -> dict[str, int]:
        """Direction of benefit of every event of ``adverse``: +1, -1 or 0."""
        directions = self.adverse.drop_duplicates("reaction").set_index("reaction")["direction"]
        return {str(reaction): int(direction) for reaction, direction in directions.items()}

    @property
    def weeks(self) -> np.ndarray:
        """Weeks of the visits, ascending."""
        return self.visits["week"].to_numpy(dtype=float)

    def __repr__(self) -> str:
        """Name, arms with their sizes, visits and outcomes on four lines."""
        arms = ", ".join(f"{row.label} (n = {row.n})" for row in self.arms.itertuples())
        source = "patients" if self.patients is not None else "printed means and SDs"
        count = len(self.outcomes)
        outcomes = f"{count} outcome{'s' * (count != 1)} from {source}; " if count else ""
        events = "adverse-reaction" if set(self.event_directions.values()) <= {-1} else "event"
        return (
            f"Study {self.name!r}: {self.title}\n"
            f"  arms: {arms}\n"
            f"  visits: {', '.join(str(label) for label in self.visits['label'])}\n"
            f"  {outcomes}{len(self.tests)} printed p-values; {len(self.adverse)} {events} counts"
        )


def _copy(value: Any) -> Any:
    """Own copy of a frame (lazily, pandas copies on write), dataset (same arrays) or dictionary."""
    if isinstance(value, pd.DataFrame):
        copy = value.copy(deep=False)
        copy.index, copy.columns = value.index.view(), value.columns.view()
        return copy
    if isinstance(value, xr.Dataset):
        return value.copy(deep=False)
    return deepcopy(value) if isinstance(value, dict) else value
