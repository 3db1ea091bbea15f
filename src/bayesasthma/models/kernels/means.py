"""Population means of one outcome: the path of all arms together, and the arms' contrasts.

The mathematics of :func:`bayesasthma.models.moments.moments`, in the coordinates of
:mod:`bayesasthma.models.free_parameters`: parameters are sampled less what errors of the cells'
means and carried differences at baseline contribute.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, cube, integers, matrix, vector
from bayesasthma.models.kernels.layout import (
    ARMS,
    BASELINE,
    BASELINE_LEVEL,
    COMMON_BASELINE,
    EFFECT,
    FAMILY,
    FLAT,
    FOLLOW_UP,
    FREE_BASELINE,
    IMBALANCE,
    N_ARM,
    PRINTED,
    SIZES,
    STARTS,
    VISIT_STEP,
    VISITS,
    WHITENER,
    WHOLE,
    of_block,
)
from bayesasthma.models.kernels.special import normal
from bayesasthma.models.kernels.triangular import SECH, TANH
from bayesasthma.models.prior_scales import IMBALANCE_SCALE, PATH_SCALE


@borrowing
def total_of(values: Any) -> Any:
    """Sum of an array."""
    total = 0.0
    for value in values:
        total += value
    return total


@borrowing
def slopes(parts: Any, inverse: Any, n_arm: Any, slope: Any) -> None:
    """Regression of each follow-up visit (after the first) on the first, pooled within arms."""
    for f in range(slope.size):
        covariance, variance = 0.0, 0.0
        for g in range(n_arm.size):
            weight = (n_arm[g] - 1.0) / inverse[g, 0]
            covariance += weight / inverse[g, f + 1]
            variance += weight / inverse[g, 0]
        # the visit's first pair is with the first visit
        slope[f] = parts[TANH, (f + 1) * f // 2] * covariance / variance


@borrowing
def slopes_reverse(
    parts: Any, inverse: Any, n_arm: Any, slope: Any, slope_: Any, z_: Any, log_sd_: Any
) -> None:
    """From adjoints of the slopes to those of ``z`` and of the log SDs."""
    variance = 0.0
    for g in range(n_arm.size):
        variance += (n_arm[g] - 1.0) / (inverse[g, 0] * inverse[g, 0])
    for f in range(slope.size):
        k = (f + 1) * f // 2
        covariance = 0.0
        for g in range(n_arm.size):
            own = (n_arm[g] - 1.0) / (inverse[g, 0] * inverse[g, f + 1])
            covariance += own
            change = slope_[f] * parts[TANH, k] * own / variance
            log_sd_[g, f + 1] += change
            square = (n_arm[g] - 1.0) / (inverse[g, 0] * inverse[g, 0])
            log_sd_[g, 0] += change - 2.0 * slope_[f] * slope[f] * square / variance
        z_[k] += slope_[f] * parts[SECH, k] * parts[SECH, k] * covariance / variance


@borrowing
def _imbalance(imbalance: Any, whitener: Any, arm: int) -> Any:
    """An arm's term of the log prior density of the contrasts at baseline (treated,).

    Contrasts are correlated as those with one control are. The derivative by the arm's contrast is
    that of all terms together.
    """
    treated = imbalance.size
    value, slant = 0.0, 0.0
    for g in range(arm, treated):
        x = 0.0
        for h in range(g + 1):
            x += whitener[g, h] * imbalance[h]
        term, slope = normal(x, 0.0, IMBALANCE_SCALE)
        if g == arm:
            value = term + np.log(whitener[g, g])
        slant += whitener[g, arm] * slope
    return value, slant


@borrowing
def carries(sizes: Any) -> Any:
    """Whether coordinates of the effects move with the difference between the arms at baseline."""
    return sizes[BASELINE] == FREE_BASELINE or (sizes[BASELINE] == COMMON_BASELINE and sizes[WHOLE])


@borrowing
def means(  # noqa: C901
    point: Any, data: Any, outcome: int, error: Any, slope: Any, imbalance: Any, mu: Any
) -> None:
    """Parameters of the means, named, and the means (arm, visit).

    ``point`` holds the values sampled of these parameters, mixed over outcomes; what determines a
    parameter beside is added. ``error`` (arm, visit) are errors of the cells' means.
    """
    sizes, starts, n_arm = integers(data, SIZES), integers(data, STARTS), vector(data, N_ARM)
    arms, visits, follow_up = sizes[ARMS], sizes[VISITS], sizes[FOLLOW_UP]
    free, first = sizes[BASELINE] == FREE_BASELINE, visits - follow_up
    carried = carries(sizes)
    patients = total_of(n_arm)
    for g in range(1, arms):
        difference = 0.0
        if free:
            place = starts[IMBALANCE] + outcome * (arms - 1) + g - 1
            point[place] += error[g, 0] - error[0, 0]
            difference = point[place]
        elif carried:
            printed = cube(data, of_block(0, PRINTED))
            difference = printed[outcome * arms + g, 0, 0] - printed[outcome * arms, 0, 0]
            difference += error[g, 0] - error[0, 0]
        imbalance[g - 1] = difference
        if first:
            mu[g, 0] = difference if free else 0.0
        place = starts[EFFECT] + (outcome * (arms - 1) + g - 1) * follow_up
        for f in range(follow_up):
            t = first + f
            own = error[g, t] - error[0, t]
            if carried:
                own -= slope[f] * difference
            point[place + f] += own
            mu[g, t] = point[place + f]
            if free:
                mu[g, t] += slope[f] * difference
    # the path is of the mean over all patients, so that its prior speaks of no arm alone
    path, before = 0.0, 0.0
    for t in range(visits):
        path_error, control = 0.0, 0.0
        for g in range(arms):
            path_error += n_arm[g] / patients * error[g, t]
        for g in range(1, arms):
            control -= n_arm[g] / patients * mu[g, t]
        place = starts[VISIT_STEP] + outcome * (visits - 1) + t - 1
        if t == 0:
            place = starts[BASELINE_LEVEL] + outcome
        point[place] += path_error - before
        before = path_error
        path += point[place]
        mu[0, t] = path + control
        for g in range(1, arms):
            mu[g, t] += mu[0, t]


@borrowing
def means_reverse(  # noqa: C901, PLR0912
    point: Any,
    gradient: Any,
    data: Any,
    outcome: int,
    mu_: Any,
    slope: Any,
    imbalance: Any,
    slope_: Any,
    error_: Any,
) -> Any:
    """Log prior density of the parameters of the means, but for effects.

    Sets the adjoints of these parameters in ``gradient``, where it finds what the prior of the
    effects says of those of the effects; adds to those of the slopes and errors.
    """
    sizes, starts, n_arm = integers(data, SIZES), integers(data, STARTS), vector(data, N_ARM)
    arms, visits, follow_up = sizes[ARMS], sizes[VISITS], sizes[FOLLOW_UP]
    free, first = sizes[BASELINE] == FREE_BASELINE, visits - follow_up
    carried, flat = carries(sizes), sizes[FAMILY] == FLAT
    patients = total_of(n_arm)
    total = 0.0
    # of the path first, from the last visit back, for it uses the means of all arms together
    path_, later_ = 0.0, 0.0
    for t in range(visits - 1, -1, -1):
        control_ = 0.0
        for g in range(arms):
            control_ += mu_[g, t]
        path_ += control_
        place = starts[VISIT_STEP] + outcome * (visits - 1) + t - 1
        if t == 0:
            place = starts[BASELINE_LEVEL] + outcome
        own_ = path_
        if not flat:
            value, slant = normal(point[place], 0.0, PATH_SCALE)
            total += value
            own_ += slant
        gradient[place] = own_
        for g in range(arms):
            error_[g, t] += n_arm[g] / patients * (own_ - later_)
        later_ = own_
        # from here on these are the adjoints of the contrasts
        for g in range(1, arms):
            mu_[g, t] -= n_arm[g] / patients * control_
    for g in range(1, arms):
        difference, difference_ = imbalance[g - 1], 0.0
        if free:
            difference_ = mu_[g, 0]
        place = starts[EFFECT] + (outcome * (arms - 1) + g - 1) * follow_up
        for f in range(follow_up):
            t = first + f
            prior_ = gradient[place + f]
            effect_ = prior_ + mu_[g, t]
            gradient[place + f] = effect_
            error_[g, t] += effect_
            error_[0, t] -= effect_
            if carried:
                # what is carried enters both the contrast and the coordinates, or these alone
                change = -prior_ if free else -effect_
                slope_[f] += change * difference
                difference_ += change * slope[f]
        if free:
            place = starts[IMBALANCE] + outcome * (arms - 1) + g - 1
            if not flat:
                # this arm's part of the prior of all contrasts, and what other arms' parts add
                value, slant = _imbalance(imbalance, matrix(data, WHITENER), g - 1)
                total += value
                difference_ += slant
            gradient[place] = difference_
        if carried:
            error_[g, 0] += difference_
            error_[0, 0] -= difference_
    return total
