"""What the joint model adds to a fit: outcome correlations, domain effects, joint predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import ndtr

from bayesasthma.likelihood.between_outcomes import (
    between_outcomes_logp,
    draw_means,
    whitened_means,
)
from bayesasthma.models.design import Design
from bayesasthma.models.moments import Moments, effect_prior
from bayesasthma.models.outcome_groups import (
    draw_domain_effects,
    outcome_correlation,
    outcome_groups,
)
from bayesasthma.models.specification import TableSpec


@dataclass(frozen=True)
class JointParts:
    """Parts of a joint fit.

    Attributes
    ----------
    quantities : Dataset (chain, draw, ...)
        ``outcome_correlation`` (outcome, outcome_b), and under a proper prior ``domain_effect``
        (domain, treated, follow_up), a benefit in baseline SDs, if any domain is pooled.
    means : ndarray, shape (chain, draw, series, visit)
        Predicted printed means, standardised, correlated between outcomes.
    density : ndarray, shape (chain, draw, series, visit)
        What the correlation adds to the log-likelihood of each printed row, given the outcomes
        before it.
    """

    quantities: xr.Dataset
    means: np.ndarray
    density: np.ndarray


def joint_parts(
    parameters: dict[str, np.ndarray],
    moment: Moments,
    layout: Design,
    spec: TableSpec,
    rng: np.random.Generator,
) -> JointParts:
    """Compute them from draws of the parameters and of the standardised moments."""
    table, groups = layout.tables[0], outcome_groups(layout)
    q = outcome_correlation(parameters, groups)
    lead = ("chain", "draw")
    names = list(layout.outcomes)
    quantities = xr.Dataset(
        {"outcome_correlation": ((*lead, "outcome", "outcome_b"), q)},
        {"outcome": names, "outcome_b": names},
    )
    if not spec.prior.flat and len(groups.pooled_groups):
        quantities["domain_effect"] = domain_effects(parameters, layout, spec, rng)
    by_arm = (len(names), len(layout.arms))
    n = table.n.reshape(*by_arm, -1)
    z = np.broadcast_to(
        moment.z[..., None, :], (*moment.z.shape[:-1], by_arm[1], moment.z.shape[-1])
    )
    mean = table.mean
    if "rounding_0" in parameters:
        mean = mean + (ndtr(parameters["rounding_0"][..., 0]) - 0.5) * table.mean_step
    mean = mean.reshape(*mean.shape[:-2], *by_arm, -1)
    mean, mu, log_sd = np.broadcast_arrays(mean, moment.mean, moment.log_sd)
    x = whitened_means(mean, mu, log_sd, z, n)
    density = between_outcomes_logp(x, q, n[..., 0])
    means = draw_means(rng, moment.mean, moment.log_sd, z, n[..., 0], q)
    series = (*means.shape[:2], -1, means.shape[-1])
    return JointParts(quantities, means.reshape(series), density.reshape(series))


def domain_effects(
    parameters: dict[str, np.ndarray], layout: Design, spec: TableSpec, rng: np.random.Generator
) -> xr.DataArray:
    """Draw the effect of every pooled domain (chain, draw, domain, treated, follow_up).

    A benefit in baseline SDs; see :func:`bayesasthma.models.outcome_groups.draw_domain_effects`.
    """
    groups = outcome_groups(layout)
    location, scale = effect_prior(layout, spec)
    shape = (len(layout.outcomes), len(layout.arms) - 1, len(layout.follow_up))
    centre = np.broadcast_to(location[:, None, None], shape)
    spread = np.broadcast_to(scale[:, None], shape[:-1])
    return xr.DataArray(
        draw_domain_effects(rng, parameters, centre, spread, groups),
        dims=("chain", "draw", "domain", "treated", "follow_up"),
        coords={
            "domain": [groups.labels[d] for d in groups.pooled_groups],
            "treated": list(layout.arms[1:]),
            "follow_up": list(layout.follow_up),
        },
    )
