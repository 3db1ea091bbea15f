"""Kernel of the longitudinal model: what :mod:`bayesasthma.models.longitudinal` has as a graph.

The steps are separate so that the joint model can put its own between them: values are mixed over
outcomes (`mix`), `forward` computes each outcome's `Cells`, densities leave adjoints, and
`backward` turns these into the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.blocks import (
    tables_logp,
    unrounded_numbers,
    unrounded_numbers_reverse,
)
from bayesasthma.models.kernels.borrowing import borrowing, cube, integers, vector
from bayesasthma.models.kernels.cells import empty_cells, zero_adjoints
from bayesasthma.models.kernels.compiling import compiled
from bayesasthma.models.kernels.correlations import (
    EXCHANGEABLE_AR1,
    FIXED,
    UNSTRUCTURED,
    structured_z,
    structured_z_reverse,
)
from bayesasthma.models.kernels.data import scalar
from bayesasthma.models.kernels.effects import effects
from bayesasthma.models.kernels.layout import (
    ARMS,
    CONSTANT_SHARE,
    LAGS,
    LOGIT_RHO,
    N_ARM,
    OUTCOMES,
    PRINTED,
    RHO,
    RHO_LOCATION,
    RHO_SCALE,
    ROWS,
    SIZES,
    STARTS,
    STRUCTURE,
    VISITS,
    WHOLE,
    Z_DEVIATION,
    Z_DEVIATION_SCALE,
    of_block,
)
from bayesasthma.models.kernels.means import carries, means, means_reverse, slopes, slopes_reverse
from bayesasthma.models.kernels.mixing import mix, mix_reverse
from bayesasthma.models.kernels.patients import patients_logp
from bayesasthma.models.kernels.rows import empty_rows
from bayesasthma.models.kernels.special import beta_log_odds, normal, sigmoid
from bayesasthma.models.kernels.spreads import spread, spread_reverse
from bayesasthma.models.kernels.tables import workspace
from bayesasthma.models.kernels.triangular import (
    factor_from_z,
    factor_from_z_reverse,
    log_diagonal,
)
from bayesasthma.models.prior_scales import SHARE


@borrowing
def forward(x: Any, point: Any, data: Any, outcome: int, cells: Any, error: Any) -> Any:
    """Fill in an outcome's named parameters and its cells; log prior density of rounding scores.

    ``point`` holds the mixed values of the parameters of the means. ``error`` (2, arm, visit) is
    overwritten by errors of the cells' means and log SDs.
    """
    sizes = integers(data, SIZES)
    arms, visits = sizes[ARMS], sizes[VISITS]
    total = unrounded_numbers(x, data, outcome, cells.numbers)
    for g in range(arms):
        for t in range(visits):
            error[0, g, t] = error[1, g, t] = 0.0
    if sizes[WHOLE]:
        printed = cube(data, of_block(0, PRINTED))
        for g in range(arms):
            s = outcome * arms + g
            for t in range(visits):
                error[0, g, t] = cells.numbers[s, t, 0] - printed[s, t, 0]
                error[1, g, t] = np.log(cells.numbers[s, t, 1] / printed[s, t, 1])
    log_sd, inverse = cells.log_sd[outcome], cells.inverse[outcome]
    spread(x, point, data, outcome, error[1], log_sd)
    for g in range(arms):
        for t in range(visits):
            inverse[g, t] = np.exp(-log_sd[g, t])
    if visits > 1:
        correlation(x, point, data, outcome, cells)
    factor_from_z(cells.z[outcome], visits, cells.parts[outcome], cells.factor[outcome])
    log_diagonal(cells.parts[outcome], visits, cells.diagonal[outcome])
    if carries(sizes):
        slopes(cells.parts[outcome], inverse, vector(data, N_ARM), cells.slope[outcome])
    slope, imbalance = cells.slope[outcome], cells.imbalance[outcome]
    means(point, data, outcome, error[0], slope, imbalance, cells.mu[outcome])
    return total


@borrowing
def correlation(x: Any, point: Any, data: Any, outcome: int, cells: Any) -> None:
    """Fill in ``z`` of an outcome and the named parameters of its structure.

    Of autoregressive structures the Cholesky factor is left in the place of that of ``z``, which is
    the same.
    """
    starts, structure = integers(data, STARTS), integers(data, SIZES)[STRUCTURE]
    z = cells.z[outcome]
    rho, share, deviation = scalar(data, RHO), 0.0, x[0:0]
    if structure != FIXED:
        place = starts[LOGIT_RHO] + outcome
        point[place] = x[place]
        rho = _typical(x[place])
    if structure == UNSTRUCTURED:
        place = starts[Z_DEVIATION] + outcome * z.size
        deviation = x[place : place + z.size]
        for k in range(place, place + z.size):
            point[k] = x[k]
    if structure == EXCHANGEABLE_AR1:
        place = starts[CONSTANT_SHARE] + outcome
        share = point[place] = sigmoid(x[place])
    scale = scalar(data, Z_DEVIATION_SCALE)
    lags, factor = vector(data, LAGS), cells.factor[outcome]
    structured_z(structure, rho, share, deviation, scale, lags, z, factor)


@borrowing
def _typical(logit: float) -> Any:
    """Typical correlation, as the graph computes it: with a limit of 1 where it has no density."""
    return 1.0 / (1.0 + np.exp(-logit))


@borrowing
def correlation_reverse(
    x: Any, point: Any, gradient: Any, data: Any, outcome: int, cells: Any, cells_: Any
) -> Any:
    """Log prior density of a structure's parameters; sets their gradient. Uses up the factor's."""
    starts, structure = integers(data, STARTS), integers(data, SIZES)[STRUCTURE]
    if structure == FIXED:
        return 0.0
    z_ = cells_.z[outcome]
    place = starts[LOGIT_RHO] + outcome
    rho, share, total = _typical(x[place]), 0.0, 0.0
    deviation, deviation_ = x[0:0], gradient[0:0]
    if structure == UNSTRUCTURED:
        first = starts[Z_DEVIATION] + outcome * z_.size
        deviation, deviation_ = x[first : first + z_.size], gradient[first : first + z_.size]
        for k in range(z_.size):
            value, deviation_[k] = normal(deviation[k], 0.0, 1.0)
            total += value
    if structure == EXCHANGEABLE_AR1:
        share = point[starts[CONSTANT_SHARE] + outcome]
    scale = scalar(data, Z_DEVIATION_SCALE)
    rho_, share_ = structured_z_reverse(
        structure, rho, share, scale, vector(data, LAGS), z_, cells.factor[outcome],
        cells_.factor[outcome], deviation_,
    )  # fmt: skip
    value, slope = normal(x[place], scalar(data, RHO_LOCATION), scalar(data, RHO_SCALE))
    total += value
    gradient[place] = slope + rho_ * rho * (1.0 - rho)
    if structure == EXCHANGEABLE_AR1:
        place = starts[CONSTANT_SHARE] + outcome
        value, slope = beta_log_odds(x[place], SHARE, SHARE)
        total += value
        gradient[place] = slope + share_ * share * sigmoid(-x[place])
    return total


@borrowing
def backward(
    x: Any, point: Any, gradient: Any, data: Any, outcome: int, cells: Any, cells_: Any, error_: Any
) -> Any:
    """Set an outcome's gradient from the adjoints of its cells; log prior density.

    ``gradient`` holds the adjoints of the effects by their prior. Of the parameters of the means it
    will hold the adjoints of the values, to be carried back by `mix_reverse`. ``error_`` (2, arm,
    visit) is for use here.
    """
    sizes = integers(data, SIZES)
    arms, visits = sizes[ARMS], sizes[VISITS]
    for m in range(2):
        for g in range(arms):
            for t in range(visits):
                error_[m, g, t] = 0.0
    log_sd_, z_, slope_ = cells_.log_sd[outcome], cells_.z[outcome], cells_.slope[outcome]
    parts, slope = cells.parts[outcome], cells.slope[outcome]
    total = means_reverse(
        point, gradient, data, outcome, cells_.mu[outcome], slope, cells.imbalance[outcome],
        slope_, error_[0],
    )  # fmt: skip
    if carries(sizes):
        inverse, n_arm = cells.inverse[outcome], vector(data, N_ARM)
        slopes_reverse(parts, inverse, n_arm, slope, slope_, z_, log_sd_)
    factor_from_z_reverse(cells_.factor[outcome], visits, parts, z_)
    if visits > 1:
        total += correlation_reverse(x, point, gradient, data, outcome, cells, cells_)
    total += spread_reverse(x, point, gradient, data, outcome, log_sd_, error_[1])
    if sizes[WHOLE]:
        for g in range(arms):
            s = outcome * arms + g
            for t in range(visits):
                cells_.numbers[s, t, 0] += error_[0, g, t]
                cells_.numbers[s, t, 1] += error_[1, g, t] / cells.numbers[s, t, 1]
    unrounded_numbers_reverse(x, gradient, data, outcome, cells_.numbers)
    return total


@compiled
def longitudinal_kernel(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density of a design with tables at the flat vector; overwrites the gradient."""
    sizes = integers(data, SIZES)
    point, error = np.empty(x.size), np.empty((2, sizes[ARMS], sizes[VISITS]))
    cells, cells_ = empty_cells(data), zero_adjoints(data)
    row, work = empty_rows(sizes[ROWS], sizes[VISITS]), workspace(sizes[ROWS])
    total = mix(x, point, data)
    for k in range(sizes[OUTCOMES]):
        total += forward(x, point, data, k, cells, error)
        total += effects(x, point, gradient, data, k)
        total += tables_logp(x, gradient, data, k, cells, cells_, row, work)
        total += backward(x, point, gradient, data, k, cells, cells_, error)
    mix_reverse(gradient, data)
    return total


@compiled
def patients_kernel(x: Any, gradient: Any, data: Any) -> Any:
    """The same of a design with patients.

    It is apart, for its code is as long again and few need it.
    """
    sizes = integers(data, SIZES)
    point, error = np.empty(x.size), np.empty((2, sizes[ARMS], sizes[VISITS]))
    cells, cells_ = empty_cells(data), zero_adjoints(data)
    total = mix(x, point, data)
    for k in range(sizes[OUTCOMES]):
        total += forward(x, point, data, k, cells, error)
        total += effects(x, point, gradient, data, k)
    total += patients_logp(x, gradient, data, cells, cells_)
    for k in range(sizes[OUTCOMES]):
        total += backward(x, point, gradient, data, k, cells, cells_, error)
    mix_reverse(gradient, data)
    return total


@compiled
def expand(x: Any, out: Any, data: Any) -> None:
    """Named parameters, in the places of the values sampled."""
    sizes = integers(data, SIZES)
    cells = empty_cells(data)
    error = np.empty((2, sizes[ARMS], sizes[VISITS]))
    for i in range(x.size):
        out[i] = x[i]
    mix(x, out, data)
    unused = np.empty(x.size)
    for k in range(sizes[OUTCOMES]):
        forward(x, out, data, k, cells, error)
        effects(x, out, unused, data, k)
