"""Patient-level fits: coefficients in outcome units, log-likelihood and predicted tables."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesasthma.likelihood.correlation import cholesky_from_z, unpack_lower
from bayesasthma.likelihood.tables import patient_logp
from bayesasthma.models.design import Design
from bayesasthma.models.moments import Moments
from bayesasthma.models.patient_series import PatientBlock

Parts = tuple[xr.Dataset, xr.DataArray, xr.DataArray, xr.DataArray]


def patient_parts(
    parameters: dict[str, np.ndarray], moment: Moments, layout: Design, rng: np.random.Generator
) -> Parts:
    """What a patient-level fit adds to its draws.

    Returns
    -------
    coefficients : Dataset
        ``covariate_effect`` (chain, draw, outcome, covariate): change of the outcome, in its unit,
        per unit of a numeric covariate or against the first level of another; empty without any.
    predictive, log_likelihood, observed : DataArray
        Means and SDs of new patients seen at the same visits, by outcome, arm and visit; the
        density of each group of patients (standardised); the means and SDs of the patients there
        are.
    """
    (block,) = layout.patients
    assert layout.covariates is not None
    lead = moment.mean.shape[:2]
    names = layout.covariates.names
    coefficient = parameters.get("coefficient", np.zeros((*lead, len(layout.outcomes), 0)))
    own = coefficient[:, :, block.outcome]
    mean = moment.mean[:, :, block.outcome, block.arm]
    mean = mean + (own * block.covariate_mean).sum(axis=-1)[..., None]
    expected = np.einsum("...sc,sdc->...sd", own, block.covariate_root)
    log_sd = moment.log_sd[:, :, block.outcome, block.arm]
    z = moment.z[:, :, block.outcome]
    density = patient_logp(
        block.mean,
        block.root,
        mean,
        log_sd,
        z,
        block.n,
        seen=block.seen,
        projection=block.projection,
        expected=expected,
    )
    extra = xr.Dataset()
    if names:
        natural = coefficient * layout.scale[:, None] / layout.covariates.scale
        extra["covariate_effect"] = xr.DataArray(
            natural,
            dims=("chain", "draw", "outcome", "covariate"),
            coords={"outcome": list(layout.outcomes), "covariate": list(names)},
        )
    replicated = _replicate(rng, block, mean, log_sd, z, expected)
    squares = (block.root**2).sum(axis=-1) + (block.projection**2).sum(axis=-1)
    return (
        extra,
        _cells(*replicated, block, layout),
        xr.DataArray(density, dims=("chain", "draw", "patient_group")),
        _cells(block.mean, squares, block, layout),
    )


def _replicate(
    rng: np.random.Generator,
    block: PatientBlock,
    mean: np.ndarray,
    log_sd: np.ndarray,
    z: np.ndarray,
    expected: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Means, and sums of squares about them, of new patients (chain, draw, series, visit).

    ``n`` patients are ``n`` independent normal vectors: one for the mean, and ``n - 1`` orthogonal
    contrasts, of which the first carry the covariates.
    """
    size = block.seen.shape[1]
    factor = np.zeros((*z.shape[:-1], size, size))
    for i, row in enumerate(cholesky_from_z(unpack_lower(z, size))):
        for j, entry in enumerate(row):
            factor[..., i, j] = entry * np.exp(log_sd[..., i])
    means, squares = np.empty_like(mean), np.empty_like(mean)
    for s, n in enumerate(block.n.astype(int)):
        noise = rng.standard_normal((*mean.shape[:2], n, size))
        noise = noise @ np.swapaxes(factor[:, :, s], -1, -2)
        means[:, :, s] = mean[:, :, s] + noise[:, :, 0] / np.sqrt(n)
        carried = min(n - 1, expected.shape[-1])
        noise[:, :, 1 : 1 + carried] += expected[:, :, s, :carried, None]
        squares[:, :, s] = (noise[:, :, 1:] ** 2).sum(axis=-2)
    return means, squares


def _cells(
    mean: np.ndarray, squares: np.ndarray, block: PatientBlock, layout: Design
) -> xr.DataArray:
    """Pool groups of patients to the mean and SD of each cell, in outcome units; NaN if no SD."""
    arms, visits = len(layout.arms), len(layout.visits)
    cell = block.outcome * arms + block.arm
    member = (cell == np.arange(len(layout.outcomes) * arms)[:, None]).astype(float)
    weight = block.n[:, None] * block.seen
    total = member @ weight
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = np.einsum("ks,...sv->...kv", member, weight * mean) / total
        own = np.einsum("ks,...kv->...sv", member, np.nan_to_num(pooled))
        between = weight * (mean - own) ** 2
        spread = np.einsum("ks,...sv->...kv", member, block.seen * squares + between)
        sd = np.where(total > 1, np.sqrt(spread / (total - 1)), np.nan)
    scale, centre = (np.repeat(x, arms)[:, None] for x in (layout.scale, layout.centre))
    values = np.stack([centre + scale * pooled, scale * sd], axis=-1)
    labels = [(k, g) for k in layout.outcomes for g in layout.arms]
    return xr.DataArray(
        values,
        dims=(*("chain", "draw")[: values.ndim - 3], "series_0", "row_0", "moment"),
        coords={
            "moment": ["mean", "sd"],
            "outcome_0": ("series_0", [k for k, _ in labels]),
            "arm_0": ("series_0", [g for _, g in labels]),
            "visit_0": ("row_0", list(layout.visits)[:visits]),
        },
    )
