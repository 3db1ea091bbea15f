"""Figures of a calibration: ranks, coverage, decision rules, common improvements."""

from __future__ import annotations

import re
import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesasthma.calibration.common_change_table import DECLARED, MOST_SHIFT
from bayesasthma.calibration.reliability import CLAIMS
from bayesasthma.calibration.tabulation import ecdf_band, ecdf_difference
from bayesasthma.plots.style import ACCENT, ARM_COLOURS, GREY, LIGHT_GREY, STYLE, blank, panels

DPI = 110
#: Rows of a figure that go in one panel, by the name before the bracket.
OTHER = "parameters"
FAMILIES = (
    "difference", "adjusted_difference", "difference_in_change", "standardised_difference",
    "change", "area_under_follow_up", "share_improved", "difference_in_share_improved",
    "mean", "sd", "correlation",
    "rate", "risk_difference", "log_risk_ratio", "log_odds_ratio", "any_in_20",
    "benefit", "benefit_gt_mcid",
    "rank_of_benefit", "domain_mean", "domain_effect", "number_improving",
    "all_improve", "all_improve_by_mcid",
)  # fmt: skip
#: Titles of panels whose name alone would mislead.
TITLES = {"benefit": "benefit (yes or no)", "benefit_gt_mcid": "benefit > MCID (yes or no)"}
#: Shares of fewer studies are not drawn.
FEWEST = 10
#: Of the subjects of a claim.
MARKERS = ("o", "s", "D", "^")
#: Columns of ``common_change.csv`` that are drawn: label, and what it should be.
PROPERTIES = {
    "shift": ("shift of the posterior\nmean, standard errors", 0.0),
    "coverage": ("95 % interval held\nthe truth", 0.95),
    "type_1": (f"P(benefit) > {DECLARED:g}\n(ANCOVA: p < {1 - DECLARED:g})", 1 - DECLARED),
    "p_benefit": ("mean of P(benefit)\n(ANCOVA: of 1 − p)", 0.5),
}


def family(quantity: str) -> str:
    """The estimand a quantity belongs to, or "parameters"."""
    head = re.split(r"[\[:]", quantity)[0]
    return head if head in FAMILIES else OTHER


def rank_figure(table: pd.DataFrame, title: str) -> Figure:
    """ECDF of ranks minus the uniform one: one line per quantity, a panel per estimand.

    A calibrated model keeps a line inside the shaded band, which 95 % of lines of a calibrated
    quantity never leave.
    """
    groups = [(name, table[table["quantity"].map(family) == name]) for name in (*FAMILIES, OTHER)]
    groups = [(name, own) for name, own in groups if len(own)]
    with mpl.rc_context(STYLE):
        figure, axes = panels(len(groups), narrow=False, wide_columns=4, height=1.7)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        for axis, (name, own) in zip(axes, groups, strict=True):
            count = int(own["replicates"].max())
            low, high = ecdf_band(count)
            x = np.arange(1, len(low) + 1) / len(low)
            axis.fill_between(x, low, high, color=LIGHT_GREY, step="post", linewidth=0)
            for row in own.itertuples():
                bad = row.verdict != "calibrated"
                counts = np.array(str(row.counts).split(), dtype=int)
                axis.step(
                    x,
                    ecdf_difference(counts),
                    where="post",
                    color=ARM_COLOURS[1] if bad else ACCENT,
                    linewidth=1.2 if bad else 0.6,
                    alpha=1 if bad else 0.6,
                )
            axis.set_title(TITLES.get(name, name.replace("_", " ")), fontsize=8)
            axis.set_xlim(0, 1)
            axis.axhline(0, color=GREY, linewidth=0.5)
        figure.supxlabel("rank of the truth among posterior draws, as a share", fontsize=8.5)
        figure.supylabel("ECDF minus uniform", fontsize=8.5)
    return figure


def reliability_figure(table: pd.DataFrame, titles: dict[str, str]) -> Figure:
    """Share of true claims by the probability quoted: a panel per claim, a colour per case.

    Subjects of a claim (reactions) have a marker each.

    Parameters
    ----------
    table : DataFrame
        As :func:`bayesasthma.calibration.reliability.reliability_table` makes it, of any cases.
    titles : dict of str to str
        Of each case.
    """
    cases = [name for name in titles if name in set(table["case"])]
    claims = [claim for claim in CLAIMS if claim in set(table["claim"])]
    with mpl.rc_context(STYLE):
        figure, axes = panels(len(claims), narrow=False, wide_columns=3, height=2.9)
        for axis, claim in zip(axes, claims, strict=True):
            axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
            shown = table[(table["claim"] == claim) & (table["studies"] >= FEWEST)]
            shown = shown[shown["case"].isin(cases)]
            subjects = list(dict.fromkeys(shown["subject"]))
            lines = list(shown.groupby(["case", "subject"], sort=False))
            for number, ((case, subject), own) in enumerate(lines):
                colour = ARM_COLOURS[cases.index(str(case)) % len(ARM_COLOURS)]
                # side by side, so that intervals of several lines can be told apart
                x = own["quoted"] + 0.004 * (number - (len(lines) - 1) / 2)
                axis.vlines(x, own["true_low"], own["true_high"], color=colour, linewidth=0.8)
                axis.plot(
                    x,
                    own["true"],
                    MARKERS[subjects.index(subject) % len(MARKERS)],
                    color=colour,
                    markersize=3.5,
                    linestyle="none",
                    label=titles[str(case)],
                )
            axis.set_title(textwrap.fill(CLAIMS[claim], 36), fontsize=8.5)
            axis.set_xlim(-0.04, 1.04)
            axis.set_ylim(-0.04, 1.04)
        handles = {
            label: handle
            for axis in axes
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        axes[0].legend(handles.values(), handles.keys(), loc="upper left", fontsize=7)
        figure.supxlabel("probability quoted", fontsize=8.5)
        figure.supylabel("share of studies in which it was true", fontsize=8.5)
    return figure


def misspecification_figure(table: pd.DataFrame) -> Figure:
    """Coverage of the 95 % interval by scenario, with its Monte Carlo interval."""
    with mpl.rc_context(STYLE):
        figure = blank(8.5, 0.32 * len(table) + 1.0)
        axis = figure.subplots()
        y = np.arange(len(table))[::-1]
        axis.axvline(0.95, color=GREY, linewidth=0.8, linestyle="--")
        axis.hlines(y, table["coverage_low"], table["coverage_high"], color=ACCENT)
        axis.plot(table["coverage"], y, "o", color=ACCENT, markersize=5, label="posterior")
        axis.plot(
            table["ancova_coverage"],
            y,
            "D",
            color=ARM_COLOURS[1],
            markersize=4,
            markerfacecolor="none",
            label="analysis of covariance of the patients",
        )
        axis.set_yticks(y, list(table["title"]))
        axis.set_xlabel("share of 95 % intervals that hold the true effect")
        axis.set_xlim(min(0.45, float(table["coverage_low"].min()) - 0.02), 1.01)
        axis.legend(loc="lower left")
    return figure


def operating_figure(table: pd.DataFrame) -> Figure:
    """Rate at which each rule declares a benefit, by the true benefit and the prior set."""
    bayes = [rule for rule in dict.fromkeys(table["rule"]) if rule.startswith("P(")]
    tests = [rule for rule in dict.fromkeys(table["rule"]) if not rule.startswith("P(")]
    with mpl.rc_context(STYLE):
        figure, axes = panels(len(bayes), narrow=False, wide_columns=2, height=3.2)
        for axis, rule in zip(axes, bayes, strict=True):
            own = table[table["rule"] == rule]
            for colour, (prior, line) in zip(
                ARM_COLOURS, own.groupby("prior", sort=False), strict=False
            ):
                axis.errorbar(
                    line["benefit"],
                    line["rate"],
                    2 * line["error"],
                    marker="o",
                    markersize=4,
                    color=colour,
                    label=str(prior),
                )
            for style, test in zip((":", "--"), tests, strict=False):
                line = table[table["rule"] == test]
                axis.plot(line["benefit"], line["rate"], style, color=GREY, label=test)
            axis.set_title(rule)
            axis.set_xlabel("true benefit, baseline SDs")
            axis.set_ylabel("share of trials that declare a benefit")
            axis.axhline(0.025, color=LIGHT_GREY, linewidth=0.8)
        axes[0].legend(fontsize=7)
    return figure


def common_change_figure(table: pd.DataFrame, before: pd.DataFrame) -> Figure:
    """Frequency properties by common improvement: a row of panels per kind of study.

    Each line is of one number of patients an arm, with twice its Monte Carlo error; the diamond
    beside it is the analysis of covariance of the same patients, which no common improvement moves.

    Parameters
    ----------
    table, before : DataFrame
        As :func:`bayesasthma.calibration.common_change_table.common_change_table` makes them, of
        the present model and of the first edition's; the latter may be empty.
    """
    groups = [
        (f"{title}, correlation {rho:g}", own)
        for title, part in (
            ("First edition: cohort", before[before["baseline"] == "free"]),
            ("Cohort", table[table["baseline"] == "free"]),
            ("Randomised", table[table["baseline"] == "common"]),
        )
        for rho, own in part.groupby("rho", sort=False)
    ]
    with mpl.rc_context(STYLE):
        figure, axes = panels(
            len(groups) * len(PROPERTIES), narrow=False, wide_columns=len(PROPERTIES), height=2.0
        )
        grid = np.reshape(np.array(axes, dtype=object), (len(groups), len(PROPERTIES)))
        for row, (title, own) in zip(grid, groups, strict=True):
            for axis, (name, (_, expected)) in zip(row, PROPERTIES.items(), strict=True):
                _by_improvement(axis, own, name)
                axis.axhline(expected, color=GREY, linewidth=0.8, zorder=0)
                if name == "shift":
                    axis.axhspan(-MOST_SHIFT, MOST_SHIFT, color=LIGHT_GREY, linewidth=0, zorder=0)
            row[0].set_title(title, loc="left")
        for column, (label, _) in zip(grid.T, PROPERTIES.values(), strict=True):
            for axis in column:
                axis.sharey(column[0])
                axis.set_ylabel(label, fontsize=8)
        handles, labels = grid[-1, 0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper center", ncols=len(labels), title="patients an arm"
        )
        figure.supxlabel("improvement of all patients of both arms, baseline SDs", fontsize=8.5)
    return figure


def _by_improvement(axis: Axes, table: pd.DataFrame, name: str) -> None:
    """One line per number of patients, and the analysis of covariance at the right."""
    sizes = list(dict.fromkeys(table["n"]))
    ticks = sorted(set(table["improvement"]))
    right = ticks[-1] + 1
    for number, (colour, (n, own)) in enumerate(
        zip(ARM_COLOURS, table.groupby("n", sort=False), strict=False)
    ):
        # side by side, so that intervals can be told apart
        aside = 0.09 * (number - (len(sizes) - 1) / 2)
        axis.errorbar(
            own["improvement"] + aside, own[name], _reach(own, name),
            marker="o", markersize=3, linewidth=0.9, elinewidth=0.8, color=colour, label=f"{n}",
        )  # fmt: skip
        if f"ancova_{name}" in table:
            other, beside = own.iloc[:1], f"ancova_{name}"
            axis.errorbar(
                [right + aside], other[beside], _reach(other, beside),
                marker="D", markersize=3, markerfacecolor="white", elinewidth=0.8, color=colour,
            )  # fmt: skip
    marks = [f"{tick:g}" for tick in ticks]
    if f"ancova_{name}" in table:
        ticks, marks = [*ticks, right], [*marks, "ANCOVA"]
    axis.set_xticks(ticks, marks, fontsize=7)


def _reach(table: pd.DataFrame, name: str) -> np.ndarray:
    """Twice the Monte Carlo errors below and above, within 0 and 1 where these are the ends."""
    value, error = table[name].to_numpy(), 2 * table[f"{name}_error"].to_numpy()
    if name == "shift":
        return np.stack([error, error])
    return np.stack([np.minimum(error, value), np.minimum(error, 1 - value)])
