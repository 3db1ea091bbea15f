"""Every scalar of a fit with its diagnostics, and the handful that tables and figures show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference import convergence
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.diagnostics import ESS_MIN, R_HAT_MAX
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.mcmc import headline_tree, of_all_outcomes
from bayesasthma.plots.style import arm_name, reaction_label, visit_name

SAMPLE = ("chain", "draw")
COLUMNS = ["block", "label", "position", "r_hat", "ess_bulk", "ess_tail"]
#: How many headline effects and how many other scalars the figures show.
HEADLINES, OTHERS = 2, 2


@dataclass(frozen=True)
class Quantity:
    """A scalar that figures show.

    Attributes
    ----------
    label : str
        The parameter with its labels, or the effect in words.
    why : str
        Why it is among the few shown.
    draws : ndarray, shape (chain, draw)
    prior : ndarray, shape (1, draw), or None
        Prior draws, where the fit has them.
    """

    label: str
    why: str
    draws: np.ndarray
    prior: np.ndarray | None = None


def scalar_table(posterior: xr.Dataset) -> pd.DataFrame:
    """R-hat and effective sample sizes of every scalar that varies, as the gate has them.

    Parameters
    ----------
    posterior : Dataset (chain, draw, ...)

    Returns
    -------
    DataFrame
        ``block`` (the variable), ``label``, ``position`` within the flattened variable, ``r_hat``,
        ``ess_bulk``, ``ess_tail``: a row per scalar.
    """
    frames = []
    for name, array in posterior.items():
        if array.dtype.kind != "f":
            continue
        draws = _flat(array)
        kept = np.flatnonzero(~convergence.constant(draws) & ~np.isnan(draws).all(axis=(0, 1)))
        if not len(kept):
            continue
        r_hat, bulk, tail = convergence.diagnose(draws[:, :, kept])
        labels = _labels(str(name), array)
        frames.append(
            pd.DataFrame(
                {
                    "block": str(name),
                    "label": [labels[i] for i in kept],
                    "position": kept,
                    "r_hat": r_hat,
                    "ess_bulk": bulk,
                    "ess_tail": tail,
                }
            )
        )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def block_table(scalars: pd.DataFrame) -> pd.DataFrame:
    """By block of parameters: how many scalars, the worst of each diagnostic, and which that is."""
    rows = []
    for block, own in scalars.groupby("block", sort=False):
        rows.append(
            {
                "block": block,
                "scalars": len(own),
                "r_hat": own["r_hat"].max(),
                "ess_bulk": own["ess_bulk"].min(),
                "ess_tail": own["ess_tail"].min(),
                "worst": own["label"].iloc[_worst(own)],
                "passed": bool(
                    (own["r_hat"].fillna(1.0) <= R_HAT_MAX).all()
                    and (own[["ess_bulk", "ess_tail"]] >= ESS_MIN).all(axis=None)
                ),
            }
        )
    return pd.DataFrame(rows)


def worst_label(scalars: pd.DataFrame) -> str:
    """The scalar with the smallest bulk ESS; blank where nothing varies."""
    if scalars.empty:
        return ""
    return str(scalars["label"].iloc[int(np.argmin(scalars["ess_bulk"].to_numpy()))])


def _worst(own: pd.DataFrame) -> int:
    """Position of the scalar with the fewest effective draws, in bulk or tail."""
    return int(np.argmin(own[["ess_bulk", "ess_tail"]].min(axis=1).to_numpy()))


def draws_of(data: xr.DataTree, group: str, block: str, position: int) -> np.ndarray | None:
    """Draws (chain, draw) of one scalar in a group; None where the group has none."""
    held = data[group].to_dataset() if group in data.children else xr.Dataset()
    if block not in held:
        return None
    found = _flat(held[block])[:, :, position]
    return found if np.isfinite(found).all() else None


def quantities(
    data: xr.DataTree, scalars: pd.DataFrame, leading: Sequence[Quantity]
) -> list[Quantity]:
    """The few that figures show: headline effects and parameters, those with least to go by first.

    Returns
    -------
    list of Quantity
        At most `HEADLINES` effects with the fewest effective draws, then the parameter with the
        largest R-hat and the one with the smallest bulk ESS, of different blocks.
    """
    size = [_least_ess(item.draws) for item in leading]
    chosen = [leading[i] for i in np.argsort(size, kind="stable")[:HEADLINES]]
    taken: set[str] = set()
    for column, worst, why in (
        ("r_hat", -1, "largest R-hat"),
        ("ess_bulk", 1, "smallest bulk ESS"),
    ):
        left = scalars[~scalars["block"].isin(taken)]
        if left.empty or len(taken) == OTHERS:
            continue
        row = left.iloc[int(np.argmin((worst * left[column]).fillna(np.inf).to_numpy()))]
        of_rest = " of the other blocks" if taken else ""
        taken.add(str(row["block"]))
        block, position = str(row["block"]), int(row["position"])
        own = draws_of(data, "posterior", block, position)
        assert own is not None
        prior = draws_of(data, "prior", block, position)
        chosen.append(Quantity(str(row["label"]), why + of_rest, own, prior))
    return chosen


def headline_quantities(fit: Fit | AdverseFit) -> list[Quantity]:
    """The effects that a report leads with, at the last visit of each outcome or event."""
    if isinstance(fit, AdverseFit):
        return _risk_differences(fit)
    found = []
    study = fit.study
    for arm in study.treatments:
        tree = headline_tree(fit, arm)
        who = f", {arm_name(study, arm)}" if len(study.treatments) > 1 else ""
        for name in map(str, tree["posterior"].to_dataset()["outcome"].to_numpy()):
            own, prior = (
                tree[group].to_dataset()["headline"].sel(outcome=name).transpose(*SAMPLE).to_numpy()
                if group in tree.children
                else None
                for group in ("posterior", "prior")
            )
            assert own is not None
            found.append(Quantity(f"effect on {name}{who}", "headline effect", own, prior))
    return found


def _risk_differences(fit: AdverseFit) -> list[Quantity]:
    found, study = [], fit.study
    for reaction in fit.counts.reactions:
        for arm in fit.counts.arms[1:]:
            who = f", {arm_name(study, arm)}" if len(fit.counts.arms) > 2 else ""
            for visit in reversed(fit.counts.visits):
                own = _risk_difference(fit, "posterior", reaction, visit, arm)
                if own is None:
                    continue
                prior = _risk_difference(fit, "prior", reaction, visit, arm)
                label = f"risk difference, {reaction_label(reaction).lower()}{who}"
                label += f", {visit_name(study, visit)}"
                found.append(Quantity(label, "headline effect", own, prior))
                break
    return found


def _risk_difference(
    fit: AdverseFit, group: str, reaction: str, visit: str, arm: str
) -> np.ndarray | None:
    held = fit.data[group].to_dataset() if group in fit.data.children else xr.Dataset()
    if "rate" not in held:
        return None
    rate = held["rate"].sel(reaction=reaction, visit=visit)
    gain = rate.sel(arm=arm) - rate.sel(arm=fit.counts.arms[0])
    values = gain.transpose(*SAMPLE).to_numpy()
    return values if np.isfinite(values).all() else None


def tree_of(chosen: Sequence[Quantity], data: xr.DataTree) -> xr.DataTree:
    """The tree that figures are drawn from: variable ``value`` (chain, draw, quantity)."""
    groups = {"posterior": values_of(chosen, [item.draws for item in chosen])}
    if "sample_stats" in data.children:
        stats = of_all_outcomes(data["sample_stats"].to_dataset())
        size = {dim: stats.sizes[dim] for dim in SAMPLE}
        groups["sample_stats"] = stats.assign_coords({k: np.arange(n) for k, n in size.items()})
    return xr.DataTree.from_dict(groups)


def with_prior(chosen: Sequence[Quantity]) -> xr.DataTree | None:
    """Prior and posterior draws of those that have both; None if none has."""
    both = [item for item in chosen if item.prior is not None]
    if not both:
        return None
    return xr.DataTree.from_dict(
        {
            "posterior": values_of(both, [item.draws for item in both]),
            "prior": values_of(both, [item.prior for item in both if item.prior is not None]),
        }
    )


def values_of(chosen: Sequence[Quantity], draws: list[np.ndarray]) -> xr.Dataset:
    """Draws of quantities as one variable ``value`` (chain, draw, quantity)."""
    stacked = np.stack(draws, axis=-1)
    coords = {
        "chain": np.arange(stacked.shape[0]),
        "draw": np.arange(stacked.shape[1]),
        "quantity": [item.label for item in chosen],
    }
    return xr.Dataset({"value": ((*SAMPLE, "quantity"), stacked)}, coords)


def _least_ess(draws: np.ndarray) -> float:
    _, bulk, tail = convergence.diagnose(draws[:, :, None])
    return float(min(bulk[0], tail[0]))


def _flat(array: xr.DataArray) -> np.ndarray:
    values = array.transpose(*SAMPLE, ...).to_numpy()
    return np.asarray(values.reshape((*values.shape[:2], -1)), dtype=float)


def _labels(name: str, array: xr.DataArray) -> list[str]:
    """``log_sd[act, AIT, week12]`` for every position of a flattened variable."""
    inner = [str(dim) for dim in array.dims if dim not in SAMPLE]
    if not inner:
        return [name]
    texts = [
        [str(value) for value in (array[dim].to_numpy() if dim in array.coords
                                  else range(array.sizes[dim]))]
        for dim in inner
    ]  # fmt: skip
    return [
        f"{name}[{', '.join(texts[axis][i] for axis, i in enumerate(index))}]"
        for index in np.ndindex(*(array.sizes[dim] for dim in inner))
    ]
