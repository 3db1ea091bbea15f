"""Statements about several outcomes at once: domains, how many improve, which improves most.

Every function takes draws of standardised benefits, so that a probability about several outcomes
keeps their dependence; the product of the marginal probabilities stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.inference.diagnostics import mark
from bayesasthma.inference.fitting import Fit
from bayesasthma.results import estimands as est
from bayesasthma.results.effect_table import estimand_draws, outcome_arrays
from bayesasthma.results.summaries import SAMPLE, probability_mcse, summarise
from bayesasthma.study.study import Study

COLUMNS = [
    "study", "arm", "visit", "week", "model", "prior", "estimand", "outcomes", "subject", "m",
    "mean", "mcse", "sd", "median", "ci_low", "ci_high", "p_benefit", "p_benefit_mcse",
    "if_independent",
    "ess_bulk", "ess_tail", "r_hat", "gate",
]  # fmt: skip

DESCRIPTIONS = {
    "domain_effect": "benefit expected of a further outcome of the domain, in baseline SDs",
    "domain_mean": "mean benefit of the domain's outcomes, in baseline SDs",
    "all_improve": "probability that every outcome of the set improves",
    "all_improve_by_mcid": "probability that every outcome with an MCID improves by at least it",
    "number_improving": "number of outcomes of the set that improve",
    "at_least": "probability that at least m outcomes of the set improve",
    "rank": "probability that the outcome's standardised benefit is the m-th largest of the set",
    "mean_rank": "rank of the outcome's standardised benefit in the set, 1 the largest",
}


@dataclass(frozen=True)
class Benefits:
    """Draws of the headline effect of every outcome with a direction, signed as benefits.

    Attributes
    ----------
    natural, standardised : DataArray (chain, draw, outcome, arm, visit)
        In outcome units, and in printed baseline SDs.
    threshold : DataArray (..., outcome, visit)
        MCID in outcome units, by draw where it is relative; NaN where there is none.
    """

    natural: xr.DataArray
    standardised: xr.DataArray
    threshold: xr.DataArray


def benefits(fit: Fit) -> Benefits:
    """Benefits of a fit at its follow-up visits.

    Raises
    ------
    UsageError
        If no outcome of the fit has a direction of benefit.
    """
    available = estimand_draws(fit)
    draws = available.get("adjusted_difference", available["difference"])
    sign, mcid, relative = outcome_arrays(fit.study, draws["outcome"].to_numpy())
    directed = [str(k) for k in draws["outcome"].to_numpy()[sign.to_numpy() != 0]]
    if not directed:
        raise UsageError("no direction of any outcome is a benefit")
    visits = [str(v) for v in draws["visit"].to_numpy() if v in fit.study.follow_up]
    natural = (draws * sign).sel(outcome=directed, visit=visits)
    limit = est.threshold(fit.moments, mcid, relative).sel(outcome=directed)
    limit = limit.sel(visit=visits) if "visit" in limit.dims else limit
    scale = fit.data["constant_data"].to_dataset()["scale"].sel(outcome=directed)
    dims = (*SAMPLE, "outcome", "arm", "visit")
    return Benefits(natural.transpose(*dims), (natural / scale).transpose(*dims), limit)


def primary_outcomes(study: Study) -> list[str]:
    """Outcomes that the study names as primary and that have a direction of benefit."""
    named = study.methods.get("primary", [])
    named = [named] if isinstance(named, str) else named
    direction = study.outcomes["direction"].to_dict()
    return [str(k) for k in named if direction.get(k, 0) != 0]


def all_improve(benefit: xr.DataArray, threshold: xr.DataArray | float = 0.0) -> xr.DataArray:
    """Whether every outcome's benefit exceeds ``threshold`` (chain, draw, ...), as 0 or 1."""
    return (benefit > threshold).all("outcome").astype(float)


def number_improving(benefit: xr.DataArray) -> xr.DataArray:
    """How many outcomes improve (chain, draw, ...)."""
    return (benefit > 0).sum("outcome").astype(float)


def ranks(benefit: xr.DataArray) -> xr.DataArray:
    """Rank of each outcome's benefit among the outcomes of a draw, 1 the largest."""
    axis = benefit.get_axis_num("outcome")
    order = np.argsort(-benefit.to_numpy(), axis=axis)
    return benefit.copy(data=np.argsort(order, axis=axis) + 1.0)


def domain_means(benefit: xr.DataArray, domains: Sequence[str]) -> xr.DataArray:
    """Mean benefit of each domain's outcomes (subject, chain, draw, ...).

    Parameters
    ----------
    benefit : DataArray (..., outcome)
        Standardised.
    domains : sequence of str
        Of each outcome, empty if it has none; a domain of one outcome has no mean.

    Outcomes without a benefit at a visit (NaN) are left out of the mean there.
    """
    named = [name for name in dict.fromkeys(domains) if name and domains.count(name) > 1]
    member = np.array([[own == name for own in domains] for name in named], dtype=float)
    weight = xr.DataArray(
        member.reshape(len(named), len(domains)),
        {"subject": named, "outcome": benefit["outcome"]},
        ("subject", "outcome"),
    )
    printed = (weight * benefit.notnull()).sum("outcome")
    return (weight * benefit).sum("outcome") / printed


def product_of_marginals(improves: xr.DataArray) -> xr.DataArray:
    """P(all) if the outcomes were independent: the product of their probabilities."""
    return improves.mean(SAMPLE).prod("outcome")


def at_least_if_independent(improves: xr.DataArray) -> np.ndarray:
    """P(at least m outcomes), ``m = 1, 2, ...`` in the first axis, if they were independent.

    The Poisson-binomial distribution by convolution (Wang 1993, Statistica Sinica 3:295).
    """
    p = improves.mean(SAMPLE).transpose("outcome", ...).to_numpy()
    mass = np.zeros((len(p) + 1, *p.shape[1:]))
    mass[0] = 1.0
    for chance in p:
        mass[1:] = mass[1:] * (1 - chance) + mass[:-1] * chance
        mass[0] = mass[0] * (1 - chance)
    tail: np.ndarray = np.cumsum(mass[::-1], axis=0)[::-1][1:]
    return tail


def joint_effects(fit: Fit) -> pd.DataFrame:
    """Statements about several outcomes: one row per arm, visit, estimand and subject.

    Parameters
    ----------
    fit : Fit
        Of the joint model, whose draws carry the dependence between outcomes. Those of another
        model of tables treat outcomes as independent studies.

    Returns
    -------
    DataFrame
        The columns of ``joint.csv``; see ``docs/columns.md``.

    Raises
    ------
    UsageError
        As :func:`benefits`.
    """
    found = benefits(fit)
    outcomes = [str(k) for k in found.natural["outcome"].to_numpy()]
    primary = [k for k in primary_outcomes(fit.study) if k in outcomes]
    frames = _domains(fit, found)
    sets = {"directed": outcomes}
    if len(primary) > 1 and primary != outcomes:
        sets = {"primary": primary} | sets
    for name, chosen in sets.items():
        frames += [frame.assign(outcomes=name) for frame in _of_set(fit, found, chosen)]
    table = pd.concat(frames, ignore_index=True)
    table["m"] = table["m"].astype("Int64")
    table = table.assign(
        study=fit.study.name,
        week=fit.study.visits.loc[table["visit"], "week"].to_numpy(),
        model=fit.model,
        prior=fit.prior,
    )
    return mark(table.reindex(columns=[c for c in COLUMNS if c != "gate"]), fit.gate)[COLUMNS]


def _domains(fit: Fit, found: Benefits) -> list[pd.DataFrame]:
    posterior = fit.data["posterior"].to_dataset()
    frames = []
    if "domain_effect" in posterior:
        renamed = {"domain": "subject", "treated": "arm", "follow_up": "visit"}
        frames.append(_quantity("domain_effect", posterior["domain_effect"].rename(renamed), 1.0))
    domain = fit.study.outcomes["domain"].to_dict()
    means = domain_means(
        found.standardised, [str(domain[k]) for k in found.standardised["outcome"].to_numpy()]
    )
    if means.sizes["subject"]:
        frames.append(_quantity("domain_mean", means, 1.0))
    return frames


def _of_set(fit: Fit, found: Benefits, outcomes: list[str]) -> list[pd.DataFrame]:
    natural = found.natural.sel(outcome=outcomes)
    standardised = found.standardised.sel(outcome=outcomes)
    improves = (natural > 0).astype(float)
    count = number_improving(natural)
    frames = [
        _probability("all_improve", all_improve(natural), product_of_marginals(improves)),
        _quantity("number_improving", count),
    ]
    tail = at_least_if_independent(improves)
    template = count.mean(SAMPLE)
    frames += [
        _probability("at_least", (count >= m).astype(float), template.copy(data=tail[m - 1]), m)
        for m in range(1, len(outcomes) + 1)
    ]
    mcid = fit.study.outcomes["mcid"].to_dict()
    judged = [k for k in outcomes if np.isfinite(mcid[k])]
    if judged:
        own, limit = natural.sel(outcome=judged), found.threshold.sel(outcome=judged)
        apart = product_of_marginals((own > limit).astype(float))
        frames.append(_probability("all_improve_by_mcid", all_improve(own, limit), apart))
    if len(outcomes) > 1:
        position = ranks(standardised).rename(outcome="subject")
        frames.append(_quantity("mean_rank", position))
        frames += [
            _probability("rank", (position == m).astype(float), None, m)
            for m in range(1, len(outcomes) + 1)
        ]
    return frames


def _quantity(estimand: str, draws: xr.DataArray, sign: float | None = None) -> pd.DataFrame:
    """Rows of a quantity with a mean and an interval; ``sign`` 1 gives it a P(benefit)."""
    frame = summarise(draws, 0.0 if sign is None else sign).reset_index()
    frame = frame.rename(columns={"mcse_mean": "mcse"})
    return frame.assign(estimand=estimand)


def _probability(
    estimand: str, indicator: xr.DataArray, independent: xr.DataArray | None, m: int | None = None
) -> pd.DataFrame:
    """Rows of a probability: the mean of 0/1 draws, with its Monte Carlo error."""
    import arviz as az

    p = indicator.mean(SAMPLE)
    varies = (p > 0) & (p < 1)
    parts = {
        "mean": p,
        "mcse": probability_mcse(indicator),
        "ess_bulk": az.ess(indicator, method="mean").where(varies),
    }
    if independent is not None:
        parts["if_independent"] = independent
    frame = xr.Dataset(parts).to_dataframe().reset_index()
    return frame.assign(estimand=estimand, m=m)
