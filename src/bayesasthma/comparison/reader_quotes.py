"""Statements under a reader's own prior: what `quote --prior "normal(…)"` and the page say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesasthma.comparison.event_quotes import READINGS
from bayesasthma.comparison.quotes import (
    baseline_clause,
    curve_sentence,
    decimals,
    no_mcid,
)
from bayesasthma.comparison.reweighting import CI_PROB, Answer, Quantity, Subject
from bayesasthma.inference.event_groups import counted_once
from bayesasthma.results.effect_table import DESCRIPTIONS
from bayesasthma.results.printed_digits import interval_mcse, rounded, supported_decimals
from bayesasthma.results.summaries import format_probability

if TYPE_CHECKING:
    from bayesasthma.comparison.normal_prior import NormalPrior
    from bayesasthma.inference.adverse_fits import AdverseFit
    from bayesasthma.inference.fitting import Fit
    from bayesasthma.specification_curve import Sensitivity

FAILS = " The fit FAILS its diagnostics gate; this number is quoted against advice."


@dataclass(frozen=True)
class Words:
    """The words of a statement that do not depend on prior, threshold or draws.

    Attributes
    ----------
    head : str
        What was estimated, of whom, when.
    benefit : str
        The name of P(benefit).
    no_mcid : str
        What is said where there is none; blank where none would be expected.
    model, fitted : str
        The model, and the prior set it was fitted with.
    prior_of : str
        What a prior of one's own is of, with its unit.
    how : str
        What else was assumed, beginning with a comma; may be blank.
    citation : str
    curve : str
        The sentence on the specification curve.
    """

    head: str
    benefit: str
    no_mcid: str
    model: str
    fitted: str
    prior_of: str
    how: str
    citation: str
    curve: str


def statement(
    words: Words,
    quantity: Quantity,
    found: Answer,
    prior: NormalPrior | None = None,
    threshold: float | str | None = None,
    *,
    reweighted: bool = True,
) -> str:
    """A statement that can be pasted as it stands.

    Parameters
    ----------
    words : Words
    quantity : Quantity
    found : Answer
        To this prior and threshold.
    prior : NormalPrior, optional
        The fitted one by default.
    threshold : float or "mcid", optional
    reweighted : bool
        Whether the draws are those of the fitted prior.
    """
    mean, low, high = printed(quantity, found)
    unit = f" {quantity.unit}" if quantity.unit else ""
    parts = [f"{words.head} {mean}{unit} ({100 * CI_PROB:g} % CrI {low} to {high})"]
    first = probability(found.p_benefit, found.ess_benefit)
    limit = limit_text(quantity, threshold)
    beyond = probability(found.p_beyond, found.ess_beyond)
    if quantity.sign:
        parts.append(f"P({words.benefit}) {first}")
        if limit:
            within = probability(found.p_within, found.ess_within)
            parts += [f"P(benefit > {limit}) {beyond}", f"P(|effect| < {limit}) {within}"]
        elif threshold == "mcid" and words.no_mcid:
            parts.append(words.no_mcid)
    else:
        parts.append(f"no direction is claimed as benefit; P({words.benefit}) {first}")
        if limit:
            against = probability(found.p_against, found.ess_against)
            parts += [f"P(higher by more than {limit}) {beyond}"]
            parts += [f"P(lower by more than {limit}) {against}"]
    if prior is None:
        which = f"prior {words.fitted}"
    else:
        own = f"Normal({prior.location:.6g}, {prior.scale:.6g}^2) of {words.prior_of}"
        which = f"prior {own}, by reweighting draws under {words.fitted}"
        which = which if reweighted else f"prior {own}"
    text = f"{'; '.join(parts)} (model {words.model}, {which}{words.how}; {words.citation})."
    if found.low < 0 < found.high:
        text += (
            f" The data are compatible with no effect, and with any from {low} to {high}{unit}: "
            "that they do not show one is no evidence that there is none."
        )
    if quantity.gate != "pass":
        text += FAILS
    return f"{text} {words.curve}"


def printed(quantity: Quantity, found: Answer) -> list[str]:
    """Mean and ends of the interval, with the digits that SD and Monte Carlo error support."""
    places = quantity.places
    if places is None:
        error = interval_mcse(found.sd, found.ess_ends, CI_PROB)
        places = supported_decimals(error, decimals(found.sd))
    return [rounded(value, places) for value in (found.mean, found.low, found.high)]


def probability(p: float, ess: float) -> str:
    """A probability with the digits that its Monte Carlo error carries."""
    if not np.isfinite(p):
        return "n/a"
    smoothed = (p * ess + 0.5) / (ess + 1)
    return format_probability(p, float(np.sqrt(smoothed * (1 - smoothed) / ess)))


def limit_text(quantity: Quantity, threshold: float | str | None) -> str:
    """A threshold as printed; blank if there is none."""
    if threshold is None or (threshold == "mcid" and not np.isfinite(quantity.mcid)):
        return ""
    if threshold == "mcid" and quantity.mcid_column:
        return f"{100 * quantity.mcid:g} %"
    value = quantity.mcid if threshold == "mcid" else float(threshold)
    return f"{value:g} {quantity.unit}".strip()


def outcome_words(
    fit: Fit, subject: Subject, quantity: Quantity, curve: Sensitivity | str
) -> Words:
    """The words of a statement about an outcome."""
    study: Any = fit.study
    meta = study.outcomes.loc[subject.name]
    arm, control = (study.arms.loc[own, "label"] for own in (quantity.arm, study.control))
    directed = bool(quantity.sign)
    unit = f" {quantity.unit}" if quantity.unit else ""
    row = {"outcome": subject.name, "arm": quantity.arm, "visit": quantity.visit}
    return Words(
        head=f"{meta['label']}, {study.visits.loc[quantity.visit, 'label']}, {arm} against "
        f"{control}: {DESCRIPTIONS[quantity.estimand]}",
        benefit="benefit" if directed else "higher",
        no_mcid=no_mcid(str(meta["mcid_source"])),
        model=fit.model,
        fitted=fit.prior,
        prior_of=("the benefit" if directed else "the effect")
        + " at each follow-up visit"
        + (f", in{unit}" if unit else ""),
        how=baseline_clause(pd.Series({**row, "estimand": quantity.estimand}), fit),
        citation=study.citation.rstrip("."),
        curve=curve_sentence(pd.Series(row), curve),
    )


def event_words(fit: AdverseFit, quantity: Quantity, curve: Sensitivity | str) -> Words:
    """The words of a statement about an event."""
    study: Any = fit.study
    label = quantity.estimand.replace("_", " ")
    arm, control = (study.arms.loc[own, "label"] for own in (quantity.arm, study.control))
    counts = study.adverse
    here = (counts["reaction"] == quantity.estimand) & (counts["visit"] == quantity.visit)
    cells = []
    for own in (quantity.arm, study.control):
        cell = counts[here & (counts["arm"] == own)].iloc[0]
        cells.append(f"{int(cell['events'])}/{int(cell['n'])}")
    row = {"outcome": quantity.estimand, "arm": quantity.arm, "visit": quantity.visit}
    names = {-1: "benefit: fewer", 1: "benefit: more", 0: "more"}
    return Words(
        head=f"{label[:1].upper()}{label[1:]}, {study.visits.loc[quantity.visit, 'label']}, {arm} "
        f"against {control} ({' against '.join(cells)}): risk difference",
        benefit=names[quantity.sign],
        no_mcid="",
        model=fit.spec.model,
        fitted=fit.spec.prior_name,
        prior_of="the log odds ratio of each event",
        how="" if counted_once(study) else f", {READINGS[fit.spec.reading]}",
        citation=study.citation.rstrip("."),
        curve=curve_sentence(pd.Series(row), curve, "reaction"),
    )
