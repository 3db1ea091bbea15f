"""Adverse reactions: rates by arm and their differences, under each reading and model."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from bayesasthma.plots.style import (
    ACCENT,
    NARROW,
    STYLE,
    WIDE,
    arm_colours,
    blank,
    reaction_label,
)
from bayesasthma.study import Study

READING_LABELS = {
    "per_visit": "counts read as new at each visit",
    "cumulative": "counts read as running totals",
}
MODEL_LABELS = {"hierarchical": "hierarchical", "independent": "each cell alone (Jeffreys)"}
#: Filled for the model that pools, hollow for the one that does not.
MODEL_ORDER = ("hierarchical", "independent")


@mpl.rc_context(STYLE)
def reaction_rates(study: Study, adverse: pd.DataFrame, *, narrow: bool = False) -> Figure:
    """Posterior mean and 95 % CrI of each reaction's rate, by visit, arm, reading and model.

    Parameters
    ----------
    study : Study
    adverse : DataFrame
        The columns of ``adverse.csv``; rows whose estimand is ``rate`` are shown.
    narrow : bool
    """
    rates = adverse[adverse["estimand"] == "rate"]
    reactions, readings = list(dict.fromkeys(rates["reaction"])), _readings(rates)
    visits = [str(v) for v in study.visits.index if v in set(rates["visit"])]
    arms = [str(a) for a in study.arms.index if a in set(rates["arm"])]
    models = [m for m in MODEL_ORDER if m in set(rates["model"])]
    colours = arm_colours(study)
    figure = blank(NARROW if narrow else WIDE, 2.15 * len(reactions) + (1.3 if narrow else 0.7))
    axes = figure.subplots(len(reactions), len(readings), squeeze=False, sharey="row")
    offsets = np.linspace(-0.3, 0.3, len(arms) * len(models)) if len(arms) * len(models) > 1 else [0]
    printed = study.adverse.set_index(["reaction", "visit", "arm"])
    for i, reaction in enumerate(reactions):
        for j, reading in enumerate(readings):
            axis = axes[i, j]
            part = rates[(rates["reaction"] == reaction) & (rates["reading"] == reading)]
            part = part.set_index(["model", "arm", "visit"])
            for k, (arm, model) in enumerate((a, m) for a in arms for m in models):
                for x, visit in enumerate(visits):
                    if (model, arm, visit) not in part.index:
                        continue
                    row = part.loc[(model, arm, visit)]
                    colour, place = colours[arm], x + offsets[k]
                    axis.plot([place, place], [row["ci_low"], row["ci_high"]], color=colour,
                              linewidth=1.2 if model == models[0] else 0.9)  # fmt: skip
                    axis.plot(place, row["mean"], "o", color=colour, markersize=4.2,
                              markerfacecolor=colour if model == models[0] else "white")  # fmt: skip
                    if model == models[-1] and (reaction, visit, arm) in printed.index:
                        cell = printed.loc[(reaction, visit, arm)]
                        share = float(cell["events"]) / float(cell["n"])
                        middle = x + np.mean(
                            [offsets[arms.index(arm) * len(models) + q] for q in range(len(models))]
                        )
                        axis.plot([middle - 0.16, middle + 0.16], [share, share], color="#222222",
                                  linewidth=1, clip_on=False)  # fmt: skip
            axis.set_xticks(range(len(visits)),
                            [str(study.visits.loc[v, "label"]) for v in visits])  # fmt: skip
            axis.set_xlim(-0.5, len(visits) - 0.5)
            axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axis.grid(axis="y", color="#EEEEEE")
            name = READING_LABELS.get(reading, reading)
            axis.set_title(
                f"{reaction_label(reaction)}" + ("\n" if narrow else ": ") + _short(name, narrow)
            )
        axes[i, 0].set_ylabel("patients with a reaction")
        axes[i, 0].set_ylim(bottom=0)
    handles = [Line2D([], [], color=colours[a], label=str(study.arms.loc[a, "label"])) for a in arms]
    handles += [
        Line2D([], [], color="#444444", marker="o", markersize=4.2, linestyle="",
               markerfacecolor="#444444" if m == models[0] else "white",
               label=MODEL_LABELS.get(m, m)) for m in models
    ]  # fmt: skip
    handles.append(Line2D([], [], color="#222222", linewidth=1, label="printed count / n"))
    figure.legend(handles=handles, loc="outside upper left", ncols=2 if narrow else 5)
    return figure


@mpl.rc_context(STYLE)
def risk_differences(
    study: Study, adverse: pd.DataFrame, arm: str | None = None, *, narrow: bool = False
) -> Figure:
    """Posterior mean and 95 % CrI of treated minus control rate, in percentage points."""
    arm = arm or study.treatments[0]
    rows = adverse[(adverse["estimand"] == "risk_difference") & (adverse["arm"] == arm)]
    readings = _readings(rows)
    cells = list(dict.fromkeys(zip(rows["reaction"], rows["visit"], strict=True)))
    models = [m for m in MODEL_ORDER if m in set(rows["model"])]
    figure = blank(NARROW if narrow else WIDE, 0.34 * len(cells) + 1.35)
    axes = figure.subplots(1, len(readings), squeeze=False, sharey=True, sharex=True)[0]
    for axis, reading in zip(axes, readings, strict=True):
        part = rows[rows["reading"] == reading].set_index(["model", "reaction", "visit"])
        for y, (reaction, visit) in enumerate(cells):
            for k, model in enumerate(models):
                if (model, reaction, visit) not in part.index:
                    continue
                row = part.loc[(model, reaction, visit)]
                height = y + 0.3 * (k - (len(models) - 1) / 2)
                axis.plot([100 * row["ci_low"], 100 * row["ci_high"]], [height, height],
                          color=ACCENT, linewidth=1.3 if k == 0 else 0.9)  # fmt: skip
                axis.plot(100 * row["mean"], height, "o", color=ACCENT, markersize=4.2,
                          markerfacecolor=ACCENT if k == 0 else "white")  # fmt: skip
            if y and cells[y - 1][0] != reaction:
                axis.axhline(y - 0.5, color="#DDDDDD", linewidth=0.8)
        axis.axvline(0, color="#222222", linewidth=0.8)
        axis.set_title(_short(READING_LABELS.get(reading, reading), narrow))
        axis.grid(axis="x", color="#EEEEEE")
        axis.set_xlabel("percentage points" if narrow else
                        "risk difference (percentage points)\nleft of 0: fewer reactions")  # fmt: skip
    labels = [
        f"{reaction_label(r)}, {study.visits.loc[v, 'label']}".replace(
            ", ", ",\n" if narrow else ", "
        )
        for r, v in cells
    ]
    axes[0].set_yticks(range(len(cells)), labels, fontsize=7 if narrow else 8)
    axes[0].set_ylim(len(cells) - 0.5, -0.5)
    handles = [
        Line2D([], [], color=ACCENT, marker="o", markersize=4.2,
               markerfacecolor=ACCENT if m == models[0] else "white",
               label=MODEL_LABELS.get(m, m)) for m in models
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper left", ncols=1 if narrow else 2)  # fmt: skip
    return figure


def _readings(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(rows["reading"]))


def _short(name: str, narrow: bool) -> str:
    return name.replace("counts read as ", "") if narrow else name
