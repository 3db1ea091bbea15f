"""Simulated patients and the table that a paper would print of them."""

from __future__ import annotations

import numpy as np

from bayesasthma.likelihood.correlation import cholesky_from_z, unpack_lower

#: A paper adds a decimal rather than print an SD of one rounding unit.
SMALLEST_SD_STEPS = 1.5


def normal_patients(
    rng: np.random.Generator,
    mean: np.ndarray,
    sd: np.ndarray,
    z: np.ndarray,
    n: np.ndarray,
    between: np.ndarray | None = None,
) -> np.ndarray:
    """Multivariate normal patients of every outcome and arm.

    Parameters
    ----------
    rng : numpy.random.Generator
    mean, sd : ndarray, shape (..., outcome, arm, visit)
    z : ndarray, shape (..., outcome, pair)
        Partial correlations over visits on Fisher's z scale.
    n : ndarray of int, shape (arm, visit)
        Patients seen; those seen at a visit with fewer are among those seen at one with more.
    between : ndarray, shape (outcome, outcome), optional
        Correlation between the outcomes of a patient, given the visits before; none by default.

    Returns
    -------
    ndarray, shape (..., outcome, arm, patient, visit)
        NaN where a patient was not seen.
    """
    patients, visits = int(n.max()), mean.shape[-1]
    noise = rng.standard_normal((*mean.shape[:-1], patients, visits))
    if between is not None:
        noise = np.einsum("kl,...lgit->...kgit", np.linalg.cholesky(between), noise)
    factor = cholesky_from_z(unpack_lower(z[..., None, None, :], visits))
    correlated = np.stack(
        [sum(factor[t][k] * noise[..., k] for k in range(t + 1)) for t in range(visits)], axis=-1
    )
    values = mean[..., None, :] + sd[..., None, :] * correlated
    return np.where(np.arange(patients)[:, None] < n[:, None, :], values, np.nan)


def summarise(patients: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, SD (divisor n - 1) and number of the patients seen, each (..., arm, visit)."""
    return (
        np.nanmean(patients, axis=-2),
        np.nanstd(patients, axis=-2, ddof=1),
        np.isfinite(patients).sum(axis=-2).astype(float),
    )


def as_printed(
    mean: np.ndarray, sd: np.ndarray, mean_step: np.ndarray, sd_step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Round means and SDs to a paper's decimals.

    Parameters
    ----------
    mean, sd : ndarray, shape (..., outcome, arm, visit)
    mean_step, sd_step : ndarray
        Units of rounding, such as 0.1 for one decimal; broadcast to the shape of ``mean``.

    Returns
    -------
    mean, sd, mean_step, sd_step : ndarray
        Rounded; ``sd_step`` is a decimal finer wherever the SD is under one and a half units of it.
    """
    mean_step = np.broadcast_to(mean_step, mean.shape)
    sd_step = np.broadcast_to(sd_step, sd.shape).copy()
    for _ in range(3):
        sd_step = np.where(sd < SMALLEST_SD_STEPS * sd_step, sd_step / 10, sd_step)
    return (
        np.round(mean / mean_step) * mean_step,
        np.round(sd / sd_step) * sd_step,
        mean_step,
        sd_step,
    )
