"""Calibration of the hierarchical model of adverse-reaction counts, under either reading."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import xarray as xr
from scipy import special

from bayesasthma.calibration.cases import Case
from bayesasthma.calibration.fits import Sampled, fit
from bayesasthma.calibration.layouts import PATTERN
from bayesasthma.calibration.quantities import Quantities, labelled
from bayesasthma.inference.adverse_fits import accumulate, cell_grid
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.sampling import draw_prior
from bayesasthma.models.adverse_counts import Counts, counts
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.results.adverse_table import FUTURE_PATIENTS
from bayesasthma.study.bundle import load_study

#: Rates nearer to 0 or 1 count as this near.
TINY = 1e-12


class AdverseProblem:
    """Prior draws, simulated counts and posterior quantities of the hierarchical model.

    Parameters
    ----------
    case : Case
    """

    replicates_per_fit = 1

    def __init__(self, case: Case) -> None:
        self.case = case
        self.spec = prior_set(case.prior)
        printed = counts(load_study(PATTERN), case.reading)
        n = np.array([own[0] for own in case.n])
        self.layout = replace(printed, at_risk=n[printed.arm])

    @cached_property
    def _model(self) -> object:
        from bayesasthma.models.adverse import build

        return build(self.layout, self.spec)

    def ranked_entry(self, number: int) -> None:
        """Which of a fit's entries is ranked: it has one."""

    def prior(self, fits: int, seed: int) -> xr.Dataset:
        """Parameters drawn from the prior (fit, ...)."""
        return draw_prior(self._model, fits, seed).isel(chain=0, drop=True).rename(draw="fit")

    def simulate(self, truth: xr.Dataset, rng: np.random.Generator) -> tuple[Counts, Quantities]:
        """Counts of patients from one draw of the prior, and the true value of every quantity."""
        draws = truth.expand_dims(chain=1, draw=1)
        alpha, beta = self._beta(draws)
        hazard = rng.beta(alpha, beta)[0, 0]
        events, at_risk = np.zeros_like(self.layout.at_risk), self.layout.at_risk.copy()
        free: dict[tuple[int, int], int] = {}
        for i, key in enumerate(zip(self.layout.reaction, self.layout.arm, strict=True)):
            if self.case.reading == "cumulative":
                # cells run over the visits of a reaction: those who had one are no longer at risk
                at_risk[i] = free.get(key, at_risk[i])
            # the patients of a cell, one by one
            events[i] = np.count_nonzero(rng.random(at_risk[i]) < hazard[i])
            free[key] = at_risk[i] - events[i]
        study = replace(self.layout, events=events, at_risk=at_risk)
        return study, self._quantities(draws, hazard[None, None])

    def fit(
        self, graphs: CompiledGraphs, study: Counts, seed: int
    ) -> tuple[Quantities, list[Sampled]]:
        """Posterior draws of every quantity, and the diagnostics of the fit."""
        sampled = fit(graphs.get_adverse(study, self.spec), seed)
        alpha, beta = self._beta(sampled.draws)
        rng = np.random.default_rng(seed)
        hazard = rng.beta(alpha + study.events, beta + study.at_risk - study.events)
        return self._quantities(sampled.draws, hazard), [sampled]

    def _beta(self, draws: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Parameters of the beta distribution of each cell's rate (chain, draw, cell)."""
        from bayesasthma.models import adverse_counts

        parameters = {
            str(name): value.transpose("chain", "draw", ...).to_numpy()
            for name, value in draws.items()
        }
        rate = adverse_counts.rates(parameters, self.spec, self.layout.arm_share)
        rate = rate[..., self.layout.reaction, self.layout.arm]
        total = adverse_counts.concentration(parameters)[..., None]
        return rate * total, (1 - rate) * total

    def _quantities(self, draws: xr.Dataset, hazard: np.ndarray) -> Quantities:
        """Rates by arm and their contrasts, as the package quotes them, and the parameters."""
        data = self.layout
        rate = xr.DataArray(
            accumulate(cell_grid(data, hazard), self.case.reading),
            dims=("chain", "draw", "reaction", "visit", "arm"),
            coords={
                "reaction": list(data.reactions),
                "visit": list(data.visits),
                "arm": list(data.arms),
            },
        )
        control, treated = rate.isel(arm=0, drop=True), rate.isel(arm=slice(1, None))
        # what is quoted with a probability, true (1) or not (0)
        benefit = (treated < control).astype(float)
        # a rate may underflow to 0, or round to 1, where overdispersion is extreme
        control, treated = (x.clip(TINY, 1 - TINY) for x in (control, treated))
        arrays: dict[str, xr.DataArray] = {
            "rate": rate,
            "risk_difference": treated - control,
            "log_risk_ratio": xr.apply_ufunc(np.log, treated / control),
            "log_odds_ratio": xr.apply_ufunc(special.logit, treated)
            - xr.apply_ufunc(special.logit, control),
            f"any_in_{FUTURE_PATIENTS}": 1 - (1 - rate) ** FUTURE_PATIENTS,
        }
        arrays |= {str(name): value for name, value in draws.items()}
        arrays["benefit"] = benefit
        return labelled(arrays, None)
