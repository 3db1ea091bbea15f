"""Logarithms of the SDs of one outcome, with their priors.

Coordinates are those of :class:`bayesasthma.models.coordinates.PartlyCentred`: a normal parameter
is ``b + (1 - c) m + s^(1 - c) x`` of the value ``x`` sampled, with location ``m``, scale ``s``,
offset ``b`` and centring ``c``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.kernels.borrowing import borrowing, integers, vector
from bayesasthma.models.kernels.layout import (
    ARMS,
    BY_ARM,
    FAMILY,
    FLAT,
    LOG_SD,
    LOG_SD_CELL_SCALE,
    LOG_SD_LEVEL,
    LOG_SD_VISIT,
    LOG_SD_VISIT_SCALE,
    N_ARM,
    SIZES,
    STARTS,
    VISITS,
)
from bayesasthma.models.kernels.special import normal
from bayesasthma.models.prior_scales import (
    LOG_SCALE_SD,
    LOG_SD_SCALE,
)
from bayesasthma.models.prior_scales import LOG_SD_CELL_SCALE as CELL_SCALE
from bayesasthma.models.prior_scales import LOG_SD_VISIT_SCALE as VISIT_SCALE

HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))
LOG_VISIT_SCALE, LOG_CELL_SCALE = float(np.log(VISIT_SCALE)), float(np.log(CELL_SCALE))


@borrowing
def _visit_centring(n_arm: Any, by_arm: int) -> Any:
    """Centring of ``log_sd_visit``: by the sampling variance of what all arms share."""
    cells = CELL_SCALE**2 if by_arm else 0.0
    precision = 0.0
    for g in range(n_arm.size):
        precision += 1.0 / (0.5 / (n_arm[g] - 1.0) + cells)
    return VISIT_SCALE**2 / (VISIT_SCALE**2 + 1.0 / precision)


@borrowing
def _cell_centring(n: float) -> Any:
    """Centring of ``log_sd``: by the sampling variance of the logarithm of one arm's SD."""
    return CELL_SCALE**2 / (CELL_SCALE**2 + 0.5 / (n - 1.0))


@borrowing
def spread(x: Any, point: Any, data: Any, outcome: int, error: Any, log_sd: Any) -> None:  # noqa: C901
    """Parameters of the SDs, named, and log SDs (arm, visit), with their errors as offset."""
    sizes, starts, n_arm = integers(data, SIZES), integers(data, STARTS), vector(data, N_ARM)
    arms, visits, by_arm = sizes[ARMS], sizes[VISITS], sizes[BY_ARM]
    cell = starts[LOG_SD] + outcome * arms * visits
    if sizes[FAMILY] == FLAT:
        shared = starts[LOG_SD] + outcome * visits
        for g in range(arms):
            for t in range(visits):
                if by_arm:
                    place = cell + g * visits + t
                    log_sd[g, t] = x[place] + error[g, t]
                else:
                    place = shared + t
                    log_sd[g, t] = x[place]
                point[place] = log_sd[g, t]
        return
    place = starts[LOG_SD_LEVEL] + outcome
    level = point[place] = x[place]
    place = starts[LOG_SD_VISIT_SCALE] + outcome
    point[place] = np.exp(x[place])
    visit = starts[LOG_SD_VISIT] + outcome * visits
    rest = 1.0 - _visit_centring(n_arm, by_arm)
    power = np.exp(rest * x[place])
    for t in range(visits):
        point[visit + t] = rest * level + power * x[visit + t]
    if not by_arm:
        for g in range(arms):
            for t in range(visits):
                log_sd[g, t] = point[visit + t]
        return
    place = starts[LOG_SD_CELL_SCALE] + outcome
    point[place] = np.exp(x[place])
    for g in range(arms):
        rest = 1.0 - _cell_centring(n_arm[g])
        power = np.exp(rest * x[place])
        for t in range(visits):
            own = error[g, t] + rest * point[visit + t] + power * x[cell + g * visits + t]
            point[cell + g * visits + t] = log_sd[g, t] = own


@borrowing
def spread_reverse(  # noqa: C901, PLR0912, PLR0915
    x: Any, point: Any, gradient: Any, data: Any, outcome: int, log_sd_: Any, error_: Any
) -> Any:
    """Log-density of the parameters of the SDs, on the scale sampled.

    Sets their entries of the gradient, from the adjoints of the log SDs, and adds to those of the
    errors.
    """
    sizes, starts, n_arm = integers(data, SIZES), integers(data, STARTS), vector(data, N_ARM)
    arms, visits, by_arm = sizes[ARMS], sizes[VISITS], sizes[BY_ARM]
    cell = starts[LOG_SD] + outcome * arms * visits
    if sizes[FAMILY] == FLAT:
        shared = starts[LOG_SD] + outcome * visits
        for t in range(visits):
            total_ = 0.0
            for g in range(arms):
                total_ += log_sd_[g, t]
                if by_arm:
                    gradient[cell + g * visits + t] = log_sd_[g, t]
                    error_[g, t] += log_sd_[g, t]
            if not by_arm:
                gradient[shared + t] = total_
        return 0.0
    visit = starts[LOG_SD_VISIT] + outcome * visits
    for t in range(visits):
        gradient[visit + t] = 0.0
    total = 0.0
    if by_arm:
        place = starts[LOG_SD_CELL_SCALE] + outcome
        log_scale = x[place]
        scale_ = 0.0
        for g in range(arms):
            rest = 1.0 - _cell_centring(n_arm[g])
            power = np.exp(rest * log_scale)
            for t in range(visits):
                k = cell + g * visits + t
                value, own_, location_, log_scale_ = _partly_centred(
                    x[k], point[k], point[visit + t], log_scale, rest, power, log_sd_[g, t]
                )
                total += value
                gradient[k] = own_ * power
                gradient[visit + t] += location_
                error_[g, t] += own_
                scale_ += log_scale_
        value, slope = normal(log_scale, LOG_CELL_SCALE, LOG_SCALE_SD)
        total += value
        gradient[place] = scale_ + slope
    else:
        for g in range(arms):
            for t in range(visits):
                gradient[visit + t] += log_sd_[g, t]
    place = starts[LOG_SD_VISIT_SCALE] + outcome
    level = starts[LOG_SD_LEVEL] + outcome
    log_scale = x[place]
    rest = 1.0 - _visit_centring(n_arm, by_arm)
    power = np.exp(rest * log_scale)
    scale_, level_ = 0.0, 0.0
    for t in range(visits):
        k = visit + t
        value, own_, location_, log_scale_ = _partly_centred(
            x[k], point[k], point[level], log_scale, rest, power, gradient[k]
        )
        total += value
        gradient[k] = own_ * power
        level_ += location_
        scale_ += log_scale_
    value, slope = normal(log_scale, LOG_VISIT_SCALE, LOG_SCALE_SD)
    total += value
    gradient[place] = scale_ + slope
    value, slope = normal(x[level], 0.0, LOG_SD_SCALE)
    gradient[level] = level_ + slope
    return total + value


@borrowing
def _partly_centred(
    x: float,
    value: float,
    location: float,
    log_scale: float,
    rest: float,
    power: float,
    value_: float,
) -> Any:
    """Log-density of a normal parameter, in its coordinates, from the adjoint of its value.

    ``rest`` is one minus its centring and ``power`` the scale to that power. Returns the
    log-density with the logarithm of the Jacobian, and the adjoints of the value (and so of its
    offset), of the location and of the logarithm of the scale.
    """
    score = (value - location) * np.exp(-log_scale)
    pull = score * np.exp(-log_scale)
    density = -0.5 * score * score - HALF_LOG_2PI - (1.0 - rest) * log_scale
    own_ = value_ - pull
    location_ = pull + rest * own_
    log_scale_ = score * score - (1.0 - rest) + rest * power * x * own_
    return density, own_, location_, log_scale_
