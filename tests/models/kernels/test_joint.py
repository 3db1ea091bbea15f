"""The joint kernel equals its graph, in value, gradient and named parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.against_graphs import assert_same_model, points_about_the_start

import bayesasthma as ba
from bayesasthma.errors import UsageError
from bayesasthma.inference.routes import KERNELS, table_kernel
from bayesasthma.models import joint
from bayesasthma.models.design import Design, design
from bayesasthma.models.joint_data import data
from bayesasthma.models.kernels.joint_model import covers, kernel_model, uncovered
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.validation.made_up_designs import made_up

OUTCOMES, CHANGES = 6, np.array([[1.0, 0, 0], [-1, 1, 0], [0, 0, 1]])


def several(arms: int = 2, visits: int = 4, **options: Any) -> Design:
    """Two domains, one of them with outcomes with and without a direction, and two outcomes alone.

    Numbers of patients differ between outcomes.
    """
    return replace(
        made_up(OUTCOMES, arms, visits, **options),
        domain=("a", "b", "a", "", "a", "b"),
        direction=np.array([1, -1, -1, 1, 0, -1]),
    )


def same_n(layout: Design) -> Design:
    (table,) = layout.tables
    return replace(layout, tables=(replace(table, n=np.full_like(table.n, 31.0)),))


#: By name: the design, the prior set, and the rest of the specification.
CASES: dict[str, tuple[Design, str, dict[str, Any]]] = {
    "bundled": (design(ba.load_study()), "weak", {}),
    "bundled, sceptical": (design(ba.load_study()), "sceptical", {"baseline": "common"}),
    "bundled, flat": (design(ba.load_study()), "reference", {}),
    "weak": (several(), "weak", {"baseline": "free"}),
    "sceptical": (several(), "sceptical", {"baseline": "common"}),
    "flat": (several(), "reference", {"baseline": "free"}),
    "flat, common": (
        several(3),
        "reference",
        {"baseline": "common", "variance": "common", "correlation": "exchangeable"},
    ),
    "three arms": (several(3), "enthusiastic", {"baseline": "free"}),
    "three arms, common": (several(3, 3), "weak", {"baseline": "common", "correlation": "ar1"}),
    "published": (several(2, 4, pinned=(0, 3)), "weak", {"baseline": "free"}),
    "all published": (several(3, 2, pinned=(0,)), "weak", {"baseline": "free"}),
    "same numbers of patients": (same_n(several()), "weak", {"baseline": "free"}),
    "variance common": (several(), "weak", {"baseline": "common", "variance": "common"}),
    "exchangeable": (several(), "weak", {"baseline": "free", "correlation": "exchangeable"}),
    "exchangeable_ar1": (
        several(),
        "enthusiastic",
        {"baseline": "common", "correlation": "exchangeable_ar1", "rounding": False},
    ),
    "fixed": (several(), "sceptical", {"baseline": "free", "correlation": "fixed:0.6"}),
    "two visits": (several(3, 2), "weak", {"baseline": "free"}),
    "one visit": (several(3, 1, baseline=False), "weak", {}),
    "no baseline": (several(2, 3, baseline=False), "sceptical", {}),
    "exact numbers": (several(2, 3, step=0.0), "weak", {"baseline": "free"}),
    "nothing pooled": (made_up(2, 2, 3), "weak", {"baseline": "free"}),
}


def spec_of(prior: str, options: dict[str, Any]) -> TableSpec:
    return table_spec("joint", prior=prior, **options)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_equals_the_graph(case: str) -> None:
    layout, prior, options = CASES[case]
    spec = spec_of(prior, options)
    assert covers(layout, spec)
    assert_same_model(joint.build(layout, spec), kernel_model(layout, spec))


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


def test_other_data_are_swapped_without_a_new_kernel() -> None:
    layout, other = several(seed=0), several(seed=7)
    spec, sceptical = (
        table_spec("joint", name, baseline="common") for name in ("weak", "sceptical")
    )
    swapped = kernel_model(layout, spec).with_data(**data(other, sceptical))
    fresh = kernel_model(other, sceptical)
    (x,) = points_about_the_start(fresh, 1)
    # the weeks between visits belong to the layout; no default structure looks at them
    assert swapped.value_and_gradient(x)[0] == fresh.value_and_gradient(x)[0]


def test_hyperparameters_are_data() -> None:
    layout, spec = several(), table_spec("joint", baseline="free")
    other = {
        "general_share_prior": np.array([2.0, 5.0]),
        "domain_share_prior": np.array([4.0, 1.5]),
        "deviation_prior": np.array([0.2, 0.8]),
    }
    model = joint.build(layout, spec)
    for name, value in other.items():
        model[name].set_value(value)
    kernel = kernel_model(layout, spec)
    start = {"deviation_scale": np.log(0.2) + 0.5 * 0.8**2, "general_share": np.log(2 / 5)}
    start["domain_share"] = np.log(4 / 1.5)
    changed = replace(kernel.with_data(**other), start={**kernel.start, **start})
    assert_same_model(model, changed, points=10)


def test_a_point_beyond_numbers_has_no_density() -> None:
    model = kernel_model(several(), table_spec("joint"))
    x = model.initial_point()
    for bad in (np.full(x.size, 1e4), np.full(x.size, np.nan)):
        assert model.value_and_gradient(bad)[2] != 0


def test_what_the_graph_refuses_is_refused() -> None:
    layout = several()
    with pytest.raises(UsageError, match="takes normal prior sets"):
        table_kernel(layout, table_spec("joint", "empirical"))
    ragged = made_up(2, tables=[{"series": [(0, 0), (0, 1), (1, 0)], "functional": CHANGES}])
    with pytest.raises(UsageError, match="use the model 'longitudinal'"):
        table_kernel(ragged, table_spec("joint"))


def test_it_is_the_route_of_the_joint_model() -> None:
    layout = several()
    assert "joint" in KERNELS
    kernel, reason = table_kernel(layout, table_spec("joint"))
    assert kernel is not None
    assert not reason
    assert kernel.kernel.name == "joint"
    assert not covers(layout, table_spec("longitudinal"))
    (table,) = layout.tables
    backwards = replace(table, arm=table.arm[::-1], outcome=table.outcome[::-1])
    assert "ordered" in uncovered(replace(layout, tables=(backwards,)), table_spec("joint"))
