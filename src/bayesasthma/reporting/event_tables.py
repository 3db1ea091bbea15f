"""Rows of the report's tables of reactions and other events, as text."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bayesasthma.frequentist import fisher_exact
from bayesasthma.inference.event_groups import DIRECTION_NAMES
from bayesasthma.plots.style import arm_name, reaction_label, visit_name
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import interval, p_value, percent
from bayesasthma.results.adverse_table import FUTURE_PATIENTS
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study

#: By direction: what the events are called, and the probability that stands beside a difference.
KINDS = {
    "lower": ("Adverse reactions", "P(fewer)"),
    "higher": ("Events of which more is better", "P(more)"),
    "none": ("Events without a better direction", "P(more)"),
}


@dataclass(frozen=True)
class EventTable:
    """Events of one direction under one treated arm.

    Attributes
    ----------
    who : str
        ``A against B``.
    title : str
        What the events are.
    probability : str
        Name of the probability beside each risk difference.
    readings : list of str
        In words; one if the readings do not differ.
    rows : list of list of str
        Event, visit, printed counts, printed p, Fisher's p, then by reading the risk difference in
        percentage points and the probability.
    """

    who: str
    title: str
    probability: str
    readings: list[str]
    rows: list[list[str]]


def events_title(study: Study) -> str:
    """Heading of the section: reactions, unless some event is not one."""
    return "Adverse reactions" if reactions_alone(study) else "Events"


def reactions_alone(study: Study) -> bool:
    """Whether fewer of every event counted is a benefit."""
    return set(study.event_directions.values()) <= {-1}


def event_tables(results: ReanalysisResults) -> list[EventTable]:
    """One table per treated arm and direction, of the hierarchical model."""
    study, table = results.study, results.adverse
    if table.empty:
        return []
    model = "hierarchical" if "hierarchical" in set(table["model"]) else str(table["model"].iloc[0])
    part = table[(table["model"] == model) & (table["estimand"] == "risk_difference")]
    found = []
    for arm in study.treatments:
        for direction in DIRECTION_NAMES.values():
            own = part[(part["arm"] == arm) & (part["direction"] == direction)]
            if own.empty:
                continue
            title, probability = KINDS[direction]
            found.append(
                EventTable(
                    who=f"{arm_name(study, arm)} against {arm_name(study, study.control)}",
                    title=title,
                    probability=probability,
                    readings=[str(r).replace("_", " ") for r in dict.fromkeys(own["reading"])],
                    rows=_rows(results, own, arm),
                )
            )
    return found


def _rows(results: ReanalysisResults, part: pd.DataFrame, arm: str) -> list[list[str]]:
    study = results.study
    readings = [str(r) for r in dict.fromkeys(part["reading"])]
    cells = part.set_index(["reaction", "visit", "reading"])
    counts = study.adverse[["reaction", "visit", "arm", "events", "n"]]
    printed = {
        (reaction, visit, who): (int(events), int(n))
        for reaction, visit, who, events, n in counts.itertuples(index=False, name=None)
    }
    rows = []
    for reaction, visit in dict.fromkeys(zip(part["reaction"], part["visit"], strict=True)):
        own, control = (printed.get((reaction, visit, who)) for who in (arm, study.control))
        pairs = [f"{pair[0]}/{pair[1]}" for pair in (own, control) if pair is not None]
        row = [reaction_label(reaction), visit_name(study, visit), " against ".join(pairs)]
        row += [_printed_p(study, reaction, visit, arm), _fisher(own, control)]
        for reading in readings:
            if (reaction, visit, reading) not in cells.index:
                row += ["", ""]
                continue
            cell = cells.loc[[(reaction, visit, reading)]].iloc[0]
            mean, low, high = (100 * float(cell[name]) for name in ("mean", "ci_low", "ci_high"))
            row += [interval(mean, low, high, 0), direction_probability(cell)]
        rows.append(row)
    return rows


def direction_probability(cell: pd.Series) -> str:
    """P(benefit) of a risk difference, or P(more events) where no direction is a benefit."""
    name = "p_positive" if cell["direction"] == "none" else "p_benefit"
    return format_probability(float(cell[name]), float(cell[f"{name}_mcse"]))


def _fisher(own: tuple[int, int] | None, control: tuple[int, int] | None) -> str:
    """Two-sided p of Fisher's exact test, printed p or not."""
    if own is None or control is None:
        return ""
    return p_value(float(fisher_exact(*own, *control)))


def _printed_p(study: Study, reaction: str, visit: str, arm: str) -> str:
    tests = study.tests
    found = tests[(tests["outcome"] == reaction) & (tests["visit"] == visit)]
    found = found[(found["arm"] == arm) | (found["arm"].fillna("") == "")]
    return str(found["p"].iloc[0]) if len(found) else ""


def predicted_rows(results: ReanalysisResults) -> tuple[list[str], list[list[str]]]:
    """Predicted chance of at least one event among future patients, at each event's last visit.

    Of reactions and of events without a direction; that one patient at least does well is no
    question anybody asks.

    Returns
    -------
    arms : list of str
    rows : list of list of str
        Event (with its visit, if that is not the last one), reading, then each arm's mean chance
        and 95 % interval; the hierarchical model.
    """
    study, table = results.study, results.adverse
    if table.empty:
        return [], []
    part = table[table["estimand"] == f"any_in_{FUTURE_PATIENTS}"]
    part = part[(part["model"] == "hierarchical") & (part["direction"] != "higher")]
    if part.empty:
        return [], []
    week = part["visit"].map(study.visits["week"].to_dict())
    part = part[week == week.groupby(part["reaction"]).transform("max")]
    last = max(part["visit"], key=lambda visit: float(study.visits["week"][visit]))
    arms = [str(arm) for arm in study.arms.index if arm in set(part["arm"])]
    shown = {
        tuple(key): f"{percent(mean)} ({percent(low)} to {percent(high)})"
        for *key, mean, low, high in part[
            ["reaction", "reading", "arm", "mean", "ci_low", "ci_high"]
        ].itertuples(index=False, name=None)
    }
    pairs = dict.fromkeys(zip(part["reaction"], part["reading"], part["visit"], strict=True))
    several = len(set(part["reading"])) > 1
    return [arm_name(study, arm) for arm in arms], [
        [
            reaction_label(str(reaction))
            + ("" if visit == last else f", {visit_name(study, str(visit))}"),
            str(reading).replace("_", " ") if several else "",
            *(shown.get((reaction, reading, arm), "") for arm in arms),
        ]
        for reaction, reading, visit in pairs
    ]
