"""A fit's headlines where some patients left: effect, shares and assumptions, visit by visit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference.fitting import Fit
from bayesasthma.models.design import design
from bayesasthma.results import estimands as est
from bayesasthma.results.effect_table import estimand_draws, headlines, outcome_arrays
from bayesasthma.results.missing_patients import (
    SCENARIOS,
    copy_increments,
    copy_reference,
    jump_to_reference,
    last_seen,
    weight_of_delta,
)
from bayesasthma.study.left_patients import LeftPatients
from bayesasthma.study.study import Study

#: What leavers of the treated arm are taken to be like.
REFERENCE_BASED = ("jump to reference", "copy increments in reference", "copy reference")
#: Seed of uncertain shares.
SEED = 20250711


@dataclass(frozen=True)
class LeaverCell:
    """A headline at one visit, and what is assumed of those who left.

    Attributes
    ----------
    outcome, arm, visit, estimand : str
    effect : ndarray, shape (chain, draw)
        Of those who stayed.
    direction : int
    scale : float
        Baseline SD.
    limit : ndarray, shape (chain, draw)
        MCID; NaN if there is none.
    shares : (ndarray, ndarray)
        Who left of the treated and of the control arm: (chain, draw), or (1, 1) where known.
    reference_based : dict of str to ndarray, shape (chain, draw)
        Effect over all who started, by assumption.
    largest : dict of str to float
        Largest delta that the instrument's scale allows, by scenario.
    """

    outcome: str
    arm: str
    visit: str
    estimand: str
    effect: np.ndarray
    direction: int
    scale: float
    limit: np.ndarray
    shares: tuple[np.ndarray, np.ndarray]
    reference_based: dict[str, np.ndarray]
    largest: dict[str, float]

    def weight(self, scenario: str) -> np.ndarray:
        """What a delta of 1 takes from the benefit."""
        return weight_of_delta(scenario, *self.shares)


def leaver_cells(
    fit: Fit, left: LeftPatients, uncertain: bool = False, *, assumptions: bool = True
) -> Iterator[LeaverCell]:
    """Every headline after the baseline of which both arms print a mean.

    Parameters
    ----------
    fit : Fit
    left : LeftPatients
    uncertain : bool
        Draw the shares from their posterior under Jeffreys' prior instead of taking them as known.
    assumptions : bool
        Whether ``reference_based`` is wanted; it is empty without.
    """
    study, moments = fit.study, fit.moments
    names = [str(name) for name in moments["outcome"].to_numpy()]
    leads = headlines(fit)
    draws = estimand_draws(fit, list(dict.fromkeys(leads.values())))
    directions, mcid, relative = outcome_arrays(study, moments["outcome"].to_numpy())
    limits = est.threshold(moments, mcid, relative).transpose(..., "outcome", "visit")
    layout = design(study, names, as_table=True)
    scales = dict(zip(layout.outcomes, layout.scale, strict=True))
    means = moments["mean"].mean(("chain", "draw"))
    rng = np.random.default_rng(SEED)
    visits = list(study.follow_up)
    for outcome in names:
        estimand = leads[outcome]
        base = study.baseline_visit
        for arm in study.treatments:
            both = left.left.sel(outcome=outcome, arm=[arm, study.control], visit=visits)
            counts = both.transpose("arm", "visit").to_numpy()
            started = left.started.sel(outcome=outcome, arm=[arm, study.control]).to_numpy()
            effect = draws[estimand].sel(outcome=outcome, arm=arm, visit=visits)
            values = effect.transpose("chain", "draw", "visit").to_numpy()
            assumed = {}
            if assumptions:
                start = np.zeros(values.shape[:2])
                if (
                    estimand == "difference"
                    and base is not None
                    and base in draws[estimand]["visit"]
                ):
                    at_base = draws[estimand].sel(outcome=outcome, arm=arm, visit=base)
                    start = at_base.transpose("chain", "draw").to_numpy()
                assumed = _reference_based(
                    fit, outcome, estimand, values, start, counts[0], started[0]
                )
            for t, visit in enumerate(visits):
                if not np.isfinite(counts[:, t]).all():
                    continue
                shares = tuple(
                    _share(counts[g, t], started[g], values.shape[:2] if uncertain else None, rng)
                    for g in range(2)
                )
                limit = limits.sel(outcome=outcome, visit=visit, drop=True)
                direction = int(directions.sel(outcome=outcome))
                yield LeaverCell(
                    outcome,
                    arm,
                    visit,
                    estimand,
                    values[..., t],
                    direction,
                    float(scales[outcome]),
                    np.broadcast_to(limit.to_numpy(), values.shape[:2]),
                    (shares[0], shares[1]),
                    {name: own[..., t] for name, own in assumed.items()},
                    _largest(
                        study, means.sel(outcome=outcome, visit=visit), outcome, arm, direction
                    ),
                )


def _share(
    left: float, started: float, size: tuple[int, ...] | None, rng: np.random.Generator
) -> np.ndarray:
    if size is None:
        return np.array([[left / started]])
    return rng.beta(left + 0.5, started - left + 0.5, size)


def _reference_based(
    fit: Fit,
    outcome: str,
    estimand: str,
    effect: np.ndarray,
    start: np.ndarray,
    left: np.ndarray,
    started: float,
) -> dict[str, np.ndarray]:
    """Draws (chain, draw, visit) by assumption; visits without a mean count as the one before."""
    known = pd.Series(left).ffill().fillna(0.0).to_numpy()
    last = last_seen(known, started)
    jump, increments, reference = REFERENCE_BASED
    found = {
        jump: jump_to_reference(effect, last.sum(-1)),
        increments: copy_increments(effect, last, start),
    }
    if estimand == "adjusted_difference":
        flat = effect.reshape(-1, effect.shape[-1])
        whole = copy_reference(flat, _covariance(fit, outcome), last)
        found[reference] = whole.reshape(effect.shape)
    return found


def _covariance(fit: Fit, outcome: str) -> np.ndarray:
    """Draws of the control arm's covariance between visits (draw, visit, visit_b)."""
    own = fit.moments.sel(outcome=outcome)
    visits = list(fit.study.visits.index)
    correlation = own["correlation"].sel(visit=visits, visit_b=visits)
    rho = correlation.transpose("chain", "draw", "visit", "visit_b").to_numpy()
    sd = own["sd"].sel(arm=fit.study.control, visit=visits)
    spread = sd.transpose("chain", "draw", "visit").to_numpy()
    whole = rho * spread[..., :, None] * spread[..., None, :]
    square: np.ndarray = whole.reshape(-1, len(visits), len(visits))
    return square


def _largest(
    study: Study, mean: xr.DataArray, outcome: str, arm: str, direction: int
) -> dict[str, float]:
    """Largest delta that the instrument's scale allows, by scenario; infinity if it has no end.

    How far the mean (arm) of those who stayed is from the end of the scale that all leavers would
    have to reach.
    """
    ends = study.outcomes.loc[outcome, ["minimum", "maximum"]].to_numpy(dtype=float)
    ends = np.where(np.isfinite(ends), ends, [-np.inf, np.inf])
    if outcome in study.log_outcomes or not direction:
        return dict.fromkeys(SCENARIOS, float("inf"))
    bad, good = ends if direction > 0 else ends[::-1]
    worse = {own: float(abs(mean.sel(arm=own) - bad)) for own in (arm, study.control)}
    better = float(abs(mean.sel(arm=study.control) - good))
    return {
        "treated": worse[arm],
        "both": min(worse.values()),
        "opposed": min(worse[arm], better),
    }
