"""The table of adverse reactions of a fit: rates, differences and ratios, summarised and gated."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.diagnostics import mark
from bayesasthma.models.adverse_counts import JEFFREYS
from bayesasthma.results.beta_mixtures import probability_less
from bayesasthma.results.summaries import summarise

COLUMNS = [
    "study", "reaction", "visit", "arm", "reading", "model", "prior", "estimand",
    "mean", "sd", "median", "ci_low", "ci_high", "ci_prob",
    "p_benefit", "p_benefit_mcse", "ess_bulk", "ess_tail", "r_hat", "gate",
]  # fmt: skip

CONTRASTS = ("risk_difference", "risk_ratio", "odds_ratio", "number_needed_to_treat")
#: Patients to whom the predictive chance of a severe reaction refers.
FUTURE_PATIENTS = 20


def adverse_effects(fit: AdverseFit, ci_prob: float = 0.95) -> pd.DataFrame:
    """Rates and treatment effects of a fit: one row per reaction, visit, arm and estimand.

    ``rate`` has the arm's own row; contrasts are treated against control, and ``p_benefit`` is
    P(fewer reactions). ``number_needed_to_treat`` is 1 / (control rate - treated rate): positive
    numbers avoid a reaction, negative ones cause one; its interval passes through infinity when the
    risk difference's interval contains 0 (Altman 1998, BMJ 317:1309), and its mean is not defined.
    ``any_in_20`` is the predicted chance that at least one of the next 20 patients has one.

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
    frames = []
    for estimand, values in draws.items():
        sign = -1.0 if estimand == "risk_difference" else 0.0
        frame = summarise(values.transpose("chain", "draw", ...), sign, ci_prob=ci_prob)
        frames.append(frame.reset_index().assign(estimand=estimand))
    table = pd.concat(frames, ignore_index=True)
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
    )
    return mark(table, fit.gate)[COLUMNS]


def _needed_to_treat(table: pd.DataFrame) -> pd.DataFrame:
    rows = table[table["estimand"] == "risk_difference"].copy()
    with np.errstate(divide="ignore"):
        return rows.assign(
            estimand="number_needed_to_treat",
            median=-1 / rows["median"],
            ci_low=-1 / rows["ci_low"],
            ci_high=-1 / rows["ci_high"],
            mean=np.nan,
            sd=np.nan,
        )


def _share_probabilities(table: pd.DataFrame) -> pd.DataFrame:
    """P(fewer reactions) is one number per contrast: copy it from the risk difference."""
    keys = ["reaction", "visit", "arm"]
    source = table[table["estimand"] == "risk_difference"].set_index(keys)
    contrast = table["estimand"].isin(CONTRASTS[1:])
    index = pd.MultiIndex.from_frame(table.loc[contrast, keys])
    for column in ("p_benefit", "p_benefit_mcse"):
        table.loc[contrast, column] = source[column].reindex(index).to_numpy()
    return table


def _closed_form(table: pd.DataFrame, fit: AdverseFit, ci_prob: float) -> pd.DataFrame:
    """Replace what is known exactly under independent beta posteriors (per-visit reading).

    Rates: mean, SD, median and interval of the beta distribution. Risk differences: mean, SD and
    P(fewer), by quadrature.
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
            if (probability := fewer.get(contrast)) is None:
                probability = fewer[contrast] = probability_less(own, control)
            table.loc[row.Index, "p_benefit"] = probability
            table.loc[row.Index, "p_benefit_mcse"] = 0.0
            if row.estimand == "risk_difference":
                moments = [own.mean() - control.mean(), float(np.hypot(own.std(), control.std()))]
                table.loc[row.Index, ["mean", "sd"]] = moments
    return table
