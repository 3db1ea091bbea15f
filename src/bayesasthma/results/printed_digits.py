"""How many digits of a number its Monte Carlo error supports."""

from __future__ import annotations

import numpy as np
from scipy import stats

#: Most decimals that are ever printed.
MOST = 6


def supported_decimals(mcse: float, most: int = MOST) -> int:
    """Decimals whose last one is worth at least two thirds of a Monte Carlo standard error.

    With the last digit a unit of ``10^-d``, ``d`` is the largest number with ``10^-d >= 2 mcse /
    sqrt(10)``, the rule that probabilities are printed by
    (:func:`bayesasthma.results.summaries.format_probability`).

    Parameters
    ----------
    mcse : float
        Monte Carlo standard error; 0 or not finite where it is not known.
    most : int
        What the number is printed with at most, as a posterior SD supports; may be negative.

    Returns
    -------
    int
        Negative where not even the last whole digit is supported: -1 for tens.
    """
    if not np.isfinite(mcse) or mcse <= 0:
        return min(most, MOST)
    return int(min(most, np.floor(-np.log10(2 * mcse / np.sqrt(10)) + 1e-12)))


def interval_mcse(sd: float, ess: float, prob: float) -> float:
    """Monte Carlo standard error of an end of an equal-tailed interval of about normal draws.

    ``sqrt(q (1 - q) / ess) / f(x_q)`` with the density ``f`` of a normal distribution at its
    quantile ``x_q``: for 95 % 2.7 times the error of a mean of as many effective draws.

    Parameters
    ----------
    sd : float
        Posterior SD.
    ess : float
        Effective sample size of the tails.
    prob : float
        Mass of the interval.
    """
    if not (np.isfinite(ess) and ess > 0):
        return float("nan")
    q = (1 - prob) / 2
    return float(sd * np.sqrt(q * (1 - q) / ess) / stats.norm.pdf(stats.norm.ppf(q)))


def rounded(value: float, decimals: int) -> str:
    """A number with so many decimals; -1 rounds to tens."""
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text
