"""Candidates' p-values and chances of the audit against their formulas, with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesasthma.auditing.candidates import Candidate, contrast_within_anova, linear_trend
from bayesasthma.auditing.dispersion import same_print_probability
from bayesasthma.auditing.printed_intervals import PrintedInterval
from bayesasthma.auditing.subjects import Change, Summary, shown
from bayesasthma.auditing.verdicts import changes_significance, declared_significant
from bayesasthma.frequentist.printed import Rounded


def cell(mean: float, sd: float, n: float, step: float = 0.0) -> Summary:
    places = np.array(step)
    return Summary(Rounded(np.array(mean), places), Rounded(np.array(sd), places, 0.0), n)


def test_contrast_within_the_analysis_of_all_visits() -> None:
    """The error is the SDs' variance at a correlation of 1, the mean variance at 0."""
    series = tuple(cell(mean, sd, 10) for mean, sd in ((5.0, 1.0), (5.5, 2.0), (5.8, 3.0)))
    found = contrast_within_anova(Change(series[0], series[2], series=series))
    assert found is not None
    t = [0.8 * np.sqrt(10 / (2 * error)) for error in (1.0, 14 / 3)]
    assert (found.low, found.high) == pytest.approx(tuple(2 * stats.t.sf(t, 9 * 2)))
    assert contrast_within_anova(Change(series[0], series[1], series=series[:2])) is None


def test_linear_trend_of_means() -> None:
    n = np.array([12, 10, 15])
    means, sds = (1.0, 1.2, 2.0), np.array([1.5, 1.1, 1.3])
    groups = tuple(cell(*own) for own in zip(means, sds, n, strict=True))
    contrast = np.array([-1.0, 0.0, 1.0])
    error = (n - 1) @ sds**2 / (n.sum() - 3)
    t = 1.0 / np.sqrt(error * np.sum(contrast**2 / n))
    found = linear_trend(groups, (1.0, 2.0, 3.0))
    expected = 2 * stats.t.sf(t, n.sum() - 3)
    assert (found.p, found.low, found.high) == pytest.approx((expected,) * 3)
    # means that may be equal but for rounding: any p up to 1
    alike = tuple(cell(1.0, 1.0, 10, 0.1) for _ in range(3))
    assert linear_trend(alike, (1.0, 2.0, 3.0)).high == 1


@pytest.mark.parametrize("sd", [0.4, 3.0])
def test_chance_that_two_samples_print_the_same_sd(sd: float) -> None:
    first, second = cell(0.0, sd, 20, 0.1), cell(0.0, sd, 30, 0.1)
    ratio = [(1 + sign * 0.05 / sd) ** 2 for sign in (-1, 1)]
    expected = np.diff(stats.f(29, 19).cdf(ratio))[0]
    assert same_print_probability(first, second) == pytest.approx(expected)
    # they are unrounded, or all alike: nothing is printed the same by chance
    assert same_print_probability(cell(0.0, sd, 20), cell(0.0, sd, 30)) == 0
    assert same_print_probability(cell(0.0, 0.0, 20, 0.1), cell(0.0, 0.0, 30, 0.1)) == 0


@pytest.mark.parametrize(
    ("declared", "low", "high", "expected"),
    [
        (None, 0.0, 0.01, False),
        (True, 0.05, 0.2, True),
        (True, 0.049, 0.2, False),
        (False, 0.01, 0.049, True),
        (False, 0.01, 0.05, False),
    ],
)
def test_a_conclusion_falls_where_every_test_has_the_opposite(
    declared: bool | None, low: float, high: float, expected: bool
) -> None:
    assert changes_significance(declared, [Candidate("t", low, low, high)], 0.05) is expected
    assert changes_significance(declared, [], 0.05) is False


@pytest.mark.parametrize(
    ("value", "operator", "starred", "expected"),
    [
        (0.05, "=", True, True),
        (0.05, "<", False, True),
        (0.06, "<", False, None),
        (0.05, ">", False, False),
        (0.04, ">", False, None),
        (0.04, "=", False, True),
        (0.05, "=", False, None),
        (0.06, "=", False, False),
        (np.nan, "=", False, None),
    ],
)
def test_what_a_printed_p_declares(
    value: float, operator: str, starred: bool, expected: bool | None
) -> None:
    assert declared_significant(value, operator, starred, 0.05) is expected


@pytest.mark.parametrize(
    ("mean", "sd", "n", "complete"),
    [(1.0, 2.0, 2, True), (1.0, 2.0, 1, False), (np.nan, 2.0, 9, False), (1.0, np.nan, 9, False)],
)
def test_a_cell_of_one_patient_has_no_sd(mean: float, sd: float, n: int, complete: bool) -> None:
    assert cell(mean, sd, n).complete is complete


def test_numbers_are_shown_with_the_decimals_of_their_step() -> None:
    assert shown(Rounded(np.array(1.5), np.array(0.01))) == "1.50"
    assert shown(Rounded(np.array(12.0), np.array(10.0))) == "12"
    assert shown(Rounded(np.array(1.5), np.array(0.0))) == "1.5"


@pytest.mark.parametrize(("high", "lopsided"), [(1.2, False), (1.21, True), (0.8, False)])
def test_an_interval_is_lopsided_beyond_its_rounding(high: float, lopsided: bool) -> None:
    """Ends to 0.1 and an estimate to 0.1 leave 0.2 of slack between the two distances."""
    estimate, low, end = (Rounded(np.array(x), np.array(0.1)) for x in (0.0, -1.0, high))
    assert PrintedInterval(estimate, low, end).lopsided is lopsided
