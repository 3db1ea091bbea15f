"""Estimands against closed forms, simulation and hand computation."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from tests.monte_carlo import Estimate, assert_agree, probability, seeded

from bayesasthma.results import estimands as est

VISITS = ["v0", "v1", "v2"]


def moments(seed: int = 0, draws: int = 3) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    shape = (1, draws, 2, 3, 3)
    z = rng.uniform(0.1, 0.8, (1, draws, 2))
    correlation = np.where(np.eye(3) > 0, 1.0, z[..., None, None])
    coords = {"outcome": ["a", "b"], "arm": ["control", "x", "y"], "visit": VISITS}
    dims = ("chain", "draw", "outcome", "arm", "visit")
    return xr.Dataset(
        {
            "mean": (dims, rng.normal(10, 2, shape)),
            "sd": (dims, rng.uniform(0.5, 2, shape)),
            "correlation": (("chain", "draw", "outcome", "visit", "visit_b"), correlation),
        },
        {**coords, "visit_b": VISITS},
    )


N = xr.DataArray([10, 12, 14], {"arm": ["control", "x", "y"]}, "arm")


def test_differences_by_hand() -> None:
    m = moments()
    one = m.isel(chain=0, draw=1, outcome=1)
    mean = one["mean"].to_numpy()
    found = est.difference(m).isel(chain=0, draw=1, outcome=1)
    np.testing.assert_allclose(found, mean[1:] - mean[0])
    change = est.difference_in_change(m, "v0").isel(chain=0, draw=1, outcome=1)
    np.testing.assert_allclose(change, (mean[1:, 1:] - mean[1:, :1]) - (mean[0, 1:] - mean[0, :1]))
    assert list(change["visit"].to_numpy()) == ["v1", "v2"]


def test_adjusted_difference_is_the_regression_coefficient_of_the_arm() -> None:
    """On simulated patients the analysis of covariance estimates the same number."""
    rng = np.random.default_rng(seeded(3))
    m = moments(5).isel(draw=[0], outcome=[0], arm=[0, 1])
    sd, mean = m["sd"].to_numpy()[0, 0, 0], m["mean"].to_numpy()[0, 0, 0]
    r = m["correlation"].to_numpy()[0, 0, 0]
    sizes = np.array([400_000, 600_000])
    rows = []
    for g in range(2):
        covariance = np.outer(sd[g], sd[g]) * r
        y = rng.multivariate_normal(mean[g], covariance, sizes[g])
        rows.append(np.column_stack([np.full(sizes[g], g), y]))
    data = np.concatenate(rows)
    design = np.column_stack([np.ones(len(data)), data[:, 0], data[:, 1]])
    coefficient, *_ = np.linalg.lstsq(design, data[:, 2], rcond=None)
    n = xr.DataArray(sizes, {"arm": ["control", "x"]}, "arm")
    adjusted = est.adjusted_difference(m, "v0", n).sel(visit="v1").item()
    # the arms have their own variances: White's error of the coefficient
    residual = data[:, 2] - design @ coefficient
    inverse = np.linalg.inv(design.T @ design)
    error = np.sqrt(np.diag(inverse @ (design.T * residual**2) @ design @ inverse))[1]
    assert_agree(Estimate(coefficient[1], error, scale=sd.mean()), adjusted, share=0.02)


def test_adjustment_reduces_to_change_and_to_difference() -> None:
    m = moments(7)
    none = m.assign(correlation=m["correlation"] * (m["visit"] == m["visit_b"]))
    difference = est.difference(m).sel(visit=["v1", "v2"])
    xr.testing.assert_allclose(
        est.adjusted_difference(none, "v0", N), difference, check_dim_order=False
    )
    equal = m.assign(sd=xr.ones_like(m["sd"]), correlation=xr.ones_like(m["correlation"]))
    xr.testing.assert_allclose(
        est.adjusted_difference(equal, "v0", N), est.difference_in_change(m, "v0")
    )


@given(st.floats(-5, 5), st.floats(0.1, 10))
def test_standardised_difference_ignores_units(shift: float, factor: float) -> None:
    m = moments(1)
    moved = m.assign(mean=shift + factor * m["mean"], sd=factor * m["sd"])
    xr.testing.assert_allclose(
        est.standardised_difference(moved, N), est.standardised_difference(m, N), rtol=1e-9
    )


def test_area_under_a_constant_and_a_line() -> None:
    weeks = xr.DataArray([12.0, 24.0, 48.0], {"visit": ["a", "b", "c"]}, "visit")
    line = xr.DataArray(weeks.to_numpy() / 48, {"visit": ["a", "b", "c"]}, "visit")
    assert est.area_under_follow_up(line, weeks, 0.0).item() == pytest.approx(0.5)
    constant = xr.ones_like(line)
    # zero at week 0 rising to 1 at week 12, then flat: 1 - (12 / 2) / 48
    assert est.area_under_follow_up(constant, weeks, 0.0).item() == pytest.approx(1 - 6 / 48)


@pytest.mark.parametrize(("direction", "relative"), [(1, False), (-1, False), (-1, True)])
def test_share_improved_equals_simulated_patients(direction: int, relative: bool) -> None:
    rng = np.random.default_rng(seeded(11))
    m = moments(2).isel(draw=[0], outcome=[0])
    mcid = 0.2 if relative else 1.0
    arrays = [xr.DataArray([v], {"outcome": ["a"]}, "outcome") for v in (direction, mcid, relative)]
    share = est.share_improved(m, "v0", *arrays).sel(arm="x", visit="v2").item()
    sd, mean = (m[k].sel(arm="x").to_numpy().ravel() for k in ("sd", "mean"))
    covariance = np.outer(sd, sd) * m["correlation"].to_numpy()[0, 0, 0]
    y = rng.multivariate_normal(mean, covariance, 400_000)
    gain = direction * (y[:, 2] - y[:, 0])
    needed = mcid * y[:, 0] if relative else mcid
    assert_agree(probability(gain >= needed), share, share=0.02)


def test_threshold_of_a_relative_mcid_is_of_the_control_mean() -> None:
    m = moments(4)
    coords = {"outcome": ["a", "b"]}
    mcid = xr.DataArray([0.2, 3.0], coords, "outcome")
    relative = xr.DataArray([True, False], coords, "outcome")
    limit = est.threshold(m, mcid, relative)
    control = m["mean"].sel(arm="control").sel(outcome="a")
    np.testing.assert_allclose(limit.sel(outcome="a").transpose(*control.dims), 0.2 * control)
    assert (limit.sel(outcome="b") == 3).all()
