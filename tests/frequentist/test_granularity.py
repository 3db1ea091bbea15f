"""Integer data and bounded scales never fail their own checks; impossible prints do."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesasthma.frequentist import (
    bhatia_davis_sd,
    debit,
    grim,
    grim_power,
    grimmer,
    printed_interval,
)


def show(value: float | Fraction, decimals: int) -> str:
    number = (
        Decimal(value.numerator) / Decimal(value.denominator)
        if isinstance(value, Fraction)
        else Decimal(value)
    )
    return str(number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


@given(st.lists(st.integers(0, 25), min_size=2, max_size=40), st.integers(0, 3), st.integers(1, 5))
def test_integer_data_pass(data: list[int], decimals: int, items: int) -> None:
    n = len(data)
    mean = Fraction(sum(data), n * items)
    sd = float(np.std(np.array(data) / items, ddof=1))
    assert grim(show(mean, decimals), n, items)
    assert grimmer(show(mean, decimals), show(sd, decimals), n, items)
    assert grimmer(show(mean, decimals), show(sd, decimals), n, items, 0, 25 / items)
    bound = bhatia_davis_sd(float(mean), 0, 25 / items, n)
    assert sd <= bound + 1e-9


@given(st.lists(st.integers(0, 1), min_size=2, max_size=200), st.integers(2, 3))
def test_binary_data_pass_debit(data: list[int], decimals: int) -> None:
    mean, sd = Fraction(sum(data), len(data)), float(np.std(data, ddof=1))
    assert debit(show(mean, decimals), show(sd, decimals), len(data))


@given(st.integers(2, 12), st.integers(0, 99))
def test_grim_equals_enumeration(n: int, hundredths: int) -> None:
    text = f"0.{hundredths:02d}"
    low, high = printed_interval(text)
    possible = any(low <= Fraction(k, n) <= high for k in range(n + 1))
    assert grim(text, n) is possible


def test_items_bound_the_sd_from_below() -> None:
    """Two scores of halves with mean 1 have an SD of 0, 0.71 or 1.41."""
    assert grimmer("1.00", "0.7", n=2, items=2)
    assert not grimmer("1.00", "0.8", n=2, items=2)


def test_grim_power() -> None:
    assert grim_power(18, 1, 1) == 0.0
    assert grim_power(18, 1, 2) == pytest.approx(0.82)
    share = np.mean([not grim(f"3.{k:02d}", 18) for k in range(100)])
    assert share == pytest.approx(0.82, abs=0.01)


@pytest.mark.parametrize(
    ("mean", "sd", "consistent"),
    [("3.0", "0.4", False), ("3.0", "0.5", True), ("3.0", "0.0", True)],
)
def test_grimmer_small_case_by_hand(mean: str, sd: str, consistent: bool) -> None:
    """Nine whole scores with mean 3 vary by an even sum of squares: SD 0, √(2/8) = 0.5, 0.71…"""
    assert grimmer(mean, sd, 9) is consistent


@pytest.mark.parametrize(("most", "consistent"), [(0, True), (1, False)])
def test_more_totals_than_are_gone_through_exclude_nothing(
    monkeypatch: pytest.MonkeyPatch, most: int, consistent: bool
) -> None:
    """Nine whole scores with mean 3.0 have one total, 27, which excludes an SD of 0.4."""
    monkeypatch.setattr("bayesasthma.frequentist.granularity.MOST_TOTALS", most)
    assert grimmer("3.0", "0.4", 9) is consistent


def test_scale_limits_bind() -> None:
    # Mean 4.9 of 5: nine patients cannot spread by more than one of them at the far end allows.
    assert grimmer("4.9", "2.0", 9)
    assert not grimmer("4.9", "2.0", 9, 1, 1, 5)
    assert bhatia_davis_sd(4.0, 1.0, 5.0, 4) == pytest.approx(np.std([5, 5, 5, 1], ddof=1))
    assert np.isnan(bhatia_davis_sd(5.1, 1.0, 5.0, 4))


@pytest.mark.parametrize("text", ["abc", "", "nan", "inf"])
def test_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        printed_interval(text)
