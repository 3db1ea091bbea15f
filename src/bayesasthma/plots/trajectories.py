"""Each outcome over the weeks: published mean and standard error against the posterior, by arm."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
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
    wrapped,
)


@mpl.rc_context(STYLE)
def trajectories(fit: Fit, *, narrow: bool = False) -> Figure:
    """One panel per outcome: printed mean ± SE beside posterior mean and 95 % CrI, by arm.

    Parameters
    ----------
    fit : Fit
        Of a table model.
    narrow : bool
        Two columns for a phone instead of five.
    """
    study, mean = fit.study, fit.moments["mean"]
    outcomes = [str(name) for name in mean["outcome"].to_numpy()]
    centre, lower, upper = mean_and_interval(mean)
    printed = study.table.sel(statistic="level", drop=True)
    figure, axes = panels(len(outcomes), narrow=narrow, wide_columns=5, height=2.15)
    visits = [str(v) for v in mean["visit"].to_numpy()]
    weeks = study.visits.loc[visits, "week"].to_numpy(dtype=float)
    span = max(float(np.ptp(weeks)), 1.0)
    colours = arm_colours(study)
    for axis, outcome in zip(axes, outcomes, strict=True):
        meta = study.outcomes.loc[outcome]
        for index, arm in enumerate(colours):
            here = {"outcome": outcome, "arm": arm}
            colour = colours[arm]
            label = f"{arm_name(study, arm)} (n = {study.arms['n'][arm]})"
            axis.fill_between(
                weeks, lower.sel(here), upper.sel(here), color=colour, alpha=0.18, linewidth=0
            )
            axis.plot(weeks, centre.sel(here), color=colour, label=label)
            cell = printed.sel(here).sel(visit=visits)
            error = cell["sd"] / np.sqrt(cell["n"])
            shift = span * 0.018 * (index - (len(colours) - 1) / 2)
            axis.errorbar(
                weeks + shift, cell["mean"], error, fmt="o", color=colour, markersize=3.6,
                markerfacecolor="white", elinewidth=1.1, capsize=2,
            )  # fmt: skip
        axis.set_title(wrapped(outcome_name(study, outcome), 22 if narrow else 24))
        axis.set_ylabel(pretty_unit(str(meta["unit"])))
        axis.set_xticks(weeks, [f"{week:g}" for week in weeks])
        axis.grid(axis="y", color="#EEEEEE")
        axis.set_xlabel("weeks")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=1 if narrow else len(colours))
    return figure
