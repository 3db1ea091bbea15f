"""Tests of two proportions and their intervals against SciPy, closed forms and published values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.frequentist import (
    barnard_exact,
    chi2_test,
    contingency_chi2,
    fisher_exact,
    mid_p,
    newcombe_interval,
    wilson_interval,
)


@st.composite
def two_arms(draw: st.DrawFn) -> tuple[int, int, int, int]:
    n1, n2 = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n2)), n2


@given(two_arms())
def test_fisher_equals_scipy(arms: tuple[int, int, int, int]) -> None:
    e1, n1, e2, n2 = arms
    table = [[e1, n1 - e1], [e2, n2 - e2]]
    for alternative in ("two-sided", "greater", "less"):
        expected = stats.fisher_exact(table, alternative=alternative).pvalue
        assert fisher_exact(*arms, alternative) == pytest.approx(expected, rel=1e-9)


@given(two_arms())
def test_mid_p_is_fisher_less_half_the_observed_table(arms: tuple[int, int, int, int]) -> None:
    e1, n1, e2, n2 = arms
    observed = stats.hypergeom.pmf(e1, n1 + n2, e1 + e2, n1)
    assert mid_p(*arms) == pytest.approx(fisher_exact(*arms) - observed / 2, rel=1e-9)


@given(two_arms())
def test_chi2_equals_scipy(arms: tuple[int, int, int, int]) -> None:
    e1, n1, e2, n2 = arms
    table = np.array([[e1, n1 - e1], [e2, n2 - e2]])
    if np.any(table.sum(axis=0) == 0):
        assert chi2_test(*arms)[1] == 1.0
        return
    for correction in (True, False):
        expected = stats.chi2_contingency(table, correction=correction)
        statistic, p = chi2_test(*arms, correction)
        assert statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
        assert p == pytest.approx(expected.pvalue, rel=1e-9)


@given(st.lists(st.lists(st.integers(1, 30), min_size=3, max_size=3), min_size=2, max_size=4))
def test_contingency_equals_scipy(rows: list[list[int]]) -> None:
    for name, scipy_name in (("pearson", "pearson"), ("likelihood", "log-likelihood")):
        expected = stats.chi2_contingency(rows, correction=False, lambda_=scipy_name)
        statistic, df, p = contingency_chi2(rows, name)
        assert statistic == pytest.approx(expected.statistic, rel=1e-8, abs=1e-10)
        assert df == expected.dof
        assert p == pytest.approx(expected.pvalue, rel=1e-8)


def test_barnard_equals_a_sum_over_all_tables() -> None:
    """Tables tied in |z| with the observed one count, also its mirror image."""
    e1, n1, e2, n2 = 8, 10, 1, 6

    def z2(a: int, b: int) -> float:
        rate = (a + b) / (n1 + n2)
        if rate in {0, 1}:
            return 0.0
        return float((a / n1 - b / n2) ** 2 / (rate * (1 - rate) * (1 / n1 + 1 / n2)))

    extreme = [
        (a, b) for a in range(n1 + 1) for b in range(n2 + 1) if z2(a, b) >= z2(e1, e2) - 1e-9
    ]
    sums = [
        sum(stats.binom.pmf(a, n1, r) * stats.binom.pmf(b, n2, r) for a, b in extreme)
        for r in np.arange(1, 200) / 200
    ]
    assert barnard_exact(e1, n1, e2, n2) == pytest.approx(max(sums), rel=1e-9)


def test_barnard_at_the_rates_of_a_grid() -> None:
    """Of one patient an arm, both tables that differ: twice r (1 - r), at rates of 1/2 or 1/3."""
    assert barnard_exact(1, 1, 0, 1, grid=1) == pytest.approx(1 / 2)
    assert barnard_exact(1, 1, 0, 1, grid=2) == pytest.approx(4 / 9)


def test_arrays_and_missing_values() -> None:
    events = np.array([[3, 4], [np.nan, 6]])
    p = fisher_exact(events, 18, 2, 19)
    assert p.shape == (2, 2)
    assert np.isnan(p[1, 0])
    assert p[1, 1] == fisher_exact(6, 18, 2, 19)
    assert np.isnan(barnard_exact(np.nan, 18, 2, 19))
    assert np.isnan(mid_p(np.nan, 18, 2, 19))


def test_newcombe_published() -> None:
    """Newcombe 1998 (Stat Med 17:873), table II, 56/70 against 48/80, method 10."""
    interval = newcombe_interval(56, 70, 48, 80)
    assert interval.estimate == pytest.approx(0.2)
    assert interval.low == pytest.approx(0.0524, abs=5e-5)
    assert interval.high == pytest.approx(0.3339, abs=5e-5)


def test_wilson_published() -> None:
    """Newcombe 1998 (Stat Med 17:857), table I, 81/263 and 0/20, method 3."""
    interval = wilson_interval([81, 0], [263, 20])
    np.testing.assert_allclose(interval.low, [0.2553, 0.0], atol=5e-5)
    np.testing.assert_allclose(interval.high, [0.3662, 0.1611], atol=5e-5)


@given(two_arms())
def test_newcombe_mirrors(arms: tuple[int, int, int, int]) -> None:
    e1, n1, e2, n2 = arms
    one, other = newcombe_interval(*arms), newcombe_interval(e2, n2, e1, n1)
    assert one.low == pytest.approx(-other.high, abs=1e-12)
    assert -1 <= one.low <= one.estimate <= one.high <= 1


@pytest.mark.parametrize("statistic", ["pearson", "likelihood"])
def test_a_table_of_one_row_says_nothing(statistic: str) -> None:
    value, df, p = contingency_chi2([[3, 4], [0, 0]], statistic)
    assert (value, df, p) == (0.0, 0.0, 1.0)
