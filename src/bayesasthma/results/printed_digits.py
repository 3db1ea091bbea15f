"""How many digits of a number its Monte Carlo error supports."""

from __future__ import annotations

import numpy as np

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


def rounded(value: float, decimals: int) -> str:
    """A number with so many decimals; -1 rounds to tens."""
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text
