"""OQ: compiled models against the PyMC graphs that define them."""

from __future__ import annotations

import numpy as np

from bayesasthma.validation.bench import Bench
from bayesasthma.validation.graph_densities import CASES, POINTS, kernel_densities
from bayesasthma.validation.items import Check, Finding

#: Nine digits: relative to the density, and to the largest entry of a gradient.
DIGITS = 1e-9


def checks() -> list[Check]:
    """One a case."""
    return [
        Check(
            f"OQ-{30 + i}",
            "R15",
            f"Model {case.model} ({case.about}): log-density and gradient by the compiled code at "
            f"{POINTS} seeded points",
            "those of the PyMC graph, by automatic differentiation",
            f"{DIGITS:g}",
            "Nine digits: thousands of operations in another order lose some of the sixteen.",
            lambda bench, name=name: same_density(bench, name),  # type: ignore[misc]
            quick=False,
        )
        for i, (name, case) in enumerate(CASES.items())
    ]


def same_density(bench: Bench, name: str) -> Finding:
    """Values and gradients of a case."""
    found = kernel_densities(CASES[name], bench.study)
    graph = bench.graphs[name]
    with np.errstate(invalid="ignore"):
        value = np.abs(found.values - graph.values) / np.abs(graph.values)
        largest = np.abs(graph.gradients).max(axis=1, keepdims=True)
        slope = np.abs(found.gradients - graph.gradients) / largest
    worst = [float(np.where(np.isnan(own), np.inf, own).max()) for own in (value, slope)]
    text = (
        f"{len(value)} densities and {slope.size:,} derivatives: largest relative differences "
        f"{worst[0]:.1e} and {worst[1]:.1e}"
    )
    return Finding(text, max(worst) <= DIGITS)
