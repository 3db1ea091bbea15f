"""Exact and trend tests of tables larger than two by two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

FloatArray = NDArray[np.float64]

#: Tables that are enumerated; beyond that p is simulated.
TABLES = 400_000
#: Simulated tables, and the standard errors that their p is given with.
SIMULATED, ERRORS = 20_000, 4.5
#: Probabilities this close are ties (as for two by two tables).
TIE = 1 + 1e-7


@dataclass(frozen=True)
class ExactP:
    """p of an exact test, with bounds that differ from it only where p was simulated."""

    p: float
    low: float
    high: float


def fisher_freeman_halton(table: ArrayLike) -> ExactP:
    """Fisher's exact test of an r × c table (Freeman & Halton 1951, Biometrika 38:141).

    The probability, given both margins, of tables no more probable than the observed one. Tables of
    two rows (or columns) are enumerated up to `TABLES` of them; otherwise p is simulated from
    `SIMULATED` random tables with a fixed seed, and its bounds are `ERRORS` standard errors away.

    Parameters
    ----------
    table : array_like of int, shape (row, column)
        Counts; empty rows and columns do not matter.

    Returns
    -------
    ExactP
        1 where a table has fewer than two non-empty rows or columns.
    """
    counts = np.asarray(table, dtype=float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return ExactP(1.0, 1.0, 1.0)
    if counts.shape[0] > 2 and counts.shape[1] == 2:
        counts = counts.T
    if counts.shape[0] == 2:
        p = _two_rows(counts)
        if p is not None:
            return ExactP(p, p, p)
    return _simulated(counts)


def _two_rows(counts: FloatArray) -> float | None:
    """Enumerate first rows category by category; None if there are too many."""
    total, columns = counts[0].sum(), counts.sum(axis=0)
    sums, logs = np.zeros(1), np.zeros(1)
    left = columns.sum()
    for size in columns:
        left -= size
        if len(sums) * (size + 1) > TABLES:
            return None
        k = np.arange(size + 1)
        choose = _log_choose(size, k)
        sums = (sums[:, None] + k).ravel()
        logs = (logs[:, None] + choose).ravel()
        possible = (sums <= total) & (sums >= total - left)
        sums, logs = sums[possible], logs[possible]
    logs = logs - _log_choose(columns.sum(), total)
    observed = _log_choose(columns, counts[0]).sum() - _log_choose(columns.sum(), total)
    return float(min(np.exp(logs)[logs <= observed + np.log(TIE)].sum(), 1.0))


def _log_choose(n: ArrayLike, k: ArrayLike) -> FloatArray:
    n, k = np.asarray(n, dtype=float), np.asarray(k, dtype=float)
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def _simulated(counts: FloatArray) -> ExactP:
    rows, columns = counts.sum(axis=1).astype(int), counts.sum(axis=0).astype(int)
    drawn = stats.random_table(rows, columns).rvs(
        SIMULATED, random_state=np.random.default_rng(19510601)
    )
    weight = -special.gammaln(np.asarray(drawn, dtype=float) + 1).sum(axis=(1, 2))
    observed = -special.gammaln(counts + 1).sum()
    hits = int((weight <= observed + np.log(TIE)).sum())
    p = (hits + 1) / (SIMULATED + 1)
    error = ERRORS * np.sqrt(p * (1 - p) / SIMULATED) + 1 / SIMULATED
    return ExactP(p, max(p - error, 0.0), min(p + error, 1.0))


def cochran_armitage(
    events: ArrayLike, n: ArrayLike, scores: ArrayLike | None = None, *, unbiased: bool = False
) -> tuple[float, float]:
    """Test for a linear trend of proportions over ordered arms.

    ``z = Σ s (x - n p) / √(p (1 - p) (Σ n s² - (Σ n s)²/N))`` (Cochran 1954, Biometrics 10:417;
    Armitage 1955, Biometrics 11:375).

    Parameters
    ----------
    events, n : array_like, shape (arm,)
        Patients with the event, and patients.
    scores : array_like, shape (arm,), optional
        By default 0, 1, 2, …
    unbiased : bool
        N - 1 in place of N in the variance: Mantel's (1963) linear-by-linear association.

    Returns
    -------
    z, p : float
        p is two-sided, and 1 where nobody or everybody had the event.
    """
    x, m = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    s = np.arange(len(x), dtype=float) if scores is None else np.asarray(scores, dtype=float)
    total, rate = m.sum(), x.sum() / m.sum()
    spread = (m * s**2).sum() - (m * s).sum() ** 2 / total
    variance = rate * (1 - rate) * spread * (total / (total - 1) if unbiased else 1.0)
    if variance <= 0:
        return 0.0, 1.0
    z = float((s * (x - m * rate)).sum() / np.sqrt(variance))
    return z, float(2 * special.ndtr(-abs(z)))
