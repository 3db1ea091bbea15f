"""Posterior draws to rows of numbers: location, interval, probabilities, Monte Carlo error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference import convergence

SAMPLE = ("chain", "draw")
COLUMNS = (
    "mean", "sd", "median", "ci_low", "ci_high", "mcse_mean",
    "p_positive", "p_benefit", "p_benefit_mcse",
    "p_benefit_gt_mcid", "p_harm_gt_mcid", "p_within_mcid",
    "ess_bulk", "ess_tail", "r_hat",
)  # fmt: skip


def summarise(
    effect: xr.DataArray,
    sign: xr.DataArray | float,
    threshold: xr.DataArray | float = float("nan"),
    ci_prob: float = 0.95,
    interval: str = "eti",
) -> pd.DataFrame:
    """Summaries of an effect, one row per label.

    Parameters
    ----------
    effect : DataArray (chain, draw, ...)
    sign : DataArray or float
        +1 where positive is a benefit, -1 where negative is, 0 where neither is claimed.
    threshold : DataArray or float
        Smallest benefit that matters, in the effect's unit; may vary by draw. NaN: none.
    ci_prob : float
        Mass of the interval.
    interval : {"eti", "hdi"}
        Equal-tailed or highest-density.

    Returns
    -------
    DataFrame
        Indexed by the effect's labels: ``mean, sd, median, ci_low, ci_high, mcse_mean, p_positive,
        p_benefit, p_benefit_mcse, p_benefit_gt_mcid, p_harm_gt_mcid, p_within_mcid, ess_bulk,
        ess_tail, r_hat``. Labels whose draws are not finite are left out.
    """
    labels = [dim for dim in effect.dims if dim not in SAMPLE]
    effect, sign, threshold = xr.broadcast(
        effect.drop_vars("week", errors="ignore"), xr.DataArray(sign), xr.DataArray(threshold)
    )
    if labels:  # one axis of labels, without those that have no draws
        effect, sign, threshold = (
            array.stack(label=labels).transpose(*SAMPLE, "label")
            for array in (effect, sign, threshold)
        )
        kept = effect.notnull().all(SAMPLE)
        effect, sign, threshold = (
            array.isel(label=kept.to_numpy()) for array in (effect, sign, threshold)
        )
        if not effect.sizes["label"]:
            return pd.DataFrame(columns=list(COLUMNS), index=effect.indexes["label"], dtype=float)
        index = effect.indexes["label"]
        # the arrays agree label by label from here on; carrying the labels costs most of the time
        effect, sign, threshold = (
            array.drop_vars(["label", *labels]) for array in (effect, sign, threshold)
        )
    benefit = effect * sign
    claimed = (sign != 0).all(SAMPLE)
    judged = claimed & threshold.notnull().all(SAMPLE)
    if interval == "hdi":
        import arviz as az

        bounds = az.hdi(effect, prob=ci_prob)
        low, high = bounds.isel(ci_bound=0, drop=True), bounds.isel(ci_bound=1, drop=True)
    else:
        tail = (1 - ci_prob) / 2
        quantiles = effect.quantile([tail, 1 - tail], dim=SAMPLE)
        low, high = quantiles.isel(quantile=0, drop=True), quantiles.isel(quantile=1, drop=True)
    positive: xr.DataArray = (benefit > 0).astype(float)
    r_hat, bulk, tail = _convergence(effect)
    with np.errstate(invalid="ignore"):  # R-hat of draws that do not vary is 0/0
        columns = {
            "mean": effect.mean(SAMPLE),
            "sd": effect.std(SAMPLE, ddof=1),
            "median": effect.median(SAMPLE),
            "ci_low": low,
            "ci_high": high,
            "mcse_mean": effect.std(SAMPLE, ddof=1) / np.sqrt(_each(convergence.ess_mean, effect)),
            "p_positive": (effect > 0).mean(SAMPLE),
            "p_benefit": positive.mean(SAMPLE).where(claimed),
            "p_benefit_mcse": probability_mcse(positive).where(claimed),
            "p_benefit_gt_mcid": (benefit > threshold).mean(SAMPLE).where(judged),
            "p_harm_gt_mcid": (-benefit > threshold).mean(SAMPLE).where(judged),
            "p_within_mcid": (abs(effect) < threshold).mean(SAMPLE).where(judged),
            "ess_bulk": bulk,
            "ess_tail": tail,
            "r_hat": r_hat,
        }
    if not labels:
        return pd.DataFrame([{name: float(value) for name, value in columns.items()}])
    if len(labels) == 1:
        index = index.get_level_values(0)
    return pd.DataFrame({name: value.to_numpy() for name, value in columns.items()}, index=index)


def _convergence(effect: xr.DataArray) -> tuple[Any, Any, Any]:
    effect = effect.transpose(*SAMPLE, ...)
    values = effect.to_numpy()
    found = convergence.diagnose(values.reshape((*values.shape[:2], -1)))
    shape, dims = values.shape[2:], effect.dims[2:]
    r_hat, bulk, tail = (xr.DataArray(item.reshape(shape), dims=dims) for item in found)
    return r_hat, bulk, tail


def _each(function: Callable[[np.ndarray], np.ndarray], draws: xr.DataArray) -> xr.DataArray:
    """A diagnostic of every quantity of an array (chain, draw, ...)."""
    array = draws.transpose(*SAMPLE, ...)
    values = array.to_numpy()
    flat = values.reshape((*values.shape[:2], -1))
    one: xr.DataArray = array.isel(dict.fromkeys(SAMPLE, 0), drop=True)
    result: xr.DataArray = one.copy(data=function(flat).reshape(one.shape))
    return result


def probability_mcse(indicator: xr.DataArray) -> xr.DataArray:
    """Monte Carlo standard error of a probability estimated by the mean of 0/1 draws.

    ``sqrt(p (1 - p) / ess)`` with the ESS of the indicator and ``p`` moved off 0 and 1 by half a
    draw (Jeffreys), so that 4000 draws on one side read as an error of about 0.0002, not as
    certainty.
    """
    total = float(indicator.sizes["chain"] * indicator.sizes["draw"])
    p = indicator.mean(SAMPLE)
    varies = (p > 0) & (p < 1)
    with np.errstate(invalid="ignore"):
        ess = _each(convergence.ess_mean, indicator).where(varies, total).clip(max=total)
    smoothed = (p * ess + 0.5) / (ess + 1)
    error: xr.DataArray = (smoothed * (1 - smoothed) / ess) ** 0.5
    return error


def format_probability(p: float, mcse: float) -> str:
    """A probability with no more digits than its Monte Carlo error carries; never 0 or 1.

    The last digit printed is worth at least two standard errors.
    """
    if not np.isfinite(p):
        return "n/a"
    digits = 3
    while digits > 1 and 10.0**-digits < 2 * mcse / 10**0.5:
        digits -= 1
    limit = 10.0**-digits
    if p > 1 - limit:
        return f"> {1 - limit:.{digits}f}"
    if p < limit:
        return f"< {limit:.{digits}f}"
    return f"{p:.{digits}f}"
