"""How the models shrink each effect, beside the paper's answer to multiplicity."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesasthma.frequentist.multiplicity import benjamini_hochberg
from bayesasthma.plots.effects import baseline_sd
from bayesasthma.plots.style import (
    GREY,
    NARROW,
    STYLE,
    blank,
    model_marker,
    outcome_name,
    wrapped,
)
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study

#: From no pooling to the most; colours from light to dark.
MODEL_COLOURS = {"independent": "#A0A0A0", "longitudinal": "#9C7CC4", "joint": "#3F1466"}
SHORT = {"independent": "indep.", "longitudinal": "long.", "joint": "joint"}


def shrinkage_rows(study: Study, effects: pd.DataFrame, arm: str, visit: str) -> pd.DataFrame:
    """Differences in means of every model at one visit, in baseline SDs, signed as benefits.

    Parameters
    ----------
    study : Study
    effects : DataFrame
        The columns of ``effects.csv``, of models with their default priors.
    arm, visit : str

    Returns
    -------
    DataFrame
        One row per outcome and model, by domain: ``outcome, model, mean, ci_low, ci_high`` (signed;
        plain differences where no direction is a benefit), ``p_benefit``, ``p_benefit_mcse``.
    """
    chosen = effects[
        (effects["estimand"] == "difference")
        & (effects["arm"] == arm)
        & (effects["visit"] == visit)
        & effects["model"].isin(list(MODEL_COLOURS))
    ].copy()
    chosen = chosen.drop_duplicates(["outcome", "model"])
    outcomes = list(dict.fromkeys(chosen["outcome"]))
    domains = list(dict.fromkeys(study.outcomes["domain"]))
    domain = study.outcomes["domain"].to_dict()
    outcomes = sorted(outcomes, key=lambda name: domains.index(domain[name]))
    scale = baseline_sd(study, outcomes).to_series()
    direction = study.outcomes["direction"].to_dict()
    sign = np.array([direction[name] or 1 for name in chosen["outcome"]])
    unit = sign / scale.loc[chosen["outcome"]].to_numpy()
    bounds = np.sort(chosen[["ci_low", "ci_high"]].to_numpy() * unit[:, None], axis=1)
    chosen = chosen.assign(mean=chosen["mean"] * unit, ci_low=bounds[:, 0], ci_high=bounds[:, 1])
    order = {name: i for i, name in enumerate(outcomes)}
    model = {name: i for i, name in enumerate(MODEL_COLOURS)}
    chosen = chosen.sort_values(
        ["outcome", "model"],
        key=lambda column: column.map(order if column.name == "outcome" else model),
    )
    kept = ["outcome", "model", "mean", "ci_low", "ci_high", "p_benefit", "p_benefit_mcse"]
    return chosen[kept].reset_index(drop=True)


def q_values(p: pd.Series) -> pd.Series:
    """Benjamini–Hochberg q of the two-sided p-values of one visit, which are the family."""
    return pd.Series(benjamini_hochberg(p.to_numpy(dtype=float)), index=p.index)


@mpl.rc_context(STYLE)
def shrinkage(
    study: Study,
    effects: pd.DataFrame,
    p: pd.Series,
    arm: str | None = None,
    visit: str | None = None,
    *,
    narrow: bool = False,
) -> Figure:
    """Each outcome under models that pool nothing, over visits, and over outcomes; and its q-value.

    All three show the same estimand, the difference in means, because the model that pools nothing
    has no other; signed so that the right is a benefit.

    Parameters
    ----------
    study : Study
    effects : DataFrame
        The columns of ``effects.csv``.
    p : Series
        Two-sided p-value of every outcome at the visit, by outcome.
    arm, visit : str, optional
        The first treated arm and the last visit by default.
    narrow : bool
    """
    arm, visit = arm or study.treatments[0], visit or str(study.visits.index[-1])
    rows = shrinkage_rows(study, effects, arm, visit)
    outcomes = list(dict.fromkeys(rows["outcome"]))
    models = [name for name in MODEL_COLOURS if name in set(rows["model"])]
    figure = blank(NARROW if narrow else 8.6, 0.55 * len(outcomes) + 1.2)
    axis, table = figure.subplots(
        1, 2, sharey=True, width_ratios=[1.0, 1.15] if narrow else [1.0, 0.75]
    )
    spread = 0.26
    for place, outcome in enumerate(outcomes):
        if place % 2:
            for each in (axis, table):
                each.axhspan(place - 0.5, place + 0.5, color="#F5F5F5", zorder=0)
        own = rows[rows["outcome"] == outcome].set_index("model")
        for step, model in enumerate(models):
            if model not in own.index:
                continue
            row = own.loc[model]
            height = place + spread * (step - (len(models) - 1) / 2)
            colour = MODEL_COLOURS[model]
            axis.plot([row["ci_low"], row["ci_high"]], [height] * 2, color=colour)
            axis.plot(row["mean"], height, model_marker(model), color=colour, markersize=4.5)
    axis.axvline(0, color="#222222", linewidth=0.8)
    unsigned = [not study.outcomes["direction"].to_dict()[name] for name in outcomes]
    axis.set_yticks(
        range(len(outcomes)),
        [
            wrapped(outcome_name(study, name), 12 if narrow else 26) + (" †" if plain else "")
            for name, plain in zip(outcomes, unsigned, strict=True)
        ],
    )
    axis.set_ylim(len(outcomes) - 0.5, -0.5)
    label = "difference in means, SDs at\nbaseline; right of 0 is a benefit"
    axis.set_xlabel(label + ("\n† plain difference" if any(unsigned) else ""))
    _write_table(table, rows, outcomes, models, q_values(p), narrow=narrow)
    handles = [
        Line2D([], [], color=MODEL_COLOURS[m], marker=model_marker(m), markersize=4.5, label=m)
        for m in models
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, columnspacing=1.2)
    return figure


def _write_table(
    axis: Axes,
    rows: pd.DataFrame,
    outcomes: list[str],
    models: list[str],
    q: pd.Series,
    *,
    narrow: bool,
) -> None:
    """P(benefit) under each model and the q-value, as text beside the intervals."""
    axis.set_xlim(0, len(models) + 1)
    size = 6.5 if narrow else 8
    heads = [SHORT[model] if narrow else model for model in models]
    for column, text in enumerate([*heads, "BH q"]):
        axis.text(column + 0.5, -0.55, text, ha="center", va="bottom", fontsize=size, color=GREY)
    axis.text(len(models) / 2, -0.85, "P(benefit)", ha="center", va="bottom", fontsize=size,
              color=GREY)  # fmt: skip
    benefit = {
        (str(outcome), str(model)): (float(p), float(error))
        for outcome, model, p, error in rows[
            ["outcome", "model", "p_benefit", "p_benefit_mcse"]
        ].itertuples(index=False, name=None)
    }
    for place, outcome in enumerate(outcomes):
        texts = []
        for model in models:
            chance, error = benefit.get((outcome, model), (np.nan, np.nan))
            texts.append(format_probability(chance, error) if np.isfinite(chance) else "–")
        value = float(q.get(outcome, np.nan))
        texts.append(
            "–" if not np.isfinite(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
        )
        for column, text in enumerate(texts):
            axis.text(column + 0.5, place, text, ha="center", va="center", fontsize=size)
    axis.axis("off")
