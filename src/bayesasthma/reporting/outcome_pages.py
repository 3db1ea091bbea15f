"""One section an outcome: effects by visit, p beside probability, range over the curve, figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma import plots
from bayesasthma.comparison.posterior_beside_p import headline_table
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.headline import headline
from bayesasthma.plots.specifications import CHOICE_NAMES
from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit, visit_name
from bayesasthma.reporting.captioned_figure import Drawing, single
from bayesasthma.reporting.curve_section import in_words, range_row
from bayesasthma.reporting.limits_of_trust import limits_of_trust
from bayesasthma.reporting.plain_words import effect_line
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.summary_of_findings import curve_range
from bayesasthma.reporting.tables import EffectRow, effect_row, headline_rows
from bayesasthma.reporting.wording import chance, p_value
from bayesasthma.specification_curve import Sensitivity
from bayesasthma.study.study import Study


@dataclass(frozen=True)
class OutcomeVisit:
    """One outcome under one arm at one visit, as printed.

    Attributes
    ----------
    who, visit : str
    row : EffectRow
    within : str
        P(effect within ±MCID).
    p_range : str
        What p the printed numbers allow, over their rounding.
    verdict : str
        Of the audit on the printed p.
    curve : str
        Range of the probability over the specifications.
    """

    who: str
    visit: str
    row: EffectRow
    within: str
    p_range: str
    verdict: str
    curve: str


@dataclass(frozen=True)
class OutcomePage:
    """What the page says of one outcome.

    Attributes
    ----------
    id, name, short, unit : str
    about : str
        Direction, MCID and its source.
    lines : list of str
        Plain words on each treated arm's effect at the last visit.
    limits : list of str
    choices : list of str
        What the specification curve says of each treated arm at the last visit.
    visits : list of OutcomeVisit
    """

    id: str
    name: str
    short: str
    unit: str
    about: str
    lines: list[str]
    limits: list[str]
    choices: list[str]
    visits: list[OutcomeVisit]


def outcome_pages(results: ReanalysisResults, curve: Sensitivity | None) -> list[OutcomePage]:
    """A section for every outcome that has an effect, in the order of the study."""
    study, rows = results.study, headline_rows(results)
    if rows.empty:
        return []
    keys = ["outcome", "arm", "visit"]
    beside = headline_table(results.comparison).set_index(keys)
    pages = []
    for outcome in dict.fromkeys(map(str, rows["outcome"])):
        own = rows[rows["outcome"] == outcome]
        visits = [_visit(results, row, beside, curve) for _, row in own.iterrows()]
        lines, limits, choices = [], [], []
        for arm in study.treatments:
            under = own[own["arm"] == arm]
            if under.empty:
                continue
            last = under.iloc[int(under["week"].to_numpy().argmax())]
            lines.append(effect_line(study, last))
            limits += limits_of_trust(results, curve, outcome, arm, str(last["visit"]))
            choices += _choices(results.study, curve, outcome, arm, str(last["visit"]))
        pages.append(
            OutcomePage(
                id=f"outcome-{outcome}",
                name=str(study.outcomes["label"][outcome]),
                short=outcome_name(study, outcome),
                unit=pretty_unit(str(study.outcomes["unit"][outcome])),
                about=_about(results, outcome),
                lines=lines,
                limits=list(dict.fromkeys(limits)),
                choices=choices,
                visits=visits,
            )
        )
    return pages


def _about(results: ReanalysisResults, outcome: str) -> str:
    meta = results.study.outcomes.loc[outcome]
    direction = {1: "Higher is better.", -1: "Lower is better."}.get(
        int(results.study.outcomes["direction"][outcome]), "Neither direction is a benefit as such."
    )
    source = str(meta["mcid_source"] or "")
    source = f" MCID: {source.rstrip('.')}." if source and source != "nan" else ""
    return direction + source


def _choices(
    study: Study, curve: Sensitivity | None, outcome: str, arm: str, visit: str
) -> list[str]:
    """Where the curve is lowest, what moves it most, and how far it goes without that."""
    row = range_row(curve, "outcome", outcome, arm, visit)
    if row is None or curve is None:
        return []
    options = curve.facts["options"]
    draws = float(options["chains"] * options["draws"])
    under = f" under {arm_name(study, arm)}" if len(study.treatments) > 1 else ""
    text = f"At {visit_name(study, visit)}{under} the curve is lowest with {_words(row, 'lowest')}"
    text += f" and highest with {_words(row, 'highest')}"
    if pd.notna(row["share"]):
        held = [chance(row[name], draws) for name in ("p_low_held", "p_high_held")]
        choice = CHOICE_NAMES.get(str(row["moved_most_by"]), str(row["moved_most_by"]))
        text += (
            f"; the choice “{choice}” moves it most ({100 * row['share']:.0f} % of its variance), "
            f"and with that at its default it runs from {' to '.join(dict.fromkeys(held))}"
        )
    return [text + "."]


def _words(row: pd.Series, end: str) -> str:
    return in_words(str(row[end])) or "the default"


def _visit(
    results: ReanalysisResults, row: pd.Series, beside: pd.DataFrame, curve: Sensitivity | None
) -> OutcomeVisit:
    study = results.study
    outcome, arm, visit = (str(row[name]) for name in ("outcome", "arm", "visit"))
    key = (outcome, arm, visit)
    other = beside.loc[[key]].iloc[0] if key in beside.index else None
    p_range = verdict = ""
    if other is not None:
        low, high = p_value(other["p_low"]), p_value(other["p_high"])
        p_range = low if low == high else f"{low} to {high}"
        verdict = "" if pd.isna(other["verdict"]) else str(other["verdict"])
    within = row["p_within_mcid"]
    return OutcomeVisit(
        who=f"{arm_name(study, arm)} against {arm_name(study, study.control)}",
        visit=visit_name(study, visit),
        row=effect_row(results, row, other, ""),
        within=chance(within, row["ess_bulk"]) if np.isfinite(within) else "–",
        p_range=p_range,
        verdict=verdict,
        curve=curve_range(curve, "outcome", outcome, arm, visit),
    )


def outcome_drawings(fit: Fit) -> list[Drawing]:
    """The figures of every outcome: its course by arm, and the chance of a benefit of any size."""
    study = fit.study
    level = study.table["mean"].sel(statistic="level").notnull()
    effects = headline(fit).draws.isel(chain=0, draw=0)
    found = []
    for outcome in map(str, fit.moments["mean"]["outcome"].to_numpy()):
        name = outcome_name(study, outcome)
        printed = bool(level.sel(outcome=outcome).any())
        marks = (
            "Circles and bars: printed mean ± standard error. Band: 95 % credible interval of the "
            "population mean, about twice as wide as a bar because a bar covers 68 %."
            if printed
            else "No level is printed: where a line lies is the prior's; what the table tells is "
            "how far it moves. Band: 95 % credible interval of the population mean."
        )
        found.append(
            single(
                f"trajectories_{outcome}",
                f"outcome-{outcome}",
                f"Mean of {name} over the weeks, by arm: printed values and posterior.",
                f"{name} by arm. {marks}",
                plots.trajectories_of,
                fit,
                outcome,
            )
        )
        found += [
            single(
                f"benefit_curves_{outcome}" + ("" if len(study.treatments) == 1 else f"_{arm}"),
                f"outcome-{outcome}",
                f"Probability that the benefit of {arm_name(study, arm)} on {name} exceeds any "
                "given size.",
                f"{arm_name(study, arm)} against {arm_name(study, study.control)}: read off the "
                "probability of an effect larger than any x you care for, by visit.",
                plots.benefit_curves_of,
                fit,
                outcome,
                arm,
            )
            for arm in study.treatments
            if bool(effects.sel(outcome=outcome, arm=arm).notnull().any())
        ]
    return found
