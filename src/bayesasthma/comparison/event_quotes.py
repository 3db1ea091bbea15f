"""Ready-to-paste statements about reactions and other events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesasthma.comparison.decision_rules import Rule, parse_rule, verdict
from bayesasthma.comparison.phrases import term
from bayesasthma.comparison.quotes import curve_sentence, gate_refusal, null_sentence, size
from bayesasthma.errors import UsageError
from bayesasthma.frequentist import fisher_exact
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.event_groups import counted_once
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.printed_digits import interval_mcse, rounded, supported_decimals
from bayesasthma.results.summaries import SAMPLE, format_probability, probability_mcse
from bayesasthma.specification_curve import Sensitivity

ESTIMANDS = ("risk_difference", "risk_ratio", "odds_ratio")
WORDS = {
    "risk_difference": "risk difference",
    "risk_ratio": "risk ratio",
    "odds_ratio": "odds ratio",
}
READINGS = {
    "per_visit": "counts read as new at each visit",
    "cumulative": "counts read as running totals",
}
COLUMNS = ["outcome", "arm", "visit", "estimand", "gate", "statement", "sentence", "label"]
NUMBERS = ["mean", "sd", "median", "ci_low", "ci_high", "ci_prob", "p_benefit", "p_benefit_mcse",
           "p_positive", "ess_bulk", "ess_tail", "r_hat"]  # fmt: skip
#: What is said of a rule's type I error: the proof has none of events.
NOT_TRIED = "Its type I error is not known: the committed proof has no decision rules of events."


def quote_events(
    fits: Sequence[AdverseFit],
    event: str | None = None,
    visit: str | None = None,
    *,
    threshold: float | str | None = None,
    margin: float | str | None = None,
    estimand: str | None = None,
    despite_gate: bool = False,
    curve: Sensitivity | str = "no specification curve has been run",
    success: Rule | str | None = None,
) -> pd.DataFrame:
    """Statements about events that a paper or review can take over as they stand.

    Parameters
    ----------
    fits : sequence of AdverseFit
        Of one study; those of the hierarchical model are quoted where there are any.
    event, visit : str, optional
        Which; all events, each at its last visit, by default.
    threshold, margin : float, optional
        Also give P(benefit > threshold), and P(not worse by more than the margin), as differences
        in risk between 0 and 1.
    estimand : {"risk_difference", "risk_ratio", "odds_ratio"}, optional
        By default the risk difference with the risk ratio beside it.
    despite_gate : bool
        Quote even where the diagnostics gate fails; the statement then says so.
    curve : Sensitivity or str
        As :func:`bayesasthma.comparison.quotes.quote` takes it.
    success : Rule or str, optional
        A decision rule, likewise; a size in it is a difference in risk.

    Returns
    -------
    DataFrame
        ``outcome`` (the event), ``arm, visit, estimand, gate, statement``, ``sentence``, ``label``
        and the numbers; a row per reading.

    Raises
    ------
    UsageError
        If the event, visit or estimand is not in the fits, or a threshold or margin is no risk.
    GateError
        If a quoted row fails the gate and ``despite_gate`` is false.
    """
    if estimand is not None and estimand not in ESTIMANDS:
        raise UsageError(f"no estimand {estimand!r} of events; there are {', '.join(ESTIMANDS)}")
    limits = [risk("threshold", threshold), risk("margin", margin)]
    rule = parse_rule(success) if isinstance(success, str) else success
    if rule is not None and rule.size is not None:
        risk("success", rule.size if rule.size == "mcid" else abs(float(rule.size)))
    pooled = [fit for fit in fits if fit.spec.model == "hierarchical"] or list(fits)
    known = [name for fit in pooled for name in fit.counts.reactions]
    if event is not None and event not in known:
        raise UsageError(f"no event {event!r}; there are {', '.join(dict.fromkeys(known))}")
    rows = []
    for fit in pooled:
        table = adverse_effects(fit)
        table = table.assign(week=table["visit"].map(fit.study.visits["week"].to_dict()))
        chosen = table[table["estimand"] == (estimand or ESTIMANDS[0])]
        if event is not None:
            chosen = chosen[chosen["reaction"] == event]
        last = chosen.groupby(["reaction", "arm"])["week"].transform("max")
        chosen = chosen[chosen["week"] == last if visit is None else chosen["visit"] == visit]
        for _, row in chosen.iterrows():
            text = _statement(row, table, fit, estimand, limits)
            own = row.rename({"reaction": "outcome"})
            facts = own[[*COLUMNS[:5], *NUMBERS]].to_dict()
            if rule is not None:
                p, mcse = _rule_probability(row, fit, rule)
                why = "no direction is claimed as benefit"
                text += f" {verdict(rule, p, mcse, why)} {NOT_TRIED}"
                facts |= {"rule": str(rule), "rule_probability": p,
                          "success": rule.met(p) if np.isfinite(p) else None}  # fmt: skip
            text += f" {curve_sentence(own, curve, 'reaction')}"
            label = _label(str(row["reaction"]))
            rows.append({**facts, "statement": text, "sentence": _sentence(row, fit),
                         "label": label, "fit": fit})  # fmt: skip
    if not rows:
        seen = ", ".join(dict.fromkeys(name for fit in pooled for name in fit.counts.visits))
        raise UsageError(f"no event is counted at the visit {visit!r}; there are {seen}")
    failed = [row for row in rows if row["gate"] != "pass"]
    if failed and not despite_gate:
        fit = failed[0]["fit"]
        reasons = "; ".join(fit.gate.failures) or "its effective sample size or R-hat"
        raise gate_refusal(len(failed), len(rows), fit.label, reasons)
    found = pd.DataFrame(rows).drop(columns="fit")
    return found[[*COLUMNS, *(name for name in found.columns if name not in COLUMNS)]]


def _label(reaction: str) -> str:
    words = reaction.replace("_", " ")
    return words[:1].upper() + words[1:]


def _rule_probability(row: pd.Series, fit: AdverseFit, rule: Rule) -> tuple[float, float]:
    """The probability that a rule is about, and its Monte Carlo standard error."""
    if row["direction"] == "none":
        return float("nan"), float("nan")
    if rule.size is None:
        return float(row["p_benefit"]), float(row["p_benefit_mcse"])
    true = (_gain(row, fit) > float(rule.size)).astype(float)
    return float(true.mean(SAMPLE)), float(probability_mcse(true))


def _gain(row: pd.Series, fit: AdverseFit) -> xr.DataArray:
    """Draws of the benefit as a difference in risk."""
    sign = -1 if row["direction"] == "lower" else 1
    held = fit.data["posterior"].to_dataset()["rate"]
    rate = held.sel(reaction=row["reaction"], visit=row["visit"])
    found: xr.DataArray = sign * (rate.sel(arm=row["arm"]) - rate.sel(arm=fit.study.control))
    return found


def _sentence(row: pd.Series, fit: AdverseFit) -> str:
    """The quote in one sentence."""
    study = fit.study
    visit = str(study.visits.loc[row["visit"], "label"])
    arm, control = (str(study.arms.loc[name, "label"]) for name in (row["arm"], study.control))
    null = 0.0 if row["estimand"] == "risk_difference" else 1.0
    what = row["reaction"].replace("_", " ")
    if row["ci_low"] < null < row["ci_high"]:
        text = (
            f"At {visit} the counts of {what} are compatible with no effect of {arm} against "
            f"{control}: {_estimate(row)}"
        )
    else:
        side = "higher" if row["mean"] > null else "lower"
        text = (
            f"At {visit} the risk of {what} is {side} with {arm} than with {control}: "
            f"{_estimate(row)}"
        )
    p, mcse = float(row["p_benefit"]), float(row["p_benefit_mcse"])
    claim = "a benefit"
    if not np.isfinite(p):
        p, mcse, claim = float(row["p_positive"]), float(row["p_positive_mcse"]), "a higher risk"
    text += f"; {claim} is {term(p)} (posterior probability {format_probability(p, mcse)})"
    text += f", given the prior {fit.spec.prior_name}"
    if not counted_once(study):
        text += f" and {READINGS[fit.spec.reading]}"
    if row["gate"] != "pass":
        text += "; the fit FAILS its diagnostics gate"
    return f"{text}."


def risk(name: str, value: float | str | None) -> float | None:
    """A threshold or margin of an event as a difference in risk; None for none at all.

    Raises
    ------
    UsageError
        If it is no number between 0 and 1.
    """
    if value == "mcid":
        raise UsageError(
            f"{name} 'mcid': events have none; give a difference in risk, such as 0.05"
        )
    number = size(name, value)
    if number is not None and number >= 1:
        raise UsageError(f"{name} {number:g}: a difference in risk lies between 0 and 1")
    return number


def _statement(
    row: pd.Series,
    table: pd.DataFrame,
    fit: AdverseFit,
    estimand: str | None,
    limits: list[float | None],
) -> str:
    study = fit.study
    label = _label(str(row["reaction"]))
    visit, arm, control = (
        str(frame.loc[name, "label"])
        for frame, name in (
            (study.visits, row["visit"]),
            (study.arms, row["arm"]),
            (study.arms, study.control),
        )
    )
    pairs = [_count(fit, row, who) for who in (row["arm"], study.control)]
    counted = " against ".join(f"{events}/{n}" for events, n in pairs)
    parts = [f"{label}, {visit}, {arm} against {control} ({counted}): " + _estimate(row)]
    if estimand is None:
        same = (table["reaction"] == row["reaction"]) & (table["visit"] == row["visit"])
        same &= (table["arm"] == row["arm"]) & (table["estimand"] == "risk_ratio")
        parts.append(_estimate(table[same].iloc[0]))
    parts += _probabilities(row, fit, limits)
    parts.append(f"Fisher's exact p {_p(float(fisher_exact(*pairs[0], *pairs[1])))}")
    how = f"model {fit.spec.model}, prior {fit.spec.prior_name}"
    if not counted_once(study):
        how += f", {READINGS[fit.spec.reading]}"
    text = f"{'; '.join(parts)} ({how}; {study.citation.rstrip('.')})."
    ratio = row["estimand"] != "risk_difference"
    scaled = row.copy()
    if not ratio:
        scaled[["ci_low", "ci_high", "sd"]] *= 100
    scaled["unit"] = "ratio" if ratio else "percentage points"
    text += null_sentence(scaled, _decimals(row))
    if row["gate"] != "pass":
        text += " The fit FAILS its diagnostics gate; this number is quoted against advice."
    return text


def _count(fit: AdverseFit, row: pd.Series, arm: str) -> tuple[int, int]:
    counts = fit.study.adverse
    own = counts[
        (counts["reaction"] == row["reaction"])
        & (counts["visit"] == row["visit"])
        & (counts["arm"] == arm)
    ].iloc[0]
    return int(own["events"]), int(own["n"])


def _estimate(row: pd.Series) -> str:
    """Median and interval of a ratio, mean and interval of a difference in percentage points."""
    places = _decimals(row)
    if row["estimand"] == "risk_difference":
        values = [rounded(100 * float(row[name]), places) for name in ("mean", "ci_low", "ci_high")]
        unit = " percentage points"
    else:
        values = [rounded(float(row[name]), places) for name in ("median", "ci_low", "ci_high")]
        unit = ""
    return (
        f"{WORDS[row['estimand']]} {values[0]}{unit} "
        f"({100 * row['ci_prob']:g} % CrI {values[1]} to {values[2]})"
    )


def _decimals(row: pd.Series) -> int:
    """Decimals of an estimate and its interval that Monte Carlo error supports, 1 or 2 at most.

    Of a ratio the error is that of its larger end, taken as log-normal.
    """
    ess, prob = float(row["ess_tail"]), float(row["ci_prob"])
    if row["estimand"] == "risk_difference":
        return supported_decimals(interval_mcse(100 * float(row["sd"]), ess, prob), 1)
    low, high = float(row["ci_low"]), float(row["ci_high"])
    width = np.log(high / low) / (2 * stats.norm.ppf(0.5 + prob / 2))
    return supported_decimals(high * interval_mcse(float(width), ess, prob), 2)


def _probabilities(row: pd.Series, fit: AdverseFit, limits: list[float | None]) -> list[str]:
    more = format_probability(float(row["p_positive"]), float(row["p_positive_mcse"]))
    if row["direction"] == "none":
        return [f"no direction is claimed as benefit; P(more) {more}"]
    benefit = format_probability(float(row["p_benefit"]), float(row["p_benefit_mcse"]))
    kind = "fewer" if row["direction"] == "lower" else "more"
    parts = [f"P(benefit: {kind}) {benefit}"]
    gain = _gain(row, fit)
    for limit, bound, words in zip(
        limits,
        (limits[0], None if limits[1] is None else -limits[1]),
        ("P(benefit > {})", "P(not worse by more than {})"),
        strict=True,
    ):
        if limit is None or bound is None:
            continue
        true = (gain > bound).astype(float)
        chance = format_probability(float(true.mean(SAMPLE)), float(probability_mcse(true)))
        parts.append(f"{words.format(f'{100 * limit:g} percentage points')} {chance}")
    return parts


def _p(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if np.isfinite(p) else "n/a"
