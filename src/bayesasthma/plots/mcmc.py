"""ArviZ's sampler diagnostics of the headline quantities, as figures outside any pyplot session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bayesasthma.fitting import Fit
from bayesasthma.plots.headline import SAMPLE, headline
from bayesasthma.plots.style import STYLE, short_label

WIDTH = 6.4


def headline_tree(fit: Fit, arm: str | None = None) -> xr.DataTree:
    """The headline effect of every outcome at its last visit: variable ``headline`` (outcome).

    Groups ``posterior``, ``sample_stats`` and, if the fit has one, ``prior``; outcome units.
    """
    groups = {"posterior": _variables(fit, arm)}
    if "sample_stats" in fit.data.children:
        groups["sample_stats"] = fit.data["sample_stats"].to_dataset()
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


def _variables(fit: Fit, arm: str | None) -> xr.Dataset:
    draws = headline(fit).draws.sel(arm=arm or fit.study.treatments[0], drop=True)
    found, names = [], []
    for outcome in draws["outcome"].to_numpy():
        own = draws.sel(outcome=outcome, drop=True)
        finite = np.isfinite(own).all(SAMPLE).to_numpy()
        if finite.any():
            found.append(own.isel(visit=int(np.flatnonzero(finite)[-1]), drop=True))
            names.append(short_label(str(fit.study.outcomes.loc[outcome, "label"])))
    if len(set(names)) < len(names):
        names = [str(outcome) for outcome in draws["outcome"].to_numpy()][: len(names)]
    joined = xr.concat(found, "outcome").assign_coords(outcome=names)
    return xr.Dataset({"headline": joined.transpose(*SAMPLE, "outcome")})


@contextmanager
def _private_pyplot() -> Iterator[None]:
    """Let ArviZ draw through pyplot without a window, and leave pyplot as it was."""
    import matplotlib.pyplot as plt

    before, figures = plt.get_backend(), set(plt.get_fignums())
    plt.switch_backend("agg")
    try:
        with mpl.rc_context({**STYLE, "axes.titlesize": 8.5}):
            yield
    finally:
        for number in set(plt.get_fignums()) - figures:
            plt.close(number)
        if before.lower() != "agg":
            plt.switch_backend(before)


def _figure(collection: Any) -> Figure:
    found = collection.get_viz("figure")
    figure = found if isinstance(found, Figure) else found.item()
    assert isinstance(figure, Figure)
    FigureCanvasAgg(figure)
    return figure


def _grid(tree: xr.DataTree, height: float = 1.5, columns: int = 2) -> dict[str, Any]:
    from arviz_base.labels import NoVarLabeller

    rows = -(-tree["posterior"].sizes["outcome"] // columns)
    return {
        "labeller": NoVarLabeller(),
        "col_wrap": columns,
        "figure_kwargs": {"figsize": (WIDTH, height * rows + 0.4), "layout": "constrained"},
    }


def rank_plots(fit: Fit, arm: str | None = None) -> Figure:
    """Fractional ranks of each chain against the others, with a simultaneous 94 % band."""
    import arviz as az

    tree = headline_tree(fit, arm)
    with _private_pyplot():
        return _figure(az.plot_rank(tree, backend="matplotlib", **_grid(tree)))


def traces(fit: Fit, arm: str | None = None) -> Figure:
    """Draws in order, by chain."""
    import arviz as az

    tree = headline_tree(fit, arm)
    with _private_pyplot():
        return _figure(az.plot_trace(tree, backend="matplotlib", **_grid(tree)))


def ess_evolution(fit: Fit, arm: str | None = None) -> Figure:
    """Bulk and tail effective sample size as draws accumulate, with the gate's minimum."""
    import arviz as az

    tree = headline_tree(fit, arm)
    with _private_pyplot():
        return _figure(
            az.plot_ess_evolution(tree, backend="matplotlib", **_grid(tree, 1.7))
        )


def energy(fit: Fit) -> Figure:
    """Marginal energy against energy transitions, and E-BFMI by chain."""
    import arviz as az

    with _private_pyplot():
        return _figure(
            az.plot_energy(
                fit.data,
                backend="matplotlib",
                figure_kwargs={"figsize": (WIDTH, 2.8), "layout": "constrained"},
            )
        )


def convergence(fit: Fit) -> Figure:
    """Distribution of R-hat and of bulk and tail ESS over every parameter of the model."""
    import arviz as az

    posterior = fit.data["posterior"].to_dataset()
    constant = (posterior == posterior.isel(chain=0, draw=0)).all(SAMPLE)
    varying = xr.Dataset(
        {
            name: (("chain", "draw", "parameter"), values)
            for name, values in _flattened(posterior, constant).items()
        }
    )
    with _private_pyplot():
        return _figure(
            az.plot_convergence_dist(
                xr.DataTree.from_dict({"posterior": varying}),
                backend="matplotlib",
                figure_kwargs={"figsize": (WIDTH, 2.6), "layout": "constrained"},
            )
        )


def _flattened(posterior: xr.Dataset, constant: xr.Dataset) -> dict[str, np.ndarray]:
    """All varying scalars of a posterior as one array (chain, draw, parameter)."""
    columns = []
    for name in posterior:
        values = posterior[name].transpose(*SAMPLE, ...).to_numpy()
        flat = values.reshape(*values.shape[:2], -1)
        fixed = constant[name].to_numpy().ravel() | ~np.isfinite(flat).all(axis=(0, 1))
        columns.append(flat[..., ~fixed])
    return {"every parameter": np.concatenate(columns, axis=-1)}


def chain_forest(fit: Fit, arm: str | None = None) -> Figure:
    """Each chain's posterior of the headline effect in posterior SDs, side by side."""
    import arviz as az

    tree = headline_tree(fit, arm)
    posterior = tree["posterior"].to_dataset()
    scaled = (posterior - posterior.mean(SAMPLE)) / posterior.std(SAMPLE)
    with _private_pyplot():
        return _figure(
            az.plot_forest(
                xr.DataTree.from_dict({"posterior": scaled}),
                backend="matplotlib",
                labels=["outcome"],
                ci_probs=(0.5, 0.95),
                figure_kwargs={
                    "figsize": (WIDTH, 0.45 * posterior.sizes["outcome"] + 0.8),
                    "layout": "constrained",
                },
            )
        )


def prior_posterior(fit: Fit, arm: str | None = None) -> Figure:
    """Prior and posterior densities of the headline effect, in outcome units."""
    import arviz as az

    tree = headline_tree(fit, arm)
    with _private_pyplot():
        return _figure(
            az.plot_prior_posterior(
                tree, backend="matplotlib", kind="kde", **_grid(tree, 1.6)
            )
        )
