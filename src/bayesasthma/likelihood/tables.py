"""Exact likelihood of a printed mean ± SD table whose within-patient correlations are unseen.

One *series* is what is printed of one outcome in one arm: ``R`` rows (visits, or changes from
baseline), each with a mean and an SD. With patients ``y ~ MVN(mu, D(sigma) R D(sigma))`` the sample
mean and the sample covariance are independent, ``mean ~ N(mu, Sigma/n)`` and
``(n-1) S ~ Wishart(n-1, Sigma)``. The table shows the diagonal of ``S`` only; its correlation
matrix ``C`` is a latent variable here, given by its canonical partial correlations on Fisher's z
scale, ``z_C = z_R + epsilon / sqrt(n - 1 - j - 1/2)``. Integrating ``epsilon`` out gives the
likelihood of what was printed. ``docs/likelihood.md`` derives the density.

All functions accept NumPy arrays or PyTensor variables; the caller names the array module (``xp``).
"""

from __future__ import annotations

from math import isqrt, log, pi
from typing import Any

import numpy as np
from scipy import special

from bayesasthma.likelihood.correlation import (
    Array,
    cholesky,
    cholesky_from_z,
    forward_substitute,
    multiply_transpose,
    pairs,
    unpack_lower,
)

LOG_2PI = log(2 * pi)


def fisher_scale(df: np.ndarray) -> np.ndarray:
    """Scale of the latent sample partial correlations on Fisher's z scale, for every pair of rows.

    Parameters
    ----------
    df : ndarray, shape (..., row)
        Degrees of freedom ``n - 1`` of each row.

    Returns
    -------
    ndarray, shape (..., pair)
        ``1 / sqrt(df_i - j - 1/2)``. Any positive scale is exact. This one is close to the sampling
        SD ``1 / sqrt(df_i - j - 2)`` of Fisher (1921, Metron 1:3), so that ``epsilon`` is nearly
        standard normal, and unlike it positive wherever the density exists, ``df_i > i``.
    """
    df = np.asarray(df, dtype=float)
    index = pairs(df.shape[-1])
    if not index:
        return np.zeros((*df.shape[:-1], 0))
    return np.stack([1 / np.sqrt(np.maximum(df[..., i] - j - 0.5, 0.5)) for i, j in index], axis=-1)


def log_constant(df: np.ndarray) -> np.ndarray:
    """Normalising constant of each row's SD density, shape (..., row): ``docs/likelihood.md``."""
    df = np.asarray(df, dtype=float)
    row = np.arange(df.shape[-1])
    rest = df - row
    return (
        -0.5 * row * LOG_2PI
        + (1 - rest / 2) * log(2)
        - special.gammaln(rest / 2)
        + df / 2 * np.log(df)
    )


def log_sech2(z: Array, xp: Any = np) -> Array:
    """``log(1 - tanh(z)**2)`` without cancellation."""
    size = xp.abs(z)
    return 2 * (log(2) - size - xp.log1p(xp.exp(-2 * size)))


def latent_z(
    z_population: Array,
    epsilon: Array,
    scale: Array,
    pinned: np.ndarray,
    pinned_z: Array,
) -> list[list[Array]]:
    """Sample partial correlations on Fisher's z scale: pinned where published, latent elsewhere.

    Parameters
    ----------
    z_population : array, shape (..., pair)
    epsilon : array, shape (..., free pair)
    scale, pinned_z : array, shape (..., pair)
    pinned : ndarray of bool, shape (pair,)
        Which pairs were published.
    """
    size = _row_count(pinned)
    entries: list[list[Array]] = [[None] * i for i in range(size)]
    free = 0
    for k, (i, j) in enumerate(pairs(size)):
        if pinned[k]:
            entries[i][j] = pinned_z[..., k]
        else:
            entries[i][j] = z_population[..., k] + epsilon[..., free] * scale[..., k]
            free += 1
    return entries


def _row_count(pinned: np.ndarray) -> int:
    """Number of rows that have as many pairs as ``pinned``; one row has none."""
    return (1 + isqrt(1 + 8 * len(pinned))) // 2


def table_logp(
    mean: Array,
    sd: Array,
    mu: Array,
    log_sigma: Array,
    z_population: Array,
    epsilon: Array,
    n: Array,
    constant: Array,
    scale: Array,
    pinned: np.ndarray,
    pinned_z: Array,
    *,
    balanced: bool,
    xp: Any = np,
) -> Array:
    """Log-density of printed means and SDs, and of the unseen sample correlations, row by row.

    Row ``i`` holds ``log p(mean_i, sd_i, C_i | rows before i)``, so the sum over rows is the joint
    density of the series. The standard-normal density of ``epsilon`` is divided out: with
    ``epsilon ~ Normal(0, 1)`` as its prior the product is the exact joint density.

    Parameters
    ----------
    mean, sd, mu, log_sigma, n : array, shape (..., row)
        Sample and population moments in one unit; ``n`` patients per row.
    z_population : array, shape (..., pair)
        Partial correlations of the population on Fisher's z scale.
    epsilon : array, shape (..., free pair)
    constant, scale : array
        :func:`log_constant` and :func:`fisher_scale` of ``n - 1``.
    pinned, pinned_z
        See :func:`latent_z`.
    balanced : bool
        Whether ``n`` is equal over rows. If not, patients are taken as nested (those seen at a
        visit with fewer patients are among those seen at a visit with more). The joint density of
        the means is then exact; that of the SDs, where each row keeps its own degrees of freedom,
        is a proper density that approximates it, and is exact again if visits are independent.
    xp : module
        ``numpy`` or ``pytensor.tensor``.

    Returns
    -------
    array, shape (..., row)

    References
    ----------
    Wishart density in Bartlett coordinates: Anderson 2003, An Introduction to Multivariate
    Statistical Analysis, 3rd ed., section 7.2.
    """
    size = _row_count(pinned)
    z_sample = latent_z(z_population, epsilon, scale, pinned, pinned_z)
    factor = cholesky_from_z(unpack_lower(z_population, size), xp)
    sample = cholesky_from_z(z_sample, xp)
    ratio = [sd[..., i] * xp.exp(-log_sigma[..., i]) for i in range(size)]
    columns = [
        forward_substitute(factor, [ratio[i] * sample[i][j] for i in range(j, size)], start=j)
        for j in range(size)
    ]
    mean_factor = factor if balanced else _mean_factor(factor, n, xp)
    residual = [
        (mean[..., i] - mu[..., i]) * xp.exp(-log_sigma[..., i]) * xp.sqrt(n[..., i])
        for i in range(size)
    ]
    whitened = forward_substitute(mean_factor, residual)
    rows = []
    free = 0
    for i in range(size):
        df = n[..., i] - 1
        log_diagonal = xp.log(factor[i][i]) if i else 0.0
        squares = sum(columns[j][i - j] ** 2 for j in range(i + 1))
        log_mean_diagonal = log_diagonal if balanced else xp.log(mean_factor[i][i])
        term = (
            constant[..., i]
            + (df - 1) * xp.log(sd[..., i])
            - df * (log_sigma[..., i] + log_diagonal)
            - 0.5 * df * squares
            - 0.5 * (LOG_2PI + whitened[i] ** 2 - xp.log(n[..., i]))
            - log_sigma[..., i]
            - log_mean_diagonal
        )
        for j in range(i):
            k = i * (i - 1) // 2 + j
            power = 0.5 * (df - j - 1)
            log_det = log_sech2(z_sample[i][j], xp)
            if pinned[k]:
                # the published correlation itself is the datum, not its Fisher z
                term = term + (power - 1) * log_det
            else:
                term = (
                    term
                    + power * log_det
                    + xp.log(scale[..., k])
                    + 0.5 * (LOG_2PI + epsilon[..., free] ** 2)
                )
                free += 1
        rows.append(term)
    return xp.stack(rows, axis=-1)


def _mean_factor(factor: list[list[Array]], n: Array, xp: Any) -> list[list[Array]]:
    """Cholesky factor of the correlation of the sample means when patients are nested."""
    matrix = multiply_transpose(factor)
    for i, j in pairs(len(factor)):
        fewer = xp.minimum(n[..., i], n[..., j])
        matrix[i][j] = matrix[i][j] * xp.sqrt(fewer / xp.maximum(n[..., i], n[..., j]))
    return cholesky(matrix, xp)


def draw_table(
    rng: np.random.Generator,
    mu: np.ndarray,
    log_sigma: np.ndarray,
    z_population: np.ndarray,
    n: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw printed means and SDs of new studies of the same size (unrounded).

    Parameters
    ----------
    rng : numpy.random.Generator
    mu, log_sigma, n : ndarray, shape (..., row)
    z_population : ndarray, shape (..., pair)

    Returns
    -------
    mean, sd : ndarray, shape (..., row)
    """
    shape = np.broadcast_shapes(mu.shape, log_sigma.shape, n.shape)
    size = shape[-1]
    factor = cholesky_from_z(unpack_lower(z_population, size))
    mean_factor = _mean_factor(factor, n, np)
    n = np.broadcast_to(n, shape)
    noise = rng.standard_normal(shape)
    bartlett = [
        [rng.standard_normal(shape[:-1]) for _ in range(i)]
        + [np.sqrt(rng.chisquare(n[..., i] - 1 - i, size=shape[:-1]))]
        for i in range(size)
    ]
    sigma = np.exp(log_sigma)
    mean, sd = np.empty(shape), np.empty(shape)
    for i in range(size):
        mean[..., i] = mu[..., i] + sigma[..., i] / np.sqrt(n[..., i]) * sum(
            mean_factor[i][k] * noise[..., k] for k in range(i + 1)
        )
        squares = sum(
            sum(
                factor[i][k] * bartlett[k][j] * np.sqrt((n[..., i] - 1) / (n[..., k] - 1))
                for k in range(j, i + 1)
            )
            ** 2
            for j in range(i + 1)
        )
        sd[..., i] = sigma[..., i] * np.sqrt(squares / (n[..., i] - 1))
    return mean, sd


def patient_logp(
    mean: Array,
    root: Array,
    mu: Array,
    log_sigma: Array,
    z_population: Array,
    n: Array,
    *,
    seen: np.ndarray | None = None,
    projection: Array | None = None,
    expected: Array | None = None,
    xp: Any = np,
) -> Array:
    """Log-density of the patients of a series, through their sufficient statistics.

    Parameters
    ----------
    mean : array, shape (..., visit)
        Sample means of the patients who were seen at exactly these visits.
    root : array, shape (..., visit, visit)
        Lower-triangular ``F`` with ``F F'`` the sums of squares and products about ``mean``, or
        about the regression on covariates.
    mu, log_sigma : array, shape (..., visit)
        ``mu`` at the patients' mean covariates.
    z_population : array, shape (..., pair)
    n : array, shape (...)
        Number of patients; one is enough.
    seen : ndarray of bool, shape (..., visit), optional
        Visits at which these patients were seen; all by default. At others the statistics are zero.
    projection : array, shape (..., visit, covariate), optional
        Projection of the values on orthogonal directions of the covariates.
    expected : array, shape (..., covariate), optional
        Its expectation, the same at every visit: a covariate's effect does not change with time.
    xp : module

    Returns
    -------
    array, shape (...)
        ``sum_i log MVN(y_i | mu_i, Sigma)``. Visits missing at random drop out of the density
        (Little and Rubin 2019, Statistical Analysis with Missing Data, 3rd ed., section 6.2).
    """
    size = _last_length(mean)
    factor = cholesky_from_z(unpack_lower(z_population, size), xp)
    there = np.ones(size) if seen is None else np.asarray(seen, dtype=float)
    if not there.all():
        # an unseen visit becomes a variable of its own, with variance one and value zero
        matrix = multiply_transpose(factor)
        for i, j in pairs(size):
            matrix[i][j] = matrix[i][j] * (there[..., i] * there[..., j])
        factor = cholesky(matrix, xp)
    inverse = [there[..., i] * xp.exp(-log_sigma[..., i]) for i in range(size)]
    columns = [
        forward_substitute(factor, [root[..., i, j] * inverse[i] for i in range(j, size)], start=j)
        for j in range(size)
    ]
    if projection is not None and expected is not None:
        columns += [
            forward_substitute(
                factor,
                [(projection[..., i, c] - expected[..., c]) * inverse[i] for i in range(size)],
            )
            for c in range(_last_length(projection))
        ]
    columns.append(
        [
            xp.sqrt(n) * value
            for value in forward_substitute(
                factor, [(mean[..., i] - mu[..., i]) * inverse[i] for i in range(size)]
            )
        ]
    )
    squares = sum(value**2 for column in columns for value in column)
    log_det = sum(
        there[..., i] * log_sigma[..., i] + (xp.log(factor[i][i]) if i else 0.0)
        for i in range(size)
    )
    return -0.5 * (n * there.sum(axis=-1) * LOG_2PI + squares) - n * log_det


def _last_length(array: Array) -> int:
    """Length of the last axis of a NumPy array or a PyTensor variable of known shape."""
    return int(array.shape[-1] if isinstance(array, np.ndarray) else array.type.shape[-1])
