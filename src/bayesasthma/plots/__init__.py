"""Figures of results: a fit or an exported table in, a matplotlib figure out.

Every function returns a figure of its own that belongs to no pyplot session: show it in a notebook
by naming it, or call its ``savefig``. ``narrow=True`` draws for a phone.
"""

from __future__ import annotations

from bayesasthma.plots.adverse import reaction_rates, risk_differences
from bayesasthma.plots.comparison import p_against_probability
from bayesasthma.plots.correlations import correlation_prior_posterior
from bayesasthma.plots.effects import benefit_curves, standardised_forest
from bayesasthma.plots.mcmc import (
    chain_forest,
    convergence,
    energy,
    ess_evolution,
    prior_posterior,
    rank_plots,
    traces,
)
from bayesasthma.plots.predictive import predictive_counts, predictive_table
from bayesasthma.plots.trajectories import trajectories

__all__ = [
    "benefit_curves",
    "chain_forest",
    "convergence",
    "correlation_prior_posterior",
    "energy",
    "ess_evolution",
    "p_against_probability",
    "predictive_counts",
    "predictive_table",
    "prior_posterior",
    "rank_plots",
    "reaction_rates",
    "risk_differences",
    "standardised_forest",
    "traces",
    "trajectories",
]
