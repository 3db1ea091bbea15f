"""Each outcome over the weeks: published mean and standard error against the posterior, by arm."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.headline import mean_and_interval
from bayesasthma.plots.style import (
    STYLE,
    arm_colours,
    arm_name,
    outcome_name,
    panels,
    pretty_unit,
    tip,
    visit_name,
    wrapped,
)
from bayesasthma.study.study import Study


def trajectories_of(fit: Fit, outcome: str) -> Figure:
    """The panel of one outcome, see :func:`trajectories`."""
    return trajectories(fit, [outcome], narrow=True)


@mpl.rc_context(STYLE)
def trajectories(
    fit: Fit, outcomes: Sequence[str] | None = None, *, narrow: bool = False
) -> Figure:
    """One panel per outcome: printed mean ± SE beside posterior mean and 95 % CrI, by arm.

    Parameters
    ----------
    fit : Fit
        Of a table model.
    outcomes : sequence of str, optional
        All of the fit by default.
    narrow : bool
        Two columns for a phone instead of five.
    """
    study, mean = fit.study, fit.moments["mean"]
    if outcomes is not None:
        mean = mean.sel(outcome=list(outcomes))
    outcomes = [str(name) for name in mean["outcome"].to_numpy()]
    centre, lower, upper = mean_and_interval(mean)
    printed = study.table.sel(statistic="level", drop=True)
    figure, axes = panels(len(outcomes), narrow=narrow, wide_columns=5, height=2.15)
    visits = [str(v) for v in mean["visit"].to_numpy()]
    weeks = study.visits.loc[visits, "week"].to_numpy(dtype=float)
    seen = _printed(study).sel(visit=visits)
    span = max(float(np.ptp(weeks)), 1.0)
    colours = arm_colours(study)
    for axis, outcome in zip(axes, outcomes, strict=True):
        meta = study.outcomes.loc[outcome]
        for index, arm in enumerate(colours):
            here = {"outcome": outcome, "arm": arm}
            colour = colours[arm]
            label = f"{arm_name(study, arm)} (n = {study.arms['n'][arm]})"
            line = _until_last(seen.sel(here, drop=True).to_numpy())
            low, middle, high = (
                np.where(line, part.sel(here).to_numpy(), np.nan) for part in (lower, centre, upper)
            )
            axis.fill_between(weeks, low, high, color=colour, alpha=0.18, linewidth=0)
            # a line needs two points; a dash stands for the band of one
            axis.plot(weeks, middle, "_" if line.sum() == 1 else "-", color=colour, label=label)
            cell = printed.sel(here).sel(visit=visits)
            error = cell["sd"] / np.sqrt(cell["n"])
            shift = span * 0.018 * (index - (len(colours) - 1) / 2)
            _tips(axis, weeks + shift, cell, middle, low, high, arm_name(study, arm), visits, study)
            axis.errorbar(
                weeks + shift, cell["mean"], error, fmt="o", color=colour, markersize=3.6,
                markerfacecolor="white", elinewidth=1.1, capsize=2,
            )  # fmt: skip
        axis.set_title(wrapped(outcome_name(study, outcome), 22 if narrow else 24))
        axis.set_ylabel(pretty_unit(str(meta["unit"])))
        shown = weeks[_until_last(seen.sel(outcome=outcome).any("arm").to_numpy())]
        axis.set_xticks(shown, [f"{week:g}" for week in shown])
        axis.grid(axis="y", color="#EEEEEE")
        axis.set_xlabel("weeks")
    handles, labels = axes[0].get_legend_handles_labels()
    columns = 1 if narrow else min(len(colours), 4)
    figure.legend(handles, labels, loc="outside upper left", ncols=columns)
    return figure


def _tips(
    axis: Axes, weeks: np.ndarray, cell: xr.Dataset, middle: np.ndarray, low: np.ndarray,
    high: np.ndarray, arm: str, visits: list[str], study: Study,
) -> None:  # fmt: skip
    """Numbers to read at every printed mean: printed and posterior."""
    mean, sd = cell["mean"].to_numpy(), cell["sd"].to_numpy()
    for k, visit in enumerate(visits):
        tip(
            axis,
            float(weeks[k]),
            float(mean[k]),
            f"{arm}, {visit_name(study, visit)}: printed {mean[k]:.4g} ± {sd[k]:.3g}; posterior "
            f"mean {middle[k]:.4g} ({low[k]:.4g} to {high[k]:.4g})",
        )


def _printed(study: Study) -> xr.DataArray:
    """Which cells (outcome, arm, visit) have data; a change has them at the baseline too."""
    mean = study.table["mean"]
    seen = mean.notnull().any("statistic")
    if study.baseline_visit is not None:
        changed = mean.sel(statistic="change").notnull().any("visit")
        first = seen["visit"] == study.baseline_visit
        seen = seen | (changed & first)
    return seen.transpose("outcome", "arm", "visit")


def _until_last(seen: np.ndarray) -> np.ndarray:
    """From the first to the last visit with data: a line crosses a gap, and ends with the data."""
    found = np.flatnonzero(seen)
    inside = np.zeros(seen.shape, dtype=bool)
    if len(found):
        inside[found[0] : found[-1] + 1] = True
    return inside
