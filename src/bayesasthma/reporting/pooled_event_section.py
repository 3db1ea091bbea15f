"""Pooled reactions on the page of a pool: sentences, rows of tables, and forest plots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.plots.event_forest import event_forest, event_tau
from bayesasthma.priors.heterogeneity import heterogeneity_registry
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.reporting.wording import listed, number, plural
from bayesasthma.results.pooled import PooledResults
from bayesasthma.results.summaries import format_probability

SECTION = "reactions"
METHOD = (
    "The patients with a reaction in each arm are binomial about a level of the study "
    "(normal, SD 2.5 of the log odds) and a log odds ratio that is random over studies; empty "
    "cells need no correction. The posterior is a nested quadrature and has no Monte Carlo error. "
    "Prior of the mean log odds ratio: set {prior}; of τ: {tau}. Beside it the common odds ratio "
    "of Mantel and Haenszel, and REML with the Hartung–Knapp–Sidik–Jonkman interval of Woolf’s "
    "estimates, ½ added to a study with an empty cell."
)


def event_content(results: PooledResults) -> list[dict[str, Any]]:
    """What the template prints of every pooled reaction."""
    return [_content(row, results, place) for place, row in _rows(results)]


def event_drawings(results: PooledResults) -> list[Drawing]:
    """A forest plot of every pooled reaction."""
    side = {"lower": "a benefit is to the left", "higher": "a benefit is to the right"}
    return [
        draw(
            f"{_id(place)}-forest", _id(place), f"Forest plot of {row['reaction']}.",
            f"{row['reaction']}: odds ratios. Grey squares: the study's counts alone (Woolf), "
            "larger for more patients; blue dots: in the pool; diamond: mean effect; bar: true "
            "effect in a new study; with 95 % intervals; "
            f"{side.get(row['direction'], 'no side is a benefit')}.",
            event_forest, row, _studies(results, row),
        )
        for place, row in _rows(results)
    ]  # fmt: skip


def event_answer(results: PooledResults) -> list[str]:
    """One sentence on the reactions, the most certain benefit and the most certain harm first."""
    table = results.events
    if table.empty:
        return []
    judged = table.dropna(subset=["p_benefit"])
    said = f"{plural(len(table), 'reaction')} pooled over two studies or more"
    parts = []
    for _, row in judged.iterrows():
        if not 0.025 < row["p_benefit"] < 0.975:
            what = "a benefit" if row["p_benefit"] > 0.5 else "a harm"
            parts.append(
                f"{row['reaction']}, {what}: odds ratio {_ratio(row)} with a probability of "
                f"benefit of {_chance(row['p_benefit'])}"
            )
    if parts:
        return [f"{said}: {'; '.join(parts)}."]
    end = "is" if len(table) > 1 else "its direction is"
    none = "of none the direction" if len(table) > 1 else ""
    return [f"{said}: {none} {end} clear (no probability of benefit beyond 0.975)."]


def event_limits(results: PooledResults) -> list[str]:
    """What the counts cannot tell."""
    said = []
    if results.events_alone:
        names = [f"{reaction} ({study})" for reaction, study in results.events_alone.items()]
        said.append(
            "Not pooled, since one study alone counts "
            f"{'it' if len(names) == 1 else 'them'} in both arms: {listed(names)}."
        )
    if results.events.empty:
        return said
    silent = results.events.loc[results.events["n_events"] == 0, "reaction"]
    if len(silent):
        said.append(
            f"No patient had {listed(list(silent), 'or')}: the answer is hardly more than the "
            "prior."
        )
    said.append(
        "Reactions are those printed at the last visit that counts both arms, whether these are "
        "new ones or all so far; studies that print one and the other measure different things "
        "under one name. With rare events much rests on the priors of the mean and of τ."
    )
    return said


def event_methods(results: PooledResults) -> list[tuple[str, str]]:
    """How reactions are pooled, with their priors."""
    if results.events.empty:
        return []
    first = results.events.iloc[0]
    known = {prior.name: prior for prior in heterogeneity_registry()}
    name = str(first["heterogeneity_prior"])
    tau = f"{name} = {known[name].describe()} ({known[name].source})" if name in known else name
    return [("Reactions", METHOD.format(prior=first["prior"], tau=tau))]


def _rows(results: PooledResults) -> list[tuple[int, pd.Series]]:
    return [(place, row) for place, (_, row) in enumerate(results.events.iterrows())]


def _id(place: int) -> str:
    return f"reaction-{place + 1}"


def _studies(results: PooledResults, row: pd.Series) -> pd.DataFrame:
    table = results.event_studies
    found: pd.DataFrame = table[table["reaction"] == row["reaction"]]
    return found


def _content(row: pd.Series, results: PooledResults, place: int) -> dict[str, Any]:
    tau = event_tau(row)
    new = f"{_places(row['predictive_or_q025'])} to {_places(row['predictive_or_q975'])}"
    reml_tau = "–" if np.isnan(row["reml_tau"]) else f"{row['reml_tau']:.2f}"
    return {
        "id": _id(place),
        "name": str(row["reaction"]),
        "headline": [
            str(row["reaction"]), str(int(row["n_studies"])), str(int(row["n_patients"])),
            str(int(row["n_events"])), _ratio(row), _chance(row["p_benefit"]), new,
            _chance(row["p_benefit_new"]), tau,
        ],
        "analyses": [
            ["pooled model", _ratio(row), tau, new],
            ["Mantel–Haenszel, one common odds ratio", _classical(row, "mh"), "–", "–"],
            [f"REML and HKSJ ({plural(int(row['reml_studies']), 'study', 'studies')})",
             _classical(row, "reml"), reml_tau, "–"],
        ],
        "studies": [
            [str(own["study"]), f"{own['week']:g}", str(own["arms"]),
             f"{own['control_events']} of {own['control_n']}",
             f"{own['treated_events']} of {own['treated_n']}",
             _classical(own, "woolf") + (" *" if own["woolf_corrected"] == "yes" else ""),
             _ratio(own), _chance(own["p_benefit"])]
            for _, own in _studies(results, row).iterrows()
        ],
    }  # fmt: skip


def _ratio(row: pd.Series) -> str:
    middle, low, high = (_places(row[f"or_{name}"]) for name in ("median", "q025", "q975"))
    return f"{middle} ({low} to {high})"


def _classical(row: pd.Series, name: str) -> str:
    middle, low, high = (_places(row[f"{name}_{part}"]) for part in ("or", "low", "high"))
    return "–" if middle == "n/a" else f"{middle} ({low} to {high})"


def _places(ratio: float) -> str:
    """A ratio to two digits after the point, or to two significant ones."""
    if not np.isfinite(ratio):
        return "n/a"
    if ratio >= 100:
        return f"{ratio:.0f}" if ratio < 1e5 else f"{ratio:.0e}"
    return number(ratio, 1 if ratio >= 10 else 2) if ratio >= 0.01 else f"{ratio:.1g}"


def _chance(p: float) -> str:
    return format_probability(float(p), 0.0) if np.isfinite(p) else "–"
