"""Pool studies: every shared outcome fitted, every shared reaction, and a prior for a new study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesasthma._files.output import write_csv, write_text
from bayesasthma._files.sealed import write_sealed
from bayesasthma.comparison.pooled_events import (
    DEFAULT_EVENT_HETEROGENEITY,
    EVENT_STUDIES,
    EVENTS,
    event_heterogeneity,
    pool_events,
)
from bayesasthma.errors import UsageError
from bayesasthma.inference.diagnostics import diagnostics_frame
from bayesasthma.inference.fitting import silent
from bayesasthma.inference.pooling import (
    ACCEPTANCE,
    PooledFit,
    checksums,
    each_alone,
    fit_pooled,
    leave_one_out,
    shared_outcomes,
)
from bayesasthma.inference.sampling import Progress, SamplerOptions
from bayesasthma.pooling.data import PooledDesign, Source, pooled_design
from bayesasthma.pooling.model import PooledSpec, alone_model
from bayesasthma.priors.heterogeneity import HeterogeneityPrior
from bayesasthma.results.map_prior import (
    MAP_COLUMNS,
    external_rows,
    map_table,
    map_week,
    prior_toml,
)
from bayesasthma.results.pooled_effects import alone_dataset, pooled_dataset
from bayesasthma.results.pooled_tables import (
    EFFECTS,
    LEFT_OUT,
    STUDIES,
    effects_table,
    leave_one_out_table,
    studies_table,
)
from bayesasthma.results.shared_events import SharedEvent, shared_events
from bayesasthma.study.study import Study

#: Columns of `pooled_diagnostics.csv` where nothing was sampled.
DIAGNOSTICS = ["fit", "sampled", "parameters", "divergences", "tree_depth_reached", "bfmi",
               "r_hat", "ess_bulk", "ess_tail", "worst", "gate", "failures"]  # fmt: skip


@dataclass(frozen=True)
class Pooled:
    """Pooled outcomes of several studies.

    Attributes
    ----------
    fits : dict of str to PooledFit
        By outcome.
    draws : dict of str to Dataset
        By outcome: :func:`bayesasthma.results.pooled_effects.pooled_dataset`.
    effects, studies, left_out, diagnostics, map_prior : DataFrame
        The tables ``pooled_effects.csv``, ``pooled_studies.csv``, ``leave_one_out.csv``,
        ``pooled_diagnostics.csv`` and ``map_prior.csv``.
    external : DataFrame
        Rows for ``external.csv`` of a new study.
    prior_file : str
        The same as a prior set in TOML.
    events, event_studies : DataFrame
        The tables ``pooled_events.csv`` and ``pooled_events_studies.csv``.
    events_alone : dict of str to str
        Reactions that one study alone counts, and that study.
    """

    fits: dict[str, PooledFit]
    draws: dict[str, xr.Dataset]
    effects: pd.DataFrame
    studies: pd.DataFrame
    left_out: pd.DataFrame
    diagnostics: pd.DataFrame
    map_prior: pd.DataFrame
    external: pd.DataFrame
    prior_file: str
    events: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=EVENTS))
    event_studies: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=EVENT_STUDIES))
    events_alone: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every fit passed its gate."""
        return self.diagnostics.empty or bool((self.diagnostics["gate"] == "pass").all())

    def write(self, folder: Path) -> list[Path]:
        """Write tables and draws into a folder, each file whole; returns their paths."""
        tables = {
            "pooled_effects.csv": self.effects,
            "pooled_studies.csv": self.studies,
            "leave_one_out.csv": self.left_out,
            "pooled_diagnostics.csv": self.diagnostics,
            "map_prior.csv": self.map_prior,
            "map_external.csv": self.external,
            "pooled_events.csv": self.events,
            "pooled_events_studies.csv": self.event_studies,
        }
        written = []
        for name, table in tables.items():
            write_csv(table, folder / name)
            written.append(folder / name)
        write_text(self.prior_file, folder / "map_prior.toml")
        written.append(folder / "map_prior.toml")
        for outcome, data in self.draws.items():
            path = folder / "pooled" / f"{outcome}.nc"
            write_sealed(data.to_netcdf(None, engine="h5netcdf"), path)
            written.append(path)
        return written


def pool(
    studies: Sequence[Study],
    *,
    outcomes: Sequence[str] = (),
    mapped: Mapping[str, Mapping[str, Source]] | None = None,
    treatment: Sequence[str] = (),
    spec: PooledSpec | None = None,
    events_heterogeneity: HeterogeneityPrior | None = None,
    weeks: Sequence[float] = (),
    options: SamplerOptions | None = None,
    left_out: bool = True,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Pooled:
    """Pool every outcome that two of the studies or more print, and every reaction they count.

    Parameters
    ----------
    studies : sequence of Study
    outcomes : sequence of str
        Only these outcomes and reactions.
    mapped : mapping, optional
        By pooled outcome and study, where ids differ.
    treatment : sequence of str
        Ids of the treated arms that are pooled, of studies that have one of them; of other studies,
        and by default, all treated arms.
    spec : PooledSpec, optional
    events_heterogeneity : HeterogeneityPrior, optional
        Of log odds ratios of reactions; ``DEFAULT_EVENT_HETEROGENEITY`` by default.
    weeks : sequence of float
        At which effects are also wanted.
    options : SamplerOptions, optional
    left_out : bool
        Whether each study is also fitted alone, in its own model, and the model without each study.
    folder : Path, optional
        Where fits are kept.
    progress : callable
        Receives one line per stage.

    Raises
    ------
    UsageError
        If the studies share no outcome and no reaction, or cannot be pooled.
    """
    spec = spec or PooledSpec()
    options = options or SamplerOptions(target_accept=ACCEPTANCE)
    events, events_alone = shared_events(studies, treatment)
    shared, events = _chosen(
        shared_outcomes(studies, mapped, required=not events), events, outcomes
    )
    shared = {
        outcome: {
            study.name: _with_arms(own[study.name], study, treatment)
            for study in studies
            if study.name in own
        }
        for outcome, own in shared.items()
    }
    # every design first: what is wrong with the last outcome is said before the first is sampled
    designs = {
        outcome: pooled_design(outcome, studies, sources) for outcome, sources in shared.items()
    }
    _require_covered(weeks, designs)
    for design in designs.values() if left_out else ():
        for i in range(len(design.studies)):
            alone_model(design.of([i]), spec)
    event_rows, event_studies = pool_events(
        events,
        spec.prior,
        events_heterogeneity or event_heterogeneity(DEFAULT_EVENT_HETEROGENEITY),
        progress,
    )
    inputs = checksums(studies)
    fits: dict[str, PooledFit] = {}
    draws: dict[str, xr.Dataset] = {}
    effects, by_study, without_each, gates, priors = [], [], [], [], []
    found: dict[str, Any] = {}
    for outcome, design in designs.items():
        given: dict[str, Any] = {"inputs": inputs, "folder": folder, "progress": progress}
        fit = fit_pooled(design, spec, options, **given)
        data = pooled_dataset(fit, [w for w in weeks if _within(w, design.weeks)])
        _say_outside(outcome, weeks, design.weeks, progress)
        alone = each_alone(fit, options, **given) if left_out else {}
        rest = leave_one_out(fit, options, **given) if left_out else {}
        alone_data = {name: alone_dataset(own) for name, own in alone.items()}
        all_gates = {"": fit.gate} | {name: own.gate for name, own in alone.items()}
        effects.append(effects_table(data, fit.gate))
        by_study.append(studies_table(data, alone_data, all_gates))
        if left_out:
            rest_data = {
                name: pooled_dataset(own, [w for w in design.weeks if _within(w, own.design.weeks)])
                for name, own in rest.items()
            }
            rest_gates = {name: own.gate for name, own in rest.items()}
            without_each.append(leave_one_out_table(data, rest_data, alone_data, rest_gates))
        gates += [own.gate for own in (fit, *alone.values(), *rest.values())]
        week = map_week(data, [w for w in weeks if _within(w, design.weeks)])
        mixture, rows = map_table(data, week)
        priors.append(rows)
        found[outcome] = (mixture, data, week)
        fits[outcome], draws[outcome] = fit, data
    return Pooled(
        fits,
        draws,
        _joined(effects, EFFECTS),
        _joined(by_study, STUDIES),
        _joined(without_each, LEFT_OUT),
        diagnostics_frame(gates) if gates else pd.DataFrame(columns=DIAGNOSTICS),
        _joined(priors, MAP_COLUMNS),
        external_rows(found),
        prior_toml(found),
        event_rows,
        event_studies,
        {} if outcomes else events_alone,
    )


def _joined(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(columns))


def _chosen(
    shared: dict[str, dict[str, Source]], events: list[SharedEvent], chosen: Sequence[str]
) -> tuple[dict[str, dict[str, Source]], list[SharedEvent]]:
    """Outcomes and reactions of these ids, which may be both; all of them without any."""
    reactions = [event.reaction for event in events]
    unknown = [name for name in chosen if name not in shared and name not in reactions]
    if unknown:
        known = ", ".join(dict.fromkeys([*shared, *reactions]))
        raise UsageError(
            f"{unknown[0]!r} is not an outcome of two of the studies, nor a reaction; they share "
            f"{known}"
        )
    if not chosen:
        return shared, events
    kept = {name: shared[name] for name in chosen if name in shared}
    return kept, [event for event in events if event.reaction in chosen]


def _with_arms(source: Source, study: Study, treatment: Sequence[str]) -> Source:
    chosen = tuple(arm for arm in study.treatments if arm in treatment)
    return replace(source, arms=chosen) if chosen and not source.arms else source


def _within(week: float, weeks: Sequence[float]) -> bool:
    return weeks[0] <= week <= weeks[-1]


def _require_covered(asked: Sequence[float], designs: Mapping[str, PooledDesign]) -> None:
    """Refuse a week that no outcome's follow-up covers."""
    for week in asked:
        if not designs:
            raise UsageError(f"week {week:g}: effects by week are of outcomes, and none is pooled")
        if not any(_within(week, design.weeks) for design in designs.values()):
            listed = ", ".join(
                f"{outcome}: {design.weeks[0]:g} to {design.weeks[-1]:g} weeks"
                for outcome, design in designs.items()
            )
            raise UsageError(
                f"week {week:g} lies outside of the follow-up ({listed}); effects are not "
                "extrapolated"
            )


def _say_outside(
    outcome: str, asked: Sequence[float], weeks: Sequence[float], progress: Progress
) -> None:
    for week in asked:
        if not _within(week, weeks):
            progress(
                f"{outcome}: week {week:g} is left out, it lies outside of the follow-up "
                f"({weeks[0]:g} to {weeks[-1]:g} weeks) and effects are not extrapolated"
            )
