"""Registry of named prior sets: formula, justification and source of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bayesasthma.errors import UsageError
from bayesasthma.priors._prior_files import read_prior
from bayesasthma.priors.distributions import (
    FALLBACK_TARGET_SD,
    TARGET_LOG_ODDS_RATIO,
    Z95,
    Component,
    EffectPrior,
    PriorSet,
)
from bayesasthma.study.study import Study

__all__ = [
    "DEFAULT_EXTERNAL_WEIGHT",
    "FALLBACK_TARGET_SD",
    "TARGET_LOG_ODDS_RATIO",
    "Z95",
    "Component",
    "EffectPrior",
    "PriorSet",
    "check_names",
    "prior_names",
    "prior_set",
    "registry",
]

#: Weight of external evidence in ``external``; ``external:W`` asks for another.
DEFAULT_EXTERNAL_WEIGHT = 0.5

_SPIEGELHALTER = "Spiegelhalter, Freedman and Parmar 1994, J R Stat Soc A 157:357"

_ALL = (
    PriorSet(
        "reference",
        "p(mu, log sigma) constant for every cell; log OR ~ Normal(0, 10^2)",
        "Lets the printed numbers speak alone. With one SD over both arms the posterior of a "
        "difference is the Student t distribution, with one SD per arm Behrens-Fisher.",
        "Jeffreys 1961, Theory of Probability; Gelman et al. 2013, Bayesian Data Analysis, 3.2",
        log_odds_scale=10.0,
        flat=True,
    ),
    PriorSet(
        "weak",
        "benefit at each follow-up visit ~ Normal(0, 2^2) baseline SDs; log OR ~ Normal(0, 1.5^2)",
        "Leaves effects up to four baseline SDs, and odds ratios from 1/19 to 19, within 95 %; "
        "rules out only what hardly any treatment does. Follow-up visits share strength.",
        "Gelman et al. 2008, Ann Appl Stat 2:1360 (weakly informative priors)",
        effect_scale=2.0,
        log_odds_scale=1.5,
    ),
    PriorSet(
        "sceptical",
        "benefit ~ Normal(0, (MCID/1.645)^2); log OR ~ Normal(0, (log 2/1.645)^2)",
        "A sceptic: no effect is the best guess, and a benefit beyond the MCID (odds halved) has a "
        "prior chance of 5 %.",
        _SPIEGELHALTER,
    ),
    PriorSet(
        "enthusiastic",
        "benefit ~ Normal(MCID, (MCID/1.645)^2); log OR ~ Normal(-log 2, (log 2/1.645)^2)",
        "An enthusiast: the MCID (odds halved) is the best guess; harm has a prior chance of 5 %.",
        _SPIEGELHALTER,
        centre="target",
    ),
    PriorSet(
        "pessimistic",
        "benefit ~ Normal(-MCID, (MCID/1.645)^2); log OR ~ Normal(log 2, (log 2/1.645)^2)",
        "The enthusiast's mirror: harm of the MCID's size (odds doubled) is the best guess; "
        "benefit has a prior chance of 5 %. How much evidence would turn a pessimist?",
        f"{_SPIEGELHALTER}, with the sign reversed",
        centre="minus_target",
    ),
    PriorSet(
        "empirical",
        "benefit ~ t(0, 0.38, df 6) baseline SDs; log OR ~ t(0, 0.37, df 2)",
        "How large effects have been in meta-analyses of trials of airways disease: the "
        "distribution fitted to the standardised mean differences, and to the log odds ratios, of "
        "the Airways reviews in the Cochrane Database.",
        "Bartos et al. 2021, Stat Med 40:6743 (doi 10.1002/sim.9170) for mean differences; Bartos "
        "et al. 2023 (arXiv:2306.11468) for odds ratios",
        effect_scale=0.38,
        log_odds_scale=0.37,
        effect_df=6.0,
        log_odds_df=2.0,
    ),
    PriorSet(
        "external",
        "benefit ~ 0.5 Normal(external estimate, external SE^2) + 0.5 Normal(0, 2^2) baseline SDs, "
        "where external.csv has an estimate; else as weak. log OR likewise, with Normal(0, 1.5^2)",
        "What another trial found, as a robust mixture: the second part takes over where the study "
        "contradicts it. Outcomes and reactions without external evidence use weak alone.",
        "Schmidli et al. 2014, Biometrics 70:1023 (robust mixtures); estimates: external.csv of "
        "the study",
        effect_scale=2.0,
        log_odds_scale=1.5,
        external_weight=DEFAULT_EXTERNAL_WEIGHT,
    ),
)


def registry() -> tuple[PriorSet, ...]:
    """The named sets, in the order reports use."""
    return _ALL


def prior_names() -> tuple[str, ...]:
    """Names in the registry, in the order reports use."""
    return tuple(prior.name for prior in _ALL)


def prior_set(name: str | Path) -> PriorSet:
    """A prior set by name or from a file.

    Parameters
    ----------
    name : str or Path
        A name of the registry; ``external:W`` with the weight ``W`` of external evidence between 0
        and 1; or the path of a TOML file, see :func:`bayesasthma.priors._prior_files.read_prior`.

    Raises
    ------
    UsageError
        If there is no such set, the weight is no share, or the file is faulty.
    """
    text = str(name)
    if text.endswith(".toml"):
        return read_prior(text, reserved=prior_names())
    head, colon, weight = text.partition(":")
    for prior in _ALL:
        if prior.name == head and (not colon or head == "external"):
            return _weighted(prior, weight, text) if colon else prior
    raise UsageError(
        f"unknown prior set {text!r}; there are {', '.join(prior_names())}, external:WEIGHT and "
        "TOML files of your own"
    )


def check_names(prior: PriorSet, study: Study) -> None:
    """Check that the outcomes and reactions a set names are the study's.

    Raises
    ------
    UsageError
        If one is not.
    """
    kinds = (
        ("outcome", prior.effects, list(study.outcomes.index)),
        ("reaction", prior.log_odds_ratios, list(dict.fromkeys(study.adverse["reaction"]))),
    )
    for kind, given, known in kinds:
        for item in given:
            if item.of and item.of not in known:
                raise UsageError(
                    f"the prior set {prior.name!r} names the {kind} {item.of!r}; the study "
                    f"{study.name!r} has {', '.join(map(str, known)) or 'none'}"
                )


def _weighted(prior: PriorSet, weight: str, text: str) -> PriorSet:
    try:
        share = float(weight)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r}: write external:WEIGHT with a weight between 0 and 1")
    if share == DEFAULT_EXTERNAL_WEIGHT:
        return prior
    formula = prior.formula.replace("0.5 Normal(external", f"{share:g} Normal(external").replace(
        "+ 0.5 Normal(0", f"+ {1 - share:g} Normal(0"
    )
    return replace(prior, name=f"external:{share:g}", formula=formula, external_weight=share)
