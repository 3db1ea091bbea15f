"""Adverse reactions: rates by arm and their differences, under each reading and model."""

from __future__ import annotations

from itertools import product
from typing import Any

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
    arm_name,
    blank,
    reaction_label,
    tip,
    visit_name,
)
from bayesasthma.study.study import Study

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
    reactions, readings = _distinct(rates["reaction"]), _distinct(rates["reading"])
    visits = [str(v) for v in study.visits.index if v in set(rates["visit"])]
    arms = [str(a) for a in study.arms.index if a in set(rates["arm"])]
    models = [m for m in MODEL_ORDER if m in set(rates["model"])]
    places = np.linspace(-0.3, 0.3, max(len(arms) * len(models), 2))
    colours, printed = arm_colours(study), _printed_shares(study)
    intervals = _intervals(rates, ["reaction", "reading", "visit", "arm", "model"])
    figure = blank(NARROW if narrow else WIDE, 2.15 * len(reactions) + (1.3 if narrow else 0.7))
    axes = figure.subplots(len(reactions), len(readings), squeeze=False, sharey="row")
    for axis, (reaction, reading) in zip(axes.flat, product(reactions, readings), strict=True):
        counted = set(rates.loc[rates["reaction"] == reaction, "visit"])
        own_visits = [visit for visit in visits if visit in counted]
        for (x, visit), (k, arm) in product(enumerate(own_visits), enumerate(arms)):
            own = x + places[k * len(models) : (k + 1) * len(models)]
            for place, model in zip(own, models, strict=True):
                found = intervals.get((reaction, reading, visit, arm, model))
                if found is not None:
                    low, mean, high = found
                    filled = model == models[0]
                    axis.plot([place, place], [low, high], color=colours[arm],
                              linewidth=1.2 if filled else 0.9)  # fmt: skip
                    axis.plot(place, mean, "o", color=colours[arm], markersize=4.2,
                              markerfacecolor=colours[arm] if filled else "white")  # fmt: skip
                    told = " to ".join(f"{100 * end:.1f}" for end in (low, high))
                    tip(axis, float(place), mean, f"{arm_name(study, arm)}, {model}: "
                        f"{100 * mean:.1f} % ({told})")  # fmt: skip
            share = printed.get((reaction, visit, arm))
            if share is not None:
                ends = [own.mean() - 0.16, own.mean() + 0.16]
                axis.plot(ends, [share, share], color="#222222", linewidth=1, clip_on=False)
        axis.set_xticks(range(len(own_visits)), [visit_name(study, v) for v in own_visits])
        axis.set_xlim(-0.5, len(own_visits) - 0.5)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axis.grid(axis="y", color="#EEEEEE")
        name = _short(READING_LABELS.get(reading, reading), narrow)
        axis.set_title(reaction_label(reaction) + ("\n" if narrow else ": ") + name)
    for axis in axes[:, 0]:
        axis.set_ylabel(
            "patients with a reaction"
            if set(study.event_directions.values()) <= {-1}
            else "patients with the event"
        )
        axis.set_ylim(bottom=0)
    handles = [Line2D([], [], color=colours[arm], label=arm_name(study, arm)) for arm in arms]
    handles += _model_handles(models, "#444444", linestyle="")
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
    readings = _distinct(rows["reading"])
    cells = list(dict.fromkeys(zip(rows["reaction"], rows["visit"], strict=True)))
    models = [m for m in MODEL_ORDER if m in set(rows["model"])]
    intervals = _intervals(rows, ["reaction", "visit", "reading", "model"])
    figure = blank(NARROW if narrow else WIDE, 0.34 * len(cells) + 1.35)
    axes = figure.subplots(1, len(readings), squeeze=False, sharey=True, sharex=True)[0]
    for axis, reading in zip(axes, readings, strict=True):
        for (y, cell), (k, model) in product(enumerate(cells), enumerate(models)):
            found = intervals.get((*cell, reading, model))
            if found is None:
                continue
            low, mean, high = (100 * value for value in found)
            height = y + 0.3 * (k - (len(models) - 1) / 2)
            axis.plot([low, high], [height, height], color=ACCENT, linewidth=0.9 if k else 1.3)
            axis.plot(mean, height, "o", color=ACCENT, markersize=4.2,
                      markerfacecolor="white" if k else ACCENT)  # fmt: skip
            tip(axis, mean, height, f"{reaction_label(cell[0])}, {visit_name(study, cell[1])}, "
                f"{model}: {mean:.1f} ({low:.1f} to {high:.1f})")  # fmt: skip
        for y in range(1, len(cells)):
            if cells[y - 1][0] != cells[y][0]:
                axis.axhline(y - 0.5, color="#DDDDDD", linewidth=0.8)
        axis.axvline(0, color="#222222", linewidth=0.8)
        axis.set_title(_short(READING_LABELS.get(reading, reading), narrow))
        axis.grid(axis="x", color="#EEEEEE")
        fewer = "reactions" if set(study.event_directions.values()) <= {-1} else "events"
        long = f"risk difference (percentage points)\nleft of 0: fewer {fewer}"
        axis.set_xlabel("percentage points" if narrow else long)
    gap = ",\n" if narrow else ", "
    labels = [f"{reaction_label(r)}{gap}{visit_name(study, v)}" for r, v in cells]
    axes[0].set_yticks(range(len(cells)), labels, fontsize=7 if narrow else 8)
    axes[0].set_ylim(len(cells) - 0.5, -0.5)
    handles = _model_handles(models, ACCENT)
    figure.legend(handles=handles, loc="outside upper left", ncols=1 if narrow else 2)
    return figure


def _intervals(rows: pd.DataFrame, keys: list[str]) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Lower end, mean and upper end by key."""
    return {
        tuple(key): (low, mean, high)
        for *key, low, mean, high in rows[[*keys, "ci_low", "mean", "ci_high"]].itertuples(
            index=False, name=None
        )
    }


def _printed_shares(study: Study) -> dict[tuple[str, ...], float]:
    columns = study.adverse[["reaction", "visit", "arm", "events", "n"]]
    return {
        (reaction, visit, arm): events / n
        for reaction, visit, arm, events, n in columns.itertuples(index=False, name=None)
    }


def _model_handles(models: list[str], colour: str, linestyle: Any = "-") -> list[Line2D]:
    return [
        Line2D([], [], color=colour, marker="o", markersize=4.2, linestyle=linestyle,
               markerfacecolor="white" if k else colour, label=MODEL_LABELS.get(model, model))
        for k, model in enumerate(models)
    ]  # fmt: skip


def _distinct(column: pd.Series) -> list[str]:
    return [str(value) for value in dict.fromkeys(column)]


def _short(name: str, narrow: bool) -> str:
    return name.replace("counts read as ", "") if narrow else name
