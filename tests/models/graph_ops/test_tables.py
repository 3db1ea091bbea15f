"""The compiled operation equals the density it stands for, in value and gradient."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import bayesasthma as ba
from bayesasthma.inference.sampling import compile_model, sample, with_data
from bayesasthma.likelihood.tables import LOG_2PI, fisher_scale, log_constant, table_logp
from bayesasthma.models import independent
from bayesasthma.models.design import design
from bayesasthma.models.graph_ops.tables import fast_table_logp, source_salt
from bayesasthma.models.specification import table_spec

GRADIENTS = ("sd", "mean", "mu", "log_sigma", "z_population", "z_sample")


def case(rows: int, pinned: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    series, pairs = 5, rows * (rows - 1) // 2
    mean = rng.normal(size=(series, rows))
    values = {
        "sd": rng.uniform(0.7, 1.4, (series, rows)),
        "mean": mean,
        "mu": mean + 0.3 * rng.normal(size=(series, rows)),
        "log_sigma": 0.2 * rng.normal(size=(series, rows)),
        "z_population": rng.normal(0.5, 0.3, (series, pairs)),
        "epsilon": rng.normal(size=(series, pairs))[:, ~pinned],
        "n": np.broadcast_to(
            rng.integers(12, 40, (series, 1)).astype(float), (series, rows)
        ).copy(),
        "pinned_z": rng.normal(0.4, 0.2, (series, pairs)),
    }
    scale = fisher_scale(values["n"] - 1)
    z = values["pinned_z"].copy()
    z[:, ~pinned] = (values["z_population"] + 0)[:, ~pinned]
    z[:, ~pinned] += values["epsilon"] * scale[:, ~pinned]
    return values | {"z_sample": z, "scale": scale, "constant": log_constant(values["n"] - 1)}


def both(values: dict[str, np.ndarray], pinned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fast = fast_table_logp(
        *(values[k] for k in ("mean", "sd", "mu", "log_sigma", "z_population", "z_sample")),
        values["n"],
        values["constant"],
        pinned,
    ).eval()
    jacobian = np.log(values["scale"][:, ~pinned]) + 0.5 * (LOG_2PI + values["epsilon"] ** 2)
    exact = table_logp(
        *(values[k] for k in ("mean", "sd", "mu", "log_sigma", "z_population", "epsilon")),
        values["n"],
        values["constant"],
        values["scale"],
        pinned,
        values["pinned_z"],
        balanced=True,
    )
    return fast + jacobian.sum(axis=-1), exact.sum(axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 2, 4])
def test_value_equals_the_reference(rows: int) -> None:
    none = np.zeros(rows * (rows - 1) // 2, dtype=bool)
    fast, exact = both(case(rows, none), none)
    np.testing.assert_allclose(fast, exact, rtol=1e-12)


def test_value_equals_the_reference_with_published_correlations() -> None:
    pinned = np.array([True, False, False, True, False, False])
    fast, exact = both(case(4, pinned), pinned)
    np.testing.assert_allclose(fast, exact, rtol=1e-12)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradient_equals_finite_differences(name: str) -> None:
    pinned = np.array([True, False, False, True, False, False])
    values = case(4, pinned)
    variable = pt.dmatrix(name)
    arguments = {k: values[k] for k in GRADIENTS} | {name: variable}
    total = fast_table_logp(
        *(arguments[k] for k in ("mean", "sd", "mu", "log_sigma", "z_population", "z_sample")),
        values["n"],
        values["constant"],
        pinned,
    ).sum()
    f = pytensor.function([variable], [total, pytensor.grad(total, variable)], mode="FAST_COMPILE")
    gradient = f(values[name])[1]
    difference = np.empty_like(gradient)
    for index in np.ndindex(gradient.shape):
        step = np.zeros_like(gradient)
        step[index] = 1e-5
        difference[index] = (f(values[name] + step)[0] - f(values[name] - step)[0]) / 2e-5
    np.testing.assert_allclose(gradient, difference, rtol=1e-6, atol=1e-6)


def test_a_changed_kernel_is_compiled_anew() -> None:
    def one() -> int:
        return 1

    def two() -> int:
        return 2

    assert source_salt(one) != source_salt(two)


@pytest.mark.slow
def test_other_data_in_a_compiled_model_give_the_draws_of_a_fresh_one() -> None:
    layout = design(ba.load_study(), ["act"])
    spec = table_spec("independent")
    table = layout.tables[0]
    other = dataclasses.replace(
        layout, tables=(dataclasses.replace(table, sd=1.3 * table.sd, n=table.n + 10),)
    )
    options = ba.SamplerOptions(draws=50, tune=100, chains=1)
    swapped = with_data(
        compile_model(independent.build(layout, spec)), independent.data(other, spec)
    )
    fresh = compile_model(independent.build(other, spec))
    a, b = (sample(compiled, options)["posterior"] for compiled in (swapped, fresh))
    np.testing.assert_array_equal(a["location"], b["location"])
