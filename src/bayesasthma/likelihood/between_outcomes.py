"""Means of several outcomes of the same patients: what their correlation adds to the density.

For outcome ``k`` in one arm let ``L_k`` be the Cholesky factor of its covariance over visits. The
patients' outcomes are taken to have ``Cov(y_k, y_l) = Q_kl L_k L_l'``, which is a covariance for
every correlation matrix ``Q`` and every set of ``L_k`` (a Kronecker product where they are equal).
Then the whitened residuals ``x_k = L_k^{-1} sqrt(n) (mean_k - mu_k)`` are independent over visits
with correlation ``Q`` between outcomes, and the joint density of the means is that of the outcomes
one by one, times ``N(x_t | 0, Q) / N(x_t | 0, I)`` for every visit ``t``. ``docs/models.md`` says
what this leaves out.
"""

from __future__ import annotations

import numpy as np

from bayesasthma.likelihood.correlation import cholesky_from_z, forward_substitute, unpack_lower


def whitened_means(
    mean: np.ndarray, mu: np.ndarray, log_sigma: np.ndarray, z_population: np.ndarray, n: np.ndarray
) -> np.ndarray:
    """Residuals of sample means, standard normal and independent over visits.

    Parameters
    ----------
    mean, mu, log_sigma, n : ndarray, shape (..., visit)
        ``n`` patients, the same at every visit.
    z_population : ndarray, shape (..., pair)
        Partial correlations over visits on Fisher's z scale.

    Returns
    -------
    ndarray, shape (..., visit)
    """
    factor = cholesky_from_z(unpack_lower(z_population, mean.shape[-1]))
    residual = (mean - mu) * np.exp(-log_sigma) * np.sqrt(n)
    columns = [residual[..., i] for i in range(residual.shape[-1])]
    return np.stack(forward_substitute(factor, columns), axis=-1)


def nested_correlation(q: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Correlation between whitened means of outcomes measured in different numbers of patients.

    Patients are taken as nested (those with the rarer outcome have the other too), so that
    ``Cov(mean_k, mean_l) = Cov(y_k, y_l) / max(n_k, n_l)``.

    Parameters
    ----------
    q : ndarray, shape (..., outcome, outcome)
    n : ndarray, shape (outcome,)
    """
    fewer, more = np.minimum.outer(n, n), np.maximum.outer(n, n)
    result: np.ndarray = q * np.sqrt(fewer / more)
    return result


def between_outcomes_logp(x: np.ndarray, q: np.ndarray, n: np.ndarray) -> np.ndarray:
    """What the correlation between outcomes adds to the log-density of the means, row by row.

    Entry ``k`` is ``log p(x_k | x_l, l < k) - log p(x_k)``, so that the sum over outcomes, arms and
    visits is the log of the joint density over that of independent outcomes.

    Parameters
    ----------
    x : ndarray, shape (..., outcome, arm, visit)
        Whitened residuals.
    q : ndarray, shape (..., outcome, outcome)
        Correlation between outcomes.
    n : ndarray, shape (outcome, arm)

    Returns
    -------
    ndarray, shape (..., outcome, arm, visit)
    """
    added = np.empty(np.broadcast_shapes(x.shape, (*q.shape[:-2], 1, 1, 1)))
    for g in range(n.shape[1]):
        factor = np.linalg.cholesky(nested_correlation(q, n[:, g]))
        scaled = np.linalg.solve(factor, x[..., g, :])
        log_diagonal = np.log(np.diagonal(factor, axis1=-2, axis2=-1))[..., None]
        added[..., g, :] = 0.5 * (x[..., g, :] ** 2 - scaled**2) - log_diagonal
    return added


def draw_means(
    rng: np.random.Generator,
    mu: np.ndarray,
    log_sigma: np.ndarray,
    z_population: np.ndarray,
    n: np.ndarray,
    q: np.ndarray,
) -> np.ndarray:
    """Draw sample means of new studies whose outcomes come from the same patients.

    Parameters
    ----------
    rng : numpy.random.Generator
    mu, log_sigma : ndarray, shape (..., outcome, arm, visit)
    z_population : ndarray, shape (..., outcome, arm, pair)
    n : ndarray, shape (outcome, arm)
    q : ndarray, shape (..., outcome, outcome)

    Returns
    -------
    ndarray, shape (..., outcome, arm, visit)
    """
    x = rng.standard_normal(mu.shape)
    for g in range(n.shape[1]):
        x[..., g, :] = np.linalg.cholesky(nested_correlation(q, n[:, g])) @ x[..., g, :]
    factor = cholesky_from_z(unpack_lower(z_population, mu.shape[-1]))
    correlated = np.stack(
        [sum(row[j] * x[..., j] for j in range(i + 1)) for i, row in enumerate(factor)], axis=-1
    )
    means: np.ndarray = mu + np.exp(log_sigma) * correlated / np.sqrt(n)[..., None]
    return means
