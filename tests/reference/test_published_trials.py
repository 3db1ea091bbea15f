"""Trials with patients, some of whom leave: the posterior beside mixed models by REML."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.monte_carlo import seeded

from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.models.specification import table_spec
from bayesasthma.results.effect_table import effects
from bayesasthma.study.bundle import load_study

TRIALS = Path(__file__).parent / "trials"
REFERENCE = pd.read_csv(TRIALS / "mixed_models.csv")

#: Patients tell their correlations: a wide prior, as a mixed model has none.
WIDE = CorrelationPrior(location=0, scale=1.5, deviation=1.0)

#: How far estimates may lie apart, in standard errors, and their errors, relatively.
ESTIMATE, ERROR = 0.15, 0.1


@pytest.mark.slow
@pytest.mark.parametrize("trial", ["btheb", "epilepsy", "fev1"])
@pytest.mark.parametrize("baseline", ["common", "free"])
def test_reference_prior_gives_the_mixed_model(trial: str, baseline: str) -> None:
    """With one covariance for both arms and flat priors, nothing is pooled.

    The posterior SD is Student's where REML's error is normal: up to 3 % more at these sizes.
    """
    study = load_study(TRIALS / trial)
    spec = table_spec(
        "longitudinal",
        "reference",
        WIDE,
        variance="common",
        baseline=baseline,  # type: ignore[arg-type]
    )
    fit = fit_table(study, spec, SamplerOptions(draws=3000, tune=1000, chains=4, seed=seeded()))
    assert fit.gate.passed, fit.gate.failures
    found = effects(fit, estimands=["adjusted_difference"]).set_index("visit")
    wanted = REFERENCE[REFERENCE["trial"] == trial].set_index("visit").loc[found.index]
    assert (found["mcse_mean"] < 0.03 * wanted["se"]).all()
    apart = (found["mean"] - wanted["estimate"]) / wanted["se"]
    assert apart.abs().max() < ESTIMATE, apart.to_dict()
    np.testing.assert_allclose(found["sd"], wanted["se"], rtol=ERROR)
    # arms that are alike at baseline have no difference there to report
    visits = set(effects(fit, estimands=["difference"])["visit"])
    assert (study.baseline_visit in visits) == (baseline == "free")
