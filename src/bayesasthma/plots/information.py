"""What unseen correlations cost: width of a headline interval by what is known of the patients."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayesasthma.plots.style import ARM_COLOURS, GREY, NARROW, STYLE, blank

#: What is known, from least to most, and how the figure names it. The last is the yardstick.
INFORMATION = {
    "summary": "means and SDs alone",
    "baseline": "and correlations with baseline (SDs of change)",
    "correlations": "and all correlations",
    "patients": "patient-level data",
}


def relative_widths(widths: pd.DataFrame) -> pd.DataFrame:
    """Width of each interval over that from the patients of the same simulated study.

    Parameters
    ----------
    widths : DataFrame
        Columns ``correlation`` (true, between any two visits), ``replicate``, ``information`` (a
        key of :data:`INFORMATION`), ``width``.

    Returns
    -------
    DataFrame
        Index ``correlation, replicate``; a column for each kind of information but the patients.
    """
    wide = widths.pivot(index=["correlation", "replicate"], columns="information", values="width")
    return wide.drop(columns="patients").div(wide["patients"], axis=0)


@mpl.rc_context(STYLE)
def interval_width(widths: pd.DataFrame, *, narrow: bool = False) -> Figure:
    """Interval widths relative to patient-level data against the true correlation.

    Small marks are simulated studies, lines their geometric means; the dotted line is one, the
    width that patient-level data give.

    Parameters
    ----------
    widths : DataFrame
        As :func:`relative_widths`.
    narrow : bool
        For a phone.
    """
    ratio = relative_widths(widths)
    figure = blank(NARROW if narrow else 6.4, 3.6)
    axis = figure.subplots()
    kinds = [kind for kind in INFORMATION if kind in ratio]
    for i, kind in enumerate(kinds):
        shift, colour = 0.012 * (i - 1), ARM_COLOURS[i]
        values = ratio[kind]
        at = values.index.get_level_values("correlation") + shift
        axis.plot(at, values, ".", color=colour, markersize=3, alpha=0.35)
        mean = np.exp(np.log(values).groupby("correlation").mean())
        axis.plot(mean.index + shift, mean, "o-", color=colour, markersize=4.5,
                  label=INFORMATION[kind])  # fmt: skip
    axis.axhline(1, color=GREY, linestyle=":", linewidth=1)
    axis.set_yscale("log")
    low, high = (f(float(g(ratio.to_numpy()))) for f, g in ((np.floor, np.min), (np.ceil, np.max)))
    ticks = [
        t for t in (0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3) if low <= t <= high
    ]
    axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axis.minorticks_off()
    axis.set_ylim(0.97 * float(np.min(ratio)), 1.03 * float(np.max(ratio)))
    axis.set_xlabel("true correlation between two visits of a patient")
    axis.set_ylabel("width of the 95 % interval\nover that from patients")
    figure.legend(loc="outside upper left", ncols=1 if narrow else 2)
    return figure
