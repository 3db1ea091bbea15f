"""Outcomes that share no parameter, sampled each by itself and put together again.

Each has a step size and trajectories of its own, and so few parameters that a low-rank mass matrix
learns their correlations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma.inference.remedies import AGAIN, sample_closely
from bayesasthma.inference.routes import table_kernel
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.design import Design, TableBlock
from bayesasthma.models.specification import TableSpec

#: Data of a block with one entry for each series.
BY_SERIES = ("arm", "mean", "sd", "mean_step", "sd_step", "n", "pinned_z")


def separable(layout: Design, spec: TableSpec) -> bool:
    """Whether the outcomes of a design can be sampled apart: by kernels, from tables alone."""
    several = len(layout.outcomes) > 1 and not layout.patients
    return several and spec.model == "longitudinal" and table_kernel(layout, spec)[0] is not None


def one_outcome(layout: Design, outcome: int) -> tuple[Design, list[tuple[int, np.ndarray]]]:
    """The design of one outcome, and of each of its blocks the number and series in the whole."""
    blocks, places = [], []
    for number, table in enumerate(layout.tables):
        series = np.flatnonzero(table.outcome == outcome)
        if len(series):
            blocks.append(_restricted(table, series))
            places.append((number, series))
    part = slice(outcome, outcome + 1)
    own = replace(
        layout,
        outcomes=layout.outcomes[part],
        domain=layout.domain[part],
        centre=layout.centre[part],
        scale=layout.scale[part],
        direction=layout.direction[part],
        target=layout.target[part],
        external=None if layout.external is None else layout.external[part],
        tables=tuple(blocks),
    )
    return own, places


def _restricted(table: TableBlock, series: np.ndarray) -> TableBlock:
    chosen: dict[str, Any] = {name: getattr(table, name)[series] for name in BY_SERIES}
    return replace(table, outcome=np.zeros(len(series), dtype=int), **chosen)


def sample_apart(
    layout: Design, spec: TableSpec, options: SamplerOptions, patients: float = 0
) -> xr.DataTree:
    """Sample each outcome by itself; the seeds of outcomes differ, so that draws are independent.

    Parameters
    ----------
    layout : Design
        That is `separable`.
    spec : TableSpec
    options : SamplerOptions
        Of each outcome.
    patients : float
        As :func:`bayesasthma.inference.sampling.sample` takes it.

    Returns
    -------
    DataTree
        As `sample` returns for all outcomes at once; ``sample_stats`` (chain, draw, outcome).
        Rounding scores of an outcome whose numbers are exact are 0. An attribute says which
        outcomes were sampled again.
    """
    whole, _ = table_kernel(layout, spec)
    assert whole is not None
    size = (options.chains, options.draws)
    draws = {own.name: np.zeros((*size, *own.shape)) for own in whole.variables}
    statistics, again = [], []
    for k in range(len(layout.outcomes)):
        own, places = one_outcome(layout, k)
        kernel, _ = table_kernel(own, spec)
        tree = sample_closely(kernel, replace(options, seed=options.seed + k), patients)
        if AGAIN in tree.attrs:
            again.append(f"{layout.outcomes[k]}: {tree.attrs[AGAIN]}")
        numbers = {f"{number}": series for number, series in places}
        local = {str(number): str(j) for j, (number, _) in enumerate(places)}
        for variable in whole.variables:
            head, _, block = variable.name.rpartition("_")
            if variable.dims[0] == "outcome":
                draws[variable.name][:, :, k] = tree["posterior"][variable.name].to_numpy()[:, :, 0]
            elif block in local and (name := f"{head}_{local[block]}") in tree["posterior"]:
                draws[variable.name][:, :, numbers[block]] = tree["posterior"][name].to_numpy()
        statistics.append(tree["sample_stats"].to_dataset())
    count = {"chain": range(options.chains), "draw": range(options.draws)}
    kept = {dim for own in whole.variables for dim in own.dims}
    labels = {dim: list(own) for dim, own in whole.coords.items() if dim in kept}
    posterior = xr.Dataset(
        {own.name: (("chain", "draw", *own.dims), draws[own.name]) for own in whole.variables},
        {**count, **labels},
    )
    stats = xr.concat(statistics, dim="outcome").transpose("chain", "draw", "outcome")
    stats = stats.assign_coords(outcome=list(layout.outcomes))
    together = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    if again:
        together.attrs[AGAIN] = "; ".join(again)
    return together
