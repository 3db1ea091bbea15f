"""Posterior draws of population moments to treatment effects, on labelled arrays.

Every function is vectorised over draws, outcomes, arms and visits. ``moments`` is a Dataset with
``mean`` and ``sd`` (chain, draw, outcome, arm, visit) in the outcomes' own units, and, for models
that have them, ``correlation`` (chain, draw, outcome, visit, visit_b). The control arm comes first,
the visits by week. ``effect`` is always treated minus control.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import special


def difference(moments: xr.Dataset) -> xr.DataArray:
    """Difference in means, treated minus control (..., outcome, arm, visit), in outcome units."""
    mean = moments["mean"]
    return (mean.isel(arm=slice(1, None)) - mean.isel(arm=0, drop=True)).rename("difference")


def standardised_difference(moments: xr.Dataset, n: xr.DataArray) -> xr.DataArray:
    """Difference in means over the SD pooled over both arms at that visit (Cohen 1988, chapter 2).

    ``n`` (arm) weights the variances.
    """
    variance = moments["sd"] ** 2
    weight = n - 1
    control = variance.isel(arm=0, drop=True) * weight.isel(arm=0, drop=True)
    treated = variance.isel(arm=slice(1, None)) * weight.isel(arm=slice(1, None))
    total = weight.isel(arm=0, drop=True) + weight.isel(arm=slice(1, None))
    return (difference(moments) / np.sqrt((control + treated) / total)).rename(
        "standardised_difference"
    )


def change(moments: xr.Dataset, baseline: str) -> xr.DataArray:
    """Within-arm change from baseline (..., outcome, arm, visit), at the follow-up visits."""
    mean = moments["mean"]
    return _follow_up(mean - mean.sel(visit=baseline, drop=True), baseline).rename("change")


def difference_in_change(moments: xr.Dataset, baseline: str) -> xr.DataArray:
    """Difference in change from baseline, treated minus control."""
    changes = change(moments, baseline)
    contrast = changes.isel(arm=slice(1, None)) - changes.isel(arm=0, drop=True)
    return contrast.rename("difference_in_change")


def slope_on_baseline(moments: xr.Dataset, baseline: str, n: xr.DataArray) -> xr.DataArray:
    """Regression slope of each visit on baseline within arms (..., outcome, visit).

    Pooled covariance over pooled variance, weighted by ``n - 1``, as analysis of covariance does.
    """
    sd, weight = moments["sd"], (n - 1) / (n - 1).sum()
    base = sd.sel(visit=baseline, drop=True)
    correlation = moments["correlation"].sel(visit_b=baseline, drop=True)
    covariance = correlation * (sd * base * weight).sum("arm")
    return (covariance / (base**2 * weight).sum("arm")).rename("slope")


def adjusted_difference(moments: xr.Dataset, baseline: str, n: xr.DataArray) -> xr.DataArray:
    """Baseline-adjusted difference: the difference less ``slope`` times the baseline difference.

    The headline: what an analysis of covariance estimates (Vickers and Altman 2001, BMJ 323:1123).
    """
    effect = difference(moments)
    imbalance = effect.sel(visit=baseline, drop=True)
    adjusted = effect - slope_on_baseline(moments, baseline, n) * imbalance
    order = effect.dims
    return _follow_up(adjusted.transpose(*order), baseline).rename("adjusted_difference")


def area_under_follow_up(effect: xr.DataArray, weeks: xr.DataArray, start: float) -> xr.DataArray:
    """Time average of an effect from ``start`` (effect 0) to the last visit, by trapezoids.

    Parameters
    ----------
    effect : DataArray (..., visit)
        An effect that is zero at ``start`` by construction, as an adjusted difference is.
    weeks : DataArray (visit)
    start : float
        Week of the baseline visit.
    """
    time = np.concatenate([[start], weeks.to_numpy()])
    weight = np.zeros(len(time))
    weight[1:] += np.diff(time) / 2
    weight[:-1] += np.diff(time) / 2
    share = xr.DataArray(weight[1:] / (time[-1] - time[0]), {"visit": effect["visit"]}, "visit")
    return (effect * share).sum("visit", skipna=False).rename("area_under_follow_up")


def share_improved(
    moments: xr.Dataset,
    baseline: str,
    direction: xr.DataArray,
    mcid: xr.DataArray,
    relative: xr.DataArray,
) -> xr.DataArray:
    """Predicted share of patients who improve by at least the MCID (..., outcome, arm, visit).

    Normal patients: ``P(direction (y_t - y_0) >= mcid)``, or for a relative MCID
    ``P(direction (y_t - y_0) >= mcid y_0)``. NaN where there is no MCID.
    """
    mean, sd = moments["mean"], moments["sd"]
    rho = moments["correlation"].sel(visit_b=baseline, drop=True)
    base_mean, base_sd = (x.sel(visit=baseline, drop=True) for x in (mean, sd))
    # improvement beyond the MCID is a linear function  direction * y_t - weight * y_0 - absolute
    weight = direction + mcid.where(relative, 0.0)
    absolute = mcid.where(~relative, 0.0)
    location = direction * mean - weight * base_mean - absolute
    variance = sd**2 + weight**2 * base_sd**2 - 2 * direction * weight * rho * sd * base_sd
    share = xr.apply_ufunc(special.ndtr, location / np.sqrt(variance))
    share = share.where(np.isfinite(mcid) & (direction != 0)).transpose(*mean.dims)
    return _follow_up(share, baseline).rename("share_improved")


def threshold(moments: xr.Dataset, mcid: xr.DataArray, relative: xr.DataArray) -> xr.DataArray:
    """MCID in outcome units (..., outcome, visit): a relative one is of the control arm's mean."""
    control = abs(moments["mean"].isel(arm=0, drop=True))
    return (mcid * control).where(relative, mcid).rename("threshold")


def _follow_up(array: xr.DataArray, baseline: str) -> xr.DataArray:
    return array.sel(visit=[visit for visit in array["visit"].to_numpy() if visit != baseline])
