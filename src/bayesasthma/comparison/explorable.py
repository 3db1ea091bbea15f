"""The effects of a fit that another prior can be put to: `Subject` of an outcome or of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy import special

from bayesasthma.comparison.prior_check import estimates
from bayesasthma.comparison.reweighting import Quantity, Subject
from bayesasthma.errors import UsageError
from bayesasthma.inference.convergence import ess_bulk
from bayesasthma.models.adverse_counts import log_odds_priors
from bayesasthma.models.design import Design, design
from bayesasthma.models.moments import effect_priors
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.priors.distributions import FALLBACK_TARGET_SD
from bayesasthma.results import estimands as est
from bayesasthma.results.effect_table import headlines, outcome_arrays

if TYPE_CHECKING:
    import pandas as pd

    from bayesasthma.comparison.importance import FloatArray
    from bayesasthma.inference.adverse_fits import AdverseFit
    from bayesasthma.inference.fitting import Fit

#: Contrasts that a prior of the effect bears on, the headline's first where it leads.
ESTIMANDS = (
    "adjusted_difference",
    "difference",
    "difference_in_change",
    "area_under_follow_up",
)
#: Column of the logit of the correlation between visits, or between events.
SHARE = "share"
#: Correlations are kept off 0 and 1 by this much.
EDGE = 1e-9
PERCENT = 100.0


def why_not(fit: Fit, spec: TableSpec | None = None) -> str:
    """Why no other prior can be put to the draws of a fit; blank if one can."""
    if fit.model != "longitudinal" or "effect" not in fit.data["posterior"]:
        return f"the model {fit.model!r} does not parametrise the treatment effect"
    try:
        spec = spec or table_spec(fit.model, fit.prior)
    except UsageError:
        return f"the prior set {fit.prior!r} has no name here"
    if spec.prior.family != "normal":
        return f"the prior set {fit.prior!r} is not one of normal distributions"
    return ""


def outcome_subject(
    fit: Fit, outcome: str, table: pd.DataFrame, spec: TableSpec | None = None
) -> Subject:
    """Draws of the effects of one outcome of a longitudinal fit.

    Parameters
    ----------
    fit : Fit
    outcome : str
    table : DataFrame
        Of :func:`bayesasthma.results.effect_table.effects`: which arms, visits and estimands there
        are, and their gates.
    spec : TableSpec, optional
        What was fitted; by default the model's defaults with the fit's named prior set.

    Raises
    ------
    UsageError
        If no other prior can be put to the fit.
    """
    if reason := why_not(fit, spec):
        raise UsageError(f"no prior of your own can be put to this fit: {reason}")
    spec = spec or table_spec(fit.model, fit.prior)
    posterior = fit.data["posterior"].to_dataset()
    layout = design(fit.study, [outcome])
    unit, direction = float(layout.scale[0]), int(layout.direction[0])
    sign = direction or 1
    (prior,) = effect_priors(layout, spec)
    prior = prior.times(sign * unit)
    arms, visits = layout.arms[1:], layout.follow_up
    effect = unit * posterior["effect"].sel(outcome=outcome)
    columns = {
        f"effect {arm} {visit}": _flat(effect.sel(treated=arm, follow_up=visit))
        for arm in arms
        for visit in visits
    }
    share = ""
    if "pooling" in posterior and len(visits) > 1:
        share = SHARE
        columns[SHARE] = _logit(_flat(posterior["pooling"].sel(outcome=outcome)))
    mean = fit.moments["mean"].sel(outcome=outcome)
    own = table[(table["outcome"] == outcome) & table["estimand"].isin(ESTIMANDS)]
    own = own[own["visit"].isin(visits)]
    quantities = []
    for row in _ordered(own, headlines(fit)[outcome]).itertuples():
        terms = _terms(row, layout, fit, mean, columns)
        limit, column = _limit(row, fit, mean, columns)
        error, patients = _standard_error(layout, str(row.arm), str(row.visit))
        quantities.append(
            Quantity(
                arm=str(row.arm),
                visit=str(row.visit),
                estimand=str(row.estimand),
                terms=terms,
                sign=direction,
                unit=str(row.unit),
                gate=str(row.gate),
                mcid=limit,
                mcid_column=column,
                error=unit * error,
                patients=patients,
            )
        )
    target = float(layout.target[0]) if np.isfinite(layout.target[0]) else FALLBACK_TARGET_SD
    chains = effect.sizes["chain"]
    names = tuple(tuple(f"effect {arm} {visit}" for visit in visits) for arm in arms)
    return Subject(
        name=outcome,
        columns=columns,
        effects=names,
        share=share,
        prior_sign=sign,
        location=prior.location,
        scale=prior.scale,
        sd_unit=unit,
        mcid_unit=target * unit,
        efficiency=_efficiency([columns[name] for own in names for name in own], chains),
        quantities=tuple(quantities),
    )


def event_subject(fit: AdverseFit, table: pd.DataFrame) -> Subject:
    """Draws of the log odds ratios of the events of a hierarchical fit, and its risk differences.

    The prior is of the log odds ratio of every event (negative: fewer); events are what visits are
    for outcomes. Risk differences are in percentage points. ``table`` is what
    :func:`bayesasthma.results.adverse_table.adverse_effects` gives.

    Raises
    ------
    UsageError
        If no other prior can be put to the fit.
    """
    posterior = fit.data["posterior"].to_dataset()
    if fit.spec.prior is None or fit.spec.prior.log_odds_family != "normal":
        raise UsageError(f"{fit.label}: its prior of log odds ratios is not one normal")
    if "arm_rate" not in posterior:
        raise UsageError(f"{fit.label}: its draws hold no log odds ratios")
    prior = log_odds_priors(fit.counts, fit.spec.prior)[0].times(-1.0)
    names, (control, *treated) = fit.counts.reactions, fit.counts.arms
    log_odds = xr.apply_ufunc(special.logit, posterior["arm_rate"])
    columns = {
        f"effect {arm} {event}": _flat(
            log_odds.sel(reaction=event, arm=arm) - log_odds.sel(reaction=event, arm=control)
        )
        for arm in treated
        for event in names
    }
    share = ""
    if "pooling" in posterior and len(names) > 1:
        share = SHARE
        columns[SHARE] = _logit(_flat(posterior["pooling"]))
    effects = tuple(tuple(f"effect {arm} {event}" for event in names) for arm in treated)
    efficiency = _efficiency([columns[x] for own in effects for x in own], posterior.sizes["chain"])
    quantities = []
    for row in table[table["estimand"] == "risk_difference"].itertuples():
        rate = posterior["rate"].sel(reaction=row.reaction, visit=row.visit)
        column = f"{row.reaction} {row.arm} {row.visit}"
        columns[column] = PERCENT * _flat(rate.sel(arm=row.arm) - rate.sel(arm=control))
        error, patients = _log_odds_error(fit, str(row.reaction), str(row.arm), control)
        quantities.append(
            Quantity(
                arm=str(row.arm),
                visit=str(row.visit),
                estimand=str(row.reaction),
                terms=((column, 1.0),),
                sign=fit.study.event_directions[str(row.reaction)],
                unit="percentage points",
                gate=str(row.gate),
                places=1,
                error=error,
                patients=patients,
            )
        )
    return Subject(
        name=fit.spec.reading,
        columns=columns,
        effects=effects,
        share=share,
        prior_sign=1,
        location=prior.location,
        scale=prior.scale,
        sd_unit=float("nan"),
        mcid_unit=float("nan"),
        efficiency=efficiency,
        quantities=tuple(quantities),
    )


def _flat(draws: xr.DataArray) -> FloatArray:
    """Draws (chain * draw,), chain after chain."""
    return np.asarray(draws.transpose("chain", "draw").to_numpy(), dtype=float).ravel()


def _logit(share: FloatArray) -> FloatArray:
    return np.asarray(special.logit(np.clip(share, EDGE, 1 - EDGE)))


def _efficiency(columns: Sequence[FloatArray], chains: int) -> float:
    """Independent draws that one is worth, of the effect whose chains mix worst."""
    draws = np.stack([own.reshape(chains, -1) for own in columns], axis=-1)
    worth = ess_bulk(draws)
    return float(min(np.nanmin(worth) / draws[..., 0].size, 1.0))


def _ordered(table: pd.DataFrame, headline: str) -> pd.DataFrame:
    """The headline first, then as `ESTIMANDS` has them; by arm and visit within."""
    order = {name: i for i, name in enumerate((headline, *ESTIMANDS))}
    order[headline] = 0
    return table.sort_values("estimand", key=lambda names: names.map(order), kind="stable")


def _terms(
    row: Any, layout: Design, fit: Fit, mean: xr.DataArray, columns: dict[str, FloatArray]
) -> tuple[tuple[str, float], ...]:
    """Columns that an estimand is the sum of; those that are not there yet are added."""
    arm, visit = str(row.arm), str(row.visit)
    if row.estimand == "adjusted_difference":
        return ((f"effect {arm} {visit}", 1.0),)
    if row.estimand == "area_under_follow_up":
        weights = _area(layout)
        return tuple(
            (f"effect {arm} {own}", weight)
            for own, weight in zip(layout.follow_up, weights, strict=True)
        )

    def contrast(at: str) -> str:
        name = f"difference {arm} {at}"
        if name not in columns:
            here = mean.sel(visit=at)
            columns[name] = _flat(here.sel(arm=arm) - here.sel(arm=fit.study.control))
        return name

    if row.estimand == "difference":
        return ((contrast(visit), 1.0),)
    return ((contrast(visit), 1.0), (contrast(str(fit.study.baseline_visit)), -1.0))


def _area(layout: Design) -> list[float]:
    """Weights of the visits in the average over the follow-up."""
    names = list(layout.follow_up)
    weeks = xr.DataArray(layout.weeks[1:], {"visit": names}, "visit")
    each = xr.DataArray(np.eye(len(names)), {"visit": names}, ("of", "visit"))
    return [float(x) for x in est.area_under_follow_up(each, weeks, float(layout.weeks[0]))]


def _limit(
    row: Any, fit: Fit, mean: xr.DataArray, columns: dict[str, FloatArray]
) -> tuple[float, str]:
    """The MCID, and the column of the control arm's mean that it is a share of."""
    _, mcid, relative = outcome_arrays(fit.study, np.array([row.outcome]))
    value = float(mcid.item())
    if not np.isfinite(value) or not bool(relative.item()):
        return value, ""
    name = f"control {row.visit}"
    if name not in columns:
        columns[name] = np.abs(_flat(mean.sel(visit=row.visit, arm=fit.study.control)))
    return value, name


def _standard_error(layout: Design, arm: str, visit: str) -> tuple[float, float]:
    """Standard error of the adjusted difference, in baseline SDs, and the patients behind it."""
    if layout.patients:
        return float("nan"), float("nan")
    g, t = layout.arms.index(arm), layout.visits.index(visit)
    for item in estimates(layout):
        if (item.arm, item.visit) == (g, t):
            return item.error, _patients(layout, g, t)
    return float("nan"), float("nan")


def _patients(layout: Design, arm: int, visit: int) -> float:
    """Patients behind the printed cells of an arm and the control at a visit."""
    total = 0.0
    for g in (0, arm):
        seen = [
            float(table.n[s, row])
            for table in layout.tables
            for s in np.flatnonzero(table.arm == g)
            for row in range(table.rows)
            if int(np.argmax(np.abs(table.functional[row]) * np.arange(1, 1 + len(layout.visits))))
            == visit
        ]
        total += max(seen, default=float("nan"))
    return total


def _log_odds_error(fit: AdverseFit, event: str, arm: str, control: str) -> tuple[float, float]:
    """Standard error of a log odds ratio of the counts of all visits, and the patients behind it.

    Half a patient is added to each cell, as the check of prior against data does.
    """
    data, variance, patients = fit.counts, 0.0, 0.0
    i = data.reactions.index(event)
    for name in (control, arm):
        here = (data.reaction == i) & (data.arm == data.arms.index(name))
        events, total = float(data.events[here].sum()), float(data.at_risk[here].sum())
        variance += 1 / (events + 0.5) + 1 / (total - events + 0.5)
        patients += float(data.at_risk[here].max()) if here.any() else float("nan")
    return float(np.sqrt(variance)), patients
