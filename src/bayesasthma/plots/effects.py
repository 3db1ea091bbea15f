"""Treatment effects: a forest on a common scale, and the chance of a benefit beyond any size."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.headline import headline, mean_and_interval
from bayesasthma.plots.style import (
    GREY,
    LIGHT_GREY,
    NARROW,
    STYLE,
    blank,
    outcome_name,
    panels,
    pretty_unit,
    tip,
    visit_colours,
    visit_name,
    wrapped,
)
from bayesasthma.study.study import Study


def baseline_sd(study: Study, outcomes: list[str]) -> xr.DataArray:
    """Printed SD (outcome) pooled over the arms at the first visit that prints one.

    In outcome units; the variances are weighted by n - 1. Of outcomes that print changes from
    baseline alone it is the SD of change.
    """
    found = _pooled_sd(study, outcomes, "level")
    return found.where(found.notnull(), _pooled_sd(study, outcomes, "change"))


def scale_name(study: Study) -> str:
    """What :func:`baseline_sd` is: ``SDs at baseline``, or of what there is instead."""
    level = study.table["sd"].sel(statistic="level").notnull()
    if not bool(level.any()):
        return "SDs of change"
    if study.baseline_visit is None or not bool(level.sel(visit=study.baseline_visit).any()):
        return "SDs at the first visit"
    return "SDs at baseline"


def _pooled_sd(study: Study, outcomes: list[str], statistic: str) -> xr.DataArray:
    level = study.table.sel(statistic=statistic, outcome=outcomes, drop=True)
    weight: xr.DataArray = level["n"] - 1
    usable = level["sd"].notnull() & weight.notnull()
    weight = weight.where(usable)
    total = (weight * level["sd"] ** 2).sum("arm", skipna=True)
    pooled = (total / weight.sum("arm")) ** 0.5
    pooled = pooled.where(usable.any("arm")).transpose("outcome", "visit")
    values = [next((x for x in row if np.isfinite(x)), np.nan) for row in pooled.to_numpy()]
    return xr.DataArray(np.array(values), {"outcome": outcomes}, "outcome")


@mpl.rc_context(STYLE)
def standardised_forest(fit: Fit, arm: str | None = None, *, narrow: bool = False) -> Figure:
    """Headline effect of every outcome and visit over the outcome's printed SD at baseline.

    Signed so that the right is a benefit; outcomes for which no direction is a benefit are grey and
    show the plain difference. A bar is the MCID on the same scale.
    """
    study, found = fit.study, headline(fit)
    arm = arm or study.treatments[0]
    outcomes = _by_domain(study, [str(k) for k in found.draws["outcome"].to_numpy()])
    visits = [str(v) for v in found.draws["visit"].to_numpy()]
    scale = baseline_sd(study, outcomes)
    scaled = found.oriented.sel(arm=arm, outcome=outcomes) / scale
    limit = (found.threshold.sel(outcome=outcomes) / scale).transpose("outcome", "visit")
    centre, low, high = (
        part.transpose("outcome", "visit").to_numpy() for part in mean_and_interval(scaled)
    )
    colours = visit_colours(visits)
    figure = blank(NARROW if narrow else 7.6, 0.42 * len(outcomes) + 1.3)
    axis = figure.subplots()
    spread = 0.62 / max(len(visits), 1)
    for row, outcome in enumerate(outcomes):
        unsigned = study.outcomes["direction"][outcome] == 0
        if row % 2:
            axis.axhspan(row - 0.5, row + 0.5, color="#F5F5F5", zorder=0)
        for column, visit in enumerate(visits):
            height = row + spread * (column - (len(visits) - 1) / 2)
            colour = GREY if unsigned else colours[visit]
            weight = 0.45 + 0.55 * (column + 1) / len(visits) if unsigned else 1.0
            axis.plot(
                [low[row, column], high[row, column]], [height, height], color=colour, alpha=weight
            )
            axis.plot(
                centre[row, column], height, "o", color=colour, alpha=weight, markersize=4.5,
                markerfacecolor="white" if unsigned else colour,
            )  # fmt: skip
            tip(
                axis, centre[row, column], height,
                f"{outcome_name(study, outcome)}, {visit_name(study, visit)}: "
                f"{centre[row, column]:.2f} ({low[row, column]:.2f} to {high[row, column]:.2f})",
            )  # fmt: skip
            mark = float(limit[row, column])
            if np.isfinite(mark):
                axis.plot([mark, mark], [height - spread / 2, height + spread / 2], color="#222222")
    axis.axvline(0, color="#222222", linewidth=0.8)
    names = [outcome_name(study, k) for k in outcomes]
    unsigned_note = ["" if study.outcomes.loc[k, "direction"] else " †" for k in outcomes]
    axis.set_yticks(
        range(len(outcomes)),
        [wrapped(n, 18 if narrow else 28) + s for n, s in zip(names, unsigned_note, strict=True)],
    )
    axis.set_ylim(len(outcomes) - 0.5, -0.5)
    label = f"{found.description},\nin {scale_name(study)}; right of 0 is a benefit"
    if any(unsigned_note):
        label += "\n† no direction is claimed as benefit: plain difference"
    axis.set_xlabel(label)
    handles = [
        Line2D([], [], color=colours[v], marker="o", markersize=4.5,
               label=visit_name(study, v)) for v in visits
    ]  # fmt: skip
    if np.isfinite(limit).any():
        handles.append(
            Line2D([], [], color="#222222", marker="|", linestyle="", markersize=9, label="MCID")
        )
    figure.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)),
                  columnspacing=1.2, handletextpad=0.5)  # fmt: skip
    return figure


def benefit_curves_of(fit: Fit, outcome: str, arm: str | None = None) -> Figure:
    """The panel of one outcome, see :func:`benefit_curves`."""
    return benefit_curves(fit, arm, [outcome], narrow=True)


@mpl.rc_context(STYLE)
def benefit_curves(
    fit: Fit,
    arm: str | None = None,
    outcomes: Sequence[str] | None = None,
    *,
    narrow: bool = False,
) -> Figure:
    """P(benefit > x) against x in outcome units, one panel per outcome, one line per visit.

    Outcomes without a claimed direction show P(difference > x), in grey.
    """
    study, found = fit.study, headline(fit)
    arm = arm or study.treatments[0]
    outcomes = list(outcomes or map(str, found.draws["outcome"].to_numpy()))
    visits = [str(v) for v in found.draws["visit"].to_numpy()]
    oriented = found.oriented.sel(arm=arm)
    colours = visit_colours(visits)
    figure, axes = panels(len(outcomes), narrow=narrow, wide_columns=5, height=2.1)
    for axis, outcome in zip(axes, outcomes, strict=True):
        meta = study.outcomes.loc[outcome]
        unsigned = study.outcomes["direction"][outcome] == 0
        limits = found.threshold.sel(outcome=outcome).to_numpy()
        values = oriented.sel(outcome=outcome)
        flat = values.to_numpy().ravel()
        flat = flat[np.isfinite(flat)]
        ends = np.quantile(flat, [0.001, 0.999]) if len(flat) else np.array([0.0, 1.0])
        marks = [0.0, *limits[np.isfinite(limits)]]
        grid = np.linspace(min(ends[0], *marks), max(ends[1], *marks), 201)
        for column, visit in enumerate(visits):
            draws = np.sort(values.sel(visit=visit).to_numpy().ravel())
            if not np.isfinite(draws).all():
                continue
            chance = 1 - np.searchsorted(draws, grid, side="right") / len(draws)
            colour = GREY if unsigned else colours[visit]
            alpha = 0.35 + 0.65 * (column + 1) / len(visits) if unsigned else 1.0
            axis.plot(grid, chance, color=colour, alpha=alpha,
                      label=visit_name(study, visit))  # fmt: skip
        finite = limits[np.isfinite(limits)]
        if finite.size:
            mark = float(finite[-1])
            axis.axvline(mark, color="#222222", linestyle=(0, (4, 2)), linewidth=1)
            text = (
                f"MCID\n{100 * meta['mcid']:g} %"
                if meta["mcid_kind"] == "relative"
                else f"MCID\n{mark:g}"
            )
            # curves fall to the right, so the corner below them and left of the mark is free
            left = mark > grid[0] + 0.2 * (grid[-1] - grid[0])
            axis.annotate(
                text, (mark, 0.02), xytext=(-3 if left else 3, 0), textcoords="offset points",
                ha="right" if left else "left", va="bottom", fontsize=7, zorder=1,
            )  # fmt: skip
        axis.axvline(0, color=LIGHT_GREY, linewidth=1)
        axis.set_ylim(-0.02, 1.04)
        axis.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.grid(axis="y", color="#EEEEEE")
        name = outcome_name(study, outcome) + (" †" if unsigned else "")
        axis.set_title(wrapped(name, 22 if narrow else 24))
        axis.set_xlabel(f"x ({pretty_unit(str(meta['unit']))})")
        axis.set_ylabel("P(difference > x)" if unsigned else "P(benefit > x)")
    handles = [Line2D([], [], color=colours[v], label=visit_name(study, v))
               for v in visits]  # fmt: skip
    if bool((found.sign.sel(outcome=outcomes) == 0).any()):
        handles.append(Line2D([], [], color=GREY, label="† no direction claimed"))
    figure.legend(handles=handles, loc="outside upper left", ncols=2 if narrow else len(handles))
    return figure


def _by_domain(study: Study, outcomes: list[str]) -> list[str]:
    """Outcomes grouped by domain in order of first appearance, unsigned ones last."""
    meta = study.outcomes.loc[outcomes]
    domains = list(dict.fromkeys(meta["domain"]))
    rank = pd.Series([domains.index(d) for d in meta["domain"]], index=outcomes)
    unsigned = meta["direction"] == 0
    return sorted(outcomes, key=lambda k: (bool(unsigned[k]), rank[k]))
