"""Diagnostic pages: one self-contained file for every fit, drawn over all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bayesasthma._files.output import write_text
from bayesasthma.dispatch.side_by_side import side_by_side
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.diagnostics import ESS_MIN, R_HAT_MAX
from bayesasthma.inference.fitting import Fit
from bayesasthma.inference.reopened import inputs_changed, spec_of
from bayesasthma.inference.saved_fits import record_of
from bayesasthma.models.design import Design, design
from bayesasthma.models.moments import effect_priors
from bayesasthma.plots import quantity_diagnostics as plots
from bayesasthma.plots.style import outcome_name, pretty_unit
from bayesasthma.reporting.captioned_figure import Picture, as_png
from bayesasthma.reporting.diagnostic_report.checks import inside, leave_one_out, predictions
from bayesasthma.reporting.diagnostic_report.event_nodes import event_nodes, event_priors
from bayesasthma.reporting.diagnostic_report.gate_items import gate_items
from bayesasthma.reporting.diagnostic_report.model_graph import svg
from bayesasthma.reporting.diagnostic_report.model_nodes import table_nodes
from bayesasthma.reporting.diagnostic_report.scalars import (
    block_table,
    headline_quantities,
    quantities,
    scalar_table,
    tree_of,
    with_prior,
    worst_label,
)
from bayesasthma.reporting.diagnostic_report.tables import HEADINGS, sampler_rows, summary_rows
from bayesasthma.reporting.writing import page_environment
from bayesasthma.specification_curve import load_sensitivity

#: Folder of the pages in a run's folder, and dots per inch of their figures.
FOLDER, DPI = "diagnostics", 105

AnyFit = Fit | AdverseFit


class Caption(NamedTuple):
    """Title of a figure, what a reader who cannot see it is told, and what to look for."""

    title: str
    alt: str
    text: str


CAPTIONS = {
    "ranks": Caption(
        "Ranks",
        "Fractional ranks of each chain's draws among all, less what is expected.",
        "One line a chain. Chains that agree stay within the band (99 % of all lines together; "
        "Säilynoja et al. 2022). A line above and then below it has draws that are too small.",
    ),
    "traces": Caption(
        "Traces",
        "Draws in order, one colour a chain.",
        "A band of one height without drift or steps. A chain that stays apart, or climbs, has not "
        "arrived.",
    ),
    "ess": Caption(
        "Effective sample size as draws accumulate",
        "Bulk and tail effective sample size against the number of draws.",
        "Both should grow in proportion to the draws and end well above the gate's minimum. A line "
        "that flattens means that more draws will not help.",
    ),
    "autocorrelation": Caption(
        "Autocorrelation",
        "Autocorrelation of each chain by lag, with a band about 0.",
        "Should fall into the band within some lags; negative values at the first lag are an "
        "advantage, for errors then cancel.",
    ),
    "energy": Caption(
        "Energy",
        "E-BFMI by chain, and distributions of the energy and of its steps.",
        "The two distributions should look alike. Steps much narrower than the energy itself mean "
        "that the tails are visited too rarely.",
    ),
    "divergences": Caption(
        "Divergent transitions",
        "Pairs of quantities with divergent transitions marked.",
        "Where divergent draws crowd, the posterior is too sharp for the step size.",
    ),
    "prior": Caption(
        "Prior and posterior",
        "Prior and posterior densities.",
        "Where the posterior lies on the prior, the table has said nothing of that quantity. Shown "
        "are the posterior and its surroundings; a wide prior goes on beyond the panel.",
    ),
    "predictive": Caption(
        "Posterior predictive check",
        "Predictive intervals of every printed number, and what is printed.",
        "Thin and thick bars: 95 and 50 % of what the fit would print; dots: what is printed, one "
        "after the other in the order of the table, means and SDs in units of their "
        "predictive SD. The "
        "fit has seen these numbers, so that nearly all should lie inside.",
    ),
    "pareto": Caption(
        "Pareto k of leaving out one row",
        "Pareto k of every printed row, with the limit of 0.7.",
        "Above 0.7 the posterior without that row is too different for importance sampling.",
    ),
}


def write_diagnostics(
    fits: Sequence[AnyFit], folder: Path, power: pd.DataFrame | None = None
) -> list[Path]:
    """Write ``diagnostics/<fit>.html`` for fits of one study, over all cores.

    Parameters
    ----------
    fits : sequence of Fit or AdverseFit
    folder : Path
        The run's folder.
    power : DataFrame, optional
        Power-scaling of the default fit, as ``power_scaling.csv``; read from the folder where it
        has one.

    Returns
    -------
    list of Path
        The pages, in the order of the fits.

    Raises
    ------
    BayesAsthmaError
        If a page cannot be written.
    """
    if not fits:
        return []
    found = _power(fits[0], folder) if power is None else power
    # the slowest first
    order = sorted(range(len(fits)), key=lambda i: -fits[i].data["posterior"].nbytes)
    _, pages = side_by_side([partial(diagnostic_page, fits[i], found) for i in order])
    paths = {}
    for i, page in zip(order, pages, strict=True):
        paths[i] = folder / FOLDER / f"{fits[i].label}.html"
        write_text(page, paths[i])
    return [paths[i] for i in range(len(fits))]


def diagnose(fit: AnyFit | Sequence[AnyFit], folder: str | Path) -> list[Path]:
    """Leave a diagnostic page of every fit in ``folder/diagnostics``: `write_diagnostics`."""
    fits = [fit] if isinstance(fit, Fit | AdverseFit) else list(fit)
    return write_diagnostics(fits, Path(folder))


def _power(fit: AnyFit, folder: Path) -> pd.DataFrame | None:
    curve = load_sensitivity(fit.study, folder)
    return None if isinstance(curve, str) or curve.power.empty else curve.power


def diagnostic_page(fit: AnyFit, power: pd.DataFrame | None = None) -> str:
    """The page of one fit, as HTML without anything to load."""
    content = page_content(fit, power)
    page: str = page_environment().get_template("diagnostics.html.j2").render(content)
    return page


def page_content(fit: AnyFit, power: pd.DataFrame | None = None) -> dict[str, Any]:
    """What the template prints, figures included."""
    scalars = scalar_table(fit.data["posterior"].to_dataset())
    leading = headline_quantities(fit)
    chosen = quantities(fit.data, scalars, leading)
    tree = tree_of(chosen, fit.data)
    loo = leave_one_out(fit.data, tree)
    new = predictions(fit.data)
    drawn: list[tuple[str, Callable[[], Any]]] = []
    if fit.gate.sampled:
        several = tree["posterior"].sizes["chain"] > 1
        drawn += [
            (name, partial(figure, tree))
            for name, figure in plots.SAMPLER.items()
            if (several or name != "ranks")
            and (name != "energy" or "energy" in tree["sample_stats"].to_dataset())
        ]
        if fit.gate.divergences:
            drawn.append(("divergences", partial(plots.divergent_pairs, tree)))
    if (both := with_prior(chosen)) is not None:
        drawn.append(("prior", partial(plots.prior_and_posterior, both)))
    if new is not None:
        drawn.append(("predictive", partial(plots.predictive, new)))
    if loo is not None:
        drawn.append(("pareto", partial(plots.pareto_k, loo.elpd)))
    pictures = {name: _picture(name, figure) for name, figure in drawn}
    return {
        "fit": fit,
        "study": fit.study,
        "gate": fit.gate,
        "items": gate_items(fit.gate, worst_label(scalars)),
        "blocks": block_table(scalars).to_dict("records"),
        "headings": list(HEADINGS.values()),
        "summary": summary_rows(fit.data, scalars, leading),
        "sampler": sampler_rows(fit.data),
        "chosen": chosen,
        "pictures": pictures,
        "inside": inside(new) if new is not None else [],
        "loo": loo,
        "power": _power_rows(fit, power),
        "changed": inputs_changed(fit),
        "options": record_of(fit.data).get("options", {}),
        "limits": {"r_hat": R_HAT_MAX, "ess": ESS_MIN},
    } | _model(fit)


def _picture(name: str, figure: Callable[[], Any]) -> Picture:
    caption = CAPTIONS[name]
    return Picture(caption.title, name, caption.alt, caption.text, as_png(figure(), DPI))


def _model(fit: AnyFit) -> dict[str, Any]:
    """The model written out: nodes, graph, and priors of the effects in numbers."""
    if isinstance(fit, AdverseFit):
        nodes = event_nodes(fit)
        return {
            "nodes": nodes,
            "graph": svg(nodes),
            "prior_set": fit.spec.prior,
            "effect_priors": [(name, prior, "") for name, prior in event_priors(fit)],
            "prior_of": "minus the log odds ratio (positive: fewer events)",
        }
    spec = spec_of(fit)
    names = [str(name) for name in fit.moments["outcome"].to_numpy()]
    layout = design(fit.study, names, as_table=spec.model == "independent")
    nodes = table_nodes(layout, spec)
    return {
        "nodes": nodes,
        "graph": svg(nodes),
        "prior_set": spec.prior,
        "effect_priors": [] if spec.prior.flat else _effect_rows(fit, layout, spec),
        "prior_of": "the effect (treated less control) at each follow-up visit",
    }


def _effect_rows(fit: Fit, layout: Design, spec: Any) -> list[tuple[str, str, str]]:
    """Outcome and the prior of its effect, in baseline SDs and in its own unit."""
    rows = []
    for k, prior in enumerate(effect_priors(layout, spec)):
        name = layout.outcomes[k]
        unit = pretty_unit(str(fit.study.outcomes.loc[name, "unit"]))
        own = prior.times(float(layout.scale[k])).describe()
        rows.append((outcome_name(fit.study, name), prior.describe(), f"{own} {unit}".strip()))
    return rows


def _power_rows(fit: AnyFit, power: pd.DataFrame | None) -> list[list[str]]:
    """Power-scaling of this fit's headline effects, if it is the default fit."""
    from bayesasthma.models.specification import table_spec

    if power is None or not isinstance(fit, Fit) or fit.label != table_spec("longitudinal").label:
        return []
    study = fit.study
    return [
        [
            outcome_name(study, str(row["outcome"])),
            str(study.arms.loc[row["arm"], "label"]),
            str(study.visits.loc[row["visit"], "label"]),
            f"{row['prior_sensitivity']:.3f}",
            f"{row['likelihood_sensitivity']:.3f}",
            str(row["diagnosis"]),
        ]
        for row in power.to_dict("records")
        if row["outcome"] in study.outcomes.index
    ]
