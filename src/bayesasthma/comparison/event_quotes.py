"""Ready-to-paste statements about reactions and other events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesasthma.comparison.quotes import curve_sentence, gate_refusal, null_sentence, size
from bayesasthma.errors import UsageError
from bayesasthma.frequentist import fisher_exact
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.event_groups import counted_once
from bayesasthma.results.adverse_table import adverse_effects
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
COLUMNS = ["outcome", "arm", "visit", "estimand", "gate", "statement"]


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

    Returns
    -------
    DataFrame
        ``outcome`` (the event), ``arm, visit, estimand, gate, statement``; a row per reading.

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
            text += f" {curve_sentence(own, curve, 'reaction')}"
            rows.append({**own[COLUMNS[:-1]].to_dict(), "statement": text, "fit": fit})
    if not rows:
        seen = ", ".join(dict.fromkeys(name for fit in pooled for name in fit.counts.visits))
        raise UsageError(f"no event is counted at the visit {visit!r}; there are {seen}")
    failed = [row for row in rows if row["gate"] != "pass"]
    if failed and not despite_gate:
        fit = failed[0]["fit"]
        reasons = "; ".join(fit.gate.failures) or "its effective sample size or R-hat"
        raise gate_refusal(len(failed), len(rows), fit.label, reasons)
    return pd.DataFrame(rows)[COLUMNS]


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
    label = str(row["reaction"]).replace("_", " ")
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
    parts = [
        f"{label[:1].upper()}{label[1:]}, {visit}, {arm} against {control} ({counted}): "
        + _estimate(row)
    ]
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
    text += null_sentence(scaled)
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
    if row["estimand"] == "risk_difference":
        middle, low, high = (100 * float(row[name]) for name in ("mean", "ci_low", "ci_high"))
        values, unit = [f"{value:.1f}" for value in (middle, low, high)], " percentage points"
    else:
        values = [f"{float(row[name]):.2f}" for name in ("median", "ci_low", "ci_high")]
        unit = ""
    return (
        f"{WORDS[row['estimand']]} {values[0]}{unit} "
        f"({100 * row['ci_prob']:g} % CrI {values[1]} to {values[2]})"
    )


def _probabilities(row: pd.Series, fit: AdverseFit, limits: list[float | None]) -> list[str]:
    more = format_probability(float(row["p_positive"]), float(row["p_positive_mcse"]))
    if row["direction"] == "none":
        return [f"no direction is claimed as benefit; P(more) {more}"]
    benefit = format_probability(float(row["p_benefit"]), float(row["p_benefit_mcse"]))
    kind, sign = ("fewer", -1) if row["direction"] == "lower" else ("more", 1)
    parts = [f"P(benefit: {kind}) {benefit}"]
    rate = fit.data["posterior"]["rate"].sel(reaction=row["reaction"], visit=row["visit"])
    gain = sign * (rate.sel(arm=row["arm"]) - rate.sel(arm=fit.study.control))
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
