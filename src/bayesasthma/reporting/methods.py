"""How the numbers were made and how to make them again, from the fits' own records."""

from __future__ import annotations

import json
from typing import Any

from bayesasthma.errors import UsageError
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.event_groups import counted_once
from bayesasthma.inference.fitting import Fit
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.study.bundle import bundled_studies
from bayesasthma.study.study import Study

READINGS = {
    "per_visit": "each count is of new {events} at a visit",
    "cumulative": "each count is a running total, and its increments are modelled",
}
GROUPS = {
    "lower": " Only events of which fewer are better are pooled here.",
    "higher": " Only events of which more are better are pooled here.",
    "none": " Only events without a better direction are pooled here.",
}


BASELINES = {
    "common": (
        " The arms have one population mean at baseline: what they differ by there is sampling "
        "error (constrained longitudinal data analysis, Liang and Zeger 2000)."
    ),
    "free": " Each arm has its own population mean at baseline.",
}


def what_is_computed(results: ReanalysisResults) -> str:
    """What likelihood the report rests on, of means and SDs, of patients and of counts."""
    parts = []
    if results.table_fits and results.study.patients is not None:
        parts.append(
            "The likelihood is that of the patients' values; effects are computed from the "
            "posterior draws of the population means, SDs and correlations."
        )
    elif results.table_fits:
        parts.append(
            "The likelihood is the exact sampling distribution of the printed summaries of normal "
            "patients; nothing is simulated to stand in for them. Effects are computed from the "
            "posterior draws of the population means, SDs and correlations."
        )
    if results.adverse_fits:
        parts.append("Counts are binomial; their contrasts are computed from draws of the rates.")
    return " ".join(parts)


def fit_descriptions(results: ReanalysisResults) -> list[tuple[str, str]]:
    """Label and one paragraph per fit: model, prior, and the choices that matter."""
    described = [(fit.label, _table_fit(fit)) for fit in results.table_fits]
    return described + [(fit.label, _adverse_fit(fit)) for fit in results.adverse_fits]


def _table_fit(fit: Fit) -> str:
    spec = _record(fit.data.attrs).get("spec", {})
    parts = {
        "independent": "Each visit is analysed alone, with no pooling.",
        "longitudinal": (
            "Each outcome has one trajectory over the visits, treatment effects that share "
            "strength over follow-up, and correlated visits within a patient; the unseen sample "
            "correlations are integrated out of the exact likelihood of the printed means and SDs."
        ),
        "joint": (
            "As the longitudinal model, and all outcomes together: benefits are pooled within "
            "domains over visits, and the means of a patient's outcomes are correlated (a "
            "composite likelihood: the SDs of different outcomes are taken as independent)."
        ),
    }
    text = parts.get(fit.model, "")
    if isinstance(spec, dict):
        if spec.get("variance") == "common":
            text += " The arms share one SD at each visit."
        elif spec.get("variance") == "by_arm":
            text += " Each arm has its own SD."
        if "rounding" in spec:
            exact = "carry their rounding error" if spec["rounding"] else "are taken at face value"
            text += f" Printed numbers {exact}."
        text += BASELINES.get(fit.baseline, "")
        correlation = spec.get("correlation")
        if fit.model != "independent" and isinstance(correlation, dict):
            text += " " + _correlation(correlation)
    return f"{text} {_prior(fit.prior)}".strip()


def _correlation(spec: dict[str, Any]) -> str:
    if spec.get("rho") is not None:
        return f"The within-patient correlation is fixed at {spec['rho']:g}."
    return (
        f"Within-patient correlations are {str(spec['structure']).replace('_', ' + ')} with "
        f"logit(ρ) ~ Normal({spec['location']:g}, {spec['scale']:g}²)."
    )


def _adverse_fit(fit: AdverseFit) -> str:
    reactions = set(fit.study.event_directions.values()) <= {-1}
    events = "reactions" if reactions else "events"
    pooled = f"effects pooled over {events} and " if len(fit.counts.reactions) > 1 else ""
    kind = (
        f"Beta-binomial counts with {pooled}extra variation over visits"
        if fit.spec.model == "hierarchical"
        else "A conjugate beta posterior for every cell, in closed form"
    )
    reading = READINGS[fit.spec.reading].format(events=events)
    if counted_once(fit.study):
        reading = "every count is of patients seen once"
    prior = (
        "Prior Beta(1/2, 1/2) (Jeffreys)."
        if fit.spec.prior is None
        else _prior(fit.spec.prior_name)
    )
    group = GROUPS.get(fit.group, "") if pooled and fit.spec.model == "hierarchical" else ""
    return f"{kind}; {reading}.{group} {prior}"


def _prior(name: str) -> str:
    try:
        prior = prior_set(name)
    except UsageError:
        return f"Prior set “{name}”."
    return f"Prior set “{name}”: {prior.formula}. {prior.justification} ({prior.source}.)"


def _record(attrs: dict[Any, Any]) -> dict[str, Any]:
    try:
        record = json.loads(str(attrs.get("record", "{}")))
    except json.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


def bundle_argument(study: Study) -> str:
    """How a command names the study: a bundled one by its name, another by its folder."""
    return study.name if study.name in bundled_studies() else f"path/to/{study.name}"


def command(results: ReanalysisResults) -> str:
    """The command that makes this report again."""
    parts = [f"bayesasthma reanalyse {bundle_argument(results.study)}"]
    options = results.run.get("options", {})
    parts += [f"--{name} {options[name]}" for name in ("draws", "tune", "chains", "seed")
              if name in options]  # fmt: skip
    return " ".join(parts)
