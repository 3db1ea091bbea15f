"""Footnotes that several tables share: what an interval, a prior and a probability stand for."""

from __future__ import annotations

import pandas as pd

from bayesasthma.comparison.quotes import NONE_ESTABLISHED, NONE_GIVEN, no_mcid
from bayesasthma.errors import UsageError
from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.reporting.journal.layout import NOT_QUOTED
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import listed, mcid_text
from bayesasthma.study.study import Study

SPREADS = "Means are ± SD unless marked otherwise, in the digits that the paper prints."
DIGITS = (
    "Effects and their intervals are given to two digits of the posterior SD, probabilities to the "
    "digits that their Monte Carlo error carries."
)
ABBREVIATED = (
    "CrI, credible interval; MCID, minimal clinically important difference; P, posterior "
    "probability; SD, standard deviation."
)
WITHHELD = (
    f"“{NOT_QUOTED}”: the fit or this quantity failed the diagnostics gate, and its numbers should "
    "not be relied on."
)


def prior_in_words(name: str, *, events: bool = False) -> str:
    """Name of a prior set and its formula for means, or for events.

    The name alone of a set that is not in the registry.
    """
    try:
        parts = (
            pretty_unit(prior_set(name).formula).replace(" ~ ", " \N{TILDE OPERATOR} ").split("; ")
        )
    except UsageError:
        return f"prior set “{name}”"
    own = [part for part in parts if ("log OR" in part) == events]
    return f"prior set “{name}” ({'; '.join(own or parts)})"


def interval_in_words(prob: float) -> str:
    """What an interval of posterior draws is."""
    return f"posterior mean and {100 * prob:g} % equal-tailed credible interval (CrI)"


def sized(study: Study, arm: str) -> str:
    """Label of an arm with its number of patients."""
    gap = "\N{NO-BREAK SPACE}"
    return f"{arm_name(study, arm)} (n{gap}={gap}{study.arms['n'][arm]:.0f})"


def contrast(study: Study, arm: str) -> str:
    """``A less B``: what a difference is between."""
    return f"{arm_name(study, arm)} less {arm_name(study, study.control)}"


def benefit_note(study: Study, outcomes: list[str]) -> str:
    """What P(benefit) is and is not, and which direction is a benefit of which outcome."""
    signs = study.outcomes["direction"]
    parts = []
    for sign, word in ((1, "higher"), (-1, "lower")):
        names = [outcome_name(study, k) for k in outcomes if signs[k] == sign]
        if names:
            parts.append(f"{word} is better for {listed(names)}")
    text = (
        "Probability, given the printed tables, the model and the prior, that the effect on the "
        "mean is in the direction of benefit"
    )
    text += f" ({'; '.join(parts)})." if parts else "."
    text += (
        " It is not one minus a p-value, nor the share of patients who benefit, and it knows "
        "nothing of bias in the study’s design."
    )
    none = [outcome_name(study, k) for k in outcomes if signs[k] == 0]
    if none:
        text += (
            f" No direction is claimed as a benefit for {listed(none)}: P(higher mean) is given."
        )
    return text


def mcid_note(study: Study, outcomes: list[str]) -> str:
    """The MCIDs with their sources, and the outcomes that have none."""
    meta = study.outcomes.loc[outcomes]
    parts, without = [], {NONE_ESTABLISHED: [], NONE_GIVEN: []}  # type: ignore[var-annotated]
    for outcome, row in meta.iterrows():
        name = outcome_name(study, str(outcome))
        size = mcid_text(row["mcid"], row["mcid_kind"], str(row["unit"]))
        if size:
            if row["mcid_kind"] == "relative":
                size += " of the control arm’s mean"
            source = "" if pd.isna(row["mcid_source"]) else str(row["mcid_source"]).strip()
            parts.append(f"{name} {size} ({source or 'source not given'})")
        elif row["direction"] != 0:
            without[no_mcid(str(row["mcid_source"]))].append(name)
    text = "Probability of a benefit larger than the MCID"
    text += f": {'; '.join(parts)}." if parts else "."
    for words, names in without.items():
        if names:
            verb = "established" if words == NONE_ESTABLISHED else "given"
            text += f" None is {verb} for {listed(names)}."
    return f"{text} An MCID is a convention about one patient, held here against a mean."


def allocation(study: Study) -> tuple[str, ...]:
    """The caution that a study without randomisation needs."""
    if study.randomised:
        return ()
    return (
        (
            "Patients were not allocated at random: a difference between the arms may come from "
            "who was treated how."
        ),
    )


def sources(results: ReanalysisResults, *, computed: bool = True) -> tuple[str, ...]:
    """Where the printed numbers are from, and what computed the others."""
    study, run = results.study, results.run
    text = f"Printed numbers: {study.citation.strip().rstrip('.')}."
    if computed:
        version = run.get("versions", {}).get("bayesasthma", "")
        text += f" Computed with {f'bayesasthma {version}'.strip()}"
        text += f", seed {run['seed']}." if "seed" in run else "."
    return (text,)
