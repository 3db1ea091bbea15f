"""Fit the adverse-reaction models and tabulate rates, differences and ratios."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesasthma.beta_mixtures import probability_less
from bayesasthma.diagnostics import Gate, check, mark
from bayesasthma.errors import UsageError
from bayesasthma.fitting import PRIOR_DRAWS, run_or_resume, silent
from bayesasthma.models.adverse import JEFFREYS, READINGS, AdverseSpec, Counts, counts
from bayesasthma.priors import check_names, prior_set
from bayesasthma.sampling import (
    Progress,
    SamplerOptions,
    Stopwatch,
    compile_model,
    draw_prior,
    sample,
)
from bayesasthma.study import Study
from bayesasthma.summaries import summarise

COLUMNS = [
    "study", "reaction", "visit", "arm", "reading", "model", "prior", "estimand",
    "mean", "sd", "median", "ci_low", "ci_high", "ci_prob",
    "p_benefit", "p_benefit_mcse", "ess_bulk", "ess_tail", "r_hat", "gate",
]  # fmt: skip

CONTRASTS = ("risk_difference", "risk_ratio", "odds_ratio", "number_needed_to_treat")
#: Patients to whom the predictive chance of a severe reaction refers.
FUTURE_PATIENTS = 20


@dataclass(frozen=True)
class AdverseFit:
    """A fitted model of adverse-reaction counts.

    Attributes
    ----------
    study : Study
    spec : AdverseSpec
    counts : Counts
    data : DataTree
        ``posterior`` holds the parameters and ``rate`` (chain, draw, reaction, visit, arm):
        the chance of a reaction at a visit (per-visit reading) or by it (cumulative reading).
    seconds : dict
    resumed : bool
    """

    study: Study
    spec: AdverseSpec
    counts: Counts
    data: xr.DataTree = field(repr=False)
    seconds: dict[str, float]
    resumed: bool = False

    @property
    def label(self) -> str:
        """Short name, also of its file."""
        return self.spec.label

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
    """Fit both models under each reading of the counts; one compilation serves both readings.

    A reading that the counts contradict (a cumulative count that falls) is skipped with a message,
    unless it is the only one asked for.

    Raises
    ------
    UsageError
        If the study prints no counts, or the only reading asked for is impossible.
    """
    options = options or SamplerOptions()
    readings = tuple(readings)
    chosen = prior_set(prior)
    check_names(chosen, study)
    fits: list[AdverseFit] = []
    compiled: Any = None
    for reading in readings:
        try:
            data = counts(study, reading)
        except UsageError as error:
            if len(readings) == 1 or study.adverse.empty:
                raise
            progress(f"adverse, {reading}: skipped, {error}")
            continue
        fits.append(conjugate_fit(study, data, reading, options))
        spec = AdverseSpec("hierarchical", reading, chosen)
        record = {
            "spec": spec.label,
            "prior": asdict(chosen),
            "options": options.record(),
            "inputs": study.checksums,
            "study": study.name,
        }

        def run(watch: Stopwatch, data: Counts = data, spec: AdverseSpec = spec) -> xr.DataTree:
            nonlocal compiled
            from bayesasthma.models.adverse import build

            assert spec.prior is not None
            model = build(data, spec.prior)
            if compiled is None:
                progress(f"{spec.label}: compiling")
                compiled = watch.time("compile", lambda: compile_model(model))
            ready = compiled.with_data(events=data.events, at_risk=data.at_risk)
            progress(
                f"{spec.label}: sampling {options.chains} x ({options.tune} + {options.draws})"
            )
            tree = watch.time("sample", lambda: sample(ready, options))
            prior_draws = watch.time(
                "predict", lambda: draw_prior(model, PRIOR_DRAWS, options.seed)
            )
            return watch.time(
                "predict", lambda: _hierarchical_tree(tree, prior_draws, data, spec, options.seed)
            )

        tree, seconds, resumed = run_or_resume(spec.label, record, run, folder, progress)
        fits.append(AdverseFit(study, spec, data, tree, seconds, resumed))
    return fits


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


def conjugate_fit(study: Study, data: Counts, reading: str, options: SamplerOptions) -> AdverseFit:
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
    return AdverseFit(study, AdverseSpec("independent", reading), data, tree, {})


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
    from bayesasthma.models import adverse

    assert spec.prior is not None
    rng = np.random.default_rng(seed)
    groups: dict[str, xr.Dataset] = {"sample_stats": tree["sample_stats"].to_dataset()}
    cell = (..., data.reaction, data.arm)
    for group, source in (("posterior", tree["posterior"].to_dataset()), ("prior", prior)):
        parameters = {
            str(k): v.transpose("chain", "draw", ...).to_numpy() for k, v in source.items()
        }
        arm_rate = adverse.rates(parameters, spec.prior)
        total = adverse.concentration(parameters)[..., None]
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
            density = stats.betabinom.logpmf(data.events, data.at_risk, alpha, beta)
            groups["log_likelihood"] = xr.Dataset({"count": (("chain", "draw", "cell"), density)})
    groups["observed_data"] = _observed(data)
    return xr.DataTree.from_dict(groups)


def adverse_effects(fit: AdverseFit, ci_prob: float = 0.95) -> pd.DataFrame:
    """Rates and treatment effects of a fit: one row per reaction, visit, arm and estimand.

    ``rate`` has the arm's own row; contrasts are treated against control, and ``p_benefit`` is
    P(fewer reactions). ``number_needed_to_treat`` is 1 / (control rate - treated rate): positive
    numbers avoid a reaction, negative ones cause one; its interval passes through infinity when the
    risk difference's interval contains 0 (Altman 1998, BMJ 317:1309), and its mean is not defined.
    ``any_in_20`` is the predicted chance that at least one of the next 20 patients has one.

    Returns
    -------
    DataFrame
        The columns of ``adverse.csv``.
    """
    rate = fit.data["posterior"].to_dataset()["rate"]
    control, treated = rate.isel(arm=0, drop=True), rate.isel(arm=slice(1, None))
    draws = {
        "rate": rate,
        "risk_difference": treated - control,
        "risk_ratio": treated / control,
        "odds_ratio": treated / (1 - treated) / (control / (1 - control)),
        f"any_in_{FUTURE_PATIENTS}": 1 - (1 - rate) ** FUTURE_PATIENTS,
    }
    frames = []
    for estimand, values in draws.items():
        sign = -1.0 if estimand == "risk_difference" else 0.0
        frame = summarise(values.transpose("chain", "draw", ...), sign, ci_prob=ci_prob)
        frames.append(frame.reset_index().assign(estimand=estimand))
    table = pd.concat(frames, ignore_index=True)
    table = pd.concat([table, _needed_to_treat(table)], ignore_index=True)
    table = _share_probabilities(table)
    if fit.spec.model == "independent":
        table = _closed_form(table, fit, ci_prob)
    table = table.assign(
        study=fit.study.name,
        reading=fit.spec.reading,
        model=fit.spec.model,
        prior=fit.spec.prior_name,
        ci_prob=ci_prob,
    )
    return mark(table, fit.gate)[COLUMNS]


def _needed_to_treat(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[table["estimand"] == "risk_difference"].copy()
    with np.errstate(divide="ignore"):
        return rows.assign(
            estimand="number_needed_to_treat",
            median=-1 / rows["median"],
            ci_low=-1 / rows["ci_low"],
            ci_high=-1 / rows["ci_high"],
            mean=np.nan,
            sd=np.nan,
        )


def _share_probabilities(table: pd.DataFrame) -> pd.DataFrame:
    """P(fewer reactions) is one number per contrast: copy it from the risk difference."""
    keys = ["reaction", "visit", "arm"]
    source = table[table["estimand"] == "risk_difference"].set_index(keys)
    contrast = table["estimand"].isin(CONTRASTS[1:])
    index = pd.MultiIndex.from_frame(table.loc[contrast, keys])
    for column in ("p_benefit", "p_benefit_mcse"):
        table.loc[contrast, column] = source[column].reindex(index).to_numpy()
    return table


def _closed_form(table: pd.DataFrame, fit: AdverseFit, ci_prob: float) -> pd.DataFrame:
    """Replace what is known exactly under independent beta posteriors (per-visit reading).

    Rates: mean, SD, median and interval of the beta distribution. Risk differences: mean, SD and
    P(fewer), by quadrature.
    """
    if fit.spec.reading != "per_visit":
        return table
    posterior = {
        (fit.counts.reactions[i], fit.counts.visits[t], fit.counts.arms[g]): stats.beta(
            JEFFREYS + y, JEFFREYS + n - y
        )
        for i, t, g, y, n in zip(
            fit.counts.reaction,
            fit.counts.visit,
            fit.counts.arm,
            fit.counts.events,
            fit.counts.at_risk,
            strict=True,
        )
    }
    tail = (1 - ci_prob) / 2
    control_arm = fit.counts.arms[0]
    for row in table.itertuples():
        own = posterior.get((row.reaction, row.visit, row.arm))
        if own is None:
            continue
        if row.estimand == "rate":
            values = [own.mean(), own.std(), own.median(), own.ppf(tail), own.ppf(1 - tail)]
            table.loc[row.Index, ["mean", "sd", "median", "ci_low", "ci_high"]] = values
        elif row.estimand in CONTRASTS:
            control = posterior[row.reaction, row.visit, control_arm]
            table.loc[row.Index, "p_benefit"] = probability_less(own, control)
            table.loc[row.Index, "p_benefit_mcse"] = 0.0
            if row.estimand == "risk_difference":
                moments = [own.mean() - control.mean(), float(np.hypot(own.std(), control.std()))]
                table.loc[row.Index, ["mean", "sd"]] = moments
    return table
