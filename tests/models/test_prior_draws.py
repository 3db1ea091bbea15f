"""Prior draws without a graph are those of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.models.kernels.test_joint import CASES as JOINT
from tests.models.kernels.test_longitudinal import CASES as LONGITUDINAL
from tests.models.test_patients import adjusted
from tests.monte_carlo import seeded

import bayesasthma as ba
from bayesasthma.inference.routes import KERNELS, model_module
from bayesasthma.inference.sampling import draw_prior
from bayesasthma.models.design import Design, design
from bayesasthma.models.prior_draws import prior_draws
from bayesasthma.models.specification import table_spec
from bayesasthma.validation.made_up_designs import made_up

DRAWS = 2000
#: Chance of a false alarm of one comparison of two variables.
ALARM = 1e-6
CASES: dict[str, tuple[str, Design, str, dict[str, Any]]] = {
    **{
        f"longitudinal, {name}": ("longitudinal", *LONGITUDINAL[name])
        for name in (
            "free baseline", "common baseline", "published", "two visits, mixture", "one visit",
            "one visit, mixture", "exchangeable_ar1", "fixed", "several blocks, common",
        )
    },
    **{
        f"joint, {name}": ("joint", *JOINT[name])
        for name in ("weak", "sceptical", "three arms", "exchangeable_ar1", "two visits")
    },
    **{
        f"independent, {prior}": ("independent", made_up(2, 3, 3), prior, options)
        for prior, options in (
            ("sceptical", {"variance": "common"}), ("empirical", {"rounding": False}),
        )
    },
}  # fmt: skip


def both(model: str, layout: Design, prior: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """Draws of every parameter: from the graph, and without one."""
    spec = table_spec(model, prior, **options)
    kernel = __import__(KERNELS[model], fromlist=["kernel_model"]).kernel_model(layout, spec)
    seed = seeded()
    expected = draw_prior(model_module(model).build(layout, spec), DRAWS, seed)
    return expected, (kernel.free, prior_draws(kernel.free, layout, spec, DRAWS, seed + 1))


def assert_alike(expected: np.ndarray, found: np.ndarray, name: str) -> None:
    """Whether samples (draw, entry) have the same margins, and neighbours the same correlation."""
    count = expected.shape[1]
    for entry in range(count):
        p = stats.ks_2samp(expected[:, entry], found[:, entry]).pvalue
        assert p > ALARM / count, f"{name}[{entry}]: p = {p:.2g}"
    # variances of transformed rank correlations: 1.06 / (n - 3); of zero, or clear of it
    bound = stats.norm.isf(ALARM / 2 / max(count, 1)) * np.sqrt(2 * 1.06 / (DRAWS - 3))
    for entry in range(1, count):
        a, b = (
            np.arctanh(stats.spearmanr(own[:, entry - 1], own[:, entry]).statistic)
            for own in (expected, found)
        )
        assert abs(a - b) < bound, f"{name}[{entry - 1}], [{entry}]: {a:.3f} and {b:.3f}"


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_draws_are_those_of_the_graph(case: str) -> None:
    expected, (free, found) = both(*CASES[case])
    assert set(found) == set(expected)
    for own in free:
        assert expected[own.name].dims == ("chain", "draw", *own.dims)
        assert found[own.name].shape == expected[own.name].shape[1:]
        assert_alike(
            expected[own.name].to_numpy().reshape(DRAWS, -1),
            found[own.name].reshape(DRAWS, -1),
            own.name,
        )


@pytest.mark.slow
def test_arms_and_domains_are_correlated_as_in_the_graph() -> None:
    """Of benefits the whole correlation matrix, which neighbours alone would not tell."""
    expected, (_, found) = both(*CASES["joint, three arms"])
    a, b = (
        np.corrcoef(np.asarray(own).reshape(DRAWS, -1), rowvar=False)
        for own in (expected["effect"], found["effect"])
    )
    bound = stats.norm.isf(ALARM / a.size) * np.sqrt(2 / DRAWS)
    assert np.abs(a).max(initial=0, where=~np.eye(len(a), dtype=bool)) > 2 * bound
    assert np.abs(a - b).max() < bound


@pytest.mark.slow
def test_coefficients_of_covariates_are_drawn(tmp_path: Any) -> None:
    layout = design(ba.load_study(adjusted(tmp_path / "patients")))
    expected, (_, found) = both("longitudinal", layout, "weak", {})
    assert set(found) == set(expected)
    assert_alike(
        expected["coefficient"].to_numpy().reshape(DRAWS, -1),
        found["coefficient"].reshape(DRAWS, -1),
        "coefficient",
    )


@pytest.mark.parametrize("model", KERNELS)
def test_a_flat_prior_has_no_draws(model: str) -> None:
    layout = design(ba.load_study())
    assert prior_draws((), layout, table_spec(model, "reference"), 10, seed=1) == {}
