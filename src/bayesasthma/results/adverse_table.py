"""The table of reactions and other events of a fit: rates and contrasts, summarised and gated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.diagnostics import mark
from bayesasthma.inference.event_groups import DIRECTION_NAMES
from bayesasthma.models.adverse_counts import JEFFREYS
from bayesasthma.results.beta_mixtures import probability_less
from bayesasthma.results.summaries import summarise

COLUMNS = [
    "study", "reaction", "visit", "arm", "reading", "model", "prior", "estimand",
    "mean", "sd", "median", "ci_low", "ci_high", "ci_prob",
    "p_benefit", "p_benefit_mcse", "ess_bulk", "ess_tail", "r_hat", "gate",
    "direction", "p_positive", "p_positive_mcse",
]  # fmt: skip

CONTRASTS = ("risk_difference", "risk_ratio", "odds_ratio", "number_needed_to_treat")
#: Columns that the contrasts of one cell share.
PROBABILITIES = ("p_benefit", "p_benefit_mcse", "p_positive", "p_positive_mcse")
#: Patients to whom the predictive chance of at least one event refers.
FUTURE_PATIENTS = 20


def adverse_effects(fit: AdverseFit, ci_prob: float = 0.95) -> pd.DataFrame:
    """Rates and treatment effects of a fit: one row per reaction, visit, arm and estimand.

    ``rate`` has the arm's own row; contrasts are treated against control. ``p_positive`` is the
    probability of more events, ``p_benefit`` that of the event's direction of benefit: fewer
    reactions, more survivors; none where no direction is claimed. ``number_needed_to_treat`` is 1 /
    (control rate - treated rate), or its negative where more events are better: positive numbers
    avoid a reaction or win a survivor, negative ones cause or lose one; its interval passes through
    infinity when the risk difference's interval contains 0 (Altman 1998, BMJ 317:1309), its mean is
    not defined, and events without a direction have none. ``any_in_20`` is the predicted chance
    that at least one of the next 20 patients has one.

    Returns
    -------
    DataFrame
        The columns of ``adverse.csv``.
    """
    rate = fit.data["posterior"].to_dataset()["rate"]
    control, treated = rate.isel(arm=0, drop=True), rate.isel(arm=slice(1, None))
    draws = {
        "rate": rate,
        "risk_difference": treated - control,
        "risk_ratio": treated / control,
        "odds_ratio": treated / (1 - treated) / (control / (1 - control)),
        f"any_in_{FUTURE_PATIENTS}": 1 - (1 - rate) ** FUTURE_PATIENTS,
    }
    directions = fit.study.event_directions
    names = [str(name) for name in rate["reaction"].to_numpy()]
    direction = xr.DataArray(
        [float(directions[name]) for name in names], {"reaction": rate["reaction"]}, "reaction"
    )
    frames = []
    for estimand, values in draws.items():
        effect = values.transpose("chain", "draw", ...)
        if estimand == "risk_difference":
            frame = _difference(effect, direction, ci_prob)
        else:
            frame = summarise(effect, 0.0, ci_prob=ci_prob)
            # a share of draws above 0 says nothing of a rate or a ratio
            frame["p_positive"] = np.nan
        frames.append(frame.reset_index().assign(estimand=estimand))
    table = pd.concat(frames, ignore_index=True)
    table["sign"] = table["reaction"].map(directions)
    table = pd.concat([table, _needed_to_treat(table)], ignore_index=True)
    table = _share_probabilities(table)
    if fit.spec.model == "independent":
        table = _closed_form(table, fit, ci_prob)
    table = table.assign(
        study=fit.study.name,
        reading=fit.spec.reading,
        model=fit.spec.model,
        prior=fit.spec.prior_name,
        ci_prob=ci_prob,
        direction=table["sign"].map(DIRECTION_NAMES),
    )
    return mark(table, fit.gate)[COLUMNS]


def _difference(effect: xr.DataArray, direction: xr.DataArray, ci_prob: float) -> pd.DataFrame:
    """Risk differences, with P(benefit) in the direction stated and P(more events)."""
    frame = summarise(effect, direction, ci_prob=ci_prob)
    more = summarise(effect, 1.0, ci_prob=ci_prob)
    return frame.assign(p_positive=more["p_benefit"], p_positive_mcse=more["p_benefit_mcse"])


def _needed_to_treat(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[(table["estimand"] == "risk_difference") & (table["sign"] != 0)].copy()
    sign = rows["sign"]
    low, high = rows["ci_low"], rows["ci_high"]
    with np.errstate(divide="ignore"):
        return rows.assign(
            estimand="number_needed_to_treat",
            median=sign / rows["median"],
            # the lower end of a benefit is the upper end of a difference that should be negative
            ci_low=np.where(sign < 0, -1 / low, 1 / high),
            ci_high=np.where(sign < 0, -1 / high, 1 / low),
            mean=np.nan,
            sd=np.nan,
        )


def _share_probabilities(table: pd.DataFrame) -> pd.DataFrame:
    """P(benefit) and P(more) are one number per contrast: copy them from the risk difference."""
    keys = ["reaction", "visit", "arm"]
    source = table[table["estimand"] == "risk_difference"].set_index(keys)
    contrast = table["estimand"].isin(CONTRASTS[1:])
    index = pd.MultiIndex.from_frame(table.loc[contrast, keys])
    for column in PROBABILITIES:
        table.loc[contrast, column] = source[column].reindex(index).to_numpy()
    return table


def _closed_form(table: pd.DataFrame, fit: AdverseFit, ci_prob: float) -> pd.DataFrame:
    """Replace what is known exactly under independent beta posteriors (per-visit reading).

    Rates: mean, SD, median and interval of the beta distribution. Risk differences: mean, SD,
    P(benefit) and P(more), by quadrature.
    """
    if fit.spec.reading != "per_visit":
        return table
    posterior = {
        (fit.counts.reactions[i], fit.counts.visits[t], fit.counts.arms[g]): stats.beta(
            JEFFREYS + y, JEFFREYS + n - y
        )
        for i, t, g, y, n in zip(
            fit.counts.reaction,
            fit.counts.visit,
            fit.counts.arm,
            fit.counts.events,
            fit.counts.at_risk,
            strict=True,
        )
    }
    directions = fit.study.event_directions
    tail = (1 - ci_prob) / 2
    control_arm = fit.counts.arms[0]
    fewer: dict[tuple[str, str, str], float] = {}  # one number for all estimands of a contrast
    for row in table.itertuples():
        own = posterior.get((row.reaction, row.visit, row.arm))
        if own is None:
            continue
        if row.estimand == "rate":
            values = [own.mean(), own.std(), own.median(), own.ppf(tail), own.ppf(1 - tail)]
            table.loc[row.Index, ["mean", "sd", "median", "ci_low", "ci_high"]] = values
        elif row.estimand in CONTRASTS:
            control = posterior[row.reaction, row.visit, control_arm]
            contrast = (str(row.reaction), str(row.visit), str(row.arm))
            if (less := fewer.get(contrast)) is None:
                less = fewer[contrast] = probability_less(own, control)
            table.loc[row.Index, ["p_positive", "p_positive_mcse"]] = [1 - less, 0.0]
            if sign := directions[str(row.reaction)]:
                benefit = less if sign < 0 else 1 - less
                table.loc[row.Index, ["p_benefit", "p_benefit_mcse"]] = [benefit, 0.0]
            if row.estimand == "risk_difference":
                moments = [own.mean() - control.mean(), float(np.hypot(own.std(), control.std()))]
                table.loc[row.Index, ["mean", "sd"]] = moments
    return table
