"""Figures that set the posterior beside the p-values, with their captions."""

from __future__ import annotations

from bayesasthma import plots
from bayesasthma.plots.arms_and_contrast import contrast_rows
from bayesasthma.plots.effects import scale_name
from bayesasthma.plots.style import arm_name
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.reporting.results import ReanalysisResults

MAIN = "longitudinal"


def comparison_drawings(results: ReanalysisResults, arm: str) -> list[Drawing]:
    """What the comparison of one treated arm allows: p, arms and contrast, scepticism."""
    study, table = results.study, results.comparison
    own = table[(table["arm"] == arm) & (table["model"] == MAIN)]
    signed = own[own["p_benefit"].notna() & own["visit"].isin(study.follow_up)]
    suffix = "" if len(study.treatments) == 1 else f"_{arm}"
    who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
    found = []
    between = signed[signed["estimand"] != "change"]
    if between["p_printed"].notna().any():
        found.append(
            draw(
                f"p_against_probability{suffix}",
                "comparison",
                "Printed and recomputed p-values against the posterior probability of benefit.",
                f"{who}, follow-up visits, outcomes with a direction of benefit. Dot: printed p. "
                "Bar: p of Student's t test over every way the printed means and SDs may have been "
                "rounded. A dot away from its bar is not what the table gives. Diamond: twice the "
                "posterior chance of no benefit (longitudinal model); with flat priors and one "
                "visit it would lie on the bar. A p is not the probability that there is no "
                "effect.",
                plots.p_against_probability,
                study,
                table,
                arm,
            )
        )
    if contrast_rows(study, table, arm, MAIN)["p_printed"].notna().any():
        found.append(
            draw(
                f"arms_and_contrast{suffix}",
                "arms_and_contrast",
                "Changes within each arm beside the contrast between the arms.",
                "Left: posterior mean and 95 % credible interval of the change within each arm, "
                "with the p that the paper prints for it. Right: the baseline-adjusted difference "
                f"between the arms, which is the question. Both in {scale_name(study)}, signed so "
                "that "
                "right is better; longitudinal model.",
                plots.arms_and_contrast,
                study,
                table,
                arm,
            )
        )
    if signed["sceptical_sd_95"].notna().any():
        found.append(
            draw(
                f"survived_scepticism{suffix}",
                "scepticism",
                "Shrinkage of the estimates and the sceptical priors they survive.",
                "Left: each cell alone with flat priors, and the longitudinal model, which pools "
                "over visits and adjusts for baseline. Right: SD of a prior about no effect at "
                "which P(benefit) falls below 0.95 (dot) and below 0.975 (other end of the bar). "
                "The further left of the tick, the more doubt beyond the prior set “sceptical” the "
                "finding outlasts.",
                plots.survived_scepticism,
                study,
                table,
                arm,
            )
        )
    return found
