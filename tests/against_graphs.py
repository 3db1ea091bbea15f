"""Kernels against the PyMC graphs that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytest
from pymc.initial_point import make_initial_point_fn
from pymc.model.transform.optimization import freeze_dims_and_data

from bayesasthma.inference.routes import STARTS
from bayesasthma.models.kernels.model import KernelModel
from bayesasthma.validation.graph_densities import density, in_double, plain_mode

IN_DOUBLE, PLAIN = in_double(), plain_mode()


def assert_same_density(model: pm.Model, kernel: KernelModel, points: int, spread: float) -> None:
    """Values and gradients agree to nine digits about the starting point."""
    evaluate = density(model)
    rng = np.random.default_rng(5)
    centre = kernel.initial_point()
    for _ in range(points):
        x = centre + spread * rng.standard_normal(kernel.n_dim)
        value, gradient, status = kernel.value_and_gradient(x)
        expected, slope = evaluate(x)
        assert status == 0
        assert value == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-9 * np.abs(slope).max())


def assert_same_start(model: pm.Model, kernel: KernelModel) -> None:
    """Chains start at the same points, those of a graph compiled as `CompiledGraphs` compiles.

    The model's data are changed.
    """
    for name in STARTS:
        if name in model.named_vars:
            model[name].set_value(np.zeros_like(model[name].get_value()))
    start = make_initial_point_fn(model=model, jitter_rvs=set(model.free_RVs))
    for seed in (0, 7, 2**63):
        expected = np.concatenate([np.ravel(value) for value in start(seed).values()])
        np.testing.assert_allclose(kernel.initial_point(seed), expected, rtol=1e-12, atol=1e-12)


def assert_same_variables(model: pm.Model, kernel: KernelModel) -> None:
    """Names, order, dimensions and labels agree."""
    free = [rv.name for rv in model.free_RVs]
    kept = [value.name for value in model.unobserved_value_vars if value.name[-2:] != "__"]
    assert [own.name for own in kernel.free] == free
    assert [own.name for own in kernel.variables] == kept
    for own in (*kernel.free, *kernel.variables):
        assert own.dims == tuple(model.named_vars_to_dims.get(own.name, ()))
    # what only the data have is no dimension of a parameter
    for dim in {dim for own in kernel.free for dim in own.dims}:
        assert list(kernel.coords[dim]) == list(model.coords[dim])


def frozen_functions(model: pm.Model) -> tuple[Any, Any]:
    """Functions of a model's value variables: log-density with gradient, and parameters."""
    names = [variable.name for variable in model.free_RVs]
    # frozen, as it is for nutpie, which changes the order of the variables
    frozen = freeze_dims_and_data(model, data=[])
    inputs = [frozen.rvs_to_values[frozen[name]] for name in names]
    logp = frozen.logp()
    gradients = pytensor.grad(logp, inputs, disconnected_inputs="ignore")
    value = pytensor.function(inputs, [logp, *gradients], mode=PLAIN)
    named = frozen.replace_rvs_by_values([frozen[name] for name in names])
    expand = pytensor.function(inputs, named, mode=PLAIN, on_unused_input="ignore")
    return value, expand


def points_about_the_start(model: KernelModel, count: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    start = model.initial_point()
    scale = rng.choice([0.1, 0.5, 1.0], size=(count, 1))
    return start + scale * rng.normal(size=(count, start.size))


def split(model: KernelModel, x: np.ndarray) -> list[np.ndarray]:
    """A flat vector as the values of the free parameters."""
    parts = np.split(x, np.cumsum([own.size for own in model.free])[:-1])
    return [part.reshape(own.shape) for own, part in zip(model.free, parts, strict=True)]


def assert_same_model(model: pm.Model, kernel: KernelModel, points: int = 40) -> None:
    """Names, values, gradients, named parameters and starting points agree.

    The model's data are changed.
    """
    value, expand = frozen_functions(model)
    names = [variable.name for variable in model.free_RVs]
    assert [own.name for own in kernel.free] == names
    for own in kernel.free:
        assert own.dims == tuple(model.named_vars_to_dims.get(own.name, ()))
    # what only the data have is no dimension of a parameter
    for dim in {dim for own in kernel.free for dim in own.dims}:
        assert list(kernel.coords[dim]) == list(model.coords[dim])
    finite = 0
    for i, x in enumerate(points_about_the_start(kernel, points)):
        parts = split(kernel, x)
        expected, *gradients = value(*parts)
        found, gradient, status = kernel.value_and_gradient(x)
        if not np.isfinite(expected):
            assert status != 0
            continue
        finite += 1
        assert found == pytest.approx(float(expected), rel=1e-9)
        exact = np.concatenate([np.asarray(own).reshape(-1) for own in gradients])
        size = 1 + np.abs(exact).max()
        np.testing.assert_allclose(gradient, exact, rtol=1e-9, atol=1e-11 * size)
        if i < 3:
            for own, array in kernel.expand(x).items():
                graph = expand(*parts)[names.index(own)]
                np.testing.assert_allclose(array, graph, rtol=1e-12, atol=1e-12)
    assert finite > points / 2
    assert_same_start(model, kernel)
