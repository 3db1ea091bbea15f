"""Monte Carlo errors: how far apart sampled numbers may be, and how far they must be seen to be.

Draws differ between processors and between seeds, so a sampled number has no tolerance of its own.
Two numbers agree within `ERRORS` Monte Carlo standard errors of both; and these errors must be so
small that a difference of `SHARE` posterior SDs would not pass.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import hypot, inf
from typing import TYPE_CHECKING

import arviz as az
import numpy as np
import xarray as xr
from scipy import stats

from bayesasthma.inference.sampling import SamplerOptions

if TYPE_CHECKING:
    from collections.abc import Callable

#: Standard errors within which sampled numbers agree. All tests together make some 700 such
#: comparisons: at 5 errors one run in 2,500 fails by chance (at 4, one in 23), and errors that are
#: themselves estimated, some a tenth too small, leave it one in several hundred.
ERRORS = 5.0

#: Tail of a test statistic that stands for the same: both tails of a normal beyond `ERRORS`.
SMALL_P = 5.7e-7

#: Posterior SDs that would not pass as Monte Carlo error.
SHARE = 0.15

#: Of a probability: what a shift of one posterior SD moves it by, at most (the normal density).
OF_A_PROBABILITY = 0.4

#: The same of a bound of a 95 % interval, whose error is 2.7 times that of the mean.
SHARE_OF_BOUND = 0.4

CHAIN_DRAW = ("chain", "draw")


def seeded(default: int = SamplerOptions.seed) -> int:
    """The seed of a test, moved by the environment variable BAYESASTHMA_TEST_SEED (0: as it is)."""
    return default + 100_003 * int(os.environ.get("BAYESASTHMA_TEST_SEED", "0"))


@dataclass(frozen=True)
class Estimate:
    """A number with its Monte Carlo standard error, and the SD that differences are judged by."""

    value: float
    error: float = 0.0
    scale: float = inf

    @classmethod
    def of(cls, draws: np.ndarray) -> Estimate:
        """The mean of independent draws, shape (draw,)."""
        spread = float(np.std(draws, ddof=1))
        return cls(float(np.mean(draws)), spread / np.sqrt(len(draws)), spread)

    def agrees_with(self, other: Estimate | float, precision: float) -> bool:
        """Within `ERRORS` errors, one of which is less than ``precision`` of the value."""
        other = other if isinstance(other, Estimate) else Estimate(other)
        error = hypot(self.error, other.error)
        assert error < precision * abs(other.value), f"{self} and {other}: too few draws to tell"
        return abs(self.value - other.value) < ERRORS * error


def mean(draws: xr.DataArray | np.ndarray, weight: np.ndarray | None = None) -> Estimate:
    """Of draws (chain, draw), or of independent ones (draw,); perhaps weighted."""
    x, w = _with_weight(draws, weight)
    value = float((w * x).mean())
    spread = float(np.sqrt((w * (x - value) ** 2).mean()))
    return Estimate(value, _mcse(w * (x - value)), spread)


def sd(draws: xr.DataArray | np.ndarray, weight: np.ndarray | None = None) -> Estimate:
    """As `mean`."""
    x, w = _with_weight(draws, weight)
    square = (x - (w * x).mean()) ** 2
    value = float(np.sqrt((w * square).mean()))
    if weight is None and x.ndim == 2:
        return Estimate(value, float(az.mcse(x, method="sd")), value)
    return Estimate(value, _mcse(w * (square - value**2)) / (2 * value), value)


def level_of_quantile(
    draws: xr.DataArray | np.ndarray, probability: float, cdf: Callable[[float], float]
) -> Estimate:
    """What an exact distribution says of the draws' quantile: it should be ``probability``.

    The error of the level is that of a share. The error of the quantile itself has to be estimated
    from the few draws beside it: of 2,000 independent draws some 2.5 % quantile in 1,000 was 7 of
    ArviZ's errors away.
    """
    x = _array(draws)
    at = float(np.quantile(x, probability))
    ess = min(float(az.ess(x <= at, method="mean")), float(x.size))
    error = float(np.sqrt(probability * (1 - probability) / ess))
    return Estimate(float(cdf(at)), error, float(stats.norm.pdf(stats.norm.ppf(probability))))


def probability(indicator: xr.DataArray | np.ndarray, weight: np.ndarray | None = None) -> Estimate:
    """Of draws that are true or false; the error is not 0 where all of them are the same."""
    x, w = _with_weight(indicator, weight)
    value, total = float((w * x).mean()), float(x.size)
    if weight is not None:
        return Estimate(value, _mcse(w * (x - value)), OF_A_PROBABILITY)
    ess = total if x.ndim == 1 or np.ptp(x) == 0 else min(float(az.ess(x, method="mean")), total)
    smoothed = (value * ess + 0.5) / (ess + 1)
    return Estimate(value, float(np.sqrt(smoothed * (1 - smoothed) / ess)), OF_A_PROBABILITY)


def assert_agree(
    found: Estimate, expected: Estimate | float, label: object = "", share: float = SHARE
) -> None:
    """The numbers agree within their errors, and these are small enough to say so.

    Parameters
    ----------
    found : Estimate
    expected : Estimate or float
        A number has no error.
    label : object
        Names the comparison in the message.
    share : float
        `ERRORS` errors are at most this share of the scale of ``found``.
    """
    expected = expected if isinstance(expected, Estimate) else Estimate(float(expected))
    error = hypot(found.error, expected.error)
    seen = ERRORS * error / found.scale
    assert seen <= share, f"{label}: too few draws, {seen:.2f} SDs would pass (at most {share})"
    away = abs(found.value - expected.value)
    assert away <= ERRORS * error, (
        f"{label}: {found.value:.6g} found and {expected.value:.6g} expected, "
        f"{away / error:.1f} Monte Carlo errors apart" if error else f"{label}: {found}, {expected}"
    )  # fmt: skip


def _array(draws: xr.DataArray | np.ndarray) -> np.ndarray:
    if isinstance(draws, xr.DataArray):
        draws = draws.transpose(*CHAIN_DRAW).to_numpy()
    return np.asarray(draws, dtype=float)


def _with_weight(
    draws: xr.DataArray | np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The draws, and their weights with mean 1."""
    x = _array(draws)
    return x, np.ones_like(x) if weight is None else weight / weight.mean()


def _mcse(influence: np.ndarray) -> float:
    """Error of an estimate whose draws have these influences, which average to 0."""
    if influence.ndim == 1:
        return float(influence.std(ddof=1) / np.sqrt(influence.size))
    return float(az.mcse(influence, method="mean"))
