"""How far numbers are apart: exactly, or in the Monte Carlo errors of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesasthma.results.summaries import SAMPLE, probability_mcse
from bayesasthma.validation.items import Finding

#: Monte Carlo standard errors within which sampled numbers agree. A validation makes some 3,000
#: such comparisons: at 5 errors of a normal distribution one in 600 validations has one that fails
#: by chance.
ERRORS = 5.0
#: Posterior SDs that must be seen: so small must the errors be. Two runs with effective sample
#: sizes of 560 see them; with the default draws the joint model has 1,100 at its least.
SHARE = 0.3
#: What a shift of one posterior SD moves a probability by, at most (the normal density).
OF_A_PROBABILITY = 0.4
#: Bounds of intervals are known less well than means: three times that share must be seen.
OF_A_BOUND = 3.0

IN_ERRORS = f"{ERRORS:g} Monte Carlo standard errors of both sides"
WHY_ERRORS = (
    "Draws differ between processors, versions and seeds, so that a sampled number has no absolute "
    f"tolerance. Beyond {ERRORS:g} errors lies one comparison in 1.7 million by chance; and the "
    f"errors must be so small that {SHARE:g} posterior SDs (of a bound of an interval "
    f"{OF_A_BOUND * SHARE:.1f}) would not pass."
)
WHY_EXACT = "Both sides are computed in double precision: nothing but rounding may differ."


@dataclass(frozen=True)
class Apart:
    """The largest difference of many.

    Attributes
    ----------
    errors : float
        Of it, in Monte Carlo errors.
    where : str
        Which comparison.
    count : int
        Comparisons.
    same : int
        Comparisons whose numbers are equal to six digits.
    unseen : float
        Posterior SDs that would pass for Monte Carlo error, at most.
    """

    errors: float
    where: str
    count: int
    same: int
    unseen: float

    def finding(self, share: float = SHARE) -> Finding:
        """What to say of it, and whether it passes: ``share`` posterior SDs must be seen."""
        if not self.count:
            return Finding("nothing to compare", passed=False)
        passed = bool(self.errors <= ERRORS and self.unseen <= share)
        text = (
            f"{self.count:,} comparisons: largest difference {self.errors:.2f} errors "
            f"({self.where}); {self.same:,} are equal to six digits; no shift of more than "
            f"{self.unseen:.2f} posterior SDs would pass"
        )
        if self.unseen > share:
            text += f": too few draws to tell {share:g}"
        return Finding(text, passed)


def apart(table: pd.DataFrame, labels: list[str]) -> Apart:
    """The largest difference of a table of comparisons.

    Parameters
    ----------
    table : DataFrame
        Columns ``found``, ``expected``, ``error_found``, ``error_expected`` and ``scale``, the
        posterior SD, beside ``labels``.
    labels : list of str
        Columns that name a comparison.

    Returns
    -------
    Apart
        A difference that is no number is infinite.
    """
    if table.empty:
        return Apart(np.inf, "", 0, 0, np.inf)
    found, expected, own, other, scale = (
        table[name].to_numpy(dtype=float)
        for name in ("found", "expected", "error_found", "error_expected", "scale")
    )
    error, away = np.hypot(own, other), np.abs(found - expected)
    same = away <= 1e-5 * np.abs(expected)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(same, 0.0, away / error)
        unseen = ERRORS * error / scale
    errors = np.where(np.isnan(errors), np.inf, errors)
    unseen = np.where(np.isnan(unseen), 0.0, unseen)
    worst = int(np.argmax(errors))
    where = " ".join(str(table.iloc[worst][name]) for name in labels)
    return Apart(float(errors[worst]), where, len(table), int(same.sum()), float(unseen.max()))


def close(found: np.ndarray, expected: np.ndarray, labels: list[str], tolerance: float) -> Finding:
    """Whether numbers agree within a tolerance, relative for numbers beyond 1."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    if found.size == 0 or found.shape != expected.shape:
        return Finding(f"{found.size} numbers for {expected.size}", passed=False)
    away = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    away = np.where(np.isnan(away), np.inf, away)
    worst = int(np.argmax(away))
    text = f"{found.size:,} numbers: largest difference {away[worst]:.1e} ({labels[worst]})"
    return Finding(text, bool(away[worst] <= tolerance))


def verdicts(found: list[bool], expected: list[bool], labels: list[str]) -> Finding:
    """Whether all verdicts agree."""
    wrong = [
        label for f, e, label in zip(found, expected, labels, strict=True) if bool(f) != bool(e)
    ]
    if not labels:
        return Finding("nothing to compare", passed=False)
    if wrong:
        return Finding(f"{len(wrong)} of {len(labels)} differ: {', '.join(wrong[:3])}", False)
    return Finding(f"all {len(labels)} verdicts agree", passed=True)


def compared(
    what: str,
    found: xr.DataArray,
    error_found: xr.DataArray | float,
    expected: xr.DataArray | float,
    error_expected: xr.DataArray | float,
    scale: xr.DataArray | float,
) -> pd.DataFrame:
    """Comparisons for `apart`, one a label, in a column ``label`` that begins with ``what``."""
    names = ("found", "error_found", "expected", "error_expected", "scale")
    arrays = xr.broadcast(*map(xr.DataArray, (found, error_found, expected, error_expected, scale)))
    table = xr.Dataset(
        {name: array.drop_vars(_beside(array)) for name, array in zip(names, arrays, strict=True)}
    ).to_dataframe()
    labels = [" ".join(map(str, np.atleast_1d(own))) for own in table.index.to_list()]
    return table.reset_index(drop=True).assign(label=[f"{what} {own}" for own in labels])


def _beside(array: xr.DataArray) -> list[str]:
    """Coordinates that label no dimension, such as the weeks of visits."""
    return [str(name) for name in array.coords if name not in array.dims]


def level(
    what: str,
    draws: xr.DataArray,
    bound: xr.DataArray,
    probability: float,
    error: xr.DataArray | float = 0.0,
) -> pd.DataFrame:
    """Comparisons of the share of draws below a quantile with the quantile's probability.

    The error of a share is that of a probability; the error of a quantile would have to be
    estimated from the few draws beside it.

    Parameters
    ----------
    what : str
    draws : DataArray (chain, draw, ...)
    bound : DataArray (...)
        The quantile by the other side.
    probability : float
    error : DataArray or float
        Of the probability that the other side's bound stands for.
    """
    below = (draws <= bound).astype(float)
    scale = float(stats.norm.pdf(stats.norm.ppf(probability))) * OF_A_BOUND
    if probability == 0.5:
        scale /= OF_A_BOUND
    return compared(
        f"{what} {100 * probability:g} %",
        below.mean(SAMPLE), probability_mcse(below), probability, error, scale,
    )  # fmt: skip


def means(draws: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Mean, its Monte Carlo error and SD of draws (chain, draw, ...)."""
    from bayesasthma.inference.convergence import ess_mean

    array = draws.transpose(*SAMPLE, ...)
    values = array.to_numpy()
    ess = ess_mean(values.reshape((*values.shape[:2], -1))).reshape(values.shape[2:])
    sd = array.std(SAMPLE, ddof=1)
    return array.mean(SAMPLE), sd / np.sqrt(sd.copy(data=ess)), sd


def positive(draws: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """P(> 0) and its Monte Carlo error."""
    above = (draws > 0).astype(float)
    return above.mean(SAMPLE), probability_mcse(above)


def same_posterior(what: str, first: xr.DataArray, second: xr.DataArray) -> pd.DataFrame:
    """Comparisons of means and of P(> 0) of two sets of draws (chain, draw, ...)."""
    (a, a_error, sd), (b, b_error, _) = means(first), means(second)
    (p, p_error), (q, q_error) = positive(first), positive(second)
    return pd.concat(
        [
            compared(f"{what} mean", a, a_error, b, b_error, sd),
            compared(f"{what} P(> 0)", p, p_error, q, q_error, OF_A_PROBABILITY),
        ]
    )
