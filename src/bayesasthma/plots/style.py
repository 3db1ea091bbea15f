"""The look shared by all figures: colours, fonts, panel grids and axis labels."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from bayesasthma.study.study import Study

#: Okabe and Ito's colour-blind-safe colours (jfly.uni-koeln.de/color), the control arm's first.
ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: Visits, early to late: one hue, so that they read as an order.
VISIT_HUE = ("#C9B3DE", "#3F1466")
GREY, LIGHT_GREY, ACCENT = "#6B6B6B", "#D4D4D4", "#5E3C99"
#: Marker of each model of the same quantity.
MODEL_MARKERS = {"longitudinal": "o", "joint": "s", "independent": "D", "hierarchical": "o"}

#: What the id of an artist begins with whose rest is shown when a pointer rests on it.
TIP = "tip:"

#: Widths in inches. A narrow figure shown 360 pixels wide has letters of nine to ten pixels.
WIDE, NARROW = 9.6, 4.2

STYLE: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so figures look the same everywhere
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "lines.linewidth": 1.4,
    "svg.hashsalt": "bayesasthma",
    # a label is what a bundle says: a dollar sign in it starts no formula
    "text.parse_math": False,
}


def blank(width: float, height: float) -> Figure:
    """An empty figure, in inches, that belongs to no window and no pyplot session."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(
    count: int, *, narrow: bool, wide_columns: int, narrow_columns: int = 2, height: float = 2.0
) -> tuple[Figure, list[Axes]]:
    """A grid of ``count`` panels, row by row, with no empty axes left over.

    Parameters
    ----------
    count : int
    narrow : bool
        For a phone instead of a page.
    wide_columns, narrow_columns : int
    height : float
        Of one row, in inches.
    """
    columns = max(1, min(count, narrow_columns if narrow else wide_columns))
    rows = max(1, -(-count // columns))
    figure = blank(NARROW if narrow else WIDE, height * rows + 0.45)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[count:]:
        spare.remove()
    return figure, list(grid[:count])


def tip(axis: Axes, x: float, y: float, text: str) -> None:
    """Tell a point's numbers to a pointer that rests on it; nothing is drawn."""
    if np.isfinite(x) and np.isfinite(y):
        axis.plot([x], [y], "8", markersize=10, markeredgewidth=0, alpha=0, gid=TIP + text)


def arm_colours(study: Study) -> dict[str, str]:
    """Colour of each arm: the same in every figure."""
    return {str(arm): ARM_COLOURS[i % len(ARM_COLOURS)] for i, arm in enumerate(study.arms.index)}


def visit_colours(visits: list[str]) -> dict[str, str]:
    """Colour of each follow-up visit, light for the first and dark for the last."""
    first, last = (np.array(to_rgb(hue)) for hue in VISIT_HUE)
    weights = np.linspace(0, 1, len(visits)) if len(visits) > 1 else np.ones(1)
    return {
        visit: to_hex(tuple((1 - w) * first + w * last))
        for visit, w in zip(visits, weights, strict=True)
    }


def short_label(label: str) -> str:
    """The abbreviation in ``"Asthma Control Test (ACT)"``, or the label itself."""
    found = re.search(r"\(([A-Z0-9][\w/-]{1,9})\)\s*$", label)
    return found.group(1) if found else label


def outcome_name(study: Study, outcome: str) -> str:
    """Short name of an outcome, as panels carry it."""
    return short_label(str(study.outcomes["label"][outcome]))


def visit_name(study: Study, visit: str) -> str:
    """Label of a visit."""
    return str(study.visits["label"][visit])


def arm_name(study: Study, arm: str) -> str:
    """Label of an arm."""
    return str(study.arms["label"][arm])


def pretty_unit(unit: str) -> str:
    """``10^9/L`` with a raised exponent."""
    raised = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
    return re.sub(r"\^(-?\d+)", lambda found: found.group(1).translate(raised), unit)


def wrapped(text: str, width: int) -> str:
    """Break a long label over lines."""
    return "\n".join(textwrap.wrap(text, width)) or text


def reaction_label(reaction: str) -> str:
    """``mild_systemic`` as words."""
    words = reaction.replace("_", " ")
    return words[:1].upper() + words[1:]


def model_marker(model: str) -> str:
    """Marker of a model."""
    return MODEL_MARKERS.get(model, "s")
