"""The report's section that sets the posterior beside the p-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma.comparison.posterior_beside_p import BETWEEN, headline_table
from bayesasthma.comparison.quotes import decimals
from bayesasthma.models.design import design
from bayesasthma.plots.arms_and_contrast import contrast_rows
from bayesasthma.plots.effects import scale_name
from bayesasthma.plots.scepticism import sceptical_set_sd
from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit, visit_name
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import interval, listed, number, p_value, plural
from bayesasthma.results.last_visits import at_last_visit
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study

#: Level of the paper's tests where its methods name none.
ALPHA = 0.05
MAIN = "longitudinal"


@dataclass(frozen=True)
class ArmComparison:
    """What the section prints of one treated arm.

    Attributes
    ----------
    arm : str
    who : str
        ``A against B``.
    multiplicity : str
    arms_rows : list of list of str
        Outcome, then by arm the printed p and P(improved), then contrast and P(benefit).
    arms_columns : list of str
    arms_text : str
    sceptic_rows : list of list of str
        Outcome, unit, P(benefit), prior SDs at 0.95 and 0.975, SD of the set ``sceptical``,
        Matthews' limit, Held's p.
    sceptic_text : str
    visit : str
        Label of the last visit, which the tables show.
    """

    arm: str
    who: str
    multiplicity: str
    arms_columns: list[str]
    arms_rows: list[list[str]]
    arms_text: str
    sceptic_rows: list[list[str]]
    sceptic_text: str
    visit: str


def comparison_section(results: ReanalysisResults) -> list[ArmComparison]:
    """One part per treated arm; empty where there is nothing to compare."""
    study, table = results.study, results.comparison
    if table.empty or not study.follow_up:
        return []
    found = []
    for arm in study.treatments:
        arms_rows, arms_text = _arms(study, table, arm)
        sceptic_rows, sceptic_text = _scepticism(study, table, arm)
        multiplicity = _multiplicity(table, arm, study)
        if not (arms_rows or sceptic_rows or multiplicity):
            continue
        found.append(
            ArmComparison(
                arm=arm,
                who=f"{arm_name(study, arm)} against {arm_name(study, study.control)}",
                multiplicity=multiplicity,
                arms_columns=[arm_name(study, study.control), arm_name(study, arm)],
                arms_rows=arms_rows,
                arms_text=arms_text,
                sceptic_rows=sceptic_rows,
                sceptic_text=sceptic_text,
                visit=_last(study, table, arm),
            )
        )
    return found


def _last(study: Study, table: pd.DataFrame, arm: str) -> str:
    """The visit of the section's tables, or that it is not the same for every outcome."""
    rows = table[(table["arm"] == arm) & (table["estimand"] == "difference")]
    visits = list(dict.fromkeys(rows.loc[at_last_visit(rows), "visit"]))
    return visit_name(study, str(visits[0])) if len(visits) == 1 else "the last visit of each"


def _level(study: Study) -> float:
    return float(study.methods.get("alpha", ALPHA))


def _multiplicity(table: pd.DataFrame, arm: str, study: Study) -> str:
    """How many follow-up tests are significant, before and after Benjamini–Hochberg."""
    rows = headline_table(table)
    rows = rows[(rows["arm"] == arm) & (rows["visit"] != study.baseline_visit)]
    if rows.empty or rows["p_printed_value"].isna().all():
        return ""
    level = _level(study)
    less = rows["p_printed_operator"] == "<"
    printed = (rows["p_printed_value"] < level) | (less & (rows["p_printed_value"] <= level))
    counts = [int(printed.sum()), *(
        int((rows[name] < level).sum()) for name in ("q_printed", "p_recomputed", "q_recomputed")
    )]  # fmt: skip
    return (
        f"Of {plural(len(rows), 'follow-up comparison')}, the paper prints {counts[0]} with p "
        f"below {level:g}; after Benjamini–Hochberg over all of them {counts[1]} remain. "
        f"Recomputed from the tables, {counts[2]} are below {level:g}, and {counts[3]} after "
        "Benjamini–Hochberg."
    )


def _arms(study: Study, table: pd.DataFrame, arm: str) -> tuple[list[list[str]], str]:
    rows = contrast_rows(study, table, arm, MAIN)
    if rows[rows["estimand"] == "change"]["p_printed"].isna().all():
        return [], ""
    shown, split, supported = [], [], []
    for outcome in dict.fromkeys(rows["outcome"]):
        own = rows[rows["outcome"] == outcome]
        cells, significant = [outcome_name(study, outcome)], []
        for who in (study.control, arm):
            change = own[(own["estimand"] == "change") & (own["arm"] == who)]
            if change.empty:
                cells += ["", ""]
                continue
            row = change.iloc[0]
            cells.append("" if pd.isna(row["p_printed"]) else str(row["p_printed"]))
            cells.append(format_probability(row["p_benefit"], row["p_benefit_mcse"]))
            significant.append(_significant(row, _level(study)))
        contrast = own[own["estimand"] == "adjusted_difference"]
        if contrast.empty:
            continue
        row = contrast.iloc[0]
        cells.append(_effect(row))
        cells.append(format_probability(row["p_benefit"], row["p_benefit_mcse"]))
        shown.append(cells)
        if significant == [False, True]:
            split.append(outcome_name(study, outcome))
            if row["p_benefit"] > 0.95:
                supported.append(outcome_name(study, outcome))
    return shown, _arms_text(study, arm, split, supported)


def _arms_text(study: Study, arm: str, split: list[str], supported: list[str]) -> str:
    text = (
        "That a change is significant in one arm and not in the other does not show that the arms "
        "differ: the difference between significant and not significant need not itself be "
        "significant (Gelman and Stern 2006, Am Stat 60:328; Bland and Altman 2011, Trials "
        "12:264). The contrast between the arms answers that question directly. "
    )
    if not split:
        return text
    text += (
        f"The paper prints a significant change under {arm_name(study, arm)} and none under "
        f"{arm_name(study, study.control)} for {plural(len(split), 'outcome')} ({listed(split)}). "
    )
    if len(supported) == len(split):
        return text + "The direct contrast gives a probability of benefit above 0.95 for each."
    if not supported:
        return text + "The direct contrast gives none of them a probability of benefit above 0.95."
    return text + (
        f"The direct contrast gives a probability of benefit above 0.95 for {listed(supported)} "
        "and not for the others."
    )


def _significant(row: pd.Series, level: float) -> bool:
    value, operator = row["p_printed_value"], row["p_printed_operator"]
    return bool(value < level or (operator == "<" and value <= level))


def _effect(row: pd.Series) -> str:
    places = decimals(float(row["posterior_sd"]))
    mean, low, high = (float(row[f"posterior_{name}"]) for name in ("mean", "low", "high"))
    return interval(mean, low, high, places)


def _scepticism(study: Study, table: pd.DataFrame, arm: str) -> tuple[list[list[str]], str]:
    rows = table[
        (table["arm"] == arm)
        & (table["model"] == MAIN)
        & table["visit"].isin(study.follow_up)
        & table["estimand"].isin(BETWEEN[:2])
        & (table["sceptical_method"] != "")
    ]
    if rows.empty:
        return [], ""
    rows = rows[at_last_visit(rows)]
    outcomes = list(rows["outcome"])
    sets = sceptical_set_sd(study, outcomes)
    scale = dict(zip(outcomes, design(study, outcomes).scale, strict=True))
    shown, survive = [], []
    for _, row in rows.iterrows():
        outcome = row["outcome"]
        own = float(sets[outcome]) * float(scale[outcome])
        places = decimals(own / 10)
        shown.append(
            [
                outcome_name(study, outcome),
                pretty_unit(str(row["unit"])),
                format_probability(row["p_benefit"], row["p_benefit_mcse"]),
                _critical(row, "sceptical_sd_95", places),
                _critical(row, "sceptical_sd_975", places),
                number(own, places),
                number(float(row["sceptical_limit"]), places)
                if np.isfinite(row["sceptical_limit"])
                else "–",
                p_value(row["intrinsic_p"]),
            ]
        )
        if row["sceptical_sd_95"] < own:
            survive.append(outcome_name(study, outcome))
    text = (
        "A sceptic expects no effect and gives larger ones less and less credit. The table shows "
        "how narrow that prior, Normal(0, SD²), has to be before P(benefit) falls below 0.95 or "
        "0.975: the smaller the SD, the more stubborn the doubt that the finding outlasts. It is "
        "doubt about the effect alone, not about the study's design or the printed SDs. "
    )
    if survive:
        text += (
            f"At the last visit {len(survive)} of {plural(len(rows), 'outcome')} would still be "
            "above 0.95 for the sceptic of the prior set “sceptical”, who gives a benefit beyond "
            "the minimal clinically important difference (where none is given, 0.5 "
            f"{scale_name(study)}) a chance of 5 %."
        )
    else:
        text += (
            "At the last visit no outcome stays above 0.95 for the sceptic of the prior set "
            "“sceptical”."
        )
    return shown, text


def _critical(row: pd.Series, name: str, places: int) -> str:
    if np.isfinite(row[name]):
        return number(float(row[name]), places)
    return "already below" if "not convincing" in str(row["sceptical_method"]) else "open"
