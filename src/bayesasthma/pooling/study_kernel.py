"""One study of a pooled model: its likelihood with nuisance parameters, effects given from outside.

The parts are those of :mod:`bayesasthma.models.kernels.longitudinal`, of a design with one outcome;
the prior of its effects and the place of its correlation are the pooled model's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.blocks import unrounded_numbers, unrounded_numbers_reverse
from bayesasthma.models.kernels.borrowing import borrowing, integers, vector
from bayesasthma.models.kernels.layout import (
    ARMS,
    BASELINE,
    BASELINE_LEVEL,
    EFFECT,
    FOLLOW_UP,
    FREE_BASELINE,
    IMBALANCE,
    N_ARM,
    SIZES,
    STARTS,
    VISIT_STEP,
    VISITS,
)
from bayesasthma.models.kernels.longitudinal import correlation, correlation_reverse
from bayesasthma.models.kernels.means import (
    means,
    means_reverse,
    slopes,
    slopes_reverse,
    total_of,
)
from bayesasthma.models.kernels.spreads import spread, spread_reverse
from bayesasthma.models.kernels.triangular import (
    factor_from_z,
    factor_from_z_reverse,
    log_diagonal,
)
from bayesasthma.pooling.spread_coordinates import mixed_spreads, mixed_spreads_reverse


@borrowing
def path_place(starts: Any, visit: int) -> Any:
    """Place of a step of the path of all arms' mean; the first is its level at baseline."""
    return starts[BASELINE_LEVEL] if visit == 0 else starts[VISIT_STEP] + visit - 1


@borrowing
def path_steps(x: Any, point: Any, data: Any, near: Any, cells: Any) -> None:
    """The path of all arms' mean, from how many standard errors it lies away from ``near``.

    Errors of a study's means go together the more, the higher its correlations: steps themselves
    would be a funnel of all studies' visits.
    """
    starts, root = integers(data, STARTS), np.sqrt(total_of(vector(data, N_ARM)))
    before = 0.0
    for t in range(near.size):
        path = 0.0
        for h in range(t + 1):
            path += cells.factor[0][t, h] * x[path_place(starts, h)]
        path = near[t] + path / (cells.inverse[0][0, t] * root)
        point[path_place(starts, t)] = path - before
        before = path


@borrowing
def path_steps_reverse(x: Any, gradient: Any, data: Any, near: Any, cells: Any, cells_: Any) -> Any:
    """From adjoints of the path's steps to those of their coordinates; log-determinant of these."""
    starts, root = integers(data, STARTS), np.sqrt(total_of(vector(data, N_ARM)))
    total = 0.0
    for t in range(near.size):
        path_ = gradient[path_place(starts, t)]
        gradient[path_place(starts, t)] = 0.0
        if t + 1 < near.size:
            path_ -= gradient[path_place(starts, t + 1)]
        error, error_ = 0.0, path_ / (cells.inverse[0][0, t] * root)
        for h in range(t + 1):
            error += cells.factor[0][t, h] * x[path_place(starts, h)]
            gradient[path_place(starts, h)] += cells.factor[0][t, h] * error_
            cells_.factor[0][t, h] += x[path_place(starts, h)] * error_
        cells_.factor[0][t, t] += 1.0 / cells.factor[0][t, t]
        cells_.log_sd[0][0, t] += error * error_ + 1.0
        total += cells.diagonal[0][t] - np.log(cells.inverse[0][0, t] * root)
    return total


@borrowing
def study_forward(
    x: Any,
    point: Any,
    data: Any,
    near: Any,
    near_sd: Any,
    effect: Any,
    cells: Any,
    error: Any,
    work: Any,
) -> Any:
    """Fill in a study's named parameters and its cells; log prior density of rounding scores.

    ``effect`` (treated, follow_up) are the baseline-adjusted differences in the study's own unit,
    ``near`` (visit,) a path close to its means; ``near_sd`` and ``work`` are of
    :func:`bayesasthma.pooling.spread_coordinates.mixed_spreads`, which changes ``x``.
    ``error`` (2, arm, visit) holds zeros. ``sizes[WHOLE]`` of the study's data is 0: coordinates of
    the effects move with nothing.
    """
    sizes, starts = integers(data, SIZES), integers(data, STARTS)
    arms, visits, follow_up = sizes[ARMS], sizes[VISITS], sizes[FOLLOW_UP]
    for i in range(x.size):
        point[i] = x[i]
    if visits > 1:
        correlation(x, point, data, 0, cells)
    factor_from_z(cells.z[0], visits, cells.parts[0], cells.factor[0])
    log_diagonal(cells.parts[0], visits, cells.diagonal[0])
    mixed_spreads(x, data, near_sd, cells.factor[0], work)
    total = unrounded_numbers(x, data, 0, cells.numbers)
    log_sd, inverse = cells.log_sd[0], cells.inverse[0]
    slope, imbalance = cells.slope[0], cells.imbalance[0]
    spread(x, point, data, 0, error[1], log_sd)
    for g in range(arms):
        for t in range(visits):
            inverse[g, t] = np.exp(-log_sd[g, t])
    free = sizes[BASELINE] == FREE_BASELINE
    if free:
        slopes(cells.parts[0], inverse, vector(data, N_ARM), slope)
    for g in range(arms - 1):
        place = starts[EFFECT] + g * follow_up
        for f in range(follow_up):
            point[place + f] = effect[g, f]
            if free:
                # what `means` takes off again: its coordinates are differences at the visit
                point[place + f] += slope[f] * point[starts[IMBALANCE] + g]
    path_steps(x, point, data, near, cells)
    means(point, data, 0, error[0], slope, imbalance, cells.mu[0])
    return total


@borrowing
def study_backward(
    raw: Any,
    x: Any,
    point: Any,
    gradient: Any,
    data: Any,
    near: Any,
    cells: Any,
    cells_: Any,
    error_: Any,
    work: Any,
) -> Any:
    """Set a study's gradient from the adjoints of its cells; log prior density of its parameters.

    Entries of the effects become the adjoints of ``effect``. ``error_`` (2, arm, visit) is for use
    here, and worth nothing afterwards; ``raw`` is what `study_forward` was given as ``x``.
    """
    sizes, starts = integers(data, SIZES), integers(data, STARTS)
    arms, visits, follow_up = sizes[ARMS], sizes[VISITS], sizes[FOLLOW_UP]
    log_sd_, z_, slope_ = cells_.log_sd[0], cells_.z[0], cells_.slope[0]
    parts, slope, imbalance = cells.parts[0], cells.slope[0], cells.imbalance[0]
    first = starts[EFFECT]
    for i in range(first, first + (arms - 1) * follow_up):
        gradient[i] = 0.0
    total = means_reverse(
        point, gradient, data, 0, cells_.mu[0], slope, imbalance, slope_, error_[0]
    )
    if sizes[BASELINE] == FREE_BASELINE:
        for g in range(arms - 1):
            for f in range(follow_up):
                effect_ = gradient[first + g * follow_up + f]
                slope_[f] += effect_ * imbalance[g]
                gradient[starts[IMBALANCE] + g] += effect_ * slope[f]
        slopes_reverse(parts, cells.inverse[0], vector(data, N_ARM), slope, slope_, z_, log_sd_)
    total += path_steps_reverse(x, gradient, data, near, cells, cells_)
    total += spread_reverse(x, point, gradient, data, 0, log_sd_, error_[1])
    total += mixed_spreads_reverse(raw, gradient, data, cells.factor[0], cells_.factor[0], work)
    factor_from_z_reverse(cells_.factor[0], visits, parts, z_)
    if visits > 1:
        total += correlation_reverse(x, point, gradient, data, 0, cells, cells_)
    unrounded_numbers_reverse(x, gradient, data, 0, cells_.numbers)
    return total
