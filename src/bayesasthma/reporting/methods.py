"""How the numbers were made and how to make them again, from the fits' own records."""

from __future__ import annotations

import json
from typing import Any

from bayesasthma.errors import UsageError
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import Fit
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.reporting.results import ReanalysisResults

READINGS = {
    "per_visit": "each count is of new reactions at a visit",
    "cumulative": "each count is a running total, and its increments are modelled",
}


BASELINES = {
    "common": (
        " The arms have one population mean at baseline: what they differ by there is sampling "
        "error (constrained longitudinal data analysis, Liang and Zeger 2000)."
    ),
    "free": " Each arm has its own population mean at baseline.",
}


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
    kind = (
        "Beta-binomial counts with effects pooled over reactions and extra variation over visits"
        if fit.spec.model == "hierarchical"
        else "A conjugate beta posterior for every cell, in closed form"
    )
    reading = READINGS.get(fit.spec.reading, fit.spec.reading)
    prior = (
        "Prior Beta(1/2, 1/2) (Jeffreys)."
        if fit.spec.prior is None
        else _prior(fit.spec.prior_name)
    )
    return f"{kind}; {reading}. {prior}"


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


def command(results: ReanalysisResults) -> str:
    """The command that makes this report again."""
    parts = [f"bayesasthma reanalyse {results.study.name}"]
    options = results.run.get("options", {})
    parts += [f"--{name} {options[name]}" for name in ("draws", "tune", "chains", "seed")
              if name in options]  # fmt: skip
    return " ".join(parts)
