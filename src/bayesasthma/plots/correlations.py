"""What a table says of the within-patient correlation: its prior and posterior, by outcome."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy import stats
from scipy.special import expit, logit

from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.style import ACCENT, GREY, NARROW, STYLE, blank, outcome_name, wrapped


def typical_correlation_draws(fit: Fit) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Prior and posterior draws of each outcome's typical correlation, in (0, 1).

    Raises
    ------
    UsageError
        If the model samples none: it has no correlation, or a fixed one.
    """
    if not has_typical_correlation(fit):
        raise UsageError(f"{fit.label} samples no within-patient correlation")
    prior, posterior = (
        {
            str(outcome): expit(draws.sel(outcome=outcome).to_numpy().ravel())
            for outcome in draws["outcome"].to_numpy()
        }
        for draws in (fit.data[name]["logit_rho"] for name in ("prior", "posterior"))
    )
    return prior, posterior


def has_typical_correlation(fit: Fit) -> bool:
    """Whether the fit samples a typical correlation and kept its prior."""
    return all(
        name in fit.data.children and "logit_rho" in fit.data[name]
        for name in ("prior", "posterior")
    )


@mpl.rc_context(STYLE)
def correlation_prior_posterior(fit: Fit, *, narrow: bool = False) -> Figure:
    """Prior (grey) and posterior density of the typical correlation, one row per outcome.

    Densities are estimated on the logit scale, where the prior is normal, and transformed.
    """
    prior, posterior = typical_correlation_draws(fit)
    study, outcomes = fit.study, list(posterior)
    grid = np.linspace(0.005, 0.995, 300)
    curves = {k: (_density(prior[k], grid), _density(posterior[k], grid)) for k in outcomes}
    top = max(float(np.max(curve)) for pair in curves.values() for curve in pair)
    figure = blank(NARROW if narrow else 7.0, 0.46 * len(outcomes) + 1.1)
    axis = figure.subplots()
    for row, outcome in enumerate(outcomes):
        before, after = (row - 0.85 * curve / top for curve in curves[outcome])
        axis.fill_between(grid, row, before, color=GREY, alpha=0.3, linewidth=0,
                          label="prior" if row == 0 else None)  # fmt: skip
        axis.plot(grid, after, color=ACCENT, label="posterior" if row == 0 else None)
        axis.axhline(row, color="#DDDDDD", linewidth=0.7, zorder=0)
        low, middle, high = np.quantile(posterior[outcome], [0.025, 0.5, 0.975])
        axis.text(1.02, row - 0.1, f"{middle:.2f} ({low:.2f}–{high:.2f})", fontsize=7.5)
    axis.set_yticks(
        range(len(outcomes)),
        [wrapped(outcome_name(study, k), 18 if narrow else 30) for k in outcomes],
    )
    axis.set_ylim(len(outcomes) - 0.8, -1.0)
    axis.set_xlim(0, 1)
    axis.set_xlabel("typical correlation ρ between two visits of one patient")
    axis.text(1.02, -0.72, "median (95 % CrI)", fontsize=7.5, color=GREY)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def _density(draws: np.ndarray, grid: np.ndarray) -> np.ndarray:
    scale = logit(np.clip(draws, 1e-6, 1 - 1e-6))
    if np.ptp(scale) == 0:
        return np.zeros_like(grid)
    return np.asarray(stats.gaussian_kde(scale)(logit(grid)) / (grid * (1 - grid)))
