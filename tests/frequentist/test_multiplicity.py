"""Benjamini–Hochberg and Holm against SciPy, definitions and monotonicity."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.frequentist import benjamini_hochberg, holm

families = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(families)
def test_bh_equals_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-12)


@given(families, st.floats(0.001, 0.2))
def test_holm_is_the_step_down_procedure(p: list[float], alpha: float) -> None:
    rejected = np.zeros(len(p), dtype=bool)
    for step, i in enumerate(np.argsort(p)):
        if p[i] * (len(p) - step) > alpha:
            break
        rejected[i] = True
    np.testing.assert_array_equal(holm(p) <= alpha, rejected)


@given(families, st.data())
def test_q_never_falls_when_a_p_rises(p: list[float], data: st.DataObject) -> None:
    """What lets bounds on p be turned into bounds on q."""
    i = data.draw(st.integers(0, len(p) - 1))
    raised = list(p)
    raised[i] = data.draw(st.floats(p[i], 1))
    for adjust in (benjamini_hochberg, holm):
        assert np.all(adjust(raised) >= adjust(p) - 1e-12)
        assert np.all(adjust(p) >= np.asarray(p) * (1 - 1e-12))


def test_missing_tests_leave_the_family() -> None:
    p = np.array([[0.01, np.nan, 0.04], [0.2, 0.1, np.nan]])
    for adjust in (benjamini_hochberg, holm):
        q = adjust(p)
        np.testing.assert_allclose(q[0, [0, 2]], adjust([0.01, 0.04]))
        np.testing.assert_allclose(q[1, :2], adjust([0.2, 0.1]))
        assert np.isnan(q[0, 1])
        assert np.isnan(q[1, 2])
