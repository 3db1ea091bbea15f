"""How a model gets ready for the sampler: as a kernel where one covers it, else as a PyMC graph.

A kernel's machine code serves every study and is kept on disk; a graph is compiled for each shape
of a study, by a process that imports PyMC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayesasthma.inference.remedies import AGAIN
from bayesasthma.inference.starts import near_the_means
from bayesasthma.models.adverse_counts import Counts
from bayesasthma.models.design import Design
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors.distributions import PriorSet

if TYPE_CHECKING:
    from bayesasthma.models.kernels.model import KernelModel

#: Modules of models of tables that have a kernel. Of a design and a specification ``uncovered``
#: says why the kernel is not for them, blank if it is, and ``kernel_model`` returns it.
KERNELS = {
    "independent": "bayesasthma.models.kernels.independent",
    "longitudinal": "bayesasthma.models.kernels.longitudinal_model",
    "joint": "bayesasthma.models.kernels.joint_model",
}

#: Data that chains of a graph start at. In every graph they are 0 when it is compiled: draws do not
#: depend on which of the priors that share it was the first. Chains of a kernel start near the
#: means that its data have: :mod:`bayesasthma.inference.starts`.
STARTS = ("effect_location", "fewer_location", "rho_location")

#: Names of what `Ready.record` returns, also among the attributes of a saved fit.
COMPILED, REASON = "compiled", "graph_reason"


@dataclass(frozen=True)
class Ready:
    """What :func:`bayesasthma.inference.sampling.sample` takes, and how it came about.

    Attributes
    ----------
    model : KernelModel or nutpie compiled model
    compiled : {"kernel", "graph"}
    reason : str
        Why there is no kernel; blank for one.
    """

    model: Any = field(repr=False)
    compiled: str
    reason: str = ""

    def record(self) -> dict[str, str]:
        """The route as plain data."""
        return {COMPILED: self.compiled} | ({REASON: self.reason} if self.reason else {})


def route_of(tree: xr.DataTree) -> dict[str, str]:
    """How a fit was sampled, of its draws; empty where it is not known."""
    return {name: str(tree.attrs[name]) for name in (COMPILED, REASON, AGAIN) if name in tree.attrs}


def table_kernel(layout: Design, spec: TableSpec) -> tuple[KernelModel | None, str]:
    """The kernel of a specification, its callbacks compiled or found on disk, ready to start.

    Returns
    -------
    kernel : KernelModel or None
    reason : str
        Why there is none.

    Raises
    ------
    UsageError
        If the model cannot be built for the design.
    """
    if spec.model not in KERNELS:
        return None, f"the model {spec.model} has no kernel"
    module = import_module(KERNELS[spec.model])
    if reason := module.uncovered(layout, spec):
        return None, str(reason)
    return near_the_means(_compiled(module.kernel_model(layout, spec))), ""


def adverse_kernel(counts: Counts, prior: PriorSet) -> KernelModel:
    """The kernel of the hierarchical model of adverse-reaction counts, which covers all of them."""
    from bayesasthma.models.kernels.adverse import kernel_model

    return _compiled(kernel_model(counts, prior))


def _compiled(model: KernelModel) -> KernelModel:
    # asked for, it is compiled or read from disk
    _ = model.kernel.compiled
    return model


def ready_table(
    layout: Design, spec: TableSpec, *, before_compiling: Callable[[], None] = lambda: None
) -> Ready:
    """A model of a table, ready to be sampled.

    Parameters
    ----------
    layout : Design
    spec : TableSpec
    before_compiling : callable
        Called before a graph is compiled, which takes a minute or two.

    Raises
    ------
    UsageError
        If the model cannot be built for the design.
    """
    kernel, reason = table_kernel(layout, spec)
    if kernel is not None:
        return Ready(kernel, "kernel")
    from bayesasthma.inference.sampling import with_data

    module = model_module(spec.model)
    model = module.build(layout, spec)
    before_compiling()
    return Ready(with_data(compile_centred(model), module.data(layout, spec)), "graph", reason)


def model_module(model: str) -> Any:
    """The module of the graph of a model of tables, with its ``build`` and ``data``."""
    return import_module(f"bayesasthma.models.{model}")


def compile_centred(model: Any) -> Any:
    """Compile a PyMC model for nutpie with chains that start where `STARTS` are 0.

    The model's data of these names are 0 afterwards, and so are the compiled model's until
    :func:`bayesasthma.inference.sampling.with_data` gives it others.
    """
    from bayesasthma.inference.sampling import compile_model

    for name in STARTS:
        if name in model.named_vars:
            model[name].set_value(np.zeros_like(model[name].get_value()))
    return compile_model(model)
