"""Effective number of draws for the mean of one quantity."""

from __future__ import annotations

import numpy as np

from bayesasthma.inference import convergence


def effective_draws(draws: np.ndarray) -> float:
    """Effective sample size for the mean of ``draws`` (chain, draw), at most their number.

    Draws that are all the same are taken for independent.
    """
    total = float(draws.size)
    if np.ptp(draws) == 0:
        return total
    ess = float(convergence.ess_mean(draws[..., None])[0])
    return min(ess, total) if np.isfinite(ess) else total
