"""Figures of a pool beside its forest plots: weeks, heterogeneity, one left out, correlations."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesasthma.plots.forest import SHRUNKEN, effect_label, is_ratio, name_sides, ratio_axis
from bayesasthma.plots.style import (
    ACCENT,
    ARM_COLOURS,
    GREY,
    NARROW,
    STYLE,
    blank,
    pretty_unit,
    tip,
    wrapped,
)
from bayesasthma.results.pooled import (
    headline_tau,
    headline_week,
    prior_of_heterogeneity,
    prior_of_rho,
)
from bayesasthma.results.summaries import SAMPLE

#: Width in inches of figures with one panel.
SINGLE = 6.4
#: More studies than this share one colour: their names would not fit.
NAMED = len(ARM_COLOURS)
#: A prior's density is shown as far as this quantile, or as the posterior's largest draws, but no
#: further than this many times those: of many studies the posterior is narrow.
SHOWN_OF_PRIOR, SHOWN_TIMES = 0.9, 3.0


@mpl.rc_context(STYLE)
def effects_by_week(data: xr.Dataset, *, narrow: bool = False) -> Figure:
    """Mean effect over the weeks with its 95 % band, and the wider one of a new study.

    Points: each study's effect in the pool at its visits; dotted: the MCID.

    Parameters
    ----------
    data : Dataset
        Draws of the pooled model, see :class:`bayesasthma.results.pooled.PooledResults`.
    narrow : bool
        For a phone.
    """
    weeks = data["week"].to_numpy().astype(float)
    figure = blank(NARROW if narrow else SINGLE, 3.3)
    axis = figure.subplots()
    for name, alpha in (("predictive_effect", 0.16), ("mean_effect", 0.38)):
        low, high = data[name].quantile([0.025, 0.975], dim=SAMPLE).to_numpy()
        if len(weeks) > 1:
            axis.fill_between(weeks, low, high, color=ACCENT, alpha=alpha, linewidth=0)
        else:
            axis.errorbar(weeks, (low + high) / 2, (high - low) / 2, color=ACCENT, alpha=2 * alpha)
    mean = data["mean_effect"].mean(SAMPLE).to_numpy()
    axis.plot(weeks, mean, "o-", color=ACCENT, markersize=4)
    points = data["study_effect"].mean(SAMPLE).transpose("study", "week").to_numpy()
    handles = [
        Line2D([], [], color=ACCENT, marker="o", markersize=4, label="mean effect"),
        Patch(color=ACCENT, alpha=0.38, linewidth=0, label="95 % of it"),
        Patch(color=ACCENT, alpha=0.16, linewidth=0, label="95 % of a new study"),
    ]
    for i, study in enumerate(data["study"].to_numpy()):
        colour = ARM_COLOURS[i] if len(points) <= NAMED else GREY
        seen = np.isfinite(points[i])
        axis.plot(weeks[seen], points[i][seen], "s:", color=colour, markersize=4, linewidth=0.8)
        for week, value in zip(weeks[seen], points[i][seen], strict=True):
            tip(axis, week, value, f"{study}, week {week:g}: {value:.3g}")
        if len(points) <= NAMED:
            text = wrapped(str(study), 26)
            handles.append(Line2D([], [], color=colour, marker="s", linestyle=":", label=text))
    axis.axhline(0, color="#222222", linewidth=0.8)
    mcid = float(data.attrs["mcid"]) * float(data.attrs["direction"] or 1)
    if np.isfinite(mcid):
        axis.axhline(mcid, color="#222222", linewidth=0.8, linestyle=":")
    axis.set_xlabel("week")
    axis.set_ylabel(effect_label(data))
    ratio_axis(axis, data, vertical=True)
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 3)
    return figure


@mpl.rc_context(STYLE)
def heterogeneity(data: xr.Dataset, *, narrow: bool = False) -> Figure:
    """Posterior of tau at the headline week, the SD of effects between studies, over its prior."""
    prior = prior_of_heterogeneity(data)
    draws = headline_tau(data).to_numpy().ravel()
    last = float(np.quantile(draws, 0.998))
    end = min(max(last, float(prior.quantile(SHOWN_OF_PRIOR))), SHOWN_TIMES * last)
    figure = blank(NARROW if narrow else SINGLE, 2.5)
    axis = figure.subplots()
    bins = np.linspace(0, end, 51)
    height = np.histogram(draws, bins)[0] / (len(draws) * bins[1])
    axis.stairs(height, bins, fill=True, color=ACCENT, alpha=0.4, label="posterior")
    grid = np.linspace(end / 400, end, 400)
    axis.plot(grid, np.exp(prior.log_density(grid)), "--", color="#222222", label="prior")
    middle = float(np.median(draws))
    axis.axvline(middle, color=ACCENT)
    tip(axis, middle, 0.0, f"posterior median of τ: {middle:.3g}")
    unit = "log ratio" if is_ratio(data) else pretty_unit(str(data.attrs["unit"]))
    axis.set_xlabel(f"τ, SD of true effects between studies ({unit})")
    axis.set_xlim(0, end)
    axis.set_yticks([])
    # a log-normal prior may be very high next to 0
    axis.set_ylim(0, 1.6 * float(height.max()))
    axis.legend()
    return figure


@mpl.rc_context(STYLE)
def left_out(data: xr.Dataset, table: pd.DataFrame, *, narrow: bool = False) -> Figure:
    """Mean effect at the headline week without each study, below that of all.

    Parameters
    ----------
    data : Dataset
    table : DataFrame
        Rows of ``leave_one_out.csv`` of the same outcome.
    narrow : bool
    """
    week = headline_week(data)
    whole = data["mean_effect"].sel(week=week)
    low, high = whole.quantile([0.025, 0.975]).to_numpy()
    rows = [("all studies", float(whole.mean()), float(low), float(high))]
    rows += [
        (f"without {row['left_out']}", row["mean"], row["q025"], row["q975"])
        for row in table[table["week"] == week].to_dict("records")
    ]
    figure = blank(NARROW if narrow else SINGLE, 0.33 * len(rows) + 1.25)
    axis = figure.subplots()
    for place, (label, mean, first, last) in enumerate(rows):
        colour = SHRUNKEN if place else ACCENT
        axis.plot([first, last], [place] * 2, color=colour)
        axis.plot(mean, place, "o" if place else "D", color=colour, markersize=5)
        tip(axis, mean, place, f"{label}: {mean:.3g} ({first:.3g} to {last:.3g})")
    axis.axvspan(rows[0][2], rows[0][3], color=ACCENT, alpha=0.08, linewidth=0)
    axis.axvline(0, color="#222222", linewidth=0.8)
    axis.set_yticks(range(len(rows)), [wrapped(row[0], 20 if narrow else 34) for row in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    name_sides(axis, data)
    ratio_axis(axis, data)
    return figure


@mpl.rc_context(STYLE)
def correlations(data: xr.Dataset, studies: pd.DataFrame, *, narrow: bool = False) -> Figure:
    """Typical correlation of a patient's visits, by study: by itself, and in the pool.

    Parameters
    ----------
    data : Dataset
    studies : DataFrame
        Rows of ``pooled_studies.csv`` of the same outcome.
    narrow : bool
    """
    own = studies.drop_duplicates("study").set_index("study")
    alone = own[["rho_alone_mean", "rho_alone_sd"]].astype(float).dropna().to_dict("index")
    names = [str(study) for study in data["study"].to_numpy()]
    figure = blank(NARROW if narrow else SINGLE, 0.4 * len(names) + 1.25)
    axis = figure.subplots()
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=GREY, marker="s", markersize=5, label="study alone"),
        Line2D([], [], color=SHRUNKEN, marker="o", markersize=5, label="study in the pool"),
    ]
    if (prior := prior_of_rho(data)) is not None:
        mean, sd = prior
        axis.axvspan(mean - 2 * sd, min(mean + 2 * sd, 1.0), color=GREY, alpha=0.12, linewidth=0)
        axis.axvline(mean, color=GREY, linestyle=":", linewidth=1)
        handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="prior of a study"))
    for place, name in enumerate(names):
        draws = data["rho"].sel(study=name)
        if not bool(draws.notnull().all()):
            axis.text(0.5, place, "one visit: no correlation", ha="center", va="center",
                      fontsize=8, color=GREY)  # fmt: skip
            continue
        if name in alone:
            mean, sd = alone[name]["rho_alone_mean"], alone[name]["rho_alone_sd"]
            ends = np.clip([mean - 2 * sd, mean + 2 * sd], -1, 1)
            axis.plot(ends, [place - 0.14] * 2, color=GREY)
            axis.plot(mean, place - 0.14, "s", color=GREY, markersize=5)
        mean, sd = float(draws.mean()), float(draws.std())
        ends = np.clip([mean - 2 * sd, mean + 2 * sd], -1, 1)
        axis.plot(ends, [place + 0.14] * 2, color=SHRUNKEN)
        axis.plot(mean, place + 0.14, "o", color=SHRUNKEN, markersize=5)
        tip(axis, mean, place + 0.14, f"{name}: {mean:.2f}, SD {sd:.2f}")
    axis.set_yticks(range(len(names)), [wrapped(name, 16 if narrow else 30) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.6)
    axis.set_xlabel("correlation of a patient's visits, mean ± 2 SD")
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 3)
    return figure
