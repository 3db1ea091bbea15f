"""The longitudinal model of a design as a kernel with its data: nothing is compiled for a design.

One kernel serves every longitudinal design and specification, for structures, prior families and
shapes are data of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesasthma.likelihood.correlation import REFERENCE_LAG_WEEKS, STRUCTURES, pairs
from bayesasthma.likelihood.tables import fisher_scale, log_constant
from bayesasthma.models.arm_contrasts import contrast_factor
from bayesasthma.models.design import Design, TableBlock
from bayesasthma.models.identification import prints_levels, require_identified, whole_table
from bayesasthma.models.kernels.layout import (
    BLOCK_DATA,
    COMMON_BASELINE,
    DATA,
    FLAT,
    FREE_BASELINE,
    MIXTURE,
    NO_BASELINE,
    NORMAL,
    PARAMETERS,
)
from bayesasthma.models.kernels.longitudinal import expand, longitudinal_kernel, patients_kernel
from bayesasthma.models.kernels.model import Kernel, KernelModel, Variable, variables
from bayesasthma.models.longitudinal_data import data, labels
from bayesasthma.models.moments import constrained
from bayesasthma.models.prior_scales import (
    LOG_SCALE_SD,
    LOG_SD_CELL_SCALE,
    LOG_SD_VISIT_SCALE,
)
from bayesasthma.models.specification import TableSpec

FAMILIES = {"flat": FLAT, "normal": NORMAL, "mixture": MIXTURE}


def uncovered(design: Design, spec: TableSpec) -> str:
    """Why `kernel_model` has no model of a design, which its graph then has; blank if it has."""
    if any(np.any(np.diff(table.outcome) < 0) for table in design.tables):
        return "series of a table are not ordered by outcome"
    if spec.model != "longitudinal" or len(design.patients) > 1:
        return f"no kernel has the model {spec.model} of this design"
    return no_effect(design)


def no_effect(design: Design) -> str:
    """Says so if there is none in a design; else blank."""
    if len(design.arms) < 2 or not design.follow_up:
        return "there is no effect to estimate"
    return ""


def covers(design: Design, spec: TableSpec) -> bool:
    """Whether `kernel_model` has the model of a design; if not, its graph has."""
    return not uncovered(design, spec)


def kernel_model(design: Design, spec: TableSpec, factor: np.ndarray | None = None) -> KernelModel:
    """The model of :func:`bayesasthma.models.longitudinal.build`, ready to be sampled.

    What :func:`bayesasthma.models.longitudinal_data.data` returns can be swapped.

    Parameters
    ----------
    design : Design
    spec : TableSpec
        With a design that it `covers`.
    factor : ndarray, shape (outcome, outcome), optional
        Lower triangular, mixes the coordinates of the means:
        :class:`bayesasthma.models.coordinates.Coordinates`.

    Raises
    ------
    UsageError
        If a flat prior meets a visit that is not printed: its mean would not be identified.
    """
    own = coords(design)
    sizes = {name: len(found) for name, found in own.items()}
    free = variables(sizes, **parameters(design, spec))
    names = data_names(design)
    kernel = Kernel("longitudinal", longitudinal_kernel, expand, names)
    if design.patients:
        kernel = Kernel("longitudinal-patients", patients_kernel, expand, names)
    values = values_of(design, spec, free, factor)
    values = {name: values[name] for name in names}
    return KernelModel(kernel, values, free, free, own, start())


def data_names(design: Design) -> tuple[str, ...]:
    """Names of a kernel's data, in the order of their numbers."""
    return (*DATA, *(f"{name}_{k}" for k in range(len(design.tables)) for name in BLOCK_DATA))


def values_of(
    design: Design,
    spec: TableSpec,
    free: tuple[Variable, ...],
    factor: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The data by name, given the parameters in the order of the flat vector.

    Raises
    ------
    UsageError
        If a flat prior meets a visit that is not printed.
    """
    if spec.prior.flat:
        require_identified(design, spec)
    ends = np.cumsum([0, *(own.size for own in free)]).tolist()
    places = dict(zip((own.name for own in free), ends, strict=False))
    values = {name: np.zeros((0,) * _AXES.get(name, 1)) for name in DATA}
    values |= _shared(design, spec, places)
    if factor is not None:
        values["factor"] = np.asarray(factor, dtype=float)
    for index, table in enumerate(design.tables):
        values |= _block(index, table, places, len(design.outcomes))
    return values | data(design, spec)


#: Axes of data that not every specification has: without them, they are empty.
_AXES = {
    "effect_weight": 2,
    "factor": 2,
    "patients": 2,
    "seen": 2,
    "statistics": 3,
    "covariate_mean": 2,
    "covariate_root": 3,
}


def coords(design: Design) -> dict[str, Any]:
    """Labels of dimensions."""
    found: dict[str, Any] = dict(labels(design))
    for index, table in enumerate(design.tables):
        found[f"series_{index}"] = list(range(len(table.outcome)))
        found[f"row_{index}"] = list(range(table.rows))
        found[f"free_pair_{index}"] = list(range(int((~table.pinned).sum())))
    if design.patients and design.covariates is not None and design.covariates.names:
        found["covariate"] = list(design.covariates.names)
    return found


def rounded(table: TableBlock, spec: TableSpec) -> bool:
    """Whether a block's numbers have rounding errors."""
    return spec.rounding and bool(np.any(table.mean_step > 0) or np.any(table.sd_step > 0))


def parameters(design: Design, spec: TableSpec) -> dict[str, tuple[str, ...]]:
    """Dimensions of the free parameters, in the order in which the graph declares them."""
    blocks = list(enumerate(design.tables))
    found: dict[str, tuple[str, ...]] = {
        f"rounding_{k}": (f"series_{k}", f"row_{k}", "moment")
        for k, table in blocks
        if rounded(table, spec)
    }
    by_arm, flat = spec.variance == "by_arm", spec.prior.flat
    cells, visits = ("outcome", "arm", "visit"), ("outcome", "visit")
    if flat:
        found["log_sd"] = cells if by_arm else visits
    else:
        found |= {"log_sd_level": ("outcome",), "log_sd_visit_scale": ("outcome",)}
        found["log_sd_visit"] = visits
        if by_arm:
            found |= {"log_sd_cell_scale": ("outcome",), "log_sd": cells}
    several, structure = len(design.visits) > 1, spec.correlation.structure
    if several and structure != "fixed":
        found["logit_rho"] = ("outcome",)
        if structure == "unstructured":
            found["z_deviation"] = ("outcome", "pair")
        if structure == "exchangeable_ar1":
            found["constant_share"] = ("outcome",)
    found["baseline_level"] = ("outcome",)
    if several:
        found["visit_step"] = ("outcome", "step")
    if design.baseline is not None and not constrained(design, spec):
        found["imbalance"] = ("outcome", "treated")
    if not flat and len(design.follow_up) > 1:
        found["pooling"] = ("outcome",)
    found["effect"] = ("outcome", "treated", "follow_up")
    found |= {f"epsilon_{k}": (f"series_{k}", f"free_pair_{k}") for k, _ in blocks}
    if "covariate" in coords(design):
        found["coefficient"] = ("outcome", "covariate")
    return found


def _shared(design: Design, spec: TableSpec, places: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Data that do not belong to a block, other than those that can be swapped."""
    baseline = NO_BASELINE
    if design.baseline is not None:
        baseline = COMMON_BASELINE if constrained(design, spec) else FREE_BASELINE
    sizes = [
        len(design.outcomes),
        len(design.arms),
        len(design.visits),
        len(design.follow_up),
        len(design.tables),
        max((table.rows for table in design.tables), default=1),
        FAMILIES[spec.prior.family],
        STRUCTURES.index(spec.correlation.structure),
        spec.variance == "by_arm",
        baseline,
        whole_table(design),
        spec.prior.flat and prints_levels(design),
    ]
    lags = [abs(design.weeks[i] - design.weeks[j]) for i, j in pairs(len(design.visits))]
    found = {
        "sizes": np.array(sizes, dtype=int),
        "starts": np.array([places.get(name, -1) for name in PARAMETERS]),
        "whitener": np.linalg.inv(contrast_factor(len(design.arms) - 1)),
        "lags": np.array(lags, dtype=float) / REFERENCE_LAG_WEEKS,
        "z_deviation_scale": np.array(spec.correlation.deviation),
    }
    found |= {name: np.array(0.0) for name in ("rho", "rho_location", "rho_scale")}
    for block in design.patients:
        found |= {
            "patients": np.stack([block.outcome, block.arm], axis=-1),
            "seen": block.seen.astype(float),
            "group_n": block.n.astype(float),
            "statistics": block.statistics,
            "covariate_mean": block.covariate_mean,
            "covariate_root": block.covariate_root,
        }
    return found


def _block(
    index: int, table: TableBlock, places: Mapping[str, int], outcomes: int
) -> dict[str, np.ndarray]:
    """Data of a block; those that `data` returns replace the same here."""
    free = ~table.pinned
    shape = [
        table.rows,
        table.levels_only,
        table.balanced,
        places.get(f"rounding_{index}", -1),
        places[f"epsilon_{index}"],
        free.sum(),
        len(table.outcome),
    ]
    found = {
        "shape": np.array(shape, dtype=int),
        "first": np.searchsorted(table.outcome, np.arange(outcomes + 1)),
        "arm": table.arm,
        "free": np.where(free, np.cumsum(free) - 1, -1),
        "functional": table.functional,
        "n": np.asarray(table.n, dtype=float),
        "constant": log_constant(table.n - 1),
        "fisher_scale": fisher_scale(table.n - 1),
        "pinned_z": table.pinned_z,
    }
    return {f"{name}_{index}": value for name, value in found.items()}


def start() -> dict[str, float]:
    """Where chains start but for 0: the means of log-normal scales, on the log scale."""
    mean = 0.5 * LOG_SCALE_SD**2
    return {
        "log_sd_visit_scale": np.log(LOG_SD_VISIT_SCALE) + mean,
        "log_sd_cell_scale": np.log(LOG_SD_CELL_SCALE) + mean,
    }
