"""What a pool of studies says, in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.comparison.two_step import more_heterogeneous
from bayesasthma.inference.diagnostics import BFMI_MIN, ESS_MIN, R_HAT_MAX
from bayesasthma.plots.forest import as_shown, is_ratio
from bayesasthma.plots.style import pretty_unit, short_label
from bayesasthma.reporting.wording import chance, listed, number, plural
from bayesasthma.results.pooled import (
    PooledResults,
    headline_tau,
    headline_week,
    learned_of_heterogeneity,
    studies_by_week,
)
from bayesasthma.results.summaries import format_probability

MODEL = (
    "One hierarchical model for each outcome over all studies. The likelihood of a study is the "
    "exact sampling distribution of its printed means and SDs, or that of its patients; "
    "unpublished correlations are integrated over. Treatment effects (treated minus control) are "
    "random over studies about a mean effect that is a random walk in continuous time, so that "
    "visits at different weeks inform each other; how far they scatter changes over the weeks, "
    "too. The correlations of a patient's visits have one "
    "hierarchy over the studies."
)
PRIORS = (
    "Mean effect, in the model's standard unit (the baseline SD pooled over studies, or 1 where "
    "units differ): {formula} (set {sets}). Heterogeneity τ, the SD of true effects between "
    "studies, in the same unit, at the last week of two studies: {tau}; from there log τ is a "
    "random walk over doublings of the time on treatment."
)
NEW_STUDY = (
    "Its true effect is drawn from the distribution of effects over studies, with the mean and τ "
    "of each draw (Higgins, Thompson and Spiegelhalter 2009, J R Stat Soc A 172:137). What it "
    "would estimate scatters more, by its own sampling error."
)
TWO_STEPS = (
    "Each study's posterior mean and SD when fitted alone, pooled week by week: REML with the "
    "Hartung–Knapp–Sidik–Jonkman interval, plain and with the ad hoc correction that never makes "
    "it shorter than the model's own standard error allows (Röver, Knapp and Friede 2015, BMC Med "
    "Res Methodol 15:99), and the Bayesian model of these estimates with a flat mean and, at "
    "every week, the prior that τ has at the last week of two studies, by quadrature "
    "(Röver 2020, J Stat Softw 93(6))."
)
NBSP = "\N{NO-BREAK SPACE}"
#: Outcomes that the answer names; the others stand in the table below it.
NAMED = 3
#: Length of tau's posterior interval over its prior's, beyond which the prior is said to rule.
RULED = 0.7
#: Studies from which a funnel plot is worth testing (Cochrane Handbook, 13.3.5.4).
FUNNEL = 10
#: Studies below which tau is said to rest on few.
FEW = 5


def outcome_label(data: xr.Dataset) -> str:
    """Short name of a pooled outcome."""
    return short_label(str(data.attrs["label"]))


def unit_text(data: xr.Dataset) -> str:
    """Unit of what is shown; empty for ratios."""
    return "" if is_ratio(data) else pretty_unit(str(data.attrs["unit"]))


def decimals_of(data: xr.Dataset, row: pd.Series) -> int:
    """Decimals of an effect: two digits of its posterior SD, on the scale that is shown."""
    sd = float(row["sd"])
    if is_ratio(data):
        sd *= float(np.exp(row["mean"]))
    return int(np.clip(1 - np.floor(np.log10(sd)), 0, 6)) if sd > 0 else 2


def effect_text(data: xr.Dataset, row: pd.Series, prefix: str = "") -> str:
    """``2.1 (1.5 to 2.7)``, ratios where effects are logarithms; "n/a" if there is none."""
    names = [f"{prefix}{name}" for name in ("mean", "q025", "q975")]
    shown = as_shown(data)
    mean, low, high = (shown(float(row[name])) for name in names)
    if not np.isfinite(mean):
        return "n/a"
    places = decimals_of(data, row)
    return f"{number(mean, places)} ({number(low, places)} to {number(high, places)})"


def range_text(data: xr.Dataset, row: pd.Series, low: str, high: str) -> str:
    """``−0.4 to 4.6`` of two columns; "n/a" if they are not known."""
    shown, places = as_shown(data), decimals_of(data, row)
    ends = [number(shown(float(row[name])), places) for name in (low, high)]
    return "n/a" if "n/a" in ends else " to ".join(ends)


def tau_text(data: xr.Dataset) -> str:
    """``0.89 (0.06 to 1.85) points`` of tau at the headline week: median and 95 % interval."""
    return tau_range(data, headline_tau(data))


def tau_range(data: xr.Dataset, tau: xr.DataArray) -> str:
    """Median and 95 % interval of draws of tau, with their unit."""
    low, middle, high = tau.quantile([0.025, 0.5, 0.975]).to_numpy()
    places = int(np.clip(1 - np.floor(np.log10(max(high - low, 1e-12) / 3.92)), 0, 6))
    ends = f"{number(middle, places)} ({number(low, places)} to {number(high, places)})"
    return f"{ends} {'on the log scale' if is_ratio(data) else unit_text(data)}".strip()


def headline_row(results: PooledResults, outcome: str) -> pd.Series:
    """Row of ``pooled_effects.csv`` at the outcome's headline week."""
    table = results.of(outcome, "effects")
    return table[table["week"] == headline_week(results.draws[outcome])].iloc[0]


def answer(results: PooledResults) -> list[str]:
    """Effect and a new study, of the first outcomes; heterogeneity of the first."""
    said = [outcome_answer(results, outcome) for outcome in list(results.draws)[:NAMED]]
    if not said:
        return []
    first = next(iter(results.draws.values()))
    return [f"{said[0]} {heterogeneity_sentence(first)}", *said[1:]]


def outcome_answer(results: PooledResults, outcome: str) -> str:
    """Mean effect at the headline week, and the true effect in a new study."""
    data, row = results.draws[outcome], headline_row(results, outcome)
    unit = unit_text(data)
    studies = int(row["n_studies_at_week"])
    what = "ratio of the means" if data.attrs["log"] else "mean difference"
    if data.attrs.get("kind") == "reaction":
        what = "odds ratio"
    gap = f" {unit}" if unit else ""
    first = (
        f"{outcome_label(data)} at week {row['week']:g} ({plural(studies, 'study', 'studies')} "
        f"with that visit, {int(row['n_studies'])} in the pool, {int(row['n_patients'])} "
        f"patients): the {what} is {effect_text(data, row)}{gap}"
    )
    places = decimals_of(data, row)
    low, high = (
        number(as_shown(data)(float(row[name])), places)
        for name in ("predictive_q025", "predictive_q975")
    )
    second = f"In a new study like these the true effect would lie between {low} and {high}{gap}"
    if float(data.attrs["direction"]):
        first += f"; the probability of benefit is {benefit(row)}"
        if np.isfinite(float(row["p_benefit_gt_mcid"])):
            beyond = chance(row["p_benefit_gt_mcid"], row["ess_bulk"])
            first += f", of a benefit beyond the MCID ({row['mcid']:g}{gap}) {beyond}"
        second += (
            f" (95{NBSP}%), and be a benefit with probability "
            f"{chance(row['p_benefit_new'], row['ess_bulk'])}"
        )
    else:
        higher = chance(row["p_positive"], row["ess_bulk"])
        first += f"; no direction is a benefit, and a higher mean has probability {higher}"
        second += f" (95{NBSP}%)"
    return f"{first}. {second}."


def benefit(row: pd.Series) -> str:
    """The probability of benefit of a row, or a dash where none is claimed.

    Of a row without its Monte Carlo error, as if it had the fewest effective draws that pass the
    gate.
    """
    p = float(row["p_benefit"])
    if not np.isfinite(p):
        return "–"
    if "p_benefit_mcse" in row:
        return format_probability(p, float(row["p_benefit_mcse"]))
    return chance(p, ESS_MIN)


def heterogeneity_sentence(data: xr.Dataset) -> str:
    """How far true effects scatter between studies, and what says so."""
    middle = float(headline_tau(data).median())
    reach = 1.96 * middle
    if is_ratio(data):
        spread = f"a factor of {np.exp(reach):.2g}"
    else:
        digits = f"{reach:.2g}"
        spread = f"{digits} {unit_text(data)}".strip()
    week = f" at week {headline_week(data):g}" if data.sizes["week"] > 1 else ""
    text = (
        f"True effects{week} differ between studies with an SD τ of {tau_text(data)}: at its "
        f"median 95{NBSP}% of studies lie within {spread} of the mean"
    )
    share = learned_of_heterogeneity(data)
    if share > RULED:
        return f"{text}. That rests mostly on the prior of τ, which these studies hardly narrow."
    return f"{text}; the studies shorten the prior's interval of τ to {100 * share:.0f}{NBSP}%."


def limits(results: PooledResults) -> list[str]:
    """What the data of a pool cannot tell."""
    said = []
    sizes = [int(data.sizes["study"]) for data in results.draws.values()]
    if len(results.events):
        sizes += [int(n) for n in results.events["n_studies"]]
    most = max(sizes)
    ruled = [
        outcome_label(data)
        for data in results.draws.values()
        if learned_of_heterogeneity(data) > RULED
    ]
    if most < FEW or ruled:
        said.append(
            f"With {plural(most, 'study', 'studies')} at most, τ and with it the interval of a new "
            "study lean on the prior of τ"
            + (f"; for {listed(ruled)} it is hardly more than that prior" if ruled else "")
            + ". Set another prior with `--heterogeneity` (of reactions `--event-heterogeneity`) "
            "to see how much."
        )
    said += _uneven_weeks(results)
    said += _thin_weeks(results)
    said += _left_out(results)
    if most < FUNNEL:
        said.append(
            f"Whether small studies with small effects stayed unpublished cannot be judged from "
            f"fewer than {FUNNEL} studies; the pool takes those it was given as all there are."
        )
    said.append(
        "Studies count as exchangeable: none is taken to have a larger effect for what is known of "
        "its patients, dose or conduct. Risk of bias within a study is not modelled."
    )
    if not results.draws:
        return said
    said.append(
        "What one study says of the correlation of a patient's visits, others borrow as far as "
        "they resemble each other; a study that prints levels alone has no word of its own."
    )
    return said


def _uneven_weeks(results: PooledResults) -> list[str]:
    """Outcomes whose studies differ more at some weeks than their tau has it."""
    said = []
    for outcome, data in results.draws.items():
        uneven = more_heterogeneous(data, results.of(outcome, "studies"))
        if uneven:
            weeks = " and ".join(f"{week:g} (p = {p:.1g})" for week, p in uneven.items())
            said.append(
                f"{outcome_label(data)}: by their generalised Q the studies' own estimates scatter "
                f"more than the upper end of τ's interval allows at week {weeks}. There the "
                "effects of single studies and the interval of a new study are too narrow, and the "
                "mean effect is surer than it should be: do not quote them; pool bundles with "
                "those weeks alone."
            )
    return said


def _thin_weeks(results: PooledResults) -> list[str]:
    """Weeks at which one study or none has a visit; outcomes with the same ones in one sentence."""
    found: dict[str, list[str]] = {}
    for data in results.draws.values():
        count, parts = studies_by_week(data), []
        for words, number_of in (("one study has a visit", 1), ("none has one", 0)):
            weeks = [f"{week:g}" for week in count.index[count == number_of]]
            if weeks:
                parts.append(f"{words} at {'week' if len(weeks) == 1 else 'weeks'} {listed(weeks)}")
        if parts:
            found.setdefault(listed(parts), []).append(outcome_label(data))
    return [
        f"{listed(names)}: {text}; the mean effect there rests on little more than what the other "
        "weeks say through the random walk."
        for text, names in found.items()
    ]


def _left_out(results: PooledResults) -> list[str]:
    """Outcomes whose answer hangs on one study, and studies that the others would not expect."""
    said = []
    for outcome, data in results.draws.items():
        table = results.of(outcome, "left_out")
        if table.empty:
            continue
        at = table[table["week"] == headline_week(data)]
        row = headline_row(results, outcome)
        if float(data.attrs["direction"]):
            clear = row["p_benefit"] > 0.975
            lost = at[(at["p_benefit"] > 0.975) != clear]
            if len(lost):
                word = "falls below" if clear else "rises above"
                said.append(
                    f"{outcome_label(data)}: without {listed(list(lost['left_out']), 'or')} the "
                    f"probability of benefit {word} 0.975."
                )
        odd = list(at.loc[at["alone_within"] == "no", "left_out"])
        if odd:
            said.append(
                f"{outcome_label(data)}: the estimate of {listed(odd)} lies outside of what the "
                "others predict for a new study."
            )
    return said


def gate_sentence(results: PooledResults) -> str:
    """Whether every fit and every tabulated quantity passes the diagnostics gate."""
    if not results.draws:
        return "Nothing was sampled: reactions are pooled by quadrature."
    if results.passed:
        return (
            f"{_all(len(results.diagnostics), 'fit')} and every tabulated quantity pass the "
            f"diagnostics gate (no divergence, R-hat ≤ {R_HAT_MAX:g}, bulk and tail ESS ≥ "
            f"{ESS_MIN:g}, E-BFMI ≥ {BFMI_MIN:g})."
        )
    failed = results.diagnostics[results.diagnostics["gate"] != "pass"]
    parts = [f"{fit} ({why})" for fit, why in zip(failed["fit"], failed["failures"], strict=True)]
    tables = (results.effects, results.studies, results.left_out)
    rows = sum(int((table["gate"] != "pass").sum()) for table in tables if len(table))
    text = f"The diagnostics gate FAILS: {plural(rows, 'quantity', 'quantities')} in the tables"
    return text + (f", in {listed(parts)}." if parts else ".") + " Do not quote the marked rows."


def _all(count: int, noun: str) -> str:
    return f"The {noun}" if count == 1 else f"All {plural(count, noun)}"


def methods(results: PooledResults) -> list[tuple[str, str]]:
    """Model, priors and what stands beside them, a heading and a paragraph each."""
    if not results.draws:
        return []
    first = next(iter(results.draws.values()))
    sets, priors = (
        listed(list(dict.fromkeys(str(data.attrs[name]) for data in results.draws.values())))
        for name in ("prior", "heterogeneity_prior")
    )
    return [
        ("Model", MODEL),
        ("Priors", PRIORS.format(formula=first.attrs["prior_formula"], sets=sets, tau=priors)),
        ("A new study", NEW_STUDY),
        ("In two steps", TWO_STEPS),
    ]


def correlation_sentences(studies: pd.DataFrame) -> list[str]:
    """Which study tells the others of the correlation, and which are told.

    Parameters
    ----------
    studies : DataFrame
        Rows of ``pooled_studies.csv`` of one outcome.
    """
    table = studies.drop_duplicates("study").dropna(subset=["rho_alone_sd", "rho_sd"])
    if table.empty:
        return []
    own = table.to_dict("records")
    teller = min(own, key=lambda row: float(row["rho_alone_sd"]))
    first = (
        f"By itself {teller['study']} knows the correlation best "
        f"({teller['rho_alone_mean']:.2f}, SD {teller['rho_alone_sd']:.2f})."
    )
    told = [
        f"{row['study']} ({row['rho_alone_sd']:.2f} to {row['rho_sd']:.2f})"
        for row in own
        if row["rho_sd"] < 0.9 * row["rho_alone_sd"]
    ]
    if told:
        return [first, f"The pool narrows the SD of the correlation in {listed(told)}."]
    return [first, "The pool narrows no study's correlation by a tenth."]
