"""The report's section on prior sets: what each says of every effect, and where data conflict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesasthma import plots
from bayesasthma.comparison.prior_check import DEFAULT_RHO, prior_check
from bayesasthma.plots.style import arm_name, outcome_name, reaction_label, visit_name
from bayesasthma.priors.distributions import PriorSet
from bayesasthma.priors.named_sets import registry
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.study.study import Study

#: Conflicts below this are set in bold.
CONFLICT = 0.05


@dataclass(frozen=True)
class PriorSection:
    """What the template prints.

    Attributes
    ----------
    sets : tuple of PriorSet
        The registry.
    names : list of str
        Sets with a proper prior, the columns of ``rows``.
    visit, arm : str
        Labels of the visit and of the treated arm that the table is about.
    rho : float
        Within-patient correlation at which the estimates are adjusted.
    rows : list of (str, list of (str, bool))
        Outcome or reaction; conflict p of every set, and whether it is small.
    """

    sets: tuple[PriorSet, ...]
    names: list[str]
    visit: str
    arm: str
    rho: float
    rows: list[tuple[str, list[tuple[str, bool]]]]


def prior_section(study: Study) -> PriorSection | None:
    """The section for a study; None if no outcome has estimates to hold the sets against."""
    proper = [prior for prior in registry() if not prior.flat]
    last, arm = str(study.visits.index[-1]), study.treatments[0]
    columns = []
    for prior in proper:
        table = prior_check(study, prior, visit=last)
        kept = table[table["arm"] == arm]
        columns.append(kept.set_index(["outcome", "reaction"])["conflict_p"])
    if not len(columns[0]):
        return None
    rows = []
    for outcome, reaction in columns[0].index:
        label = outcome_name(study, outcome) if outcome else reaction_label(reaction)
        values = [float(column[outcome, reaction]) for column in columns]
        rows.append((label, [(_chance(p), p < CONFLICT) for p in values]))
    return PriorSection(
        registry(),
        [prior.name for prior in proper],
        visit_name(study, last),
        arm_name(study, arm),
        DEFAULT_RHO,
        rows,
    )


def _chance(p: float) -> str:
    if not np.isfinite(p):
        return "n/a"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def prior_drawings(study: Study) -> list[Drawing]:
    """The section's figure."""
    return [
        draw(
            "prior_densities",
            "priors",
            "Density of every prior set for each outcome's effect, over the likelihood.",
            "Where each named prior set puts the effect at the last visit, and (grey) where the "
            "printed numbers put it: the normal likelihood of the baseline-adjusted difference at "
            f"a within-patient correlation of {DEFAULT_RHO:.2f}. Curves are scaled to one height. "
            "Outcomes without external evidence have the same curve under external as under weak.",
            plots.prior_densities,
            study,
        )
    ]
