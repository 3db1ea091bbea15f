"""The report's section on several outcomes at once, from the joint model."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bayesasthma import plots
from bayesasthma.plots.effects import scale_name
from bayesasthma.plots.style import arm_name, outcome_name, visit_name
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import interval, listed, number
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.study import Study

SETS = {"primary": "the primary outcomes", "directed": "all outcomes with a direction of benefit"}


@dataclass(frozen=True)
class JointPart:
    """What the section prints of one treated arm.

    Attributes
    ----------
    who : str
        ``A against B``.
    visits : list of str
        Labels of the follow-up visits.
    domains : list of list of str
        Domain, then by visit the effect with its interval and P(benefit).
    sets : list of list of str
        Statement, then by visit the probability (or number), and what independence would give.
    ranks : list of list of str
        Outcome, mean rank and P(largest) at the last visit.
    outcomes : str
        Which outcomes the sets hold, in words.
    scale : str
        What benefits are in: ``SDs at baseline``, or of what there is instead.
    """

    who: str
    visits: list[str]
    domains: list[list[str]]
    sets: list[list[str]]
    ranks: list[list[str]]
    outcomes: str
    scale: str


def joint_section(results: ReanalysisResults) -> list[JointPart]:
    """One part per treated arm; empty without a joint fit."""
    table, study = results.joint, results.study
    if not len(table):
        return []
    return [
        _part(results, table[table["arm"] == arm], arm)
        for arm in study.treatments
        if (table["arm"] == arm).any()
    ]


def _part(results: ReanalysisResults, table: pd.DataFrame, arm: str) -> JointPart:
    study = results.study
    visits = [visit for visit in study.follow_up if (table["visit"] == visit).any()]
    return JointPart(
        who=f"{arm_name(study, arm)} against {arm_name(study, study.control)}",
        visits=[visit_name(study, visit) for visit in visits],
        domains=_domains(table, visits),
        sets=_sets(table, visits),
        ranks=_ranks(study, table, visits[-1]),
        outcomes=_outcomes(study, table),
        scale=scale_name(study),
    )


def _at(rows: pd.DataFrame, visit: str) -> pd.Series | None:
    found = rows[rows["visit"] == visit]
    return found.iloc[0] if len(found) else None


def _domains(table: pd.DataFrame, visits: list[str]) -> list[list[str]]:
    estimand = "domain_effect" if (table["estimand"] == "domain_effect").any() else "domain_mean"
    rows = table[table["estimand"] == estimand]
    found = []
    for domain in dict.fromkeys(rows["subject"]):
        cells = [str(domain)]
        for visit in visits:
            row = _at(rows[rows["subject"] == domain], visit)
            if row is None:
                cells += ["", ""]
                continue
            cells.append(interval(row["mean"], row["ci_low"], row["ci_high"], 2))
            cells.append(format_probability(row["p_benefit"], row["p_benefit_mcse"]))
        found.append(cells)
    return found


def _sets(table: pd.DataFrame, visits: list[str]) -> list[list[str]]:
    texts = {
        "all_improve": "P(every one improves)",
        "all_improve_by_mcid": "P(every one with an MCID improves by at least it)",
        "number_improving": "Expected number that improve",
    }
    found = []
    for name, words in SETS.items():
        for estimand, text in texts.items():
            rows = table[(table["outcomes"] == name) & (table["estimand"] == estimand)]
            if not len(rows):
                continue
            cells = [f"{text}: {words}"]
            for visit in visits:
                row = _at(rows, visit)
                if row is None:
                    cells += ["", ""]
                elif estimand == "number_improving":
                    cells += [number(float(row["mean"]), 1), ""]
                else:
                    mcse = float(row["mcse"])
                    cells += [
                        format_probability(float(row["mean"]), mcse),
                        format_probability(float(row["if_independent"]), mcse),
                    ]
            found.append(cells)
    return found


def _ranks(study: Study, table: pd.DataFrame, visit: str) -> list[list[str]]:
    own = table[(table["visit"] == visit) & (table["outcomes"] == "directed")]
    mean = own[own["estimand"] == "mean_rank"].set_index("subject").sort_values("mean")
    first = own[(own["estimand"] == "rank") & (own["m"] == 1)].set_index("subject")
    return [
        [
            outcome_name(study, str(outcome)),
            number(float(row["mean"]), 1),
            format_probability(
                float(first["mean"].to_dict()[outcome]), float(first["mcse"].to_dict()[outcome])
            ),
        ]
        for outcome, row in mean.iterrows()
    ]


def _outcomes(study: Study, table: pd.DataFrame) -> str:
    sentences = []
    for name, words in SETS.items():
        own = table[(table["outcomes"] == name) & (table["estimand"] == "mean_rank")]
        if len(own):
            members = [outcome_name(study, str(k)) for k in dict.fromkeys(own["subject"])]
            sentences.append(f"{words[:1].upper()}{words[1:]} are {listed(members)}.")
    return " ".join(sentences)


def joint_drawings(results: ReanalysisResults) -> list[Drawing]:
    """The shrinkage figure of every treated arm, if a joint model was fitted."""
    study = results.study
    if not len(results.joint):
        return []
    found = []
    visit = str(study.visits.index[-1])
    for arm in study.treatments:
        own = results.comparison
        own = own[(own["arm"] == arm) & (own["visit"] == visit) & own["p_recomputed"].notna()]
        p = own.drop_duplicates("outcome").set_index("outcome")["p_recomputed"]
        suffix = "" if len(study.treatments) == 1 else f"_{arm}"
        who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
        found.append(
            draw(
                f"shrinkage{suffix}",
                "joint",
                "Each outcome's effect under models that pool nothing, over visits and over "
                "outcomes.",
                f"{who}, {visit_name(study, visit)}: difference in means, posterior mean and 95 % "
                "credible interval. Independent: every visit alone, flat priors. Longitudinal: "
                "each outcome's visits together. Joint: benefits pooled within domains, outcomes "
                "of a patient correlated. BH q: Benjamini–Hochberg over the outcomes of this "
                "visit, from the p-values recomputed from the table. A model that pools shifts "
                "estimates; an adjusted p leaves them where they are.",
                plots.shrinkage,
                study,
                results.effects,
                p,
                arm,
            )
        )
    return found
