"""Reverse Bayes of a fitted model: its effects' draws, and refits under sceptical priors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.comparison.reverse_bayes import REFITTED, REWEIGHTED, EffectDraws, Key
from bayesasthma.comparison.sceptical_search import COLUMNS, Refit, sceptical_scales
from bayesasthma.errors import UsageError
from bayesasthma.inference.convergence import ess_bulk
from bayesasthma.inference.diagnostics import check
from bayesasthma.inference.fitting import Fit, run_or_resume, silent
from bayesasthma.inference.routes import ready_table
from bayesasthma.inference.sampling import Progress, SamplerOptions, sample, with_data
from bayesasthma.models.arm_contrasts import given_others
from bayesasthma.models.design import Design, design
from bayesasthma.models.longitudinal_data import data
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.specification import TableSpec, table_spec

#: Most warm-up iterations and draws per chain of a refit: a prior SD to a tenth needs no more.
REFIT_TUNE, REFIT_DRAWS = 300, 1000
#: Least acceptance rate of a refit: narrow priors need smaller steps.
REFIT_ACCEPTANCE = 0.96
#: A refit that fails its gate is sampled once more, at this acceptance rate.
CLOSER = 0.99
#: The variables that say what an effect is and how it is pooled over visits.
KEPT = ("effect", "pooling")
#: Between the seeds of successive calls, more than outcomes and arms.
SEEDS_APART = 1000


def effect_draws(fit: Fit, spec: TableSpec | None = None) -> dict[Key, EffectDraws]:
    """Draws of the baseline-adjusted benefits of a longitudinal fit, in outcome units.

    Parameters
    ----------
    fit : Fit
    spec : TableSpec, optional
        What was fitted; by default the model's defaults with the fit's named prior set.

    Returns
    -------
    dict of EffectDraws
        By outcome and treated arm; outcomes without a direction of benefit are left out. Empty
        for a model that does not parametrise the effect, or whose prior of it is not normal.
    """
    posterior = fit.data["posterior"].to_dataset()
    if fit.model != "longitudinal" or "effect" not in posterior:
        return {}
    layout = design(fit.study, [str(k) for k in posterior["outcome"].to_numpy()])
    try:
        location, scale = _fitted_prior(layout, spec or table_spec(fit.model, fit.prior))
    except UsageError:  # a mixture, or a prior set that has no name here
        return {}
    if not np.isfinite(scale).all():  # flat
        return {}
    return _extract(posterior, layout, location, scale, REWEIGHTED)


def scepticism(
    fit: Fit, refit: Refit | None = None, *, spec: TableSpec | None = None
) -> pd.DataFrame:
    """How narrow a prior about 0 must be for each benefit of a fit to stop convincing.

    Parameters
    ----------
    fit : Fit
        Of the longitudinal model.
    refit : callable, optional
        From :func:`refitter`; without it, or if the fit fails its diagnostics gate, answers that
        reweighting cannot give are left open.
    spec : TableSpec, optional
        As :func:`effect_draws` takes it.

    Returns
    -------
    DataFrame
        Columns ``outcome, arm, visit, level, sd, pareto_k, ess, method``, as
        :func:`bayesasthma.comparison.sceptical_search.sceptical_scales` gives them; ``sd`` in
        outcome units.
    """
    draws = effect_draws(fit, spec)
    if not draws:
        return pd.DataFrame(columns=COLUMNS)
    return sceptical_scales(draws, refit=refit if fit.gate.passed else None)


def refitter(
    fit: Fit,
    spec: TableSpec,
    options: SamplerOptions,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Refit:
    """A function that refits outcomes of ``fit`` under sceptical priors of given SDs.

    Outcomes share no parameter: each is refitted by itself, as many at a time as there are cores.
    What one call asks for is kept in one file of ``folder`` and resumed.

    Parameters
    ----------
    fit : Fit
    spec : TableSpec
        Of that fit.
    options : SamplerOptions
        Chains are used as they are, warm-up and draws up to ``REFIT_TUNE`` and ``REFIT_DRAWS``, the
        acceptance rate from ``REFIT_ACCEPTANCE`` on; each refit has a seed of its own. One that
        fails its gate is sampled once more, with all the options' warm-up and at ``CLOSER``.
    folder : Path, optional
    progress : callable
        Receives a line per call.

    Returns
    -------
    callable
        Prior SDs by outcome and arm in outcome units, to `EffectDraws`. Effects that fail the
        diagnostics gate, or whose refit has divergent transitions, are not returned.
    """
    study = fit.study
    short = replace(
        options,
        draws=min(options.draws, REFIT_DRAWS),
        tune=min(options.tune, REFIT_TUNE),
        target_accept=max(options.target_accept, REFIT_ACCEPTANCE),
    )
    ready: dict[str, Any] = {}
    count = 0

    def run(asked: Sequence[_Asked], label: str, chosen: SamplerOptions) -> xr.DataTree:
        names = ", ".join(f"{own.name} {own.scale:.3g}" for own in asked)
        progress(f"{label}: sampling {chosen.chains} x ({chosen.tune} + {chosen.draws}) of {names}")
        for own in asked:
            if own.key[0] not in ready:
                ready[own.key[0]] = ready_table(
                    own.layout, spec, before_compiling=lambda: progress(f"{label}: compiling")
                ).model
        cores = options.cores or os.cpu_count() or 1
        workers = min(cores, len(asked))

        def one(number: int, settings: SamplerOptions) -> xr.DataTree:
            own = asked[number]
            model = with_data(ready[own.key[0]], own.values(spec))
            # seeds of a call follow each other, and those of the next are far away
            return sample(model, replace(settings, seed=chosen.seed + number), own.patients)

        first = replace(chosen, cores=max(cores // workers, 1))
        with ThreadPoolExecutor(workers) as pool:
            trees = list(pool.map(lambda number: one(number, first), range(len(asked))))
        # the few that fail, with all cores for each
        rate = max(options.target_accept, CLOSER)
        closer = replace(chosen, tune=options.tune, target_accept=rate, cores=cores)
        return _together(
            [
                tree if _passes(tree, own.key) else one(number, closer)
                for number, (own, tree) in enumerate(zip(asked, trees, strict=True))
            ]
        )

    def refit(wanted: Mapping[Key, float]) -> dict[Key, EffectDraws]:
        nonlocal count
        count += 1
        label = f"{spec.label}-sceptical-{count}"
        chosen = replace(short, seed=options.seed + SEEDS_APART * count)
        asked = [
            _Asked(key, scale, *_of_one(fit, spec, key, scale)) for key, scale in wanted.items()
        ]
        record = {
            "spec": spec.record(),
            "options": chosen.record(),
            "study": study.name,
            "inputs": study.checksums,
            "asked": [own.record() for own in asked],
            "closer": CLOSER,
            "tune_closer": options.tune,
        }
        tree, _, _ = run_or_resume(
            label,
            record,
            lambda watch: watch.time("sample", lambda: run(asked, label, chosen)),
            folder,
            progress,
        )
        found, failed = {}, []
        for number, own in enumerate(asked):
            part = _alone(tree, number)
            if _passes(part, own.key):
                posterior = part["posterior"].to_dataset()
                everything = _extract(posterior, own.layout, own.locations, own.scales, REFITTED)
                found[own.key] = everything[own.key]
            else:
                failed.append(own.name)
        if failed:
            progress(f"{label}: fails the gate for {', '.join(failed)}")
        return found

    return refit


@dataclass(frozen=True)
class _Asked:
    """A refit of one outcome with a sceptical prior of one arm.

    ``locations``, of benefits, and ``scales`` (outcome, treated) are the standardised prior's.
    """

    key: Key
    scale: float
    layout: Design
    locations: np.ndarray
    scales: np.ndarray

    @property
    def name(self) -> str:
        """The outcome, and the arm if there are several."""
        return self.key[0] if len(self.layout.arms) == 2 else " ".join(self.key)

    @property
    def patients(self) -> float:
        """Of the largest arm."""
        return float(self.layout.n_arm.max())

    def values(self, spec: TableSpec) -> dict[str, Any]:
        """Data of the model with this prior."""
        effects = self.locations * self.layout.direction[:, None]
        return data(self.layout, spec) | {
            "effect_location": np.repeat(effects[..., None], len(self.layout.follow_up), axis=-1),
            "effect_scale": self.scales,
        }

    def record(self) -> dict[str, Any]:
        """What determines the draws, as plain data."""
        return {
            "outcome": self.key[0],
            "arm": self.key[1],
            "effect_location": self.locations.round(9).tolist(),
            "effect_scale": self.scales.round(9).tolist(),
        }


def _of_one(
    fit: Fit, spec: TableSpec, key: Key, scale: float
) -> tuple[Design, np.ndarray, np.ndarray]:
    """The design of one outcome, and the priors of its arms' benefits, one of them sceptical."""
    layout = design(fit.study, [key[0]])
    locations, scales = _fitted_prior(layout, spec)
    g = layout.arms.index(key[1]) - 1
    # the other arms of an outcome keep the prior of the fit, for they inform this one
    locations[0, g], scales[0, g] = 0.0, scale / layout.scale[0]
    return layout, locations, scales


def _fitted_prior(layout: Design, spec: TableSpec) -> tuple[np.ndarray, np.ndarray]:
    """Locations of benefits and scales (outcome, treated) of the prior of a fit, standardised."""
    locations, scales = effect_prior(layout, spec)
    treated = len(layout.arms) - 1
    location, scale = (
        np.repeat(own[:, None], treated, axis=1) for own in (locations * layout.direction, scales)
    )
    return location, scale


def _together(trees: Sequence[xr.DataTree]) -> xr.DataTree:
    """Refits in one tree, along ``refit``, of the variables that are used of them."""
    draws = [tree["posterior"].to_dataset().isel(outcome=0) for tree in trees]
    posterior = [own[[name for name in KEPT if name in own]] for own in draws]
    statistics = [tree["sample_stats"].to_dataset() for tree in trees]
    return xr.DataTree.from_dict(
        {
            "posterior": xr.concat(posterior, dim="refit"),
            "sample_stats": xr.concat(statistics, dim="refit"),
        }
    )


def _alone(tree: xr.DataTree, number: int) -> xr.DataTree:
    """One of the refits that are kept in one tree."""
    posterior = tree["posterior"].to_dataset().isel(refit=number)
    parts = {
        "posterior": posterior.expand_dims("outcome"),
        "sample_stats": tree["sample_stats"].to_dataset().isel(refit=number),
    }
    return xr.DataTree.from_dict(parts)


def _passes(tree: xr.DataTree, key: Key) -> bool:
    """Whether the sampler and the effects of the arm of a refit pass the diagnostics gate."""
    posterior = tree["posterior"].to_dataset().sel(treated=[key[1]])
    own = posterior[[name for name in KEPT if name in posterior]]
    stats = tree["sample_stats"].to_dataset()
    return check(key[0], xr.DataTree.from_dict({"posterior": own, "sample_stats": stats})).passed


def _extract(
    posterior: xr.Dataset,
    layout: Design,
    locations: np.ndarray,
    scales: np.ndarray,
    method: str,
) -> dict[Key, EffectDraws]:
    """Benefits in outcome units, from standardised effects and their standardised prior.

    ``locations``, of benefits, and ``scales`` have shape (outcome, treated).
    """
    effect = posterior["effect"].transpose("chain", "draw", "outcome", "treated", "follow_up")
    values = effect.to_numpy().reshape(-1, *effect.shape[2:])
    share = np.zeros(values.shape[:2])
    if "pooling" in posterior:
        share = posterior["pooling"].transpose("chain", "draw", "outcome").to_numpy()
        share = share.reshape(-1, share.shape[-1])
    benefit = layout.direction[:, None, None] * values
    expected, left = given_others((benefit - locations[..., None]) / scales[..., None])
    chains, length = effect.shape[:2]
    worth = ess_bulk(effect.to_numpy().reshape(chains, length, -1)).reshape(values.shape[1:])
    efficiency = np.minimum(worth.min(-1) / len(values), 1.0)
    freedom = float(layout.n_arm.sum() - len(layout.arms))
    found: dict[Key, EffectDraws] = {}
    for k, outcome in enumerate(layout.outcomes):
        unit, direction = float(layout.scale[k]), int(layout.direction[k])
        if direction == 0:
            continue
        for g, arm in enumerate(layout.arms[1:]):
            found[outcome, arm] = EffectDraws(
                benefit=unit * benefit[:, k, g],
                share=share[:, k],
                location=unit * float(locations[k, g]),
                scale=unit * float(scales[k, g]),
                visits=layout.follow_up,
                efficiency=float(efficiency[k, g]),
                method=method,
                expected=expected[:, k, g],
                left=left,
                freedom=freedom,
            )
    return found
