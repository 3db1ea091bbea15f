"""Outcomes and events that can be explored: draws, words and priors to start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesasthma.comparison.explorable import event_subject, outcome_subject, why_not
from bayesasthma.comparison.normal_prior import (
    PER_LOG_ODDS,
    NormalPrior,
    rounded,
    zampieri_presets,
)
from bayesasthma.comparison.reader_quotes import Words, event_words, outcome_words
from bayesasthma.errors import UsageError
from bayesasthma.models.design import design
from bayesasthma.models.moments import effect_priors
from bayesasthma.models.specification import TableSpec
from bayesasthma.plots.style import pretty_unit, reaction_label
from bayesasthma.priors.distributions import TARGET_LOG_ODDS_RATIO
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.reporting.packed_draws import packed
from bayesasthma.reporting.tables import main_fit
from bayesasthma.study.external_evidence import outcome_evidence, reaction_evidence

if TYPE_CHECKING:
    from bayesasthma.comparison.reweighting import Quantity, Subject
    from bayesasthma.reporting.results import ReanalysisResults
    from bayesasthma.specification_curve import Sensitivity
    from bayesasthma.study.study import Study

#: Registry sets that are one normal distribution of each effect.
REGISTRY = ("weak", "sceptical", "enthusiastic", "pessimistic")
READING_NAMES = {"per_visit": "new at each visit", "cumulative": "since the start"}
#: What the prior of an event is of.
LOG_ODDS = "log odds ratio"


@dataclass(frozen=True)
class Preset:
    """A prior to start from."""

    group: str
    label: str
    prior: NormalPrior


@dataclass(frozen=True)
class Entry:
    """What a reader chooses first: an outcome, or an event under a reading of its counts.

    ``subject`` holds the page's own draws, thinned and rounded as they are packed.
    """

    id: str
    label: str
    group: str
    subject: Subject
    quantities: tuple[Quantity, ...]
    words: tuple[Words, ...]
    prior_unit: str
    presets: tuple[Preset, ...]
    headline: Quantity


def outcome_entries(results: ReanalysisResults, curve: Sensitivity | str) -> list[Entry]:
    """The outcomes of the main fit; none if no other prior can be put to it."""
    fit, study = main_fit(results), results.study
    if fit is None or why_not(fit):
        return []
    table = results.effects
    table = table[(table["model"] == fit.model) & (table["prior"] == fit.prior)]
    found = []
    for name in map(str, fit.moments["outcome"].to_numpy()):
        subject = packed(outcome_subject(fit, name, table), fit.data["posterior"].sizes["chain"])
        quantities = _distinct(subject)
        if not quantities:
            continue
        words = tuple(outcome_words(fit, subject, own, curve) for own in quantities)
        unit = quantities[0].unit
        signed = subject.prior_sign if quantities[0].sign else 0
        found.append(
            Entry(
                id=name,
                label=str(study.outcomes["label"][name]),
                group="Outcomes",
                subject=subject,
                quantities=quantities,
                words=words,
                prior_unit=f"{pretty_unit(unit)}{' of benefit' if signed else ''}".strip(),
                presets=tuple(_outcome_presets(study, subject, signed)),
                headline=_last(study, quantities),
            )
        )
    return found


def event_entries(results: ReanalysisResults, curve: Sensitivity | str) -> list[Entry]:
    """The events of the hierarchical fits, under each reading of the counts."""
    study, found = results.study, []
    for fit in results.adverse_fits:
        if fit.spec.model != "hierarchical":
            continue
        table = results.adverse
        table = table[(table["model"] == "hierarchical") & (table["reading"] == fit.spec.reading)]
        table = table[table["reaction"].isin(fit.counts.reactions)]
        try:
            whole = event_subject(fit, table)
        except UsageError:
            continue
        subject = packed(whole, fit.data["posterior"].sizes["chain"])
        several = len({own.spec.reading for own in results.adverse_fits}) > 1
        reading = READING_NAMES[fit.spec.reading]
        for event in fit.counts.reactions:
            own = tuple(item for item in subject.quantities if item.estimand == event)
            if not own:
                continue
            sign = own[0].sign
            found.append(
                Entry(
                    id=f"{event}.{fit.spec.reading}" if several else event,
                    label=reaction_label(event),
                    group=f"Events, counts read as {reading}" if several else "Events",
                    subject=subject,
                    quantities=own,
                    words=tuple(event_words(fit, item, curve) for item in own),
                    prior_unit=LOG_ODDS,
                    presets=tuple(_event_presets(study, event, sign)),
                    headline=_last(study, own),
                )
            )
    return found


def _distinct(subject: Subject) -> tuple[Quantity, ...]:
    """Quantities without those that equal another of their visit, such as under equal baselines."""
    kept: list[Quantity] = []
    for own in subject.quantities:
        values = subject.values(own)
        same = [
            other
            for other in kept
            if (other.arm, other.visit) == (own.arm, own.visit)
            and np.allclose(subject.values(other), values, rtol=0, atol=1e-3 * values.std())
        ]
        if not same:
            kept.append(own)
    return tuple(kept)


def _last(study: Study, quantities: Sequence[Quantity]) -> Quantity:
    """The headline of the first arm at its last visit."""
    first = quantities[0]
    same = [q for q in quantities if (q.arm, q.estimand) == (first.arm, first.estimand)]
    order = list(study.visits.index)
    return max(same, key=lambda own: order.index(own.visit))


def _outcome_presets(study: Study, subject: Subject, signed: int) -> list[Preset]:
    layout = design(study, [subject.name])
    found = []
    for name in REGISTRY:
        (own,) = effect_priors(layout, TableSpec("longitudinal", prior_set(name)))
        if not signed and name in ("enthusiastic", "pessimistic"):
            continue  # without a direction they are the sceptical one
        scaled = own.times(subject.prior_sign * subject.sd_unit)
        found.append(
            Preset("Prior sets of this package", name,
                   rounded(NormalPrior(scaled.location, scaled.scale)))
        )  # fmt: skip
    if (evidence := outcome_evidence(study, subject.name)) is not None:
        location = subject.prior_sign * evidence[0] if signed else evidence[0]
        prior_of = rounded(NormalPrior(location, evidence[1]))
        found.append(Preset("Earlier studies", "external evidence alone", prior_of))
    group = "Zampieri et al. 2021"
    for label, prior in zampieri_presets(subject.mcid_unit, PER_LOG_ODDS * subject.sd_unit):
        if signed or label.startswith("sceptical"):
            found.append(Preset(group, label, prior))
    return found


def _event_presets(study: Study, event: str, sign: int) -> list[Preset]:
    found = []
    for name in REGISTRY:
        own = prior_set(name).log_odds().times(-1.0)
        if sign == 0 and own.location:
            continue
        location = own.location if sign <= 0 else -own.location
        found.append(
            Preset("Prior sets of this package", name, rounded(NormalPrior(location, own.scale)))
        )
    if (evidence := reaction_evidence(study, event)) is not None:
        prior = rounded(NormalPrior(-evidence[0], evidence[1]))
        found.append(Preset("Earlier studies", "external evidence alone", prior))
    for label, prior in zampieri_presets(TARGET_LOG_ODDS_RATIO, 1.0, float(sign or 1)):
        if sign or label.startswith("sceptical"):
            found.append(Preset("Zampieri et al. 2021", label, prior))
    return found
