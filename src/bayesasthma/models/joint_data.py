"""Data and hyperparameters of the joint model, of the graph and of the kernel alike."""

from __future__ import annotations

import numpy as np

from bayesasthma.models import longitudinal_data
from bayesasthma.models.design import Design
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.outcome_groups import OutcomeGroups, outcome_correlation
from bayesasthma.models.specification import TableSpec

#: Scale of an outcome's deviation from its domain, in baseline SDs: log-normal, median and log SD.
DEVIATION_SCALE, DEVIATION_LOG_SD = 0.4, 0.5
#: Beta priors of the shares of a patient's variance: of a factor common to all outcomes with a
#: direction, and of one common to a domain, of what the first leaves. docs/models.md: sources.
GENERAL_SHARE, DOMAIN_SHARE = (3.0, 10.0), (3.0, 3.0)
#: Beta prior of the correlation of a domain's effects between visits.
POOLING = (3.0, 3.0)


def data(design: Design, spec: TableSpec) -> dict[str, np.ndarray]:
    """Everything that another study of the same shape, or other prior scales, would change.

    Returns
    -------
    dict of ndarray
        As :func:`bayesasthma.models.longitudinal_data.data`, and the hyperparameters of the joint
        model: ``general_share_prior``, ``domain_share_prior`` (the two parameters of a beta
        distribution) and ``deviation_prior`` (median and log SD).
    """
    if not spec.prior.flat:
        effect_prior(design, spec)  # refuses priors that are not normal
    values = longitudinal_data.data(design, spec)
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
