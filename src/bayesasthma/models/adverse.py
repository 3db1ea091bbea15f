"""Graph of the hierarchical beta-binomial model of adverse-reaction counts."""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.shape import specify_shape

from bayesasthma.models.adverse_counts import (
    LEVEL_LOCATION,
    LEVEL_SCALE,
    OVERDISPERSION,
    POOLING,
    Counts,
    concentration,
    prior_data,
    rates,
)
from bayesasthma.models.mixtures import pooled_mixture
from bayesasthma.priors.distributions import PriorSet


def _effects(model: pm.Model) -> dict[str, Any]:
    """Effects on the log odds; a mixture is centred, since components cannot be told apart else."""
    location, scale = model["fewer_location"], model["fewer_scale"]
    if "fewer_tail" in model:
        tail, weight, constant = (model[f"fewer_{n}"] for n in ("tail", "weight", "constant"))
        dims = ("treated", "reaction")
        share = model["pooling"]
        return {
            "fewer": pooled_mixture("fewer", location, scale, tail, weight, constant, share, dims)
        }
    return {
        "effect_common": pm.Normal("effect_common", 0, 1, dims="treated"),
        "effect_own": pm.Normal("effect_own", 0, 1, dims=("reaction", "treated")),
        "fewer_location": location,
        "fewer_scale": scale,
    }


def build(data: Counts, prior: PriorSet) -> pm.Model:
    """The hierarchical beta-binomial model.

    ``events``, ``at_risk`` and what :func:`prior_data` returns swap without compiling.
    """
    coords = {
        "reaction": list(data.reactions),
        "treated": list(data.arms[1:]),
        "cell": range(len(data.events)),
    }
    with pm.Model(coords=coords) as model:
        size = (len(data.events),)
        events = pm.Data("events", data.events, dims="cell")
        at_risk = specify_shape(pm.Data("at_risk", data.at_risk, dims="cell"), size)
        for name, value in prior_data(data, prior).items():
            pm.Data(name, value, shape=value.shape)
        parameters = {
            "level": pm.Normal("level", LEVEL_LOCATION, LEVEL_SCALE, dims="reaction"),
            "pooling": pm.Beta("pooling", *POOLING),
            "overdispersion": pm.Beta("overdispersion", *OVERDISPERSION),
        }
        parameters |= _effects(model)
        rate = rates(parameters, prior, data.arm_share, pt)[data.reaction, data.arm]
        total = concentration(parameters)
        pm.BetaBinomial(
            "count",
            alpha=rate * total,
            beta=(1 - rate) * total,
            n=at_risk,
            observed=events,
            dims="cell",
        )
    return model
