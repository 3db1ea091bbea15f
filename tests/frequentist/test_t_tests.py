"""t tests from summaries against SciPy on patient-level data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.frequentist import (
    change_sd,
    one_sample_t,
    paired_t,
    t_test_from_estimate,
    two_sample_t,
    two_sided_p,
)

seeds = st.integers(0, 2**32 - 1)


def summary(x: np.ndarray) -> tuple[float, float, int]:
    return float(x.mean()), float(x.std(ddof=1)), len(x)


@given(seeds, st.booleans())
def test_two_sample_equals_patient_level(seed: int, equal_var: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(), 1, rng.integers(2, 30))
    y = rng.normal(0, 3, rng.integers(2, 30))
    expected = stats.ttest_ind(x, y, equal_var=equal_var)
    result = two_sample_t(*summary(x), *summary(y), equal_var)
    assert result.t == pytest.approx(expected.statistic, rel=1e-9)
    assert result.df == pytest.approx(expected.df, rel=1e-9)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-8)
    interval = expected.confidence_interval(0.95)
    assert result.ci_low == pytest.approx(interval.low, rel=1e-8)
    assert result.ci_high == pytest.approx(interval.high, rel=1e-8)
    assert result.difference == pytest.approx(x.mean() - y.mean())


@given(seeds)
def test_paired_equals_patient_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.normal(size=rng.integers(3, 30))
    after = 0.6 * before + rng.normal(0.5, 1, len(before))
    expected = stats.ttest_rel(after, before)
    rho = np.corrcoef(before, after)[0, 1]
    result = paired_t(*summary(before)[:2], *summary(after)[:2], len(before), rho)
    assert result.t == pytest.approx(expected.statistic, rel=1e-8)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-8)
    assert change_sd(before.std(ddof=1), after.std(ddof=1), rho) == pytest.approx(
        (after - before).std(ddof=1)
    )


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 2.0])
def test_alternatives_equal_scipy(alternative: str, shift: float) -> None:
    x = np.array([0.3, 1.1, -0.4, 2.0, 0.9]) + shift
    expected = stats.ttest_1samp(x, 0.5, alternative=alternative)
    result = one_sample_t(*summary(x), null=0.5, alternative=alternative)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-9)
    interval = expected.confidence_interval(0.95)
    assert (result.ci_low, result.ci_high) == pytest.approx((interval.low, interval.high))


def test_tail_and_limits() -> None:
    assert two_sided_p(40.0, 35) == pytest.approx(2 * stats.t.sf(40.0, 35), rel=1e-10)
    assert two_sided_p(np.inf, 5) == 0.0
    assert two_sided_p(0.0, 5) == 1.0
    assert t_test_from_estimate(1.0, 0.0, 10).p == 0.0
    assert t_test_from_estimate(0.0, 0.0, 10).p == 1.0


def test_missing_cells_stay_missing() -> None:
    result = two_sample_t([1.0, np.nan], [1.0, 1.0], 10, [0.0, 0.0], 1.0, [12, 12])
    assert result.p.shape == (2,)
    assert np.isfinite(result.p[0])
    assert np.isnan(result.p[1])


@given(seeds, st.floats(1e-6, 1e6))
def test_p_does_not_depend_on_the_unit(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    m1, m2 = rng.normal(size=2)
    s1, s2 = rng.gamma(2, size=2)
    for equal_var in (True, False):
        plain = two_sample_t(m1, s1, 18, m2, s2, 19, equal_var)
        scaled = two_sample_t(m1 * unit, s1 * unit, 18, m2 * unit, s2 * unit, 19, equal_var)
        assert scaled.p == pytest.approx(plain.p, rel=1e-7)
        assert scaled.df == pytest.approx(plain.df, rel=1e-7)
