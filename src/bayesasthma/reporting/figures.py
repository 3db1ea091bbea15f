"""The report's figures with their captions."""

from __future__ import annotations

from bayesasthma import plots
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.correlations import has_typical_correlation
from bayesasthma.plots.effects import scale_name
from bayesasthma.plots.predictive import table_predictions
from bayesasthma.plots.style import arm_name
from bayesasthma.reporting.captioned_figure import Drawing, draw, single
from bayesasthma.reporting.comparison_figures import comparison_drawings
from bayesasthma.reporting.event_tables import reactions_alone
from bayesasthma.reporting.joint_section import joint_drawings
from bayesasthma.reporting.missing_section import missing_drawings
from bayesasthma.reporting.next_trial_section import next_trial_drawings
from bayesasthma.reporting.outcome_pages import outcome_drawings
from bayesasthma.reporting.prior_section import prior_drawings
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import main_fit
from bayesasthma.reporting.wording import listed
from bayesasthma.study.study import Study


def drawings(results: ReanalysisResults) -> list[Drawing]:
    """Every figure that the results allow."""
    found: list[Drawing] = []
    study, fit = results.study, main_fit(results)
    if fit is not None:
        found += outcome_drawings(fit)
        for arm in study.treatments:
            found += _effects(results, fit, arm)
            found += comparison_drawings(results, arm)
        found += joint_drawings(results)
        found += missing_drawings(results)
        found += next_trial_drawings(results)
        if has_typical_correlation(fit):
            found.append(_correlation(fit))
        found += prior_drawings(study)
    if len(results.adverse):
        found += _adverse(results)
    if fit is not None:
        found += _predictive(results, fit)
        if _sampled(fit):
            found += _sampler(fit)
    return found


def _sampled(fit: Fit) -> bool:
    return "sample_stats" in fit.data.children


def _effects(results: ReanalysisResults, fit: Fit, arm: str) -> list[Drawing]:
    study = results.study
    suffix = "" if len(study.treatments) == 1 else f"_{arm}"
    who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
    unsigned = (
        " Grey: no direction is claimed as a benefit." if (study.outcomes["direction"] == 0).any()
        else ""
    )  # fmt: skip
    last = (
        " Outcomes that end earlier have fewer visits."
        if not _same_visits(study) and len(study.follow_up) > 1
        else ""
    )
    return [
        draw(
            f"standardised_effects{suffix}",
            "effects",
            f"Forest of standardised effects of {who}.",
            f"{who}: posterior mean and 95 % credible interval in {scale_name(study)} "
            "(printed, pooled over the arms). Outcomes differ in units and meaning; the scale only "
            f"makes them fit one axis.{last}{unsigned}",
            plots.standardised_forest,
            fit,
            arm,
        ),
    ]


def _same_visits(study: Study) -> bool:
    """Whether every outcome is printed at the same visits."""
    seen = study.table["mean"].notnull().any(["arm", "statistic"])
    return bool((seen == seen.isel(outcome=0)).all())


def _correlation(fit: Fit) -> Drawing:
    return draw(
        "correlations",
        "correlations",
        "Prior and posterior of the typical within-patient correlation of every outcome.",
        "The typical correlation between two visits of one patient. Where the line follows the "
        f"grey shape, the {'data have' if fit.study.patients is not None else 'table has'} said "
        "nothing.",
        plots.correlation_prior_posterior,
        fit,
    )


def _adverse(results: ReanalysisResults) -> list[Drawing]:
    study = results.study
    reactions = reactions_alone(study)
    events, event = ("reactions", "a reaction") if reactions else ("events", "the event")
    several = results.adverse["reading"].nunique() > 1
    when = (
        ": at the visit where counts are read as new, by the visit where they are read as running "
        "totals"
        if several
        else ""
    )
    over = [
        *(["visits"] if results.adverse["visit"].nunique() > 1 else []),
        *([events if reactions else "events of one direction"]
          if len(study.event_directions) > 1 else []),
    ]  # fmt: skip
    pools = f"pools over {listed(over)}" if over else "allows for extra variation"
    found = [
        draw(
            "reaction_rates",
            "adverse",
            f"Rates of {'adverse reactions' if reactions else 'events'} by arm, visit, reading and "
            "model.",
            f"Posterior mean and 95 % credible interval of the share of patients with {event}"
            f"{when}. The hierarchical model {pools}; the other takes each printed count alone.",
            plots.reaction_rates,
            study,
            results.adverse,
        )
    ]
    for arm in study.treatments:
        suffix = "" if len(study.treatments) == 1 else f"_{arm}"
        who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
        found.append(
            draw(
                f"risk_differences{suffix}",
                "adverse",
                f"Risk differences of {'adverse reactions' if reactions else 'events'}, {who}.",
                f"{who}: posterior mean and 95 % credible interval of the difference in risk.",
                plots.risk_differences,
                study,
                results.adverse,
                arm,
            )
        )
    return found


def _predictive(results: ReanalysisResults, fit: Fit) -> list[Drawing]:
    found = []
    table = table_predictions(fit)
    if len(table):
        inside = int(table["inside"].sum())
        found.append(
            draw(
                "predictive_table",
                "predictive",
                "Printed means and SDs against their posterior predictive distributions.",
                f"Tables that the fit would print: {inside} of {len(table)} printed numbers lie in "
                "their 95 % predictive interval. The fit has seen these numbers, so that more than "
                "95 % should.",
                plots.predictive_table,
                fit,
            )
        )
    counted = [f for f in results.adverse_fits if "posterior_predictive" in f.data.children]
    if counted:
        found.append(
            draw(
                "predictive_counts",
                "predictive",
                "Printed counts against their posterior predictive distributions.",
                "Counts of new patients with "
                f"{'a reaction' if reactions_alone(results.study) else 'the event'}: printed, and "
                "the hierarchical model's 95 % predictive interval.",
                plots.predictive_counts,
                counted,
            )
        )
    return found


def _sampler(fit: Fit) -> list[Drawing]:
    """What tells at a glance; the rest is in the fit's own diagnostic report."""
    what = "headline effect of every outcome at its last visit"
    chains = fit.data["posterior"].sizes["chain"]
    found = [
        single(
            "convergence", "sampler", "Distributions of R-hat and ESS over all parameters.",
            "Every parameter and every moment of the fit: share at or below each value of bulk "
            "ESS, tail ESS and R-hat. Dashed: the usual limits.",
            plots.convergence,
            fit,
        ),
        single(
            "energy", "sampler", "Energy of the sampler and E-BFMI by chain.",
            "Left: E-BFMI by chain, with the gate's minimum. Right: marginal energy and energy "
            "transitions, which should look alike.",
            plots.energy,
            fit,
        ),
    ]  # fmt: skip
    if chains > 1:
        found.append(
            single(
                "ranks", "sampler", f"Rank plots of the {what}.",
                f"Fractional ranks of each chain's draws of the {what}, less what is expected; "
                "a chain that leaves the band disagrees with the others.",
                plots.rank_plots,
            fit,
            )
        )  # fmt: skip
    return found
