"""P(benefit) over what is assumed of patients who left, and where it tips."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.effects import scale_name
from bayesasthma.plots.style import (
    ACCENT,
    ARM_COLOURS,
    GREY,
    LIGHT_GREY,
    STYLE,
    arm_name,
    outcome_name,
    panels,
    tip,
    visit_name,
    wrapped,
)
from bayesasthma.results.leaver_cells import LeaverCell, leaver_cells
from bayesasthma.results.missing_patients import TIPS
from bayesasthma.results.missing_table import LEVELS, delta_curve
from bayesasthma.study.left_patients import LeftPatients

COLOURS = {"treated": ACCENT, "both": GREY, "opposed": ARM_COLOURS[1]}
LINES: dict[str, Any] = {"treated": "-", "both": "--", "opposed": "-."}
#: Baseline SDs that an axis reaches at least and at most, and points of a curve.
LEAST, MOST, POINTS = 1.0, 6.0, 81
#: Where the axis of P(benefit) begins, unless it is about as low already.
LOWEST = 0.7


@mpl.rc_context(STYLE)
def tipping_curves(
    fit: Fit, left: LeftPatients, tipping: pd.DataFrame, arm: str, *, narrow: bool = False
) -> Figure:
    """P(benefit) of every outcome at its last visit over how much worse leavers did.

    Parameters
    ----------
    fit : Fit
    left : LeftPatients
    tipping : DataFrame
        Rows of ``missing_tipping.csv`` to mark, of one arm and one visit an outcome.
    arm : str
    narrow : bool
    """
    study = fit.study
    shown = dict(zip(tipping["outcome"], tipping["visit"], strict=True))
    cells = [
        cell for cell in leaver_cells(fit, left, assumptions=False)
        if cell.arm == arm and shown.get(cell.outcome) == cell.visit
    ]  # fmt: skip
    figure, axes = panels(len(cells), narrow=narrow, wide_columns=4, narrow_columns=2, height=1.75)
    last = max((study.follow_up.index(cell.visit) for cell in cells), default=0)
    for axis, cell in zip(axes, cells, strict=True):
        _panel(axis, cell, tipping[tipping["outcome"] == cell.outcome])
        name = outcome_name(study, cell.outcome)
        if study.follow_up.index(cell.visit) != last:
            name += f", {visit_name(study, cell.visit)}"
        axis.set_title(wrapped(name, 22))
    treated, control = arm_name(study, arm), arm_name(study, study.control)
    labels = {
        "treated": f"leavers of {treated} worse",
        "both": "leavers of both arms worse",
        "opposed": f"leavers of {treated} worse, of {control} better",
    }
    figure.supxlabel(
        wrapped(
            f"how much worse than those who stayed, in {scale_name(study)}", 48 if narrow else 99
        ),
        fontsize=8.5,
    )
    figure.supylabel("P(benefit) over all who started", fontsize=8.5)
    figure.legend(
        handles=[
            Line2D([], [], color=COLOURS[name], linestyle=LINES[name], label=wrapped(text, 44))
            for name, text in labels.items()
        ],
        loc="outside upper left", ncols=1 if narrow else 3, fontsize=7.5,
    )  # fmt: skip
    return figure


def _panel(axis: Axes, cell: LeaverCell, tipping: pd.DataFrame) -> None:
    own = tipping[tipping["status"] == TIPS]
    reach = float(own["delta_sd"].max()) * 1.15 if len(own) else LEAST
    far = float(np.clip(reach, LEAST, MOST))
    deltas = np.linspace(0, far, POINTS)
    for level in LEVELS:
        axis.axhline(level, color=LIGHT_GREY, linewidth=0.8)
    for scenario, colour in COLOURS.items():
        axis.plot(
            deltas, delta_curve(cell, scenario, deltas), color=colour, linestyle=LINES[scenario]
        )
    for row in own[own["delta_sd"] <= far].to_dict("records"):
        at, level = float(row["delta_sd"]), float(row["level"])
        axis.plot([at], [level], "o", color=COLOURS[row["scenario"]], markersize=3.5)
        words = f"below {level:g} from {row['delta']:.3g} {row['unit']} ({at:.2f} SD)"
        tip(axis, at, level, words)
    axis.set_xlim(0, far)
    alike = float(delta_curve(cell, "treated", np.zeros(1))[0])
    low = min(LOWEST, max(0.0, round(alike, 1) - 0.2))
    ticks = [low, *sorted(LEVELS)]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.tick_params(axis="y", labelsize=6.5)
    axis.set_ylim(low, 1.005)
