"""The report in a few sentences: what it is, what it found, whether to believe it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.inference.diagnostics import BFMI_MIN, ESS_MIN, R_HAT_MAX
from bayesasthma.plots.style import arm_name, outcome_name, reaction_label, visit_name
from bayesasthma.reporting.event_tables import direction_probability, reactions_alone
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import headline_rows
from bayesasthma.reporting.wording import chance, listed, mcid_text, plural
from bayesasthma.results.last_visits import at_last_visit, earlier_visit
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study


def introduction(study: Study) -> str:
    """What this is, in three sentences."""
    arms = [
        f"{label} (n = {n})" for label, n in zip(study.arms["label"], study.arms["n"], strict=True)
    ]
    count = len(study.event_directions)
    event = "reaction" if reactions_alone(study) else "event"
    subjects = [plural(len(study.outcomes), "outcome")] if len(study.outcomes) else []
    subjects += [plural(count, event)] if count else []
    control = arm_name(study, study.control)
    treated = listed([arm_name(study, arm) for arm in study.treatments])
    directions = [*study.outcomes["direction"], *study.event_directions.values()]
    tells = (
        "gives the probability that it is a benefit" if any(directions)
        else "gives the probability of each direction"
    )  # fmt: skip
    beside = ", and sets the printed p-value beside it" if len(study.tests) else ""
    join = ", " if beside else " and "
    return (
        "This is a Bayesian re-analysis of one study of "
        f"{plural(int(study.arms['n'].sum()), 'patient')}"
        f", {listed(arms)}: {listed(subjects)} at {plural(len(study.visits), 'visit')}. "
        f"From {_source(study)} it estimates what {treated} "
        f"{'does' if len(study.treatments) == 1 else 'do'} beyond {control}{join}{tells}{beside}. "
        "Every number holds if the tables are right and the models fit; what neither can tell is "
        "listed under “What the data cannot tell”."
    )


def _source(study: Study) -> str:
    """What the analysis is made from."""
    if study.outcomes.empty:
        return "the printed counts alone"
    counts = len(study.adverse) > 0
    if study.patients is not None:
        return "the patients' values" + (" and the printed counts" if counts else "")
    printed = study.table["mean"].notnull()
    names = []
    if bool(printed.sel(statistic="level").any()):
        names.append("means")
    if bool(printed.sel(statistic="change").any()):
        names.append("changes from baseline")
    names += ["standard deviations", *(["counts"] if counts else [])]
    return f"the printed {listed(names)} alone"


def gate_sentence(results: ReanalysisResults) -> str:
    """Whether every fit and every tabulated quantity passes the diagnostics gate."""
    if results.passed:
        count = len(results.diagnostics)
        return (
            f"All {plural(count, 'fit')} and every tabulated quantity pass the diagnostics gate "
            f"(no divergence, R-hat ≤ {R_HAT_MAX:g}, bulk and tail ESS ≥ {ESS_MIN:g}, "
            f"E-BFMI ≥ {BFMI_MIN:g})."
        )
    failed = results.diagnostics[results.diagnostics["gate"] != "pass"]
    parts = [f"{fit} ({why})" for fit, why in zip(failed["fit"], failed["failures"], strict=True)]
    tables = (results.effects, results.adverse)
    rows = sum(int((table["gate"] != "pass").sum()) for table in tables if len(table))
    text = f"The diagnostics gate FAILS: {plural(rows, 'quantity', 'quantities')} in the tables"
    return text + (f", in {listed(parts)}." if parts else ".") + " Do not quote the marked rows."


def findings(results: ReanalysisResults) -> list[str]:
    """A sentence or two per treated arm, on reactions and on the printed p-values."""
    study, rows = results.study, headline_rows(results)
    sentences = []
    for arm in study.treatments:
        own = rows[rows["arm"] == arm]
        if len(own):
            sentences += _effects(study, arm, own[at_last_visit(own)])
        sentences += _reactions(results, arm)
    sentences += _printed(results)
    return sentences


def _effects(study: Study, arm: str, rows: pd.DataFrame) -> list[str]:
    who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
    last = str(rows["visit"].iloc[int(rows["week"].to_numpy().argmax())])
    when = visit_name(study, last)

    def name(row: pd.Series) -> str:
        at = earlier_visit(study, str(row["visit"]), last)
        return outcome_name(study, str(row["outcome"])) + (f" at {at}" if at else "")

    early = rows[rows["visit"] != last]
    if len(early):
        when += " (" + "; ".join(name(row) for _, row in early.iterrows()) + ")"
    sentences = []
    signed = rows[rows["p_benefit"].notna()].sort_values("p_benefit")
    if len(signed):
        low, high = signed.iloc[0], signed.iloc[-1]
        ends = [format_probability(r["p_benefit"], r["p_benefit_mcse"]) for r in (low, high)]
        outcomes = plural(len(signed), "outcome") + " with a direction of benefit"
        if len(signed) == 1:
            reach = f"is {ends[0]} for {name(low)}"
        elif ends[0] == ends[1]:
            reach = f"is {ends[0]} for all {outcomes}"
        else:
            reach = f"runs from {ends[0]} ({name(low)}) to {ends[1]} over the {outcomes}"
        sentences.append(f"{who}, {when}: the probability of benefit {reach}.")
    judged = signed[signed["p_benefit_gt_mcid"].notna()]
    if len(judged):
        parts = []
        for _, row in judged.iterrows():
            unit = str(study.outcomes["unit"][row["outcome"]])
            limit = mcid_text(row["mcid"], row["mcid_kind"], unit)
            p = chance(row["p_benefit_gt_mcid"], row["ess_bulk"])
            parts.append(f"{name(row)} {p} (> {limit})")
        sentences.append(
            "The probability that the benefit exceeds the minimal clinically important "
            f"difference: {'; '.join(parts)}."
        )
    open_ended = rows[rows["p_benefit"].isna()]
    if len(open_ended):
        parts = [
            f"{name(row)} {chance(row['p_positive'], row['ess_bulk'])}"
            for _, row in open_ended.iterrows()
        ]
        sentences.append(
            "The probability of a higher mean, where no direction is claimed as a benefit: "
            f"{'; '.join(parts)}."
        )
    return sentences


#: What the probabilities of events are of, by the direction of the events.
EVENT_PROBABILITIES = {
    "lower": "fewer reactions",
    "higher": "more events, which are a benefit",
    "none": "more events, of which no direction is claimed as a benefit",
}


def _reactions(results: ReanalysisResults, arm: str) -> list[str]:
    """A sentence by direction: probabilities at each event's last visit."""
    study, table = results.study, results.adverse
    if table.empty:
        return []
    part = table[(table["estimand"] == "risk_difference") & (table["arm"] == arm)]
    if "hierarchical" in set(part["model"]):
        part = part[part["model"] == "hierarchical"]
    week = part["visit"].map(study.visits["week"].to_dict())
    part = part[week == week.groupby(part["reaction"]).transform("max")]
    return [
        _events(study, arm, own, words)
        for direction, words in EVENT_PROBABILITIES.items()
        if len(own := part[part["direction"] == direction])
    ]


def _events(study: Study, arm: str, part: pd.DataFrame, words: str) -> str:
    last = max(part["visit"], key=lambda visit: float(study.visits["week"][visit]))
    names = []
    for reaction in dict.fromkeys(part["reaction"]):
        own = part[part["reaction"] == reaction]
        shown = [direction_probability(row) for _, row in own.iterrows()]
        at = earlier_visit(study, str(own["visit"].iloc[0]), str(last))
        label = reaction_label(str(reaction)).lower() + (f" at {at}" if at else "")
        names.append(f"{label} {listed(list(dict.fromkeys(shown)))}")
    readings = [str(r).replace("_", " ") for r in dict.fromkeys(part["reading"])]
    how = f", reading the counts as {listed(readings)}" if len(readings) > 1 else ""
    who = f" under {arm_name(study, arm)}" if len(study.treatments) > 1 else ""
    return (
        f"The probability of {words}{who}, at {visit_name(study, str(last))}{how}: "
        f"{'; '.join(names)}."
    )


def _printed(results: ReanalysisResults) -> list[str]:
    if results.audit is None or results.audit.tests.empty:
        return []
    counts = results.audit.counts().drop(columns="significance_changes").sum()
    parts = [f"{int(n)} {verdict}" for verdict, n in counts.items() if np.isfinite(n) and n]
    changes = int(results.audit.tests["significance_changes"].sum())
    text = (
        f"Of {len(results.audit.tests)} printed p-values checked against the tables: "
        f"{listed(parts)}"
    )
    if changes:
        text += f"; {plural(changes, 'conclusion')} at the 5 % level would change"
    return [text + "."]
