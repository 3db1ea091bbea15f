"""Analysis of variance from summaries against the patient-level analysis."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesasthma.frequentist import (
    compound_symmetry,
    one_way_anova,
    paired_t,
    repeated_measures_anova,
    two_sample_t,
)


def residual_ss(y: np.ndarray, design: np.ndarray) -> float:
    return float(np.sum((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2))


def effect_coding(levels: np.ndarray) -> np.ndarray:
    """Deviation contrasts, as type III sums of squares need."""
    k = int(levels.max()) + 1
    return np.stack([(levels == j).astype(float) - (levels == k - 1) for j in range(k - 1)], axis=1)


def patient_level_anova(data: list[np.ndarray]) -> dict[str, float]:
    """Type III F statistics of a split-plot analysis, by least squares on the long table."""
    visits = data[0].shape[1]
    arm_of = np.concatenate([np.full(len(d), g) for g, d in enumerate(data)])
    y = np.concatenate(data)
    patients, arms = len(y), len(data)
    averages = y.mean(axis=1)
    arm = effect_coding(arm_of)
    one = np.ones((patients, 1))
    subject = residual_ss(averages, np.hstack([one, arm]))
    f_arm = (residual_ss(averages, one) - subject) / (arms - 1) / (subject / (patients - arms))
    long = (y - averages[:, None]).ravel()
    time = effect_coding(np.tile(np.arange(visits), patients))
    both = np.einsum("ij,ik->ijk", np.repeat(arm, visits, axis=0), time).reshape(len(long), -1)
    full = residual_ss(long, np.hstack([time, both]))
    df_time = visits - 1
    error = full / ((patients - arms) * df_time)
    return {
        "arm": f_arm,
        "time": (residual_ss(long, both) - full) / df_time / error,
        "interaction": (residual_ss(long, time) - full) / ((arms - 1) * df_time) / error,
    }


@pytest.mark.parametrize("sizes", [(18, 19), (9, 14, 6)])
def test_equals_patient_level(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(sizes))
    visits = 4
    data = [
        rng.normal(size=(n, 1)) + rng.normal(0.2 * g, 1, (n, visits)) + 0.3 * np.arange(visits)
        for g, n in enumerate(sizes)
    ]
    result = repeated_measures_anova(
        [d.mean(axis=0) for d in data],
        [d.std(axis=0, ddof=1) for d in data],
        sizes,
        np.stack([np.corrcoef(d.T) for d in data]),
    )
    expected = patient_level_anova(data)
    assert result.arm is not None
    assert result.interaction is not None
    assert result.arm.f == pytest.approx(expected["arm"], rel=1e-9)
    assert result.time.f == pytest.approx(expected["time"], rel=1e-9)
    assert result.interaction.f == pytest.approx(expected["interaction"], rel=1e-9)
    assert (result.interaction.df1, result.interaction.df2) == (
        (len(sizes) - 1) * 3,
        (sum(sizes) - len(sizes)) * 3,
    )
    # ε from the double-centred pooled covariance, Greenhouse & Geisser's own expression.
    pooled = sum((len(d) - 1) * np.cov(d.T) for d in data) / (sum(sizes) - len(sizes))
    centre = np.eye(visits) - 1 / visits
    doubly = centre @ pooled @ centre
    epsilon = np.trace(doubly) ** 2 / ((visits - 1) * np.sum(doubly**2))
    assert result.time.epsilon == pytest.approx(epsilon, rel=1e-9)
    assert result.time.p_gg == pytest.approx(
        stats.f.sf(result.time.f, 3 * epsilon, result.time.df2 * epsilon), rel=1e-8
    )


def test_two_visits_reduce_to_t_tests() -> None:
    means, sds, n, rho = [[16.8, 18.9], [17.2, 21.8]], [[4.3, 2.9], [4.5, 2.7]], [18, 19], 0.5
    result = repeated_measures_anova(means, sds, n, rho)
    changes = [
        paired_t(m[0], s[0], m[1], s[1], k, rho) for m, s, k in zip(means, sds, n, strict=True)
    ]
    sd = [float(c.se) * k**0.5 for c, k in zip(changes, n, strict=True)]
    t = two_sample_t(changes[1].difference, sd[1], 19, changes[0].difference, sd[0], 18)
    assert result.interaction is not None
    assert result.interaction.f == pytest.approx(float(t.t) ** 2, rel=1e-9)
    assert result.interaction.p == pytest.approx(float(t.p), rel=1e-9)
    one_arm = repeated_measures_anova(means[0], sds[0], 18, rho)
    assert one_arm.arm is None
    assert one_arm.time.p == pytest.approx(float(changes[0].p), rel=1e-9)


def test_equal_sds_and_correlations_are_spherical() -> None:
    result = repeated_measures_anova(
        np.arange(8.0).reshape(2, 4), np.full((2, 4), 2.0), [9, 9], 0.6
    )
    assert result.time.epsilon == pytest.approx(1.0)
    assert result.time.p_gg == pytest.approx(result.time.p)


def test_one_way_equals_scipy() -> None:
    rng = np.random.default_rng(1)
    groups = [rng.normal(m, 1, n) for m, n in ((0, 8), (0.5, 12), (1, 5))]
    expected = stats.f_oneway(*groups)
    result = one_way_anova(
        [g.mean() for g in groups], [g.std(ddof=1) for g in groups], [len(g) for g in groups]
    )
    assert result.f == pytest.approx(expected.statistic)
    assert result.p == pytest.approx(expected.pvalue)


def test_groups_without_spread_differ_beyond_measure_or_not_at_all() -> None:
    alike = one_way_anova([3.0, 3.0], [0.0, 0.0], [5, 6])
    assert np.isnan([alike.f, alike.p]).all()
    apart = one_way_anova([3.0, 4.0], [0.0, 0.0], [5, 6])
    assert (apart.f, apart.p) == (np.inf, 0.0)


def test_impossible_correlation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"between -0\.333 and 1"):
        compound_symmetry(-0.5, 4)
    with pytest.raises(ValueError, match="two visits"):
        repeated_measures_anova([[1.0]], [[1.0]], [5], 0.5)
