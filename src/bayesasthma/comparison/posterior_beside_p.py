"""Posterior beside p-value: what was printed, what the tables imply, what each model says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.comparison.reverse_bayes import LEVELS, intrinsic_p, sceptical_limit
from bayesasthma.comparison.sceptical_search import NOT_REACHED
from bayesasthma.comparison.scepticism import scepticism
from bayesasthma.frequentist import benjamini_hochberg
from bayesasthma.inference.fitting import Fit
from bayesasthma.results.effect_table import effects, headlines
from bayesasthma.study.study import Study

if TYPE_CHECKING:
    from bayesasthma.auditing import AuditResult

KEYS = ["outcome", "arm", "visit"]
#: Contrasts of a treated arm with control; a within-arm change stands beside them.
BETWEEN = ("difference", "adjusted_difference", "difference_in_change")
WITHIN = "change"
TEST_COLUMNS = [
    "p_printed", "p_printed_value", "p_printed_operator",
    "p_recomputed", "p_low", "p_high", "welch_p", "q_printed", "q_recomputed",
    "verdict", "significance_changes", "estimate", "ci_low", "ci_high",
]  # fmt: skip
POSTERIOR = {
    "mean": "posterior_mean",
    "sd": "posterior_sd",
    "ci_low": "posterior_low",
    "ci_high": "posterior_high",
    "p_benefit": "p_benefit",
    "p_benefit_mcse": "p_benefit_mcse",
    "p_positive": "p_positive",
    "p_benefit_gt_mcid": "p_benefit_gt_mcid",
    "p_harm_gt_mcid": "p_harm_gt_mcid",
    "gate": "gate",
}
REVERSE = [f"sceptical_sd_{str(level)[2:]}" for level in LEVELS]
COLUMNS = [
    "study", *KEYS, "week", "estimand", "headline", "unit", *TEST_COLUMNS, "model", "prior",
    *POSTERIOR.values(), "mean_ratio", "sd_ratio",
    *REVERSE, "pareto_k", "sceptical_method", "sceptical_limit", "intrinsic_p",
]  # fmt: skip


def compare(
    fits: list[Fit] | Fit,
    *,
    audit: AuditResult | None = None,
    sceptical: pd.DataFrame | None = None,
    summaries: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Printed p, recomputed p, frequentist estimate and each model's posterior, side by side.

    Parameters
    ----------
    fits : Fit or list of Fit
        Of the same study; one per model.
    audit : AuditResult, optional
        Of that study; made here if it is not given.
    sceptical : DataFrame, optional
        From :func:`bayesasthma.comparison.scepticism.scepticism`, of the longitudinal fit; by
        default by reweighting alone, which leaves strong effects open.
    summaries : DataFrame, optional
        From :func:`bayesasthma.results.effect_table.effects`, of these fits; made here if not
        given.

    Returns
    -------
    DataFrame
        The columns of ``comparison.csv`` (``docs/columns.md``): one row per outcome, arm, visit,
        estimand and model. A test of a cell that no model was fitted to has a row without one.
    """
    fits = [fits] if isinstance(fits, Fit) else list(fits)
    study = fits[0].study
    if audit is None:
        from bayesasthma.auditing import audit as run_audit

        audit = run_audit(study)
    tests = pd.concat([_between(study, audit), _within(study, audit)], ignore_index=True)
    if summaries is None:
        summaries = pd.concat([effects(fit) for fit in fits], ignore_index=True)
    table = summaries[summaries["estimand"].isin([*BETWEEN, WITHIN])]
    table = table[[*KEYS, "estimand", "model", "prior", *POSTERIOR]].rename(columns=POSTERIOR)
    table = table.merge(tests, on=[*KEYS, "estimand"], how="outer")
    leading = {fit.model: headlines(fit) for fit in fits}
    table["headline"] = [
        leading.get(model, {}).get(outcome) == estimand
        for model, outcome, estimand in zip(
            table["model"], table["outcome"], table["estimand"], strict=True
        )
    ]
    table = _ratios(table)
    table = _reverse_bayes(table, study, fits, sceptical)
    table["study"] = study.name
    table["week"] = study.visits.loc[table["visit"], "week"].to_numpy()
    table["unit"] = study.outcomes.loc[table["outcome"], "unit"].to_numpy()
    ranks = {
        "estimand": [*BETWEEN, WITHIN],
        "outcome": list(study.outcomes.index),
        "arm": list(study.arms.index),
        "model": [fit.model for fit in fits],
    }
    return (
        table[COLUMNS]
        .sort_values(
            ["estimand", "outcome", "week", "arm", "model"],
            key=lambda column: (
                column.map({name: i for i, name in enumerate(ranks[str(column.name)])})
                if column.name in ranks
                else column
            ),
            kind="stable",
        )
        .reset_index(drop=True)
    )


def headline_table(comparison: pd.DataFrame) -> pd.DataFrame:
    """One row per outcome, treated arm and visit, each model's headline in columns of its own.

    Parameters
    ----------
    comparison : DataFrame
        From :func:`compare`.

    Returns
    -------
    DataFrame
        The columns of tests, then by model ``<model>_posterior_mean``, ``<model>_p_benefit`` and
        so on: of the estimand that the model leads with where it has one at that visit, else of
        the difference in means.
    """
    between = comparison[comparison["headline"] | (comparison["estimand"] == "difference")]
    extra = [*REVERSE, "pareto_k", "sceptical_method", "mean_ratio", "sd_ratio"]
    lead = ["study", *KEYS, "week", "unit", *TEST_COLUMNS, "sceptical_limit", "intrinsic_p"]
    table = between[lead].drop_duplicates(KEYS)
    for model in between["model"].dropna().unique():
        own = between[between["model"] == model]
        own = own.sort_values("headline", ascending=False, kind="stable").drop_duplicates(KEYS)
        own = own[[*KEYS, "estimand", *POSTERIOR.values(), *extra]]
        renamed = {name: f"{model}_{name}" for name in own.columns if name not in KEYS}
        table = table.merge(own.rename(columns=renamed), on=KEYS, how="left")
    return table.reset_index(drop=True)


def _between(study: Study, audit: AuditResult) -> pd.DataFrame:
    """Student's t of every cell, with the printed p where there is one.

    The test is of the difference in means; it stands beside every between-arm estimand.
    """
    found = audit.contrasts.rename(
        columns={
            "difference": "estimate",
            "p": "p_recomputed",
            "p_welch": "welch_p",
            "q_bh": "q_recomputed",
        }
    )
    found = found[
        [*KEYS, "estimate", "ci_low", "ci_high", "p_recomputed", "p_low", "p_high", "welch_p",
         "q_recomputed"]
    ]  # fmt: skip
    found = found.merge(_printed(study, audit, "between"), on=KEYS, how="left")
    follow_up = found["visit"] != study.baseline_visit
    found["q_printed"] = _adjusted(found["p_printed_value"].where(follow_up))
    estimands = [
        found.assign(estimand=name)[follow_up | (name == "difference")] for name in BETWEEN
    ]
    if study.baseline_visit is None:
        estimands = estimands[:1]
    return pd.concat(estimands, ignore_index=True)


def _within(study: Study, audit: AuditResult) -> pd.DataFrame:
    """The printed within-arm tests of a change from baseline, with the range of p they may have."""
    found = _printed(study, audit, "within")
    tests = audit.tests[audit.tests["kind"] == "within"].drop_duplicates(KEYS)
    found = found.merge(tests[[*KEYS, "p_recomputed", "p_low", "p_high"]], on=KEYS, how="left")
    found["q_printed"] = _adjusted(found["p_printed_value"])
    # where p hangs on an unprinted correlation there is nothing to adjust
    found["q_recomputed"] = _adjusted(found["p_recomputed"])
    found["estimate"] = [
        _printed_change(study, *key) for key in found[KEYS].itertuples(index=False, name=None)
    ]
    unknown = dict.fromkeys(("ci_low", "ci_high", "welch_p"), float("nan"))
    return found.assign(estimand=WITHIN, **unknown)


def _printed(study: Study, audit: AuditResult, kind: str) -> pd.DataFrame:
    """Printed p-values of one kind by outcome, arm and visit, with the audit's verdict."""
    tests = study.tests[(study.tests["kind"] == kind) & study.tests["p_value"].notna()]
    tests = tests[tests["outcome"].isin(study.outcomes.index)].copy()
    verdicts = audit.tests[audit.tests["kind"] == kind]
    if kind == "between" and len(study.treatments) == 1:
        # a blank arm is the only one there is
        tests["arm"] = study.treatments[0]
        verdicts = verdicts.assign(arm=study.treatments[0])
    tests = tests.drop_duplicates(KEYS).rename(
        columns={
            "p": "p_printed",
            "p_value": "p_printed_value",
            "p_operator": "p_printed_operator",
        }
    )
    names = ["verdict", "significance_changes"]
    return tests[[*KEYS, "p_printed", "p_printed_value", "p_printed_operator"]].merge(
        verdicts.drop_duplicates(KEYS)[[*KEYS, *names]], on=KEYS, how="left"
    )


def _printed_change(study: Study, outcome: str, arm: str, visit: str) -> float:
    """Change in printed means from baseline, or the printed change itself."""
    mean = study.table["mean"].sel(outcome=outcome, arm=arm)
    if "change" in study.table["statistic"].to_numpy():
        change = float(mean.sel(visit=visit, statistic="change"))
        if np.isfinite(change):
            return change
    if study.baseline_visit is None:
        return float("nan")
    level = mean.sel(statistic="level")
    return float(level.sel(visit=visit)) - float(level.sel(visit=study.baseline_visit))


def _adjusted(p: pd.Series) -> np.ndarray:
    """Benjamini–Hochberg q of a family; "<0.01" enters as 0.01, so its q is an upper bound."""
    return benjamini_hochberg(p.to_numpy(dtype=float)) if len(p) else np.zeros(0)


def _ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Posterior mean and SD of each contrast over those of the independent fit's difference."""
    alone = table[(table["model"] == "independent") & (table["estimand"] == "difference")]
    alone = alone.set_index(KEYS)[["posterior_mean", "posterior_sd"]]
    base = alone.reindex(pd.MultiIndex.from_frame(table[KEYS]))
    between = table["estimand"].isin(BETWEEN).to_numpy()
    columns = {}
    for name in ("mean", "sd"):
        ratio = table[f"posterior_{name}"].to_numpy() / base[f"posterior_{name}"].to_numpy()
        columns[f"{name}_ratio"] = np.where(between, ratio, np.nan)
    return table.assign(**columns)


def _reverse_bayes(
    table: pd.DataFrame, study: Study, fits: list[Fit], sceptical: pd.DataFrame | None
) -> pd.DataFrame:
    claims = table["estimand"].isin(BETWEEN) & (table["visit"] != study.baseline_visit)
    table = table.assign(
        sceptical_limit=np.where(
            claims, sceptical_limit(table["ci_low"], table["ci_high"]), np.nan
        ),
        intrinsic_p=np.where(claims, intrinsic_p(table["p_recomputed"]), np.nan),
    )
    main = [fit for fit in fits if fit.model == "longitudinal"]
    if sceptical is None:
        sceptical = scepticism(main[0]) if main else pd.DataFrame()
    if not len(sceptical):
        blank = dict.fromkeys([*REVERSE, "pareto_k"], float("nan"))
        return table.assign(**blank, sceptical_method="")
    wide = sceptical.pivot(index=KEYS, columns="level", values="sd")
    wide.columns = [f"sceptical_sd_{str(level)[2:]}" for level in wide.columns]
    grouped = sceptical.groupby(KEYS)
    wide["pareto_k"] = grouped["pareto_k"].max()
    wide["sceptical_method"] = grouped["method"].agg(_methods)
    wide["model"] = "longitudinal"
    wide["estimand"] = BETWEEN[1] if (table["estimand"] == BETWEEN[1]).any() else BETWEEN[0]
    merged = table.merge(wide.reset_index(), on=[*KEYS, "model", "estimand"], how="left")
    return merged.assign(sceptical_method=merged["sceptical_method"].fillna(""))


def _methods(methods: pd.Series) -> str:
    """How the answers of a row were found, without repetition, a failure to reach one last."""
    names = list(dict.fromkeys(methods))
    return "; ".join(sorted(names, key=lambda name: name == NOT_REACHED))
