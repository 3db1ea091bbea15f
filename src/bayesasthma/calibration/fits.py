"""Fit simulated studies: short runs first, longer ones where the diagnostics ask for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma.calibration.layouts import single
from bayesasthma.calibration.quantities import RANK_DRAWS, effective_size, split_r_hat
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.sampling import SamplerOptions, sample_briefly
from bayesasthma.models.design import Design
from bayesasthma.models.specification import TableSpec

#: Nuisance variables of the likelihood: one per printed number, and no estimand.
NUISANCE = ("epsilon", "rounding")

#: A run with fewer effective draws than ranks need, a larger R-hat or more divergences is repeated.
ESS_LEAST, R_HAT_MOST, DIVERGENCES_MOST = RANK_DRAWS + 1, 1.05, 2

SHORT = SamplerOptions(draws=200, tune=150, chains=2, target_accept=0.9)
#: The joint model has ten times the parameters: of shorter runs five of eight were repeated.
SHORT_JOINT = SamplerOptions(draws=250, tune=500, chains=2, target_accept=0.95)
LONG = SamplerOptions(draws=500, tune=600, chains=2, target_accept=0.97)


@dataclass(frozen=True)
class Sampled:
    """Posterior draws of one fit and what its diagnostics say.

    Attributes
    ----------
    draws : Dataset (chain, draw, ...)
        Nuisance variables left out.
    divergences : int
    r_hat, ess : float
        Largest and smallest over the parameters.
    repeated : bool
        Whether the short run failed, and this is the long one.
    """

    draws: xr.Dataset
    divergences: int
    r_hat: float
    ess: float
    repeated: bool = False

    @property
    def sound(self) -> bool:
        """Whether the diagnostics are those of draws that ranks can be computed from."""
        return (
            self.divergences <= DIVERGENCES_MOST
            and self.r_hat <= R_HAT_MOST
            and self.ess >= ESS_LEAST
        )

    @property
    def facts(self) -> tuple[float, ...]:
        """Divergences, R-hat, ESS, and whether it was repeated, as numbers."""
        return (self.divergences, self.r_hat, self.ess, float(self.repeated))


def fit(compiled: Any, seed: int, cores: int = 1, short: SamplerOptions = SHORT) -> Sampled:
    """Sample a compiled model, briefly, and once more at length if that did not do."""
    first = _run(compiled, replace(short, seed=seed, cores=cores))
    if first.sound:
        return first
    again = _run(compiled, replace(LONG, seed=seed + 1, cores=cores))
    return replace(again, repeated=True)


def _run(compiled: Any, options: SamplerOptions) -> Sampled:
    posterior, divergences = sample_briefly(compiled, options)
    draws = posterior[[name for name in posterior if not str(name).startswith(NUISANCE)]]
    stack = np.concatenate(
        [value.to_numpy().reshape(*value.shape[:2], -1) for value in draws.values()], axis=-1
    )[None]
    labels = {dim: compiled.coords[dim] for dim in draws.dims if dim in compiled.coords}
    return Sampled(
        draws=draws.assign_coords(
            {dim: np.asarray(own, dtype=object) for dim, own in labels.items()}
        ),
        divergences=divergences,
        r_hat=float(np.max(split_r_hat(stack))),
        ess=float(np.min(effective_size(stack))),
    )


def fit_table(
    graphs: CompiledGraphs, study: Design, spec: TableSpec, seed: int
) -> tuple[xr.Dataset, list[Sampled]]:
    """Fit a simulated table.

    Under ``longitudinal`` each outcome is fitted by itself, with one compiled graph: outcomes share
    no parameter, so this is the fit of all, but each has a step size of its own, and only those
    that need it are sampled longer.

    Returns
    -------
    draws : Dataset (chain, draw, outcome, ...)
        As many draws of every outcome as the short run has; longer runs are thinned.
    fits : list of Sampled
    """
    if spec.model != "longitudinal":
        short = SHORT_JOINT if spec.model == "joint" else SHORT
        whole = fit(graphs.get(study, spec), seed, short=short)
        return _thinned(whole.draws, SHORT.draws), [whole]
    fits = [
        fit(graphs.get(single(study, k), spec), seed + 2 * k) for k in range(len(study.outcomes))
    ]
    parts = [_thinned(one.draws, SHORT.draws) for one in fits]
    draws = xr.concat(parts, dim="outcome", coords="minimal", compat="override", join="override")
    return draws.assign_coords(outcome=list(study.outcomes)), fits


def _thinned(draws: xr.Dataset, keep: int) -> xr.Dataset:
    if draws.sizes["draw"] == keep:
        return draws
    chosen = np.linspace(0, draws.sizes["draw"] - 1, keep).round().astype(int)
    return draws.isel(draw=chosen)
