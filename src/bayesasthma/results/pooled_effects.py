"""From draws of the pooled model to effects by week: mean, of each study, and of a new one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.inference.pooling import PooledFit, variable
from bayesasthma.likelihood.correlation import REFERENCE_LAG_WEEKS
from bayesasthma.pooling.model import doublings, mean_prior

DIMS = ("chain", "draw")
#: Parameters of what walks over the weeks: both paths, and how far each goes.
PATHS = ("mean_effect", "heterogeneity", "walk_scale", "heterogeneity_walk")


def pooled_dataset(fit: PooledFit, weeks: Sequence[float] = ()) -> xr.Dataset:
    """Effects of the pooled model of an outcome, treated minus control, in its reported unit.

    Parameters
    ----------
    fit : PooledFit
    weeks : sequence of float
        At which the mean and the predictive effect are also wanted, between the first and the last
        week that a study prints: the random walk is drawn there given its values at the weeks
        around (a Brownian bridge).

    Returns
    -------
    Dataset (chain, draw, study, week)
        ``mean_effect``, ``predictive_effect`` (week) the effect in a new study, ``study_effect``
        (study, week) shrunken, NaN where the study has no such visit, and averaged over its treated
        arms; ``heterogeneity`` (week) the SD of effects between studies; ``walk_scale`` the SD of
        the mean effect's change over 24 weeks, ``heterogeneity_walk`` that of the change of log
        heterogeneity over a doubling of the weeks, both NaN of one week; ``rho`` (study) the
        typical correlation of a patient's visits, NaN of one visit. ``patients`` (study).
        Attributes: ``outcome``, ``label``, ``unit``, ``direction``, ``mcid`` (NaN: none), ``scale``
        (the model's standard unit in ``unit``), ``log`` (1: differences of logarithms), ``prior``,
        ``prior_formula``, ``heterogeneity_prior``, ``gate`` (``pass`` or ``fail``).

    Raises
    ------
    UsageError
        If a week lies outside of the follow-up.
    """
    design = fit.design
    grid = _grid(fit, weeks)
    rng = np.random.default_rng([fit.seed, 1])
    draws = {
        str(name): array.transpose("chain", "draw", ...).to_numpy()
        for name, array in fit.data["posterior"].to_dataset().items()
        if name in (*PATHS, "visit_correlation")
    }
    size = draws["mean_effect"].shape[:2]
    walk, tau_walk = (draws.get(name, np.full(size, np.nan)) for name in PATHS[2:])
    mean = between_weeks(
        draws["mean_effect"], np.array(design.weeks), walk / REFERENCE_LAG_WEEKS**0.5, grid, rng
    )
    log_tau = np.log(draws["heterogeneity"])
    tau = np.exp(between_weeks(log_tau, doublings(design.weeks), tau_walk, doublings(grid), rng))
    kappa = draws.get("visit_correlation")
    if kappa is None:  # no study says how its visits go together: what the prior says of one
        kappa = np.full(size, 0.5)
    common = rng.standard_normal((*size, 1))
    apart = rng.standard_normal(mean.shape)
    share = kappa[..., None]
    new = mean + tau * (np.sqrt(share) * common + np.sqrt(1 - share) * apart)
    studies = np.full((*size, len(design.studies), len(grid)), np.nan)
    rho = np.full((*size, len(design.studies)), np.nan)
    for i, own in enumerate(design.studies):
        effect = variable(fit, "effect", i)
        assert effect is not None
        places = [int(np.flatnonzero(grid == week)[0]) for week in own.weeks]
        studies[..., i, places] = effect.mean(axis=-2)
        logit = variable(fit, "logit_rho", i)
        if logit is not None:
            rho[..., i] = 1 / (1 + np.exp(-logit))
    scale = design.scale
    week, study = (*DIMS, "week"), (*DIMS, "study")
    return xr.Dataset(
        {
            "mean_effect": (week, scale * mean),
            "predictive_effect": (week, scale * new),
            "study_effect": ((*DIMS, "study", "week"), scale * studies),
            "heterogeneity": (week, scale * tau),
            "walk_scale": (DIMS, scale * walk),
            "heterogeneity_walk": (DIMS, tau_walk),
            "rho": (study, rho),
            "patients": ("study", [own.patients for own in design.studies]),
        },
        {
            "chain": np.arange(size[0]),
            "draw": np.arange(size[1]),
            "study": list(design.names),
            "week": grid,
        },
        {
            "outcome": design.outcome,
            "label": design.label,
            "unit": design.unit,
            "direction": design.direction,
            "mcid": design.mcid,
            "scale": scale,
            "log": int(design.log),
            "prior": fit.spec.prior.name,
            "prior_formula": mean_prior(design, fit.spec).describe(),
            "heterogeneity_prior": fit.spec.heterogeneity.describe(),
            "gate": "pass" if fit.gate.passed else "fail",
        },
    )


def alone_dataset(fit: PooledFit) -> xr.Dataset:
    """Effects of a study by itself, treated minus control, in the reported unit.

    Parameters
    ----------
    fit : PooledFit
        Of :func:`bayesasthma.inference.pooling.each_alone`.

    Returns
    -------
    Dataset (chain, draw, study, week)
        ``study_effect`` (study, week) and ``rho`` (study), as in `pooled_dataset`.
    """
    (own,) = fit.design.studies
    posterior = fit.data["posterior"]
    effect = posterior["effect"].transpose(*DIMS, ...).to_numpy()[:, :, 0].mean(axis=-2)
    rho = np.full((*effect.shape[:2], 1), np.nan)
    if "logit_rho" in posterior:
        logit = posterior["logit_rho"].transpose(*DIMS, ...).to_numpy()
        rho = 1 / (1 + np.exp(-logit.reshape(rho.shape)))
    return xr.Dataset(
        {
            "study_effect": (
                (*DIMS, "study", "week"),
                fit.design.scale / own.unit * effect[:, :, None],
            ),
            "rho": ((*DIMS, "study"), rho),
        },
        {"study": [own.label], "week": np.array(own.weeks)},
    )


def _grid(fit: PooledFit, weeks: Sequence[float]) -> np.ndarray:
    design = fit.design
    first, last = design.weeks[0], design.weeks[-1]
    for week in weeks:
        if not first <= week <= last:
            raise UsageError(
                f"{design.outcome}: week {week:g} lies outside of the follow-up, {first:g} to "
                f"{last:g} weeks; effects are not extrapolated"
            )
    return np.array(sorted({*design.weeks, *map(float, weeks)}))


def between_weeks(
    walk: np.ndarray,
    weeks: np.ndarray,
    scale: np.ndarray,
    grid: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws of a random walk at further weeks, given its values at some.

    Parameters
    ----------
    walk : ndarray, shape (chain, draw, week)
    weeks : ndarray, shape (week,)
        Or another clock; ascending.
    scale : ndarray, shape (chain, draw)
        SD of its change over a unit of the clock.
    grid : ndarray, shape (place,)
        Ascending, within ``weeks``.
    rng : Generator

    Returns
    -------
    ndarray, shape (chain, draw, place)
        At ``w`` between ``a`` and ``b``: mean linear, variance
        ``scale^2 (w - a) (b - w) / (b - a)`` (a Brownian bridge; Rasmussen and Williams 2006,
        Gaussian Processes for Machine Learning, B.2).
    """
    found = np.empty((*walk.shape[:2], len(grid)))
    before, at = walk[..., 0], weeks[0]
    for k, week in enumerate(grid):
        after = int(np.searchsorted(weeks, week))
        if weeks[after] == week:
            value = walk[..., after]
        else:
            # the place before, itself perhaps drawn, is the bridge's left end
            gap = weeks[after] - at
            variance = (week - at) * (weeks[after] - week) / gap
            value = before + (walk[..., after] - before) * (week - at) / gap
            value = value + scale * np.sqrt(variance) * rng.standard_normal(value.shape)
        found[..., k] = before = value
        at = week
    return found
