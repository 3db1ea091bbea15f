"""The report's figures with their captions, as PNG bytes for a page and for a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from bayesasthma import plots
from bayesasthma.fitting import Fit
from bayesasthma.plots.correlations import has_typical_correlation
from bayesasthma.plots.predictive import table_predictions
from bayesasthma.plots.style import arm_name
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import main_fit

WIDE_DPI, NARROW_DPI = 125, 180

Draw = Callable[..., Figure]


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    name : str
        Of its file, without the suffix.
    section : str
        Where in the report it stands.
    alt, caption : str
        What a reader who cannot see it is told, and what stands below it.
    wide, narrow : bytes
        PNG for a page and for a phone; ``narrow`` is empty if one serves both.
    size, narrow_size : (int, int)
        Pixels across and down.
    """

    name: str
    section: str
    alt: str
    caption: str
    wide: bytes
    size: tuple[int, int]
    narrow: bytes = b""
    narrow_size: tuple[int, int] = (0, 0)

    @property
    def wide_uri(self) -> str:
        """The wide picture as a ``data:`` address."""
        return _uri(self.wide)

    @property
    def narrow_uri(self) -> str:
        """The narrow picture as a ``data:`` address."""
        return _uri(self.narrow)


def pictures(results: ReanalysisResults) -> list[Picture]:
    """Draw every figure that the results allow."""
    found: list[Picture] = []
    study, fit = results.study, main_fit(results)
    if fit is not None:
        found.append(_trajectories(fit))
        for arm in study.treatments:
            found += _effects(results, fit, arm)
        if has_typical_correlation(fit):
            found.append(_correlation(fit))
    if len(results.adverse):
        found += _adverse(results)
    if fit is not None:
        found += _predictive(results, fit)
        if _sampled(fit):
            found += _sampler(fit)
    return found


def _draw(name: str, section: str, alt: str, caption: str, draw: Draw, *args: Any) -> Picture:
    wide, size = _png(draw(*args), WIDE_DPI)
    narrow, narrow_size = _png(draw(*args, narrow=True), NARROW_DPI)
    return Picture(name, section, alt, caption, wide, size, narrow, narrow_size)


def _single(name: str, section: str, alt: str, caption: str, figure: Figure) -> Picture:
    wide, size = _png(figure, WIDE_DPI)
    return Picture(name, section, alt, caption, wide, size)


def _png(figure: Figure, dpi: int) -> tuple[bytes, tuple[int, int]]:
    stream = io.BytesIO()
    # no software version in the file: the same results give the same bytes
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    width, height = figure.get_size_inches() * dpi
    return stream.getvalue(), (int(width), int(height))


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _sampled(fit: Fit) -> bool:
    return "sample_stats" in fit.data.children


def _trajectories(fit: Fit) -> Picture:
    return _draw(
        "trajectories",
        "trajectories",
        "Mean of every outcome over the weeks, by arm: printed values and posterior.",
        "Circles and bars: printed mean ± standard error. Lines and bands: posterior mean and 95 % "
        f"credible interval of the population mean (model {fit.model}, prior {fit.prior}). A band "
        "is about twice as wide as a bar because it covers 95 % and a bar 68 %.",
        plots.trajectories,
        fit,
    )


def _effects(results: ReanalysisResults, fit: Fit, arm: str) -> list[Picture]:
    study = results.study
    suffix = "" if len(study.treatments) == 1 else f"_{arm}"
    who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
    unsigned = (
        " Grey: no direction is claimed as a benefit." if (study.outcomes["direction"] == 0).any()
        else ""
    )  # fmt: skip
    found = [
        _draw(
            f"standardised_effects{suffix}",
            "effects",
            f"Forest of standardised effects of {who}.",
            f"{who}: posterior mean and 95 % credible interval over the outcome's SD at baseline "
            "(printed, pooled over the arms). Outcomes differ in units and meaning; the scale only "
            f"makes them fit one axis.{unsigned}",
            plots.standardised_forest,
            fit,
            arm,
        ),
        _draw(
            f"benefit_curves{suffix}",
            "effects",
            f"Probability that the benefit of {who} exceeds any given size.",
            f"{who}: read off the probability of a benefit larger than any x you care for. The "
            "curve "
            "at 0 is P(benefit), at the dashed line P(benefit > MCID); a relative MCID is drawn at "
            f"the control arm's posterior mean at the last visit.{unsigned}",
            plots.benefit_curves,
            fit,
            arm,
        ),
    ]
    printed = results.comparison[results.comparison["arm"] == arm]
    if len(printed) and printed["p_printed"].notna().any():
        found.append(
            _draw(
                f"p_against_probability{suffix}",
                "p_values",
                "Posterior probability of benefit against the printed p-value.",
                f"{who}, follow-up visits, outcomes with a direction of benefit. Hollow: each "
                "visit "
                "alone with flat priors, which lies on the dashed line wherever the printed p is "
                "the "
                "t test's. Filled: the longitudinal model. Above the line the tables say more than "
                "the printed p. Cells whose recomputed p is ten or more times smaller than the "
                "printed one are named. A p is not the probability that there is no effect: the "
                "line holds for flat priors only.",
                plots.p_against_probability,
                study,
                results.comparison,
                arm,
            )
        )
    return found


def _correlation(fit: Fit) -> Picture:
    return _draw(
        "correlations",
        "correlations",
        "Prior and posterior of the typical within-patient correlation of every outcome.",
        "The typical correlation between two visits of one patient. Where the line follows the "
        "grey shape, the table has said nothing.",
        plots.correlation_prior_posterior,
        fit,
    )


def _adverse(results: ReanalysisResults) -> list[Picture]:
    study = results.study
    found = [
        _draw(
            "reaction_rates",
            "adverse",
            "Rates of adverse reactions by arm, visit, reading and model.",
            "Posterior mean and 95 % credible interval of the share of patients with a reaction: "
            "at "
            "the visit where counts are read as new, by the visit where they are read as running "
            "totals. The hierarchical model pools over visits and reactions; the other takes each "
            "printed count alone.",
            plots.reaction_rates,
            study,
            results.adverse,
        )
    ]
    for arm in study.treatments:
        suffix = "" if len(study.treatments) == 1 else f"_{arm}"
        who = f"{arm_name(study, arm)} against {arm_name(study, study.control)}"
        found.append(
            _draw(
                f"risk_differences{suffix}",
                "adverse",
                f"Risk differences of adverse reactions, {who}.",
                f"{who}: posterior mean and 95 % credible interval of the difference in risk.",
                plots.risk_differences,
                study,
                results.adverse,
                arm,
            )
        )
    return found


def _predictive(results: ReanalysisResults, fit: Fit) -> list[Picture]:
    found = []
    table = table_predictions(fit)
    if len(table):
        inside = int(table["inside"].sum())
        found.append(
            _draw(
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
            _draw(
                "predictive_counts",
                "predictive",
                "Printed reaction counts against their posterior predictive distributions.",
                "Counts of new patients with a reaction: printed, and the hierarchical model's 95 "
                "% predictive interval.",
                plots.predictive_counts,
                counted,
            )
        )
    return found


def _sampler(fit: Fit) -> list[Picture]:
    what = "headline effect of every outcome at its last visit"
    chains = fit.data["posterior"].sizes["chain"]
    found = [
        _single(
            "convergence", "sampler", "Distributions of R-hat and ESS over all parameters.",
            "Every parameter and every moment of the fit: share at or below each value of bulk "
            "ESS, tail ESS and R-hat. Dashed: the usual limits.",
            plots.convergence(fit),
        ),
        _single(
            "energy", "sampler", "Energy of the sampler and E-BFMI by chain.",
            "Left: E-BFMI by chain, with the gate's minimum. Right: marginal energy and energy "
            "transitions, which should look alike.",
            plots.energy(fit),
        ),
    ]  # fmt: skip
    if chains > 1:
        found.append(
            _single(
                "ranks", "sampler", f"Rank plots of the {what}.",
                f"Fractional ranks of each chain's draws of the {what}, less what is expected; "
                "a chain that leaves the band disagrees with the others.",
                plots.rank_plots(fit),
            )
        )  # fmt: skip
    found += [
        _single(
            "traces", "sampler", f"Traces of the {what}.",
            f"Draws of the {what} in order, in outcome units; one colour per chain.",
            plots.traces(fit),
        ),
        _single(
            "ess_evolution", "sampler", f"Effective sample size of the {what} as draws accumulate.",
            f"Effective sample size of the {what} as draws accumulate: it should grow steadily.",
            plots.ess_evolution(fit),
        ),
        _single(
            "chain_forest", "sampler", f"Intervals of the {what}, chain by chain.",
            f"The {what}, chain by chain: 50 and 95 % intervals, which should coincide.",
            plots.chain_forest(fit),
        ),
    ]  # fmt: skip
    if "prior" in fit.data.children:
        found.append(
            _single(
                "prior_posterior", "sampler", f"Prior and posterior of the {what}.",
                f"Prior and posterior density of the {what}, in outcome units.",
                plots.prior_posterior(fit),
            )
        )  # fmt: skip
    return found
