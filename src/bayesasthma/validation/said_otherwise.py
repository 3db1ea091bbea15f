"""Studies that say the same in another way, and how a model's parameters say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.study.study import Study

Point = dict[str, np.ndarray]


def shifted(study: Study, visits: Sequence[str], amount: float) -> Study:
    """All arms' levels at some visits moved by ``amount`` baseline SDs, and changes with them."""
    table = study.table.copy(deep=True)
    base = table.sel(statistic="level", visit=study.visits.index[0])
    unit = np.sqrt((base["sd"] ** 2 * (base["n"] - 1)).sum("arm") / (base["n"] - 1).sum("arm"))
    moved = table["visit"].isin(list(visits))
    table["mean"] = (table["mean"] + amount * unit * moved).transpose(*table["mean"].dims)
    return replace(study, table=table)


def with_arms(study: Study, order: Sequence[int]) -> Study:
    """The numbers of the arms dealt out in another order: arm ``g`` prints what ``order[g]`` did.

    The control keeps its name and place, so an order that moves it exchanges roles.
    """
    ids = list(study.arms.index)
    dealt = [ids[g] for g in order]
    table = study.table.sel(arm=dealt).assign_coords(arm=ids)
    arms = study.arms
    arms["n"] = arms["n"].loc[dealt].to_numpy()
    new_name = dict(zip(dealt, ids, strict=True))
    adverse = study.adverse
    if len(adverse):
        adverse = adverse.assign(arm=adverse["arm"].map(new_name)).sort_values(
            ["reaction", "visit", "arm"], kind="stable"
        )
    return replace(study, table=table, arms=arms, adverse=adverse)


def with_copy(study: Study, arm: str) -> Study:
    """The study with one more arm that prints what ``arm`` does."""
    twin = f"{arm}_again"
    more = study.table.sel(arm=[arm]).assign_coords(arm=[twin])
    row = study.arms.loc[[arm]].rename(index={arm: twin}).assign(label=f"{arm} again")
    adverse = study.adverse
    if len(adverse):
        adverse = pd.concat([adverse, adverse[adverse["arm"] == arm].assign(arm=twin)])
    return replace(
        study,
        table=xr.concat([study.table, more], dim="arm"),
        arms=pd.concat([study.arms, row]),
        adverse=adverse,
    )


def in_unit(study: Study, factor: float) -> Study:
    """Every outcome in another unit; a negative factor turns the scale, and what is better."""
    table = study.table.copy(deep=True)
    table["mean"] = table["mean"] * factor
    for name in ("sd", "mean_step", "sd_step"):
        table[name] = table[name] * abs(factor)
    outcomes = study.outcomes
    outcomes["direction"] = (outcomes["direction"] * np.sign(factor)).astype(int)
    absolute = outcomes["mcid_kind"] != "relative"
    outcomes["mcid"] = outcomes["mcid"].where(~absolute, outcomes["mcid"] * abs(factor))
    return replace(study, table=table, outcomes=outcomes)


def with_outcomes(study: Study, names: Sequence[str]) -> Study:
    """Some outcomes, in an order."""
    table = study.table.sel(outcome=list(names))
    return replace(study, table=table, outcomes=study.outcomes.loc[list(names)])


# ------------------------------------------------------------------------------- parameters


def dealt_arms(point: Point, order: Sequence[int], outcomes: int) -> Point:
    """Parameters of `with_arms`: contrasts with the arm that is the control now."""
    found = dict(point)
    place = np.asarray(order)
    for name, axis in (("effect", 1), ("imbalance", 1), ("fewer", 0)):
        if name in point:
            treated = np.moveaxis(point[name], axis, 0)
            whole = np.concatenate([np.zeros_like(treated[:1]), treated])[place]
            found[name] = np.moveaxis(whole[1:] - whole[:1], 0, axis)
    if "log_sd" in point and point["log_sd"].ndim == 3:
        found["log_sd"] = point["log_sd"][:, place]
    for name in ("epsilon_0", "rounding_0"):
        if name in point:
            by_arm = point[name].reshape(outcomes, len(place), *point[name].shape[1:])
            found[name] = by_arm[:, place].reshape(point[name].shape)
    return found


def turned(point: Point) -> Point:
    """Parameters of `in_unit` with a negative factor."""
    found = dict(point)
    for name in ("baseline_level", "visit_step", "imbalance", "effect"):
        if name in point:
            found[name] = -point[name]
    if "rounding_0" in point:
        sign = np.array([-1.0, 1.0])
        found["rounding_0"] = point["rounding_0"] * sign
    return found
