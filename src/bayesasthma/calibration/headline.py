"""The headline effect of simulated patients: posterior, t test and analysis of covariance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from scipy import stats

from bayesasthma.calibration.fits import Sampled, fit_table
from bayesasthma.calibration.layouts import pattern, sizes, steps, with_table
from bayesasthma.calibration.printing import as_printed, summarise
from bayesasthma.inference.assembly import natural_moments
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.models.design import Design
from bayesasthma.models.specification import TableSpec
from bayesasthma.results.estimands import adjusted_difference

#: Level of all intervals here.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Frequentist:
    """A comparison of two arms at the last visit, one entry per simulated study.

    Attributes
    ----------
    estimate, low, high : ndarray
        Treated minus control, with its 95 % confidence interval.
    p : ndarray
        One-sided, against "no benefit" of higher values.
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def layout_for(
    n: tuple[tuple[int, ...], ...],
    unit: float,
    mcid: float,
    weeks: tuple[float, ...] | None = None,
) -> Design:
    """The paper's layout at other sizes, its decimals and MCID in units of simulated patients."""
    layout = pattern(n, weeks)
    (table,) = layout.tables
    return replace(
        layout,
        target=np.full(len(layout.outcomes), mcid),
        tables=(replace(table, mean_step=unit * table.mean_step, sd_step=unit * table.sd_step),),
    )


def posterior(
    graphs: CompiledGraphs,
    layout: Design,
    patients: np.ndarray,
    spec: TableSpec,
    seed: int,
    *,
    print_errors: bool = False,
) -> tuple[np.ndarray, list[Sampled]]:
    """Fit the table that a paper prints of patients, as a fit of a real study does.

    Parameters
    ----------
    graphs : CompiledGraphs
    layout : Design
    patients : ndarray, shape (study, arm, patient, visit)
        One study per outcome of the layout; NaN where not seen.
    spec : TableSpec
    seed : int
    print_errors : bool
        Print standard errors where the table says SD.

    Returns
    -------
    draws : ndarray, shape (draw, study)
        Of the baseline-adjusted difference at the last visit, in the patients' unit.
    fits : list of Sampled
    """
    mean, sd, n = summarise(patients)
    if not np.array_equal(n[0], sizes(layout)):
        raise ValueError("the patients seen are not those of the layout")
    if print_errors:
        sd = sd / np.sqrt(n)
    study = with_table(layout, *as_printed(mean, sd, *steps(layout)), own_unit=True)
    draws, fits = fit_table(graphs, study, spec, seed)
    effect = adjusted_difference(
        natural_moments(draws, study, spec),
        layout.visits[0],
        xr.DataArray(layout.n_arm, {"arm": list(layout.arms)}, "arm"),
    )
    last = effect.isel(visit=-1, arm=0).transpose("chain", "draw", "outcome").to_numpy()
    return last.reshape(-1, last.shape[-1]), fits


def t_test(patients: np.ndarray) -> Frequentist:
    """Student's t test of patients (study, arm, patient, visit) at the last visit."""
    mean, sd, n = (array[..., -1] for array in summarise(patients))
    df = n.sum(axis=-1) - 2
    pooled = ((n - 1) * sd**2).sum(axis=-1) / df
    estimate = mean[:, 1] - mean[:, 0]
    return _tested(estimate, np.sqrt(pooled * (1 / n).sum(axis=-1)), df)


def ancova(patients: np.ndarray) -> Frequentist:
    """Analysis of covariance of the last visit on baseline and arm, of the patients seen at both.

    Parameters
    ----------
    patients : ndarray, shape (study, arm, patient, visit)
    """
    last = patients[..., -1]
    seen = np.isfinite(last)
    base = np.where(seen, patients[..., 0], np.nan)
    n = seen.sum(axis=-1)
    x_mean, y_mean = np.nanmean(base, axis=-1), np.nanmean(last, axis=-1)
    x, y = base - x_mean[..., None], last - y_mean[..., None]
    sxx, sxy, syy = (np.nansum(product, axis=(-1, -2)) for product in (x * x, x * y, y * y))
    slope = sxy / sxx
    df = n.sum(axis=-1) - 3
    residual = (syy - slope * sxy) / df
    imbalance = x_mean[:, 1] - x_mean[:, 0]
    estimate = y_mean[:, 1] - y_mean[:, 0] - slope * imbalance
    return _tested(estimate, np.sqrt(residual * ((1 / n).sum(axis=-1) + imbalance**2 / sxx)), df)


def _tested(estimate: np.ndarray, error: np.ndarray, df: np.ndarray) -> Frequentist:
    width = stats.t.ppf(0.5 + CONFIDENCE / 2, df) * error
    return Frequentist(
        estimate, estimate - width, estimate + width, np.asarray(stats.t.sf(estimate / error, df))
    )
