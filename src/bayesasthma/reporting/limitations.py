"""What the data cannot tell, worded from the study's metadata, its numbers and the audit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.comparison.quotes import NONE_ESTABLISHED, NONE_GIVEN, no_mcid
from bayesasthma.models.design import design
from bayesasthma.plots.style import arm_name, outcome_name, reaction_label
from bayesasthma.reporting.event_tables import reactions_alone
from bayesasthma.reporting.folded_findings import FoldedFinding, fold
from bayesasthma.reporting.known_correlations import correlation_limitation
from bayesasthma.reporting.missing_section import attrition_text
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import correlation_learning, headline_rows, main_fit
from bayesasthma.reporting.wording import listed, plural
from bayesasthma.results.effect_table import without_baseline_levels
from bayesasthma.study.study import Study

Limitation = tuple[str, str]

#: Baseline differences of at least this many SDs are named; a report's choice, not a test.
NOTABLE_IMBALANCE = 0.25
#: Baseline SDs beyond which calibration found intervals too narrow (``calibration/sizes.csv``).
VERY_LARGE = 4.0


def limitations(results: ReanalysisResults) -> list[Limitation]:
    """Title and text of every limitation that applies to this study."""
    study = results.study
    found = [
        _allocation(study),
        _changes_alone(study),
        _blinding(study),
        _correlations(results),
        _size(study),
        attrition_text(study, results.left) or _attrition(study),
        _individuals(study),
        _mcid(study),
        _unsigned(study),
        *_audit(study, results.audit),
        _readings(results),
        _zero_cells(study),
        _prior(results),
        _very_large(results),
        _outcomes_together(study, joint=len(results.joint) > 0),
    ]
    return [item for item in found if item is not None]


def standardised_imbalance(study: Study) -> pd.Series:
    """Largest absolute baseline difference from control over the pooled SD, by outcome."""
    base = study.baseline_visit
    if base is None:
        return pd.Series(dtype=float)
    cell = study.table.sel(statistic="level", visit=base, drop=True)
    control = cell.sel(arm=study.control, drop=True)
    treated = cell.sel(arm=study.treatments)
    weight, own = control["n"] - 1, treated["n"] - 1
    pooled = np.sqrt((weight * control["sd"] ** 2 + own * treated["sd"] ** 2) / (weight + own))
    size = abs((treated["mean"] - control["mean"]) / pooled).max("arm")
    values = pd.Series(size.to_numpy(), index=[str(k) for k in size["outcome"].to_numpy()])
    return values[np.isfinite(values)].sort_values(ascending=False)


def _allocation(study: Study) -> Limitation | None:
    if study.randomised:
        return None
    text = (
        "Patients were not allocated at random. A difference between the arms may come from who "
        "was treated how, and no model of these tables can separate that from an effect."
    )
    imbalance = standardised_imbalance(study)
    notable = imbalance[imbalance >= NOTABLE_IMBALANCE]
    if len(notable):
        named = [f"{outcome_name(study, str(k))} ({v:.2f} SD)" for k, v in notable.items()]
        text += (
            f" At baseline the arms differ by at least {NOTABLE_IMBALANCE:g} SD in {listed(named)}."
        )
    if len(imbalance):
        text += (
            " The baseline-adjusted difference takes account of each outcome's own baseline, "
            "and of nothing else."
        )
    return "Not randomised", text


def _changes_alone(study: Study) -> Limitation | None:
    names = without_baseline_levels(study)
    if study.randomised or not names:
        return None
    return (
        "Changes without their baseline",
        (
            f"The baseline level of {listed([outcome_name(study, name) for name in names])} is "
            "not printed, and patients were not allocated at random. How far the arms were apart "
            "at the start is unknown, and an adjusted difference rests on the prior of that. The "
            "headline is the difference in change, which adjusts for nothing."
        ),
    )


def _blinding(study: Study) -> Limitation | None:
    design = study.design.lower()
    if "open" not in design or "label" not in design:
        return None
    reported = study.outcomes.index[study.outcomes["unit"].eq("points")]
    names = [outcome_name(study, str(k)) for k in reported]
    text = "Everybody knew who was treated with what."
    if names:
        text += f" Scores that people give ({listed(names)}) can move with that knowledge alone."
    return "Open label", text


def _correlations(results: ReanalysisResults) -> Limitation | None:
    found = correlation_limitation(results.study)
    fit = main_fit(results)
    learned = correlation_learning(fit) if fit is not None else None
    if found is None or learned is None:
        return found
    title, text = found
    return title, (
        f"{text} Here the posterior SD of the typical correlation (logit scale) is "
        f"{learned[0]:.2f} to {learned[1]:.2f} of the prior's, over the outcomes."
    )


def _size(study: Study) -> Limitation:
    total = int(study.arms["n"].sum())
    arms = [f"{int(n)}" for n in study.arms["n"]]
    return (
        f"{plural(total, 'patient')}",
        (
            f"The arms have {listed(arms)} patients. The intervals show the sampling error that "
            "follows under the models; rare events, subgroups and patients unlike these stay "
            "out of sight."
        ),
    )


def _attrition(study: Study) -> Limitation | None:
    if study.patients is not None or study.outcomes.empty:
        return None
    printed = study.table["mean"].notnull().transpose(..., "arm").to_numpy()
    counts = study.table["n"].transpose(..., "arm").to_numpy()
    whole = study.arms["n"].loc[list(study.table["arm"].to_numpy())].to_numpy(dtype=float)
    if not bool((counts == whole)[printed].all()):
        return None
    return (
        "Missing values",
        (
            "The tables give no number of patients by visit, so every cell is taken to hold its "
            "whole arm. If patients left, the intervals are too narrow, and who left matters."
        ),
    )


def _individuals(study: Study) -> Limitation | None:
    if study.patients is not None or study.outcomes.empty:
        return None
    return (
        "Individual patients",
        (
            "Means and SDs do not say how many patients got better. The shares of patients "
            "improving in effects.csv are predictions of a normal model, not counts."
        ),
    )


def _mcid(study: Study) -> Limitation | None:
    meta = study.outcomes
    known = meta.index[meta["mcid"].notna()]
    if not len(known):
        return None
    text = (
        "A minimal clinically important difference is a convention about one patient. Set against "
        "a difference of group means, as here, it is a yardstick, no more."
    )
    weak = [
        outcome_name(study, str(k)) for k in known if "weak" in str(meta["mcid_source"][k]).lower()
    ]
    if weak:
        text += f" That of {listed(weak)} is weakly supported."
    for words, verb in ((NONE_ESTABLISHED, "established"), (NONE_GIVEN, "given")):
        none = [
            outcome_name(study, str(k))
            for k in meta.index
            if k not in set(known) and no_mcid(str(meta["mcid_source"][k])) == words
        ]
        if none:
            text += f" None is {verb} for {listed(none)}."
    return "Minimal clinically important differences", text


def _unsigned(study: Study) -> Limitation | None:
    meta = study.outcomes
    names = [outcome_name(study, str(k)) for k in meta.index[meta["direction"] == 0]]
    events = [name for name, sign in study.event_directions.items() if sign == 0]
    if events:
        names += [f"rate of {reaction_label(name).lower()}" for name in events]
    if not names:
        return None
    return (
        "Outcomes without a better direction",
        (
            f"Neither a higher nor a lower {listed(names, 'or')} is a benefit as such. The report "
            "gives the probability of each direction and calls neither of them good."
        ),
    )


def _audit(study: Study, audit: Any | None) -> list[Limitation]:
    """The audit's findings on spread and on the limits of scales, in its own words."""
    if audit is None or audit.findings.empty:
        return []
    findings = audit.findings
    kinds = {
        "dispersion": "Are the printed SDs standard deviations?",
        "range": "Scores at the end of their scale",
    }
    found = []
    for kind, title in kinds.items():
        part = findings[(findings["kind"] == kind) & (findings["weight"] != "note")]
        if len(part):
            found.append((title, " ".join(_folded(item) for item in fold(study, part))))
    return found


def _folded(finding: FoldedFinding) -> str:
    """The first of the findings in full, and where else the same is found."""
    first, *others = finding.cells
    if not others:
        return first.text
    places = "; ".join(dict.fromkeys(cell.place for cell in others))
    return f"{first.text} The same is found in {plural(len(others), 'more cell')}: {places}."


def _readings(results: ReanalysisResults) -> Limitation | None:
    readings = {fit.spec.reading for fit in results.adverse_fits}
    if len(readings) < 2:
        return None
    event = "a reaction" if reactions_alone(results.study) else "the event"
    return (
        "What the counts count",
        (
            f"The tables do not say whether a count at a visit is of patients with {event} "
            "since the visit before or since the start. Both readings are reported."
        ),
    )


def _zero_cells(study: Study) -> Limitation | None:
    if study.adverse.empty:
        return None
    events = study.adverse.groupby(["reaction", "arm"], sort=False)["events"].sum().reset_index()
    zero = events[events["events"] == 0]
    if zero.empty:
        return None
    reactions = reactions_alone(study)
    noun = " reactions" if reactions else ""
    named = [
        f"{reaction_label(str(reaction)).lower()}{noun} under {arm_name(study, str(arm))}"
        for reaction, arm in zip(zero["reaction"], zero["arm"], strict=True)
    ]
    alone = len(study.event_directions) == 1
    others = "" if alone else (
        " and, in the hierarchical model, from the other "
        + ("reactions" if reactions else "events of the same direction")
    )  # fmt: skip
    return (
        "Reactions never seen" if reactions else "Events never seen",
        (
            f"No {listed(named, 'or')} were recorded. What is said of their rate comes from the "
            f"prior{others}."
        ),
    )


def _prior(results: ReanalysisResults) -> Limitation | None:
    fit = main_fit(results)
    if fit is None and results.adverse_fits:
        return (
            "What the prior carries",
            (
                f"The headline rests on the prior set “{results.adverse_fits[-1].spec.prior_name}” "
                "of the hierarchical model; adverse.csv has each count alone under Jeffreys' prior "
                "beside it. Another prior moves small effects more than large ones."
            ),
        )
    if fit is None:
        return None
    flat = any(own.prior == "reference" for own in results.table_fits)
    beside = "; the flat-prior analysis beside it shows how far it moves" if flat else ""
    return (
        "What the prior carries",
        (
            f"The headline rests on the prior set “{fit.prior}” of the model “{fit.model}”"
            f"{beside}. Another prior moves small effects more than large ones."
        ),
    )


def _very_large(results: ReanalysisResults) -> Limitation | None:
    fit = main_fit(results)
    if fit is None or fit.model != "longitudinal" or fit.prior == "reference":
        return None
    study, rows = results.study, headline_rows(results)
    layout = design(study)
    unit = rows["outcome"].map(dict(zip(layout.outcomes, layout.scale, strict=True)))
    reach = rows[["ci_low", "ci_high"]].abs().max(axis=1) / unit
    names = dict.fromkeys(rows.loc[reach > VERY_LARGE, "outcome"])
    if not names:
        return None
    named = listed([outcome_name(study, str(name)) for name in names])
    flat = any(own.prior == "reference" for own in results.table_fits)
    see = "the flat-prior analysis and the specification curve" if flat else (
        "the specification curve"
    )  # fmt: skip
    return (
        "Very large effects",
        (
            f"The intervals of {named} reach beyond {VERY_LARGE:g} baseline SDs. The prior set "
            f"“{fit.prior}” hardly expects effects of that size and pulls them towards 0: in "
            "simulations such intervals were too narrow. For the size of such an effect, see "
            f"{see}."
        ),
    )


def _outcomes_together(study: Study, *, joint: bool) -> Limitation | None:
    if len(study.outcomes) < 2:
        return None
    count = len(study.outcomes)
    if joint:
        return (
            "Many outcomes",
            (
                f"The {count} outcomes are measured in the same patients. The headline analyses "
                "them one by one; only the joint model speaks of several at once, and how closely "
                "a patient's outcomes go together is its prior, not the table."
            ),
        )
    return (
        "Many outcomes",
        (
            f"The {count} outcomes are measured in the same patients but analysed "
            "one by one: they are not so many independent pieces of evidence, and no probability "
            "here is of several being true together."
        ),
    )
