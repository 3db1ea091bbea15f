"""Power and assurance of a new trial, against scipy, closed forms and simulated trials."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.results.assurance import MOST, NewTrial, needed, power


@settings(deadline=None)
@given(
    st.integers(4, 5000),
    st.floats(-3, 5),
    st.floats(0.2, 4),
    st.sampled_from([0.05, 0.01, 0.1]),
    st.booleans(),
)
def test_power_is_that_of_a_noncentral_t(
    n: int, benefit: float, sd: float, level: float, adjusted: bool
) -> None:
    trial = NewTrial(n, level, adjusted)
    freedom = 2 * n - (3 if adjusted else 2)
    error = sd * np.sqrt(2 / n * (1 + (1 / (2 * n - 4) if adjusted else 0)))
    critical = stats.t.ppf(1 - level / 2, freedom)
    shown = np.clip(benefit / error, critical - 8, critical + 10)
    exact = stats.nct.sf(critical, freedom, shown)
    found = power(np.array([shown * error]), np.array([sd]), trial)
    assert found[0] == pytest.approx(exact, abs=2e-3 if n < 6 else 5e-4)


def test_the_slope_takes_a_degree_of_freedom() -> None:
    assert [NewTrial(20, adjusted=own).freedom for own in (True, False)] == [37, 38]


def test_without_an_effect_one_tail_of_the_level_succeeds() -> None:
    for n in (5, 50, 500):
        found = power(np.zeros(1), np.ones(1), NewTrial(n))
        assert found[0] == pytest.approx(0.025, abs=2e-4)


@pytest.mark.parametrize("n", [30, 200, 2000])
@pytest.mark.parametrize(("mean", "spread"), [(0.5, 0.2), (0.2, 0.3), (-0.1, 0.2)])
def test_assurance_in_closed_form(n: int, mean: float, spread: float) -> None:
    """Known SD, normal posterior: Phi((m - z se) / sqrt(s^2 + se^2))."""
    draws = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000, mean, spread)
    found = power(draws, np.ones_like(draws), NewTrial(n, adjusted=False)).mean()
    error = np.sqrt(2 / n)
    critical = stats.t.ppf(0.975, 2 * n - 2)
    exact = stats.norm.cdf((mean - critical * error) / np.hypot(spread, error))
    # Student's t for the normal: of the order of 1 / n
    assert found == pytest.approx(exact, abs=0.06 / np.sqrt(n))
    beyond = power(draws, np.ones_like(draws), NewTrial(MOST, adjusted=False)).mean()
    assert beyond == pytest.approx(np.mean(draws > 0), abs=0.02)


@pytest.mark.parametrize("n", [8, 25])
def test_power_of_simulated_trials(n: int) -> None:
    """Patients with a baseline, analysed by covariance with the baseline as it falls."""
    rng, trials, rho, effect = np.random.default_rng(5), 20_000, 0.6, 0.8
    arm = np.repeat([0, 1], n)
    base = rng.normal(size=(trials, 2 * n))
    final = rho * base + np.sqrt(1 - rho**2) * rng.normal(size=base.shape) + effect * arm

    def within(x: np.ndarray) -> np.ndarray:
        return x - np.repeat(np.stack([x[:, :n].mean(1), x[:, n:].mean(1)], 1), n, axis=1)

    x, y = within(base), within(final)
    sxx, sxy, syy = (x * x).sum(1), (x * y).sum(1), (y * y).sum(1)
    slope = sxy / sxx
    gap = [v[:, n:].mean(1) - v[:, :n].mean(1) for v in (base, final)]
    residual = (syy - slope * sxy) / (2 * n - 3)
    t = (gap[1] - slope * gap[0]) / np.sqrt(residual * (2 / n + gap[0] ** 2 / sxx))
    share = np.mean(t > stats.t.ppf(0.975, 2 * n - 3))
    found = power(np.array([effect]), np.array([np.sqrt(1 - rho**2)]), NewTrial(n))[0]
    error = np.sqrt(share * (1 - share) / trials)
    assert abs(found - share) < 4 * error + 0.003


def test_a_sceptic_takes_more_convincing_and_judges_as_bayes_does() -> None:
    """P(effect > 0) >= 0.975 under N(0, s^2) and a known standard error."""
    trial, scale, effect = NewTrial(2000, adjusted=False), 0.05, 0.12
    plain, sceptical = (
        power(np.array([effect]), np.ones(1), trial, own)[0] for own in (np.inf, scale)
    )
    assert sceptical < plain
    error = trial.unit_error
    estimates = stats.norm.ppf((np.arange(50_000) + 0.5) / 50_000, effect, error)
    shrunk = scale**2 / (scale**2 + error**2)
    chance = stats.norm.cdf(shrunk * estimates / (np.sqrt(shrunk) * error))
    assert sceptical == pytest.approx(np.mean(chance >= 0.975), abs=0.002)


@pytest.mark.parametrize("target", [0.8, 0.9])
def test_fewest_patients(target: float) -> None:
    draws = stats.norm.ppf((np.arange(4000) + 0.5) / 4000, 0.5, 0.15)
    sd = np.full_like(draws, 1.0)
    found = needed(draws, sd, target, 0.05, adjusted=True)
    assert power(draws, sd, NewTrial(int(found))).mean() >= target
    assert power(draws, sd, NewTrial(int(found) - 1)).mean() < target


def test_an_assurance_that_is_never_reached() -> None:
    draws = stats.norm.ppf((np.arange(4000) + 0.5) / 4000, 0.1, 0.15)
    assert 0.7 < np.mean(draws > 0) < 0.8
    assert needed(draws, np.ones_like(draws), 0.8, 0.05, adjusted=True) == np.inf
    # effects of a thousandth of an SD take more patients than anybody looks at
    assert np.isnan(needed(np.full(100, 1e-3), np.ones(100), 0.8, 0.05, adjusted=True))
    assert needed(np.full(100, 50.0), np.ones(100), 0.9, 0.05, adjusted=True) == 4
