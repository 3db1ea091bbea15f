"""Calibration of the models of printed means and SDs: what is simulated, fitted and ranked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module

import numpy as np
import xarray as xr

from bayesasthma.calibration.cases import Case
from bayesasthma.calibration.fits import NUISANCE, Sampled, fit_table
from bayesasthma.calibration.layouts import pattern, sizes, steps, with_table
from bayesasthma.calibration.printing import as_printed, normal_patients, summarise
from bayesasthma.calibration.quantities import Quantities, labelled
from bayesasthma.inference.assembly import natural_moments
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.sampling import draw_prior
from bayesasthma.models.design import Design
from bayesasthma.models.moments import moments as moments_of
from bayesasthma.models.specification import table_spec
from bayesasthma.results.effect_table import estimands_of


class TableProblem:
    """Prior draws, simulated studies and posterior quantities of a table model.

    Parameters
    ----------
    case : Case
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.spec = table_spec(case.model, case.prior)
        self.layout = pattern(case.n, case.weeks)

    @property
    def replicates_per_fit(self) -> int:
        """Outcomes that share no parameter are replicates."""
        return len(self.layout.outcomes)

    def ranked_entry(self, number: int) -> int | None:  # noqa: ARG002
        """Which of a fit's entries is ranked, by the fit's number; None for all."""
        return None

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
        return study, self.quantities(draws, self.layout, rng)

    def fit(
        self, graphs: CompiledGraphs, study: Design, seed: int
    ) -> tuple[Quantities, list[Sampled]]:
        """Posterior draws of every quantity, and the diagnostics of the fits."""
        draws, fits = fit_table(graphs, study, self.spec, seed)
        return self.quantities(draws, study, np.random.default_rng([seed, 1])), fits

    def quantities(self, draws: xr.Dataset, study: Design, rng: np.random.Generator) -> Quantities:
        """Every estimand and parameter, each (chain, draw, replicate), in the known unit."""
        moments = natural_moments(draws, study, self.spec)
        arrays: dict[str, xr.DataArray] = dict(estimands(moments, self.layout))
        arrays["mean"], arrays["sd"] = moments["mean"], moments["sd"]
        if "correlation" in moments:
            arrays["correlation"] = moments["correlation"]
        # parameters in another unit are other parameters; cells of independent ones are moments
        if not self.case.own_unit and self.spec.model != "independent":
            arrays |= {str(name): value for name, value in draws.items()}
        benefit = benefits(arrays, self.layout)
        arrays |= claims(benefit, self.layout) | self.statements(benefit, draws, rng)
        return labelled(arrays, "outcome")

    def statements(
        self,
        benefit: xr.DataArray,  # noqa: ARG002
        draws: xr.Dataset,  # noqa: ARG002
        rng: np.random.Generator,  # noqa: ARG002
    ) -> dict[str, xr.DataArray]:
        """What is said of several outcomes at once; nothing where they share no parameter.

        ``rng`` is for quantities that parameters give a distribution, and not a value.
        """
        return {}

    def _z(self, draws: xr.Dataset) -> np.ndarray:
        """Partial correlations (outcome, pair); zero where the model has no correlations."""
        if self.spec.model == "independent":
            visits = len(self.layout.visits)
            return np.zeros((len(self.layout.outcomes), visits * (visits - 1) // 2))
        return np.asarray(moments_of(arrays_of(draws), self.layout, self.spec).z[0, 0])

    def _between(self, draws: xr.Dataset) -> np.ndarray | None:  # noqa: ARG002
        """Correlation between the outcomes of a patient; none where they are other patients."""
        return None


def arrays_of(draws: xr.Dataset) -> dict[str, np.ndarray]:
    """Draws as arrays by name."""
    return {str(name): value.to_numpy() for name, value in draws.items()}


def benefits(effects: Mapping[str, xr.DataArray], layout: Design) -> xr.DataArray:
    """The headline effect as a benefit (chain, draw, outcome, arm, visit), at the follow-up visits.

    NaN for outcomes without a direction.
    """
    headline = effects.get("adjusted_difference", effects["difference"])
    sign = _by_outcome(layout.direction.astype(float), layout)
    found = (headline * sign.where(sign != 0)).sel(visit=list(layout.follow_up))
    return found.transpose("chain", "draw", "outcome", "arm", "visit")


def thresholds(layout: Design) -> xr.DataArray:
    """MCID of each outcome in the known unit (outcome)."""
    return _by_outcome(layout.target * layout.scale, layout)


def claims(benefit: xr.DataArray, layout: Design) -> dict[str, xr.DataArray]:
    """What is quoted with a probability, true (1) or not (0); NaN without a direction."""
    known = np.isfinite(benefit)
    return {
        "benefit": (benefit > 0).where(known),
        "benefit_gt_mcid": (benefit > thresholds(layout)).where(known),
    }


def estimands(moments: xr.Dataset, layout: Design) -> dict[str, xr.DataArray]:
    """What the package quotes, from moments in a layout's units."""
    direction = np.where(layout.direction == 0, 1, layout.direction).astype(float)
    return estimands_of(
        moments,
        xr.DataArray(layout.n_arm, {"arm": list(layout.arms)}, "arm"),
        xr.DataArray(layout.weeks, {"visit": list(layout.visits)}, "visit"),
        layout.visits[0],
        _by_outcome(direction, layout),
        thresholds(layout),
        _by_outcome(np.zeros(len(direction), dtype=bool), layout),
    )


def _by_outcome(values: np.ndarray, layout: Design) -> xr.DataArray:
    return xr.DataArray(values, {"outcome": list(layout.outcomes)}, "outcome")
