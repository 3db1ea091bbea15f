"""``common_change.csv``: frequency properties by common improvement, and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bayesasthma.calibration.common_change import IMPROVEMENTS, KEPT, CommonChangeJob
from bayesasthma.calibration.headline import CONFIDENCE

# Tolerances, stated before any run. A common improvement may move the posterior mean of a contrast
# by at most this share of its standard error, beyond so many Monte Carlo errors of the move.
MOST_SHIFT = 0.05
ERRORS = 3.0
#: A probability above which a benefit is declared, and a one-sided p below which it is.
DECLARED = 0.975

COLUMNS = [
    "baseline", "rho", "n", "improvement", "studies",
    "bias", "bias_error", "shift", "shift_error",
    "coverage", "coverage_error", "type_1", "type_1_error", "p_benefit", "p_benefit_error",
    "ancova_bias", "ancova_bias_error", "ancova_coverage", "ancova_coverage_error",
    "ancova_type_1", "ancova_type_1_error", "ancova_p_benefit", "ancova_p_benefit_error",
    "verdict",
]  # fmt: skip

#: Verdicts: of the cells that the others are compared with; of a shift beyond the tolerance; of too
#: few studies to tell; and of the rest.
REFERENCE, LEANS, UNDECIDED, HOLDS = "reference", "leans", "undecided", "holds"


def verdict(improvement: float, shift: float, error: float) -> str:
    """Whether a contrast leans because of a common improvement.

    Parameters
    ----------
    improvement : float
    shift, error : float
        In standard errors of the analysis of covariance; the Monte Carlo error of the shift.
    """
    if improvement == IMPROVEMENTS[0]:
        return REFERENCE
    if abs(shift) > MOST_SHIFT + ERRORS * error:
        return LEANS
    # a Monte Carlo error as large as the tolerance must not acquit
    return UNDECIDED if ERRORS * error > MOST_SHIFT else HOLDS


def common_change_table(results: dict[CommonChangeJob, np.ndarray]) -> pd.DataFrame:
    """One row per cell of the grid.

    The true effect is 0. ``bias`` is the mean of the posterior mean, ``shift`` the mean of its
    difference from the same study without a common improvement, both in standard errors of the
    analysis of covariance (their mean). Columns in ``_error`` are Monte Carlo standard errors.

    Parameters
    ----------
    results : dict of CommonChangeJob to ndarray
        Of each cell, and of its reference, the values (study, 8) of the same studies.

    Raises
    ------
    ValueError
        If a cell's studies are not those of its reference.
    """
    rows = []
    for job, values in results.items():
        own = _fields(values)
        reference = _fields(results[job.reference])
        # what the patients differ in is common to both arms: their own analysis must not see it
        if not _same(own["ancova_mean"], reference["ancova_mean"]):
            raise ValueError(f"the studies of {job.name} are not those of {job.reference.name}")
        row = _row(job, own, own["mean"] - reference["mean"])
        rows.append(row | {"verdict": verdict(job.improvement, row["shift"], row["shift_error"])})
    return pd.DataFrame(rows)[COLUMNS]


def read_common_change(path: Path) -> pd.DataFrame:
    """The table; empty if it has not been made."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=COLUMNS)


def _fields(values: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(KEPT, values.T, strict=True))


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=1e-6))


def _row(job: CommonChangeJob, own: dict[str, np.ndarray], moved: np.ndarray) -> dict[str, Any]:
    width = stats.t.ppf(0.5 + CONFIDENCE / 2, 2 * job.n - 3)
    unit = float((own["ancova_high"] - own["ancova_low"]).mean() / (2 * width))
    found = {
        "bias": _mean(own["mean"] / unit),
        "shift": _mean(moved / unit),
        "coverage": _share((own["low"] <= 0) & (own["high"] >= 0)),
        "type_1": _share(own["p_benefit"] > DECLARED),
        "p_benefit": _mean(own["p_benefit"]),
        "ancova_bias": _mean(own["ancova_mean"] / unit),
        "ancova_coverage": _share((own["ancova_low"] <= 0) & (own["ancova_high"] >= 0)),
        "ancova_type_1": _share(own["ancova_p"] < 1 - DECLARED),
        "ancova_p_benefit": _mean(1 - own["ancova_p"]),
    }
    row: dict[str, Any] = {
        "baseline": job.baseline,
        "rho": job.rho,
        "n": job.n,
        "improvement": job.improvement,
        "studies": len(moved),
    }
    for name, (value, error) in found.items():
        row |= {name: value, f"{name}_error": error}
    return row


def _mean(values: np.ndarray) -> tuple[float, float]:
    """A mean with its Monte Carlo standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _share(held: np.ndarray) -> tuple[float, float]:
    """A share with its Monte Carlo standard error.

    The error is that of two more studies of each kind (Agresti and Coull 1998, Am Stat 52:119), so
    that a share of none has one.
    """
    count = len(held)
    moderate = (int(held.sum()) + 2) / (count + 4)
    return float(held.mean()), float(np.sqrt(moderate * (1 - moderate) / (count + 4)))
