"""The report's section on the specification curve: figures, ranges and what became of the fits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bayesasthma import plots
from bayesasthma.plots.specifications import CHOICE_NAMES, choice_value, quantity_name
from bayesasthma.plots.style import arm_name, visit_name
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.reporting.wording import chance, number
from bayesasthma.results.last_visits import at_last_visit
from bayesasthma.specification_curve import Sensitivity
from bayesasthma.specification_curve.summary import default_choices, differences, rho_rows
from bayesasthma.study.study import Study

#: Curves drawn whole: the conclusions at the last visit that the choices move most.
CURVES = 3


@dataclass(frozen=True)
class CurveSection:
    """What the report shows of a specification curve.

    Attributes
    ----------
    missing : str
        Why there is none; empty if there is one.
    summary : str
    columns : list of str
    rows : list of list of str
        Ranges at the last visit.
    failed, removed : list of (str, str)
        Specifications left out of the ranges, and combinations not run, each with its reason.
    power : list of list of str
        Power-scaling at the last visit.
    drawings : list of Drawing
    """

    missing: str = ""
    summary: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    removed: list[tuple[str, int]] = field(default_factory=list)
    power: list[list[str]] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)


def curve_section(study: Study, curve: Sensitivity | str) -> CurveSection:
    """The section of a curve, or the reason why there is none."""
    if isinstance(curve, str):
        return CurveSection(missing=curve)
    last = curve.ranges[at_last_visit(curve.ranges, study)]
    return CurveSection(
        summary=_summary(curve),
        columns=[
            "Outcome",
            "Default",
            "Lowest",
            "under",
            "Highest",
            "Moved most by",
            "Range with it held",
        ],
        rows=[_row(study, row, _draws(curve)) for _, row in last.iterrows()],
        failed=[
            (_chosen(curve, item), _failures(curve, item)) for item in curve.facts["failed_fits"]
        ],
        removed=_counted([str(item["reason"]) for item in curve.facts["removed"]]),
        power=[
            [
                quantity_name(study, "outcome", str(row["outcome"])),
                number(float(row["prior_sensitivity"]), 3),
                number(float(row["likelihood_sensitivity"]), 3),
                str(row["diagnosis"]),
            ]
            for _, row in curve.power[at_last_visit(curve.power, study)].iterrows()
        ],
        drawings=_drawings(study, curve, last),
    )


def range_row(
    curve: Sensitivity | None, kind: str, outcome: str, arm: str, visit: str
) -> pd.Series | None:
    """The curve's range of one quantity, a row of ``sensitivity_ranges.csv``."""
    if curve is None:
        return None
    table = curve.ranges
    own = table[
        (table["kind"] == kind)
        & (table["outcome"] == outcome)
        & (table["arm"] == arm)
        & (table["visit"] == visit)
    ]
    return own.iloc[0] if len(own) else None


def _summary(curve: Sensitivity) -> str:
    facts = curve.facts
    options = facts["options"]
    text = (
        f"{facts['specifications']} specifications (grid {facts['grid']}) from {facts['fits']} "
        f"fits. They sample {facts['posteriors']} posteriors, of one outcome each where outcomes "
        f"share no parameter, with {options['chains']} x ({options['tune']} + {options['draws']}) "
        f"iterations. {facts['sampled_again']} of these failed the diagnostics gate at first and "
        "were sampled again. "
    )
    if not (failed := len(facts["failed_fits"])):
        return text + "In the end every fit passed it."
    return text + (
        f"In the end {failed} fit{'s' * (failed > 1)} failed it for some of their quantities, "
        "which the ranges leave out."
    )


def _draws(curve: Sensitivity) -> float:
    """Draws behind each probability, which limit its digits."""
    options = curve.facts["options"]
    return float(options["chains"] * options["draws"])


def _row(study: Study, row: pd.Series, draws: float) -> list[str]:
    mark = "" if row["probability"] == "benefit" else " (P higher)"
    share = f" ({100 * row['share']:.0f} %)" if pd.notna(row["share"]) else ""
    moved = CHOICE_NAMES.get(str(row["moved_most_by"]), "") + share
    held = [chance(row[name], draws) for name in ("p_low_held", "p_high_held")]
    cells = [
        quantity_name(study, str(row["kind"]), str(row["outcome"])) + mark,
        chance(row["p_default"], draws),
        chance(row["p_low"], draws),
        in_words(str(row["lowest"])),
        chance(row["p_high"], draws),
        moved,
        " to ".join(dict.fromkeys(held)),
    ]
    # a sign stays with its number at the end of a line
    return [re.sub(r"([<>]) ", "\\1\N{NO-BREAK SPACE}", cell) for cell in cells]


#: Choices as they stand in a list of what differs from the default; others are named outright.
IN_WORDS = {
    "model": "{} model",
    "prior": "{} prior",
    "correlation": "{} correlation",
    "scale": "{} scale",
    "reading": "{} counts",
}
PHRASES = {
    "dispersion se": "printed SDs read as SEs",
    "variance common": "one SD for all arms",
    "variance by_arm": "an SD for each arm",
    "rounding no": "rounding not modelled",
    "baseline common": "equal baseline means",
    "baseline free": "an own baseline mean for each arm",
    "adjustment change": "difference in change",
    "adjustment difference": "difference, baseline ignored",
}


def in_words(differences: str) -> str:
    """``prior sceptical, correlation fixed:0.3`` as ``sceptical prior, ρ = 0.3``."""
    parts = []
    for item in differences.split(", ") if differences else []:
        choice, _, value = item.partition(" ")
        text = choice_value(choice, value)
        if item == "default" or value.startswith("fixed:"):
            parts.append(text or item)
        else:
            parts.append(PHRASES.get(item) or IN_WORDS.get(choice, choice + " {}").format(text))
    return ", ".join(parts)


def _chosen(curve: Sensitivity, item: dict[str, Any]) -> str:
    """What distinguishes a fit from the default one."""
    base = default_choices(curve.table[curve.table["kind"] == _kind(item)])
    own = {name: value for name, value in base.items() if name in item}
    return in_words(differences(pd.Series({**base, **item}, dtype=object), own))


def _kind(item: dict[str, Any]) -> str:
    return "reaction" if "reading" in item else "outcome"


def _failures(curve: Sensitivity, item: dict[str, Any]) -> str:
    """Why a fit failed, and for which outcomes or reactions, by their labels."""
    labels = {name: quantity_name(curve.study, _kind(item), name) for name in item["failed_for"]}
    parts = [part.partition(": ") for part in str(item["failures"]).split("; ")]
    if not any(name in labels for name, colon, _ in parts if colon):
        return f"{item['failures']} ({_failed_for(curve, item)})"
    return "; ".join(f"{labels.get(name, name)}{colon}{why}" for name, colon, why in parts)


def _failed_for(curve: Sensitivity, item: dict[str, Any]) -> str:
    """The outcomes or reactions that a fit failed for."""
    if not (names := item["failed_for"]):
        return "no result"
    kind = _kind(item)
    own = curve.table.loc[curve.table["kind"] == kind, "outcome"]
    if set(names) >= set(own):
        return f"all {kind}s"
    return "for " + ", ".join(quantity_name(curve.study, kind, str(name)) for name in names)


def _counted(reasons: list[str]) -> list[tuple[str, int]]:
    """Reasons with how often each occurs; every duplicate has the same reason."""
    shown = ["a duplicate" if text.startswith("the same as") else text for text in reasons]
    return [(text, shown.count(text)) for text in dict.fromkeys(shown)]


def _drawings(study: Study, curve: Sensitivity, last: pd.DataFrame) -> list[Drawing]:
    found = []
    for arm in study.treatments:
        own = last[(last["arm"] == arm) & (last["kind"] == "outcome")]
        claimed = own["probability"] == "benefit"
        own = own[claimed] if claimed.any() else own
        spread = (own["p_high"] - own["p_low"]).sort_values(ascending=False)
        suffix = "" if len(study.treatments) == 1 else f"_{arm}"
        who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
        if own.empty:
            continue
        for outcome, visit in own.loc[spread.index[:CURVES], ["outcome", "visit"]].itertuples(
            index=False
        ):
            name = quantity_name(study, "outcome", str(outcome))
            found.append(
                draw(
                    f"specification_curve_{outcome}{suffix}",
                    "sensitivity",
                    f"Specification curve of {name}, {visit_name(study, str(visit))}.",
                    f"{who}: P(benefit) on {name} under every specification, on a log-odds scale, "
                    "with the estimate and its 95 % credible interval where it has the outcome's "
                    "unit; below, what each specification chose. The diamond is the default. "
                    "Hollow circles failed the diagnostics gate.",
                    plots.specification_curve,
                    study,
                    curve.table,
                    str(outcome),
                    str(visit),
                    arm,
                )
            )
        found.append(
            draw(
                f"choice_shares{suffix}",
                "sensitivity",
                "Share of the spread over the curve that each choice accounts for.",
                f"{who}, last visit: which choice moves each conclusion. Main effects in an "
                "analysis of variance of the log odds of benefit over the specifications.",
                plots.choice_shares,
                study,
                curve.shares,
                arm,
            )
        )
        if len(rho_rows(curve.table)):
            found.append(
                draw(
                    f"probability_by_correlation{suffix}",
                    "sensitivity",
                    "P(benefit) of every outcome against a fixed within-patient correlation.",
                    f"{who}: the headline when every correlation between a patient's visits is "
                    "fixed at ρ (solid) and when it is learned under its prior (dotted). A star "
                    "marks outcomes without a claimed direction, for which it is P(higher).",
                    plots.probability_by_correlation,
                    study,
                    curve.table,
                    arm,
                )
            )
    return found
