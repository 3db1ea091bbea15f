"""R-hat and effective sample sizes of many quantities at once.

The definitions are ArviZ's, which computes one quantity after the other; a curve of hundreds of
fits has some hundred thousand of them. Tests hold the two equal.

Sorting and Fourier transforms go along a quantity's own draws: inside, arrays are (quantity, chain,
draw) in that order of memory, a few hundred quantities at a time so that they stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft, special

#: Offset of the rank transformation (Blom 1958).
BLOM = 3 / 8
#: Quantile, and one less it, whose indicators give the effective size of the tails.
TAIL = 0.11
#: Draws of as many quantities are worked on at once as have this many numbers (4 MB).
BLOCK = 1 << 19


def diagnose(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R-hat, bulk and tail effective sample size, sharing what they have in common.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, quantity)

    Returns
    -------
    r_hat, ess_bulk, ess_tail : ndarray, shape (quantity,)
    """

    def block(rows: np.ndarray) -> np.ndarray:
        scores = _normal_scores(_split(rows))
        return np.stack([_r_hat(rows, scores), _ess(scores), _ess_tail(rows, TAIL)])

    r_hat, bulk, tail = _by_block(block, draws, 3)
    return r_hat, bulk, tail


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
    return _one(lambda rows: _r_hat(rows, _normal_scores(_split(rows))), draws)


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Effective sample size of the rank-normalised draws; shapes as in :func:`r_hat`."""
    return _one(lambda rows: _ess(_normal_scores(_split(rows))), draws)


def ess_tail(draws: np.ndarray, prob: float = TAIL) -> np.ndarray:
    """Smaller of the effective sample sizes of the indicators of two quantiles.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, quantity)
    prob : float
        The quantiles are ``prob`` and ``1 - prob``; ArviZ's default is 0.11.
    """
    return _one(lambda rows: _ess_tail(rows, prob), draws)


def ess_mean(draws: np.ndarray) -> np.ndarray:
    """Effective sample size for the mean; shapes as in :func:`r_hat`."""
    return _one(lambda rows: _ess(_split(rows)), draws)


def constant(draws: np.ndarray) -> np.ndarray:
    """Which quantities do not vary, but for the last digits of their arithmetic."""
    return _constant(np.ptp(draws, axis=(0, 1)), np.abs(draws).max(axis=(0, 1)))


def _constant(spread: np.ndarray, size: np.ndarray) -> np.ndarray:
    still: np.ndarray = np.less_equal(spread, 16 * float(np.finfo(float).eps) * size)
    return still


def _one(function: Callable[[np.ndarray], np.ndarray], draws: np.ndarray) -> np.ndarray:
    """One number (quantity,) of draws (chain, draw, quantity)."""
    found: np.ndarray = _by_block(lambda rows: function(rows)[None], draws)[0]
    return found


def _by_block(
    block: Callable[[np.ndarray], np.ndarray], draws: np.ndarray, results: int = 1
) -> np.ndarray:
    """Results (result, quantity) of draws (chain, draw, quantity), some quantities at a time."""
    chains, length, quantities = draws.shape
    found = np.empty((results, quantities))
    size = max(1, BLOCK // max(1, chains * length))
    for first in range(0, quantities, size):
        own = slice(first, first + size)
        rows = np.ascontiguousarray(draws[:, :, own].transpose(2, 0, 1), dtype=float)
        found[:, own] = block(rows)
    return found


def _split(rows: np.ndarray) -> np.ndarray:
    half = rows.shape[2] // 2
    return np.concatenate([rows[:, :, :half], rows[:, :, -half:]], axis=1)


def _r_hat(rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """R-hat (quantity,) of draws and the normal scores of their halves."""
    split = _split(rows)
    folded = np.abs(split - np.median(_flat(split), axis=1)[:, None, None])
    ratio = np.maximum(
        _potential_scale_reduction(scores), _potential_scale_reduction(_normal_scores(folded))
    )
    flat = _flat(rows)
    return np.where(_constant(np.ptp(flat, axis=1), np.abs(flat).max(axis=1)), np.nan, ratio)


def _ess_tail(rows: np.ndarray, prob: float) -> np.ndarray:
    low, high = np.quantile(_flat(rows), [prob, 1 - prob], axis=1)[..., None, None]
    below = (_ess(_split((rows <= limit).astype(float))) for limit in (low, high))
    smaller: np.ndarray = np.minimum(*below)
    return smaller


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1)


def _normal_scores(rows: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks over chains and draws."""
    flat = _flat(rows)
    size = flat.shape[1]
    order = flat.argsort(axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    by_rank = special.ndtri((np.arange(1, size + 1) - BLOM) / (size - 2 * BLOM + 1))
    scores = np.empty(flat.shape)
    np.put_along_axis(scores, order, np.broadcast_to(by_rank, flat.shape), axis=1)
    # neither ties nor NaN are ranked by sorting alone
    special_cases = ~(np.diff(ordered, axis=1) > 0).all(axis=1)
    if special_cases.any():
        from scipy.stats import rankdata  # half a second, hardly ever needed

        ranks = rankdata(flat[special_cases], axis=1)
        scores[special_cases] = special.ndtri((ranks - BLOM) / (size - 2 * BLOM + 1))
    return scores.reshape(rows.shape)


def _potential_scale_reduction(scores: np.ndarray) -> np.ndarray:
    length = scores.shape[2]
    between = length * np.var(scores.mean(axis=2), axis=1, ddof=1)
    within = np.var(scores, axis=2, ddof=1).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = np.sqrt((between / within + length - 1) / length)
    return ratio


def _ess(rows: np.ndarray) -> np.ndarray:
    """Geyer's initial monotone sequence over lags, pooled over chains."""
    _, chains, length = rows.shape
    total = chains * length
    means = rows.mean(axis=2)
    padded = fft.next_fast_len(2 * length)
    wave = fft.rfft(rows - means[:, :, None], n=padded, axis=2)
    # the transform is linear: of the chains' mean power, one goes back instead of one per chain
    power = (wave.real**2 + wave.imag**2).mean(axis=1)
    covariance = fft.irfft(power, n=padded, axis=1)[:, :length] / length
    within = covariance[:, 0] * length / (length - 1)
    variance = covariance[:, 0].copy()
    if chains > 1:
        variance += np.var(means, axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1 - (within[:, None] - covariance) / variance[:, None]
    rho[:, 0] = 1.0
    even = rho[:, : length // 2 * 2 : 2]
    pairs = even + rho[:, 1::2][:, : even.shape[1]]
    # the sequence ends with the first pair whose sum is not positive, or with the series
    last = max((length - 3) // 2, 0)
    ends = pairs[:, : last + 1] <= 0
    ends[:, -1] = True
    end = ends.argmax(axis=1)
    steps = np.arange(pairs.shape[1])
    monotone = np.minimum.accumulate(pairs, axis=1)
    kept = np.where(steps < end[:, None], monotone, 0.0).sum(axis=1)
    quantities = np.arange(len(rows))
    final, final_pair = even[quantities, end], pairs[quantities, end]
    tail = np.where((final > 0) | (final_pair >= 0), final, 0.0)
    tau = np.maximum(-1 + 2 * kept + tail, 1 / np.log10(total))
    still = np.ptp(_flat(rows), axis=1) < np.finfo(float).resolution
    return np.where(still, float(total), np.where(np.isfinite(variance), total / tau, np.nan))
