"""Coordinates of the sampler: linear maps with their determinants, which leave the model alone."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.monte_carlo import SMALL_P, seeded

import bayesasthma as ba
from bayesasthma.models import longitudinal
from bayesasthma.models.coordinates import (
    Coordinates,
    PartlyCentred,
    centred_normal,
    offset_flat,
    offset_normal,
)
from bayesasthma.models.design import design
from bayesasthma.models.moments import moments
from bayesasthma.models.specification import table_spec

MODE = pytensor.compile.mode.Mode("py", "fast_compile")


def evaluate(graph: list[pt.TensorVariable], value: np.ndarray) -> list[np.ndarray]:
    """Values of graphs of one three-dimensional input."""
    (x,) = {own for out in graph for own in pytensor.graph.graph_inputs([out]) if own.name == "x"}
    found: list[np.ndarray] = pytensor.function([x], graph, mode=MODE)(value)
    return found


def test_coordinates_mix_outcomes_and_add_the_offset() -> None:
    rng = np.random.default_rng(9)
    factor = np.tril(rng.normal(size=(3, 3))) + 2 * np.eye(3)
    value, offset = rng.normal(size=(3, 1, 2)), rng.normal(size=(3, 1, 2))
    own, x = Coordinates(factor), pt.tensor3("x")
    moved = own.backward(x, offset)
    found, back, log_det = evaluate(
        [moved, own.forward(moved, offset), own.log_jac_det(x, offset)], value
    )
    np.testing.assert_allclose(found, np.einsum("kl,lat->kat", factor, value) + offset)
    np.testing.assert_allclose(back, value)
    assert float(log_det) == pytest.approx(2 * np.log(np.abs(np.linalg.det(factor))))
    plain = Coordinates()
    (found,) = evaluate([plain.backward(x, offset)], value)
    np.testing.assert_allclose(found, value + offset)


@given(
    centring=st.floats(0, 1),
    scale=st.floats(0.01, 10),
    location=st.floats(-5, 5),
    value=st.floats(-3, 3),
)
def test_partly_centred_is_invertible_with_its_jacobian(
    centring: float, scale: float, location: float, value: float
) -> None:
    inputs = [np.full((1, 1, 1), own) for own in (location, scale, 0.3, centring)]
    own, x = PartlyCentred(), pt.tensor3("x")
    moved = own.backward(x, *inputs)
    found, back, log_jac = evaluate(
        [moved, own.forward(moved, *inputs), own.log_jac_det(x, *inputs)],
        np.full((1, 1, 1), value),
    )
    expected = 0.3 + (1 - centring) * location + scale ** (1 - centring) * value
    assert found.item() == pytest.approx(expected, abs=1e-12)
    assert back.item() == pytest.approx(value, abs=1e-9)
    assert log_jac.item() == pytest.approx((1 - centring) * np.log(scale), abs=1e-12)


def test_either_end_is_the_centred_and_the_non_centred_form() -> None:
    inputs = [np.full((1, 1, 1), own) for own in (2.0, 0.1, 0.0)]
    x, value = pt.tensor3("x"), np.full((1, 1, 1), 0.7)
    for centring, expected in ((1.0, 0.7), (0.0, 2.07)):
        at = np.full((1, 1, 1), centring)
        (found,) = evaluate([PartlyCentred().backward(x, *inputs, at)], value)
        assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize("centring", [0.0, 0.4, 1.0])
def test_density_in_any_coordinates_is_that_of_the_normal(centring: float) -> None:
    factor = np.array([[1.5, 0.0], [-0.8, 0.4]])
    with pm.Model(coords={"cell": range(2)}) as model:
        mean = pm.Normal("mean", 0, 1)
        scale = pm.LogNormal("scale", 0, 1)
        offset_normal("a", mean, scale, mean + np.zeros(2), ("cell",), Coordinates())
        centred_normal("b", mean, scale, 2 * mean + np.zeros(2), np.asarray(centring), ("cell",))
        c_free = offset_flat("c", mean + np.zeros(2), ("cell",), Coordinates())
        pm.Potential("seen", -(c_free**2).sum())
        offset_normal("d", mean, scale, mean + np.zeros(2), ("cell",), Coordinates(factor))
    m, s = 0.3, 0.6
    a, b, c, d = (np.array(own) for own in ([0.1, 0.5], [-0.2, 0.4], [7.0, 8.0], [1.1, -0.7]))
    point = {
        "mean": m,
        "scale_log__": np.log(s),
        "a_coordinates__": a - m,
        "b_partly_centred__": (b - 2 * m - (1 - centring) * m) / s ** (1 - centring),
        "c_coordinates__": c - m,
        "d_coordinates__": np.linalg.solve(factor, d - m),
    }
    found = model.compile_logp(mode=MODE)(point)
    exact = (
        stats.norm.logpdf(m)
        + stats.norm.logpdf(np.log(s))  # of the logarithm, its Jacobian included
        + stats.norm.logpdf(a, m, s).sum()
        + stats.norm.logpdf(b, m, s).sum()
        + 2 * (1 - centring) * np.log(s)  # of the map from the values sampled
        - (c**2).sum()
        + stats.norm.logpdf(d, m, s).sum()
        + np.log(np.abs(np.linalg.det(factor)))
    )
    assert float(found) == pytest.approx(exact, abs=1e-10)
    assert np.isfinite(model.compile_dlogp(mode=MODE)(point)).all()


def test_draws_of_the_prior_do_not_see_the_coordinates() -> None:
    with pm.Model(coords={"cell": range(2)}):
        shift = 3.0 * pm.Normal("shift", 0, 1) + np.zeros(2)
        a = offset_normal("a", np.asarray(0.5), np.asarray(2.0), shift, ("cell",), Coordinates())
        b = centred_normal("b", np.asarray(0.5), np.asarray(2.0), shift, np.asarray(0.5), ("cell",))
    for own in (a, b):
        draws = pm.draw(own, 4000, random_seed=seeded(4), mode="FAST_COMPILE").ravel()
        assert stats.kstest(draws, stats.norm(0.5, 2.0).cdf).pvalue > SMALL_P


def test_rounding_errors_move_the_moments_and_nothing_that_is_sampled() -> None:
    """Many patients pin moments less the errors of print, which is what stays where it is."""
    layout = design(ba.load_study("liu2025"), ["act", "fev1"])
    spec = table_spec("longitudinal")
    model = longitudinal.build(layout, spec)
    rng = np.random.default_rng(3)
    names = [variable.name for variable in model.free_RVs]
    point = {name: rng.normal(0, 0.3, at.shape) for name, at in model.initial_point().items()}
    graphs = model.replace_rvs_by_values([model[name] for name in names])
    values = pytensor.function(model.value_vars, graphs, mode=MODE)

    def cells(rounding: np.ndarray) -> np.ndarray:
        """Means and log SDs (outcome, arm, visit, moment), less the errors."""
        found = dict(zip(names, values(**(point | {"rounding_0": rounding})), strict=True))
        moved = moments(found, layout, spec)
        (table,) = layout.tables
        error = (stats.norm.cdf(rounding) - 0.5) * np.stack([table.mean_step, table.sd_step], -1)
        error = error.reshape(*moved.mean.shape, 2)
        printed = table.sd.reshape(moved.mean.shape)
        return np.stack(
            [moved.mean - error[..., 0], moved.log_sd - np.log1p(error[..., 1] / printed)], axis=-1
        )

    shape = point["rounding_0"].shape
    np.testing.assert_allclose(cells(rng.normal(size=shape)), cells(np.zeros(shape)), atol=1e-12)
