"""Analysis of covariance from summaries equals that of the patients, and its range holds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.frequentist import (
    ancova,
    ancova_p_range,
    cross_products,
    cross_products_range,
    rounded,
    rounded_sd,
)


def patients(seed: int, arms: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    before = [rng.normal(20, 5, n) for n in rng.integers(6, 40, arms)]
    slope = rng.uniform(-1, 1.2)
    after = [5 + g + slope * x + rng.normal(0, 4, len(x)) for g, x in enumerate(before)]
    return before, after


def regression_p(before: list[np.ndarray], after: list[np.ndarray], arm: int) -> float:
    """p of an arm's indicator in an ordinary regression on indicators and baseline."""
    label = np.repeat(np.arange(len(before)), [len(x) for x in before])
    x, y = np.concatenate(before), np.concatenate(after)
    design = np.column_stack(
        [label == arm] + [label == g for g in range(1, len(before)) if g != arm]
    )
    design = np.column_stack([design, x, np.ones(len(x))]).astype(float)
    coefficients, *_ = np.linalg.lstsq(design, y, rcond=None)
    df = len(y) - design.shape[1]
    error = np.sum((y - design @ coefficients) ** 2) / df
    se = np.sqrt(error * np.linalg.inv(design.T @ design)[0, 0])
    return float(2 * stats.t.sf(abs(coefficients[0]) / se, df))


def summaries(data: list[np.ndarray], decimals: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    mean = np.array([x.mean() for x in data])
    sd = np.array([x.std(ddof=1) for x in data])
    return (mean, sd) if decimals is None else (mean.round(decimals), sd.round(decimals))


@given(st.integers(0, 10**6), st.integers(2, 4))
@settings(max_examples=25)
def test_equals_the_patients(seed: int, arms: int) -> None:
    before, after = patients(seed, arms)
    changes = [y - x for x, y in zip(before, after, strict=True)]
    n = np.array([len(x) for x in before])
    (mx, sx), (my, sy), (mc, sc) = (summaries(d) for d in (before, after, changes))
    expected = regression_p(before, after, arms - 1)
    level = ancova(mx, sx, my, sy, n, cross_products(sx, sy, sc, n), arms - 1)
    assert float(level.p) == pytest.approx(expected, rel=1e-6)
    # the change from baseline gives the same test
    products = cross_products(sx, sy, sc, n) - (n - 1) * sx**2
    assert float(ancova(mx, sx, mc, sc, n, products, arms - 1).p) == pytest.approx(
        expected, rel=1e-6
    )


@given(st.integers(0, 10**6), st.integers(0, 2), st.booleans())
@settings(max_examples=25)
def test_range_holds_the_patients(seed: int, decimals: int, with_change: bool) -> None:
    before, after = patients(seed, 2)
    changes = [y - x for x, y in zip(before, after, strict=True)]
    n, step = np.array([len(x) for x in before]), 10.0**-decimals
    (mx, sx), (my, sy), (_, sc) = (summaries(d, decimals) for d in (before, after, changes))
    x, y = (rounded(mx, step), rounded_sd(sx, step)), (rounded(my, step), rounded_sd(sy, step))
    change = rounded_sd(sc, step) if with_change else None
    products = cross_products_range(x[1], y[1], n, change)
    reach = ancova_p_range(*x, *y, n, products)
    assert float(reach.low) <= regression_p(before, after, 1) * (1 + 1e-9)
    assert regression_p(before, after, 1) <= float(reach.high) * (1 + 1e-9)


def test_range_is_narrow_where_nothing_is_rounded() -> None:
    before, after = patients(3, 2)
    changes = [y - x for x, y in zip(before, after, strict=True)]
    n = np.array([len(x) for x in before])
    (mx, sx), (my, sy), (_, sc) = (summaries(d) for d in (before, after, changes))
    products = cross_products_range(rounded_sd(sx), rounded_sd(sy), n, rounded_sd(sc))
    reach = ancova_p_range(rounded(mx), rounded_sd(sx), rounded(my), rounded_sd(sy), n, products)
    p = regression_p(before, after, 1)
    np.testing.assert_allclose([reach.low, reach.high], p, rtol=1e-6)
