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
from bayesasthma.models.joint_data import POOLING, data, typical_correlation
from bayesasthma.models.moments import moments
from bayesasthma.models.outcome_groups import (
    OutcomeGroups,
    deviations,
    outcome_correlation,
    outcome_groups,
    unsuitable,
)
from bayesasthma.models.specification import TableSpec

__all__ = ["build", "data", "typical_correlation"]


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
