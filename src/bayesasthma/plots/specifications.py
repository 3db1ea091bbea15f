"""The specification curve with the choices under it, shares of choices, and the role of rho."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.plots.style import (
    ACCENT,
    GREY,
    LIGHT_GREY,
    NARROW,
    STYLE,
    WIDE,
    blank,
    outcome_name,
    panels,
    reaction_label,
    visit_colours,
    visit_name,
)
from bayesasthma.results.last_visits import at_last_visit
from bayesasthma.specification_curve.summary import (
    ADVERSE_CHOICES,
    TABLE_CHOICES,
    log_odds,
    rho_rows,
)
from bayesasthma.study.study import Study

#: Probabilities marked on a log-odds axis.
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)
FINE_TICKS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5,
    0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999,
)  # fmt: skip
#: Probabilities nearer to 1 (or 0) are drawn as this one: draws do not tell them apart.
RESOLVED = 0.9995
#: Choices in words, and a colour of each that stays the same in every figure.
CHOICE_NAMES = {
    "model": "Model",
    "prior": "Prior",
    "correlation": "Correlation",
    "variance": "Variance",
    "rounding": "Rounding modelled",
    "scale": "Scale",
    "dispersion": "SD or SE",
    "baseline": "Baseline means",
    "adjustment": "Adjustment",
    "reading": "Counts read as",
}
CHOICE_COLOURS = {
    "model": "#6B6B6B",
    "prior": "#5E3C99",
    "correlation": "#0072B2",
    "variance": "#56B4E9",
    "rounding": "#999933",
    "scale": "#009E73",
    "dispersion": "#D55E00",
    "baseline": "#882255",
    "adjustment": "#E69F00",
    "reading": "#CC79A7",
}


def choice_value(choice: str, value: str) -> str:
    """A value of a choice, as figures and sentences print it."""
    if choice == "correlation" and value.startswith("fixed:"):
        return f"ρ = {value.removeprefix('fixed:')}"
    return value.replace("_", " ")


def quantity_name(study: Study, kind: str, outcome: str) -> str:
    """Name of an outcome or reaction."""
    return reaction_label(outcome) if kind == "reaction" else outcome_name(study, outcome)


@mpl.rc_context(STYLE)
def specification_curve(
    study: Study,
    table: pd.DataFrame,
    outcome: str,
    visit: str,
    arm: str | None = None,
    *,
    kind: str = "outcome",
    narrow: bool = False,
) -> Figure:
    """P(benefit) of one outcome at one visit under every specification, and what each chose.

    Parameters
    ----------
    study : Study
    table : DataFrame
        The columns of ``sensitivity.csv``.
    outcome, visit : str
        ``outcome`` is a reaction if ``kind`` is ``"reaction"``.
    arm : str, optional
        The first treated arm by default.
    kind : {"outcome", "reaction"}
    narrow : bool
        For a phone instead of a page.

    Returns
    -------
    Figure
        Specifications are ordered by P(benefit). Hollow: the diagnostics gate failed. The diamond
        is the default. Between curve and choices: the estimate with its 95 % credible interval,
        of the specifications that have the default's unit (a log scale has ratios).
    """
    chosen = table[
        (table["kind"] == kind)
        & (table["outcome"] == outcome)
        & (table["visit"] == visit)
        & (table["arm"] == (arm or study.treatments[0]))
    ]
    chosen = chosen.assign(log_odds=log_odds(chosen)).sort_values("log_odds", kind="stable")
    names = ADVERSE_CHOICES if kind == "reaction" else TABLE_CHOICES
    values = {name: list(dict.fromkeys(chosen[name].sort_values())) for name in names}
    values = {name: found for name, found in values.items() if len(found) > 1}
    rows = sum(len(found) for found in values.values()) + len(values)
    shown = chosen["unit"] == _usual_unit(chosen)
    with_estimate = bool(shown.any())
    heights = [1.7, *([1.4] if with_estimate else []), max(0.11 * rows, 0.6)]
    figure = blank(NARROW if narrow else WIDE, sum(heights) + 0.7)
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    place = np.arange(len(chosen))
    _curve(axes[0], chosen, place)
    if with_estimate:
        _estimates(axes[1], chosen[shown], place[shown.to_numpy()])
    _choices(axes[-1], chosen, place, values)
    claimed = "benefit" if chosen["p_benefit"].notna().all() else "higher"
    axes[0].set_ylabel(f"P({claimed})")
    axes[0].set_title(f"{quantity_name(study, kind, outcome)}, {visit_name(study, visit)}")
    axes[-1].set_xlabel(f"{len(chosen)} specifications, ordered by P({claimed})")
    return figure


def _usual_unit(chosen: pd.DataFrame) -> str:
    """The default's unit, or the commonest if the default is not among the specifications."""
    default = chosen.loc[chosen["default"].astype(bool), "unit"]
    units = default if len(default) else chosen["unit"]
    return str(units.mode().iloc[0]) if len(units) else ""


def _curve(axes: Axes, chosen: pd.DataFrame, place: np.ndarray) -> None:
    passed = (chosen["gate"] == "pass").to_numpy()
    default = chosen["default"].astype(bool).to_numpy()
    y = _resolved(chosen["log_odds"].to_numpy(dtype=float))
    axes.axhline(0, color=LIGHT_GREY, linewidth=0.8)
    axes.plot(place[passed], y[passed], "o", markersize=2.2, color=ACCENT)
    axes.plot(place[~passed], y[~passed], "o", markersize=3, mfc="none", mec=GREY, mew=0.6)
    axes.plot(place[default], y[default], "D", markersize=6, color="#D55E00", zorder=3)
    _probability_axis(axes, y)
    handles = [
        Line2D([], [], marker="D", linestyle="", markersize=5, color="#D55E00", label="default")
    ]
    if not passed.all():
        handles.append(
            Line2D([], [], marker="o", linestyle="", mfc="none", mec=GREY, label="gate failed")
        )
    axes.legend(handles=handles, loc="upper left", handletextpad=0.2)


def _resolved(values: np.ndarray) -> np.ndarray:
    """Log odds cut off beyond ``RESOLVED``, where draws tell noise apart and nothing else."""
    limit = np.log(RESOLVED / (1 - RESOLVED))
    clipped: np.ndarray = np.clip(values, -limit, limit)
    return clipped


def _probability_axis(axes: Axes, values: np.ndarray) -> None:
    """Log odds labelled as probabilities, spanning a factor of 20 in odds at least."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (-1.0, 1.0)
    if (missing := np.log(20) - (high - low)) > 0:
        low, high = (low - missing, high) if high + low > 0 else (low, high + missing)
    pad = 0.08 * (high - low)

    def inside(known: tuple[float, ...]) -> list[float]:
        return [p for p in known if low - pad <= np.log(p / (1 - p)) <= high + pad]

    ticks = inside(TICKS) if len(inside(TICKS)) > 2 else inside(FINE_TICKS)
    axes.set_yticks([np.log(p / (1 - p)) for p in ticks], [f"{p:g}" for p in ticks])
    axes.set_ylim(low - pad, high + pad)


def _estimates(axes: Axes, chosen: pd.DataFrame, place: np.ndarray) -> None:
    default = chosen["default"].astype(bool).to_numpy()
    low, mean, high = (chosen[name].to_numpy(dtype=float) for name in ("ci_low", "mean", "ci_high"))
    axes.axhline(0, color=LIGHT_GREY, linewidth=0.8)
    axes.vlines(place, low, high, color=LIGHT_GREY, linewidth=0.8)
    axes.plot(place, mean, ".", markersize=2, color="black")
    axes.vlines(place[default], low[default], high[default], color="#D55E00", linewidth=1.2)
    axes.plot(place[default], mean[default], "D", markersize=5, color="#D55E00")
    unit = str(chosen["unit"].iloc[0])
    axes.set_ylabel(f"Effect, {unit}" if unit else "Effect")


def _choices(
    axes: Axes, chosen: pd.DataFrame, place: np.ndarray, values: dict[str, list[str]]
) -> None:
    height, labels, heads = 0.0, [], []
    for name, found in values.items():
        heads.append((height, CHOICE_NAMES[name], CHOICE_COLOURS[name]))
        for value in found:
            height += 1
            here = place[(chosen[name] == value).to_numpy()]
            axes.vlines(here, height - 0.4, height + 0.4, color=CHOICE_COLOURS[name], linewidth=0.7)
            labels.append((height, choice_value(name, value)))
        height += 1
    axes.set_yticks([at for at, _ in labels], [text for _, text in labels], fontsize=6.5)
    for at, text, colour in heads:
        axes.annotate(
            text,
            (0, at),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7,
            fontweight="bold",
            color=colour,
        )
    axes.set_ylim(height - 0.5, -0.6)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xticks([])


@mpl.rc_context(STYLE)
def choice_shares(
    study: Study,
    shares: pd.DataFrame,
    arm: str | None = None,
    visit: str | None = None,
    *,
    narrow: bool = False,
) -> Figure:
    """Share of the spread of each conclusion over the curve that each choice accounts for.

    Parameters
    ----------
    study : Study
    shares : DataFrame
        The columns of ``sensitivity_shares.csv``.
    arm, visit : str, optional
        The first treated arm and the last visit of each quantity by default.
    narrow : bool
    """
    arm = arm or study.treatments[0]
    here = at_last_visit(shares, study) if visit is None else shares["visit"] == visit
    chosen = shares[(shares["arm"] == arm) & here]
    quantities = list(dict.fromkeys(zip(chosen["kind"], chosen["outcome"], strict=True)))
    figure = blank(NARROW if narrow else WIDE, 0.3 * max(len(quantities), 1) + 1.3)
    axes = figure.subplots()
    left = np.zeros(len(quantities))
    at = np.arange(len(quantities))
    drawn = []
    for choice, words in CHOICE_NAMES.items():
        own = chosen[chosen["choice"] == choice].set_index(["kind", "outcome"])["share"]
        width = np.array([float(own.get(key, 0.0)) for key in quantities])
        if width.sum() <= 0:
            continue
        axes.barh(at, width, left=left, color=CHOICE_COLOURS[choice], height=0.7)
        left += width
        colour = CHOICE_COLOURS[choice]
        drawn.append(Line2D([], [], marker="s", linestyle="", color=colour, label=words))
    rest = np.clip(1 - left, 0, 1)
    axes.barh(at, rest, left=left, color=LIGHT_GREY, height=0.7)
    drawn.append(Line2D([], [], marker="s", linestyle="", color=LIGHT_GREY, label="interactions"))
    axes.set_yticks(at, [quantity_name(study, kind, name) for kind, name in quantities])
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.0, float((left + rest).max(initial=1.0))))
    axes.set_xlabel("Share of the variance of the log odds of benefit over the curve")
    shown = list(dict.fromkeys(chosen["visit"]))
    title = visit_name(study, str(shown[0])) if len(shown) == 1 else "Last visit of each"
    axes.set_title(title)
    figure.legend(handles=drawn, loc="outside lower center", ncols=2 if narrow else 5)
    return figure


@mpl.rc_context(STYLE)
def probability_by_correlation(
    study: Study, table: pd.DataFrame, arm: str | None = None, *, narrow: bool = False
) -> Figure:
    """P(benefit) of the headline against a fixed within-patient correlation, by outcome.

    Parameters
    ----------
    study : Study
    table : DataFrame
        The columns of ``sensitivity.csv``; every choice but the correlation is the default's.
    arm : str, optional
    narrow : bool

    Returns
    -------
    Figure
        Solid: correlation fixed. Dotted: correlation learned (the default).
    """
    arm = arm or study.treatments[0]
    lines = rho_rows(table)
    lines = lines[lines["arm"] == arm]
    default = table[(table["arm"] == arm) & table["default"].astype(bool)]
    outcomes = list(dict.fromkeys(lines["outcome"]))
    visits = [visit for visit in study.follow_up if visit in set(lines["visit"])]
    colours = visit_colours(visits)
    figure, axes = panels(len(outcomes), narrow=narrow, wide_columns=4, height=1.9)
    for axis, outcome in zip(axes, outcomes, strict=True):
        every = []
        for visit in visits:
            own = lines[(lines["outcome"] == outcome) & (lines["visit"] == visit)]
            own = own.sort_values("rho")
            y = _resolved(log_odds(own).to_numpy())
            axis.plot(own["rho"], y, "o-", markersize=2.5, color=colours[visit])
            learned = default[(default["outcome"] == outcome) & (default["visit"] == visit)]
            level = _resolved(log_odds(learned).to_numpy())
            for value in level:
                axis.axhline(value, color=colours[visit], linestyle=":", linewidth=1)
            every += [*y, *level]
        _probability_axis(axis, np.array(every, dtype=float))
        claimed = "" if lines[lines["outcome"] == outcome]["p_benefit"].notna().all() else "*"
        axis.set_title(outcome_name(study, outcome) + claimed)
        axis.set_xlim(-0.03, 0.98)
    for axis in axes[-4:] if not narrow else axes[-2:]:
        axis.set_xlabel("Fixed correlation ρ")
    handles = [
        Line2D([], [], color=colours[visit], label=visit_name(study, visit)) for visit in visits
    ]
    handles.append(Line2D([], [], color=GREY, linestyle=":", label="ρ learned"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 4)
    return figure
