"""The table of adverse reactions and other events: counts, tests, posterior risk differences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.frequentist import fisher_exact
from bayesasthma.inference.event_groups import DIRECTION_NAMES
from bayesasthma.plots.style import arm_name, reaction_label, visit_name
from bayesasthma.reporting.event_tables import KINDS, direction_probability
from bayesasthma.reporting.journal.footnotes import (
    ABBREVIATED,
    DIGITS,
    WITHHELD,
    allocation,
    contrast,
    interval_in_words,
    prior_in_words,
    sized,
    sources,
)
from bayesasthma.reporting.journal.layout import NOT_QUOTED, NOTHING, Column, JournalTable, Rows
from bayesasthma.reporting.journal.printed import count, printed_p
from bayesasthma.reporting.methods import READINGS
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import interval, p_value

FISHER = "Two-sided p of Fisher’s exact test of the printed counts."
PROBABILITY = {
    "lower": "a lower risk",
    "higher": "a higher risk, which here is a benefit",
    "none": "a higher risk, which is neither claimed as a benefit nor as a harm",
}


def reaction_tables(results: ReanalysisResults) -> list[JournalTable]:
    """One table per treated arm and direction of benefit; none for a study without counts."""
    table = results.adverse
    if table.empty:
        return []
    model = "hierarchical" if "hierarchical" in set(table["model"]) else str(table["model"].iloc[0])
    part = table[(table["model"] == model) & (table["estimand"] == "risk_difference")]
    found = []
    for arm in results.study.treatments:
        for direction in DIRECTION_NAMES.values():
            own = part[(part["arm"] == arm) & (part["direction"] == direction)]
            if len(own):
                found.append(_table(results, own, arm, direction))
    return found


def _table(
    results: ReanalysisResults, part: pd.DataFrame, arm: str, direction: str
) -> JournalTable:
    study = results.study
    title, probability = KINDS[direction]
    readings = [str(reading) for reading in dict.fromkeys(part["reading"])]
    several = len(readings) > 1
    pairs = list(dict.fromkeys(zip(part["reaction"], part["visit"], strict=True)))
    printed = [printed_p(study, str(reaction), str(visit), arm) for reaction, visit in pairs]
    columns = [Column(sized(study, who), width=1.3) for who in (arm, study.control)]
    if any(printed):
        columns.append(Column("Printed p", width=0.9))
    columns.append(Column("Fisher’s p", FISHER, width=0.9))
    difference = f"Risk difference, % points ({100 * part['ci_prob'].iloc[0]:g} % CrI)"
    for reading in readings:
        above = f"Counts read as {reading.replace('_', ' ')}" if several else ""
        columns += [
            Column(difference, _difference_note(results, part, arm), above, 1.9),
            Column(probability, _probability_note(direction), above, 1.0),
        ]
    cells = part.set_index(["reaction", "visit", "reading"])
    made = Rows()
    last = None
    for (reaction, visit), p in zip(pairs, printed, strict=True):
        if reaction != last:
            made.begin(reaction_label(str(reaction)))
            last = reaction
        row = _counts(results, str(reaction), str(visit), arm)
        row[2:2] = [p or NOTHING] if any(printed) else []
        for reading in readings:
            key = (reaction, visit, reading)
            row += _posterior(cells.loc[[key]].iloc[0] if key in cells.index else None)
        made.add(visit_name(study, str(visit)), row)
    remarks = (
        _readings_note(readings, direction), DIGITS, *allocation(study), ABBREVIATED,
        *sources(results),
    )  # fmt: skip
    if any(NOT_QUOTED in row.cells for row in made.rows):
        remarks = (WITHHELD, *remarks)
    return JournalTable(
        title=f"{title}: {arm_name(study, arm)} compared with {arm_name(study, study.control)}",
        stub=Column("Event and visit" if direction != "lower" else "Reaction and visit", width=1.7),
        columns=tuple(columns),
        rows=tuple(made.rows),
        groups=tuple(made.groups),
        remarks=remarks,
    )


def _counts(results: ReanalysisResults, reaction: str, visit: str, arm: str) -> list[str]:
    """Printed counts of the treated and of the control arm, and Fisher's p."""
    study = results.study
    known = study.adverse
    known = known[(known["reaction"] == reaction) & (known["visit"] == visit)]
    pairs, texts = [], []
    for who in (arm, study.control):
        own = known[known["arm"] == who]
        if own.empty:
            texts.append(NOTHING)
            continue
        events, n = int(own["events"].iloc[0]), int(own["n"].iloc[0])
        pairs.append((events, n))
        texts.append(count(events, n, np.nan, 0.0, float(study.arms["n"][who])))
    fisher = p_value(float(fisher_exact(*pairs[0], *pairs[1]))) if len(pairs) == 2 else NOTHING
    return [*texts, fisher]


def _posterior(cell: pd.Series | None) -> list[str]:
    if cell is None:
        return [NOTHING, NOTHING]
    if cell["gate"] != "pass":
        return [NOT_QUOTED, NOTHING]
    mean, low, high = (100 * float(cell[name]) for name in ("mean", "ci_low", "ci_high"))
    return [interval(mean, low, high, 0), direction_probability(cell)]


def _difference_note(results: ReanalysisResults, part: pd.DataFrame, arm: str) -> str:
    words = interval_in_words(float(part["ci_prob"].iloc[0]))
    text = f"{words[:1].upper()}{words[1:]} of the difference in risk, "
    text += f"{contrast(results.study, arm)}, in percentage points. Model "
    return (
        f"{text}{part['model'].iloc[0]}, {prior_in_words(str(part['prior'].iloc[0]), events=True)}."
    )


def _probability_note(direction: str) -> str:
    return (
        "Probability, given the printed counts, the model and the prior, of "
        f"{PROBABILITY[direction]} under treatment. It is not one minus a p-value."
    )


def _readings_note(readings: list[str], direction: str) -> str:
    events = "reactions" if direction == "lower" else "events"
    words = [
        f"{reading.replace('_', ' ')}, {READINGS[reading].format(events=events)}"
        for reading in readings
        if reading in READINGS
    ]
    if len(words) < 2:
        return "Counts are patients with the event (share of the arm)."
    return (
        "Counts are patients (share of the arm). The paper does not say what a count at a visit "
        f"is of; both readings are given: {'; '.join(words)}."
    )
