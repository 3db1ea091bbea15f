"""The joint model of a design as a kernel with its data: nothing is compiled for a design."""

from __future__ import annotations

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.models.design import Design
from bayesasthma.models.identification import whole_table
from bayesasthma.models.joint_data import (
    DEVIATION_LOG_SD,
    DEVIATION_SCALE,
    GENERAL_SHARE,
    data,
    typical_correlation,
)
from bayesasthma.models.kernels import longitudinal_model
from bayesasthma.models.kernels.joint import expand, joint_kernel
from bayesasthma.models.kernels.joint_layout import JOINT_DATA
from bayesasthma.models.kernels.longitudinal_model import (
    data_names,
    parameters,
    start,
    values_of,
)
from bayesasthma.models.kernels.model import Kernel, KernelModel, variables
from bayesasthma.models.outcome_groups import OutcomeGroups, outcome_groups, unsuitable
from bayesasthma.models.specification import TableSpec


def uncovered(design: Design, spec: TableSpec) -> str:
    """Why `kernel_model` has no model of a design, which its graph then has; blank if it has."""
    if spec.model != "joint":
        return f"this kernel is not of the model {spec.model}"
    if unsuitable(design) is None and not whole_table(design):
        return "series of the table are not ordered by outcome, then arm"
    return longitudinal_model.no_effect(design)


def covers(design: Design, spec: TableSpec) -> bool:
    """Whether `kernel_model` has the model of a design; if not, its graph has."""
    return not uncovered(design, spec)


def kernel_model(design: Design, spec: TableSpec) -> KernelModel:
    """The model of :func:`bayesasthma.models.joint.build`, ready to be sampled.

    What :func:`bayesasthma.models.joint_data.data` returns can be swapped.

    Parameters
    ----------
    design : Design
    spec : TableSpec
        With a design that it `covers`.

    Raises
    ------
    UsageError
        If the table is not complete and balanced, or the prior set is not normal or flat.
    """
    if (reason := unsuitable(design)) is not None:
        raise UsageError(reason)
    own = data(design, spec)
    groups = outcome_groups(design)
    coords = longitudinal_model.coords(design) | {"group": list(groups.labels)}
    sizes = {name: len(labels) for name, labels in coords.items()}
    free = variables(sizes, **_parameters(design, spec))
    factor = np.linalg.cholesky(typical_correlation(groups))
    values = values_of(design, spec, free, factor) | _groups(groups) | own
    names = (*data_names(design), *JOINT_DATA)
    kernel = Kernel("joint", joint_kernel, expand, names)
    values = {name: values[name] for name in names}
    return KernelModel(kernel, values, free, free, coords, start() | _start())


def _parameters(design: Design, spec: TableSpec) -> dict[str, tuple[str, ...]]:
    """Dimensions of the free parameters, in the order in which the graph declares them."""
    found = parameters(design, spec)
    last = {name: found.pop(name) for name in ("effect", "epsilon_0")}
    pooled = found.pop("pooling", None) is not None
    if not spec.prior.flat:
        found |= {"deviation_scale": (), "deviation_tail": ("outcome",)}
    if pooled:
        found["pooling"] = ("group",)
    shares: dict[str, tuple[str, ...]] = {"general_share": (), "domain_share": ("group",)}
    return found | {"effect": last["effect"]} | shares | {"epsilon_0": last["epsilon_0"]}


def _groups(groups: OutcomeGroups) -> dict[str, np.ndarray]:
    """Data of the outcomes' groups; a flat prior has no prior of deviations."""
    return {
        "groups": np.array(len(groups.labels)),
        "member": np.asarray(groups.index),
        "directed": groups.directed,
        "sign": groups.sign,
        "pooled": groups.pooled,
        "deviation_prior": np.zeros(0),
    }


def _start() -> dict[str, float]:
    """Where chains start but for 0: the means of the priors, on the scale sampled."""
    general, other = GENERAL_SHARE
    return {
        "deviation_scale": float(np.log(DEVIATION_SCALE) + 0.5 * DEVIATION_LOG_SD**2),
        "general_share": float(np.log(general / other)),
    }
