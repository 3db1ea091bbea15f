"""Quotes under a reader's own prior: by reweighting the draws there are, else by refitting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from bayesasthma.comparison.event_quotes import risk
from bayesasthma.comparison.explorable import ESTIMANDS, PERCENT, event_subject, outcome_subject
from bayesasthma.comparison.quotes import gate_refusal, size
from bayesasthma.comparison.reader_quotes import (
    Words,
    event_words,
    outcome_words,
    statement,
)
from bayesasthma.comparison.reverse_bayes import REFITTED, REWEIGHTED
from bayesasthma.comparison.reweighting import Answer, Quantity, Subject, answer
from bayesasthma.errors import UsageError
from bayesasthma.priors.distributions import EffectPrior, OwnPrior, PriorSet
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects, headlines

if TYPE_CHECKING:
    from bayesasthma.comparison.normal_prior import NormalPrior
    from bayesasthma.inference.adverse_fits import AdverseFit
    from bayesasthma.inference.fitting import Fit
    from bayesasthma.models.specification import TableSpec
    from bayesasthma.specification_curve import Sensitivity
    from bayesasthma.study.study import Study

COLUMNS = [
    "outcome", "arm", "visit", "estimand", "gate", "statement",
    "prior", "method", "pareto_k", "effective_draws",
]  # fmt: skip

#: Name of a prior set made of a reader's prior.
READER = "reader"

#: A fit of one outcome under another specification.
RefitOutcome = Callable[[str, "TableSpec"], "Fit"]
#: The fits of all events under another prior.
RefitEvents = Callable[["NormalPrior"], Sequence["AdverseFit"]]


def prior_set_of(prior: NormalPrior, base: PriorSet, outcome: str) -> PriorSet:
    """A prior set that says of one outcome what the reader says, of others what ``base`` does."""
    own = OwnPrior(EffectPrior.normal(prior.location, prior.scale), prior.unit, outcome)
    return replace(
        base,
        name=READER,
        formula=f"benefit of {outcome}: {prior}; all else as {base.name}",
        justification="Given by the reader.",
        source="the reader",
        external_weight=None,
        effects=(*(item for item in base.effects if item.of != outcome), own),
    )


def event_prior_file(prior: NormalPrior) -> str:
    """A prior file (TOML) that says of every event's log odds ratio what the reader says."""
    return (
        f'name = "{READER}"\njustification = "Given by the reader."\n\n[log_odds_ratio]\n'
        f"location = {prior.location!r}\nscale = {prior.scale!r}\n"
    )


def quote_outcomes(
    fit: Fit,
    prior: NormalPrior,
    outcomes: Iterable[str],
    *,
    spec: TableSpec,
    visit: str | None = None,
    estimand: str | None = None,
    threshold: float | str | None = None,
    despite_gate: bool = False,
    curve: Sensitivity | str = "no specification curve has been run",
    refit: RefitOutcome | None = None,
) -> pd.DataFrame:
    """Statements about outcomes under a prior of the reader's own.

    Parameters
    ----------
    fit : Fit
        Of the longitudinal model.
    prior : NormalPrior
        Of the benefit of each outcome at each follow-up visit, in place of the fitted one.
    outcomes : iterable of str
    spec : TableSpec
        What was fitted.
    visit, estimand : str, optional
        By default the last visit, and the headline, of each outcome.
    threshold : float or "mcid", optional
        In the outcome's unit; its MCID by default.
    despite_gate : bool
        Quote even where the diagnostics gate fails; the statement then says so.
    curve : Sensitivity or str
        As :func:`bayesasthma.comparison.quotes.quote` takes it.
    refit : callable, optional
        Asked where reweighting cannot be relied on.

    Returns
    -------
    DataFrame
        ``outcome, arm, visit, estimand, gate, statement``, and ``prior, method, pareto_k,
        effective_draws``.

    Raises
    ------
    UsageError
        If a visit or estimand is not there, the threshold is no number above 0, or reweighting
        cannot be relied on and there is no ``refit``.
    GateError
        If the fit fails its gate and ``despite_gate`` is false.
    """
    asked = size("threshold", threshold)
    limit = "mcid" if threshold in (None, "mcid") else asked
    names = list(outcomes)
    rows: list[dict[str, object]] = []
    table = effects(fit, estimands=ESTIMANDS)
    for name in names:
        subject = outcome_subject(fit, name, table, spec)
        chosen = _chosen(subject, visit, estimand or headlines(fit)[name], fit.study)
        found = [answer(subject, own, prior, limit) for own in chosen]
        method, source = REWEIGHTED, subject
        if not all(item.reliable for item in found):
            if refit is None:
                raise _unreliable(name, prior, found)
            own_spec = replace(spec, prior=prior_set_of(prior, spec.prior, name))
            refitted = refit(name, own_spec)
            again = effects(refitted, estimands=ESTIMANDS)
            method, source = REFITTED, outcome_subject(refitted, name, again, own_spec)
            chosen = _chosen(source, visit, estimand or headlines(fit)[name], fit.study)
            found = [answer(source, own, None, limit) for own in chosen]
        for quantity, item in zip(chosen, found, strict=True):
            words = outcome_words(fit, source, quantity, curve)
            rows.append(_row(source, quantity, item, words, prior, limit, method, name))
    return _gated(rows, fit.label, fit.gate.failures, despite_gate=despite_gate)


def quote_events_under(
    fits: Sequence[AdverseFit],
    prior: NormalPrior,
    events: Iterable[str],
    *,
    visit: str | None = None,
    threshold: float | str | None = None,
    despite_gate: bool = False,
    curve: Sensitivity | str = "no specification curve has been run",
    refit: RefitEvents | None = None,
) -> pd.DataFrame:
    """Statements about events under a prior of the log odds ratio of each; a row per reading.

    Parameters and errors are those of :func:`quote_outcomes`; the threshold is a difference in risk
    between 0 and 1.
    """
    asked = risk("threshold", threshold)
    limit = None if asked is None else PERCENT * asked
    names = list(events)
    pooled = [own for own in fits if own.spec.model == "hierarchical"]
    rows: list[dict[str, object]] = []
    for fit in pooled:
        here = [name for name in names if name in fit.counts.reactions]
        if not here:
            continue
        subject = event_subject(fit, adverse_effects(fit))
        chosen = [own for name in here for own in _chosen(subject, visit, name, fit.study)]
        found = [answer(subject, own, prior, limit) for own in chosen]
        method, source = REWEIGHTED, subject
        if not all(item.reliable for item in found):
            if refit is None:
                raise _unreliable(here[0], prior, found)
            again = next(
                own
                for own in refit(prior)
                if own.spec.model == "hierarchical"
                and (own.spec.reading, own.group) == (fit.spec.reading, fit.group)
            )
            method, source = REFITTED, event_subject(again, adverse_effects(again))
            chosen = [own for name in here for own in _chosen(source, visit, name, fit.study)]
            found = [answer(source, own, None, limit) for own in chosen]
        for quantity, item in zip(chosen, found, strict=True):
            words = event_words(fit, quantity, curve)
            own_row = _row(source, quantity, item, words, prior, limit, method, quantity.estimand)
            rows.append(own_row | {"estimand": "risk_difference"})
    if not rows:
        raise UsageError("no hierarchical model of these events has been fitted")
    return _gated(rows, pooled[0].label, pooled[0].gate.failures, despite_gate=despite_gate)


def _chosen(subject: Subject, visit: str | None, estimand: str, study: Study) -> list[Quantity]:
    """The quantities asked for: of each arm the one at that visit, or at its last."""
    own = [item for item in subject.quantities if item.estimand == estimand]
    if not own:
        known = ", ".join(dict.fromkeys(item.estimand for item in subject.quantities))
        raise UsageError(
            f"{subject.name}: a prior of your own is of the treatment effect and cannot be put to "
            f"{estimand!r}; there are {known}"
        )
    order = list(study.visits.index)
    if visit is None:
        last = {item.arm: item for item in sorted(own, key=lambda x: order.index(x.visit))}
        return list(last.values())
    found = [item for item in own if item.visit == visit]
    if not found:
        known = ", ".join(dict.fromkeys(item.visit for item in own))
        raise UsageError(f"{subject.name}: no visit {visit!r} for {estimand}; there are {known}")
    return found


def _unreliable(name: str, prior: NormalPrior, found: Sequence[Answer]) -> UsageError:
    k, ess = max(item.pareto_k for item in found), min(item.ess for item in found)
    return UsageError(
        f"{name}: the draws do not reach the prior {prior} (Pareto k {k:.2f}, {ess:.0f} effective "
        "draws); it takes a refit"
    )


def _row(
    subject: Subject,
    quantity: Quantity,
    found: Answer,
    words: Words,
    prior: NormalPrior,
    limit: float | str | None,
    method: str,
    name: str,
) -> dict[str, object]:
    own = subject.in_own_unit(prior)
    text = statement(words, quantity, found, own, limit, reweighted=method == REWEIGHTED)
    return {
        "outcome": name,
        "arm": quantity.arm,
        "visit": quantity.visit,
        "estimand": quantity.estimand,
        "gate": quantity.gate,
        "statement": text,
        "prior": str(own),
        "method": method,
        "pareto_k": found.pareto_k if method == REWEIGHTED else float("nan"),
        "effective_draws": found.ess,
    }


def _gated(
    rows: list[dict[str, object]], label: str, failures: Sequence[str], *, despite_gate: bool
) -> pd.DataFrame:
    failed = [row for row in rows if row["gate"] != "pass"]
    if failed and not despite_gate:
        reasons = "; ".join(failures) or "its effective sample size or R-hat"
        raise gate_refusal(len(failed), len(rows), label, reasons)
    return pd.DataFrame(rows)[COLUMNS]
