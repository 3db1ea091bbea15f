"""The report's section on prior sets: what each says of every effect, and where data conflict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma import plots
from bayesasthma.comparison.printed_correlations import adjusted_at
from bayesasthma.comparison.prior_check import DEFAULT_RHO, prior_check
from bayesasthma.plots.style import arm_name, outcome_name, reaction_label, visit_name
from bayesasthma.priors.distributions import PriorSet
from bayesasthma.priors.named_sets import prior_set, registry
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.reporting.wording import listed
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
    estimates : str
        A sentence on what the estimates are.
    rows : list of (str, list of (str, bool))
        Outcome (with its visit, if it ends earlier) or event; conflict p of every set, and whether
        it is small.
    """

    sets: tuple[PriorSet, ...]
    names: list[str]
    visit: str
    arm: str
    estimates: str
    rows: list[tuple[str, list[tuple[str, bool]]]]


def prior_section(study: Study) -> PriorSection | None:
    """The section for a study; None if it has no estimates to hold the sets against."""
    proper = [prior for prior in registry() if not prior.flat]
    arm = study.treatments[0]
    tables = [prior_check(study, prior, visit="last") for prior in proper]
    tables = [table[table["arm"] == arm] for table in tables]
    first = tables[0]
    if first.empty:
        return None
    columns = [table.set_index(["outcome", "reaction"])["conflict_p"] for table in tables]
    seen = [visit for visit in study.visits.index if visit in set(first["visit"])]
    last = seen[-1] if seen else ""
    rows = []
    for outcome, reaction, visit in first[["outcome", "reaction", "visit"]].itertuples(index=False):
        label = outcome_name(study, outcome) if outcome else reaction_label(reaction)
        if visit and visit != last:
            label += f", {visit_name(study, visit)}"
        values = [float(column[outcome, reaction]) for column in columns]
        rows.append((label, [(_chance(p), p < CONFLICT) for p in values]))
    return PriorSection(
        registry(),
        [prior.name for prior in proper],
        visit_name(study, last) if last else "all visits",
        arm_name(study, arm),
        _estimates(first),
        rows,
    )


def _estimates(table: pd.DataFrame) -> str:
    """What the estimates are, of outcomes and of events."""
    words = {
        "adjusted_difference": "baseline-adjusted",
        "difference": "differences in means",
        "difference_in_change": "differences in change",
    }
    outcomes = table[table["outcome"] != ""]
    parts = []
    if len(outcomes):
        kinds = [words[str(kind)] for kind in dict.fromkeys(outcomes["estimand"])]
        at = adjusted_at(
            outcomes["rho"].to_numpy(dtype=float),
            outcomes["rho_pinned"].to_numpy(dtype=bool),
            DEFAULT_RHO,
        )
        parts.append(f"Estimates are {listed(kinds)}" + (f" {at}" if at else ""))
    if len(outcomes) < len(table):
        lead = "those of events are" if parts else "Estimates are"
        parts.append(f"{lead} log odds ratios of the counts over all visits")
    return "; ".join(parts) + "."


def _chance(p: float) -> str:
    if not np.isfinite(p):
        return "n/a"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def prior_drawings(study: Study) -> list[Drawing]:
    """The section's figure; none without an estimate of an outcome under the first treated arm."""
    arm = study.treatments[0]
    table = prior_check(study, prior_set("weak"), visit="last")
    table = table[(table["arm"] == arm) & (table["outcome"] != "")]
    if table.empty:
        return []
    what = "adjusted_difference" in set(table["estimand"])
    at = adjusted_at(
        table["rho"].to_numpy(dtype=float), table["rho_pinned"].to_numpy(dtype=bool), DEFAULT_RHO
    )
    how = f"of the baseline-adjusted difference {at}" if what else "of the difference"
    without = set(study.outcomes.index) - set(study.external["outcome"])
    unknown = (
        " Outcomes without external evidence have the same curve under external as under weak."
        if without
        else ""
    )
    return [
        draw(
            "prior_densities",
            "priors",
            "Density of every prior set for each outcome's effect, over the likelihood.",
            "Where each named prior set puts the effect at the last visit of the outcome, and "
            f"(grey) where the printed numbers put it: the normal likelihood {how}. Curves are "
            f"scaled to one height.{unknown}",
            plots.prior_densities,
            study,
        )
    ]
