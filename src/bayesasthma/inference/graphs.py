"""Which specifications share a compiled graph, and models ready to sample, each compiled once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesasthma.inference.routes import (
    adverse_kernel,
    compile_centred,
    model_module,
    table_kernel,
)
from bayesasthma.models.design import Design, TableBlock
from bayesasthma.models.moments import constrained
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors.distributions import PriorSet

if TYPE_CHECKING:
    from bayesasthma.models.adverse_counts import Counts
    from bayesasthma.models.kernels.model import KernelModel

#: Hyperparameters of the correlations that enter a graph as data.
CORRELATION_DATA = ("location", "scale", "rho")


def graph_key(layout: Design, spec: TableSpec) -> str:
    """Name of the graph that a specification compiles to.

    Two pairs of design and specification with one key differ only in what a model module's
    ``data`` returns: printed numbers, rounding steps, numbers of patients (where each series has
    one), hyperparameters of priors of one family, a fixed correlation. Whether rounding is modelled
    makes no difference either: with steps of zero the same graph takes numbers at face value.
    Names, directions and domains of outcomes count in the joint model alone.

    Parameters
    ----------
    layout : Design
    spec : TableSpec

    Returns
    -------
    str
        Readable head and a digest, such as ``"longitudinal-unstructured-by_arm-3f2a…"``.
    """
    correlation = {
        name: value
        for name, value in asdict(spec.correlation).items()
        if name not in CORRELATION_DATA
    }
    uses_correlation = spec.model != "independent" and len(layout.visits) > 1
    facts = {
        "model": spec.model,
        "outcomes": _outcome_facts(layout) if spec.model == "joint" else len(layout.outcomes),
        "labels": [layout.arms, layout.visits],
        "weeks": layout.weeks.tolist(),
        "baseline": layout.baseline,
        "constrained": spec.model != "independent" and constrained(layout, spec),
        "correlation": correlation if uses_correlation else None,
        "variance": spec.variance,
        "prior": spec.prior.family,
        "tables": [_table_facts(table) for table in layout.tables],
        "patients": [_patient_facts(block) for block in layout.patients],
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    parts = [spec.model, spec.correlation.structure if uses_correlation else "", spec.variance]
    return "-".join([*filter(None, parts), digest[:12]])


def _outcome_facts(layout: Design) -> list[Any]:
    return [layout.outcomes, layout.domain, layout.direction.tolist()]


def _table_facts(table: TableBlock) -> dict[str, Any]:
    return {
        "outcome": table.outcome.tolist(),
        "arm": table.arm.tolist(),
        "functional": table.functional.tolist(),
        "pinned": table.pinned.tolist(),
        # numbers of patients that differ between the visits of a series are part of the graph
        "n": None if table.balanced else table.n.tolist(),
        "pinned_z": None if table.balanced else table.pinned_z.tolist(),
    }


def _patient_facts(block: Any) -> list[Any]:
    """Patients' statistics are constants of the graph."""
    return [np.asarray(getattr(block, item.name)).tolist() for item in fields(block)]


def with_steps(layout: Design, step: float) -> Design:
    """The design with every rounding step set to ``step``, in baseline SDs."""
    tables = tuple(
        replace(
            table,
            mean_step=np.full_like(table.mean_step, step),
            sd_step=np.full_like(table.sd_step, step),
        )
        for table in layout.tables
    )
    return replace(layout, tables=tables)


class CompiledGraphs:
    """Hands out models ready to sample: kernels, and graphs that it compiles once each.

    Parameters
    ----------
    kernels : bool
        Whether to use kernels where they cover a model.

    Attributes
    ----------
    seconds : dict
        Wall seconds of compiling each graph or kernel met so far, by key.
    """

    def __init__(self, *, kernels: bool = True) -> None:
        self.kernels = kernels
        self.seconds: dict[str, float] = {}
        self._compiled: dict[str, Any] = {}

    def get(self, layout: Design, spec: TableSpec) -> Any:
        """The compiled model of a specification, its data swapped in.

        Parameters
        ----------
        layout : Design
        spec : TableSpec

        Returns
        -------
        KernelModel or nutpie compiled model
            For :func:`bayesasthma.inference.sampling.sample`. Outcomes bear the labels of a design
            that has this key.

        Raises
        ------
        UsageError
            If the model cannot be built for the design.
        """
        from bayesasthma.inference.sampling import with_data

        if self.kernels:
            start = time.perf_counter()
            kernel, _ = table_kernel(layout, spec)
            if kernel is not None:
                return self._timed(kernel, start)
        module = model_module(spec.model)
        # the graph always has rounding errors; steps of zero switch them off
        rounded = replace(spec, rounding=True)
        compiled = self._once(
            graph_key(layout, spec), lambda: module.build(with_steps(layout, 1.0), rounded)
        )
        seen = layout if spec.rounding else with_steps(layout, 0.0)
        return with_data(compiled, module.data(seen, rounded))

    def get_adverse(self, counts: Counts, prior: PriorSet) -> Any:
        """The hierarchical model of adverse-reaction counts, ready for ``sampling.sample``."""
        if self.kernels:
            start = time.perf_counter()
            return self._timed(adverse_kernel(counts, prior), start)
        from bayesasthma.inference.sampling import with_data
        from bayesasthma.models import adverse
        from bayesasthma.models.adverse_counts import prior_data

        compiled = self._once(adverse_key(counts, prior), lambda: adverse.build(counts, prior))
        values = {"events": counts.events, "at_risk": counts.at_risk}
        return with_data(compiled, values | prior_data(counts, prior))

    def _timed(self, kernel: KernelModel, start: float) -> KernelModel:
        """The kernel, the seconds of getting the first of its name noted."""
        self.seconds.setdefault(kernel.kernel.name, time.perf_counter() - start)
        return kernel

    def _once(self, key: str, build: Callable[[], Any]) -> Any:
        if key not in self._compiled:
            start = time.perf_counter()
            self._compiled[key] = compile_centred(build())
            self.seconds[key] = time.perf_counter() - start
        return self._compiled[key]


def adverse_key(counts: Counts, prior: PriorSet) -> str:
    """Name of the graph of adverse-reaction counts under the family of a prior set."""
    facts = [
        counts.reactions,
        counts.visits,
        counts.arms,
        counts.reaction.tolist(),
        counts.visit.tolist(),
        counts.arm.tolist(),
        counts.arm_share.tolist(),
        prior.log_odds_family,
    ]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return f"adverse-{digest[:12]}"
