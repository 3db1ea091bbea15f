"""What a pool of studies found, in one immutable object: what its page is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.priors.heterogeneity import HeterogeneityPrior, heterogeneity_prior
from bayesasthma.results.summaries import SAMPLE


@dataclass(frozen=True)
class PooledResults:
    """Pooled outcomes of several studies.

    Attributes
    ----------
    draws : mapping of str to Dataset (chain, draw, study, week)
        By outcome, in the order of the page: ``mean_effect`` and ``predictive_effect`` (week),
        ``study_effect`` (study, week) with NaN where a study has no such visit, ``heterogeneity``
        (week), ``walk_scale``, ``rho`` (study), ``patients`` (study); treated minus control, in
        ``unit``. Attributes: ``label``, ``unit``, ``direction`` (+1, -1, or 0 where no direction is
        a benefit), ``mcid`` (NaN: none), ``scale`` (the model's standard unit in ``unit``), ``log``
        (1: differences of logarithms), ``prior``, ``prior_formula``, ``heterogeneity_prior`` (a
        formula in the standard unit); perhaps ``rho_location`` and ``rho_scale``, of the normal
        prior of the logit of one study's correlation, and ``kind``, ``"reaction"`` for a log odds
        ratio of events.
    effects, studies, left_out, diagnostics : DataFrame
        As written to ``pooled_effects.csv``, ``pooled_studies.csv``, ``leave_one_out.csv`` and
        ``pooled_diagnostics.csv``; see ``docs/columns.md``.
    citations : mapping of str to str
        By study.
    command : str
        That makes the results again.
    run : mapping
        ``versions``, ``seed``, ``started``, ``checksums``, ``timings``; each may be missing.
    events, event_studies : DataFrame
        As written to ``pooled_events.csv`` and ``pooled_events_studies.csv``.
    events_alone : mapping of str to str
        Reactions that one study alone counts, and that study.
    """

    draws: Mapping[str, xr.Dataset]
    effects: pd.DataFrame
    studies: pd.DataFrame
    left_out: pd.DataFrame
    diagnostics: pd.DataFrame
    citations: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    run: Mapping[str, Any] = field(default_factory=dict)
    events: pd.DataFrame = field(default_factory=pd.DataFrame)
    event_studies: pd.DataFrame = field(default_factory=pd.DataFrame)
    events_alone: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every fit and every tabulated quantity passes the diagnostics gate."""
        tables = (self.diagnostics, self.effects, self.studies, self.left_out)
        return all((table["gate"] == "pass").all() for table in tables if len(table))

    def of(self, outcome: str, table: str) -> pd.DataFrame:
        """Rows of an outcome in one of the tables, by the table's attribute."""
        found: pd.DataFrame = getattr(self, table)
        return found[found["outcome"] == outcome].reset_index(drop=True)


def studies_by_week(data: xr.Dataset) -> pd.Series:
    """How many studies have a visit, by week."""
    seen = data["study_effect"].notnull().all(SAMPLE).sum("study")
    return pd.Series(seen.to_numpy(), index=data["week"].to_numpy())


def headline_week(data: xr.Dataset) -> float:
    """The last week at which two studies or more have a visit; without one, the last of any."""
    count = studies_by_week(data)
    for least in (2, 1):
        if (count >= least).any():
            return float(count.index[count >= least][-1])
    return float(count.index[-1])


def headline_tau(data: xr.Dataset) -> xr.DataArray:
    """Heterogeneity at the headline week (chain, draw), where it has its prior."""
    return data["heterogeneity"].sel(week=headline_week(data))


def prior_of_heterogeneity(data: xr.Dataset) -> HeterogeneityPrior:
    """The prior of tau at the headline week, in the unit of the effects."""
    prior = heterogeneity_prior(str(data.attrs["heterogeneity_prior"]))
    return prior.rescaled(float(data.attrs["scale"]))


def learned_of_heterogeneity(data: xr.Dataset) -> float:
    """Length of tau's 95 % posterior interval at the headline week, as a share of its prior's."""
    low, high = prior_of_heterogeneity(data).quantile([0.025, 0.975])
    ends = headline_tau(data).quantile([0.025, 0.975]).to_numpy()
    return float(np.diff(ends)[0] / (high - low))


def prior_of_rho(data: xr.Dataset) -> tuple[float, float] | None:
    """Mean and SD of the prior of one study's correlation; None if it is not said.

    Notes
    -----
    Of ``1 / (1 + exp(-x))`` with normal ``x``, by Gauss-Hermite quadrature.
    """
    if "rho_location" not in data.attrs:
        return None
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    x = float(data.attrs["rho_location"]) + float(data.attrs["rho_scale"]) * nodes
    rho = 1 / (1 + np.exp(-x))
    mean = float(weights @ rho / weights.sum())
    return mean, float(np.sqrt(weights @ (rho - mean) ** 2 / weights.sum()))
