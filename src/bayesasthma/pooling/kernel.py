"""Kernel of the pooled model: effects of studies vary about a mean; both walk over the weeks.

``docs/pooling.md`` writes out the mathematics. Studies of any shape, tables and patients, are data
of one kernel: nothing is compiled for them. A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels import layout
from bayesasthma.models.kernels.blocks import tables_logp
from bayesasthma.models.kernels.borrowing import (
    borrowing,
    integer_matrix,
    integers,
    returning,
    vector,
)
from bayesasthma.models.kernels.cells import empty_cells, zero_adjoints
from bayesasthma.models.kernels.compiling import compiled
from bayesasthma.models.kernels.data import ENTRY, scalar
from bayesasthma.models.kernels.patients import patients_logp
from bayesasthma.models.kernels.rows import empty_rows
from bayesasthma.models.kernels.special import normal, sigmoid
from bayesasthma.models.kernels.tables import workspace
from bayesasthma.pooling.common_kernel import (
    common_logp,
    heterogeneities,
    heterogeneities_reverse,
    mean_effects,
    mean_effects_reverse,
)
from bayesasthma.pooling.effects_kernel import (
    empty_effects,
    study_effects,
    study_effects_reverse,
)
from bayesasthma.pooling.layout import (
    BLOCKS,
    COUNT,
    DATA_FROM,
    DATA_TO,
    EFFECT,
    FOLLOW_UP,
    FROM,
    KAPPA,
    LOGIT_RHO,
    MEAN,
    NEAR,
    NEAR_FROM,
    RHO_LOCATION,
    RHO_SCALE,
    SIZES,
    STARTS,
    STUDIES,
    STUDY,
    TAU,
    TAU_WALK,
    TREATED,
    UNIT,
    WALK_SCALE,
    WEEKS,
)
from bayesasthma.pooling.sample_correlations import moved, moved_reverse
from bayesasthma.pooling.study_kernel import study_backward, study_forward


@borrowing
def own_correlation(x: Any, data: Any, s: int, own: Any) -> None:
    """A study's parameters with the logit of its correlation in the place of its score."""
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    for i in range(study[COUNT]):
        own[i] = x[study[FROM] + i]
    place = study[LOGIT_RHO]
    if place >= 0:
        own[place] = x[starts[RHO_LOCATION]] + np.exp(x[starts[RHO_SCALE]]) * own[place]


@borrowing
def own_correlation_reverse(x: Any, gradient: Any, data: Any, own_data: Any, s: int) -> Any:
    """The hierarchy of correlations in the place of the study's own prior: what it changes."""
    starts, study = integers(data, STARTS), integer_matrix(data, STUDY)[s]
    if study[LOGIT_RHO] < 0:
        return 0.0
    place = study[FROM] + study[LOGIT_RHO]
    score, spread = x[place], np.exp(x[starts[RHO_SCALE]])
    logit = x[starts[RHO_LOCATION]] + spread * score
    prior, slope = normal(
        logit, scalar(own_data, layout.RHO_LOCATION), scalar(own_data, layout.RHO_SCALE)
    )
    logit_ = gradient[place] - slope
    value, slope = normal(score, 0.0, 1.0)
    gradient[starts[RHO_LOCATION]] += logit_
    gradient[starts[RHO_SCALE]] += logit_ * spread * score
    gradient[place] = logit_ * spread + slope
    return value - prior


@returning
def study_data(data: Any, s: int) -> Any:
    """The data of a study's own kernel."""
    study = integer_matrix(data, STUDY)[s]
    blocks = data[0][1 + ENTRY * BLOCKS]
    start, stop = blocks + study[DATA_FROM], blocks + study[DATA_TO]
    return data[0][start:stop], data[1][start:stop]


@returning
def near_study(data: Any, study: Any, shape: Any) -> Any:
    """What a study's means (visit,) and SDs (arm x visit,) are measured from."""
    visits, first = shape[layout.VISITS], study[NEAR_FROM]
    last = first + visits * (1 + shape[layout.ARMS])
    near = vector(data, NEAR)
    return near[first : first + visits], near[first + visits : last]


@compiled
def pooled_kernel(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density of the pooled model at the flat vector; overwrites the gradient."""
    sizes, studies = integers(data, SIZES), integer_matrix(data, STUDY)
    path, path_ = np.empty((2, sizes[WEEKS])), np.zeros((2, sizes[WEEKS]))
    heterogeneities(x, data, path[1])
    mean_effects(x, data, path[0])
    total = common_logp(x, gradient, data)
    for s in range(sizes[STUDIES]):
        study, own_data = studies[s], study_data(data, s)
        start, stop = study[FROM], study[FROM] + study[COUNT]
        own, point, raw = np.empty(study[COUNT]), np.empty(study[COUNT]), np.empty(study[COUNT])
        effects = empty_effects(data, study[TREATED], study[FOLLOW_UP])
        shape = integers(own_data, layout.SIZES)
        error = np.zeros((2, shape[layout.ARMS], shape[layout.VISITS]))
        near, near_sd = near_study(data, study, shape)
        cells, cells_ = empty_cells(own_data), zero_adjoints(own_data)
        own_ = gradient[start:stop]
        study_effects(x, data, s, path, effects)
        own_correlation(x, data, s, raw)
        own[:] = raw
        mixing = np.empty((4, shape[layout.VISITS], shape[layout.VISITS]))
        total += study_forward(
            own, point, own_data, near, near_sd, effects.in_own_unit, cells, error, mixing
        )
        if shape[layout.BLOCKS]:
            row = empty_rows(shape[layout.ROWS], shape[layout.VISITS])
            work = workspace(shape[layout.ROWS])
            moving = work.M, work.z, work.M_
            moved(own, own_data, cells, work.M, work.z)
            total += tables_logp(own, own_, own_data, 0, cells, cells_, row, work)
            moved_reverse(own, own_, own_data, cells, cells_, moving)
        else:
            total += patients_logp(own, own_, own_data, cells, cells_)
        total += study_backward(raw, own, point, own_, own_data, near, cells, cells_, error, mixing)
        total += study_effects_reverse(x, gradient, data, s, effects, path, path_)
        total += own_correlation_reverse(x, gradient, data, own_data, s)
    if sizes[STUDIES] > 1:
        mean_effects_reverse(x, gradient, data, path_[0])
    heterogeneities_reverse(x, gradient, data, path_[1])
    return total


@compiled
def expand_pooled(x: Any, out: Any, data: Any) -> None:
    """Named parameters, in the places of the values sampled: effects in the pooled unit."""
    sizes, studies = integers(data, SIZES), integer_matrix(data, STUDY)
    starts = integers(data, STARTS)
    for i in range(x.size):
        out[i] = x[i]
    path = np.empty((2, sizes[WEEKS]))
    heterogeneities(x, data, path[1])
    mean_effects(x, data, path[0])
    for number in (WALK_SCALE, TAU_WALK, RHO_SCALE):
        if starts[number] >= 0:
            out[starts[number]] = np.exp(x[starts[number]])
    if starts[KAPPA] >= 0:
        out[starts[KAPPA]] = sigmoid(x[starts[KAPPA]])
    for s in range(sizes[STUDIES]):
        study, own_data = studies[s], study_data(data, s)
        own, point = np.empty(study[COUNT]), out[study[FROM] : study[FROM] + study[COUNT]]
        effects = empty_effects(data, study[TREATED], study[FOLLOW_UP])
        shape = integers(own_data, layout.SIZES)
        error = np.zeros((2, shape[layout.ARMS], shape[layout.VISITS]))
        near, near_sd = near_study(data, study, shape)
        study_effects(x, data, s, path, effects)
        own_correlation(x, data, s, own)
        mixing = np.empty((4, shape[layout.VISITS], shape[layout.VISITS]))
        cells = empty_cells(own_data)
        study_forward(
            own, point, own_data, near, near_sd, effects.in_own_unit, cells, error, mixing
        )
        for g in range(study[TREATED]):
            for f in range(study[FOLLOW_UP]):
                place = study[EFFECT] + g * study[FOLLOW_UP] + f
                point[place] /= vector(data, UNIT)[s]
    for k in range(sizes[WEEKS]):
        out[starts[MEAN] + k] = path[0, k]
        out[starts[TAU] + k] = path[1, k]
