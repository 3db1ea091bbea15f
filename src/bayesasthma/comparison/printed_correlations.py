"""Sample correlations with the baseline that a table pins, one by one and in words."""

from __future__ import annotations

import numpy as np

from bayesasthma.likelihood.correlation import pairs
from bayesasthma.models.design import Design

Cell = tuple[int, int, int]


def baseline_correlations(layout: Design) -> dict[Cell, float]:
    """Sample correlation of each visit with the baseline, where the table pins it.

    Through a printed SD of change beside both levels (Cochrane Handbook, 16.1.3.2), or published.

    Returns
    -------
    dict
        By outcome, arm and visit, as positions in the design.
    """
    found: dict[Cell, float] = {}
    for table in layout.tables:
        first = table.functional[0]
        if layout.baseline is None or first.min() < 0 or first[layout.baseline] != 1:
            continue
        for number, (i, j) in enumerate(pairs(table.rows)):
            if j == 0 and table.pinned[number]:
                visit = int(np.argmax(table.functional[i]))
                for s, (k, g) in enumerate(zip(table.outcome, table.arm, strict=True)):
                    found[int(k), int(g), visit] = float(np.tanh(table.pinned_z[s, number]))
    return found


def adjusted_at(rho: np.ndarray, pinned: np.ndarray, prior_rho: float) -> str:
    """At which correlation estimates are adjusted for baseline, in words.

    Parameters
    ----------
    rho : ndarray
        Of every estimate; NaN where none enters it.
    pinned : ndarray of bool
        Which of them the table pins.
    prior_rho : float
        What stands in where it does not.
    """
    used = np.isfinite(rho)
    if not used.any():
        return ""
    printed = rho[used & pinned]
    if not len(printed):
        return f"at a within-patient correlation of {prior_rho:.2f}, the median of its prior"
    low, high = (f"{value:.2f}" for value in (printed.min(), printed.max()))
    span = low if low == high else f"{low} to {high}"
    text = f"at the within-patient correlations that the table pins ({span})"
    if len(printed) < used.sum():
        text += f", and at {prior_rho:.2f}, the median of its prior, where it pins none"
    return text
