"""Every prior set of an effect beside what the table says of it, by outcome."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from bayesasthma.comparison.prior_check import DEFAULT_RHO, estimates, last_estimates, pdf
from bayesasthma.models.design import design
from bayesasthma.models.moments import effect_priors
from bayesasthma.models.specification import TableSpec
from bayesasthma.plots.style import (
    GREY,
    NARROW,
    STYLE,
    WIDE,
    outcome_name,
    panels,
    pretty_unit,
    visit_name,
    wrapped,
)
from bayesasthma.priors.distributions import PriorSet
from bayesasthma.priors.named_sets import registry
from bayesasthma.study.study import Study

#: Colour-blind-safe colours (Okabe and Ito) and line styles of the sets.
LINES = (
    ("#56B4E9", "-"),
    ("#0072B2", "--"),
    ("#009E73", "-."),
    ("#D55E00", ":"),
    ("#E69F00", "-"),
    ("#CC79A7", "--"),
)


@mpl.rc_context(STYLE)
def prior_densities(
    study: Study,
    priors: tuple[PriorSet, ...] | None = None,
    *,
    rho: float | None = DEFAULT_RHO,
    narrow: bool = False,
) -> Figure:
    """Prior densities of each outcome's effect at its last visit, over the likelihood.

    Parameters
    ----------
    study : Study
    priors : tuple of PriorSet, optional
        The registry by default; flat sets have no density and are left out.
    rho : float or None
        As in :func:`bayesasthma.comparison.prior_check.prior_check`.
    narrow : bool
        For a phone.

    Returns
    -------
    Figure
        Of the first treated arm. Densities are scaled to a height of 1, so that what is compared
        is where they lie and how wide they are; grey is the normal likelihood of the estimate.
    """
    chosen = [prior for prior in (priors or registry()) if not prior.flat]
    layout = design(study, as_table=True)
    found = last_estimates([item for item in estimates(layout, rho) if item.arm == 1])
    last = max(item.visit for item in found)
    figure, axes = panels(len(found), narrow=narrow, wide_columns=5, height=1.75)
    drawn = {p.name: effect_priors(layout, TableSpec("longitudinal", p)) for p in chosen}
    for axis, item in zip(axes, found, strict=True):
        unit = float(layout.scale[item.outcome])
        narrowest = min(own[item.outcome].components[-1].scale for own in drawn.values())
        reach = max(abs(item.value) + 4 * item.error, 3 * narrowest)
        x = np.linspace(-reach, reach, 601)
        likelihood = stats.norm(item.value, item.error).pdf(x)
        axis.fill_between(
            x * unit, likelihood / likelihood.max(), color=GREY, alpha=0.35, linewidth=0,
            label="likelihood",
        )  # fmt: skip
        for (colour, style), prior in zip(LINES * len(chosen), chosen, strict=False):
            curve = pdf(drawn[prior.name][item.outcome], x)
            axis.plot(x * unit, curve / curve.max(), style, color=colour, label=prior.name)
        axis.axvline(0, color=GREY, linewidth=0.6)
        name = layout.outcomes[item.outcome]
        early = "" if item.visit == last else f", {visit_name(study, layout.visits[item.visit])}"
        axis.set_title(outcome_name(study, name) + early)
        axis.set_xlabel(pretty_unit(str(study.outcomes["unit"][name])))
        axis.set_yticks([])
        axis.set_ylim(0, 1.08)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 if narrow else 7)
    title = f"Effect at {visit_name(study, layout.visits[last])}: prior sets and likelihood"
    figure.suptitle(wrapped(title, int((NARROW if narrow else WIDE) * 11)), fontsize=9.5)
    return figure
