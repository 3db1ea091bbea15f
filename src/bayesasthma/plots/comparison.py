"""Printed p, the p-values that the tables allow, and the posterior, cell by cell on one axis."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.comparison.posterior_beside_p import headline_table
from bayesasthma.plots.style import (
    ACCENT,
    ARM_COLOURS,
    NARROW,
    STYLE,
    blank,
    outcome_name,
    visit_name,
    wrapped,
)
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study

#: Smaller p-values are drawn at the end of the axis.
P_FLOOR = 1e-5
#: A few thousand draws cannot tell smaller chances of harm than this from none.
DOUBT_FLOOR = 5e-4
RECOMPUTED = ARM_COLOURS[4]


@mpl.rc_context(STYLE)
def p_against_probability(
    study: Study,
    comparison: pd.DataFrame,
    arm: str | None = None,
    *,
    model: str = "longitudinal",
    narrow: bool = False,
) -> Figure:
    """Two-sided p as printed and as the tables allow it, against P(benefit), one row per cell.

    A dot is the printed p, a bar the range that the printed means and SDs allow (Student's t, any
    rounding), a diamond ``2 (1 - P(benefit))`` of the model's headline: with a flat prior and
    Student's t, diamond and recomputed p coincide where the effect is a benefit. P(benefit)
    itself stands beside the row. Follow-up visits and outcomes with a claimed direction only.

    Parameters
    ----------
    study : Study
    comparison : DataFrame
        The columns of ``comparison.csv``.
    arm : str, optional
    model : str
    narrow : bool
    """
    arm = arm or study.treatments[0]
    directed = study.outcomes.index[study.outcomes["direction"] != 0]
    rows = headline_table(comparison)
    rows = rows[
        (rows["arm"] == arm)
        & rows["visit"].isin(study.follow_up)
        & rows["outcome"].isin(directed)
        & rows["p_recomputed"].notna()
    ].reset_index(drop=True)
    outcomes = list(dict.fromkeys(rows["outcome"]))
    rank = rows["outcome"].map({k: i for i, k in enumerate(outcomes)})
    # on a phone the name of an outcome stands above its rows, not beside them
    height = np.arange(len(rows)) + (1.3 if narrow else 0.6) * rank.to_numpy(dtype=float)
    figure = blank(NARROW if narrow else 7.6, 0.2 * float(np.max(height, initial=1)) + 1.5)
    axis = figure.subplots()
    _rows(axis, rows, height, f"{model}_")
    names = [visit_name(study, visit) for visit in rows["visit"]]
    axis.set_yticks(height, names, fontsize=7)
    for outcome in outcomes:
        first = height[(rows["outcome"] == outcome).to_numpy()][0]
        name = wrapped(outcome_name(study, outcome), 20)
        place: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "textcoords": "offset points",
            "fontsize": 8,
            "fontweight": "bold",
            "va": "center",
        }
        if narrow:
            axis.annotate(name.replace("\n", " "), (0, first - 1), xytext=(5, 0), **place)
        else:
            axis.annotate(name, (0, first), xytext=(-62, 0), ha="right", **place)
        if first > 0:
            axis.axhline(first - (1.65 if narrow else 0.8), color="#E2E2E2", linewidth=0.8)
    axis.set_ylim(float(np.max(height, initial=0)) + 0.8, -1.9 if narrow else -1.6)
    _scale(axis, rows, narrow)
    axis.annotate("P(benefit)", (1.015, -1.0), xycoords=("axes fraction", "data"), fontsize=7.5,
                  fontweight="bold", va="center", annotation_clip=False)  # fmt: skip
    figure.legend(
        handles=[
            Line2D([], [], color=ACCENT, marker="o", linestyle="", markersize=4.5,
                   label="printed p (arrow: “less than”)"),
            Line2D([], [], color=RECOMPUTED, linewidth=4, label="p that the tables allow"),
            Line2D([], [], color="#222222", marker="D", markerfacecolor="white", linestyle="",
                   markersize=4.5, label="2 (1 − P(benefit)); arrow: smaller"),
        ],
        loc="outside upper left", ncols=1 if narrow else 3, fontsize=7.5, columnspacing=1.2,
    )  # fmt: skip
    return figure


def _rows(axis: Axes, rows: pd.DataFrame, height: np.ndarray, prefix: str) -> None:
    ends = [np.maximum(rows[name].to_numpy(dtype=float), P_FLOOR) for name in ("p_low", "p_high")]
    printed = np.maximum(rows["p_printed_value"].to_numpy(dtype=float), P_FLOOR)
    less = (rows["p_printed_operator"] == "<").to_numpy()
    chance = rows[f"{prefix}p_benefit"].to_numpy(dtype=float)
    error = rows[f"{prefix}p_benefit_mcse"].to_numpy(dtype=float)
    doubt = 2 * (1 - chance)
    for y, low, high in zip(height, ends[0], np.maximum(ends[1], ends[0] * 1.12), strict=True):
        axis.plot([low, high], [y, y], color=RECOMPUTED, linewidth=5, solid_capstyle="butt")
    axis.plot(np.clip(doubt, 2 * DOUBT_FLOOR, 1), height, "D", color="#222222", markersize=4,
              markerfacecolor="white", linestyle="")  # fmt: skip
    axis.plot(printed, height, "o", color=ACCENT, markersize=4.5, linestyle="")
    for x, y in zip(printed[less], height[less], strict=True):
        _arrow(axis, x, y, ACCENT)
    for y in height[doubt < 2 * DOUBT_FLOOR]:
        _arrow(axis, 2 * DOUBT_FLOOR, y, "#222222")
    for y, p, mcse in zip(height, chance, error, strict=True):
        axis.annotate(format_probability(p, mcse), (1.015, y), va="center", fontsize=7,
                      xycoords=("axes fraction", "data"), annotation_clip=False)  # fmt: skip


def _arrow(axis: Axes, x: float, y: float, colour: str) -> None:
    """A short arrow to the right: a smaller p, by how much is not known."""
    axis.annotate("►", (x, y), xytext=(8, -0.4), textcoords="offset points", color=colour,
                  fontsize=5, ha="center", va="center")  # fmt: skip


def _scale(axis: Axes, rows: pd.DataFrame, narrow: bool) -> None:
    axis.set_xscale("log")
    largest = np.nanmax(
        rows[["p_printed_value", "p_high"]].to_numpy(dtype=float), initial=0.1
    )  # fmt: skip
    axis.set_xlim(min(1.0, 1.5 * float(largest)), P_FLOOR * 0.8)
    marks = [1, 0.1, 0.01, 0.001, P_FLOOR]
    if not narrow:
        marks = [1, 0.5, 0.2, 0.05, 0.01, 0.001, 1e-4, P_FLOOR]
    names = [f"{mark:g}" if mark >= 1e-3 else f"{mark:.5f}".rstrip("0") for mark in marks]
    names[-1] = f"≤ {names[-1]}"
    axis.set_xticks(marks, names)
    axis.minorticks_off()
    largest_shown = axis.get_xlim()[0]
    axis.set_xlim(largest_shown, P_FLOOR * 0.8)
    axis.axvline(0.05, color="#222222", linewidth=0.8, linestyle=(0, (4, 2)))
    axis.grid(axis="x", color="#EEEEEE")
    gap = "\n" if narrow else " "
    axis.set_xlabel(f"two-sided p between the arms{gap}(log scale; dashed: 0.05)")
