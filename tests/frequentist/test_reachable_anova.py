"""Ranges of analysis-of-variance p-values contain everything reachable, and are tight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesasthma.frequentist import (
    one_way_anova,
    one_way_p_range,
    repeated_measures_anova,
    repeated_measures_p_range,
    rounded,
    rounded_sd,
    spread_range,
    student_p_range,
    within_subject_error_range,
)

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
@settings(max_examples=40)
def test_one_way_p_is_reachable(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(2, 6)
    step = 10.0 ** rng.integers(-2, 1)
    means, sds = rng.normal(0, 2, groups), rng.gamma(2, 2, groups)
    n = rng.integers(2, 30, groups)
    shown = [np.round(x / step) * step for x in (means, sds)]
    reach = one_way_p_range(rounded(shown[0], step), rounded_sd(shown[1], step), n)
    p = one_way_anova(means, sds, n).p
    assert reach.low * (1 - 1e-9) <= p <= reach.high * (1 + 1e-9)


def test_two_groups_equal_student() -> None:
    means, sds, n = np.array([16.8, 18.9]), np.array([4.3, 2.9]), [18, 19]
    reach = one_way_p_range(rounded(means, 0.1), rounded_sd(sds, 0.1), n)
    student = student_p_range(
        *(rounded(16.8, 0.1), rounded_sd(4.3, 0.1), 18),
        *(rounded(18.9, 0.1), rounded_sd(2.9, 0.1), 19),
    )
    assert reach.low == pytest.approx(float(student.low), rel=1e-6)
    assert reach.high == pytest.approx(float(student.high), rel=1e-6)


def test_spread_range_against_a_grid() -> None:
    values, step, weights = np.array([1.0, 1.1, 1.4]), 0.2, np.array([3.0, 5.0, 2.0])
    axes = [np.linspace(v - step / 2, v + step / 2, 41) for v in values]
    x = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)
    centre = (x @ weights / weights.sum())[:, None]
    spread = ((x - centre) ** 2) @ weights
    reach = spread_range(rounded(values, step), weights)
    assert reach.low == pytest.approx(spread.min(), abs=1e-3)
    assert reach.low <= spread.min() + 1e-12
    assert reach.high == pytest.approx(spread.max(), rel=1e-6)


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.95, 1.0])
def test_error_range_against_a_grid(rho: float) -> None:
    values, step = np.array([4.0, 3.2, 3.5]), 0.4
    axes = [np.linspace(v - step / 2, v + step / 2, 21) for v in values]
    s = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)
    total, squares = s.sum(axis=1) ** 2, (s**2).sum(axis=1)
    # tr(C'SC) = tr(S) − 1'S1/T with S = D(s) R D(s)
    error = (squares - ((1 - rho) * squares + rho * total) / 3) / 2
    reach = within_subject_error_range(rounded_sd(values, step), rho)
    assert reach.low == pytest.approx(error.min(), abs=0.01)
    assert reach.low <= error.min() + 1e-9
    assert reach.high == pytest.approx(error.max(), rel=1e-6)


@given(seeds, st.booleans())
@settings(max_examples=25)
def test_repeated_measures_p_is_reachable(seed: int, two_arms: bool) -> None:
    rng = np.random.default_rng(seed)
    visits = int(rng.integers(2, 6))
    arms = 2 if two_arms else 1
    step = 10.0 ** rng.integers(-2, 1)
    means, sds = rng.normal(0, 2, (arms, visits)), rng.gamma(3, 1, (arms, visits))
    n = rng.integers(3, 30, arms)
    rho = rng.uniform(-1 / (visits - 1), 1)
    result = repeated_measures_anova(means, sds, n, rho)
    shown = np.round(means / step) * step
    printed = [rounded_sd(np.round(s / step) * step, step) for s in sds]
    if two_arms:
        # A difference of two rounded means has twice the rounding step.
        pattern = rounded(shown[1] - shown[0], 2 * step)
        weight, effect = n[0] * n[1] / n.sum(), result.interaction
    else:
        pattern, weight, effect = rounded(shown[0], step), float(n[0]), result.time
    assert effect is not None
    for limits in ((rho, rho), (-1 / (visits - 1), 1.0)):
        reach = repeated_measures_p_range(pattern, weight, printed, n, limits)
        assert reach.low * (1 - 1e-9) <= effect.p <= reach.high * (1 + 1e-9)
        loose = repeated_measures_p_range(pattern, weight, printed, n, limits, sphericity=False)
        assert loose.low * (1 - 1e-2) <= effect.p_gg <= loose.high * (1 + 1e-2)
