"""Rates against closed forms, and against numbers that others have published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.frequentist import (
    doubled_rate_p,
    e_test,
    exact_rate_ratio,
    rates_chi2,
    wald_rate_ratio,
)

counts = st.integers(1, 60)
times = st.floats(0.5, 500)


def test_the_example_of_poisson_test_in_r() -> None:
    """``poisson.test(c(11, 6+8+7), c(800, 1083+1050+878))`` of R's documentation."""
    found = exact_rate_ratio((21, 11), (3011, 800))
    assert found.p == pytest.approx(0.07967, abs=5e-6)
    assert found.ratio == pytest.approx(1.971488, abs=5e-7)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.8584264, 4.2772659), abs=5e-8)


def test_breast_cancer_and_fluoroscopy() -> None:
    """Boice and Monson 1977: 41 cases in 28,010 and 15 in 19,017 person-years.

    Rothman (Epidemiology: An Introduction) prints a ratio of 1.86 and 1.03 to 3.35.
    """
    found = wald_rate_ratio((15, 41), (19017, 28010))
    assert found.ratio == pytest.approx(1.86, abs=0.005)
    assert (found.ci_low, found.ci_high) == pytest.approx((1.03, 3.35), abs=0.005)


def test_dodder_seeds() -> None:
    """Przyborowski and Wilenski's seeds, 0 and 3: p = 0.0884 by the E-test (SciPy's example)."""
    assert e_test((0, 3), (100, 100)) == pytest.approx(0.0884, abs=5e-5)
    assert doubled_rate_p((0, 3), (100, 100)) == pytest.approx(0.25)
    assert exact_rate_ratio((0, 3), (100, 100)).p == pytest.approx(0.25)


@given(counts, counts, times, times)
def test_wald_is_a_poisson_regression_on_the_arm(e1: int, e2: int, t1: float, t2: float) -> None:
    found = wald_rate_ratio((e1, e2), (t1, t2))
    mean = np.array([e1, e2])
    design = np.array([[1.0, 0.0], [1.0, 1.0]])
    covariance = np.linalg.inv(design.T @ np.diag(mean) @ design)  # inverse information
    z = math.log(found.ratio) / math.sqrt(covariance[1, 1])
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9, abs=1e-300)
    middle = math.sqrt(found.ci_low * found.ci_high)
    assert middle == pytest.approx(found.ratio, rel=1e-9)


@given(counts, counts, times, times)
def test_an_exchange_of_the_arms_inverts_the_ratio(e1: int, e2: int, t1: float, t2: float) -> None:
    for method in (wald_rate_ratio, exact_rate_ratio):
        one, two = method((e1, e2), (t1, t2)), method((e2, e1), (t2, t1))
        assert one.p == pytest.approx(two.p, rel=1e-6, abs=1e-12)
        assert one.ci_low == pytest.approx(1 / two.ci_high, rel=1e-6)
    assert doubled_rate_p((e1, e2), (t1, t2)) == pytest.approx(
        doubled_rate_p((e2, e1), (t2, t1)), rel=1e-6
    )


@given(counts, counts, times)
def test_the_exact_interval_goes_with_the_doubled_p(e1: int, e2: int, time: float) -> None:
    found = exact_rate_ratio((e1, e2), (time, time))
    inside = found.ci_low < 1 < found.ci_high
    assert inside == (doubled_rate_p((e1, e2), (time, time)) > 0.05)


def test_equal_person_time_is_a_fair_coin() -> None:
    assert exact_rate_ratio((5, 15), (7.0, 7.0)).p == pytest.approx(
        stats.binomtest(15, 20, 0.5).pvalue
    )
    assert rates_chi2((5, 15), (7.0, 7.0)) == pytest.approx(stats.chisquare([5, 15]).pvalue)
    assert rates_chi2((5, 15, 9), (1.0, 2.0, 1.0)) == pytest.approx(
        stats.chisquare([5, 15, 9], [29 / 4, 29 / 2, 29 / 4]).pvalue
    )
    assert rates_chi2((5, 15), (7.0, 7.0), likelihood=True) == pytest.approx(
        stats.power_divergence([5, 15], lambda_="log-likelihood").pvalue
    )


def test_no_events() -> None:
    assert np.isnan(wald_rate_ratio((0, 3), (10, 10)).p)
    assert exact_rate_ratio((0, 0), (10, 10)).p == 1.0
    assert exact_rate_ratio((0, 4), (10, 10)).ratio == np.inf
    assert rates_chi2((0, 0), (10, 10)) == 1.0
