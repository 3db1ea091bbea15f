"""Predictive checks and leave-one-out: what a fit says of the numbers it was fitted to."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma.plots.quantity_diagnostics import PARETO_K_MAX

SAMPLE = ("chain", "draw")
#: Of the central predictive interval whose hits are counted.
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class LeaveOneOut:
    """What importance sampling says of leaving out one printed row at a time.

    Attributes
    ----------
    elpd : ELPDData
        ArviZ's, pointwise.
    rows, above : int
        Printed rows, and how many have a Pareto k above the limit.
    worst : float
        Largest Pareto k.
    """

    elpd: Any
    rows: int
    above: int
    worst: float

    @property
    def reliable(self) -> bool:
        """Whether no row's Pareto k is above the limit."""
        return self.above == 0


def predictions(data: xr.DataTree) -> xr.DataTree | None:
    """Predicted and observed numbers over one dimension ``number``, by kind; None without any.

    Means and SDs are variables of their own, less the mean of their predictive draws and in units
    of the draws' SD, for outcomes differ in units; other observations are as they are.
    """
    groups = ("posterior_predictive", "observed_data")
    if not all(group in data.children for group in groups):
        return None
    new, seen = (data[group].to_dataset() for group in groups)
    predicted: dict[str, list[np.ndarray]] = {}
    printed: dict[str, list[np.ndarray]] = {}
    for name in new.data_vars:
        if name not in seen:
            continue
        by_moment = "moment" in new[name].dims
        for kind in ("mean", "sd") if by_moment else (None,):
            choice = {"moment": 0 if kind == "mean" else 1} if by_moment else {}
            own = new[name].isel(choice).transpose(*SAMPLE, ...).to_numpy()
            observed = seen[name].isel(choice).to_numpy().ravel()
            own = own.reshape((*own.shape[:2], -1))
            kept = np.isfinite(observed)
            if by_moment:
                centre, spread = own.mean(axis=(0, 1)), own.std(axis=(0, 1))
                spread = np.where(spread > 0, spread, 1.0)
                own, observed = (own - centre) / spread, (observed - centre) / spread
            label = {"mean": "printed means", "sd": "printed SDs", None: str(name)}[kind]
            predicted.setdefault(label, []).append(own[:, :, kept])
            printed.setdefault(label, []).append(observed[kept])
    if not predicted:
        return None
    trees: dict[str, dict[str, Any]] = {group: {} for group in groups}
    for label, parts in predicted.items():
        dim = f"{label.replace('printed ', '')} in order"
        joined = np.concatenate(parts, axis=-1)
        trees[groups[0]][label] = ((*SAMPLE, dim), joined)
        trees[groups[1]][label] = ((dim,), np.concatenate(printed[label]))
    return xr.DataTree.from_dict({group: _counted(xr.Dataset(own)) for group, own in trees.items()})


def _counted(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.assign_coords({dim: np.arange(size) for dim, size in dataset.sizes.items()})


def inside(tree: xr.DataTree) -> list[tuple[str, int, int]]:
    """Kind, how many observed numbers lie in their 95 % predictive interval, and of how many.

    Parameters
    ----------
    tree : DataTree
        From `predictions`.
    """
    found = []
    for name, draws in tree["posterior_predictive"].to_dataset().items():
        low, high = np.quantile(draws.to_numpy(), INTERVAL, axis=(0, 1))
        seen = tree["observed_data"].to_dataset()[str(name)].to_numpy()
        found.append((str(name), int(((seen >= low) & (seen <= high)).sum()), len(seen)))
    return found


def leave_one_out(data: xr.DataTree, shown: xr.DataTree) -> LeaveOneOut | None:
    """Leave one printed row (or group of patients) out at a time, by importance sampling.

    Parameters
    ----------
    data : DataTree
        With ``log_likelihood``; None is returned without.
    shown : DataTree
        Whose ``posterior`` gives the chains' efficiency: that of every parameter would take longer
        than all else.
    """
    import arviz as az

    if "log_likelihood" not in data.children:
        return None
    parts = []
    for values in data["log_likelihood"].to_dataset().values():
        own = values.transpose(*SAMPLE, ...).to_numpy()
        own = own.reshape((*own.shape[:2], -1))
        parts.append(own[:, :, np.isfinite(own).all(axis=(0, 1))])
    joined = np.concatenate(parts, axis=-1)
    if not joined.shape[-1]:
        return None
    tree = xr.DataTree.from_dict(
        {
            "posterior": shown["posterior"].to_dataset(),
            "log_likelihood": _counted(xr.Dataset({"printed": ((*SAMPLE, "row"), joined)})),
        }
    )
    with warnings.catch_warnings():
        # the page says itself which rows have a large Pareto k
        warnings.filterwarnings("ignore", message="Estimated shape parameter", category=UserWarning)
        elpd = az.loo(tree, pointwise=True)
    # not a number where the weights are too uneven for a shape to be fitted
    k = np.nan_to_num(np.asarray(elpd.pareto_k).ravel(), nan=np.inf)
    return LeaveOneOut(elpd, len(k), int((k > PARETO_K_MAX).sum()), float(k.max()))
