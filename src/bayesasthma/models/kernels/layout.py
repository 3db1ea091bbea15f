"""How the longitudinal kernel finds its data and its parameters by number.

The flat vector of a point holds the parameters one after the other, each with its outcomes (of a
block of the table: its series, which are ordered by outcome) on the first axis. So what belongs to
one outcome is contiguous in every parameter. The named parameters have the same order and places.
"""

from __future__ import annotations

from typing import Any

from bayesasthma.models.kernels.borrowing import borrowing, integers, returning
from bayesasthma.models.kernels.data import ENTRY, LENGTHS, length

#: Names of the data, in the order of their numbers; those of each block follow. ``whitener`` is the
#: inverse of :func:`bayesasthma.models.arm_contrasts.contrast_factor`.
DATA = (
    "sizes",
    "starts",
    "n_arm",
    "whitener",
    "lags",
    "z_deviation_scale",
    "rho",
    "rho_location",
    "rho_scale",
    "effect_location",
    "effect_scale",
    "effect_tail",
    "effect_weight",
    "effect_constant",
    "factor",
    "patients",
    "seen",
    "group_n",
    "statistics",
    "covariate_mean",
    "covariate_root",
)
(
    SIZES,
    STARTS,
    N_ARM,
    WHITENER,
    LAGS,
    Z_DEVIATION_SCALE,
    RHO,
    RHO_LOCATION,
    RHO_SCALE,
    EFFECT_LOCATION,
    EFFECT_SCALE,
    EFFECT_TAIL,
    EFFECT_WEIGHT,
    EFFECT_CONSTANT,
    FACTOR,
    PATIENTS,
    SEEN,
    GROUP_N,
    STATISTICS,
    COVARIATE_MEAN,
    COVARIATE_ROOT,
) = range(len(DATA))

#: Entries of ``sizes``. Whether the first block prints every cell in order is ``WHOLE``, whether
#: the level of the path has a flat prior ``FLAT_LEVEL``.
(
    OUTCOMES,
    ARMS,
    VISITS,
    FOLLOW_UP,
    BLOCKS,
    ROWS,
    FAMILY,
    STRUCTURE,
    BY_ARM,
    BASELINE,
    WHOLE,
    FLAT_LEVEL,
    SIZE_COUNT,
) = range(13)

#: Families of prior sets, and what is known of the arms' means at baseline.
FLAT, NORMAL, MIXTURE = range(3)
NO_BASELINE, FREE_BASELINE, COMMON_BASELINE = range(3)

#: Parameters, in the order of the flat vector but for those of blocks: ``rounding`` comes before
#: them and ``epsilon`` and ``coefficient`` after. Entries of ``starts`` are their places. The last
#: four are the joint model's: deviations come before ``pooling``, shares after ``effect``.
PARAMETERS = (
    "log_sd_level",
    "log_sd_visit_scale",
    "log_sd_visit",
    "log_sd_cell_scale",
    "log_sd",
    "logit_rho",
    "z_deviation",
    "constant_share",
    "baseline_level",
    "visit_step",
    "imbalance",
    "pooling",
    "effect",
    "coefficient",
    "deviation_scale",
    "deviation_tail",
    "general_share",
    "domain_share",
)
(
    LOG_SD_LEVEL,
    LOG_SD_VISIT_SCALE,
    LOG_SD_VISIT,
    LOG_SD_CELL_SCALE,
    LOG_SD,
    LOGIT_RHO,
    Z_DEVIATION,
    CONSTANT_SHARE,
    BASELINE_LEVEL,
    VISIT_STEP,
    IMBALANCE,
    POOLING,
    EFFECT,
    COEFFICIENT,
    DEVIATION_SCALE,
    DEVIATION_TAIL,
    GENERAL_SHARE,
    DOMAIN_SHARE,
) = range(len(PARAMETERS))

#: Data of each block: ``shape`` as below, ``first`` (outcome + 1,) series of each outcome, ``arm``
#: (series,), ``free`` (pair,) the number of a pair's ``epsilon`` or -1 if its correlation is
#: published; the others are those of :class:`bayesasthma.models.design.TableBlock` and of
#: :func:`bayesasthma.models.longitudinal_data.data`.
BLOCK_DATA = (
    "shape",
    "first",
    "arm",
    "free",
    "functional",
    "printed",
    "step",
    "n",
    "constant",
    "fisher_scale",
    "pinned_z",
)
SHAPE, FIRST, ARM, FREE, FUNCTIONAL, PRINTED, STEP, N, CONSTANT, FISHER_SCALE, PINNED_Z = range(11)

#: Entries of ``shape``; places of ``rounding`` (-1 if there is none) and ``epsilon`` among them.
BLOCK_ROWS, LEVELS, BALANCED, ROUNDING, EPSILON, FREE_PAIRS, SERIES, SHAPE_COUNT = range(8)


@borrowing
def of_block(block: int, number: int) -> Any:
    """Number of a block's data among all."""
    return len(DATA) + len(BLOCK_DATA) * block + number


@returning
def block_shape(data: Any, block: int) -> Any:
    """``shape`` of a block."""
    return integers(data, of_block(block, SHAPE))


@borrowing
def components(data: Any) -> Any:
    """Components of the mixtures that are the effects' prior."""
    return length(data, EFFECT_WEIGHT, 1)


@returning
def flat(data: Any, number: int) -> Any:
    """An array of floating-point numbers with any axes, as one axis."""
    total = 1
    for axis in range(LENGTHS):
        total *= length(data, number, axis)
    start = data[0][1 + ENTRY * number]
    return data[1][start : start + total]
