"""Every p from unrounded inputs lies in the range computed from the rounded ones, tightly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesasthma.frequentist import (
    Range,
    implied_correlation_range,
    paired_p_range,
    paired_t,
    printed_p,
    rounded,
    rounded_sd,
    student_p_range,
    two_sample_t,
    welch_p_range,
)

seeds = st.integers(0, 2**32 - 1)
# Thousands of tables a run: each example is a batch.
BATCH = 200


def random_tables(seed: int) -> dict[str, np.ndarray]:
    """Unrounded summaries and what would be printed of them, from coarse to fine rounding."""
    rng = np.random.default_rng(seed)
    step = 10.0 ** rng.integers(-3, 1, BATCH)
    mean = rng.normal(0, 3, (2, BATCH))
    sd = rng.gamma(1.5, 2, (2, BATCH))
    shown = np.round(mean / step) * step, np.round(sd / step) * step
    return {
        "step": step,
        "mean": mean,
        "sd": sd,
        "n": rng.integers(2, 60, (2, BATCH)).astype(float),
        "mean_shown": shown[0],
        "sd_shown": shown[1],
    }


def ranges(function: Callable[..., Range], t: dict[str, np.ndarray]) -> Range:
    mean = [rounded(m, t["step"]) for m in t["mean_shown"]]
    sd = [rounded_sd(s, t["step"]) for s in t["sd_shown"]]
    return function(mean[0], sd[0], t["n"][0], mean[1], sd[1], t["n"][1])


def assert_inside(p: np.ndarray, reachable: Range) -> None:
    assert np.all(p >= reachable.low * (1 - 1e-9))
    assert np.all(p <= reachable.high * (1 + 1e-9))


@given(seeds)
@settings(max_examples=40)
def test_two_sample_p_is_reachable(seed: int) -> None:
    t = random_tables(seed)
    (m1, m2), (s1, s2), (n1, n2) = t["mean"], t["sd"], t["n"]
    assert_inside(two_sample_t(m1, s1, n1, m2, s2, n2).p, ranges(student_p_range, t))
    assert_inside(two_sample_t(m1, s1, n1, m2, s2, n2, False).p, ranges(welch_p_range, t))


@given(seeds, st.floats(-1, 1))
@settings(max_examples=40)
def test_paired_p_is_reachable(seed: int, rho: float) -> None:
    t = random_tables(seed)
    args = [rounded(t["mean_shown"][0], t["step"]), rounded_sd(t["sd_shown"][0], t["step"])]
    args += [rounded(t["mean_shown"][1], t["step"]), rounded_sd(t["sd_shown"][1], t["step"])]
    n = t["n"][0]
    p = paired_t(t["mean"][0], t["sd"][0], t["mean"][1], t["sd"][1], n, rho).p
    assert_inside(p, paired_p_range(*args, n))
    at_rho = Range(np.asarray(rho), np.asarray(rho))
    assert_inside(p, paired_p_range(*args, n, at_rho))
    # and the correlation is among those its own p implies
    implied = implied_correlation_range(*args, n, Range(p * (1 - 1e-9), p * (1 + 1e-9)))
    known = (p > 1e-12) & (p < 1 - 1e-6)
    assert np.all(implied.low[known] <= rho + 1e-5)
    assert np.all(implied.high[known] >= rho - 1e-5)


def box(shown: float, step: float, floor: float = -np.inf, points: int = 21) -> np.ndarray:
    return np.maximum(shown + step * np.linspace(-0.5, 0.5, points), floor)


@pytest.mark.parametrize("n", [(18, 19), (2, 30), (5, 6)])
@pytest.mark.parametrize("sd", [(4.3, 4.5), (0.1, 2.0), (0.0, 0.4)])
@pytest.mark.parametrize("difference", [0.0, 0.4, 6.0])
def test_ranges_are_tight(n: tuple[int, int], sd: tuple[float, float], difference: float) -> None:
    """A dense grid over the box comes as close to the ends as its own spacing allows."""
    mean = rounded(difference, 0.1), rounded(0.0, 0.1)
    sds = rounded_sd(sd[0], 0.1), rounded_sd(sd[1], 0.1)
    s1, s2 = np.meshgrid(box(sd[0], 0.1, 0), box(sd[1], 0.1, 0))
    d = np.array([max(difference - 0.1, 0.0), difference + 0.1])[:, None, None]
    for equal_var, function in ((True, student_p_range), (False, welch_p_range)):
        p = two_sample_t(d, s1, n[0], 0.0, s2, n[1], equal_var).p
        reachable = function(mean[0], sds[0], n[0], mean[1], sds[1], n[1])
        assert_inside(p, reachable)
        for end, grid in ((reachable.high, p.max()), (reachable.low, p.min())):
            if grid > 0:
                # Welch's bracket is outer; it is loose only where p is astronomically small.
                tolerance = 1e-6 if equal_var else 0.02 if grid > 1e-4 else 0.3
                assert abs(np.log(grid / end)) < tolerance


@pytest.mark.parametrize("sd", [(4.0, 3.0), (1.0, 1.0), (0.5, 3.0), (0.04, 0.1)])
@pytest.mark.parametrize("rho", [(-1.0, 1.0), (0.3, 0.7), (-0.9, -0.2)])
def test_paired_range_is_tight(sd: tuple[float, float], rho: tuple[float, float]) -> None:
    correlation = Range(np.asarray(rho[0]), np.asarray(rho[1]))
    args = (
        rounded(1.0, 0.1),
        rounded_sd(sd[0], 0.1),
        rounded(1.5, 0.1),
        rounded_sd(sd[1], 0.1),
        18,
    )
    s1, s2, r = np.meshgrid(box(sd[0], 0.1, 0), box(sd[1], 0.1, 0), np.linspace(*rho, 21))
    d = np.array([0.4, 0.6])[:, None, None, None]
    p = paired_t(0.0, s1, d, s2, 18, r).p
    reachable = paired_p_range(*args, correlation)
    assert_inside(p, reachable)
    np.testing.assert_allclose(reachable.high, p.max(), rtol=1e-6)
    # The grid misses the minimum on an edge by up to its spacing.
    np.testing.assert_allclose(reachable.low, p.min(), rtol=0.2, atol=1e-6)
    printed = printed_p(0.04, "=", 2)
    implied = implied_correlation_range(*args, printed)
    everything = np.linspace(-1, 1, 401)
    p = paired_t(0.0, s1[..., :1, None], d[..., None], s2[..., :1, None], 18, everything).p
    fits = np.any((p >= printed.low) & (p <= printed.high), axis=(0, 1, 2, 3))
    if fits.any():
        assert implied.low == pytest.approx(everything[fits].min(), abs=0.03)
        assert implied.high == pytest.approx(everything[fits].max(), abs=0.03)
    else:
        assert np.isnan(implied.low)


def test_printed_p_values_as_sets() -> None:
    shown = printed_p([0.1, 0.10, 0.01, 0.05, 1.0], ["=", "=", "<", ">", "="], [1, 2, 2, 2, 2])
    np.testing.assert_allclose(shown.low, [0.05, 0.095, 0.0, 0.05, 0.995])
    np.testing.assert_allclose(shown.high, [0.15, 0.105, 0.01, 1.0, 1.0])
    assert shown.high[2] < 0.01
    assert shown.low[3] > 0.05


@given(seeds)
@settings(max_examples=20)
def test_swapping_arms_and_changing_units_changes_nothing(seed: int) -> None:
    t = random_tables(seed)
    swapped = {k: v[::-1] if v.ndim == 2 else v for k, v in t.items()}
    scaled = {k: v if k == "n" else v * 7.25 for k, v in t.items()}
    for function in (student_p_range, welch_p_range):
        plain = ranges(function, t)
        for other in (swapped, scaled):
            changed = ranges(function, other)
            np.testing.assert_allclose(changed.low, plain.low, rtol=1e-6, atol=1e-300)
            np.testing.assert_allclose(changed.high, plain.high, rtol=1e-6)
