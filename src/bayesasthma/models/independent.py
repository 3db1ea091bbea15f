"""The analytic benchmark: every visit by itself, no pooling and no correlations.

Under ``reference`` with one SD over the arms the posterior of a difference in means is Student's t;
with one SD per arm it is the Behrens-Fisher distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.likelihood.tables import table_logp
from bayesasthma.models.design import Design
from bayesasthma.models.independent_data import cells, data, moments, sd_groups
from bayesasthma.models.mixtures import single_mixture
from bayesasthma.models.prior_scales import LOG_SD_SCALE
from bayesasthma.models.specification import TableSpec

__all__ = ["build", "cells", "data", "moments"]


def _location(model: pm.Model) -> Any:
    centre, scale = model["location_centre"], model["location_scale"]
    if "location_tail" not in model:
        return pm.Normal("location", centre, scale, dims="cell")
    tail, weight, constant = (model[f"location_{n}"] for n in ("tail", "weight", "constant"))
    return single_mixture("location", centre, scale, tail, weight, constant, ("cell",))


def build(design: Design, spec: TableSpec) -> pm.Model:
    """The PyMC model: ``location`` is a mean, or for treated cells a difference from control."""
    printed = cells(design)
    groups = sd_groups(printed, spec)
    size = len(printed.mean)
    coords = {
        "cell": range(size),
        "sd_group": range(int(groups.max()) + 1),
        "moment": ["mean", "sd"],
    }
    with pm.Model(coords=coords, check_bounds=False) as model:
        for name, value in data(design, spec).items():
            pm.Data(name, value, shape=value.shape)
        if spec.prior.flat:
            parameters: dict[str, Any] = {
                "location": pm.Flat("location", dims="cell"),
                "log_sd": pm.Flat("log_sd", dims="sd_group"),
            }
        else:
            parameters = {
                "location": _location(model),
                "log_sd": pm.Normal("log_sd", 0, LOG_SD_SCALE, dims="sd_group"),
            }
        mean, log_sd = moments(parameters, printed, spec)
        error: Any = np.zeros((size, 2))
        if spec.rounding:
            score = pm.Normal("rounding_0", 0, 1, dims=("cell", "moment"))
            error = 0.5 * pt.erf(score / np.sqrt(2)) * model["step_0"]

        def logp(value: Any, mean: Any, log_sd: Any, error: Any, n: Any, constant: Any) -> Any:
            exact = (value + error)[..., None]
            return table_logp(
                exact[..., 0, :],
                exact[..., 1, :],
                mean[..., None],
                log_sd[..., None],
                mean[..., None][..., :0],
                mean[..., None][..., :0],
                n,
                constant,
                np.zeros((size, 0)),
                np.zeros(0, dtype=bool),
                np.zeros((size, 0)),
                balanced=True,
                xp=pt,
            )[..., 0]

        pm.CustomDist(
            "table_0",
            mean,
            log_sd,
            error,
            model["n_0"],
            model["constant_0"],
            logp=logp,
            signature="(),(),(m),(r),(r)->(m)",
            observed=model["printed_0"],
            dims=("cell", "moment"),
        )
    return model
