"""The report's section on the next trial: would it confirm the findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma import plots
from bayesasthma.plots.style import arm_name, outcome_name, visit_name
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.assurance import MOST
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study

#: Sizes of the page's table; `design.csv` has more.
SHOWN = (50, 100, 200)


@dataclass(frozen=True)
class NextTrialPart:
    """What the section prints of one treated arm.

    Attributes
    ----------
    who : str
        ``A against B``.
    sizes : list of str
        Patients an arm, of the columns of assurance.
    rows : list of list of str
        Outcome with its visit, P(benefit), by size the assurance with the power at the posterior
        mean, patients an arm for 80 and for 90 %.
    """

    who: str
    sizes: list[str]
    rows: list[list[str]]


def next_trial_section(results: ReanalysisResults) -> list[NextTrialPart]:
    """One part per treated arm; empty without a finding to confirm."""
    study, table = results.study, results.next_trial
    parts = []
    for arm in study.treatments if len(table) else ():
        own = table[(table["arm"] == arm) & table["n"].isin(SHOWN)]
        if len(own):
            rows = [_row(study, rows) for _, rows in own.groupby("outcome", sort=False)]
            who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
            parts.append(NextTrialPart(who, [f"{n}" for n in SHOWN], rows))
    return parts


def _row(study: Study, rows: pd.DataFrame) -> list[str]:
    first = rows.iloc[0]
    name = f"{outcome_name(study, str(first['outcome']))}, {visit_name(study, str(first['visit']))}"
    limit = format_probability(float(first["limit"]), float(first["limit_mcse"]))
    by_size = {int(row["n"]): row for row in rows.to_dict("records")}
    chances = []
    for n in SHOWN:
        drawn, error, at_mean = (
            float(by_size[n][column]) for column in ("assurance", "assurance_mcse", "power_at_mean")
        )
        chances.append(f"{format_probability(drawn, error)} ({at_mean:.2f})")
    return [name, limit, *chances, *(size_text(float(first[f"n_{t}"])) for t in (80, 90))]


def size_text(n: float) -> str:
    """Patients an arm; ``never`` where the assurance does not get there."""
    if np.isinf(n):
        return "never"
    return f"> {MOST:,}" if np.isnan(n) else f"{n:.0f}"


def next_trial_drawings(results: ReanalysisResults) -> list[Drawing]:
    """The section's figures, one per treated arm."""
    study, found = results.study, []
    for arm in study.treatments if len(results.next_trial) else ():
        if not (results.next_trial["arm"] == arm).any():
            continue
        suffix = "" if len(study.treatments) == 1 else f"_{arm}"
        found.append(
            draw(
                f"next_trial{suffix}",
                "next_trial",
                "Chance that a new trial confirms each finding, over the patients an arm.",
                f"{arm_name(study, arm)} against {arm_name(study, study.control)}, last visit of "
                "each outcome: chance that a new randomised trial shows the benefit (two-sided "
                "p < 0.05). Grey line: P(benefit), which no size goes beyond. The sceptic analyses "
                "the new trial alone under the prior set “sceptical”.",
                plots.assurance_curves,
                study,
                results.next_trial,
                arm,
            )
        )
    return found
