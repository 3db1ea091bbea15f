"""Posterior predictive checks: printed means, SDs and counts against what the fit would print."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.headline import SAMPLE
from bayesasthma.plots.style import (
    GREY,
    NARROW,
    STYLE,
    WIDE,
    arm_colours,
    arm_name,
    blank,
    outcome_name,
    reaction_label,
    visit_name,
    wrapped,
)


def table_predictions(fit: Fit) -> pd.DataFrame:
    """Printed and predicted means and SDs, one row per printed number.

    Returns
    -------
    DataFrame
        ``outcome, arm, visit, moment, printed, mean, sd, low, high`` (predictive mean, SD and 95 %
        interval, in outcome units) and ``inside``.
    """
    predicted, observed = (
        fit.data[group].to_dataset() if group in fit.data.children else xr.Dataset()
        for group in ("posterior_predictive", "observed_data")
    )
    frames = []
    for name in predicted:
        if not str(name).startswith("table_") or name not in observed:
            continue
        suffix = str(name).removeprefix("table")
        draws = predicted[name]
        table = xr.Dataset(
            {
                "printed": observed[name],
                "mean": draws.mean(SAMPLE),
                "sd": draws.std(SAMPLE),
                "low": draws.quantile(0.025, dim=SAMPLE).drop_vars("quantile"),
                "high": draws.quantile(0.975, dim=SAMPLE).drop_vars("quantile"),
            }
        )
        frame = table.to_dataframe().reset_index()
        labels = {f"{k}{suffix}": k for k in ("outcome", "arm", "visit")}
        frames.append(frame.rename(columns=labels))
    columns = ["outcome", "arm", "visit", "moment", "printed", "mean", "sd", "low", "high"]
    if not frames:
        return pd.DataFrame(columns=[*columns, "inside"])
    result = pd.concat(frames, ignore_index=True).dropna(subset=["printed", "mean"])
    return result[columns].assign(
        inside=(result["low"] <= result["printed"]) & (result["printed"] <= result["high"])
    )


@mpl.rc_context(STYLE)
def predictive_table(fit: Fit, *, narrow: bool = False) -> Figure:
    """Printed means and SDs in predictive SDs from the predictive mean, with 95 % intervals."""
    table = table_predictions(fit)
    study, colours = fit.study, arm_colours(fit.study)
    outcomes = [str(k) for k in study.outcomes.index if k in set(table["outcome"])]
    figure = blank(NARROW if narrow else 8.2, 0.5 * len(outcomes) + 1.2)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (moment, title) in zip(
        axes, (("mean", "printed means"), ("sd", "printed SDs")), strict=True
    ):
        for row, outcome in enumerate(outcomes):
            part = table[(table["outcome"] == outcome) & (table["moment"] == moment)]
            part = part.sort_values(
                "visit", key=lambda v: v.map(study.visits["week"]), kind="stable"
            )
            heights = row + np.linspace(-0.36, 0.36, len(part)) if len(part) > 1 else [row]
            standard = (part[["low", "printed", "high"]].sub(part["mean"], axis=0)).div(
                part["sd"], axis=0
            )
            for height, arm, (low, at, high) in zip(
                heights, part["arm"], standard.to_numpy(), strict=True
            ):
                axis.plot([low, high], [height, height], color="#CFCFCF", linewidth=1.6)
                axis.plot(at, height, "o", color=colours[arm], markersize=3)
            if row % 2:
                axis.axhspan(row - 0.5, row + 0.5, color="#F7F7F7", zorder=0)
        axis.axvline(0, color=GREY, linewidth=0.8)
        axis.set_title(title)
        axis.set_xlabel("predictive SDs" if narrow else "predictive SDs from the predictive mean")
    axes[0].set_yticks(
        range(len(outcomes)),
        [wrapped(outcome_name(study, k), 14 if narrow else 28) for k in outcomes],
    )
    axes[0].set_ylim(len(outcomes) - 0.5, -0.5)
    handles = [
        Line2D([], [], color=colours[a], marker="o", markersize=4, linestyle="",
               label=arm_name(study, a)) for a in colours
    ]  # fmt: skip
    handles.append(Line2D([], [], color="#CFCFCF", linewidth=2, label="95 % predictive interval"))
    figure.legend(handles=handles, loc="outside upper left", ncols=2 if narrow else len(handles))
    return figure


@mpl.rc_context(STYLE)
def predictive_counts(fits: list[AdverseFit], *, narrow: bool = False) -> Figure:
    """Printed counts of new reactions against the hierarchical model's predictive counts."""
    shown = [fit for fit in fits if "posterior_predictive" in fit.data.children]
    study = fits[0].study
    colours = arm_colours(study)
    cells = max((len(fit.counts.events) for fit in shown), default=1)
    figure = blank(NARROW if narrow else WIDE, 0.2 * cells + 1.3)
    axes = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
    for axis, fit in zip(axes, shown, strict=False):
        counts, draws = fit.counts, fit.data["posterior_predictive"]["count"]
        flat = draws.transpose(*SAMPLE, "cell").to_numpy().reshape(-1, len(counts.events))
        low, high = np.quantile(flat, [0.025, 0.975], axis=0)
        order = np.lexsort((counts.arm, counts.visit, counts.reaction))
        labels = []
        for row, cell in enumerate(order):
            arm = counts.arms[counts.arm[cell]]
            axis.plot([low[cell], high[cell]], [row, row], color="#CFCFCF", linewidth=3)
            axis.plot(counts.events[cell], row, "o", color=colours[arm], markersize=4)
            visit = visit_name(study, counts.visits[counts.visit[cell]])
            first = counts.arm[cell] == 0
            reaction = reaction_label(counts.reactions[counts.reaction[cell]])
            labels.append(f"{_short(reaction, narrow)}, {visit}" if first else "")
        leftmost = axis is axes[0]
        axis.set_yticks(range(len(labels)), labels if leftmost else [""] * len(labels), fontsize=7)
        axis.tick_params(axis="y", length=0)
        axis.set_ylim(len(labels) - 0.5, -0.5)
        axis.set_title(fit.spec.reading.replace("_", " ") + (" reading" if not narrow else ""))
        axis.set_xlabel("new patients" if narrow else "new patients with a reaction")
        axis.grid(axis="x", color="#EEEEEE")
    handles = [
        Line2D([], [], color=colours[a], marker="o", markersize=4, linestyle="",
               label=arm_name(study, a)) for a in colours
    ]  # fmt: skip
    handles.append(Line2D([], [], color="#CFCFCF", linewidth=3, label="95 % predictive interval"))
    figure.legend(handles=handles, loc="outside upper left", ncols=2 if narrow else len(handles))
    return figure


def _short(reaction: str, narrow: bool) -> str:
    return reaction.replace("systemic", "syst.") if narrow else reaction
