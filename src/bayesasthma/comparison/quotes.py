"""Ready-to-paste statements that carry their interval, threshold, model, prior and gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.comparison.decision_rules import Rule, parse_rule, verdict
from bayesasthma.comparison.missing_sentences import missing_sentences
from bayesasthma.comparison.prior_in_quotes import PriorShares
from bayesasthma.comparison.quote_sentences import sentence
from bayesasthma.errors import GateError, UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.results.effect_table import (
    DESCRIPTIONS,
    JUDGED,
    effects,
    headlines,
    without_baseline_levels,
)
from bayesasthma.results.last_visits import at_last_visit
from bayesasthma.results.printed_digits import interval_mcse, rounded, supported_decimals
from bayesasthma.results.summaries import format_probability
from bayesasthma.specification_curve import Sensitivity
from bayesasthma.specification_curve.summary import CHOICES_IN_WORDS
from bayesasthma.study.left_patients import LeftPatients


def quote(
    fit: Fit,
    outcome: str | None = None,
    visit: str | None = None,
    *,
    threshold: float | str | None = None,
    margin: float | str | None = None,
    estimand: str | None = None,
    despite_gate: bool = False,
    curve: Sensitivity | str = "no specification curve has been run",
    success: Rule | str | None = None,
    error_of: Callable[[Rule, Fit], str] | None = None,
    missing: LeftPatients | str | None = None,
) -> pd.DataFrame:
    """Statements about treatment effects that a paper or review can take over as they stand.

    Parameters
    ----------
    fit : Fit
    outcome, visit : str, optional
        Which; all outcomes, each at its last visit, by default.
    threshold : float or "mcid", optional
        Also give P(benefit > threshold), in outcome units; ``"mcid"`` uses the outcome's own.
    margin : float or "mcid", optional
        Also give the probability of non-inferiority: that the treatment is not worse than the
        control by more than this, in outcome units.
    estimand : str, optional
        Each outcome's headline by default: :func:`bayesasthma.results.effect_table.headlines`.
    despite_gate : bool
        Quote even where the diagnostics gate fails; the statement then says so.
    curve : Sensitivity or str
        Gives the range over the specifications that a statement ends with, or why there is none
        (what `bayesasthma.specification_curve.load_sensitivity` returns).
    success : Rule or str, optional
        A decision rule, such as ``"P(benefit) > 0.975"``: whether it is met is added.
    error_of : callable, optional
        What is known of the rule's type I error, as
        :func:`bayesasthma.reporting.rule_errors.rule_error` says it.
    missing : LeftPatients or str, optional
        Patients who left, as :func:`~bayesasthma.study.left_patients.left_patients` has them: what
        would make a headline fall is added.

    Returns
    -------
    DataFrame
        ``outcome, arm, visit, estimand, gate, statement`` (a paragraph), ``sentence`` (the same in
        one), ``label`` (what the statement begins with), and the numbers: those of
        :func:`~bayesasthma.results.effect_table.effects`, ``prior_patients``, ``external_weight``
        and, with a rule, ``rule``, ``rule_probability`` and ``success``.

    Raises
    ------
    UsageError
        If the outcome, visit or estimand is not in the fit, or a threshold or margin is no number
        above 0 or is asked of an estimand that it cannot be held against.
    GateError
        If a quoted row fails the gate and ``despite_gate`` is false.
    """
    study = fit.study
    number = size("threshold", threshold)
    rule = parse_rule(success) if isinstance(success, str) else success
    table = effects(fit, threshold=number)
    table = table.assign(**_inferiority(fit, table, margin), **_rule(fit, table, rule))
    if estimand is None:
        table = table[table["estimand"] == table["outcome"].map(headlines(fit))]
    else:
        table = _select(table, "estimand", estimand)
    if outcome is not None:
        table = _select(table, "outcome", outcome)
    table = table[at_last_visit(table)] if visit is None else _select(table, "visit", visit)
    failed = table[table["gate"] != "pass"]
    if len(failed) and not despite_gate:
        first = failed.iloc[0]
        reasons = "; ".join(fit.gate.failures) or (
            f"bulk ESS {first['ess_bulk']:.0f}, R-hat {first['r_hat']:.3f}"
        )
        raise gate_refusal(len(failed), len(table), fit.label, reasons)
    prior = PriorShares(fit)
    known = error_of(rule, fit) if rule is not None and error_of is not None else ""
    about_leavers = missing_sentences(fit, missing) if missing is not None else {}
    rows = []
    for _, row in table.iterrows():
        share = prior.of(*(str(row[key]) for key in KEYS[:-1]))
        text = f"{_statement(row, fit, threshold is not None, margin)}{share.sentence()}"
        facts: dict[str, Any] = {"prior_patients": share.patients,
                                 "external_weight": share.external_posterior}  # fmt: skip
        if rule is not None:
            text += f" {_decision(row, rule)}{f' {known}' if known else ''}"
            p = float(row["rule_probability"])
            facts |= {"rule": str(rule), "rule_probability": p,
                      "success": rule.met(p) if np.isfinite(p) else None}  # fmt: skip
        if own := about_leavers.get(tuple(str(row[key]) for key in KEYS[:-1])):
            text += f" {own}"
        rows.append(
            {key: row[key] for key in KEYS}
            | {
                "statement": f"{text} {curve_sentence(row, curve)}",
                "sentence": sentence(row, fit, format_effect(row)),
                "label": str(study.outcomes.loc[row["outcome"], "label"]),
            }
            | {name: row[name] for name in NUMBERS}
            | facts
        )
    result = pd.DataFrame(rows)
    assert set(result["outcome"]) <= set(study.outcomes.index)
    return result


#: What a quoted row is identified by, and the numbers that go with it.
KEYS = ["outcome", "arm", "visit", "estimand", "gate"]
NUMBERS = [
    "unit", "mean", "sd", "ci_low", "ci_high", "ci_prob", "mcse_mean", "p_benefit",
    "p_benefit_mcse", "p_positive", "mcid", "p_benefit_gt_mcid", "p_within_mcid", "ess_bulk",
    "ess_tail", "r_hat",
]  # fmt: skip


def _rule(fit: Fit, table: pd.DataFrame, rule: Rule | None) -> dict[str, Any]:
    """By row the probability that a rule is about; NaN where there is none."""
    if rule is None:
        return {}
    if rule.size is None:
        return {"rule_probability": table["p_benefit"].to_numpy()}
    if rule.size == "mcid":
        return {"rule_probability": effects(fit)["p_benefit_gt_mcid"].to_numpy()}
    own = effects(fit, threshold=abs(float(rule.size)))
    if float(rule.size) > 0:
        return {"rule_probability": own["p_benefit_gt_mcid"].to_numpy()}
    return {"rule_probability": 1 - own["p_harm_gt_mcid"].to_numpy()}


def _decision(row: pd.Series, rule: Rule) -> str:
    """Whether a rule is met, and if it does not apply, why."""
    p = float(row["rule_probability"])
    if rule.size is None:
        mcse = float(row["p_benefit_mcse"])
    else:
        mcse = _mcse(p, float(row["ess_bulk"])) if np.isfinite(p) else float("nan")
    if not np.isfinite(row["p_benefit"]):
        why = "no direction is claimed as benefit"
    elif row["estimand"] not in JUDGED:
        why = f"it is about a difference between arms, not about {row['estimand']}"
    else:
        why = f"the outcome has no MCID ({NONE_GIVEN})"
    return verdict(rule, p, mcse, why)


def gate_refusal(failed: int, asked: int, label: str, reasons: str) -> GateError:
    """What is raised where ``failed`` of the quantities asked for fail the gate of a fit."""
    return GateError(
        f"{failed} of {asked} quantities fail the diagnostics gate of {label} ({reasons}); sample "
        "longer, or ask to quote despite the gate by name"
    )


def size(name: str, value: float | str | None) -> float | None:
    """A threshold or margin as a number; None for ``"mcid"`` or none at all.

    Raises
    ------
    UsageError
        If it is no number, or not above 0.
    """
    if value is None or value == "mcid":
        return None
    if isinstance(value, str) or not np.isfinite(value):
        raise UsageError(f"{name} {value!r}: give a number in the outcome's unit, or 'mcid'")
    if value < 0 or (name == "margin" and value == 0):
        raise UsageError(f"{name} {value:g}: give a size, a number above 0")
    return float(value)


def _inferiority(fit: Fit, table: pd.DataFrame, margin: float | str | None) -> dict[str, Any]:
    """By row the margin, in what unit it is, and P(harm > margin)."""
    number = size("margin", margin)
    if margin is None:
        own = table.assign(p_harm_gt_mcid=np.nan, mcid=np.nan)
    else:
        own = table if number is None else effects(fit, threshold=number)
    columns = {"margin": "mcid", "margin_kind": "mcid_kind", "p_inferior": "p_harm_gt_mcid"}
    return {name: own[source].to_numpy() for name, source in columns.items()}


def _select(table: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    chosen = table[table[column] == value]
    if chosen.empty:
        known = ", ".join(dict.fromkeys(table[column]))
        raise UsageError(f"no {column} {value!r} in this fit; there are {known}")
    return chosen


def decimals(sd: float) -> int:
    """Decimals that show a posterior SD to two significant digits."""
    if not np.isfinite(sd) or sd <= 0:
        return 2
    return int(np.clip(1 - np.floor(np.log10(sd)), 0, 6))


def effect_decimals(row: pd.Series) -> int:
    """Decimals of an estimate and its interval.

    Two significant digits of the posterior SD, and no more than the Monte Carlo errors of the mean
    and of the interval's ends support.
    """
    sd, ess = float(row["sd"]), float(row["ess_tail"])
    error = max(float(row["mcse_mean"]), interval_mcse(sd, ess, float(row["ci_prob"])))
    return supported_decimals(error, decimals(sd))


def format_effect(row: pd.Series) -> str:
    """Estimate and interval with as many decimals as `effect_decimals` allows."""
    places = effect_decimals(row)
    mean, low, high = (rounded(row[name], places) for name in ("mean", "ci_low", "ci_high"))
    unit = f" {row['unit']}" if row["unit"] else ""
    return f"{mean}{unit} ({100 * row['ci_prob']:g} % CrI {low} to {high})"


#: What is said of an outcome without an MCID: where the bundle says so, and where it is silent.
NONE_ESTABLISHED, NONE_GIVEN = "no established MCID", "MCID: none given"


def no_mcid(source: str) -> str:
    """What to say where an outcome has no MCID, by the bundle's ``mcid_source``."""
    said = source.lower()
    return (
        NONE_ESTABLISHED if "no established" in said or "none established" in said else NONE_GIVEN
    )


def _statement(
    row: pd.Series, fit: Fit, with_threshold: bool, margin: float | str | None = None
) -> str:
    study: Any = fit.study
    label = study.outcomes.loc[row["outcome"], "label"]
    visit = study.visits.loc[row["visit"], "label"]
    arm, control = study.arms.loc[row["arm"], "label"], study.arms.loc[study.control, "label"]
    what = DESCRIPTIONS[row["estimand"]]
    comparison = f"{arm} against {control}" if "within" not in what else str(arm)
    parts = [f"{label}, {visit}, {comparison}: {what} {format_effect(row)}"]
    mcse = float(row["p_benefit_mcse"])
    if np.isfinite(row["p_benefit"]):
        parts.append(f"P(benefit) {format_probability(row['p_benefit'], mcse)}")
        if np.isfinite(row["p_benefit_gt_mcid"]) and (with_threshold or row["mcid_kind"]):
            limit = _limit(row["mcid"], row["mcid_kind"], row["unit"])
            chance = _probability(row["p_benefit_gt_mcid"], row["ess_bulk"])
            parts.append(f"P(benefit > {limit}) {chance}")
            within = _probability(row["p_within_mcid"], row["ess_bulk"])
            parts.append(f"P(|effect| < {limit}) {within}")
        elif row["estimand"] in ("adjusted_difference", "difference", "difference_in_change"):
            parts.append(no_mcid(str(study.outcomes.loc[row["outcome"], "mcid_source"])))
        if margin is not None:
            parts.append(_non_inferiority(row))
    else:
        up = _probability(row["p_positive"], row["ess_bulk"])
        parts.append(f"no direction is claimed as benefit; P(higher) {up}")
    text = "; ".join(parts)
    text += f" (model {fit.model}, prior {fit.prior}{baseline_clause(row, fit)}; "
    text += f"{study.citation.rstrip('.')})."
    text += null_sentence(row, effect_decimals(row))
    if row["gate"] != "pass":
        text += " The fit FAILS its diagnostics gate; this number is quoted against advice."
    return text


def _limit(value: float, kind: str, unit: str) -> str:
    return f"{100 * value:g} %" if kind == "relative" else f"{value:g} {unit}".strip()


def _non_inferiority(row: pd.Series) -> str:
    """The chance that the treatment is not worse by more than the margin."""
    if not np.isfinite(row["p_inferior"]):
        if row["estimand"] not in JUDGED:
            raise UsageError(
                f"a margin is for a difference between arms, not for {row['estimand']!r}; there "
                f"are {', '.join(JUDGED)}"
            )
        return f"no margin of non-inferiority, for the outcome has no MCID ({NONE_GIVEN})"
    limit = _limit(row["margin"], row["margin_kind"], row["unit"])
    chance = _probability(1 - row["p_inferior"], row["ess_bulk"])
    return f"P(not worse by more than {limit}) {chance}"


def null_sentence(row: pd.Series, places: int | None = None) -> str:
    """What an interval that contains no effect is compatible with; blank for another.

    With ``places`` decimals, as its posterior SD supports by default.
    """
    null = 1.0 if row["unit"] == "ratio" else 0.0
    if row["estimand"] == "share_improved" or not row["ci_low"] < null < row["ci_high"]:
        return ""
    shown = decimals(float(row["sd"])) if places is None else places
    low, high = (rounded(row[name], shown) for name in ("ci_low", "ci_high"))
    unit = f" {row['unit']}" if row["unit"] else ""
    what = "change" if row["estimand"] == "change" else "effect"
    return (
        f" The data are compatible with no {what}, and with any from {low} to {high}{unit}: that "
        "they do not show one is no evidence that there is none."
    )


#: What a quote says of the arms' population means at baseline.
BASELINES = {
    "common": ", baseline means of the arms equal, as randomised",
    "free": ", baseline means of the arms free",
}


def baseline_clause(row: pd.Series, fit: Fit) -> str:
    """How the arms' baseline enters a difference between them; blank where it does not."""
    if row["estimand"] not in JUDGED or row["estimand"] == "difference":
        return ""
    text = BASELINES.get(fit.baseline, "")
    if fit.baseline == "common" and not fit.study.randomised:
        text = ", baseline means of the arms taken as equal, though the study was not randomised"
    rests = row["estimand"] == "adjusted_difference" and fit.baseline == "free"
    if rests and row["outcome"] in without_baseline_levels(fit.study):
        text += " and not printed, so that the adjustment rests on their prior"
    return text


def curve_sentence(row: Any, curve: Sensitivity | str, kind: str = "outcome") -> str:
    """The sentence on the specification curve that ends a statement.

    ``kind`` is ``"outcome"`` or, of events, ``"reaction"``.
    """
    if isinstance(curve, str):
        return f"Sensitivity: {curve}."
    known = curve.ranges
    found = known[
        (known["kind"] == kind)
        & (known["outcome"] == row["outcome"])
        & (known["arm"] == row["arm"])
        & (known["visit"] == row["visit"])
    ]
    if found.empty:
        return "Sensitivity: the specification curve does not cover this quantity."
    own = found.iloc[0]
    draws = float(curve.facts["options"]["chains"] * curve.facts["options"]["draws"])
    low, high, held_low, held_high = (
        _probability(float(own[name]), draws)
        for name in ("p_low", "p_high", "p_low_held", "p_high_held")
    )
    text = (
        f"Sensitivity: over {own['specifications']} specifications "
        f"P({own['probability']}) runs from {low} to {high}"
    )
    if own["moved_most_by"]:
        text += (
            f", moved most by {CHOICES_IN_WORDS[own['moved_most_by']]} "
            f"({100 * own['share']:.0f} % of the variance; {held_low} to {held_high} with "
            "it at the default)"
        )
    if own["failed"]:
        text += f"; {own['failed']} more failed their diagnostics"
    return text + "."


def _probability(p: float, ess: float) -> str:
    return format_probability(p, _mcse(p, ess))


def _mcse(p: float, ess: float) -> float:
    """Monte Carlo standard error of a share of draws."""
    smoothed = (p * ess + 0.5) / (ess + 1)
    return float(np.sqrt(smoothed * (1 - smoothed) / ess))
