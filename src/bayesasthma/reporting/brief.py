"""The report in a few sentences: what it is, what it found, whether to believe it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.inference.diagnostics import BFMI_MIN, ESS_MIN, R_HAT_MAX
from bayesasthma.plots.style import arm_name, outcome_name, reaction_label, visit_name
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import headline_rows
from bayesasthma.reporting.wording import chance, listed, mcid_text, plural
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study


def introduction(study: Study) -> str:
    """What this is, in three sentences."""
    arms = [
        f"{label} (n = {n})" for label, n in zip(study.arms["label"], study.arms["n"], strict=True)
    ]
    source = (
        "the patients' values" if study.patients is not None
        else "the printed means, standard deviations and counts alone"
    )  # fmt: skip
    control = arm_name(study, study.control)
    treated = listed([arm_name(study, arm) for arm in study.treatments])
    return (
        "This is a Bayesian re-analysis of one study of "
        f"{plural(int(study.arms['n'].sum()), 'patient')}"
        f", {listed(arms)}: {plural(len(study.outcomes), 'outcome')} at "
        f"{plural(len(study.visits), 'visit')}. "
        f"From {source} it estimates what {treated} does beyond {control}, gives the probability "
        "that it is a benefit, and sets the printed p-value beside it. "
        "Every number holds if the tables are right and the models fit; what neither can tell is "
        "listed under “What the data cannot tell”."
    )


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
            last = own[own["week"] == own["week"].max()]
            sentences += _effects(study, arm, last)
        sentences += _reactions(results, arm)
    sentences += _printed(results)
    return sentences


def _effects(study: Study, arm: str, rows: pd.DataFrame) -> list[str]:
    who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
    when = visit_name(study, str(rows["visit"].iloc[0]))
    sentences = []
    signed = rows[rows["p_benefit"].notna()].sort_values("p_benefit")
    if len(signed):
        low, high = signed.iloc[0], signed.iloc[-1]
        ends = [format_probability(r["p_benefit"], r["p_benefit_mcse"]) for r in (low, high)]
        outcomes = plural(len(signed), "outcome") + " with a direction of benefit"
        if ends[0] == ends[1]:
            reach = f"is {ends[0]} for all {outcomes}"
        else:
            reach = (
                f"runs from {ends[0]} ({outcome_name(study, str(low['outcome']))}) to {ends[1]} "
                f"over the {outcomes}"
            )
        sentences.append(f"{who}, {when}: the probability of benefit {reach}.")
    judged = signed[signed["p_benefit_gt_mcid"].notna()]
    if len(judged):
        parts = []
        for _, row in judged.iterrows():
            unit = str(study.outcomes["unit"][row["outcome"]])
            limit = mcid_text(row["mcid"], row["mcid_kind"], unit)
            p = chance(row["p_benefit_gt_mcid"], row["ess_bulk"])
            parts.append(f"{outcome_name(study, str(row['outcome']))} {p} (> {limit})")
        sentences.append(
            "The probability that the benefit exceeds the minimal clinically important "
            f"difference: {'; '.join(parts)}."
        )
    return sentences


def _reactions(results: ReanalysisResults, arm: str) -> list[str]:
    table = results.adverse
    if table.empty:
        return []
    part = table[(table["estimand"] == "risk_difference") & (table["arm"] == arm)]
    if "hierarchical" in set(part["model"]):
        part = part[part["model"] == "hierarchical"]
    order = [v for v in results.study.visits.index if v in set(part["visit"])]
    if not order:
        return []
    part = part[part["visit"] == order[-1]]
    names = []
    for reaction in dict.fromkeys(part["reaction"]):
        own = part[part["reaction"] == reaction]
        shown = [
            format_probability(p, error)
            for p, error in zip(own["p_benefit"], own["p_benefit_mcse"], strict=True)
        ]
        names.append(
            f"{reaction_label(str(reaction)).lower()} {listed(list(dict.fromkeys(shown)))}"
        )
    readings = [str(r).replace("_", " ") for r in dict.fromkeys(part["reading"])]
    how = f", reading the counts as {listed(readings)}" if len(readings) > 1 else ""
    return [
        (
            "The probability of fewer reactions at "
            f"{visit_name(results.study, str(order[-1]))}{how}: {'; '.join(names)}."
        )
    ]


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
