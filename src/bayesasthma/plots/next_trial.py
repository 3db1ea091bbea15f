"""Chance that a new trial confirms a finding, over its size."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.inference.fitting import Fit
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
from bayesasthma.results.assurance import FEWEST
from bayesasthma.results.design_table import SIZES, assurance_curve, findings

#: Patients an arm that curves are drawn at.
DRAWN = np.unique(np.geomspace(10, 1000, 25).round().astype(int))
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
    fit: Fit,
    arm: str | None = None,
    *,
    outcome: str | None = None,
    visit: str | None = None,
    margin: float = 0.0,
    level: float = 0.05,
    narrow: bool = False,
) -> Figure:
    """Assurance of every finding over the patients an arm, with its limit (grey line).

    Parameters
    ----------
    fit : Fit
    arm : str, optional
        Treated arm; the first by default.
    outcome, visit, margin, level
        As for :func:`bayesasthma.results.design_table.next_trial`.
    narrow : bool
    """
    study = fit.study
    arm = arm or study.treatments[0]
    found = [own for own in findings(fit, outcome, visit) if own.arm == arm]
    figure, axes = panels(len(found), narrow=narrow, wide_columns=4, narrow_columns=2, height=1.75)
    last = max((study.follow_up.index(own.visit) for own in found), default=0)
    for axis, finding in zip(axes, found, strict=True):
        curve = assurance_curve(finding, [int(n) for n in DRAWN], margin=margin, level=level)
        limit = float(np.mean(finding.benefit + margin > 0))
        axis.axhline(limit, color=LIGHT_GREY)
        for name, (colour, line) in LINES.items():
            axis.plot(curve["n"], curve[name], color=colour, linestyle=line)
        for row in curve[curve["n"].isin([10, *SIZES])].to_dict("records"):
            words = f"{row['n']:.0f} an arm: {row['assurance']:.2f} (limit {limit:.3f})"
            tip(axis, float(row["n"]), float(row["assurance"]), words)
        axis.set_xscale("log")
        axis.set_xticks([10, 100, 1000], ["10", "100", "1000"])
        axis.minorticks_off()
        axis.set_xlim(max(8, FEWEST), 1100)
        axis.set_ylim(0, 1.02)
        axis.set_yticks([0, 0.5, 0.8, 1], ["0", "0.5", "0.8", "1"])
        name = outcome_name(study, finding.outcome)
        if study.follow_up.index(finding.visit) != last:
            name += f", {visit_name(study, finding.visit)}"
        axis.set_title(wrapped(name, 22))
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
