"""Figures of results: a fit or an exported table in, a matplotlib figure out.

Every function returns a figure of its own that belongs to no pyplot session: show it in a notebook
by naming it, or call its ``savefig``. ``narrow=True`` draws for a phone.
"""

from __future__ import annotations

from bayesasthma.plots.adverse import reaction_rates, risk_differences
from bayesasthma.plots.arms_and_contrast import arms_and_contrast
from bayesasthma.plots.comparison import p_against_probability
from bayesasthma.plots.correlations import correlation_prior_posterior
from bayesasthma.plots.effects import benefit_curves, benefit_curves_of, standardised_forest
from bayesasthma.plots.information import interval_width
from bayesasthma.plots.mcmc import (
    chain_forest,
    convergence,
    energy,
    ess_evolution,
    prior_posterior,
    rank_plots,
    traces,
)
from bayesasthma.plots.missing_patients import tipping_curves
from bayesasthma.plots.next_trial import assurance_curves
from bayesasthma.plots.predictive import predictive_counts, predictive_table
from bayesasthma.plots.priors import prior_densities
from bayesasthma.plots.scepticism import survived_scepticism
from bayesasthma.plots.shrinkage import shrinkage
from bayesasthma.plots.specifications import (
    choice_shares,
    probability_by_correlation,
    specification_curve,
)
from bayesasthma.plots.trajectories import trajectories, trajectories_of

__all__ = [
    "arms_and_contrast",
    "assurance_curves",
    "benefit_curves",
    "benefit_curves_of",
    "chain_forest",
    "choice_shares",
    "convergence",
    "correlation_prior_posterior",
    "energy",
    "ess_evolution",
    "interval_width",
    "p_against_probability",
    "predictive_counts",
    "predictive_table",
    "prior_densities",
    "prior_posterior",
    "probability_by_correlation",
    "rank_plots",
    "reaction_rates",
    "risk_differences",
    "shrinkage",
    "specification_curve",
    "standardised_forest",
    "survived_scepticism",
    "tipping_curves",
    "traces",
    "trajectories",
    "trajectories_of",
]
