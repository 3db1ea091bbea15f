"""The answer in three sentences: which way, whether enough to matter, what it hangs on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.plots.style import arm_name, outcome_name, reaction_label, visit_name
from bayesasthma.reporting.curve_section import in_words
from bayesasthma.reporting.event_tables import direction_probability, reactions_alone
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.summary_of_findings import event_rows
from bayesasthma.reporting.tables import headline_rows
from bayesasthma.reporting.wording import chance, listed, plural
from bayesasthma.results.last_visits import at_last_visit
from bayesasthma.results.summaries import format_probability
from bayesasthma.specification_curve import Sensitivity
from bayesasthma.study.study import Study

#: A probability of benefit beyond these ends is counted as one for or against.
CLEAR = 0.95
#: Outcomes whose chance to exceed the MCID is named, of those where it is not clear.
SHOWN = 4


def answer(results: ReanalysisResults, curve: Sensitivity | None) -> list[str]:
    """Direction, size and doubts of a study's last visits, a sentence each."""
    rows = headline_rows(results)
    rows = rows[at_last_visit(rows)] if len(rows) else rows
    signed = rows[rows["p_benefit"].notna()].sort_values("p_benefit")
    first = _direction(results.study, rows, signed) or _events(results)
    if not first:
        return []
    second = _joined(_size(results.study, signed), _events(results)) if len(rows) else ""
    return [text for text in (first, second, _doubts(results, curve)) if text]


def _names(study: Study, row: pd.Series) -> str:
    arm = f" under {arm_name(study, str(row['arm']))}" if len(study.treatments) > 1 else ""
    return outcome_name(study, str(row["outcome"])) + arm


def _who(study: Study) -> str:
    treated = [arm_name(study, arm) for arm in study.treatments]
    shown = listed(treated) if len(treated) < 4 else f"{len(treated)} treated arms"
    return f"{shown} against {arm_name(study, study.control)}"


def _direction(study: Study, rows: pd.DataFrame, signed: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    last = str(rows["visit"].iloc[int(rows["week"].to_numpy().argmax())])
    lead = f"{_who(study)}, {visit_name(study, last)}: "
    if signed.empty:
        parts = [f"{_names(study, row)} {chance(row['p_positive'], row['ess_bulk'])}"
                 for _, row in rows.iterrows()]  # fmt: skip
        return f"{lead}the probability of a higher mean is {listed(parts)}."
    noun = "comparison" if len(study.treatments) > 1 else "outcome"
    low, high = signed.iloc[0], signed.iloc[-1]
    ends = [format_probability(r["p_benefit"], r["p_benefit_mcse"]) for r in (low, high)]
    count = plural(len(signed), noun) + " with a better direction"
    if len(signed) == 1:
        return f"{lead}the probability of benefit is {ends[0]} ({_names(study, low)})."
    better = int((signed["p_benefit"] > CLEAR).sum())
    worse = int((signed["p_benefit"] < 1 - CLEAR).sum())
    told = f"above {CLEAR:g} for {'all' if better == len(signed) else f'{better} of'} {count}"
    if worse:
        told += f" and below {1 - CLEAR:.2g} for {worse}"
    return (
        f"{lead}the probability of benefit is {told}; it runs from {ends[0]} "
        f"({_names(study, low)}) to {ends[1]}"
        + (f" ({_names(study, high)})." if better < len(signed) else ".")
    )


def _size(study: Study, signed: pd.DataFrame) -> str:
    judged = signed[signed["p_benefit_gt_mcid"].notna()]
    if judged.empty:
        if signed.empty:
            return ""
        return "No smallest difference that matters is given, so what the size means is left open."
    clear = judged[judged["p_benefit_gt_mcid"] >= 0.9]
    others = judged[judged["p_benefit_gt_mcid"] < 0.9].sort_values("p_benefit_gt_mcid")
    parts = []
    if len(clear):
        named = [_names(study, row) for _, row in clear.iterrows()]
        parts.append(f"at least 0.9 for {listed(named)}")
    if len(others):
        shown = [
            f"{chance(row['p_benefit_gt_mcid'], row['ess_bulk'])} for {_names(study, row)}"
            for _, row in others.head(SHOWN).iterrows()
        ]
        if len(others) > SHOWN:
            shown.append(f"more than that for {len(others) - SHOWN} others")
        parts.append(listed(shown))
    return (
        "The probability that the mean benefit exceeds the minimal clinically important "
        f"difference is {', but '.join(parts)}."
    )


def _joined(first: str, second: str) -> str:
    """Two statements as one sentence."""
    if not first or not second:
        return first or second
    return f"{first.removesuffix('.')}; {second[:1].lower()}{second[1:]}"


def _events(results: ReanalysisResults) -> str:
    study = results.study
    tables = [table for arm in study.treatments if len(table := event_rows(results, arm))]
    if not tables:
        return ""
    table = pd.concat(tables)
    parts = []
    for direction, words in (("lower", "fewer"), ("higher", "more"), ("none", "more")):
        own = table[table["direction"] == direction]
        if own.empty:
            continue
        name = "p_positive" if direction == "none" else "p_benefit"
        own = own.sort_values(name)
        noun = "adverse reactions" if reactions_alone(study) else "events of " + listed(
            [reaction_label(str(k)).lower() for k in dict.fromkeys(own["reaction"])]
        )  # fmt: skip
        ends = list(dict.fromkeys(direction_probability(own.iloc[k]) for k in (0, -1)))
        kinds = own["reaction"].nunique()
        over = f" over {kinds} kinds" if kinds > 1 else ""
        parts.append(f"{words} {noun} is {' to '.join(ends)}{over}")
    lead = "" if len(headline_rows(results)) else f"{_who(study)}, the last visit: "
    text = f"{lead}the probability of {'; of '.join(parts)}."
    return text if lead else text[:1].upper() + text[1:]


def _doubts(results: ReanalysisResults, curve: Sensitivity | None) -> str:
    """What the numbers hang on: design, diagnostics, audit and the least favourable choices."""
    study = results.study
    parts = []
    if not study.randomised:
        parts.append("patients were not allocated at random")
    design = study.design.lower()
    if "open" in design and "label" in design:
        parts.append("everybody knew the treatment")
    if results.audit is not None and len(results.audit.tests):
        changes = int(results.audit.tests["significance_changes"].astype(bool).sum())
        if changes:
            parts.append(f"{plural(changes, 'printed conclusion')} would change with the tables")
    lowest = _lowest(study, curve)
    if lowest:
        parts.append(lowest)
    gate = (
        "" if results.passed
        else "The diagnostics gate FAILS, so the marked rows are not to be quoted. "
    )  # fmt: skip
    holds = f"{gate}These numbers hold if the tables are right and the models fit"
    return f"{holds}, but {listed(parts)}." if parts else f"{holds}."


def _lowest(study: Study, curve: Sensitivity | None) -> str:
    if curve is None:
        return ""
    table = curve.ranges
    table = table[(table["kind"] == "outcome") & (table["probability"] == "benefit")]
    if table.empty:
        return ""
    table = table[at_last_visit(table, study)]
    if not len(table) or not np.isfinite(table["p_low"]).any():
        return ""
    row = table.iloc[int(np.nanargmin(table["p_low"].to_numpy(dtype=float)))]
    options = curve.facts["options"]
    low = chance(row["p_low"], float(options["chains"] * options["draws"]))
    return (
        f"over {curve.facts['specifications']} specifications of the analysis the lowest "
        f"probability of benefit is {low} ({_names(study, row)}: {in_words(str(row['lowest']))})"
    )
