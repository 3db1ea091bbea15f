"""An SD printed as 0 is one that rounds to 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import bayesasthma as ba
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.design import design

CASE = Path(__file__).parents[1] / "reference" / "cases" / "sd-printed-zero"


def test_it_lies_between_zero_and_half_a_unit_of_its_last_place() -> None:
    study = ba.load_study(CASE)
    layout = design(study)
    (scale,) = layout.scale
    sd = np.concatenate([table.sd.ravel() for table in layout.tables]) * scale
    step = np.concatenate([table.sd_step.ravel() for table in layout.tables]) * scale
    zero = sd == sd.min()
    np.testing.assert_allclose((sd - step / 2)[zero], 0.0, atol=1e-12)
    np.testing.assert_allclose((sd + step / 2)[zero], 0.005)


def test_models_can_be_fitted_to_it() -> None:
    study = ba.load_study(CASE)
    options = SamplerOptions(draws=200, tune=300, chains=2, seed=1)
    for model in ("independent", "longitudinal"):
        posterior = fit_table(study, model, options).data["posterior"].to_dataset()
        assert np.isfinite(posterior["mean"]).all()
        assert (posterior["sd"] > 0).all()
    # the population's is small, if not as small as it prints
    low = posterior["sd"].sel(arm="company").median().item()
    assert 0 < low < 0.2
