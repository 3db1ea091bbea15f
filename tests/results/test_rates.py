"""Quadrature over exchangeable rates: exactness of its parts, limits, and refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from bayesasthma.errors import UsageError
from bayesasthma.results.rates import BetaRates, HalfNormal, LogitNormal, _group, exchangeable_rates


def frame(events: list[int], n: list[int]) -> pd.DataFrame:
    names = pd.Index([f"study {i}" for i in range(len(n))], name="study")
    return pd.DataFrame({"events": events, "n": n}, names)


@pytest.mark.parametrize(
    ("events", "n", "mu", "tau"),
    [(0, 47, -2.5, 0.4), (0, 47, -2.5, 3.0), (5, 20, 2.0, 8.0), (46, 810, -2.5, 2.0)],
)
def test_marginal_likelihood_of_a_group(events: int, n: int, mu: float, tau: float) -> None:
    log_marginal, rate, share = _group(np.array(mu), np.array(tau), events, n)

    def integrand(theta: float) -> float:
        log_likelihood = events * theta - n * np.logaddexp(0, theta)
        return float(np.exp(log_likelihood - log_marginal) * stats.norm.pdf(theta, mu, tau))

    peak = float(special.logit((events + 0.5) / (n + 1)))
    edges = [mu - 12 * tau, *sorted((mu, peak)), mu + 12 * tau]
    total = sum(integrate.quad(integrand, a, b, limit=400)[0] for a, b in itertools.pairwise(edges))
    assert total == pytest.approx(1, abs=1e-6)
    assert share.sum() == pytest.approx(1, abs=1e-12)
    assert ((rate > 0) & (rate < 1)).all()


def test_groups_are_pulled_towards_each_other_by_how_little_they_say() -> None:
    data = frame([1, 10, 100], [4, 40, 400])  # the same share in all, more and more patients
    extreme = frame([4, 10, 100], [4, 40, 400])
    same, other = (exchangeable_rates(x).groups for x in (data, extreme))
    assert same["mean"].between(0.2, 0.32).all()
    raw = extreme["events"] / extreme["n"]
    moved = (raw - other["mean"]).abs()
    assert moved.iloc[0] > moved.iloc[1] > moved.iloc[2]


def test_without_heterogeneity_all_groups_share_one_rate() -> None:
    data = frame([3, 7, 2], [20, 40, 15])
    found = exchangeable_rates(data, LogitNormal(0, 10, HalfNormal(1e-4)))
    # one binomial of all patients under a nearly flat prior of its log odds
    log_odds = np.linspace(-8, 4, 4001)
    weight = np.exp(12 * log_odds - 75 * np.logaddexp(0, log_odds) - 0.5 * (log_odds / 10) ** 2)
    pooled = np.sum(weight * special.expit(log_odds)) / weight.sum()
    np.testing.assert_allclose(found.groups["mean"], pooled, atol=1e-5)
    assert found.population.loc["new_group", "mean"] == pytest.approx(pooled, abs=1e-5)


def test_beta_rates_equal_brute_force() -> None:
    data = frame([2, 9, 1], [10, 20, 12])
    found = exchangeable_rates(data, BetaRates(power=3.5, limit=1e3))
    x, z = np.meshgrid(np.linspace(-9, 9, 1601), np.linspace(-8, np.log(1e3), 1201))
    a, b = np.exp(z) * special.expit(x), np.exp(z) * special.expit(-x)
    log_weight = np.log(a) + np.log(b) - 3.5 * z
    for y, n in data.to_numpy():
        log_weight = log_weight + special.betaln(a + y, b + n - y) - special.betaln(a, b)
    weight = np.exp(log_weight - log_weight.max())
    for (y, n), mean in zip(data.to_numpy(), found.groups["mean"], strict=True):
        exact = np.sum(weight * (a + y) / (a + b + n)) / weight.sum()
        assert mean == pytest.approx(exact, abs=2e-4)


def test_order_and_names_do_not_matter() -> None:
    data = frame([3, 7, 2, 3], [20, 40, 15, 20])
    found = exchangeable_rates(data).groups
    back = exchangeable_rates(data.iloc[::-1]).groups
    pd.testing.assert_frame_equal(found, back.loc[found.index], rtol=1e-9)
    assert found.iloc[0]["mean"] == found.iloc[3]["mean"]


@pytest.mark.parametrize(
    ("events", "n"), [([3, -1], [20, 10]), ([3, 11], [20, 10]), ([1, 0], [20, 0])]
)
def test_impossible_counts_are_refused(events: list[int], n: list[int]) -> None:
    with pytest.raises(UsageError, match="study 1: events and n"):
        exchangeable_rates(frame(events, n))


def test_missing_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="missing"):
        exchangeable_rates(frame([1], [2]).rename(columns={"n": "size"}))
