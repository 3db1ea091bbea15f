"""Calibration of the joint model: outcomes in turn, and statements about several at once."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesasthma.calibration.cases import Case
from bayesasthma.calibration.layouts import PATTERN, pattern
from bayesasthma.calibration.quantities import Quantities, labelled
from bayesasthma.calibration.table_problem import TableProblem, arrays_of, thresholds
from bayesasthma.errors import UsageError
from bayesasthma.inference.joint_assembly import domain_effects
from bayesasthma.models.arm_contrasts import correlate
from bayesasthma.models.design import Design
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.outcome_groups import (
    deviations,
    loadings,
    outcome_correlation,
    outcome_groups,
)
from bayesasthma.results.joint_estimands import (
    all_improve,
    domain_means,
    number_improving,
    primary_outcomes,
    ranks,
)
from bayesasthma.study.bundle import load_study


class JointProblem(TableProblem):
    """Prior draws, simulated studies and posterior quantities of the joint model.

    Outcomes have the paper's directions and domains, and are of the same patients.

    Parameters
    ----------
    case : Case

    Raises
    ------
    UsageError
        If the case takes the unit from the table: domain effects are in the fit's unit.
    """

    def __init__(self, case: Case) -> None:
        if case.own_unit:
            raise UsageError("the joint model is calibrated in a known unit only")
        super().__init__(case)
        self.layout = pattern(case.n, case.weeks, own_directions=True)
        self.groups = outcome_groups(self.layout)
        paper = load_study(PATTERN)
        signs = dict(zip(self.layout.outcomes, self.layout.direction, strict=True))
        self.directed = [name for name, sign in signs.items() if sign != 0]
        self.sets = {"primary": primary_outcomes(paper), "directed": self.directed}
        mcid = paper.outcomes["mcid"].to_dict()
        self.judged = [name for name in self.directed if np.isfinite(mcid[name])]

    @property
    def replicates_per_fit(self) -> int:
        """A fit is one: its outcomes share parameters and patients."""
        return 1

    def ranked_entry(self, number: int) -> int:
        """Each outcome in turn."""
        return number % len(self.layout.outcomes)

    def simulate(self, truth: xr.Dataset, rng: np.random.Generator) -> tuple[Design, Quantities]:
        """A printed study, its effects drawn anew from those of their domains.

        The model integrates the domains' part out and the package draws it back from the effects;
        here it comes first, so that ranks of domain effects can tell if that is done wrongly.
        """
        effect, domain = self._hierarchy(truth, rng)
        study, found = super().simulate(truth.assign(effect=effect), rng)
        return study, found | labelled({"domain_effect": domain}, None)

    def statements(
        self, benefit: xr.DataArray, draws: xr.Dataset, rng: np.random.Generator
    ) -> dict[str, xr.DataArray]:
        """What ``joint.csv`` says: domains, how many improve and whether all do, and the order.

        Standardised benefits are benefits: the unit is the baseline SD.
        """
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
            judged = [outcome for outcome in outcomes if outcome in self.judged]
            beyond = all_improve(own.sel(outcome=judged), limit.sel(outcome=judged))
            found |= {
                f"number_improving:{name}": number_improving(own),
                f"all_improve:{name}": all_improve(own),
                f"all_improve_by_mcid:{name}": beyond,
            }
        return found

    def _between(self, draws: xr.Dataset) -> np.ndarray:
        """Correlation between the outcomes of a patient."""
        return np.asarray(outcome_correlation(arrays_of(draws), self.groups)[0, 0])

    def _hierarchy(
        self, truth: xr.Dataset, rng: np.random.Generator
    ) -> tuple[xr.DataArray, xr.DataArray]:
        """Effects (outcome, treated, follow_up) and domain effects, from the top down."""
        groups, effect = self.groups, truth["effect"]
        location, scale = (own[:, None, None] for own in effect_prior(self.layout, self.spec))
        sign = groups.sign[:, None, None]
        spread = np.broadcast_to(scale[..., 0], effect.shape[:-1])
        loading, own = loadings(spread, deviations(arrays_of(truth)), groups)
        pooling = truth["pooling"].to_numpy()

        def over_visits(share: np.ndarray) -> np.ndarray:
            noise = rng.standard_normal((*share.shape, *effect.shape[1:]))
            equal = share[..., None, None]
            factor = np.linalg.cholesky(equal + (1 - equal) * np.eye(noise.shape[-1]))
            drawn: np.ndarray = correlate(noise @ np.swapaxes(factor, -1, -2), noise.shape[-2])
            return drawn

        shared = loading[..., None] * over_visits(pooling)[groups.index]
        own_part = np.sqrt(own)[..., None] * over_visits(pooling[groups.index])
        expected = location * sign + scale * shared
        pooled = groups.pooled_groups
        of_domains = [expected[groups.index == group].mean(axis=0) for group in pooled]
        domain = xr.DataArray(
            np.array(of_domains)[None, None],
            {
                "domain": [groups.labels[group] for group in pooled],
                "treated": list(self.layout.arms[1:]),
                "follow_up": list(self.layout.follow_up),
            },
            ("chain", "draw", "domain", "treated", "follow_up"),
        )
        return effect.copy(data=location + sign * scale * (shared + own_part)), domain
