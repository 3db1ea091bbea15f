"""Calibration of the joint model: outcomes in turn, and statements about several at once."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesasthma.bundle import load_study
from bayesasthma.calibration.cases import Case
from bayesasthma.calibration.layouts import PATTERN, pattern
from bayesasthma.calibration.table_problem import TableProblem, arrays_of, thresholds
from bayesasthma.joint_assembly import domain_effects
from bayesasthma.joint_estimands import (
    all_improve,
    domain_means,
    number_improving,
    primary_outcomes,
    ranks,
)
from bayesasthma.models.outcome_groups import outcome_correlation, outcome_groups


class JointProblem(TableProblem):
    """Prior draws, simulated studies and posterior quantities of the joint model.

    Outcomes have the paper's directions and domains, and are of the same patients.

    Parameters
    ----------
    case : Case
    """

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.layout = pattern(case.n, case.weeks, own_directions=True)
        signs = dict(zip(self.layout.outcomes, self.layout.direction, strict=True))
        self.directed = [name for name, sign in signs.items() if sign != 0]
        self.sets = {"primary": primary_outcomes(load_study(PATTERN)), "directed": self.directed}

    @property
    def replicates_per_fit(self) -> int:
        """A fit is one: its outcomes share parameters and patients."""
        return 1

    def chosen(self, number: int) -> int:
        """Each outcome in turn."""
        return number % len(self.layout.outcomes)

    def statements(
        self, benefit: xr.DataArray, draws: xr.Dataset, rng: np.random.Generator
    ) -> dict[str, xr.DataArray]:
        """What ``joint.csv`` says: domains, how many improve and whether all do, and the order."""
        directed = benefit.sel(outcome=self.directed)
        domain = dict(zip(self.layout.outcomes, self.layout.domain, strict=True))
        found = {
            "rank_of_benefit": ranks(directed).reindex(outcome=list(self.layout.outcomes)),
            "domain_mean": domain_means(directed, [domain[name] for name in self.directed]),
            "domain_effect": domain_effects(arrays_of(draws), self.layout, self.spec, rng),
        }
        limit = thresholds(self.layout)
        for name, outcomes in self.sets.items():
            own = benefit.sel(outcome=outcomes)
            found |= {
                f"number_improving:{name}": number_improving(own),
                f"all_improve:{name}": all_improve(own),
                f"all_improve_by_mcid:{name}": all_improve(own, limit.sel(outcome=outcomes)),
            }
        return found

    def _between(self, draws: xr.Dataset) -> np.ndarray:
        """Correlation between the outcomes of a patient."""
        groups = outcome_groups(self.layout)
        return np.asarray(outcome_correlation(arrays_of(draws), groups)[0, 0])
