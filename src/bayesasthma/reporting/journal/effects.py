"""The table of treatment effects: printed means, effect with interval, probabilities of benefit."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.plots.style import arm_name, outcome_name
from bayesasthma.reporting.journal.footnotes import (
    ABBREVIATED,
    DIGITS,
    SPREADS,
    WITHHELD,
    allocation,
    benefit_note,
    contrast,
    interval_in_words,
    mcid_note,
    prior_in_words,
    sized,
    sources,
)
from bayesasthma.reporting.journal.grouping import grouped, one_visit
from bayesasthma.reporting.journal.layout import NOT_QUOTED, NOTHING, Column, JournalTable, Rows
from bayesasthma.reporting.journal.printed import printed_cell
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import chance, estimate, listed
from bayesasthma.results.effect_table import DESCRIPTIONS, RATIOS
from bayesasthma.results.summaries import format_probability
from bayesasthma.specification_curve import Sensitivity
from bayesasthma.study.study import Study


def leading_rows(results: ReanalysisResults) -> pd.DataFrame:
    """Rows of ``effects.csv`` that the report leads with, at follow-up visits.

    Of the longitudinal model, or else of the last one; the headline of each outcome, as a ratio of
    geometric means where the outcome is analysed on the log scale.
    """
    table = results.effects
    if table.empty:
        return table
    models = list(dict.fromkeys(table["model"]))
    model = "longitudinal" if "longitudinal" in models else models[-1]
    own = table[(table["model"] == model) & table["visit"].isin(results.study.follow_up)]
    leads = results.comparison[
        results.comparison["headline"] & (results.comparison["model"] == model)
    ]
    headline = {str(k): str(e) for k, e in zip(leads["outcome"], leads["estimand"], strict=True)}
    wanted = own["outcome"].map(lambda k: headline.get(str(k), "difference"))
    log = own["outcome"].isin(results.study.log_outcomes)
    wanted = wanted.where(~log, wanted.map(lambda name: RATIOS.get(str(name), name)))
    return own[own["estimand"] == wanted]


def effect_tables(
    results: ReanalysisResults, curve: Sensitivity | str = "none"
) -> list[JournalTable]:
    """One table per treated arm; none for a study without outcomes.

    Parameters
    ----------
    results : ReanalysisResults
    curve : Sensitivity or str
        Adds the range of P(benefit) over the specifications; a string adds nothing.

    Returns
    -------
    list of JournalTable
    """
    rows = leading_rows(results)
    found = []
    for arm in results.study.treatments:
        own = rows[rows["arm"] == arm]
        if len(own):
            found.append(_table(results, own, arm, curve))
    return found


def _table(
    results: ReanalysisResults, rows: pd.DataFrame, arm: str, curve: Sensitivity | str
) -> JournalTable:
    study = results.study
    outcomes = [str(k) for k in study.outcomes.index if (rows["outcome"] == k).any()]
    control, treated = arm_name(study, study.control), arm_name(study, arm)
    judged = any(np.isfinite(study.outcomes["mcid"][outcomes].to_numpy(dtype=float)))
    columns = [
        Column(sized(study, who), above="Printed mean ± SD", width=1.3)
        for who in (arm, study.control)
    ]
    columns += [
        Column(f"Effect ({100 * rows['ci_prob'].iloc[0]:g} % CrI)", effect_note(study, rows, arm),
               width=2.0),
        Column("P(benefit)", benefit_note(study, outcomes), width=1.1),
    ]  # fmt: skip
    if judged:
        columns.append(Column("P(benefit > MCID)", mcid_note(study, outcomes), width=1.1))
    ranges = _ranges(curve, rows)
    if ranges:
        columns.append(Column("Range of P(benefit)", _curve_note(curve), width=1.3))
    made = Rows()
    for heading, members in grouped(study, rows):
        made.begin(heading)
        for label, row in members:
            outcome, visit = str(row["outcome"]), str(row["visit"])
            cells = [printed_cell(study, outcome, a, visit) for a in (arm, study.control)]
            cells += quoted(row, judged=judged)
            if ranges:
                cells.append(ranges.get((outcome, visit), NOTHING))
            made.add(label, cells)
    remarks = (SPREADS, DIGITS, *allocation(study), ABBREVIATED, *sources(results))
    if any(NOT_QUOTED in row.cells for row in made.rows):
        remarks = (WITHHELD, *remarks)
    return JournalTable(
        title=f"Effects of {treated} compared with {control}",
        stub=Column("Outcome" if one_visit(rows) else "Outcome and visit", width=1.7),
        columns=tuple(columns),
        rows=tuple(made.rows),
        groups=tuple(made.groups),
        remarks=remarks,
    )


def quoted(row: pd.Series, *, judged: bool) -> list[str]:
    """Effect, P(benefit) and, if asked for, P(benefit > MCID) of a row of ``effects.csv``.

    Rows that fail their gate are not quoted.
    """
    if row["gate"] != "pass":
        return [NOT_QUOTED, *[NOTHING] * (1 + judged)]
    if np.isfinite(row["p_benefit"]):
        benefit = format_probability(float(row["p_benefit"]), float(row["p_benefit_mcse"]))
    else:
        benefit = f"P(higher) {chance(row['p_positive'], row['ess_bulk'])}"
    cells = [estimate(row), benefit]
    if judged:
        beyond = row["p_benefit_gt_mcid"]
        cells.append(chance(beyond, row["ess_bulk"]) if np.isfinite(beyond) else NOTHING)
    return cells


def effect_note(study: Study, rows: pd.DataFrame, arm: str) -> str:
    """What the effect and its interval are, of which model and prior."""
    by = rows.drop_duplicates("outcome").groupby("estimand", sort=False)["outcome"].agg(list)
    names = {str(k): [outcome_name(study, str(o)) for o in outcomes] for k, outcomes in by.items()}
    what = listed(
        [
            DESCRIPTIONS[k] + (f" ({listed(outcomes)})" if len(names) > 1 else "")
            for k, outcomes in names.items()
        ]
    )
    prob, model = float(rows["ci_prob"].iloc[0]), str(rows["model"].iloc[0])
    ratio = any(k in RATIOS.values() for k in names)
    between = contrast(study, arm) + (" (of ratios: divided by it)" if ratio else "")
    text = f"{interval_in_words(prob)} of the {what}, {between}, in the outcome’s unit"
    return f"{text[:1].upper()}{text[1:]}. Model {model}, {prior_in_words(rows['prior'].iloc[0])}."


def _ranges(curve: Sensitivity | str, rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Lowest and highest probability over the specifications, by outcome and visit."""
    if isinstance(curve, str):
        return {}
    known = curve.ranges[curve.ranges["kind"] == "outcome"]
    known = known[known["arm"] == rows["arm"].iloc[0]]
    draws = float(curve.facts["options"]["chains"] * curve.facts["options"]["draws"])
    present = set(zip(rows["outcome"], rows["visit"], strict=True))
    return {
        (str(row["outcome"]), str(row["visit"])): (
            f"{chance(row['p_low'], draws)} to {chance(row['p_high'], draws)}"
        )
        for _, row in known.iterrows()
        if (row["outcome"], row["visit"]) in present
    }


def _curve_note(curve: Sensitivity | str) -> str:
    if isinstance(curve, str):
        return ""
    facts = curve.facts
    failed = len(facts["failed_fits"])
    text = (
        "Lowest and highest probability over those of the "
        f"{facts['specifications']} specifications that concern the quantity: other priors, "
        "correlations, scales, readings of the printed SDs and adjustments. Of outcomes without a "
        "direction, P(higher mean)."
    )
    return text + (f" {failed} fits that failed their diagnostics are left out." if failed else "")
