"""Changes within each arm beside the contrast between the arms."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.plots.effects import baseline_sd, scale_name
from bayesasthma.plots.style import (
    ACCENT,
    NARROW,
    STYLE,
    WIDE,
    arm_colours,
    arm_name,
    blank,
    outcome_name,
    visit_name,
    wrapped,
)
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study


def contrast_rows(
    study: Study, comparison: pd.DataFrame, arm: str, model: str = "longitudinal"
) -> pd.DataFrame:
    """Rows of both arms' change and of the adjusted difference, at each outcome's last visit.

    The last one is that of the contrast: a later visit of one arm alone does not count. Outcomes
    with a direction of benefit only; ``sign`` and ``scale`` (the SD at baseline) turn outcome units
    into standardised benefits.
    """
    rows = comparison[comparison["visit"].isin(study.follow_up) & (comparison["model"] == model)]
    contrast = rows[(rows["estimand"] == "adjusted_difference") & (rows["arm"] == arm)]
    last = contrast.groupby("outcome", sort=False)["week"].max()
    rows = rows[rows["week"] == rows["outcome"].map(last)]
    wanted = (rows["estimand"] == "change") & rows["arm"].isin([study.control, arm])
    wanted |= (rows["estimand"] == "adjusted_difference") & (rows["arm"] == arm)
    rows = rows[wanted]
    direction = study.outcomes["direction"].astype(int)
    rows = rows[rows["outcome"].map(direction) != 0]
    scale = baseline_sd(study, list(dict.fromkeys(rows["outcome"]))).to_series()
    return rows.assign(
        sign=rows["outcome"].map(direction).astype(float),
        scale=rows["outcome"].map(scale).astype(float),
    )


@mpl.rc_context(STYLE)
def arms_and_contrast(
    study: Study, comparison: pd.DataFrame, arm: str | None = None, *, narrow: bool = False
) -> Figure:
    """Standardised change of each arm with its printed p, and the contrast with P(benefit).

    Parameters
    ----------
    study : Study
    comparison : DataFrame
        The columns of ``comparison.csv``.
    arm : str, optional
        Treated arm.
    narrow : bool
    """
    arm = arm or study.treatments[0]
    rows = contrast_rows(study, comparison, arm)
    outcomes = list(dict.fromkeys(rows["outcome"]))
    figure = blank(NARROW if narrow else WIDE, (0.9 if narrow else 0.52) * len(outcomes) + 1.5)
    shape = (2, 1) if narrow else (1, 2)
    left, right = figure.subplots(*shape, sharey=True).ravel()
    colours = arm_colours(study)
    for height, outcome in enumerate(outcomes):
        own = rows[rows["outcome"] == outcome]
        for axis in (left, right):
            if height % 2:
                axis.axhspan(height - 0.5, height + 0.5, color="#F5F5F5", zorder=0)
        for place, who in ((-0.17, study.control), (0.17, arm)):
            cell = own[(own["estimand"] == "change") & (own["arm"] == who)]
            if len(cell):
                row = cell.iloc[0]
                text = "" if pd.isna(row["p_printed"]) else f"p {_spaced(str(row['p_printed']))}"
                _interval(left, row, height + place, colours[who], text)
        cell = own[own["estimand"] == "adjusted_difference"]
        if len(cell):
            row = cell.iloc[0]
            chance = format_probability(row["p_benefit"], row["p_benefit_mcse"])
            _interval(
                right, row, height, ACCENT, f"P {chance}" if chance[0] in "<>" else f"P = {chance}"
            )
    names = [wrapped(outcome_name(study, k), 18 if narrow else 26) for k in outcomes]
    left.set_yticks(range(len(outcomes)), names)
    left.set_ylim(len(outcomes) - 0.5, -0.5)
    right.tick_params(labelleft=narrow)
    for axis in (left, right):
        axis.axvline(0, color="#222222", linewidth=0.8)
        axis.set_xlabel(f"{scale_name(study)}; right of 0 is better")
        low, high = axis.get_xlim()
        axis.set_xlim(low, high + 0.22 * (high - low))  # room for the text
    visits = list(dict.fromkeys(rows.sort_values("week")["visit"]))
    when = f"{visit_name(study, visits[-1])}," if len(visits) == 1 else "last visit of each,"
    left.set_title(f"Change within each arm, {when}\nwith its printed p")
    right.set_title("Contrast between the arms,\nwith its probability of benefit")
    handles = [
        Line2D([], [], color=colours[who], marker="o", markersize=4.5, label=arm_name(study, who))
        for who in (study.control, arm)
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _interval(axis: Axes, row: pd.Series, height: float, colour: str, text: str) -> None:
    """Mean and 95 % interval of the standardised benefit, with a word beside it."""
    factor = row["sign"] / row["scale"]
    ends = sorted(factor * np.array([row["posterior_low"], row["posterior_high"]]))
    axis.plot(ends, [height, height], color=colour)
    axis.plot(factor * row["posterior_mean"], height, "o", color=colour, markersize=4.5)
    axis.annotate(text, (ends[1], height), xytext=(4, 0), textcoords="offset points",
                  va="center", fontsize=7, color=colour)  # fmt: skip


def _spaced(p: str) -> str:
    """``<0.01*`` as ``< 0.01*``, ``0.08`` as ``= 0.08``."""
    star = "*" if "*" in p else ""
    bare = p.replace("*", "").strip()
    operator = bare[0] if bare[:1] in {"<", ">"} else "="
    return f"{operator} {bare.lstrip('<> ')}{star}"
