"""Exact tests of larger tables, and trends, against SciPy and direct formulas."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammaln

from bayesasthma.frequentist import cochran_armitage, fisher_freeman_halton

cells = st.integers(0, 9)


def enumerated(table: np.ndarray) -> float:
    """Two rows and three columns, table by table."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    pmf = stats.multivariate_hypergeom(columns, rows[0]).pmf
    firsts = product(*(range(int(c) + 1) for c in columns[:2]))
    tables = [(i, j, rows[0] - i - j) for i, j in firsts if 0 <= rows[0] - i - j <= columns[2]]
    weights = np.array([float(pmf(t)) for t in tables])
    return float(weights[weights <= pmf(table[0]) * (1 + 1e-7)].sum())


@given(st.lists(cells, min_size=6, max_size=6))
@settings(max_examples=30)
def test_two_by_three(counts: list[int]) -> None:
    table = np.array(counts).reshape(2, 3)
    found = fisher_freeman_halton(table)
    assert found.low == found.p == found.high
    if (table.sum(axis=1) == 0).any() or (table.sum(axis=0) > 0).sum() < 2:
        assert found.p == 1.0
    else:
        assert found.p == pytest.approx(enumerated(table), rel=1e-9)
        assert fisher_freeman_halton(table.T).p == pytest.approx(found.p, rel=1e-9)


@given(st.lists(cells, min_size=4, max_size=4))
@settings(max_examples=30)
def test_two_by_two_is_fishers(counts: list[int]) -> None:
    table = np.array(counts).reshape(2, 2)
    expected = stats.fisher_exact(table).pvalue
    assert fisher_freeman_halton(table).p == pytest.approx(expected, rel=1e-9)


def enumerated_three(table: np.ndarray) -> float:
    """Three by three, table by table: the first two rows leave the third."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)

    def compositions(total: int, most: np.ndarray) -> list[np.ndarray]:
        firsts = product(range(int(most[0]) + 1), range(int(most[1]) + 1))
        found = [np.array([i, j, total - i - j]) for i, j in firsts]
        return [x for x in found if 0 <= x[2] <= most[2]]

    weights = [
        -gammaln(np.stack([first, second, columns - first - second]) + 1.0).sum()
        for first in compositions(int(rows[0]), columns)
        for second in compositions(int(rows[1]), columns - first)
    ]
    p = np.exp(np.array(weights) - max(weights))
    observed = np.exp(-gammaln(table + 1.0).sum() - max(weights))
    return float(p[p <= observed * (1 + 1e-7)].sum() / p.sum())


def test_larger_tables_are_simulated_with_honest_bounds() -> None:
    table = np.array([[5, 4, 3], [3, 4, 5], [1, 2, 6]])
    found = fisher_freeman_halton(table)
    assert found.low < enumerated_three(table) < found.high
    assert found.high - found.low < 0.04
    assert fisher_freeman_halton(table) == found


def test_trend_of_a_published_example() -> None:
    events, n = [5, 6, 10, 12], [40, 35, 38, 39]
    assert cochran_armitage(events, n, [10, 20, 40, 80])[1] == pytest.approx(0.0394, abs=5e-5)
    assert cochran_armitage(events, n)[1] == pytest.approx(0.0303, abs=5e-5)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(12, 30)), min_size=2, max_size=5))
def test_trend_is_a_correlation(arms: list[tuple[int, int]]) -> None:
    events, n = (np.array(x) for x in zip(*arms, strict=True))
    z, p = cochran_armitage(events, n)
    score = np.repeat(np.arange(len(n)), n)
    ill = np.concatenate([np.repeat([1, 0], [e, m - e]) for e, m in arms])
    if events.sum() in (0, n.sum()):
        assert (z, p) == (0.0, 1.0)
        return
    r = np.corrcoef(score, ill)[0, 1]
    assert z**2 == pytest.approx(len(ill) * r**2, abs=1e-9)
    unbiased = cochran_armitage(events, n, unbiased=True)[0]
    assert unbiased**2 == pytest.approx((len(ill) - 1) * r**2, abs=1e-9)
    if len(n) == 2:
        table = np.stack([events, n - events])
        chi2 = stats.chi2_contingency(table, correction=False).pvalue
        assert p == pytest.approx(chi2, rel=1e-9)
