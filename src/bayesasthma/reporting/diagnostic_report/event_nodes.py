"""The models of events written out: parameters, priors in numbers, and what they act on."""

from __future__ import annotations

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.models.adverse_counts import (
    JEFFREYS,
    LEVEL_LOCATION,
    LEVEL_SCALE,
    OVERDISPERSION,
    POOLING,
    log_odds_priors,
)
from bayesasthma.reporting.diagnostic_report.model_nodes import DATA, DERIVED, Node, normal


def event_nodes(fit: AdverseFit) -> list[Node]:
    """The nodes of a model of counts, parents before children."""
    spec = fit.spec
    if spec.prior is None:
        beta = f"Beta({JEFFREYS:g}, {JEFFREYS:g})"
        return [
            Node("rate", "event, visit, arm", beta, "chance of the event (Jeffreys' prior)"),
            Node("printed counts", "event, visit, arm", "Binomial(n, rate)",
                 "patients with the event", ("rate",), DATA),
        ]  # fmt: skip
    nodes = [
        Node("level", "event", normal(LEVEL_LOCATION, LEVEL_SCALE),
             "mean log odds of the event over all patients"),
        Node("pooling", "", f"Beta({POOLING[0]:g}, {POOLING[1]:g})",
             "share of the effects' variance that events have in common"),
    ]  # fmt: skip
    priors = log_odds_priors(fit.counts, spec.prior)
    if spec.prior.log_odds_family == "normal":
        location, scale = priors[0].location, priors[0].scale
        nodes += [
            Node("effect_common", "treated arm", normal(0, 1), "part common to events"),
            Node("effect_own", "event, treated arm", normal(0, 1), "part of one event"),
            Node("log odds ratio", "event, treated arm",
                 f"−({location:g} + {scale:g} (√pooling · common + √(1 − pooling) · own)); each by "
                 f"itself minus {normal(location, scale)}", "effect of the treatment",
                 ("effect_common", "effect_own", "pooling"), DERIVED),
        ]  # fmt: skip
        effect = "log odds ratio"
    else:
        nodes.append(Node("fewer", "treated arm, event", "by event as below; one component for all",
                          "minus the log odds ratio", ("pooling",)))  # fmt: skip
        effect = "fewer"
    return [
        *nodes,
        Node("arm_rate", "event, arm", "inverse logit of level and log odds ratio",
             "chance of the event in an arm", ("level", effect), DERIVED),
        Node("overdispersion", "", f"Beta({OVERDISPERSION[0]:g}, {OVERDISPERSION[1]:g})",
             "variation of visits about their arm's rate (intraclass correlation)"),
        Node("printed counts", "event, visit, arm", "BetaBinomial(n, arm_rate, overdispersion)",
             "patients with the event", ("arm_rate", "overdispersion"), DATA),
    ]  # fmt: skip


def event_priors(fit: AdverseFit) -> list[tuple[str, str]]:
    """Event and the prior of minus its log odds ratio, as text; none under Jeffreys' prior."""
    if fit.spec.prior is None:
        return []
    priors = log_odds_priors(fit.counts, fit.spec.prior)
    return [
        (name.replace("_", " "), prior.describe())
        for name, prior in zip(fit.counts.reactions, priors, strict=True)
    ]
