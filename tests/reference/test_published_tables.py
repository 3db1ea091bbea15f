"""Published tables of randomised trials whose adjusted differences follow in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.monte_carlo import seeded

from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.specification import table_spec
from bayesasthma.results.effect_table import effects
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

CASES = Path(__file__).parent / "cases"
OPTIONS = SamplerOptions(draws=3000, tune=1000, chains=4, seed=seeded())

#: How far a posterior may lie from the closed form: of its standard error, of its size.
MEAN, SD = 0.1, 0.1


def analysis_of_covariance(study: Study, outcome: str) -> pd.DataFrame:
    """Adjusted differences from levels and SDs of change, by arm: estimate and standard errors.

    The SDs of both levels and of the change give each arm's sample covariance with baseline,
    ``(s0^2 + s1^2 - sd^2) / 2``, and with it the sums of squares of an analysis of covariance.
    ``se`` is with one residual variance for all arms, ``se_by_arm`` with each arm's own.
    """
    level, change = (
        study.table.sel(outcome=outcome, statistic=statistic) for statistic in ("level", "change")
    )
    base, last = (str(visit) for visit in study.visits.index)
    n = level["n"].sel(visit=last).to_numpy()
    x, y = (level["mean"].sel(visit=visit).to_numpy() for visit in (base, last))
    sx, sy = (level["sd"].sel(visit=visit).to_numpy() for visit in (base, last))
    sd = change["sd"].sel(visit=last).to_numpy()
    sxx, syy = ((n - 1) * s**2 for s in (sx, sy))
    sxy = (n - 1) * (sx**2 + sy**2 - sd**2) / 2
    slope = sxy.sum() / sxx.sum()
    residual = (syy.sum() - slope * sxy.sum()) / (n.sum() - len(n) - 1)
    estimate = y[1:] - y[0] - slope * (x[1:] - x[0])
    of_slope = residual * (x[1:] - x[0]) ** 2 / sxx.sum()
    variance = (syy - 2 * slope * sxy + slope**2 * sxx) / (n - 1) / n
    return pd.DataFrame(
        {
            "estimate": estimate,
            "se": np.sqrt(residual * (1 / n[1:] + 1 / n[0]) + of_slope),
            "se_by_arm": np.sqrt(variance[1:] + variance[0] + of_slope),
        },
        index=study.treatments,
    )


@pytest.fixture(scope="module")
def four() -> Study:
    return load_study(CASES / "four-arms-with-change-sd")


def test_closed_form_is_that_of_an_independent_computation(four: Study) -> None:
    for outcome, published, error in (
        ("control_days", (6.61, 10.04, 21.63), 5.3),
        ("rescue_free", (3.78, 7.80, 19.06), 4.8),
        ("awakening_free", (3.32, 8.47, 9.82), 3.7),
    ):
        found = analysis_of_covariance(four, outcome)
        np.testing.assert_allclose(found["estimate"], published, atol=0.006)
        np.testing.assert_allclose(found["se"], error, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["weak", "reference"])
@pytest.mark.parametrize("variance", ["by_arm", "common"])
def test_four_arms_are_treated_alike(prior: str, variance: str, four: Study) -> None:
    """Each of nine contrasts was 0.2 to 0.4 standard errors too high under ``weak``."""
    spec = table_spec("longitudinal", prior, variance=variance)  # type: ignore[arg-type]
    fit = fit_table(four, spec, OPTIONS)
    assert fit.baseline == "common"
    table = effects(fit, estimands=["adjusted_difference"]).set_index(["outcome", "arm"])
    for outcome in four.outcomes.index:
        closed = analysis_of_covariance(four, outcome)
        found = table.loc[outcome].loc[closed.index]
        lean = (found["mean"] - closed["estimate"]) / closed["se"]
        assert (found["mcse_mean"] < 0.02 * closed["se"]).all()
        assert lean.abs().max() < MEAN, (outcome, lean.to_dict())
        error = closed["se"] if variance == "common" else closed["se_by_arm"]
        np.testing.assert_allclose(found["sd"], error, rtol=SD)


#: Printed difference in change with its 95 % interval.
PHARMACY = {
    "fev1": (-1.81, -4.21, 0.59),
    "salbutamol": (-149.1, -283.9, -14.4),
    "bmq": (-0.44, -0.69, -0.18),
    "aqlq": (-0.23, -0.46, 0.00),
    "cq": (1.18, 0.73, 1.63),
}


@pytest.fixture(scope="module")
def pharmacy() -> Study:
    return load_study(CASES / "pharmacy-changes-only")


@pytest.mark.slow
def test_changes_of_a_randomised_study_give_the_adjusted_difference(pharmacy: Study) -> None:
    """The headline interval was four times as wide as the table allows."""
    fit = fit_table(pharmacy, "longitudinal", OPTIONS)
    table = effects(fit, estimands=["adjusted_difference"]).set_index("outcome")
    for outcome, (estimate, low, high) in PHARMACY.items():
        row = table.loc[outcome]
        width = high - low
        assert row["mcse_mean"] < 0.005 * width
        assert abs(row["mean"] - estimate) < 0.05 * width / 2
        # the ends are printed to a unit of the last place, which is 2 % of the narrowest
        assert row["ci_high"] - row["ci_low"] == pytest.approx(width, rel=0.05 + 0.01 / width)
