"""The headline table: for each outcome its effect, its chances, how far choices move them, doubts.

The columns are those of a summary of findings (GRADE), with probabilities in place of ratings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit, reaction_label, visit_name
from bayesasthma.reporting.curve_section import range_row
from bayesasthma.reporting.event_tables import direction_probability, reactions_alone
from bayesasthma.reporting.limits_of_trust import limits_of_trust
from bayesasthma.reporting.plain_words import effect_words, event_words
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import beyond_mcid, headline_rows
from bayesasthma.reporting.wording import chance, estimate, interval
from bayesasthma.results.effect_table import DESCRIPTIONS
from bayesasthma.results.last_visits import at_last_visit, earlier_visit
from bayesasthma.results.summaries import format_probability
from bayesasthma.specification_curve import Sensitivity

NOT_RUN = "not run"


@dataclass(frozen=True)
class Finding:
    """One outcome or event at its last visit; every field as printed.

    Attributes
    ----------
    id : str
        Of the part of the page that says more.
    name, short, unit, at : str
        ``at`` names the visit, where it is not that of the whole table.
    effect : list of str
        With its interval; more than one where readings of the counts differ.
    benefit, beyond, within : str
        Probabilities.
    curve : str
        Range of the probability over the specification curve.
    limits : list of str
        What limits trust in this outcome in particular.
    plain : str
        One line without a symbol.
    unsigned, passed : bool
    """

    id: str
    name: str
    short: str
    unit: str
    at: str
    effect: list[str]
    benefit: str
    beyond: str
    within: str
    curve: str
    limits: list[str]
    plain: str
    unsigned: bool
    passed: bool


@dataclass(frozen=True)
class FindingsTable:
    """Findings of one treated arm: groups (domain or kind of events) with their rows."""

    arm: str
    who: str
    visit: str
    estimand: str
    groups: list[tuple[str, list[Finding]]]
    judged: bool
    readings: list[str]


def summary_of_findings(
    results: ReanalysisResults, curve: Sensitivity | None
) -> list[FindingsTable]:
    """One table per treated arm, of outcomes and then of events, at the last visit of each."""
    study, rows = results.study, headline_rows(results)
    found = []
    for arm in study.treatments:
        own = rows[rows["arm"] == arm]
        own = own[at_last_visit(own)] if len(own) else own
        events = event_rows(results, arm)
        weeks = [study.visits["week"][v] for v in [*own["visit"], *events["visit"]]]
        if not weeks:
            continue
        last = max([*own["visit"], *events["visit"]], key=lambda v: study.visits["week"][v])
        groups: dict[str, list[Finding]] = {}
        for _, row in own.iterrows():
            domain = str(study.outcomes["domain"][row["outcome"]])
            groups.setdefault(domain, []).append(_outcome(results, row, curve, str(last)))
        for reaction in dict.fromkeys(events["reaction"]):
            part = events[events["reaction"] == reaction]
            kind = "adverse reactions" if reactions_alone(study) else "events"
            groups.setdefault(kind, []).append(_event(results, part, curve, str(last)))
        estimands = [DESCRIPTIONS[str(name)] for name in dict.fromkeys(own["estimand"])]
        found.append(
            FindingsTable(
                arm=arm,
                who=f"{arm_name(study, arm)} against {arm_name(study, study.control)}",
                visit=visit_name(study, str(last)),
                estimand=" or ".join(estimands),
                groups=list(groups.items()),
                judged=bool(study.outcomes["mcid"].notna().any()),
                readings=[str(r).replace("_", " ") for r in dict.fromkeys(events["reading"])],
            )
        )
    return found


def _outcome(
    results: ReanalysisResults, row: pd.Series, curve: Sensitivity | None, last: str
) -> Finding:
    study, outcome = results.study, str(row["outcome"])
    unsigned = not np.isfinite(row["p_benefit"])
    within = row["p_within_mcid"]
    return Finding(
        id=f"outcome-{outcome}",
        name=str(study.outcomes["label"][outcome]),
        short=outcome_name(study, outcome),
        unit=pretty_unit(str(study.outcomes["unit"][outcome])),
        at=earlier_visit(study, str(row["visit"]), last),
        effect=[estimate(row)],
        benefit=(
            f"P(higher) {chance(row['p_positive'], row['ess_bulk'])}"
            if unsigned
            else format_probability(row["p_benefit"], row["p_benefit_mcse"])
        ),
        beyond=beyond_mcid(study, row),
        within=chance(within, row["ess_bulk"]) if np.isfinite(within) else "–",
        curve=curve_range(curve, "outcome", outcome, str(row["arm"]), str(row["visit"])),
        limits=limits_of_trust(results, curve, outcome, str(row["arm"]), str(row["visit"])),
        plain=effect_words(study, row),
        unsigned=unsigned,
        passed=row["gate"] == "pass",
    )


def event_rows(results: ReanalysisResults, arm: str) -> pd.DataFrame:
    """Risk differences of each event at its last visit, hierarchical model, every reading."""
    table = results.adverse
    if table.empty:
        return table.reindex(columns=["reaction", "visit", "reading"])
    part = table[(table["estimand"] == "risk_difference") & (table["arm"] == arm)]
    if "hierarchical" in set(part["model"]):
        part = part[part["model"] == "hierarchical"]
    week = part["visit"].map(results.study.visits["week"].to_dict())
    return part[week == week.groupby(part["reaction"]).transform("max")]


def _event(
    results: ReanalysisResults, rows: pd.DataFrame, curve: Sensitivity | None, last: str
) -> Finding:
    study, row = results.study, rows.iloc[0]
    reaction, arm, visit = (str(row[name]) for name in ("reaction", "arm", "visit"))
    effects, chances = [], []
    for _, own in rows.iterrows():
        mean, low, high = (100 * float(own[name]) for name in ("mean", "ci_low", "ci_high"))
        effects.append(interval(mean, low, high, 0))
        chances.append(direction_probability(own))
    name = "p_positive" if row["direction"] == "none" else "p_benefit"
    unsigned = row["direction"] == "none"
    label = reaction_label(reaction)
    counted = study.adverse[
        (study.adverse["reaction"] == reaction) & (study.adverse["visit"] == visit)
    ]
    return Finding(
        id="adverse",
        name=label,
        short=label,
        unit="percentage points",
        at=earlier_visit(study, visit, last),
        effect=list(dict.fromkeys(effects)),
        benefit=("P(more) " if unsigned else "") + "; ".join(dict.fromkeys(chances)),
        beyond="",
        within="–",
        curve=curve_range(curve, "reaction", reaction, arm, visit),
        limits=["no event in one arm"] if (counted["events"] == 0).any() else [],
        plain=event_words(
            [float(p) for p in rows[name]], "none" if unsigned else str(row["direction"])
        ),
        unsigned=unsigned,
        passed=bool((rows["gate"] == "pass").all()),
    )


def curve_range(curve: Sensitivity | None, kind: str, outcome: str, arm: str, visit: str) -> str:
    """``0.12 to > 0.999``, over the specifications; that there is no curve, where there is none."""
    row = range_row(curve, kind, outcome, arm, visit)
    if curve is None or row is None:
        return NOT_RUN
    options = curve.facts["options"]
    draws = float(options["chains"] * options["draws"])
    ends = [chance(row[name], draws) for name in ("p_low", "p_high")]
    return " to ".join(dict.fromkeys(ends))
