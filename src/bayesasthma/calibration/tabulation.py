"""From ranks to tables: uniformity, coverage, z-scores, contraction and a verdict."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bayesasthma.calibration.quantities import KEPT, RANK_DRAWS

#: Bins of the chi-squared test: four ranks each.
BINS = 16
#: Rounding error of a share.
EPSILON = 1e-9
LEVELS = (0.5, 0.8, 0.95)

# Tolerances, stated before any run: the chance that a calibrated model fails either check, over all
# quantities of a case together, is at most this.
FALSE_ALARM = 0.01

COLUMNS = [
    "case", "quantity", "replicates", "chi2_p", "chi2_p_holm",
    "coverage_50", "coverage_80", "coverage_95", "mean_z", "sd_z", "contraction",
    "ess_min", "verdict", "counts",
]  # fmt: skip

#: Columns that say nothing of a claim, which is true (1) or not (0).
NOT_OF_CLAIMS = (*(f"coverage_{level * 100:.0f}" for level in LEVELS), "mean_z", "sd_z")

#: Sizes of an effect, in baseline SDs, between which coverage is given.
SIZES = (0.0, 1.0, 2.0, 4.0, np.inf)
SIZE_COLUMNS = [
    "case", "size_from", "size_to", "studies", "coverage_95", "coverage_low", "coverage_high",
    "sd_z",
]  # fmt: skip


def rank_counts(ranks: np.ndarray) -> np.ndarray:
    """How often each rank occurred, shape (RANK_DRAWS + 1,)."""
    return np.bincount(ranks.astype(int), minlength=RANK_DRAWS + 1)


def uniformity(counts: np.ndarray) -> float:
    """p-value of the chi-squared test that all ranks are equally likely, in ``BINS`` bins."""
    return float(stats.chisquare(counts.reshape(BINS, -1).sum(axis=1)).pvalue)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values (Holm 1979, Scand J Stat 6:65)."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def rank_table(case: str, names: list[str], values: np.ndarray) -> pd.DataFrame:
    """One row per quantity of a case.

    Parameters
    ----------
    case : str
    names : list of str
    values : ndarray, shape (quantity, replicate, len(KEPT))

    Returns
    -------
    DataFrame
        ``contraction`` is one minus the mean posterior variance over the variance of the truths;
        ``mean_z`` and ``sd_z`` are of (posterior mean - truth) / posterior SD; ``counts`` holds how
        often each rank occurred. ``verdict`` is "calibrated" unless the Holm-adjusted chi-squared
        p is below ``FALSE_ALARM``, or a coverage further from its level than binomial chance
        allows, with the same error over all quantities and levels. A claim (1 or 0) has no
        interval and no z, and is judged by its ranks.
    """
    rows = [_row(name, own) for name, own in zip(names, values, strict=True)]
    table = pd.DataFrame([row for row in rows if row]).assign(case=case)
    table["chi2_p_holm"] = holm(table["chi2_p"].to_numpy())
    has_interval = table["coverage_95"].notna()
    bound = stats.norm.isf(FALSE_ALARM / 2 / (max(has_interval.sum(), 1) * len(LEVELS)))
    sound = table["chi2_p_holm"] >= FALSE_ALARM
    for level in LEVELS:
        error = np.sqrt(level * (1 - level) / table["replicates"])
        # half a replicate is the coarseness of the count
        allowed = bound * error + 0.5 / table["replicates"]
        within = (table[f"coverage_{level * 100:.0f}"] - level).abs() <= allowed
        sound &= within | ~has_interval
    table["verdict"] = np.where(sound, "calibrated", "deviates")
    return table[COLUMNS]


def size_table(case: str, names: list[str], values: np.ndarray) -> pd.DataFrame:
    """Coverage of the headline interval by the size of the true effect.

    Calibration is an average over the prior; this says where it comes from. The headline is the
    baseline-adjusted difference at the last visit, its size in true baseline SDs (root mean square
    over arms).

    Parameters
    ----------
    case, names, values
        As :func:`rank_table` takes them.

    Returns
    -------
    DataFrame
        Columns ``SIZE_COLUMNS``; ``coverage_low`` and ``coverage_high`` are the 95 %
        Clopper-Pearson interval of a coverage estimated from so many studies.
    """
    headline = [k for k, name in enumerate(names) if name.startswith("adjusted_difference[")][-1]
    baseline = [k for k, name in enumerate(names) if re.fullmatch(r"sd\[.*baseline\]", name)]
    field = {name: k for k, name in enumerate(KEPT)}
    truth, mean, sd, pit = (
        values[headline, :, field[name]].astype(float) for name in ("truth", "mean", "sd", "pit")
    )
    unit = np.sqrt((values[baseline, :, field["truth"]].astype(float) ** 2).mean(axis=0))
    size, inside, z = np.abs(truth) / unit, np.abs(pit - 0.5) < 0.475, (mean - truth) / sd
    rows = []
    for low, high in pairwise(SIZES):
        own = (size >= low) & (size < high)
        count, held = int(own.sum()), int(inside[own].sum())
        share, low_share, high_share = share_with_interval(held, count)
        rows.append(
            {
                "case": case,
                "size_from": low,
                "size_to": high,
                "studies": count,
                "coverage_95": share,
                "coverage_low": low_share,
                "coverage_high": high_share,
                "sd_z": z[own].std() if count else np.nan,
            }
        )
    return pd.DataFrame(rows)[SIZE_COLUMNS]


def share_with_interval(held: int, count: int) -> tuple[float, float, float]:
    """A share with its 95 % Clopper-Pearson interval; NaN of none."""
    if not count:
        return np.nan, np.nan, np.nan
    exact = stats.binomtest(held, count).proportion_ci(0.95)
    return held / count, float(exact.low), float(exact.high)


def size_label(low: float, high: float) -> str:
    """The sizes between two bounds, in words."""
    return f"over {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"


def _row(name: str, values: np.ndarray) -> dict[str, Any]:
    own = dict(zip(KEPT, values[np.isfinite(values[:, 0])].T.astype(float), strict=True))
    count = len(own["truth"])
    if count < 2 or np.ptp(own["truth"]) == 0:
        return {}
    counts = rank_counts(own["rank"])
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (own["mean"] - own["truth"]) / own["sd"]
    z = z[np.isfinite(z)]
    row = {
        "quantity": name,
        "replicates": count,
        "chi2_p": uniformity(counts),
        "mean_z": z.mean(),
        "sd_z": z.std(ddof=1),
        "contraction": 1 - np.mean(own["sd"] ** 2) / own["truth"].var(ddof=1),
        "ess_min": own["ess"].min(),
        "counts": " ".join(map(str, counts)),
    }
    for level in LEVELS:
        inside = np.abs(own["pit"] - 0.5) <= level / 2
        row[f"coverage_{level * 100:.0f}"] = inside.mean()
    if np.isin(own["truth"], (0, 1)).all():
        row |= dict.fromkeys(NOT_OF_CLAIMS, np.nan)
    return row


def fit_facts(facts: np.ndarray, seconds: np.ndarray) -> dict[str, Any]:
    """What the diagnostics of all fits of a job say, and what they cost.

    Parameters
    ----------
    facts : ndarray, shape (fit, 4)
        See :attr:`bayesasthma.calibration.fits.Sampled.facts`.
    seconds : ndarray, shape (batch, 3)
        Wall and processor seconds of a worker, and those spent compiling.
    """
    return {
        "fits": len(facts),
        "repeated": int(facts[:, 3].sum()),
        "divergences": int(facts[:, 0].sum()),
        "fits_with_divergences": int((facts[:, 0] > 0).sum()),
        "r_hat_max": round(float(facts[:, 1].max()), 4),
        "ess_min": round(float(facts[:, 2].min()), 1),
        "work_seconds": round(float(seconds[:, 0].sum()), 1),
        "cpu_seconds": round(float(seconds[:, 1].sum()), 1),
        "compile_seconds": round(float(seconds[:, 2].sum()), 1),
    }


@cache
def ecdf_band(count: int, prob: float = 0.95, simulations: int = 2000) -> np.ndarray:
    """Simultaneous band of the ECDF of uniform ranks, minus the ECDF expected.

    The pointwise binomial band whose level is such that a share ``prob`` of simulated sets of ranks
    stays inside everywhere (Säilynoja, Bürkner and Vehtari 2022, Stat Comput 32:32, section 3.1).

    Parameters
    ----------
    count : int
        Replicates.

    Returns
    -------
    ndarray, shape (2, RANK_DRAWS + 1)
        Lower and upper difference after each rank.
    """
    rng = np.random.default_rng(count)
    expected = np.arange(1, RANK_DRAWS + 2) / (RANK_DRAWS + 1)
    inner = expected[:-1]
    draws = rng.multinomial(count, np.full(RANK_DRAWS + 1, 1 / (RANK_DRAWS + 1)), size=simulations)
    below = draws.cumsum(axis=1)[:, :-1]
    tail = np.minimum(
        stats.binom.cdf(below, count, inner), stats.binom.sf(below - 1, count, inner)
    ).min(axis=1)
    level = np.quantile(tail, 1 - prob)
    bounds = np.stack([stats.binom.ppf(level, count, inner), stats.binom.isf(level, count, inner)])
    band = np.column_stack([bounds / count - inner, np.zeros(2)])
    band.setflags(write=False)  # every caller is given this one
    return band


def outside_band(table: pd.DataFrame) -> int:
    """How many quantities of a case have an ECDF that leaves its 95 % band somewhere.

    Parameters
    ----------
    table : DataFrame
        Rows of :func:`rank_table`.
    """
    found = 0
    for _, own in table.groupby("replicates"):
        low, high = ecdf_band(int(own["replicates"].iloc[0]))
        for text in own["counts"]:
            difference = ecdf_difference(np.array(str(text).split(), dtype=int))
            # the last point is 0 but for rounding
            found += bool(((difference < low - EPSILON) | (difference > high + EPSILON)).any())
    return found


def ecdf_difference(counts: np.ndarray) -> np.ndarray:
    """ECDF of ranks minus the uniform one, after each rank."""
    expected = np.arange(1, len(counts) + 1) / len(counts)
    return np.asarray(counts.cumsum() / counts.sum() - expected)
