"""R-hat and effective sample sizes of many quantities at once.

The definitions are ArviZ's, which computes one quantity after the other; a curve of hundreds of
fits has some hundred thousand of them. Tests hold the two equal.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, special, stats

#: Offset of the rank transformation (Blom 1958).
BLOM = 3 / 8


def diagnose(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R-hat, bulk and tail effective sample size, sharing what they have in common.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, quantity)

    Returns
    -------
    r_hat, ess_bulk, ess_tail : ndarray, shape (quantity,)
    """
    split = _split(draws)
    scores = _normal_scores(split)
    folded = _normal_scores(np.abs(split - np.median(split, axis=(0, 1))))
    ratio = np.maximum(_potential_scale_reduction(scores), _potential_scale_reduction(folded))
    return np.where(constant(draws), np.nan, ratio), _ess(scores), ess_tail(draws)


def r_hat(draws: np.ndarray) -> np.ndarray:
    """Rank-normalised split R-hat, the larger of bulk and folded (Vehtari et al. 2021).

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, quantity)

    Returns
    -------
    ndarray, shape (quantity,)
        NaN for a quantity that does not vary.

    References
    ----------
    Vehtari A et al. Bayesian Anal 2021;16:667-718.
    """
    split = _split(draws)
    folded = np.abs(split - np.median(split, axis=(0, 1)))
    ratio = np.maximum(
        _potential_scale_reduction(_normal_scores(split)),
        _potential_scale_reduction(_normal_scores(folded)),
    )
    return np.where(constant(draws), np.nan, ratio)


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Effective sample size of the rank-normalised draws; shapes as in :func:`r_hat`."""
    return _ess(_normal_scores(_split(draws)))


def ess_tail(draws: np.ndarray, prob: float = 0.11) -> np.ndarray:
    """Smaller of the effective sample sizes of the indicators of two quantiles.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, quantity)
    prob : float
        The quantiles are ``prob`` and ``1 - prob``; ArviZ's default is 0.11.
    """
    low, high = np.quantile(draws, [prob, 1 - prob], axis=(0, 1))
    smaller: np.ndarray = np.minimum(ess_mean(draws <= low), ess_mean(draws <= high))
    return smaller


def ess_mean(draws: np.ndarray) -> np.ndarray:
    """Effective sample size for the mean; shapes as in :func:`r_hat`."""
    return _ess(_split(np.asarray(draws, dtype=float)))


def _split(draws: np.ndarray) -> np.ndarray:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def constant(draws: np.ndarray) -> np.ndarray:
    """Which quantities do not vary, but for the last digits of their arithmetic."""
    spread, size = np.ptp(draws, axis=(0, 1)), np.abs(draws).max(axis=(0, 1))
    still: np.ndarray = np.less_equal(spread, 16 * float(np.finfo(float).eps) * size)
    return still


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks over chains and draws."""
    size = values.shape[0] * values.shape[1]
    flat = values.reshape(size, -1)
    order = flat.argsort(axis=0)
    ordered = np.take_along_axis(flat, order, axis=0)
    by_rank = special.ndtri((np.arange(1, size + 1) - BLOM) / (size - 2 * BLOM + 1))
    scores = np.empty(flat.shape)
    np.put_along_axis(scores, order, np.broadcast_to(by_rank[:, None], flat.shape), axis=0)
    # neither ties nor NaN are ranked by sorting alone
    special_cases = ~(np.diff(ordered, axis=0) > 0).all(axis=0)
    if special_cases.any():
        ranks = stats.rankdata(flat[:, special_cases], axis=0)
        scores[:, special_cases] = special.ndtri((ranks - BLOM) / (size - 2 * BLOM + 1))
    return scores.reshape(values.shape)


def _potential_scale_reduction(scores: np.ndarray) -> np.ndarray:
    length = scores.shape[1]
    between = length * np.var(scores.mean(axis=1), axis=0, ddof=1)
    within = np.var(scores, axis=1, ddof=1).mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = np.sqrt((between / within + length - 1) / length)
    return ratio


def _ess(values: np.ndarray) -> np.ndarray:
    """Geyer's initial monotone sequence over lags, pooled over chains (chain, draw, quantity)."""
    chains, length, _ = values.shape
    total = chains * length
    centred = values - values.mean(axis=1, keepdims=True)
    padded = fft.next_fast_len(2 * length)
    power = fft.rfft(centred, n=padded, axis=1)
    covariance = fft.irfft(power * np.conjugate(power), n=padded, axis=1)[:, :length] / length
    covariance = covariance.mean(axis=0)
    within = covariance[0] * length / (length - 1)
    variance = covariance[0].copy()
    if chains > 1:
        variance += np.var(values.mean(axis=1), axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1 - (within - covariance) / variance
    rho[0] = 1.0
    even = rho[: length // 2 * 2 : 2]
    pairs = even + rho[1::2][: len(even)]
    # the sequence ends with the first pair whose sum is not positive, or with the series
    last = max((length - 3) // 2, 0)
    ends = pairs[: last + 1] <= 0
    ends[-1] = True
    end = ends.argmax(axis=0)
    steps = np.arange(len(pairs))[:, None]
    kept = np.where(steps < end, np.minimum.accumulate(pairs, axis=0), 0.0).sum(axis=0)
    columns = np.arange(values.shape[2])
    final, final_pair = even[end, columns], pairs[end, columns]
    tail = np.where((final > 0) | (final_pair >= 0), final, 0.0)
    tau = np.maximum(-1 + 2 * kept + tail, 1 / np.log10(total))
    still = np.ptp(values, axis=(0, 1)) < np.finfo(float).resolution
    return np.where(still, float(total), np.where(np.isfinite(variance), total / tau, np.nan))
