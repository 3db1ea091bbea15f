"""Digits that a Monte Carlo error supports."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesasthma.results.printed_digits import MOST, rounded, supported_decimals


@given(st.floats(1e-5, 1e4))
def test_the_last_digit_is_worth_its_error_and_one_more_would_not_be(mcse: float) -> None:
    places = supported_decimals(mcse)
    unit = 2 * mcse / math.sqrt(10)
    assert 10.0**-places >= unit * (1 - 1e-9)
    assert places == MOST or 10.0 ** -(places + 1) < unit * (1 + 1e-9)


@given(st.floats(1e-5, 1e4), st.floats(1.0, 10.0))
def test_a_larger_error_never_has_more_digits(mcse: float, factor: float) -> None:
    assert supported_decimals(mcse * factor) <= supported_decimals(mcse)


@pytest.mark.parametrize(
    ("value", "mcse", "shown"),
    [
        (2.7041, 0.0097, "2.70"), (-25.41, 0.12, "-25.4"), (1234.6, 30.0, "1200"),
        (0.0001, 0.02, "0.0"), (-0.001, 0.1, "0.0"), (5.0, 0.0, "5.000000"),
    ],
)  # fmt: skip
def test_numbers(value: float, mcse: float, shown: str) -> None:
    assert rounded(value, supported_decimals(mcse)) == shown
