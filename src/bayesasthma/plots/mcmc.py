"""Sampler diagnostics of the headline quantities, many by ArviZ, outside any pyplot session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bayesasthma.inference.convergence import diagnose, ess_bulk, ess_tail
from bayesasthma.inference.diagnostics import BFMI_MIN, ESS_MIN, R_HAT_MAX
from bayesasthma.inference.fitting import Fit
from bayesasthma.inference.rank_bands import rank_band, rank_differences
from bayesasthma.plots.headline import SAMPLE, headline
from bayesasthma.plots.style import ACCENT, GREY, STYLE, blank, outcome_name

WIDTH = 6.4
#: Tol's muted colours (personal.sron.nl/~pault) for chains and groups: no arm has them.
CHAIN_COLOURS = ("#332288", "#88CCEE", "#999933", "#882255", "#44AA99", "#DDCC77", "#CC6677")


def headline_tree(fit: Fit, arm: str | None = None) -> xr.DataTree:
    """The headline effect of every outcome at its last visit: variable ``headline`` (outcome).

    Groups ``posterior``, ``sample_stats`` and, if the fit has one, ``prior``; outcome units.
    """
    groups = {"posterior": _variables(fit, arm)}
    if "sample_stats" in fit.data.children:
        groups["sample_stats"] = of_all_outcomes(fit.data["sample_stats"].to_dataset())
    if "prior" in fit.data.children and "mean" in fit.data["prior"]:
        prior = xr.DataTree.from_dict(
            {
                "posterior": fit.data["prior"].to_dataset(),
                "constant_data": fit.data["constant_data"].to_dataset(),
            }
        )
        groups["prior"] = _variables(
            Fit(fit.study, fit.label, fit.model, fit.prior, prior, {}), arm
        )
    return xr.DataTree.from_dict(groups)


def of_all_outcomes(stats: xr.Dataset) -> xr.Dataset:
    """Statistics (chain, draw): of outcomes sampled apart, those of the one with least E-BFMI.

    A draw is divergent, or at the largest tree, if any outcome's is.
    """
    if "outcome" not in stats.dims:
        return stats
    energy = stats["energy"]
    bfmi = (energy.diff("draw") ** 2).mean("draw") / energy.var("draw")
    worst = stats.isel(outcome=int(bfmi.min("chain").argmin("outcome")), drop=True)
    flags = [name for name in ("diverging", "maxdepth_reached") if name in stats]
    return worst.assign({name: stats[name].any("outcome") for name in flags})


def _variables(fit: Fit, arm: str | None) -> xr.Dataset:
    draws = headline(fit).draws.sel(arm=arm or fit.study.treatments[0], drop=True)
    found, shown = [], []
    for outcome in map(str, draws["outcome"].to_numpy()):
        own = draws.sel(outcome=outcome, drop=True)
        finite = own.notnull().all(SAMPLE).to_numpy()
        if finite.any():
            found.append(own.isel(visit=int(np.flatnonzero(finite)[-1]), drop=True))
            shown.append(outcome)
    names = [outcome_name(fit.study, outcome) for outcome in shown]
    unique = len(set(names)) == len(names)
    joined = xr.concat(found, "outcome").assign_coords(outcome=names if unique else shown)
    return xr.Dataset({"headline": joined.transpose(*SAMPLE, "outcome")})


@contextmanager
def private_pyplot() -> Iterator[None]:
    """Let ArviZ draw through pyplot without a window, and leave pyplot as it was."""
    import matplotlib.pyplot as plt

    before, figures = plt.get_backend(), set(plt.get_fignums())
    if before.lower() != "agg":
        plt.switch_backend("agg")
    try:
        with mpl.rc_context({**STYLE, "axes.prop_cycle": cycler(color=CHAIN_COLOURS)}):
            yield
    finally:
        for number in set(plt.get_fignums()) - figures:
            own = plt.figure(number)
            plt.close(own)
            FigureCanvasAgg(own)  # closing takes the canvas away
        if before.lower() != "agg":
            plt.switch_backend(before)


def figure_of(collection: Any) -> Figure:
    """The matplotlib figure of what an ArviZ function returns."""
    found = collection.get_viz("figure")
    figure = found if isinstance(found, Figure) else found.item()
    assert isinstance(figure, Figure)
    return figure


def _grid(tree: xr.DataTree, height: float = 1.5, columns: int = 2) -> dict[str, Any]:
    from arviz_base.labels import NoVarLabeller

    rows = -(-tree["posterior"].sizes["outcome"] // columns)
    return {
        "labeller": NoVarLabeller(),
        "col_wrap": columns,
        "figure_kwargs": {"figsize": (WIDTH, height * rows + 0.4), "layout": "constrained"},
    }


@mpl.rc_context(STYLE)
def rank_plots(fit: Fit, arm: str | None = None) -> Figure:
    """Fractional ranks of each chain among all, less the expected, with a simultaneous band.

    Chains are thinned to independent draws first, which the band assumes (Säilynoja, Bürkner and
    Vehtari 2022, Stat Comput 32:32); it holds all chains of an outcome with probability 0.99.
    """
    posterior = headline_tree(fit, arm)["posterior"].to_dataset()["headline"]
    return rank_panels(posterior, WIDTH, 2, 1.5)


@mpl.rc_context(STYLE)
def rank_panels(posterior: xr.DataArray, width: float, columns: int, height: float) -> Figure:
    """`rank_plots` of any quantities (chain, draw, quantity), a panel each, sizes in inches."""
    (quantity_dim,) = (str(dim) for dim in posterior.dims if dim not in SAMPLE)
    draws = posterior.transpose(*SAMPLE, quantity_dim).to_numpy()
    independent = np.minimum(ess_bulk(draws), ess_tail(draws)).mean()
    draws = draws[:, :: max(1, int(np.ceil(draws.shape[0] * draws.shape[1] / independent)))]
    chains, length = draws.shape[:2]
    low, high = rank_band(chains, length)
    differences = rank_differences(draws)
    share = np.arange(length + 1) / length
    names = [str(name) for name in posterior[quantity_dim].to_numpy()]
    rows = -(-len(names) // columns)
    figure = blank(width, height * rows + 0.4)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for quantity, (axis, name) in enumerate(zip(grid, names, strict=False)):
        axis.fill_between(share, low, high, color="black", alpha=0.1, step="mid", linewidth=0)
        for chain in range(chains):
            axis.step(
                share,
                differences[chain, quantity],
                where="mid",
                color=CHAIN_COLOURS[chain % len(CHAIN_COLOURS)],
            )
        axis.set_title(name)
        axis.set_xlabel("fractional ranks")
        axis.yaxis.set_visible(False)
        axis.spines["left"].set_visible(False)
    for spare in grid[len(names) :]:
        spare.remove()
    return figure


def traces(fit: Fit, arm: str | None = None) -> Figure:
    """Draws in order, by chain."""
    import arviz as az

    tree = headline_tree(fit, arm)
    with private_pyplot():
        lines = {"trace": {"width": 0.4, "alpha": 0.7}, "xlabel": False}
        plot = az.plot_trace(tree, backend="matplotlib", visuals=lines, **_grid(tree, 1.3))
        return figure_of(plot)


def ess_evolution(fit: Fit, arm: str | None = None) -> Figure:
    """Bulk and tail effective sample size as draws accumulate, with the gate's minimum."""
    import arviz as az

    tree = headline_tree(fit, arm)
    with private_pyplot():
        kinds = {"ess_bulk": CHAIN_COLOURS[0], "ess_tail": CHAIN_COLOURS[2]}
        visuals = {name: {"color": colour, "size": 8} for name, colour in kinds.items()}
        visuals |= {f"{name}_line": {"color": colour} for name, colour in kinds.items()}
        plot = az.plot_ess_evolution(
            tree, backend="matplotlib", min_ess=ESS_MIN, visuals=visuals, **_grid(tree, 1.6)
        )
        figure = figure_of(plot)
        for axis in figure.axes:
            axis.set_xlabel("")
        figure.supxlabel("draws, all chains together", fontsize=8.5)
        names = {"ess_bulk": "bulk ESS", "ess_tail": "tail ESS"}
        handles = [Line2D([], [], color=kinds[k], label=names[k]) for k in kinds]
        handles.append(Line2D([], [], color="#555555", linestyle="-.", label="gate's minimum"))
        figure.legend(handles=handles, loc="outside upper left", ncols=3)
        return figure


def energy(fit: Fit) -> Figure:
    """Marginal energy against energy transitions, and E-BFMI by chain with the gate's minimum."""
    stats = of_all_outcomes(fit.data["sample_stats"].to_dataset())
    return energy_panels(xr.DataTree.from_dict({"sample_stats": stats}), (WIDTH, 2.6))


def energy_panels(tree: xr.DataTree, size: tuple[float, float]) -> Figure:
    """The same of statistics (chain, draw) of one sampler, so many inches wide and high."""
    import arviz as az

    with private_pyplot():
        plot = az.plot_energy(
            tree,
            backend="matplotlib",
            threshold=BFMI_MIN,
            figure_kwargs={"figsize": size, "layout": "constrained"},
        )
        figure = figure_of(plot)
        for axis in figure.axes:
            if axis.get_ylabel() == "Chain":
                axis.yaxis.set_major_locator(MaxNLocator(integer=True))
                axis.set_title("E-BFMI")
            else:
                axis.set_xlabel("energy, centred")
        return figure


@mpl.rc_context(STYLE)
def convergence(fit: Fit) -> Figure:
    """Share of the model's scalars with at most a given bulk ESS, tail ESS and R-hat.

    Dashed: 100 draws a chain, and R-hat 1.01 (Vehtari et al. 2021, Bayesian Anal 16:667).
    """
    draws = _varying(fit)
    r_hat, bulk, tail = diagnose(draws)
    enough = 100 * draws.shape[0]
    figure = blank(WIDTH, 2.4)
    for axis, title, values, limit in zip(
        figure.subplots(1, 3),
        ("bulk ESS", "tail ESS", "R-hat"),
        (bulk, tail, r_hat),
        (enough, enough, R_HAT_MAX),
        strict=True,
    ):
        axis.ecdf(values, color=CHAIN_COLOURS[0])
        axis.axvline(limit, color="black", alpha=0.5, linestyle="--")
        axis.set_title(title)
        axis.xaxis.set_major_locator(MaxNLocator(3))
    figure.axes[0].set_ylabel("share of quantities")
    return figure


def _varying(fit: Fit) -> np.ndarray:
    """Every scalar of the posterior that varies (chain, draw, parameter)."""
    columns = []
    for values in fit.data["posterior"].to_dataset().values():
        draws = values.transpose(*SAMPLE, ...).to_numpy()
        flat = draws.reshape(*draws.shape[:2], -1).astype(float)
        columns.append(flat[..., np.ptp(flat, axis=(0, 1)) > 0])
    return np.concatenate(columns, axis=-1)


def chain_forest(fit: Fit, arm: str | None = None) -> Figure:
    """Each chain's 50 and 95 % intervals of the headline effect, in posterior SDs from the mean."""
    import arviz as az

    posterior = headline_tree(fit, arm)["posterior"].to_dataset()
    scaled = (posterior - posterior.mean(SAMPLE)) / posterior.std(SAMPLE)
    with private_pyplot():
        plot = az.plot_forest(
            xr.DataTree.from_dict({"posterior": scaled}),
            backend="matplotlib",
            labels=["outcome"],
            ci_probs=(0.5, 0.95),
            figure_kwargs={
                "figsize": (WIDTH, 0.36 * posterior.sizes["outcome"] + 0.7),
                "layout": "constrained",
            },
        )
        figure = figure_of(plot)
        labels, intervals = figure.axes[0], figure.axes[-1]
        labels.set_xticks([])
        labels.spines["bottom"].set_visible(False)
        intervals.set_xlabel("posterior SDs from the mean of all chains")
        return figure


def prior_posterior(fit: Fit, arm: str | None = None) -> Figure:
    """Prior and posterior densities of the headline effect, in outcome units."""
    import arviz as az

    tree = headline_tree(fit, arm)
    with private_pyplot():
        colours = (GREY, ACCENT)
        plot = az.plot_prior_posterior(
            tree, backend="matplotlib", kind="kde", color=list(colours), **_grid(tree, 1.4)
        )
        figure = figure_of(plot)
        for legend in [*figure.legends, *(axis.get_legend() for axis in figure.axes)]:
            if legend is not None:
                legend.remove()
        names = ("prior", "posterior")
        handles = [
            Line2D([], [], color=colour, label=name)
            for name, colour in zip(names, colours, strict=True)
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2)
        return figure
