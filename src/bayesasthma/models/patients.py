"""Patients in place of a table: the same moments, observed through sufficient statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.models.design import Design
from bayesasthma.models.graph_ops.patients import fast_patient_logp
from bayesasthma.models.moments import Moments
from bayesasthma.models.prior_scales import COEFFICIENT_SCALE
from bayesasthma.models.specification import TableSpec


def observe_patients(design: Design, moment: Moments, spec: TableSpec) -> None:
    """Observe the patients of all outcomes, and declare the coefficients of their covariates."""
    (block,) = design.patients
    assert design.covariates is not None
    model = pm.modelcontext(None)
    names = list(design.covariates.names)
    mean = moment.mean[block.outcome, block.arm]
    expected = pt.as_tensor(np.zeros((len(block.outcome), 0)))
    if names:
        model.add_coords({"covariate": names})
        dims = ("outcome", "covariate")
        coefficient = (
            pm.Flat("coefficient", dims=dims)
            if spec.prior.flat
            else pm.Normal("coefficient", 0, COEFFICIENT_SCALE, dims=dims)
        )
        own = coefficient[block.outcome]
        mean = mean + (block.covariate_mean * own).sum(axis=-1)[:, None]
        expected = (block.covariate_root * own[:, None, :]).sum(axis=-1)
    statistics = block.statistics
    n, seen = block.n, block.seen.astype(float)

    def logp(value: Any, mean: Any, log_sd: Any, z: Any, expected: Any, _like: Any) -> Any:
        return fast_patient_logp(value, mean, log_sd, z, expected, n, seen)

    model.add_coords(
        {
            "patient_group": range(len(statistics)),
            "patient_statistic": ["mean", *names, *(f"root {visit}" for visit in design.visits)],
        }
    )
    pm.CustomDist(
        "patients",
        mean,
        moment.log_sd[block.outcome, block.arm],
        moment.z[block.outcome],
        expected,
        np.zeros(statistics.shape),
        logp=logp,
        signature="(v),(v),(p),(c),(v,w)->(v,w)",
        observed=statistics,
        dims=("patient_group", "visit", "patient_statistic"),
    )
