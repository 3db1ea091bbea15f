"""Draws of a fit's headline effect, signed and scaled for plotting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import xarray as xr

from bayesasthma.inference.fitting import Fit
from bayesasthma.results import estimands as est
from bayesasthma.results.effect_table import DESCRIPTIONS, estimand_draws, headlines, outcome_arrays

SAMPLE = ("chain", "draw")


@dataclass(frozen=True)
class Headline:
    """The effect that a fit leads with.

    Attributes
    ----------
    estimand : str
    draws : DataArray (chain, draw, outcome, arm, visit)
        Treated minus control, in outcome units; NaN where either arm prints nothing.
    sign : DataArray (outcome)
        +1 or -1 turns a difference into a benefit; 0 where no direction is claimed.
    threshold : DataArray (outcome, visit)
        MCID in outcome units: a relative one at the control arm's posterior mean. NaN: none.
    """

    estimand: str
    draws: xr.DataArray
    sign: xr.DataArray
    threshold: xr.DataArray

    @property
    def description(self) -> str:
        """The estimand in words."""
        return DESCRIPTIONS[self.estimand]

    @property
    def oriented(self) -> xr.DataArray:
        """Draws of the benefit, or of the plain difference where no direction is claimed."""
        return self.draws * self.sign.where(self.sign != 0, 1.0)


def mean_and_interval(draws: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Mean and ends of the equal-tailed 95 % interval over draws; NaN where a draw is missing."""
    complete = draws.notnull().all(SAMPLE)
    filled = draws.fillna(0.0)
    ends = filled.quantile([0.025, 0.975], dim=SAMPLE).where(complete)
    low, high = (ends.isel(quantile=k, drop=True) for k in (0, 1))
    return filled.mean(SAMPLE).where(complete), low, high


def headline(fit: Fit) -> Headline:
    """The headline effect of a fit at its follow-up visits, worked out once for each fit."""
    kept: dict[str, Any] = vars(fit)
    if "_headline" not in kept:
        kept["_headline"] = _headline(fit)
    found: Headline = kept["_headline"]
    return found


def _headline(fit: Fit) -> Headline:
    study = fit.study
    available = estimand_draws(fit)
    leading = headlines(fit)
    estimand = next(iter(leading.values()))
    draws = available[estimand]
    for other in set(leading.values()) - {estimand}:
        own = xr.DataArray(
            [leading[str(k)] != other for k in draws["outcome"].to_numpy()],
            {"outcome": draws["outcome"]},
            "outcome",
        )
        draws = draws.where(own, available[other])
    visits = [str(v) for v in draws["visit"].to_numpy() if v in study.follow_up]
    draws = draws.sel(visit=visits).transpose(*SAMPLE, "outcome", "arm", "visit")
    sign, mcid, relative = outcome_arrays(study, draws["outcome"].to_numpy())
    limit = est.threshold(fit.moments, mcid, relative)
    limit = limit.mean([dim for dim in SAMPLE if dim in limit.dims])
    by_visit = "visit" in limit.dims
    limit = limit.sel(visit=visits) if by_visit else limit.expand_dims(visit=visits)
    printed = study.table["mean"].notnull().any("statistic")
    both = printed & printed.sel(arm=study.control, drop=True)
    labels = {dim: draws[dim].to_numpy() for dim in ("outcome", "arm", "visit")}
    return Headline(
        estimand,
        draws.where(both.sel(labels)),
        sign,
        limit.transpose("outcome", "visit"),
    )
