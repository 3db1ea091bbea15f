"""The pooled model beside a meta-analysis in two steps: each study alone, then its estimates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.frequentist.meta_analysis import generalised_q, meta_analysis
from bayesasthma.results.normal_normal import normal_normal
from bayesasthma.results.pooled import prior_of_heterogeneity
from bayesasthma.results.summaries import SAMPLE

#: Columns of the table, in the unit of the effects.
TWO_STEP = [
    "week", "n_studies", "q_p", "i2",
    "reml_mean", "reml_low", "reml_high", "reml_tau", "reml_new_low", "reml_new_high",
    "ad_hoc_low", "ad_hoc_high",
    "bayes_mean", "bayes_low", "bayes_high", "bayes_tau", "bayes_new_low", "bayes_new_high",
]  # fmt: skip


#: P below which a week's estimates are said to scatter more than the pool's tau allows, divided by
#: the number of weeks.
UNEVEN = 0.05


def more_heterogeneous(data: xr.Dataset, studies: pd.DataFrame) -> dict[float, float]:
    """Weeks whose studies differ more than the pool's tau has it.

    At each week with three studies or more: the generalised Q of the studies' own estimates under
    the upper end of the week's 95 % interval of tau, the least that it can be under any tau of it.

    Parameters
    ----------
    data, studies
        As of `two_step`.

    Returns
    -------
    dict of float to float
        P(chi-square > Q) by week, where it is less than 0.05 over the number of weeks.
    """
    upper = data["heterogeneity"].quantile(0.975, dim=SAMPLE)
    known = studies.dropna(subset=["alone_mean", "alone_sd"])
    found = {}
    for week in np.unique(known["week"]):
        own = known[known["week"] == week]
        if len(own) >= 3:
            found[float(week)] = generalised_q(
                own["alone_mean"], own["alone_sd"], float(upper.sel(week=week))
            )[1]
    return {week: p for week, p in found.items() if p < UNEVEN / len(found)}


def two_step(data: xr.Dataset, studies: pd.DataFrame) -> pd.DataFrame:
    """Pool the studies' own estimates, week by week.

    Parameters
    ----------
    data : Dataset
        Of the pooled model, see :class:`bayesasthma.results.pooled.PooledResults`.
    studies : DataFrame
        Rows of ``pooled_studies.csv`` of the same outcome: ``study``, ``week``, ``alone_mean`` and
        ``alone_sd``, which stand for an estimate and its standard error.

    Returns
    -------
    DataFrame
        One row per week at which two studies or more have a visit: REML with the
        Hartung-Knapp-Sidik-Jonkman interval (``reml_``), the same with its ad hoc correction
        (``ad_hoc_``), and the Bayesian model of these estimates with a flat mean and, at
        every week, the prior that the pooled model has of tau at its headline week (``bayes_``;
        ``bayes_tau`` is the median). ``new`` is the true effect in a new study; NaN for
        REML with fewer than three studies.
    """
    prior, rows = prior_of_heterogeneity(data), []
    known = studies.dropna(subset=["alone_mean", "alone_sd"])
    for week, own in known.groupby("week", sort=True):
        if len(own) < 2:
            continue
        y, se = own["alone_mean"].to_numpy(), own["alone_sd"].to_numpy()
        plain = meta_analysis(y, se)
        ad_hoc = meta_analysis(y, se, interval="hksj-ad-hoc")
        bayes = normal_normal(y, se, prior)
        centre, low, high = bayes.mean.quantile([0.5, 0.025, 0.975])
        new_low, new_high = bayes.predictive.quantile([0.025, 0.975])
        rows.append(
            (week, len(own), plain.q_p, plain.i2,
             plain.estimate, plain.ci_low, plain.ci_high, plain.tau,
             plain.prediction_low, plain.prediction_high, ad_hoc.ci_low, ad_hoc.ci_high,
             centre, low, high, float(bayes.heterogeneity.quantile(0.5)), new_low, new_high)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=TWO_STEP).astype(float)


def disagreement(row: pd.Series, pooled: pd.Series) -> list[str]:
    """Why the two-step intervals of a week are not the pooled model's, in sentences.

    Parameters
    ----------
    row : Series
        Of `two_step`.
    pooled : Series
        Of ``pooled_effects.csv``, at the same week.
    """
    said = []
    k = int(row["n_studies"])
    width = {name: float(row[f"{name}_high"] - row[f"{name}_low"]) for name in ("reml", "ad_hoc")}
    ours = float(pooled["q975"] - pooled["q025"])
    if k <= 4 and width["ad_hoc"] > 1.3 * ours:
        from scipy import stats

        quantile = float(stats.t.ppf(0.975, k - 1))
        said.append(
            f"With {k} studies the Hartung–Knapp–Sidik–Jonkman interval takes its factor from "
            f"Student's t with {k - 1} df, {quantile:.1f} instead of 1.96, because it knows "
            "nothing of τ but the data; the pooled model has a prior of τ."
        )
    if width["reml"] < 0.99 * width["ad_hoc"]:
        said.append(
            "The studies' estimates lie closer together than their own errors would have them, so "
            "that the plain interval is shorter than that of one common effect; the ad hoc "
            "correction undoes this."
        )
    if float(row["reml_tau"]) == 0:
        said.append(
            "REML puts τ at 0, which few studies often do; the posterior spreads over what τ may "
            "be, and its interval for a new study is wider for it."
        )
    shift = float(pooled["mean"]) - float(row["bayes_mean"])
    if abs(shift) > 0.25 * float(pooled["sd"]):
        said.append(
            f"The pooled mean differs from that of this week's estimates by "
            f"{abs(shift) / float(pooled['sd']):.1f} posterior SDs: it also learns from the "
            "other weeks, and has a prior of the mean effect."
        )
    if not said and np.isfinite(ours):
        said.append("The two agree.")
    return said
