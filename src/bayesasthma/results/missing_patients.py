"""Effects over all who started a study, under assumptions on those who left: draws in, draws out.

Delta adjustment: those who left an arm have a mean that is worse by a number than that of those who
stayed (Rubin 1977, J Am Stat Assoc 72:538; Ratitch, O'Kelly and Tosiello 2013, Pharm Stat 12:337,
for the tipping point). Reference-based: from when they left they are like the control arm
(Carpenter, Roger and Kenward 2013, J Biopharm Stat 23:1352). Means are computed, nobody is imputed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesasthma.results.effective_draws import effective_draws

#: Whose leavers are worse by delta: of the treated arm, of both arms, or of the treated arm while
#: the control's are better by as much. Signs of the shares of the treated and of the control arm.
SCENARIOS = {"treated": (1.0, 0.0), "both": (1.0, -1.0), "opposed": (1.0, 1.0)}

#: Whether P(benefit) falls below a level: at no delta, at one, or without any.
NEVER, TIPS, BELOW = "never", "tips", "below already"


def weight_of_delta(scenario: str, treated: np.ndarray, control: np.ndarray) -> np.ndarray:
    """What a delta of 1 takes from the benefit over all who started.

    The mean of an arm is that of those who stayed less ``share`` times delta, so that the benefit
    falls by the share of the treated arm, less that of the control where its leavers are worse too.

    Parameters
    ----------
    scenario : {"treated", "both", "opposed"}
    treated, control : ndarray
        Share of the patients who started that left.
    """
    own, other = SCENARIOS[scenario]
    weight: np.ndarray = own * np.asarray(treated) + other * np.asarray(control)
    return weight


def last_seen(left: np.ndarray, started: np.ndarray | float) -> np.ndarray:
    """Share of patients by the visit that those without a value at a visit were last seen at.

    Those absent at a visit are taken to have been absent from when as many were first absent and
    stayed so: numbers that rise again were missed visits.

    Parameters
    ----------
    left : ndarray, shape (visit,)
        Patients without a value, at the visits after the baseline.
    started : float

    Returns
    -------
    ndarray, shape (visit, last)
        ``last`` 0 is the baseline, ``last`` d the d-th visit after it; a row adds up to the share
        without a value at that visit, and is 0 from that visit on.
    """
    count = np.asarray(left, dtype=float) / started
    visits = len(count)
    found = np.zeros((visits, visits))
    for visit in range(visits):
        # absent at `first` and at every visit from there on up to this one
        absent = np.minimum.accumulate(count[visit::-1])[::-1]
        found[visit, : visit + 1] = np.diff(absent, prepend=0.0)
    return found


def jump_to_reference(effect: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Effect where leavers of the treated arm have the control's mean: ``(1 - share) effect``.

    Given their own baseline, for an effect that is adjusted for it.
    """
    shrunk: np.ndarray = (1 - np.asarray(share)) * effect
    return shrunk


def copy_increments(effect: np.ndarray, last: np.ndarray, at_start: np.ndarray) -> np.ndarray:
    """Effect where leavers keep what they had and then change as the control does.

    Parameters
    ----------
    effect : ndarray, shape (..., visit)
    last : ndarray, shape (visit, last)
        Of the treated arm: :func:`last_seen`.
    at_start : ndarray, shape (...)
        The effect at baseline: 0 of an adjusted difference and of one in change.
    """
    kept = np.concatenate([at_start[..., None], effect[..., :-1]], axis=-1)
    found: np.ndarray = (1 - last.sum(-1)) * effect + kept @ last.T
    return found


def copy_reference(adjusted: np.ndarray, covariance: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Adjusted effect where leavers are patients of the control arm from the start.

    What was seen of them stays: with residuals from the control's means of ``a_1 ... a_d`` beyond
    their baseline, they expect ``sum_s B_s a_s`` at a later visit, where ``B`` is the regression of
    that visit on baseline and visits 1 to d.

    Parameters
    ----------
    adjusted : ndarray, shape (draw, visit)
        Baseline-adjusted differences at the visits after the baseline.
    covariance : ndarray, shape (draw, 1 + visit, 1 + visit)
        Of a patient's values, the baseline first.
    last : ndarray, shape (visit, last)
        Of the treated arm: :func:`last_seen`.
    """
    found: np.ndarray = (1 - last.sum(-1)) * adjusted
    for visit, stop in zip(*np.nonzero(last), strict=True):
        if stop == 0:
            continue  # like the control, given their baseline
        known = slice(0, stop + 1)
        slopes = np.linalg.solve(
            covariance[:, known, known], covariance[:, known, visit + 1, None]
        )[..., 0]
        carried = (slopes[:, 1:] * adjusted[:, :stop]).sum(-1)
        found[:, visit] += last[visit, stop] * carried
    return found


@dataclass(frozen=True)
class TippingPoint:
    """Where P(benefit) falls below a level.

    Attributes
    ----------
    delta : float
        In the outcome's unit; infinity if at no delta, 0 if below the level without any.
    mcse : float
        Monte Carlo standard error; NaN unless it tips.
    status : str
        `NEVER`, `TIPS` or `BELOW`.
    """

    delta: float
    mcse: float
    status: str


def tipping_point(benefit: np.ndarray, weight: np.ndarray, level: float) -> TippingPoint:
    """Smallest delta of at least 0 at which ``P(benefit - weight delta > 0)`` is below a level.

    Exact over the draws: each is a benefit up to, or from, one delta, and these are counted in
    order. Where ``weight`` is one number this is a quantile of the benefit over it.

    Parameters
    ----------
    benefit : ndarray, shape (chain, draw)
        Draws of the effect of those who stayed, signed so that positive is a benefit.
    weight : ndarray, shape (chain, draw), or (1, 1) where the share is known
        :func:`weight_of_delta`.
    level : float

    Notes
    -----
    The error is half the distance of the tipping points of levels one Monte Carlo standard error
    above and below, with the effective size of the indicator at the tipping point.
    """
    delta = _tips_at(benefit, weight, level)
    if delta == 0:
        return TippingPoint(0.0, float("nan"), BELOW)
    if np.isinf(delta):
        return TippingPoint(delta, float("nan"), NEVER)
    still: np.ndarray = (benefit - weight * delta > 0).astype(float)
    error = np.sqrt(level * (1 - level) / effective_draws(still))
    near = [_tips_at(benefit, weight, level + sign * error) for sign in (1, -1)]
    return TippingPoint(delta, abs(near[1] - near[0]) / 2, TIPS)


def _tips_at(benefit: np.ndarray, weight: np.ndarray, level: float) -> float:
    """The tipping point as a number; infinity if there is none."""
    b, w = (array.ravel() for array in np.broadcast_arrays(benefit, weight))
    positive = b > 0
    needed = level * b.size
    if positive.sum() < needed:
        return 0.0
    falls, rises = positive & (w > 0), ~positive & (w < 0)
    at = np.concatenate([b[falls] / w[falls], b[rises] / w[rises]])
    step = np.repeat([-1, 1], [falls.sum(), rises.sum()])
    order = np.argsort(at, kind="stable")
    below = np.flatnonzero(positive.sum() + np.cumsum(step[order]) < needed)
    return float(at[order][below[0]]) if len(below) else float("inf")
