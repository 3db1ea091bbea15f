"""Reverse Bayes of a fitted model: its effects' draws, and refits under sceptical priors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.comparison.reverse_bayes import (
    COLUMNS,
    REFITTED,
    REWEIGHTED,
    EffectDraws,
    Key,
    Refit,
    sceptical_scales,
)
from bayesasthma.errors import UsageError
from bayesasthma.inference.diagnostics import check
from bayesasthma.inference.fitting import Fit, run_or_resume, silent
from bayesasthma.inference.routes import ready_table
from bayesasthma.inference.sampling import (
    Progress,
    SamplerOptions,
    Stopwatch,
    sample,
    with_data,
)
from bayesasthma.models.arm_contrasts import given_others
from bayesasthma.models.design import Design, design
from bayesasthma.models.longitudinal_data import data
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.specification import TableSpec, table_spec

#: Most warm-up iterations and draws per chain of a refit: a prior SD to a tenth needs no more.
REFIT_TUNE, REFIT_DRAWS = 500, 1000
#: A refit that fails its gate is sampled once more, at this acceptance rate.
CLOSER = 0.99
#: The variables that say what an effect is and how it is pooled over visits.
KEPT = ("effect", "pooling")


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
        locations, scales = effect_prior(layout, spec or table_spec(fit.model, fit.prior))
    except UsageError:  # a mixture, or a prior set that has no name here
        return {}
    if not np.isfinite(scales).all():  # flat
        return {}
    treated = len(layout.arms) - 1
    location, scale = (
        np.repeat(own[:, None], treated, axis=1) for own in (locations * layout.direction, scales)
    )
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
        :func:`bayesasthma.comparison.reverse_bayes.sceptical_scales` gives them; ``sd`` in outcome
        units.
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
    compiled: Any | None = None,
    progress: Progress = silent,
) -> Refit:
    """A function that refits the model of ``fit`` under sceptical priors of given SDs.

    The model is made ready once, when it is first needed, unless ``compiled`` is given; each refit
    only swaps the prior's location and scale. Refits are kept in ``folder`` and resumed.

    Parameters
    ----------
    fit : Fit
    spec : TableSpec
        Of that fit.
    options : SamplerOptions
        Chains and acceptance rate are used as they are, warm-up and draws up to ``REFIT_TUNE`` and
        ``REFIT_DRAWS``; each refit has a seed of its own. One that fails its gate is sampled once
        more, with all the options' warm-up and an acceptance rate of ``CLOSER``.
    folder : Path, optional
    compiled : KernelModel or nutpie compiled model, optional
    progress : callable

    Returns
    -------
    callable
        Prior SDs by outcome and arm in outcome units, to `EffectDraws`. Effects that fail the
        diagnostics gate, or whose refit has divergent transitions, are not returned.
    """
    study = fit.study
    layout = design(study, [str(k) for k in fit.data["posterior"]["outcome"].to_numpy()])
    short = replace(
        options, draws=min(options.draws, REFIT_DRAWS), tune=min(options.tune, REFIT_TUNE)
    )
    kept: dict[str, Any] = {} if compiled is None else {"compiled": compiled}
    count = 0

    def draw(
        locations: np.ndarray, scales: np.ndarray, label: str, chosen: SamplerOptions
    ) -> xr.DataTree:
        if "compiled" not in kept:
            kept["compiled"] = ready_table(
                layout, spec, before_compiling=lambda: progress(f"{label}: compiling")
            ).model
        values = data(layout, spec)
        values["effect_location"] = np.repeat(
            (locations * layout.direction[:, None])[..., None], len(layout.follow_up), axis=-1
        )
        values["effect_scale"] = scales
        progress(f"{label}: sampling {chosen.chains} x ({chosen.tune} + {chosen.draws})")
        tree = sample(with_data(kept["compiled"], values), chosen, float(layout.n_arm.max()))
        names = [name for name in KEPT if name in tree["posterior"]]
        return xr.DataTree.from_dict(
            {
                "posterior": tree["posterior"].to_dataset()[names],
                "sample_stats": tree["sample_stats"].to_dataset(),
            }
        )

    def refit(wanted: Mapping[Key, float]) -> dict[Key, EffectDraws]:
        nonlocal count
        count += 1
        label = f"{spec.label}-sceptical-{count}"
        chosen = replace(short, seed=options.seed + count)
        arms = layout.arms[1:]
        locations = np.zeros((len(layout.outcomes), len(arms)))
        scales = np.ones_like(locations)
        fitted_location, fitted_scale = effect_prior(layout, spec)
        for outcome, _ in wanted:
            # the other arms of an outcome keep the prior of the fit, for they inform this one
            k = layout.outcomes.index(outcome)
            locations[k], scales[k] = fitted_location[k] * layout.direction[k], fitted_scale[k]
        for (outcome, arm), scale in wanted.items():
            k, g = layout.outcomes.index(outcome), arms.index(arm)
            locations[k, g], scales[k, g] = 0.0, scale / layout.scale[k]
        record = {
            "spec": spec.record(),
            "options": chosen.record(),
            "study": study.name,
            "inputs": study.checksums,
            "outcomes": layout.outcomes,
            "effect_scale": scales.round(9).tolist(),
            "effect_location": locations.round(9).tolist(),
            "closer": CLOSER,
        }

        def run(watch: Stopwatch) -> xr.DataTree:
            tree = watch.time("sample", lambda: draw(locations, scales, label, chosen))
            if all(_passes(tree, *key) for key in wanted):
                return tree
            closer = replace(
                chosen, tune=options.tune, target_accept=max(options.target_accept, CLOSER)
            )
            return watch.time("sample again", lambda: draw(locations, scales, label, closer))

        tree, _, _ = run_or_resume(label, record, run, folder, progress)
        posterior = tree["posterior"].to_dataset()
        found = _extract(posterior, layout, locations, scales, REFITTED)
        good = [key for key in wanted if _passes(tree, *key)]
        if left_out := [outcome for outcome, arm in wanted if (outcome, arm) not in good]:
            progress(f"{label}: fails the gate for {', '.join(left_out)}")
        return {key: found[key] for key in good}

    return refit


def _passes(tree: xr.DataTree, outcome: str, arm: str) -> bool:
    """Whether the sampler and the effects of one outcome and arm pass the diagnostics gate."""
    own = tree["posterior"].to_dataset().sel(outcome=[outcome], treated=[arm])
    stats = tree["sample_stats"].to_dataset()
    return check(outcome, xr.DataTree.from_dict({"posterior": own, "sample_stats": stats})).passed


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
    import arviz as az

    effect = posterior["effect"].transpose("chain", "draw", "outcome", "treated", "follow_up")
    values = effect.to_numpy().reshape(-1, *effect.shape[2:])
    share = np.zeros(values.shape[:2])
    if "pooling" in posterior:
        share = posterior["pooling"].transpose("chain", "draw", "outcome").to_numpy()
        share = share.reshape(-1, share.shape[-1])
    benefit = layout.direction[:, None, None] * values
    expected, left = given_others((benefit - locations[..., None]) / scales[..., None])
    worth = az.ess(posterior["effect"]).min("follow_up").transpose("outcome", "treated")
    efficiency = np.minimum(worth.to_numpy() / len(values), 1.0)
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
            )
    return found
