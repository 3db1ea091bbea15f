"""ArviZ figures of a handful of quantities of one fit: tree in, figure out.

The tree has ``posterior`` and, where there is one, ``prior`` with one variable ``value`` (chain,
draw, quantity), and ``sample_stats`` (chain, draw). Figures are compact, for every fit of the main
job has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bayesasthma.inference.diagnostics import ESS_MIN
from bayesasthma.plots.mcmc import (
    CHAIN_COLOURS,
    energy_panels,
    figure_of,
    private_pyplot,
    rank_panels,
)
from bayesasthma.plots.style import ACCENT, GREY, wrapped

WIDTH, ROW, COLUMNS = 8.8, 1.6, 4
#: Pareto k above which a leave-one-out estimate by importance sampling is not to be relied on
#: (Vehtari et al. 2024, J Mach Learn Res 25:72).
PARETO_K_MAX = 0.7


def _draws(tree: xr.DataTree, group: str) -> xr.DataArray:
    """The quantities (chain, draw, quantity) of a group."""
    return tree[group].to_dataset()["value"]


def _grid(tree: xr.DataTree) -> dict[str, Any]:
    from arviz_base.labels import NoVarLabeller

    rows = -(-tree["posterior"].sizes["quantity"] // COLUMNS)
    return {
        "backend": "matplotlib",
        "labeller": NoVarLabeller(),
        "col_wrap": COLUMNS,
        "figure_kwargs": {"figsize": (WIDTH, ROW * rows + 0.3), "layout": "none"},
    }


def _arrange(figure: Figure, top: float = 0.35) -> Figure:
    """Margins in inches, found without drawing everything twice; titles wrapped."""
    width, height = (float(value) for value in figure.get_size_inches())
    for axis in figure.axes:
        if title := axis.get_title() or axis.get_title("left"):
            axis.set_title("")
            axis.set_title(wrapped(title, 28), fontsize=7, loc="left")
        axis.set_ylabel("")
        axis.xaxis.set_major_locator(MaxNLocator(3))
        axis.yaxis.set_major_locator(MaxNLocator(3))
    figure.subplots_adjust(
        left=0.5 / width,
        right=1 - 0.1 / width,
        bottom=0.42 / height,
        top=1 - top / height,
        wspace=0.28,
        hspace=0.75,
    )
    return figure


def ranks(tree: xr.DataTree) -> Figure:
    """Ranks of each chain's draws less the expected, with a simultaneous band."""
    figure = rank_panels(_draws(tree, "posterior"), WIDTH, COLUMNS, 1.3)
    for axis in figure.axes:
        axis.set_title(wrapped(axis.get_title("left"), 28), fontsize=7, loc="left")
    return figure


def traces(tree: xr.DataTree) -> Figure:
    """Draws in order, by chain, with a mark at each divergent transition."""
    import arviz as az

    with private_pyplot():
        lines = {"trace": {"width": 0.4, "alpha": 0.7}, "xlabel": False}
        figure = figure_of(az.plot_trace(tree, visuals=lines, **_grid(tree)))
        return _arrange(figure)


def ess_evolution(tree: xr.DataTree) -> Figure:
    """Bulk and tail effective sample size as draws accumulate, with the gate's minimum."""
    import arviz as az

    with private_pyplot():
        kinds = {"ess_bulk": CHAIN_COLOURS[0], "ess_tail": CHAIN_COLOURS[2]}
        visuals: dict[str, Any] = {
            name: {"color": colour, "size": 8} for name, colour in kinds.items()
        }
        visuals |= {f"{name}_line": {"color": colour} for name, colour in kinds.items()}
        visuals |= {"xlabel": False, "ylabel": False}
        plot = az.plot_ess_evolution(
            tree, min_ess=ESS_MIN, n_points=10, visuals=visuals, **_grid(tree)
        )
        figure = figure_of(plot)
        names = {"ess_bulk": "bulk ESS", "ess_tail": "tail ESS"}
        handles = [Line2D([], [], color=kinds[k], label=names[k]) for k in kinds]
        handles.append(Line2D([], [], color="#555555", linestyle="-.", label="gate's minimum"))
        return _with_legend(_arrange(figure, 0.6), handles)


def autocorrelation(tree: xr.DataTree, lags: int = 40) -> Figure:
    """Autocorrelation of each chain's draws by lag."""
    import arviz as az

    with private_pyplot():
        most = min(lags, tree["posterior"].sizes["draw"] // 4)
        plot = az.plot_autocorr(tree, max_lag=most, visuals={"xlabel": False}, **_grid(tree))
        figure = figure_of(plot)
        for axis in figure.axes:
            axis.set_ylim(-0.3, 1.05)
        return _arrange(figure)


def prior_and_posterior(tree: xr.DataTree) -> Figure:
    """Prior and posterior densities."""
    import arviz as az

    with private_pyplot():
        colours = (GREY, ACCENT)
        plot = az.plot_prior_posterior(tree, kind="kde", color=list(colours), **_grid(tree))
        figure = figure_of(plot)
        for legend in [*figure.legends, *(axis.get_legend() for axis in figure.axes)]:
            if legend is not None:
                legend.remove()
        for panel, axis in enumerate(figure.axes[: tree["posterior"].sizes["quantity"]]):
            _look_at_both(axis, tree, panel)
        names = ("prior", "posterior")
        handles = [
            Line2D([], [], color=colour, label=name)
            for name, colour in zip(names, colours, strict=True)
        ]
        return _with_legend(_arrange(figure, 0.6), handles)


def _look_at_both(axis: Any, tree: xr.DataTree, panel: int) -> None:
    """Show the posterior and as much of the prior as leaves it visible."""
    own = _draws(tree, "posterior").isel(quantity=panel).to_numpy()
    prior = _draws(tree, "prior").isel(quantity=panel).to_numpy()
    middle, reach = np.median(own), 12 * np.std(own)
    low, high = np.quantile(prior, [0.005, 0.995])
    low = min(max(low, middle - reach), own.min())
    high = max(min(high, middle + reach), own.max())
    if low < high:
        axis.set_xlim(low, high)


def energy(tree: xr.DataTree) -> Figure:
    """Marginal energy against energy transitions, and E-BFMI by chain with the gate's minimum."""
    return energy_panels(tree, (WIDTH, 2.1))


def divergent_pairs(tree: xr.DataTree) -> Figure:
    """Pairs of the first quantities, divergent transitions marked."""
    import arviz as az

    names = [str(name) for name in _draws(tree, "posterior")["quantity"].to_numpy()[:4]]
    with private_pyplot():
        plot = az.plot_pair(
            tree,
            coords={"quantity": names},
            backend="matplotlib",
            visuals={"divergence": {"color": "#D55E00"}, "scatter": {"alpha": 0.1}},
            figure_kwargs={"figsize": (WIDTH, 6.5), "layout": "constrained"},
        )
        return figure_of(plot)


def predictive(tree: xr.DataTree) -> Figure:
    """Intervals of what the fit would print, by number, and what is printed.

    ``tree`` has ``posterior_predictive`` and ``observed_data`` with the same variables over a
    dimension ``number``.
    """
    import arviz as az

    kinds = list(tree["observed_data"].to_dataset().data_vars)
    with private_pyplot():
        plot = az.plot_ppc_interval(
            tree,
            backend="matplotlib",
            ci_probs=(0.5, 0.95),
            ci_kind="eti",
            visuals={"xlabel": False, "ylabel": False},
            col_wrap=1,
            figure_kwargs={"figsize": (WIDTH, 1.7 * len(kinds) + 0.2), "layout": "constrained"},
        )
        figure = figure_of(plot)
        for axis in figure.axes:
            axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        return figure


def pareto_k(elpd: Any) -> Figure:
    """Pareto k of every printed row, by ArviZ, of what `arviz.loo` returns pointwise."""
    import arviz as az

    with private_pyplot():
        plot = az.plot_khat(
            elpd,
            backend="matplotlib",
            visuals={"bin_text": False, "xlabel": False, "hlines": False},
            figure_kwargs={"figsize": (WIDTH, 1.8), "layout": "constrained"},
        )
        figure = figure_of(plot)
        figure.axes[0].axhline(PARETO_K_MAX, color="#555555", linestyle="--", linewidth=1)
        figure.axes[0].set_ylabel("Pareto k")
        return figure


def _with_legend(figure: Figure, handles: list[Line2D]) -> Figure:
    figure.legend(handles=handles, loc="upper left", ncols=len(handles), frameon=False)
    return figure


#: Figures of the quantities of a sampled fit, in the order of a page.
SAMPLER: dict[str, Callable[[xr.DataTree], Figure]] = {
    "ranks": ranks,
    "traces": traces,
    "ess": ess_evolution,
    "autocorrelation": autocorrelation,
    "energy": energy,
}
