"""Calibration of the models of printed means and SDs: what is simulated, fitted and ranked."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module

import numpy as np
import xarray as xr

from bayesasthma.assembly import natural_moments
from bayesasthma.calibration.cases import Case
from bayesasthma.calibration.fits import NUISANCE, Sampled, fit_table
from bayesasthma.calibration.layouts import pattern, sizes, steps, with_table
from bayesasthma.calibration.printing import as_printed, normal_patients, summarise
from bayesasthma.calibration.quantities import Quantities, labelled
from bayesasthma.effect_table import estimands_of
from bayesasthma.graphs import CompiledGraphs
from bayesasthma.models.moments import moments as moments_of
from bayesasthma.models.specification import table_spec
from bayesasthma.sampling import draw_prior
from bayesasthma.series import Design


class TableProblem:
    """Prior draws, simulated studies and posterior quantities of a table model.

    Parameters
    ----------
    case : Case
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.spec = table_spec(case.model, case.prior)
        self.layout = pattern(case.n, case.weeks, own_directions=case.model == "joint")

    @property
    def replicates_per_fit(self) -> int:
        """Outcomes that share no parameter are replicates; a joint fit is one."""
        return 1 if self.case.model == "joint" else len(self.layout.outcomes)

    @cached_property
    def _model(self) -> object:
        return import_module(f"bayesasthma.models.{self.case.model}").build(self.layout, self.spec)

    def prior(self, fits: int, seed: int) -> xr.Dataset:
        """Parameters drawn from the prior (fit, ...)."""
        draws = draw_prior(self._model, fits, seed).isel(chain=0, drop=True)
        return draws[[name for name in draws if not str(name).startswith(NUISANCE)]].rename(
            draw="fit"
        )

    def simulate(self, truth: xr.Dataset, rng: np.random.Generator) -> tuple[Design, Quantities]:
        """A printed study from one draw of the prior, and the true value of every quantity."""
        draws = truth.expand_dims(chain=1, draw=1)
        moments = natural_moments(draws, self.layout, self.spec)
        mean, sd = (moments[name].to_numpy()[0, 0] for name in ("mean", "sd"))
        patients = normal_patients(
            rng, mean, sd, self._z(draws), sizes(self.layout), self._between(draws)
        )
        mean, sd, _ = summarise(patients)
        printed = as_printed(mean, sd, *steps(self.layout))
        study = with_table(self.layout, *printed, own_unit=self.case.own_unit)
        return study, self.quantities(draws, self.layout)

    def fit(
        self, graphs: CompiledGraphs, study: Design, seed: int
    ) -> tuple[Quantities, list[Sampled]]:
        """Posterior draws of every quantity, and the diagnostics of the fits."""
        draws, fits = fit_table(graphs, study, self.spec, seed)
        return self.quantities(draws, study), fits

    def quantities(self, draws: xr.Dataset, study: Design) -> Quantities:
        """Every estimand and parameter, each (chain, draw, replicate), in the known unit."""
        moments = natural_moments(draws, study, self.spec)
        arrays: dict[str, xr.DataArray] = dict(estimands(moments, self.layout))
        arrays["mean"], arrays["sd"] = moments["mean"], moments["sd"]
        if "correlation" in moments:
            arrays["correlation"] = moments["correlation"]
        found = labelled(arrays, "outcome")
        if self.case.own_unit or self.spec.model == "independent":
            return found  # parameters in another unit are other parameters; cells are moments
        return found | labelled({str(name): value for name, value in draws.items()}, "outcome")

    def _z(self, draws: xr.Dataset) -> np.ndarray:
        """Partial correlations (outcome, pair); zero where the model has no correlations."""
        if self.spec.model == "independent":
            visits = len(self.layout.visits)
            return np.zeros((len(self.layout.outcomes), visits * (visits - 1) // 2))
        parameters = {str(name): value.to_numpy() for name, value in draws.items()}
        return np.asarray(moments_of(parameters, self.layout, self.spec).z[0, 0])

    def _between(self, draws: xr.Dataset) -> np.ndarray | None:
        """Correlation between the outcomes of a patient, under the joint model."""
        if self.spec.model != "joint":
            return None
        from bayesasthma.models.outcome_groups import outcome_correlation, outcome_groups

        parameters = {name: draws[name].to_numpy() for name in ("general_share", "domain_share")}
        return np.asarray(outcome_correlation(parameters, outcome_groups(self.layout))[0, 0])


def estimands(moments: xr.Dataset, layout: Design) -> dict[str, xr.DataArray]:
    """What the package quotes, from moments in a layout's units."""
    coords = {"outcome": list(layout.outcomes)}
    direction = np.where(layout.direction == 0, 1, layout.direction).astype(float)
    return estimands_of(
        moments,
        xr.DataArray(layout.n_arm, {"arm": list(layout.arms)}, "arm"),
        xr.DataArray(layout.weeks, {"visit": list(layout.visits)}, "visit"),
        layout.visits[0],
        xr.DataArray(direction, coords, "outcome"),
        xr.DataArray(layout.target * layout.scale, coords, "outcome"),
        xr.DataArray(np.zeros(len(direction), dtype=bool), coords, "outcome"),
    )
