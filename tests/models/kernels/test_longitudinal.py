"""The longitudinal kernel equals its graph, in value, gradient and named parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.against_graphs import assert_same_model, points_about_the_start
from tests.models.test_patients import adjusted

import bayesasthma as ba
from bayesasthma.models import longitudinal
from bayesasthma.models.design import Design, design
from bayesasthma.models.kernels.longitudinal_model import covers, kernel_model
from bayesasthma.models.longitudinal_data import data
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.validation.graph_densities import several_blocks
from bayesasthma.validation.made_up_designs import made_up

#: By name: the design, the prior set, and the rest of the specification.
CASES: dict[str, tuple[Design, str, dict[str, Any]]] = {
    "bundled": (design(ba.load_study()), "weak", {}),
    "free baseline": (made_up(2, 3, 4), "weak", {"baseline": "free"}),
    "common baseline": (made_up(2, 3, 4), "empirical", {"baseline": "common"}),
    "published": (made_up(2, 2, 4, pinned=(0, 3)), "external", {"baseline": "free"}),
    "all published": (made_up(1, 2, 2, pinned=(0,)), "empirical", {"baseline": "common"}),
    "two visits": (made_up(2, 3, 2), "sceptical", {"baseline": "free"}),
    "two visits, mixture": (made_up(2, 2, 2), "external", {"correlation": "exchangeable"}),
    "one visit": (made_up(2, 3, 1, baseline=False), "weak", {}),
    "one visit, mixture": (made_up(2, 2, 1, baseline=False), "empirical", {"rounding": False}),
    "no baseline": (made_up(2, 2, 4, baseline=False), "weak", {"correlation": "ar1"}),
    "flat": (made_up(2, 3, 4), "reference", {"baseline": "free"}),
    "flat, common": (
        made_up(2, 2, 3),
        "reference",
        {"baseline": "common", "variance": "common", "correlation": "exchangeable_ar1"},
    ),
    "flat, one visit": (
        made_up(2, 2, 1, baseline=False),
        "reference",
        {"variance": "common", "rounding": False},
    ),
    "exchangeable": (
        made_up(2, 3, 4),
        "weak",
        {"baseline": "common", "correlation": "exchangeable", "rounding": False},
    ),
    "ar1": (made_up(2, 2, 4), "external", {"correlation": "ar1", "variance": "common"}),
    "exchangeable_ar1": (
        made_up(2, 3, 4),
        "enthusiastic",
        {"baseline": "free", "correlation": "exchangeable_ar1", "variance": "common"},
    ),
    "fixed": (
        made_up(2, 2, 4),
        "weak",
        {"baseline": "common", "correlation": "fixed:0.6", "variance": "common", "rounding": False},
    ),
    "exact numbers": (made_up(2, 2, 2, step=0.0), "weak", {"baseline": "free"}),
    "numbers of patients differ": (made_up(2, 2, 4, balanced=False), "weak", {"baseline": "free"}),
    "several blocks": (several_blocks(), "weak", {"baseline": "free", "correlation": "ar1"}),
    "several blocks, common": (several_blocks(), "external", {"baseline": "common"}),
}


def spec_of(prior: str, options: dict[str, Any]) -> TableSpec:
    return table_spec("longitudinal", prior=prior, **options)


def assert_equal_to_graph(layout: Design, spec: TableSpec) -> None:
    assert covers(layout, spec)
    assert_same_model(longitudinal.build(layout, spec), kernel_model(layout, spec))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_equals_the_graph(case: str) -> None:
    layout, prior, options = CASES[case]
    assert_equal_to_graph(layout, spec_of(prior, options))


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["weak", "reference"])
def test_equals_the_graph_of_patients(prior: str, tmp_path: Any) -> None:
    layout = design(ba.load_study(adjusted(tmp_path / "patients")))
    assert_equal_to_graph(layout, spec_of(prior, {}))


@pytest.mark.parametrize("case", CASES)
def test_gradient_equals_finite_differences(case: str) -> None:
    layout, prior, options = CASES[case]
    model = kernel_model(layout, spec_of(prior, options))
    (x,) = points_about_the_start(model, 1, seed=5)
    _, gradient, _ = model.value_and_gradient(x)
    rng, step = np.random.default_rng(2), 1e-5
    for _ in range(20):
        direction = rng.normal(size=x.size)
        up, down = (model.value_and_gradient(x + s * direction)[0] for s in (step, -step))
        assert gradient @ direction == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-4)


def test_mixed_coordinates_are_the_same_density() -> None:
    layout, spec = made_up(3, 3, 3), table_spec("longitudinal", baseline="free")
    factor = np.linalg.cholesky(0.4 + 0.6 * np.eye(3))
    plain, mixed = kernel_model(layout, spec), kernel_model(layout, spec, factor)
    (x,) = points_about_the_start(mixed, 1)
    y = x.copy()
    count, place = 0, 0
    turn = {}
    for own in mixed.free:
        end = place + own.size
        if own.name in ("baseline_level", "visit_step", "imbalance", "effect"):
            y[place:end] = (factor @ x[place:end].reshape(3, -1)).reshape(-1)
            count += own.size // 3
            turn[own.name] = slice(place, end)
        place = end
    value, gradient, _ = plain.value_and_gradient(y)
    found, own_gradient, _ = mixed.value_and_gradient(x)
    assert found == pytest.approx(value + count * np.log(np.diag(factor)).sum(), rel=1e-12)
    for where in turn.values():
        gradient[where] = (factor.T @ gradient[where].reshape(3, -1)).reshape(-1)
    np.testing.assert_allclose(own_gradient, gradient, rtol=1e-9, atol=1e-9)


def test_other_data_are_swapped_without_a_new_kernel() -> None:
    layout, other = made_up(2, 2, 3, seed=0), made_up(2, 2, 3, seed=7)
    spec = table_spec("longitudinal", baseline="common")
    swapped = kernel_model(layout, spec).with_data(**data(other, spec))
    fresh = kernel_model(other, spec)
    (x,) = points_about_the_start(fresh, 1)
    # the weeks between visits belong to the layout; no default structure looks at them
    assert swapped.value_and_gradient(x)[0] == fresh.value_and_gradient(x)[0]


def test_a_point_beyond_numbers_has_no_density() -> None:
    model = kernel_model(made_up(1, 2, 3), table_spec("longitudinal"))
    x = model.initial_point()
    for bad in (np.full(x.size, 1e4), np.full(x.size, np.nan)):
        assert model.value_and_gradient(bad)[2] != 0


def test_other_models_are_left_to_their_graphs() -> None:
    assert not covers(made_up(), table_spec("joint"))
    assert not covers(made_up(), table_spec("independent"))
