"""Properties of meta-analyses that hold for any studies, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from bayesasthma.errors import UsageError
from bayesasthma.frequentist.meta_analysis import (
    log_odds_ratios,
    mantel_haenszel,
    meta_analysis,
)

STUDIES = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.05, 20)), min_size=2, max_size=12)


def test_equal_standard_errors_have_a_closed_form() -> None:
    y, s = np.array([1.0, 2.0, 6.0, 3.0]), 0.7
    between = y.var(ddof=1) - s**2
    for method in ("REML", "DL", "PM"):
        found = meta_analysis(y, np.full(4, s), method=method)
        assert found.tau2 == pytest.approx(between, rel=1e-10)
        # the interval is that of one sample
        test = stats.ttest_1samp(y, 0.0)
        interval = test.confidence_interval(0.95)
        assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
        assert found.p == pytest.approx(test.pvalue)


@given(STUDIES)
def test_no_heterogeneity_has_a_higher_restricted_likelihood(
    studies: list[tuple[float, float]],
) -> None:
    y, se = np.array(studies).T
    found = meta_analysis(y, se).tau2

    def minus_log_likelihood(tau2: float) -> float:
        w = 1 / (se**2 + tau2)
        r = y - w @ y / w.sum()
        return -0.5 * float(np.log(w).sum() - np.log(w.sum()) - w @ r**2)

    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 60)])
    best = min(grid, key=minus_log_likelihood)
    other = optimize.minimize_scalar(minus_log_likelihood, bounds=(best / 2, 2 * best + 1e-6),
                                     method="bounded").fun  # fmt: skip
    lowest = min(other, minus_log_likelihood(best))
    assert minus_log_likelihood(found) <= lowest + 1e-8 * max(1.0, abs(lowest))


@given(STUDIES, st.floats(0.1, 10), st.floats(-20, 20))
def test_a_change_of_unit_and_origin_acts_on_the_answer(
    studies: list[tuple[float, float]], factor: float, shift: float
) -> None:
    y, se = np.array(studies).T
    for method in ("DL", "PM"):
        first = meta_analysis(y, se, method=method)
        second = meta_analysis(factor * y + shift, factor * se, method=method)
        tight = {"rel": 1e-6, "abs": 1e-6 * factor * (np.abs(y).max() + se.max() + 20)}
        assert second.estimate == pytest.approx(factor * first.estimate + shift, **tight)
        assert second.tau == pytest.approx(factor * first.tau, rel=1e-4, abs=1e-3 * factor)


@given(STUDIES)
def test_the_ad_hoc_interval_is_never_shorter(studies: list[tuple[float, float]]) -> None:
    y, se = np.array(studies).T
    plain = meta_analysis(y, se)
    ad_hoc = meta_analysis(y, se, interval="hksj-ad-hoc")
    wald = meta_analysis(y, se, interval="wald")
    assert ad_hoc.se >= plain.se * (1 - 1e-12)
    assert ad_hoc.se >= wald.se * (1 - 1e-12)
    assert ad_hoc.estimate == plain.estimate == wald.estimate


def test_two_studies_have_no_prediction_interval_and_equal_ones_no_heterogeneity() -> None:
    found = meta_analysis([1.0, 1.0], [0.5, 0.3])
    assert np.isnan(found.prediction_low)
    assert found.tau2 == 0 == found.q == found.i2
    assert found.se == 0  # the known fault of the plain interval, which the ad hoc one lacks
    assert meta_analysis([1.0, 1.0], [0.5, 0.3], interval="hksj-ad-hoc").se > 0.2


def test_one_study_is_its_own_fixed_effect() -> None:
    found = meta_analysis([1.5], [0.5], method="FE", interval="wald")
    assert (found.estimate, found.se, found.q, found.q_p) == (1.5, 0.5, 0, 1)


@pytest.mark.parametrize(
    ("y", "se", "options"),
    [
        ([1.0], [1.0], {}),
        ([1.0, 2.0], [1.0], {}),
        ([1.0, 2.0], [1.0, 0.0], {}),
        ([1.0, 2.0], [1.0, -1.0], {}),
        ([1.0, np.nan], [1.0, 1.0], {}),
        ([1.0, np.inf], [1.0, 1.0], {}),
        ([], [], {"method": "FE", "interval": "wald"}),
        ([1.0, 2.0], [1.0, 1.0], {"method": "ML"}),
        ([1.0, 2.0], [1.0, 1.0], {"interval": "t"}),
    ],
)
def test_what_cannot_be_pooled_is_refused(
    y: list[float], se: list[float], options: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"expected|needs"):
        meta_analysis(y, se, **options)  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(20, 60), st.integers(0, 20), st.integers(20, 60)),
        min_size=1,
        max_size=6,
    )
)
def test_odds_ratios_turn_round_with_the_arms(tables: list[tuple[int, int, int, int]]) -> None:
    a, n, c, m = np.array(tables).T
    there, back = log_odds_ratios(a, n, c, m), log_odds_ratios(c, m, a, n)
    np.testing.assert_allclose(there.estimate, -back.estimate, atol=1e-12)
    np.testing.assert_allclose(there.se, back.se)
    assume((a * (m - c)).sum() > 0 and (c * (n - a)).sum() > 0)
    first, second = mantel_haenszel(a, n, c, m), mantel_haenszel(c, m, a, n)
    assert first[0] == pytest.approx(-second[0], abs=1e-12)
    assert first[1] == pytest.approx(second[1])


def test_studies_without_events_say_nothing() -> None:
    found = log_odds_ratios([0, 10, 0], [10, 10, 10], [0, 12, 3], [12, 12, 12])
    assert np.isnan(found.estimate[:2]).all()
    assert list(found.corrected) == [False, False, True]
    with pytest.raises(UsageError, match="without events"):
        mantel_haenszel([0, 0], [10, 10], [1, 2], [10, 10])
    with pytest.raises(UsageError, match="between 0"):
        log_odds_ratios([11], [10], [1], [10])
    with pytest.raises(UsageError, match="as many"):
        log_odds_ratios([1, 2], [10, 10], [1], [10])
