"""How strong the findings are: shrinkage of estimates, and the scepticism they survive."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.comparison.posterior_beside_p import headline_table
from bayesasthma.models.design import design
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.specification import table_spec
from bayesasthma.plots.effects import baseline_sd, scale_name
from bayesasthma.plots.style import (
    ACCENT,
    GREY,
    NARROW,
    STYLE,
    WIDE,
    blank,
    outcome_name,
    visit_colours,
    visit_name,
    wrapped,
)
from bayesasthma.results.last_visits import at_last_visit
from bayesasthma.study.study import Study


def sceptical_set_sd(study: Study, outcomes: list[str]) -> pd.Series:
    """SD of the prior set ``sceptical`` for each outcome, in baseline SDs."""
    _, scales = effect_prior(design(study, outcomes), table_spec("longitudinal", "sceptical"))
    return pd.Series(scales, index=outcomes)


@mpl.rc_context(STYLE)
def survived_scepticism(
    study: Study, comparison: pd.DataFrame, arm: str | None = None, *, narrow: bool = False
) -> Figure:
    """Shrinkage from the independent to the longitudinal model, and critical sceptical priors.

    Left, last visit: each cell alone with flat priors (hollow) and the longitudinal model's
    headline (filled), as standardised benefits. Right, every follow-up visit: the SD of a prior
    about 0 at which P(benefit) falls below 0.95 (dot) and 0.975 (end of the bar), in baseline SDs,
    and the SD of the prior set ``sceptical``.

    Parameters
    ----------
    study : Study
    comparison : DataFrame
        The columns of ``comparison.csv``.
    arm : str, optional
    narrow : bool
    """
    arm = arm or study.treatments[0]
    rows = headline_table(comparison)
    rows = rows[(rows["arm"] == arm) & rows["visit"].isin(study.follow_up)]
    direction = study.outcomes["direction"].astype(int)
    rows = rows[rows["outcome"].map(direction) != 0]
    outcomes = list(dict.fromkeys(rows["outcome"]))
    scale = baseline_sd(study, outcomes).to_series()
    rows = rows.assign(
        sign=rows["outcome"].map(direction).astype(float),
        scale=rows["outcome"].map(scale).astype(float),
        height=rows["outcome"].map({k: i for i, k in enumerate(outcomes)}).astype(float),
    )
    figure = blank(NARROW if narrow else WIDE, (0.8 if narrow else 0.5) * len(outcomes) + 1.9)
    shape = (2, 1) if narrow else (1, 2)
    left, right = figure.subplots(*shape, sharey=True).ravel()
    for axis in (left, right):
        for height in range(1, len(outcomes), 2):
            axis.axhspan(height - 0.5, height + 0.5, color="#F5F5F5", zorder=0)
    last = rows[at_last_visit(rows)]
    _shrinkage(left, last, scale_name(study))
    visits = list(dict.fromkeys(last["visit"]))
    when = visit_name(study, visits[0]) if len(visits) == 1 else "last visit of each"
    left.set_title(f"Estimate, {when}")
    _critical(right, study, rows, outcomes)
    names = [wrapped(outcome_name(study, k), 18 if narrow else 26) for k in outcomes]
    left.set_yticks(range(len(outcomes)), names)
    left.set_ylim(len(outcomes) - 0.5, -0.5)
    right.tick_params(labelleft=narrow)
    return figure


def _shrinkage(axis: Axes, rows: pd.DataFrame, unit: str) -> None:
    for model, shift, face in (("independent", -0.14, "white"), ("longitudinal", 0.14, ACCENT)):
        if f"{model}_posterior_mean" not in rows:
            continue
        factor = rows["sign"] / rows["scale"]
        ends = np.sort(
            [factor * rows[f"{model}_posterior_{end}"] for end in ("low", "high")], axis=0
        )
        height = rows["height"] + shift
        axis.hlines(height, *ends, color=GREY if face == "white" else ACCENT)
        axis.plot(factor * rows[f"{model}_posterior_mean"], height,
                  "D" if face == "white" else "o", color=GREY if face == "white" else ACCENT,
                  markerfacecolor=face, markersize=4.5, linestyle="")  # fmt: skip
    axis.axvline(0, color="#222222", linewidth=0.8)
    axis.set_xlabel(f"{unit}; right of 0 is a benefit")
    axis.legend(
        handles=[
            Line2D([], [], color=GREY, marker="D", markerfacecolor="white", markersize=4.5,
                   label="independent, flat priors"),
            Line2D([], [], color=ACCENT, marker="o", markersize=4.5, label="longitudinal"),
        ],
        loc="lower center", bbox_to_anchor=(0.5, 1.05), ncols=2, fontsize=7.5,
    )  # fmt: skip


def _critical(axis: Axes, study: Study, rows: pd.DataFrame, outcomes: list[str]) -> None:
    visits = [v for v in study.follow_up if v in set(rows["visit"])]
    colours = visit_colours(visits)
    spread = 0.6 / max(len(visits), 1)
    names = [f"longitudinal_sceptical_sd_{end}" for end in ("95", "975")]
    for column, visit in enumerate(visits):
        own = rows[rows["visit"] == visit]
        if names[0] not in own:
            continue
        place = own["height"] + spread * (column - (len(visits) - 1) / 2)
        low, high = (own[name] / own["scale"] for name in names)
        axis.hlines(place, low, high, color=colours[visit])
        axis.plot(low, place, "o", color=colours[visit], markersize=4.5, linestyle="")
    marks = sceptical_set_sd(study, outcomes)
    for height, outcome in enumerate(outcomes):
        mark = float(marks[outcome])
        axis.plot([mark, mark], [height - 0.38, height + 0.38], color="#222222")
    axis.set_xscale("log")
    first, last = axis.get_xlim()
    last = max(last, 0.5)
    ticks = [t for t in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0) if first <= t <= last]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.minorticks_off()
    axis.set_xlim(first, last)
    axis.grid(axis="x", color="#EEEEEE")
    unit = scale_name(study)
    axis.set_xlabel(f"SD of a prior about 0, in {unit} (log scale);\nleft: more sceptical")
    axis.set_title("Scepticism that the benefit survives")
    handles = [
        Line2D([], [], color=colours[v], marker="o", markersize=4.5, label=visit_name(study, v))
        for v in visits
    ]
    handles.append(Line2D([], [], color="#222222", marker="|", linestyle="", markersize=9,
                          label="prior set “sceptical”"))  # fmt: skip
    axis.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.05), ncols=2,
                fontsize=7.5)  # fmt: skip
