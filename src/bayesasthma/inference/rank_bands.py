"""Ranks of each chain's draws among those of all chains, and the band that like chains stay in."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import special, stats

#: Sets of chains simulated for a band, and how many ranks are shuffled at once (one byte each).
SIMULATIONS, BLOCK = 2000, 1 << 21
#: Counts further than so many standard deviations from the mean share the tail at that distance.
REACH = 10.0


def rank_differences(draws: np.ndarray) -> np.ndarray:
    """Share of each chain's draws among the lowest of all chains, less the share expected.

    Parameters
    ----------
    draws : ndarray, shape (chain, draw, quantity)

    Returns
    -------
    ndarray, shape (chain, quantity, draw + 1)
        At 0, 1/draw, 2/draw, ..., 1 of all chains' draws in order.
    """
    chains, length, quantities = draws.shape
    pooled = draws.reshape(-1, quantities)
    ranks = stats.rankdata(pooled, method="ordinal", axis=0).astype(int) - 1
    lowest = (ranks // chains).reshape(draws.shape)
    counts = np.zeros((chains, quantities, length + 1))
    for chain in range(chains):
        for quantity in range(quantities):
            own = np.bincount(lowest[chain, :, quantity], minlength=length)
            counts[chain, quantity, 1:] = own.cumsum()
    return np.asarray(counts / length - np.arange(length + 1) / length)


@cache
def rank_band(chains: int, length: int, prob: float = 0.99) -> np.ndarray:
    """Simultaneous band of :func:`rank_differences`, of one quantity and all of its chains.

    The pointwise hypergeometric band whose level is such that a share ``prob`` of simulated sets of
    independent, alike chains stays inside everywhere.

    Parameters
    ----------
    chains, length : int
        Chains, and draws of each.
    prob : float

    Returns
    -------
    ndarray, shape (2, length + 1)
        Lower and upper difference.

    References
    ----------
    Säilynoja T, Bürkner P-C, Vehtari A. Stat Comput 2022;32:32, section 3.
    """
    bounds = np.zeros((2, length + 1))
    if length < 2:
        return bounds
    first, below, above = _tails(chains, length)
    smaller = np.minimum(below, above)
    rng = np.random.default_rng(chains * length)
    size = max(1, BLOCK // (chains * length))
    least = [
        _least(rng, min(size, SIMULATIONS - start), chains, length, first, smaller)
        for start in range(0, SIMULATIONS, size)
    ]
    level = np.quantile(np.concatenate(least), 1 - prob)
    inner = np.arange(1, length)
    low = first + (below >= level).argmax(axis=1)
    high = first + smaller.shape[1] - 1 - (above >= level)[:, ::-1].argmax(axis=1)
    bounds[:, 1:-1] = np.stack([low - inner, high - inner]) / length
    bounds.setflags(write=False)  # every caller is given this one
    return bounds


def _tails(chains: int, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P(at most x) and P(at least x) of one chain's draws among the lowest ``i`` in ``length``.

    Returns
    -------
    first : ndarray of int, shape (point,)
        The first ``x`` at each point ``i = 1, ..., length - 1``.
    below, above : ndarray, shape (point, count)
    """
    total, point = chains * length, np.arange(1, length)
    share = point / length
    spread = np.sqrt(length * share * (1 - share) * (total - length) / (total - 1)).max()
    reach = int(np.ceil(REACH * spread)) + 1
    first = point - reach
    x = first[:, None] + np.arange(2 * reach + 1)
    others = (chains * point)[:, None] - x
    possible = (x >= 0) & (x <= length) & (others >= 0) & (others <= total - length)
    log_factorial = special.gammaln(np.arange(total + 1) + 1.0)

    def log_choose(n: int, k: np.ndarray) -> np.ndarray:
        k = np.clip(k, 0, n)
        return np.asarray(log_factorial[n] - log_factorial[k] - log_factorial[n - k])

    log_mass = log_choose(length, x) + log_choose(total - length, others)
    mass = np.exp(
        np.where(possible, log_mass - log_choose(total, chains * point)[:, None], -np.inf)
    )
    return first, mass.cumsum(axis=1), mass[:, ::-1].cumsum(axis=1)[:, ::-1]


def _least(
    rng: np.random.Generator,
    count: int,
    chains: int,
    length: int,
    first: np.ndarray,
    smaller: np.ndarray,
) -> np.ndarray:
    """Smallest tail probability over chains and points, of ``count`` sets of like chains."""
    labels = np.repeat(np.arange(chains, dtype=np.int8), length)
    order = rng.permuted(np.broadcast_to(labels, (count, labels.size)), axis=1)
    found = np.ones(count)
    rows = np.arange(length - 1)
    most = smaller.shape[1] - 1
    for chain in range(chains):
        own = (order == chain).reshape(count, length, chains)
        among = own.sum(axis=2, dtype=np.int32).cumsum(axis=1)[:, :-1]
        tail = smaller[rows, np.clip(among - first, 0, most)]
        found = np.minimum(found, tail.min(axis=1))
    return found
