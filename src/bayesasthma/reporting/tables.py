"""Rows of the report's tables, as text, from a run's result frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from bayesasthma.comparison.posterior_beside_p import headline_table
from bayesasthma.comparison.quotes import decimals, no_mcid
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.correlations import has_typical_correlation
from bayesasthma.plots.headline import SAMPLE, headline
from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit, visit_name
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import (
    chance,
    estimate,
    interval,
    listed,
    mcid_text,
    number,
    p_value,
)
from bayesasthma.results.effect_table import DESCRIPTIONS, headlines
from bayesasthma.results.last_visits import at_last_visit, earlier_visit
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study


@dataclass(frozen=True)
class EffectRow:
    """One outcome at one visit; every field as printed.

    ``at`` names the visit of an outcome that the table's own visit no longer has.
    """

    outcome: str
    short: str
    unit: str
    effect: str
    benefit: str
    beyond_mcid: str
    p_printed: str
    t_test: str
    p_recomputed: str
    passed: bool
    unsigned: bool
    at: str = ""


@dataclass(frozen=True)
class VisitTable:
    """Effects at one visit: rows by domain."""

    visit: str
    domains: list[tuple[str, list[EffectRow]]]


@dataclass(frozen=True)
class ArmTables:
    """Effects of one treated arm against control: a table per visit, the last one the headline.

    Outcomes that end at an earlier visit stand in the last table too, with that visit named.
    ``estimands`` are in words, by outcome where they differ.
    """

    id: str
    arm: str
    control: str
    estimand: str
    visits: list[VisitTable]


def main_fit(results: ReanalysisResults) -> Fit | None:
    """The fit that the report leads with: the longitudinal model's, or the last one."""
    for fit in results.table_fits:
        if fit.model == "longitudinal":
            return fit
    return results.table_fits[-1] if results.table_fits else None


def headline_rows(results: ReanalysisResults) -> pd.DataFrame:
    """Rows of ``effects`` that the report leads with: the headline estimand at follow-up visits."""
    fit = main_fit(results)
    if fit is None:
        return results.effects.iloc[:0]
    table = results.effects
    table = table[(table["model"] == fit.model) & (table["prior"] == fit.prior)]
    table = table[table["visit"].isin(results.study.follow_up)]
    main = table[table["estimand"] == table["outcome"].map(headlines(fit))]
    return main if len(main) else table[table["estimand"] == "difference"]


def effect_tables(results: ReanalysisResults) -> list[ArmTables]:
    """One set of tables per treated arm."""
    study, rows = results.study, headline_rows(results)
    keys = ["outcome", "arm", "visit"]
    beside = headline_table(results.comparison).set_index(keys) if len(rows) else None
    tables = []
    for arm in study.treatments:
        own = rows[rows["arm"] == arm]
        seen = [visit for visit in study.follow_up if (own["visit"] == visit).any()]
        visits = []
        for visit in seen:
            here = own["visit"] == visit
            if visit == seen[-1]:
                here |= at_last_visit(own)
            visits.append(
                VisitTable(visit_name(study, visit), _domains(results, own[here], beside, visit))
            )
        if visits:
            estimand = _estimands(study, own)
            control = arm_name(study, study.control)
            tables.append(ArmTables(arm, arm_name(study, arm), control, estimand, visits))
    return tables


def _estimands(study: Study, rows: pd.DataFrame) -> str:
    """The headline estimand in words; with the outcomes of each, where they differ."""
    by = rows.drop_duplicates("outcome").groupby("estimand", sort=False)["outcome"].agg(list)
    if len(by) == 1:
        return DESCRIPTIONS[str(by.index[0])]
    parts = [
        f"{DESCRIPTIONS[str(estimand)]} ({listed([outcome_name(study, str(k)) for k in names])})"
        for estimand, names in by.items()
    ]
    return listed(parts)


def _domains(
    results: ReanalysisResults, rows: pd.DataFrame, beside: pd.DataFrame | None, visit: str
) -> list[tuple[str, list[EffectRow]]]:
    domains: dict[str, list[EffectRow]] = {}
    for _, row in rows.iterrows():
        key = (row["outcome"], row["arm"], row["visit"])
        other = beside.loc[[key]].iloc[0] if beside is not None and key in beside.index else None
        domain = str(results.study.outcomes["domain"][row["outcome"]])
        at = earlier_visit(results.study, str(row["visit"]), visit)
        domains.setdefault(domain, []).append(effect_row(results, row, other, at))
    return list(domains.items())


def effect_row(
    results: ReanalysisResults, row: pd.Series, other: pd.Series | None, at: str
) -> EffectRow:
    """One row of ``effects.csv`` as printed, with the test of the same numbers beside it."""
    study, outcome = results.study, str(row["outcome"])
    unit = str(study.outcomes["unit"][outcome])
    unsigned = not np.isfinite(row["p_benefit"])
    higher = f"P(higher) {chance(row['p_positive'], row['ess_bulk'])}"
    benefit = higher if unsigned else format_probability(row["p_benefit"], row["p_benefit_mcse"])
    t_test = printed = recomputed = ""
    if other is not None:
        places = decimals(float(row["sd"]))
        t_test = interval(other["estimate"], other["ci_low"], other["ci_high"], places)
        printed = "" if pd.isna(other["p_printed"]) else str(other["p_printed"])
        recomputed = p_value(other["p_recomputed"])
    return EffectRow(
        outcome=str(study.outcomes["label"][outcome]),
        short=outcome_name(study, outcome),
        unit=pretty_unit(unit),
        effect=estimate(row),
        benefit=benefit,
        beyond_mcid=beyond_mcid(study, row),
        p_printed=printed,
        t_test=t_test,
        p_recomputed=recomputed,
        passed=row["gate"] == "pass",
        unsigned=unsigned,
        at=at,
    )


def beyond_mcid(study: Study, row: pd.Series) -> str:
    """P(benefit > MCID) with the MCID, that there is none, or nothing where no benefit is claimed.

    ``row`` is one of ``effects.csv``.
    """
    outcome = str(row["outcome"])
    if not np.isfinite(row["p_benefit"]):
        return ""
    if np.isfinite(row["p_benefit_gt_mcid"]):
        limit = mcid_text(row["mcid"], row["mcid_kind"], str(study.outcomes["unit"][outcome]))
        return f"{chance(row['p_benefit_gt_mcid'], row['ess_bulk'])} (> {limit})"
    return no_mcid(str(study.outcomes["mcid_source"][outcome]))


def correlation_rows(fit: Fit, arm: str) -> list[list[str]]:
    """How the headline at the last visit moves with the typical correlation.

    One row per outcome: prior and posterior median and 95 % interval of the correlation, then mean
    effect and P(benefit) over the draws in its lowest and its highest third.
    """
    if not has_typical_correlation(fit):
        return []
    found = headline(fit)
    rows = []
    for outcome in map(str, found.draws["outcome"].to_numpy()):
        draws = found.draws.sel(outcome=outcome, arm=arm)
        usable = draws.notnull().all(SAMPLE).to_numpy()
        if not usable.any():
            continue
        effect = draws.isel(visit=int(np.flatnonzero(usable)[-1])).to_numpy().ravel()
        rho = _correlations(fit, "posterior", outcome)
        prior = _correlations(fit, "prior", outcome)
        lower, upper = np.quantile(rho, [1 / 3, 2 / 3])
        sign, places = float(found.sign.sel(outcome=outcome)), decimals(float(effect.std()))
        cells = [outcome_name(fit.study, outcome), _range(prior), _range(rho)]
        for part in (effect[rho <= lower], effect[rho >= upper]):
            cells.append(number(float(part.mean()), places))
            positive = float(np.mean((part if sign == 0 else sign * part) > 0))
            text = chance(positive, len(part))
            cells.append(f"P(higher) {text}" if sign == 0 else text)
        rows.append(cells)
    return rows


def _correlations(fit: Fit, group: str, outcome: str) -> np.ndarray:
    draws = fit.data[group].to_dataset()["logit_rho"].sel(outcome=outcome)
    return np.asarray(expit(draws.to_numpy().ravel()))


def _range(draws: np.ndarray) -> str:
    low, middle, high = np.quantile(draws, [0.025, 0.5, 0.975])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def correlation_learning(fit: Fit) -> tuple[float, float] | None:
    """Smallest and largest ratio, over outcomes, of posterior to prior SD of the correlation.

    On the logit scale; near 1 where the table teaches nothing. None without a sampled correlation.
    """
    if not has_typical_correlation(fit):
        return None
    after = fit.data["posterior"]["logit_rho"].std(SAMPLE).to_numpy()
    before = fit.data["prior"]["logit_rho"].std(SAMPLE).to_numpy()
    ratio = after / before
    return float(ratio.min()), float(ratio.max())


def gate_rows(diagnostics: pd.DataFrame) -> list[list[str]]:
    """One row per fit of ``diagnostics.csv``: what the gate checks, and its verdict."""
    rows = []
    for _, row in diagnostics.iterrows():
        sampled = bool(row["sampled"])
        rows.append(
            [
                str(row["fit"]),
                f"{row['parameters']}",
                f"{row['divergences']}" if sampled else "–",
                f"{row['tree_depth_reached']}" if sampled else "–",
                number(float(row["bfmi"]), 2) if sampled and np.isfinite(row["bfmi"]) else "–",
                number(float(row["r_hat"]), 3),
                number(float(row["ess_bulk"]), 0),
                number(float(row["ess_tail"]), 0),
                str(row["gate"]),
                str(row["failures"]) if row["gate"] != "pass" else "",
            ]
        )
    return rows
