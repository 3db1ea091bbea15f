"""Pooled reactions: posterior, effect in a new study, and the classical analyses beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.errors import UsageError
from bayesasthma.frequentist.meta_analysis import log_odds_ratios, mantel_haenszel, meta_analysis
from bayesasthma.inference.event_groups import DIRECTION_NAMES, oriented
from bayesasthma.inference.fitting import silent
from bayesasthma.inference.sampling import Progress
from bayesasthma.priors.distributions import EffectPrior, PriorSet
from bayesasthma.priors.heterogeneity import SMD, HeterogeneityPrior, heterogeneity_prior
from bayesasthma.results.pooled_events import GridMixture, PooledEvent, pooled_event
from bayesasthma.results.shared_events import SharedEvent
from bayesasthma.study.external_evidence import Z975

#: Prior of the heterogeneity of log odds ratios: adverse events, drugs against placebo or control.
DEFAULT_EVENT_HETEROGENEITY = "turner-adverse-events-drug-control"
#: Columns of `pooled_events.csv`.
EVENTS = [
    "reaction", "direction", "n_studies", "n_patients", "n_events",
    "mean", "sd", "q025", "q975", "or_median", "or_q025", "or_q975", "p_benefit", "p_positive",
    "predictive_or_median", "predictive_or_q025", "predictive_or_q975", "p_benefit_new",
    "tau_mean", "tau_median", "tau_q025", "tau_q975",
    "mh_or", "mh_low", "mh_high", "reml_or", "reml_low", "reml_high", "reml_tau", "reml_studies",
    "prior", "heterogeneity_prior",
]  # fmt: skip
#: Columns of `pooled_events_studies.csv`.
EVENT_STUDIES = [
    "reaction", "study", "visit", "week", "arms",
    "control_events", "control_n", "treated_events", "treated_n",
    "woolf_or", "woolf_low", "woolf_high", "woolf_corrected",
    "mean", "sd", "q025", "q975", "or_median", "or_q025", "or_q975", "p_benefit",
]  # fmt: skip


def event_heterogeneity(text: str) -> HeterogeneityPrior:
    """A prior of the heterogeneity of log odds ratios, by name or formula.

    Raises
    ------
    UsageError
        If there is none, or the registry has it for standardised mean differences.
    """
    prior = heterogeneity_prior(text)
    if prior.scale == SMD:
        raise UsageError(
            f"the heterogeneity prior {prior.name!r} is of standardised mean differences; "
            "reactions take one of log odds ratios, or a formula"
        )
    return prior


def log_odds_ratio_prior(event: SharedEvent, prior: PriorSet) -> EffectPrior:
    """Prior of the mean log odds ratio (positive: more events under treatment).

    Raises
    ------
    UsageError
        If the set draws on one study's external evidence.
    """
    if prior.external_weight is not None:
        raise UsageError(
            f"the prior set {prior.name!r} draws on the external evidence of one study; pool that "
            "with the others, or give a TOML file"
        )
    return oriented(prior, event.direction).log_odds(event.reaction).times(-1.0)


def pool_events(
    events: Sequence[SharedEvent],
    prior: PriorSet,
    heterogeneity: HeterogeneityPrior,
    progress: Progress = silent,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pool every event over its studies; by quadrature, so that the numbers have no sampling error.

    Parameters
    ----------
    events : sequence of SharedEvent
    prior : PriorSet
        Of the mean effect.
    heterogeneity : HeterogeneityPrior
        Of the SD of log odds ratios between studies.
    progress : callable
        Receives one line per event.

    Returns
    -------
    DataFrame
        The columns of ``pooled_events.csv``; see ``docs/columns.md``.
    DataFrame
        The columns of ``pooled_events_studies.csv``.
    """
    own_priors = [log_odds_ratio_prior(event, prior) for event in events]
    rows: list[dict[str, Any]] = []
    studies: list[dict[str, Any]] = []
    for event, own_prior in zip(events, own_priors, strict=True):
        found = pooled_event([own.counts for own in event.studies], own_prior, heterogeneity)
        rows.append(
            _event_row(event, found)
            | classical(event)
            | {"prior": prior.name, "heterogeneity_prior": heterogeneity.name}
        )
        studies += _study_rows(event, found)
        progress(f"{event.reaction}: odds ratio pooled over {len(event.studies)} studies")
    return pd.DataFrame(rows, columns=EVENTS), pd.DataFrame(studies, columns=EVENT_STUDIES)


def classical(event: SharedEvent) -> dict[str, float]:
    """Odds ratio of Mantel and Haenszel, and that of REML with the interval of HKSJ.

    NaN where a method has no answer. REML takes studies with an event in one arm and a patient
    without in another; an empty cell is ½.
    """
    found = dict.fromkeys(("mh_or", "mh_low", "mh_high", "reml_or", "reml_low", "reml_high",
                           "reml_tau"), np.nan)  # fmt: skip
    treated, n_treated, control, n_control = _cells(event)
    try:
        estimate, _, low, high = mantel_haenszel(treated, n_treated, control, n_control)
    except UsageError:
        pass  # no arm beside another has an event
    else:
        found |= _exp({"mh_or": estimate, "mh_low": low, "mh_high": high})
    each = log_odds_ratios(treated, n_treated, control, n_control)
    known = np.isfinite(each.se)
    found["reml_studies"] = int(known.sum())
    if known.sum() > 1:
        pooled = meta_analysis(each.estimate[known], each.se[known])
        found |= _exp({"reml_or": pooled.estimate, "reml_low": pooled.ci_low,
                       "reml_high": pooled.ci_high})  # fmt: skip
        found["reml_tau"] = pooled.tau
    return found


def _cells(event: SharedEvent) -> list[list[int]]:
    """Events and patients of the treated, then of the control arms."""
    counts = [own.counts for own in event.studies]
    return [[own.events[1] for own in counts], [own.n[1] for own in counts],
            [own.events[0] for own in counts], [own.n[0] for own in counts]]  # fmt: skip


def _exp(values: dict[str, float]) -> dict[str, float]:
    return {name: float(np.exp(value)) for name, value in values.items()}


def _event_row(event: SharedEvent, found: PooledEvent) -> dict[str, Any]:
    counts, new, tau = [own.counts for own in event.studies], found.predictive, found.heterogeneity
    quantiles = {p: new.quantile(p) for p in (0.025, 0.5, 0.975)}
    return (
        {
            "reaction": event.reaction,
            "direction": DIRECTION_NAMES[event.direction],
            "n_studies": len(counts),
            "n_patients": sum(sum(own.n) for own in counts),
            "n_events": sum(sum(own.events) for own in counts),
            "p_positive": 1 - found.mean.cdf(0.0),
            "p_benefit_new": _benefit(new, event.direction),
            "tau_mean": tau.mean,
            "tau_median": tau.quantile(0.5),
            "tau_q025": tau.quantile(0.025),
            "tau_q975": tau.quantile(0.975),
        }
        | _exp({"predictive_or_median": quantiles[0.5], "predictive_or_q025": quantiles[0.025],
                "predictive_or_q975": quantiles[0.975]})
        | _summary(found.mean, event.direction)
    )  # fmt: skip


def _summary(own: GridMixture, direction: int) -> dict[str, float]:
    low, middle, high = (own.quantile(p) for p in (0.025, 0.5, 0.975))
    return (
        {"mean": own.mean, "sd": own.sd, "q025": low, "q975": high}
        | _exp({"or_median": middle, "or_q025": low, "or_q975": high})
        | {"p_benefit": _benefit(own, direction)}
    )


def _benefit(own: GridMixture, direction: int) -> float:
    if direction == 0:
        return np.nan
    fewer = own.cdf(0.0)
    return fewer if direction < 0 else 1 - fewer


def _study_rows(event: SharedEvent, found: PooledEvent) -> list[dict[str, Any]]:
    woolf = log_odds_ratios(*_cells(event))
    rows = []
    for i, (own, posterior) in enumerate(zip(event.studies, found.studies, strict=True)):
        middle, half = float(woolf.estimate[i]), Z975 * float(woolf.se[i])
        rows.append(
            {
                "reaction": event.reaction,
                "study": own.study,
                "visit": own.visit,
                "week": own.week,
                "arms": " + ".join(own.arms),
                "control_events": own.counts.events[0],
                "control_n": own.counts.n[0],
                "treated_events": own.counts.events[1],
                "treated_n": own.counts.n[1],
                "woolf_corrected": "yes" if woolf.corrected[i] else "no",
            }
            | _exp({"woolf_or": middle, "woolf_low": middle - half, "woolf_high": middle + half})
            | _summary(posterior, event.direction)
        )
    return rows
