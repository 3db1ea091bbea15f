"""The printed p-value of every cell against the posterior probability of benefit."""

from __future__ import annotations

import re

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bayesasthma.plots.style import ACCENT, GREY, NARROW, STYLE, blank, outcome_name, visit_name
from bayesasthma.study import Study

#: Nothing closer to certainty than this is drawn apart: a few thousand draws cannot tell.
FLOOR = 5e-4
P_FLOOR = 5e-4


def parse_p(text: object) -> tuple[float, str]:
    """Number and operator ("=", "<" or ">") of a p-value as printed; NaN if there is none."""
    found = re.search(r"([<>≤≥]?)\s*(\d*\.?\d+(?:[eE]-?\d+)?)", str(text))
    if not found:
        return float("nan"), "="
    sign = {"≤": "<", "≥": ">"}.get(found.group(1), found.group(1))
    return float(found.group(2)), sign or "="


@mpl.rc_context(STYLE)
def p_against_probability(
    study: Study, comparison: pd.DataFrame, arm: str | None = None, *, narrow: bool = False
) -> Figure:
    """1 - P(benefit) under each model against the printed two-sided p, both on log scales.

    The curve is where a flat prior and Student's t put them when the effect is a benefit:
    ``1 - P = p / 2``. Follow-up visits and outcomes with a claimed direction only.

    Parameters
    ----------
    study : Study
    comparison : DataFrame
        The columns of ``comparison.csv``.
    arm : str, optional
    narrow : bool
    """
    arm = arm or study.treatments[0]
    directed = study.outcomes.index[study.outcomes["direction"] != 0]
    rows = comparison[
        (comparison["arm"] == arm)
        & comparison["visit"].isin(study.follow_up)
        & comparison["outcome"].isin(directed)
    ]
    figure = blank(NARROW if narrow else 6.6, 4.4 if narrow else 5.0)
    axis = figure.subplots()
    line = np.geomspace(P_FLOOR / 2, 1, 200)
    axis.plot(line, line / 2, color=GREY, linewidth=1, linestyle=(0, (4, 2)),
              label="flat prior and t test: P = 1 − p/2")  # fmt: skip
    parsed = [parse_p(text) for text in rows["p_printed"]]
    p = np.array([max(value, P_FLOOR) for value, _ in parsed])
    bound = np.array([sign == "<" for _, sign in parsed])
    rng = np.random.default_rng(0)
    jitter = np.exp(rng.uniform(-0.05, 0.05, len(rows)))
    seen = {}
    for model, marker, face in (("independent", "D", "white"), ("longitudinal", "o", ACCENT)):
        column = f"{model}_p_benefit"
        if column not in rows:
            continue
        doubt = np.clip(1 - rows[column].to_numpy(dtype=float), FLOOR, 1 - FLOOR)
        seen[model] = doubt
        axis.plot(p * jitter, doubt, marker, color=ACCENT, markerfacecolor=face, markersize=5,
                  alpha=0.85, linestyle="", label=model)  # fmt: skip
        for x, y in zip((p * jitter)[bound], doubt[bound], strict=True):
            axis.annotate("", (x * 0.72, y), (x, y),
                          arrowprops={"arrowstyle": "-|>", "color": ACCENT, "lw": 0.6,
                                      "mutation_scale": 6, "alpha": 0.6})  # fmt: skip
    if len(seen) == 2:
        for x, a, b in zip(p * jitter, *seen.values(), strict=True):
            axis.plot([x, x], [a, b], color=ACCENT, linewidth=0.6, alpha=0.35, zorder=1)
    _name_outliers(axis, rows, study, p * jitter, seen)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(1.0, FLOOR * 0.75)
    axis.set_xlim(min(1.3, 2.2 * float(np.nanmax(p, initial=P_FLOOR * 2))), P_FLOOR * 0.5)
    ticks = [0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.0025, 0.001, FLOOR]
    names = ["0.5", "0.75", "0.9", "0.95", "0.975", "0.99", "0.995", "0.9975", "0.999", "≥ 0.9995"]
    axis.yaxis.set_major_locator(FixedLocator(ticks))
    axis.yaxis.set_major_formatter(FixedFormatter(names))
    printed = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001]
    axis.xaxis.set_major_locator(FixedLocator(printed))
    axis.xaxis.set_major_formatter(FixedFormatter([f"{value:g}" for value in printed]))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_minor_locator(NullLocator())
    axis.grid(color="#EEEEEE")
    axis.set_xlabel("printed p (an arrow: printed as “less than”)")
    axis.set_ylabel("posterior probability of benefit")
    axis.legend(loc="lower right", fontsize=7.5)
    return figure


def _name_outliers(
    axis: Axes, rows: pd.DataFrame, study: Study, p: np.ndarray, seen: dict[str, np.ndarray]
) -> None:
    """Name, above the plot, the cells whose printed p is ten or more times what a t test gives."""
    if "p_recomputed" not in rows or not seen:
        return
    recomputed = np.maximum(rows["p_recomputed"].to_numpy(dtype=float), P_FLOOR)
    chosen = np.flatnonzero(np.log10(p / recomputed) >= 1)
    names = [
        f"{outcome_name(study, outcome)}, {visit_name(study, visit)}"
        for outcome, visit in rows[["outcome", "visit"]].to_numpy()[chosen]
    ]
    last = np.inf
    for i in sorted(range(len(chosen)), key=lambda i: -p[chosen[i]]):
        place = min(p[chosen[i]], last / 1.16)  # labels a line's height apart
        axis.annotate(names[i], (place, FLOOR * 0.7), rotation=38, fontsize=6.5, color="#333333",
                      ha="left", va="bottom", annotation_clip=False)  # fmt: skip
        last = place
