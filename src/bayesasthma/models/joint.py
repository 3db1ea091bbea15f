"""All outcomes in one hierarchy: benefits pooled within domains, patients' outcomes correlated.

``docs/models.md`` writes out the mathematics. Trajectories, SDs and correlations over visits are
those of :mod:`bayesasthma.models.longitudinal`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.between_outcomes import draw_means
from bayesasthma.likelihood.tables import draw_table
from bayesasthma.models import longitudinal
from bayesasthma.models.coordinates import Coordinates
from bayesasthma.models.design import Design
from bayesasthma.models.distributions import grouped_normal
from bayesasthma.models.free_parameters import free_parameters, rounding_errors
from bayesasthma.models.graph_ops.between_outcomes import fast_between_outcomes_logp
from bayesasthma.models.moments import effect_prior, moments
from bayesasthma.models.outcome_groups import (
    OutcomeGroups,
    deviations,
    outcome_correlation,
    outcome_groups,
    unsuitable,
)
from bayesasthma.models.specification import TableSpec

#: Scale of an outcome's deviation from its domain, in baseline SDs: log-normal, median and log SD.
DEVIATION_SCALE, DEVIATION_LOG_SD = 0.4, 0.5
#: Beta priors of the shares of a patient's variance: of a factor common to all outcomes with a
#: direction, and of one common to a domain, of what the first leaves. docs/models.md: sources.
GENERAL_SHARE, DOMAIN_SHARE = (3.0, 10.0), (3.0, 3.0)
#: Beta prior of the correlation of a domain's effects between visits.
POOLING = (3.0, 3.0)


def build(design: Design, spec: TableSpec) -> pm.Model:
    """The PyMC model of a design.

    Raises
    ------
    UsageError
        If the table is not complete and balanced.
    """
    if (reason := unsuitable(design)) is not None:
        raise UsageError(reason)
    groups = outcome_groups(design)
    coords = longitudinal.labels(design) | {"group": list(groups.labels)}
    with pm.Model(coords=coords, check_bounds=False) as model:
        for name, value in data(design, spec).items():
            pm.Data(name, value, shape=value.shape)
        # correlated outcomes make a narrow posterior that NUTS would cross in small steps
        factor = np.linalg.cholesky(typical_correlation(groups))
        effects = partial(_effects, groups=groups, coordinates=Coordinates(factor))
        errors = rounding_errors(design, spec)
        parameters = free_parameters(design, spec, effects, errors, factor)
        moment = moments(parameters, design, spec, pt, n_arm=model["n_arm"])
        general, domain = model["general_share_prior"], model["domain_share_prior"]
        shares = {
            "general_share": pm.Beta("general_share", general[0], general[1]),
            "domain_share": pm.Beta("domain_share", domain[0], domain[1], dims="group"),
        }
        inputs = longitudinal.table_inputs(0, design.tables[0], moment, errors[0], design)
        pm.CustomDist(
            "table_0",
            *inputs,
            outcome_correlation(shares, groups),
            logp=partial(_logp, design.tables[0].pinned),
            random=_random,
            signature="(s,r),(s,r),(s,p),(s,f),(s,r,m),(s,r),(s,r),(s,p),(s,p),(k,k)->(s,r,m)",
            observed=model["printed_0"],
            dims=("series_0", "row_0", "moment"),
        )
    return model


def data(design: Design, spec: TableSpec) -> dict[str, np.ndarray]:
    """Everything that another study of the same shape, or other prior scales, would change.

    Returns
    -------
    dict of ndarray
        As `bayesasthma.models.longitudinal.data`, and the hyperparameters of the joint model:
        ``general_share_prior``, ``domain_share_prior`` (the two parameters of a beta distribution)
        and ``deviation_prior`` (median and log SD).
    """
    if not spec.prior.flat:
        effect_prior(design, spec)  # refuses priors that are not normal
    values = longitudinal.data(design, spec)
    values["general_share_prior"] = np.array(GENERAL_SHARE)
    values["domain_share_prior"] = np.array(DOMAIN_SHARE)
    if not spec.prior.flat:
        values["deviation_prior"] = np.array([DEVIATION_SCALE, DEVIATION_LOG_SD])
    return values


def typical_correlation(groups: OutcomeGroups) -> np.ndarray:
    """Correlation between outcomes (outcome, outcome) at the means of the default priors."""
    general, domain = (a / (a + b) for a, b in (GENERAL_SHARE, DOMAIN_SHARE))
    shares = {
        "general_share": np.asarray(general),
        "domain_share": np.full(len(groups.labels), domain),
    }
    result: np.ndarray = outcome_correlation(shares, groups)
    return result


def _effects(design: Design, offset: Any, groups: OutcomeGroups, coordinates: Coordinates) -> Any:
    """Treatment effects, their benefits pooled within domains and over visits."""
    model = pm.modelcontext(None)
    centre, spread = model["effect_location"], model["effect_scale"]
    prior = model["deviation_prior"]
    deviation = deviations(
        {
            "deviation_scale": pm.LogNormal("deviation_scale", pt.log(prior[0]), prior[1]),
            "deviation_tail": pm.Normal("deviation_tail", 0, 1, dims="outcome"),
        },
        pt,
    )
    share: Any = np.zeros(len(groups.labels))
    if len(design.follow_up) > 1:
        share = pm.Beta("pooling", *POOLING, dims="group")
    dims = ("outcome", "treated", "follow_up")
    return grouped_normal(
        "effect", centre, spread, share, deviation, offset, groups, dims, coordinates
    )


def _logp(pinned: np.ndarray, value: Any, *inputs: Any) -> Any:
    """Log-density of all tables: each outcome's own, and the correlation of their means."""
    *of_tables, q = inputs
    mean, log_sd, z, _epsilon, error, n = of_tables[:6]
    exact = (value + error)[..., 0]
    between = fast_between_outcomes_logp(exact, mean, log_sd, z, q, n)
    return longitudinal.balanced_logp(pinned, value, *of_tables).sum() + between


def _random(
    mean: np.ndarray,
    log_sd: np.ndarray,
    z: np.ndarray,
    _epsilon: np.ndarray,
    _error: np.ndarray,
    n: np.ndarray,
    *rest: Any,
    **_size: Any,
) -> np.ndarray:
    q, rng = rest[-2:]
    shape = (q.shape[-1], -1)
    mu, log_sigma, partial_z = (
        array.reshape(*shape, array.shape[-1]) for array in (mean, log_sd, z)
    )
    means = draw_means(rng, mu, log_sigma, partial_z, n[..., 0].reshape(shape), q)
    _, sds = draw_table(rng, mean, log_sd, z, n)
    return np.stack([means.reshape(sds.shape), sds], axis=-1)
