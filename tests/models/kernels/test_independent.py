"""The kernel of single visits against its graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import bundles
from tests.against_graphs import (
    IN_DOUBLE,
    assert_same_density,
    assert_same_start,
    assert_same_variables,
)

import bayesasthma as ba
from bayesasthma.errors import UsageError
from bayesasthma.inference.routes import table_kernel
from bayesasthma.models import independent
from bayesasthma.models.design import Design, design
from bayesasthma.models.independent_data import data
from bayesasthma.models.kernels.independent import kernel_model
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.validation.made_up_designs import made_up

#: Flat, normal, and mixtures.
PRIORS = ("reference", "weak", "empirical", "external")
OPTIONS: dict[str, dict[str, Any]] = {
    "one SD": {"variance": "common"},
    "SD by arm": {"variance": "by_arm"},
    "rounded": {"variance": "by_arm", "rounding": True},
}


def spec_of(prior: str, options: dict[str, Any]) -> TableSpec:
    return table_spec("independent", prior, **options)


def check(layout: Design, spec: TableSpec, points: int = 100) -> None:
    with IN_DOUBLE:
        model = independent.build(layout, spec)
    kernel = kernel_model(layout, spec)
    assert_same_variables(model, kernel)
    assert_same_density(model, kernel, points=points, spread=0.7)
    assert_same_start(model, kernel)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("options", OPTIONS)
def test_the_kernel_is_the_graph(prior: str, options: str) -> None:
    check(design(ba.load_study()), spec_of(prior, OPTIONS[options]))


@pytest.mark.parametrize("prior", PRIORS)
def test_the_kernel_is_the_graph_of_several_arms(prior: str) -> None:
    check(made_up(2, 4, 3), spec_of(prior, OPTIONS["rounded"]))


def test_a_cell_without_control_is_a_mean() -> None:
    layout = design(ba.load_study(), ["act"])
    (table,) = layout.tables
    alone = replace(
        table,
        **{
            name: getattr(table, name)[1:]
            for name in ("outcome", "arm", "mean", "sd", "mean_step", "sd_step", "n", "pinned_z")
        },
    )
    own = replace(layout, tables=(alone,))
    check(own, spec_of("weak", OPTIONS["SD by arm"]))
    kernel = kernel_model(own, spec_of("weak", OPTIONS["SD by arm"]))
    np.testing.assert_array_equal(kernel.values["reference"], -1)


def test_other_data_are_swapped_without_a_new_kernel() -> None:
    layout = design(ba.load_study(), ["act", "fev1"])
    spec = spec_of("weak", OPTIONS["rounded"])
    table = layout.tables[0]
    other = replace(layout, tables=(replace(table, sd=1.3 * table.sd, n=table.n + 10),))
    swapped = kernel_model(layout, spec).with_data(**data(other, spec))
    fresh = kernel_model(other, spec)
    x = swapped.initial_point(3)
    assert swapped.value_and_gradient(x)[0] == fresh.value_and_gradient(x)[0]


def test_a_point_without_density_is_told_to_the_sampler() -> None:
    kernel = kernel_model(design(ba.load_study()), spec_of("weak", OPTIONS["SD by arm"]))
    x = kernel.initial_point()
    x[-1] = -800.0
    assert kernel.value_and_gradient(x)[2] > 0


def test_it_is_the_route_of_the_model() -> None:
    kernel, reason = table_kernel(design(ba.load_study()), table_spec("independent"))
    assert kernel is not None
    assert reason == ""


def test_changes_alone_are_refused(tmp_path: Path) -> None:
    study = ba.load_study(bundles.changes_alone(tmp_path / "study", randomised=True))
    layout = design(study, ["score"], as_table=True)
    with pytest.raises(UsageError, match="needs printed levels"):
        kernel_model(layout, table_spec("independent"))
