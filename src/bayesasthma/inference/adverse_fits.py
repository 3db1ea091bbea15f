"""Fit the adverse-reaction models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.inference.diagnostics import Gate, check
from bayesasthma.inference.event_groups import (
    EventGroup,
    distinct_readings,
    event_groups,
    oriented,
)
from bayesasthma.inference.fitting import PRIOR_DRAWS, run_or_resume, silent
from bayesasthma.inference.remedies import sample_closely
from bayesasthma.inference.routes import Ready, adverse_kernel, route_of
from bayesasthma.inference.sampling import (
    Progress,
    SamplerOptions,
    Stopwatch,
)
from bayesasthma.models.adverse_counts import (
    JEFFREYS,
    READINGS,
    AdverseSpec,
    Counts,
    counts,
    draw_parameters,
)
from bayesasthma.priors.distributions import PriorSet
from bayesasthma.priors.named_sets import check_names, prior_set
from bayesasthma.study.study import Study


@dataclass(frozen=True)
class AdverseFit:
    """A fitted model of adverse-reaction counts.

    Attributes
    ----------
    study : Study
        With the counts of the fit's events alone.
    spec : AdverseSpec
    counts : Counts
    data : DataTree
        ``posterior`` holds the parameters and ``rate`` (chain, draw, reaction, visit, arm):
        the chance of a reaction at a visit (per-visit reading) or by it (cumulative reading).
    seconds : dict
    resumed : bool
    group : str
        Direction of the events, if the study has others: ``lower``, ``higher`` or ``none``.
    """

    study: Study
    spec: AdverseSpec
    counts: Counts
    data: xr.DataTree = field(repr=False)
    seconds: dict[str, float]
    resumed: bool = False
    group: str = ""

    @property
    def label(self) -> str:
        """Short name, also of its file."""
        return _label(self.spec, self.group)

    @property
    def route(self) -> dict[str, str]:
        """``compiled``: ``kernel``, or ``graph``; empty if the posterior has a closed form."""
        return route_of(self.data)

    @cached_property
    def gate(self) -> Gate:
        """Diagnostics of every parameter and rate."""
        return check(self.label, self.data)


def fit_adverse(
    study: Study,
    prior: str = "weak",
    options: SamplerOptions | None = None,
    *,
    readings: Iterable[str] = READINGS,
    folder: Path | None = None,
    progress: Progress = silent,
) -> list[AdverseFit]:
    """Fit both models under each reading of the counts, and to events of each direction apart.

    A reading that the counts contradict (a cumulative count that falls) is skipped with a message,
    unless it is the only one asked for. Where every event is counted at one visit the readings are
    one, and it is fitted once.

    Raises
    ------
    UsageError
        If the study prints no counts, or the only reading asked for is impossible.
    """
    options = options or SamplerOptions()
    readings = tuple(readings)
    if study.adverse.empty:
        raise UsageError("the study has no adverse.csv")
    chosen = prior_set(prior)
    check_names(chosen, study)
    fits: list[AdverseFit] = []
    for group in event_groups(study):
        own = oriented(chosen, group.direction)
        for reading in distinct_readings(group.study, readings):
            try:
                data = counts(group.study, reading)
            except UsageError as error:
                if len(readings) == 1:
                    raise
                progress(f"adverse, {reading}: skipped, {error}")
                continue
            fits.append(conjugate_fit(group.study, data, reading, options, group.name))
            fits.append(_pooled_fit(group, data, reading, own, options, folder, progress))
    return fits


def _label(spec: AdverseSpec, group: str) -> str:
    return "-".join(filter(None, [spec.label, group]))


def _pooled_fit(
    group: EventGroup,
    data: Counts,
    reading: str,
    chosen: PriorSet,
    options: SamplerOptions,
    folder: Path | None,
    progress: Progress,
) -> AdverseFit:
    """The hierarchical model of one group and reading, sampled or read."""
    spec = AdverseSpec("hierarchical", reading, chosen)
    label = _label(spec, group.name)
    record = {
        "spec": label,
        "prior": asdict(chosen),
        "options": options.record(),
        "inputs": group.study.checksums,
        "study": group.study.name,
    }

    def run(watch: Stopwatch) -> xr.DataTree:
        kernel = watch.time("compile", lambda: adverse_kernel(data, chosen))
        ready = Ready(kernel, "kernel")
        progress(f"{label}: sampling {options.chains} x ({options.tune} + {options.draws})")
        tree = watch.time("sample", lambda: sample_closely(ready.model, options))
        prior = watch.time("predict", lambda: _prior_draws(data, chosen, options.seed))
        whole = watch.time(
            "predict", lambda: _hierarchical_tree(tree, prior, data, spec, options.seed)
        )
        whole.attrs |= tree.attrs | ready.record()
        return whole

    tree, seconds, resumed = run_or_resume(label, record, run, folder, progress)
    return AdverseFit(group.study, spec, data, tree, seconds, resumed, group.name)


def _prior_draws(data: Counts, prior: PriorSet, seed: int) -> xr.Dataset:
    """Prior draws of the parameters (chain, draw, ...), which need no PyMC."""
    found = xr.Dataset(draw_parameters(data, prior, PRIOR_DRAWS, seed)).expand_dims("chain")
    coords = {"reaction": list(data.reactions), "treated": list(data.arms[1:])}
    return found.assign_coords(coords)


def _coords(data: Counts) -> dict[str, list[str]]:
    return {"reaction": list(data.reactions), "visit": list(data.visits), "arm": list(data.arms)}


def cell_grid(data: Counts, values: np.ndarray) -> np.ndarray:
    """Spread values (..., cell) on (..., reaction, visit, arm); NaN where nothing was printed."""
    shape = (len(data.reactions), len(data.visits), len(data.arms))
    grid = np.full((*values.shape[:-1], *shape), np.nan)
    grid[..., data.reaction, data.visit, data.arm] = values
    return grid


def accumulate(hazard: np.ndarray, reading: str) -> np.ndarray:
    """Chance by each visit from the chance at each visit (..., reaction, visit, arm)."""
    if reading == "per_visit":
        return hazard
    free = np.cumprod(np.where(np.isnan(hazard), 1.0, 1 - hazard), axis=-2)
    return np.where(np.isnan(hazard), np.nan, 1 - free)


def conjugate_fit(
    study: Study, data: Counts, reading: str, options: SamplerOptions, group: str = ""
) -> AdverseFit:
    """Independent draws of the closed-form beta posterior of each cell."""
    rng = np.random.default_rng(options.seed)
    size = (options.chains, options.draws, len(data.events))
    hazard = rng.beta(JEFFREYS + data.events, JEFFREYS + data.at_risk - data.events, size=size)
    rate = accumulate(cell_grid(data, hazard), reading)
    dims = ("chain", "draw", "reaction", "visit", "arm")
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"rate": (dims, rate)}, _coords(data)),
            "observed_data": _observed(data),
        }
    )
    spec = AdverseSpec("independent", reading)
    return AdverseFit(study, spec, data, tree, {}, group=group)


def _observed(data: Counts) -> xr.Dataset:
    return xr.Dataset(
        {
            "count": ("cell", data.events),
            "at_risk": ("cell", data.at_risk),
        },
        {
            "reaction_of": ("cell", [data.reactions[i] for i in data.reaction]),
            "visit_of": ("cell", [data.visits[t] for t in data.visit]),
            "arm_of": ("cell", [data.arms[g] for g in data.arm]),
        },
    )


def _hierarchical_tree(
    tree: xr.DataTree, prior: xr.Dataset, data: Counts, spec: AdverseSpec, seed: int
) -> xr.DataTree:
    """Add rates, predictive counts and log-likelihood to sampler output."""
    from bayesasthma.models import adverse_counts

    assert spec.prior is not None
    rng = np.random.default_rng(seed)
    from scipy.stats import betabinom  # half a second, which fits of tables do without

    groups: dict[str, xr.Dataset] = {"sample_stats": tree["sample_stats"].to_dataset()}
    cell = (..., data.reaction, data.arm)
    for group, source in (("posterior", tree["posterior"].to_dataset()), ("prior", prior)):
        parameters = {
            str(k): v.transpose("chain", "draw", ...).to_numpy() for k, v in source.items()
        }
        arm_rate = adverse_counts.rates(parameters, spec.prior, data.arm_share)
        total = adverse_counts.concentration(parameters)[..., None]
        alpha, beta = arm_rate[cell] * total, (1 - arm_rate[cell]) * total
        learned = group == "posterior"
        events = data.events if learned else 0 * data.events
        at_risk = data.at_risk if learned else 0 * data.at_risk
        hazard = rng.beta(alpha + events, beta + at_risk - events)
        dims = ("chain", "draw", "reaction", "visit", "arm")
        groups[group] = source.assign(
            rate=(dims, accumulate(cell_grid(data, hazard), spec.reading)),
            arm_rate=(("chain", "draw", "reaction", "arm"), arm_rate),
        ).assign_coords(_coords(data))
        new = rng.binomial(data.at_risk, rng.beta(alpha, beta))
        groups[f"{group}_predictive"] = xr.Dataset({"count": (("chain", "draw", "cell"), new)})
        if learned:
            density = betabinom.logpmf(data.events, data.at_risk, alpha, beta)
            groups["log_likelihood"] = xr.Dataset({"count": (("chain", "draw", "cell"), density)})
    groups["observed_data"] = _observed(data)
    return xr.DataTree.from_dict(groups)
