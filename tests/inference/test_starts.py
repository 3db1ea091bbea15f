"""Chains begin near the printed means, wherever these are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayesasthma.inference.routes import table_kernel
from bayesasthma.inference.sampling import SamplerOptions, sample
from bayesasthma.inference.starts import near_the_means
from bayesasthma.models.design import Design
from bayesasthma.models.kernels.longitudinal_model import kernel_model
from bayesasthma.models.moments import moments
from bayesasthma.models.specification import table_spec
from bayesasthma.validation.made_up_designs import made_up

SHIFT = np.array([-30.0, 20.0, 55.0])


def shifted() -> Design:
    """Patients of all arms are tens of baseline SDs away from 0, and change by as many."""
    layout = made_up(1, 3, 3)
    (table,) = layout.tables
    moved = replace(table, mean=table.mean + SHIFT, mean_step=0 * table.mean_step)
    return replace(layout, tables=(moved,))


@pytest.mark.parametrize("model", ["longitudinal", "independent"])
def test_the_population_means_begin_at_the_printed_ones(model: str) -> None:
    layout, spec = shifted(), table_spec(model, "weak", rounding=False)
    kernel, _ = table_kernel(layout, spec)
    assert kernel is not None
    point = {
        name: value[None, None] for name, value in kernel.expand(kernel.initial_point()).items()
    }
    (table,) = layout.tables
    if model == "longitudinal":
        begin = moments(point, layout, spec).mean[0, 0, 0]
    else:
        begin = point["location"][0, 0].reshape(3, 3)
        begin[1:] += begin[0]
    # the patients' SD is a printed one within a factor of two at the start, and n is 20
    np.testing.assert_allclose(begin, table.mean, atol=1.0)


def test_the_rest_begins_where_it_did() -> None:
    kernel = kernel_model(shifted(), table_spec("longitudinal", "weak", rounding=False))
    before, after = (k.expand(k.initial_point()) for k in (kernel, near_the_means(kernel)))
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved <= {"baseline_level", "visit_step", "imbalance", "effect"}
    assert "baseline_level" in moved


def test_chains_that_began_at_zero_did_not_all_arrive() -> None:
    """Of the same short warm-up, which a real study does not have."""
    kernel = kernel_model(shifted(), table_spec("longitudinal", "weak", rounding=False))
    options = SamplerOptions(draws=200, tune=150, chains=4, seed=1, target_accept=0.9)
    level = sample(near_the_means(kernel), options)["posterior"]["baseline_level"]
    means = level.mean("draw").to_numpy()
    assert np.ptp(means) < 1.0
    assert abs(means.mean() - SHIFT[0]) < 3.0
