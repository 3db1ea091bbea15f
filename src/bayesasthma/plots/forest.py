"""Forest plots of a pool: each study alone and shrunken, their mean, and a new study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from bayesasthma.plots.style import (
    ACCENT,
    ARM_COLOURS,
    GREY,
    NARROW,
    STYLE,
    WIDE,
    blank,
    panels,
    pretty_unit,
    short_label,
    tip,
    wrapped,
)
from bayesasthma.results.pooled import headline_week
from bayesasthma.results.summaries import SAMPLE

#: What the grey squares are, of outcomes.
ALONE = "study alone"
#: Columns of the rows that a forest is drawn from.
ROWS = ["kind", "label", "n", "mean", "low", "high", "alone_mean", "alone_low", "alone_high"]
SHRUNKEN = ARM_COLOURS[0]
#: Ratios that an axis may name, coarse to fine; the first set with three in sight is taken.
RATIOS = (
    (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0),
    (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0),
    (0.25, 0.33, 0.5, 0.67, 1.0, 1.5, 2.0, 3.0, 4.0),
    (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0),
    (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15),
)


def forest_rows(data: xr.Dataset, studies: pd.DataFrame, week: float) -> pd.DataFrame:
    """What a forest shows at a week, from top to bottom.

    Parameters
    ----------
    data : Dataset
        Draws of the pooled model, see :class:`bayesasthma.results.pooled.PooledResults`.
    studies : DataFrame
        Rows of ``pooled_studies.csv`` of the same outcome.
    week : float

    Returns
    -------
    DataFrame
        ``kind`` (``study``, ``mean``, ``new``), ``label``, ``n`` patients, posterior ``mean`` and
        95 % interval ``low``, ``high``; of studies also ``alone_mean``, ``alone_low``,
        ``alone_high`` without the others, NaN if that was not fitted.
    """
    at = studies[studies["week"] == week].set_index("study")
    rows: list[tuple[Any, ...]] = []
    for study in data["study"].to_numpy():
        draws = data["study_effect"].sel(study=study, week=week)
        if not bool(draws.notnull().all()):
            continue
        alone: tuple[float, ...] = (np.nan, np.nan, np.nan)
        if study in at.index:
            own = at.loc[study, ["alone_mean", "alone_q025", "alone_q975"]]
            alone = tuple(own.astype(float))
        n = float(data["patients"].sel(study=study))
        rows.append(("study", str(study), n, *_summary(draws), *alone))
    none = (np.nan,) * 3
    total = float(sum(row[2] for row in rows))
    rows.append(
        ("mean", "Mean effect", total, *_summary(data["mean_effect"].sel(week=week)), *none)
    )
    new = data["predictive_effect"].sel(week=week)
    rows.append(("new", "A new study", np.nan, *_summary(new), *none))
    return pd.DataFrame(rows, columns=ROWS)


@mpl.rc_context(STYLE)
def forest(
    data: xr.Dataset, studies: pd.DataFrame, week: float | None = None, *, narrow: bool = False
) -> Figure:
    """Forest plot at one week, with the numbers beside it.

    Grey squares: each study by itself, larger for more patients; blue dots: its effect given the
    others; diamond: mean effect; bar: true effect in a new study; all with 95 % intervals. Effects
    are treated minus control, ratios if the outcome is logarithmic.

    Parameters
    ----------
    data, studies
        As for `forest_rows`.
    week : float, optional
        :func:`bayesasthma.results.pooled.headline_week` by default.
    narrow : bool
        For a phone.
    """
    week = headline_week(data) if week is None else week
    tau = data["heterogeneity"].sel(week=week)
    low, middle, high = tau.quantile([0.025, 0.5, 0.975]).to_numpy()
    places = _places(float(high - low))
    unit = "on the log scale" if is_ratio(data) else pretty_unit(str(data.attrs["unit"]))
    text = f"τ {middle:.{places}f} ({low:.{places}f} to {high:.{places}f}) {unit}"
    title = f"{_name(data)}, week {week:g}. {text}"
    return forest_of_rows(forest_rows(data, studies, week), data, title, narrow=narrow)


@mpl.rc_context(STYLE)
def forest_of_rows(
    rows: pd.DataFrame,
    data: xr.Dataset,
    title: str,
    *,
    alone: str = ALONE,
    narrow: bool = False,
) -> Figure:
    """Forest plot of rows as `forest_rows` makes them, with the numbers beside it.

    Parameters
    ----------
    rows : DataFrame
    data : Dataset
        Its attributes ``label``, ``unit``, ``direction``, ``mcid``, ``log`` and ``kind`` are used.
    title : str
    alone : str
        What the grey squares are.
    narrow : bool
    """
    figure = blank(NARROW if narrow else 8.6, 0.42 * len(rows) + 1.85)
    axis, table = figure.subplots(1, 2, sharey=True, width_ratios=[1.25, 1.0 if narrow else 0.95])
    _draw(axis, rows, data, names=12 if narrow else 24)
    _numbers(table, rows, data, narrow=narrow)
    figure.suptitle(wrapped(title, int((NARROW if narrow else 8.6) * 11.5)), fontsize=9.5)
    handles = _handles([rows], alone)
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 4)
    return figure


@mpl.rc_context(STYLE)
def forests(data: xr.Dataset, studies: pd.DataFrame, *, narrow: bool = False) -> Figure:
    """A forest plot for each week at which a study has a visit, on one scale; see `forest`."""
    seen = data["study_effect"].notnull().all(SAMPLE).any("study").to_numpy()
    weeks = [float(week) for week in data["week"].to_numpy()[seen]]
    every = [forest_rows(data, studies, week) for week in weeks]
    most = max(len(rows) for rows in every)
    figure, axes = panels(
        len(weeks), narrow=narrow, wide_columns=3, narrow_columns=1, height=0.3 * most + 1.2
    )
    edge = _edges(every)
    for axis, week, rows in zip(axes, weeks, every, strict=True):
        _draw(axis, rows, data, names=16 if narrow else 14)
        axis.set_title(f"Week {week:g}")
        axis.set_xlim(edge)
        ratio_axis(axis, data)
    title = wrapped(_name(data), int((NARROW if narrow else WIDE) * 11))
    figure.suptitle(title, fontsize=9.5)
    handles = _handles(every)
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 4)
    return figure


def effect_label(data: xr.Dataset) -> str:
    """What an axis of effects says: the contrast and its unit."""
    if is_ratio(data):
        return "odds ratio" if data.attrs.get("kind") == "reaction" else "ratio of the means"
    unit = pretty_unit(str(data.attrs["unit"]))
    return f"difference, {unit}" if unit else "difference"


def name_sides(axis: Axes, data: xr.Dataset) -> None:
    """Below an axis of effects: which side of no effect is a benefit, if one is."""
    axis.set_xlabel(effect_label(data))
    sign = float(data.attrs["direction"])
    if sign:
        left, right = ("harm", "benefit") if sign > 0 else ("benefit", "harm")
        for x, text, side in ((0.0, f"← {left}", "left"), (1.0, f"{right} →", "right")):
            axis.annotate(
                text, (x, 0), (0, -33), xycoords="axes fraction", textcoords="offset points",
                ha=side, va="top", fontsize=8, color=GREY,
            )  # fmt: skip


def is_ratio(data: xr.Dataset) -> bool:
    """Whether effects are logarithms, and are shown as ratios."""
    return bool(data.attrs["log"]) or data.attrs.get("kind") == "reaction"


def as_shown(data: xr.Dataset) -> Callable[[float], float]:
    """What turns an effect into what is shown: itself, or the ratio that it is the log of."""
    return (lambda value: float(np.exp(value))) if is_ratio(data) else float


def ratio_axis(axis: Axes, data: xr.Dataset, *, vertical: bool = False) -> None:
    """Ticks of an axis of effects whose limits are set: ratios where effects are logarithms."""
    side = axis.yaxis if vertical else axis.xaxis
    side.set_major_locator(MaxNLocator(5))
    if not is_ratio(data):
        return
    low, high = axis.get_ylim() if vertical else axis.get_xlim()
    side.set_major_formatter(FuncFormatter(lambda value, _: f"{np.exp(value):.2g}"))
    for ratios in RATIOS:
        seen = [float(np.log(ratio)) for ratio in ratios if low <= np.log(ratio) <= high]
        if len(seen) >= 3:
            side.set_major_locator(FixedLocator(seen))
            return


def _draw(axis: Axes, rows: pd.DataFrame, data: xr.Dataset, names: int) -> None:
    count = len(rows)
    largest = float(rows.loc[rows["kind"] == "study", "n"].max()) if count > 2 else 1.0
    shown = as_shown(data)
    for place, row in enumerate(rows.to_dict("records")):
        kind, mean, low, high = row["kind"], row["mean"], row["low"], row["high"]
        if kind == "study":
            height = place + 0.16
            if np.isfinite(row["alone_mean"]):
                axis.plot([row["alone_low"], row["alone_high"]], [place - 0.16] * 2, color=GREY,
                          linewidth=1.1)  # fmt: skip
                size = 3.0 + 4.5 * np.sqrt(row["n"] / largest)
                axis.plot(row["alone_mean"], place - 0.16, "s", color=GREY, markersize=size)
            else:
                height = place
            axis.plot([low, high], [height] * 2, color=SHRUNKEN)
            axis.plot(mean, height, "o", color=SHRUNKEN, markersize=4.5)
        elif kind == "mean":
            corners = [(low, place), (mean, place - 0.24), (high, place), (mean, place + 0.24)]
            axis.add_patch(Polygon(corners, closed=True, color=ACCENT, linewidth=0))
            axis.plot([low, high], [place] * 2, color=ACCENT, linewidth=0.5)
        else:
            axis.plot([low, high], [place] * 2, color=ACCENT, linewidth=4, alpha=0.55,
                      solid_capstyle="butt")  # fmt: skip
        tip(
            axis, mean, place,
            f"{row['label']}: {shown(mean):.3g} ({shown(low):.3g} to {shown(high):.3g})",
        )  # fmt: skip
    axis.axvline(0, color="#222222", linewidth=0.8, zorder=0.5)
    axis.axhline(count - 2.5, color=GREY, linewidth=0.6)
    mcid = float(data.attrs["mcid"]) * float(data.attrs["direction"] or 1)
    if np.isfinite(mcid):
        axis.axvline(mcid, color="#222222", linewidth=0.8, linestyle=":", zorder=0.5)
    labels = [
        wrapped(row["label"], names) + (f"\nn = {row['n']:g}" if row["kind"] == "study" else "")
        for row in rows.to_dict("records")
    ]
    axis.set_yticks(range(count), labels)
    axis.set_ylim(count - 0.5, -0.6)
    name_sides(axis, data)
    axis.tick_params(axis="y", length=0)
    ratio_axis(axis, data)


def _numbers(axis: Axes, rows: pd.DataFrame, data: xr.Dataset, *, narrow: bool) -> None:
    """Estimates as text beside the intervals: by itself, and in the pool."""
    size = 6.5 if narrow else 8
    shown = as_shown(data)
    spread = float((rows["high"] - rows["low"]).iloc[-2])
    places = 2 if is_ratio(data) else _places(spread)
    columns = [("pooled", "mean", "low", "high")]
    if rows["alone_mean"].notna().any():
        columns.insert(0, ("alone", "alone_mean", "alone_low", "alone_high"))
    axis.set_xlim(0, len(columns))
    for k, (head, *names) in enumerate(columns):
        axis.text(k + 0.5, -0.62, head, ha="center", va="bottom", fontsize=size, color=GREY)
        for place, row in enumerate(rows.to_dict("records")):
            mean, low, high = (shown(row[name]) for name in names)
            if not np.isfinite(mean):
                continue
            gap = "\n" if narrow else " "
            text = f"{mean:.{places}f}{gap}({low:.{places}f} to {high:.{places}f})"
            text = text.replace("-", "−")
            weight = "bold" if row["kind"] == "mean" else "normal"
            axis.text(k + 0.5, place, text, ha="center", va="center", fontsize=size,
                      fontweight=weight)  # fmt: skip
    axis.axhline(len(rows) - 2.5, color=GREY, linewidth=0.6)
    axis.axis("off")


def _handles(every: list[pd.DataFrame], alone: str = ALONE) -> list[Line2D]:
    """Of the signs; that of studies alone where any of the forests has some."""
    own = Line2D([], [], color=GREY, marker="s", markersize=5, label=alone)
    known = any(rows["alone_mean"].notna().any() for rows in every)
    return [
        *([own] if known else []),
        Line2D([], [], color=SHRUNKEN, marker="o", markersize=4.5, label="study in the pool"),
        Line2D([], [], color=ACCENT, marker="D", linestyle="none", markersize=6, label="mean"),
        Line2D([], [], color=ACCENT, linewidth=4, alpha=0.55, label="new study"),
    ]


def _summary(draws: xr.DataArray) -> tuple[float, float, float]:
    low, high = draws.quantile([0.025, 0.975]).to_numpy()
    return float(draws.mean()), float(low), float(high)


def _edges(every: list[pd.DataFrame]) -> tuple[float, float]:
    ends = pd.concat(every)[["low", "high", "alone_low", "alone_high"]]
    low, high = min(0.0, float(np.nanmin(ends))), max(0.0, float(np.nanmax(ends)))
    room = 0.04 * (high - low)
    return low - room, high + room


def _places(length: float) -> int:
    """Decimals of numbers whose interval has this length: two digits of its SD."""
    sd = length / 3.92
    return int(np.clip(1 - np.floor(np.log10(sd)), 0, 6)) if np.isfinite(sd) and sd > 0 else 2


def _name(data: xr.Dataset) -> str:
    return short_label(str(data.attrs["label"]))
