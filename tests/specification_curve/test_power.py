"""Power-scaling: what it says, of what it can say it, and that a stubborn prior is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.bundles import one_visit
from tests.made_up_fits import table_fit

import bayesasthma as ba
from bayesasthma.inference.routes import model_module
from bayesasthma.inference.sampling import log_prior
from bayesasthma.models.design import design
from bayesasthma.models.free_parameters import LOG_SD_SCALE
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.specification import table_spec
from bayesasthma.specification_curve.power import COLUMNS, diagnose, power_scaling


@pytest.mark.parametrize(
    ("prior", "likelihood", "expected"),
    [
        (0.01, 0.2, "none"),
        (0.01, 0.01, "none"),
        (0.2, 0.01, "strong prior or weak data"),
        (0.2, 0.2, "possible prior-data conflict"),
    ],
)
def test_diagnosis(prior: float, likelihood: float, expected: str) -> None:
    assert diagnose(prior, likelihood) == expected


def test_a_flat_prior_has_nothing_to_power() -> None:
    study = ba.load_study("liu2025")
    with pytest.raises(ba.UsageError, match="proper prior"):
        power_scaling(table_fit(study, "independent"))


@pytest.mark.slow
def test_a_sceptic_against_large_effects_is_a_conflict(tmp_path: Path) -> None:
    small = ba.load_study(one_visit(tmp_path / "small"))
    options = ba.SamplerOptions(draws=1000, tune=500)
    found = {}
    for prior in ("weak", "sceptical"):
        fit = ba.fit(small, "longitudinal", prior, options=options)
        assert isinstance(fit, ba.Fit)
        table = power_scaling(fit)
        assert list(table.columns) == COLUMNS
        (found[prior],) = table["prior_sensitivity"]
        assert table["likelihood_sensitivity"].iloc[0] > 0.05
        check_log_prior(fit)
    assert found["sceptical"] > 0.05 > found["weak"]


def check_log_prior(fit: ba.Fit) -> None:
    """The densities that are powered are those of the priors, in any coordinates."""
    posterior = fit.data["posterior"].to_dataset()
    layout = design(fit.study)
    model = model_module(fit.model).build(layout, table_spec(fit.model, fit.prior))
    found = log_prior(model, posterior, ["log_sd_level", "effect"])
    expected = stats.norm.logpdf(posterior["log_sd_level"], 0, LOG_SD_SCALE)
    assert np.allclose(found["log_sd_level"], expected)
    location, scale = effect_prior(layout, table_spec(fit.model, fit.prior))
    effect = posterior["effect"].to_numpy().ravel()  # one outcome, arm and visit
    expected = stats.norm.logpdf(effect, location[0], scale[0])
    assert np.allclose(found["effect"].to_numpy().ravel(), expected)
