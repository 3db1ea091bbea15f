"""Power-scaling: whether a slightly stronger or weaker prior, or likelihood, moves a conclusion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.inference.routes import model_module
from bayesasthma.inference.sampling import log_prior
from bayesasthma.models.design import Design, design
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.results.effect_table import estimand_draws, headlines

COLUMNS = ["outcome", "arm", "visit", "estimand", "prior_sensitivity", "likelihood_sensitivity",
           "diagnosis"]  # fmt: skip
#: Parameters whose priors are powered: the top of the hierarchy. Powering also what lies below it
#: would report conflicts that are not there (Kallioinen et al. 2024, section 4).
TOP_LEVEL = ("baseline_level", "imbalance", "effect", "log_sd_level", "logit_rho")
#: Above it, an effect of the prior (or of the likelihood) is noticeable.
THRESHOLD = 0.05


def power_scaling(fit: Fit, spec: TableSpec | None = None) -> pd.DataFrame:
    """Power-scaling sensitivity of the headline effects of a fit.

    The gradient, by importance weights, of a distance between posteriors under a prior (or a
    likelihood) raised to powers about 1; outcomes are taken one by one, since they share no
    parameter.

    Parameters
    ----------
    fit : Fit
        Of the model ``longitudinal`` with a proper prior.
    spec : TableSpec, optional
        Its specification; the model's default with the fit's prior set.

    Returns
    -------
    DataFrame
        ``outcome, arm, visit, estimand, prior_sensitivity, likelihood_sensitivity, diagnosis``.

    Raises
    ------
    UsageError
        If the fit is of another model, or its prior is flat.

    References
    ----------
    Kallioinen N et al. Detecting and diagnosing prior and likelihood sensitivity with
    power-scaling. Stat Comput 2024;34:57.
    """
    spec = spec or table_spec(fit.model, fit.prior)
    if fit.model != "longitudinal" or spec.prior.flat:
        raise UsageError("power-scaling needs a longitudinal fit with a proper prior")
    layout = design(fit.study)
    posterior = fit.data["posterior"].to_dataset()
    names = [name for name in TOP_LEVEL if name in posterior]
    priors = log_prior(model_module(spec.model).build(layout, spec), posterior, names)
    draws, leading = estimand_draws(fit), headlines(fit)
    frames = []
    for k, outcome in enumerate(layout.outcomes):
        estimand = leading[outcome]
        effect = draws[estimand]
        tree = xr.DataTree.from_dict(
            {
                "posterior": effect.sel(outcome=outcome, drop=True).to_dataset(name="effect"),
                "log_prior": priors.sel(outcome=outcome, drop=True),
                "log_likelihood": _log_likelihood(fit, layout, k),
            }
        )
        frames.append(_sensitivities(tree).assign(outcome=outcome, estimand=estimand))
    table = pd.concat(frames, ignore_index=True)
    return table[table["visit"].isin(fit.study.follow_up)][COLUMNS].reset_index(drop=True)


def _log_likelihood(fit: Fit, layout: Design, outcome: int) -> xr.Dataset:
    """Log-likelihood of the rows of one outcome."""
    found = {}
    for name, values in fit.data["log_likelihood"].to_dataset().items():
        kind, _, index = str(name).partition("_")
        blocks = layout.tables if kind == "table" else layout.patients
        own = np.flatnonzero(blocks[int(index)].outcome == outcome)
        if len(own):
            found[str(name)] = values.isel({values.dims[2]: own})
    return xr.Dataset(found)


def _sensitivities(tree: xr.DataTree) -> pd.DataFrame:
    import arviz as az

    prior, likelihood = (
        az.psense(tree, var_names=["effect"], group=group)["effect"]
        for group in ("prior", "likelihood")
    )
    frame = pd.DataFrame(
        {
            "prior_sensitivity": prior.to_series(),
            "likelihood_sensitivity": likelihood.to_series(),
        }
    ).reset_index()
    return frame.assign(
        diagnosis=[
            diagnose(a, b)
            for a, b in zip(
                frame["prior_sensitivity"], frame["likelihood_sensitivity"], strict=True
            )
        ]
    )


def diagnose(prior: float, likelihood: float) -> str:
    """What the two sensitivities say together, with ArviZ's threshold of 0.05."""
    if prior < THRESHOLD:
        return "none"
    if likelihood < THRESHOLD:
        return "strong prior or weak data"
    return "possible prior-data conflict"
