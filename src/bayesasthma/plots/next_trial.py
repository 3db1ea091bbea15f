"""Chance that a new trial confirms a finding, over its size."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.plots.style import (
    ACCENT,
    ARM_COLOURS,
    GREY,
    LIGHT_GREY,
    STYLE,
    outcome_name,
    panels,
    tip,
    visit_name,
    wrapped,
)
from bayesasthma.study.study import Study

NAMES = {
    "assurance": "assurance: averaged over the posterior",
    "power_at_mean": "power, were the posterior mean true",
    "assurance_sceptical": "assurance that a sceptic is convinced",
}
LINES: dict[str, tuple[str, Any]] = {
    "assurance": (ACCENT, "solid"),
    "power_at_mean": (GREY, "dashed"),
    "assurance_sceptical": (ARM_COLOURS[1], "dashdot"),
}


@mpl.rc_context(STYLE)
def assurance_curves(
    study: Study, table: pd.DataFrame, arm: str | None = None, *, narrow: bool = False
) -> Figure:
    """Assurance of every finding over the patients an arm, with its limit (grey line).

    Parameters
    ----------
    study : Study
    table : DataFrame
        The columns of ``design.csv``, of one visit an outcome.
    arm : str, optional
        Treated arm; the first by default.
    narrow : bool
    """
    own = table[table["arm"] == (arm or study.treatments[0])]
    groups = [rows for _, rows in own.groupby("outcome", sort=False)]
    figure, axes = panels(len(groups), narrow=narrow, wide_columns=4, narrow_columns=2, height=1.75)
    last = own["week"].max()
    for axis, rows in zip(axes, groups, strict=True):
        first = rows.iloc[0]
        limit = float(first["limit"])
        axis.axhline(limit, color=LIGHT_GREY)
        for name, (colour, line) in LINES.items():
            axis.plot(rows["n"], rows[name], color=colour, linestyle=line)
        for row in rows.to_dict("records"):
            words = f"{row['n']:.0f} an arm: {row['assurance']:.2f} (limit {limit:.3f})"
            tip(axis, float(row["n"]), float(row["assurance"]), words)
        axis.set_xscale("log")
        axis.set_xticks([10, 100, 1000], ["10", "100", "1000"])
        axis.minorticks_off()
        axis.set_xlim(float(rows["n"].min()) / 1.1, float(rows["n"].max()) * 1.1)
        axis.set_ylim(0, 1.02)
        axis.set_yticks([0, 0.5, 0.8, 1], ["0", "0.5", "0.8", "1"])
        title = outcome_name(study, str(first["outcome"]))
        if first["week"] != last:
            title += f", {visit_name(study, str(first['visit']))}"
        axis.set_title(wrapped(title, 22))
    figure.supxlabel("patients an arm", fontsize=8.5)
    figure.supylabel("chance of success", fontsize=8.5)
    figure.legend(
        handles=[
            Line2D([], [], color=LINES[name][0], linestyle=LINES[name][1], label=text)
            for name, text in NAMES.items()
        ],
        loc="outside upper left", ncols=1 if narrow else 3, fontsize=7.5,
    )  # fmt: skip
    return figure
