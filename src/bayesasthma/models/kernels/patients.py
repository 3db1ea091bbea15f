"""Likelihood of patients of all outcomes, with the coefficients of their covariates."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import (
    cube,
    integer_matrix,
    integers,
    matrix,
    returning,
    vector,
)
from bayesasthma.models.kernels.data import length
from bayesasthma.models.kernels.layout import (
    COEFFICIENT,
    COVARIATE_MEAN,
    COVARIATE_ROOT,
    FAMILY,
    FLAT,
    GROUP_N,
    OUTCOMES,
    PATIENTS,
    SEEN,
    SIZES,
    STARTS,
    STATISTICS,
    VISITS,
)
from bayesasthma.models.kernels.patient_groups import group_logp
from bayesasthma.models.kernels.special import normal
from bayesasthma.models.prior_scales import COEFFICIENT_SCALE

GROUPS_LOGP = returning(group_logp)


@returning
def patients_logp(x: Any, gradient: Any, data: Any, cells: Any, cells_: Any) -> Any:  # noqa: C901, PLR0912
    """Log-density of the patients, with the prior of the coefficients.

    Sets the gradient by the coefficients, and adds to the adjoints of the cells.
    """
    sizes, groups = integers(data, SIZES), integer_matrix(data, PATIENTS)
    start = integers(data, STARTS)[COEFFICIENT]
    count, visits, covariates = groups.shape[0], sizes[VISITS], length(data, COVARIATE_MEAN, 1)
    average, root = matrix(data, COVARIATE_MEAN), cube(data, COVARIATE_ROOT)
    mu, log_sd = np.empty((count, visits)), np.empty((count, visits))
    z, expected = np.empty((count, cells.z.shape[1])), np.zeros((count, covariates))
    for s in range(count):
        k, g = groups[s, 0], groups[s, 1]
        shift, place = 0.0, start + k * covariates
        for c in range(covariates):
            shift += average[s, c] * x[place + c]
            for d in range(covariates):
                expected[s, c] += root[s, c, d] * x[place + d]
        for t in range(visits):
            mu[s, t], log_sd[s, t] = cells.mu[k, g, t] + shift, cells.log_sd[k, g, t]
        for i in range(z.shape[1]):
            z[s, i] = cells.z[k, i]
    value, mu_, log_sd_, z_, expected_ = GROUPS_LOGP(
        mu, log_sd, z, expected, cube(data, STATISTICS), vector(data, GROUP_N), matrix(data, SEEN)
    )
    total = 0.0
    for s in range(count):
        total += value[s]
    for i in range(start, start + sizes[OUTCOMES] * covariates):
        gradient[i] = 0.0
        if sizes[FAMILY] != FLAT:
            own, gradient[i] = normal(x[i], 0.0, COEFFICIENT_SCALE)
            total += own
    for s in range(count):
        k, g = groups[s, 0], groups[s, 1]
        shift_, place = 0.0, start + k * covariates
        for t in range(visits):
            cells_.mu[k, g, t] += mu_[s, t]
            cells_.log_sd[k, g, t] += log_sd_[s, t]
            shift_ += mu_[s, t]
        for i in range(z_.shape[1]):
            cells_.z[k, i] += z_[s, i]
        for c in range(covariates):
            gradient[place + c] += average[s, c] * shift_
            for d in range(covariates):
                gradient[place + d] += root[s, c, d] * expected_[s, c]
    return total
