"""OQ: fits whose posterior has a closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import integrate, stats

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import fit_table
from bayesasthma.models.adverse_counts import JEFFREYS
from bayesasthma.models.specification import table_spec
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.beta_mixtures import probability_less
from bayesasthma.results.effect_table import estimand_draws
from bayesasthma.validation.agreement import (
    IN_ERRORS,
    OF_A_PROBABILITY,
    WHY_ERRORS,
    apart,
    close,
    compared,
    level,
    means,
    positive,
)
from bayesasthma.validation.bench import Bench
from bayesasthma.validation.items import Check, Finding

TAIL = 0.025


def checks() -> list[Check]:
    """All of them."""
    return [
        Check(
            "OQ-20",
            "R14",
            "Differences in means under flat priors, one SD over the arms (model independent): "
            "mean, median, 95 % interval and P(> 0) in every cell",
            "Student's t distribution",
            IN_ERRORS,
            WHY_ERRORS,
            student,
        ),
        Check(
            "OQ-21",
            "R14",
            "The same with one SD per arm, two outcomes",
            "Behrens–Fisher distribution, by quadrature",
            IN_ERRORS,
            WHY_ERRORS,
            behrens_fisher,
        ),
        Check(
            "OQ-22",
            "R14",
            "Rates of reactions, visit by visit: mean, SD, median and 95 % interval",
            "beta distribution of Jeffreys' prior and binomial counts (scipy.stats)",
            "1e-10",
            "The table states the closed form.",
            conjugate_table,
        ),
        Check(
            "OQ-23",
            "R14",
            "Draws of these rates",
            "the same beta distributions",
            IN_ERRORS,
            WHY_ERRORS,
            conjugate_draws,
        ),
        Check(
            "OQ-24",
            "R14",
            "Probability that one beta variable is less than another",
            "the integral of density times distribution function (scipy.integrate)",
            "1e-8",
            "Both sides are numerical integrals.",
            lambda _: less_than(),
        ),
    ]


def _cells(bench: Bench) -> xr.Dataset:
    """Printed levels (outcome, visit, arm)."""
    return bench.study.table.sel(statistic="level", drop=True)


def student(bench: Bench) -> Finding:
    """Mean, quantiles and P(> 0) of all cells."""
    table = _cells(bench)
    m, s, n = (table[name] for name in ("mean", "sd", "n"))
    df = n.sum("arm") - 2
    pooled = np.sqrt(((n - 1) * s**2).sum("arm") / df)
    centre = m.isel(arm=1, drop=True) - m.isel(arm=0, drop=True)
    scale = pooled * np.sqrt((1 / n).sum("arm"))
    draws = estimand_draws(bench.independent, ["difference"])["difference"].isel(arm=0, drop=True)
    mean, error, sd = means(draws)
    p, p_error = positive(draws)

    def quantile(probability: float) -> xr.DataArray:
        found: xr.DataArray = centre + scale * xr.apply_ufunc(stats.t.ppf, probability, df)
        return found

    exact = xr.apply_ufunc(stats.t.sf, -centre / scale, df)
    frames = [
        compared("mean", mean, error, centre, 0.0, sd),
        compared("P(> 0)", p, p_error, exact, 0.0, OF_A_PROBABILITY),
        *(level("quantile", draws, quantile(q), q) for q in (TAIL, 0.5, 1 - TAIL)),
    ]
    return apart(pd.concat(frames), ["label"]).finding()


def behrens_fisher(bench: Bench) -> Finding:
    """A difference of two independent t variables."""
    outcomes = ["act", "eos"]
    fit = fit_table(
        bench.study, table_spec("independent", variance="by_arm"), bench.options, outcomes=outcomes
    )
    draws = estimand_draws(fit, ["difference"])["difference"].isel(arm=0, drop=True)
    mean, error, sd = means(draws)
    p, p_error = positive(draws)
    table = _cells(bench).sel(outcome=outcomes)
    centre, exact = xr.zeros_like(mean), xr.zeros_like(mean)
    for outcome in outcomes:
        for visit in bench.study.visits.index:
            cell = table.sel(outcome=outcome, visit=visit)
            control, treated = (
                stats.t(n - 1, m, s / np.sqrt(n))
                for m, s, n in zip(
                    *(cell[name].to_numpy() for name in ("mean", "sd", "n")), strict=True
                )
            )
            at = {"outcome": outcome, "visit": visit}
            centre.loc[at] = treated.mean() - control.mean()
            exact.loc[at] = _less(control, treated)
    frames = [
        compared("mean", mean, error, centre, 0.0, sd),
        compared("P(> 0)", p, p_error, exact, 0.0, OF_A_PROBABILITY),
    ]
    return apart(pd.concat(frames), ["label"]).finding()


def _less(first: Any, second: Any) -> float:
    """P(first < second) of independent variables, by quadrature over the probability."""
    value, _ = integrate.quad(lambda u: float(second.sf(first.ppf(u))), 0, 1, epsabs=1e-12)
    return float(value)


def _conjugate(bench: Bench) -> tuple[xr.DataArray, dict[tuple[str, str, str], Any]]:
    """Draws of the rates by visit, and their exact distributions."""
    fit = _by_visit(bench)
    data = fit.counts
    exact = {
        (data.reactions[i], data.visits[t], data.arms[g]): stats.beta(
            JEFFREYS + y, JEFFREYS + n - y
        )
        for i, t, g, y, n in zip(
            data.reaction, data.visit, data.arm, data.events, data.at_risk, strict=True
        )
    }
    return fit.data["posterior"].to_dataset()["rate"], exact


def _by_visit(bench: Bench) -> AdverseFit:
    return next(
        fit
        for fit in bench.adverse
        if (fit.spec.model, fit.spec.reading) == ("independent", "per_visit")
    )


def conjugate_table(bench: Bench) -> Finding:
    """Rows of ``adverse.csv`` whose numbers are exact."""
    _, exact = _conjugate(bench)
    table = adverse_effects(_by_visit(bench))
    found: list[float] = []
    expected: list[float] = []
    labels: list[str] = []
    for row in table[table["estimand"] == "rate"].to_dict("records"):
        own: Any = exact[row["reaction"], row["visit"], row["arm"]]
        found += [row[name] for name in ("mean", "sd", "median", "ci_low", "ci_high")]
        expected += [own.mean(), own.std(), own.median(), own.ppf(TAIL), own.ppf(1 - TAIL)]
        labels += [f"{row['reaction']} {row['visit']} {row['arm']}"] * 5
    return close(np.array(found), np.array(expected), labels, 1e-10)


def conjugate_draws(bench: Bench) -> Finding:
    """Means and quantiles of the draws."""
    draws, exact = _conjugate(bench)
    frames = []
    for (reaction, visit, arm), own in exact.items():
        at = draws.sel(reaction=reaction, visit=visit, arm=arm, drop=True)
        label = f"{reaction} {visit} {arm}"
        mean, error, sd = means(at.expand_dims(cell=[label]))
        frames.append(compared("mean", mean, error, float(own.mean()), 0.0, sd))
        for q in (TAIL, 0.5, 1 - TAIL):
            cell = at.expand_dims(cell=[label])
            frames.append(level("quantile", cell, xr.DataArray(float(own.ppf(q))), q))
    return apart(pd.concat(frames), ["label"]).finding()


def less_than() -> Finding:
    """Posteriors of rates, rare events included."""
    pairs = [((0.5, 18.5), (0.5, 19.5)), ((3.5, 15.5), (1.5, 18.5)), ((10.5, 8.5), (6.5, 13.5))]
    found, expected, labels = [], [], []
    for first, second in pairs:
        a, b = stats.beta(*first), stats.beta(*second)
        found.append(probability_less(a, b))
        expected.append(_less(a, b))
        labels.append(f"Beta{first} < Beta{second}")
    return close(np.array(found), np.array(expected), labels, 1e-8)
