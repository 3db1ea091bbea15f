"""The sampler's wrapping: labels, statistics and the choice of a mass matrix."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayesasthma.inference.sampling import (
    LOW_RANK_MOST,
    MASS_MATRIX,
    PATIENTS_MANY,
    STATISTICS,
    SamplerOptions,
    adaptation,
    compile_model,
    sample,
    sample_briefly,
)


def test_the_mass_matrix_depends_on_parameters_and_patients() -> None:
    assert adaptation(LOW_RANK_MOST) == "low_rank"
    assert adaptation(LOW_RANK_MOST + 1) == MASS_MATRIX
    assert adaptation(1, PATIENTS_MANY) == "low_rank"
    assert adaptation(1, PATIENTS_MANY + 1) == adaptation(1_000, 1_000_000) == MASS_MATRIX


@pytest.mark.slow
def test_draws_are_those_of_nutpies_own_conversion() -> None:
    """Read off the raw trace: the same values, dimensions and labels, transformed ones included."""
    import nutpie
    import pymc as pm

    with pm.Model(coords={"arm": ["AIT", "OMA_AIT"], "row": range(3), "pair": []}) as model:
        level = pm.Normal("level", dims="arm")
        spread = pm.LogNormal("spread", 0, 0.3)
        pm.Normal("none", 0, 1, dims=("arm", "pair"))  # as a study of one visit has
        pm.Normal("cell", level, spread, dims=("row", "arm"))
    compiled = compile_model(model)
    options = SamplerOptions(draws=40, tune=60, chains=2, seed=7, cores=1)
    own = sample(compiled, options)
    theirs = nutpie.sample(
        compiled,
        draws=40,
        tune=60,
        chains=2,
        cores=1,
        seed=7,
        target_accept=options.target_accept,
        maxdepth=options.max_depth,
        adaptation=adaptation(compiled.n_dim),
        progress_bar=False,
        save_warmup=False,
    )
    for group in ("posterior", "sample_stats"):
        expected = theirs[group].to_dataset()
        found = own[group].to_dataset()
        if group == "sample_stats":
            assert set(found) == set(STATISTICS)
        else:
            assert set(found) == {"level", "spread", "none", "cell"}
        for name in found:
            assert found[name].dims == expected[name].dims
            xr.testing.assert_equal(found[name], expected[name])
    draws, divergences = sample_briefly(compiled, options)
    assert divergences == int(theirs["sample_stats"]["diverging"].sum())
    assert np.array_equal(draws["cell"], theirs["posterior"]["cell"])
