"""Log odds ratios pooled by quadrature against other computations of the same posterior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.interpolate import CubicSpline

from bayesasthma.errors import UsageError
from bayesasthma.priors.distributions import Component, EffectPrior
from bayesasthma.priors.heterogeneity import heterogeneity_prior
from bayesasthma.results.normal_normal import normal_normal
from bayesasthma.results.pooled_events import EventCounts, PooledEvent, pooled_event

WEAK = EffectPrior.normal(0.0, 1.5)
TAU = heterogeneity_prior("half-normal(0.5)")
REFERENCE = Path(__file__).parents[1] / "reference" / "metafor"
#: An ordinary study and one without an event.
SPARSE = (EventCounts((3, 6), (20, 40)), EventCounts((0, 0), (15, 30)))


def numbers(found: PooledEvent) -> np.ndarray:
    every = (found.mean, found.predictive, *found.studies)
    values = [[own.mean, own.sd, own.cdf(0.0), own.quantile(0.025)] for own in every]
    tau = found.heterogeneity
    return np.array([*values, [tau.mean, tau.sd, tau.quantile(0.5), tau.quantile(0.975)]])


def level_integrated(study: EventCounts, x: np.ndarray, level_sd: float) -> np.ndarray:
    """Likelihood of log odds ratios, summed over a dense grid of the level; its maximum is 1."""
    level = np.linspace(-12 * level_sd, 12 * level_sd, 601)
    log = -0.5 * (level / level_sd) ** 2 + np.zeros((len(x), 1))
    for sign, y, n in zip((-0.5, 0.5), study.events, study.n, strict=True):
        odds = level + sign * x[:, None]
        log = log + y * odds - n * np.logaddexp(0, odds)
    total = special.logsumexp(log, axis=1)
    return np.asarray(np.exp(total - total.max()))


def brute_force(
    counts: Sequence[EventCounts], prior: Callable, tau_prior: Callable, level_sd: float = 2.5
) -> dict[str, float]:
    """Sums over dense grids of log tau, the mean, each study's log odds ratio and its level.

    ``prior`` and ``tau_prior`` are densities. Where tau is large the study's log odds ratio is
    summed over, where it is small its standardised distance from the mean.
    """
    x = np.linspace(-60, 60, 601)
    likelihoods = [level_integrated(study, x, level_sd) for study in counts]
    splines = [CubicSpline(x, np.log(own)) for own in likelihoods]
    theta, z = np.linspace(-20, 20, 401), np.linspace(-9, 9, 37)
    normal = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    weight_of_mean = prior(theta)
    total = np.zeros(7)
    for log_tau in np.arange(-18.0, 10.6, 0.25):
        tau = np.exp(log_tau)
        if tau > 0.6:
            kernel = np.exp(-0.5 * ((x - theta[:, None]) / tau) ** 2) / tau
            terms = [kernel @ own for own in likelihoods]
            first = kernel @ (likelihoods[0] * x)
        else:
            at = np.clip(theta[:, None] + tau * z, -60, 60)
            values = [np.exp(own(at)) for own in splines]
            scale = np.sqrt(2 * np.pi) / (x[1] - x[0])
            terms = [scale * own @ normal for own in values]
            first = scale * (values[0] * at) @ normal
        rest = weight_of_mean * np.prod(terms[1:], axis=0) * tau_prior(tau) * tau
        mass = rest * terms[0]
        below = special.ndtr(-theta / tau)
        total += [mass.sum(), mass @ theta, mass @ theta**2, mass.sum() * tau,
                  mass @ below, rest @ first, mass[theta < 0].sum() + mass[200] / 2]  # fmt: skip
    mean, second, tau_mean, new, study, negative = total[1:] / total[0]
    return {"mean": mean, "sd": np.sqrt(second - mean**2), "tau": tau_mean,
            "below": new, "first": study, "negative": negative}  # fmt: skip


T_MIXTURE = EffectPrior((Component(0.3, 0.8, 3.0, 0.6), Component(-1.0, 0.5, np.inf, 0.4)))
PRIORS: dict[str, tuple[EffectPrior, Callable, str, Callable]] = {
    "normal": (WEAK, stats.norm(0, 1.5).pdf, "half-normal(0.5)", stats.halfnorm(0, 0.5).pdf),
    "mixture of t and normal": (
        T_MIXTURE,
        lambda x: 0.6 * stats.t(3, 0.3, 0.8).pdf(x) + 0.4 * stats.norm(-1, 0.5).pdf(x),
        "half-t(4, 0.5)",
        lambda tau: 2 * stats.t(4, 0, 0.5).pdf(tau),
    ),
    "half-cauchy": (
        WEAK, stats.norm(0, 1.5).pdf, "half-cauchy(0.5)", stats.halfcauchy(0, 0.5).pdf,
    ),
    "log-normal": (
        WEAK, stats.norm(0, 1.5).pdf, "log-normal(-0.935, 0.76)",
        stats.lognorm(0.76, 0, np.exp(-0.935)).pdf,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRIORS)
def test_a_sparse_pair_of_studies_against_sums_over_dense_grids(name: str) -> None:
    prior, density, tau, tau_density = PRIORS[name]
    found = pooled_event(SPARSE, prior, heterogeneity_prior(tau))
    expected = brute_force(SPARSE, density, tau_density)
    assert found.mean.mean == pytest.approx(expected["mean"], abs=1e-6)
    assert found.mean.sd == pytest.approx(expected["sd"], abs=1e-6)
    assert found.heterogeneity.mean == pytest.approx(expected["tau"], abs=1e-5)
    assert found.studies[0].mean == pytest.approx(expected["first"], abs=1e-6)
    # the reference sums over steps of a tenth where tau is small
    assert found.predictive.cdf(0.0) == pytest.approx(expected["below"], abs=3e-4)
    assert found.mean.cdf(0.0) == pytest.approx(expected["negative"], abs=3e-4)


def test_large_counts_are_the_normal_model_of_log_odds_ratios() -> None:
    counts = [
        EventCounts((400_000, 380_000), (2_000_000, 2_000_000)),
        EventCounts((900_000, 840_000), (3_000_000, 3_000_000)),
        EventCounts((300_000, 310_000), (900_000, 900_000)),
    ]
    odds = [[y / (n - y) for y, n in zip(c.events, c.n, strict=True)] for c in counts]
    errors = [
        np.sqrt(sum(1 / y + 1 / (n - y) for y, n in zip(c.events, c.n, strict=True)))
        for c in counts
    ]
    found = pooled_event(counts, WEAK, TAU)
    normal = normal_normal([np.log(b / a) for a, b in odds], errors, TAU, (0.0, 1.5))
    pairs = zip(
        (found.mean, found.predictive, *found.studies),
        (normal.mean, normal.predictive, *normal.studies),
        strict=True,
    )
    for own, other in pairs:
        assert own.mean == pytest.approx(other.mean, abs=2e-5)
        assert own.sd == pytest.approx(other.sd, abs=2e-5)
        for p in (0.025, 0.5, 0.975):
            assert own.quantile(p) == pytest.approx(float(other.quantile(p)), abs=1e-4)
    tau, other_tau = found.heterogeneity, normal.heterogeneity
    assert tau.mean == pytest.approx(other_tau.mean, abs=2e-5)
    assert tau.quantile(0.975) == pytest.approx(float(other_tau.quantile(0.975)), abs=1e-4)


@pytest.mark.parametrize("complement", [False, True])
def test_exchanged_arms_and_the_opposite_event_change_the_sign(complement: bool) -> None:
    if complement:
        other = [EventCounts((c.n[0] - c.events[0], c.n[1] - c.events[1]), c.n) for c in SPARSE]
    else:
        other = [EventCounts(c.events[::-1], c.n[::-1]) for c in SPARSE]
    found, mirrored = pooled_event(SPARSE, WEAK, TAU), pooled_event(other, WEAK, TAU)
    pairs = zip(
        (found.mean, found.predictive, *found.studies),
        (mirrored.mean, mirrored.predictive, *mirrored.studies),
        strict=True,
    )
    for own, flipped in pairs:
        assert own.mean == pytest.approx(-flipped.mean, abs=1e-8)
        assert own.cdf(0.0) == pytest.approx(1 - flipped.cdf(0.0), abs=1e-8)
        assert own.quantile(0.025) == pytest.approx(-flipped.quantile(0.975), abs=1e-7)
    assert found.heterogeneity.mean == pytest.approx(mirrored.heterogeneity.mean, abs=1e-9)


def test_studies_without_an_event_leave_the_mean_at_no_effect_where_arms_are_equal() -> None:
    counts = [EventCounts((0, 0), (30, 30))] * 2
    found = pooled_event(counts, WEAK, TAU)
    assert found.mean.mean == pytest.approx(0.0, abs=1e-9)
    assert found.mean.cdf(0.0) == pytest.approx(0.5, abs=1e-9)
    # the likelihood is even and log-concave: it makes large effects either way less likely
    assert found.mean.sd < 1.5
    expected = brute_force(counts, stats.norm(0, 1.5).pdf, stats.halfnorm(0, 0.5).pdf)
    assert found.mean.sd == pytest.approx(expected["sd"], abs=1e-6)


def test_one_common_truth_is_recovered() -> None:
    rng = np.random.default_rng(11)
    counts = []
    for odds in rng.normal(-1.0, 0.6, size=12):
        rates = special.expit([odds + 0.35, odds - 0.35])
        y = rng.binomial(4000, rates)
        counts.append(EventCounts((int(y[0]), int(y[1])), (4000, 4000)))
    found = pooled_event(counts, WEAK, TAU)
    assert found.mean.quantile(0.005) < -0.7 < found.mean.quantile(0.995)
    assert found.mean.sd < 0.04
    assert found.heterogeneity.quantile(0.5) < 0.07


@pytest.mark.parametrize(
    ("name", "share"), [("bcg", 0.2), ("crins2014", 0.2), ("nielweise2007", 0.3)]
)
def test_flat_priors_and_a_given_tau_are_the_random_effects_logistic_regression(
    name: str, share: float
) -> None:
    """UM.FS of metafor maximises over the studies' levels; at its tau the posterior is close.

    The more empty cells, the less: five of the 17 studies of ``nielweise2007`` have one.
    """
    studies = pd.read_csv(REFERENCE / "studies.csv").query("data == @name")
    answers = pd.read_csv(REFERENCE / "answers.csv").query("data == @name and method == 'UM.FS'")
    expected = answers.set_index("quantity")["value"]
    columns = studies[["events2", "events1", "n2", "n1"]].to_numpy(dtype=int)
    counts = [EventCounts((a, b), (n, m)) for a, b, n, m in columns.tolist()]
    tau = heterogeneity_prior(f"log-normal({np.log(expected['tau2']) / 2}, 0.001)")
    found = pooled_event(counts, EffectPrior.normal(0.0, 50.0), tau, level=(0.0, 20.0))
    assert found.mean.mean == pytest.approx(expected["estimate"], abs=share * expected["se"])
    assert found.mean.sd == pytest.approx(expected["se"], rel=0.1)


@settings(max_examples=1, deadline=None)
@given(st.permutations([(2, 1, 20, 22), (0, 5, 31, 30), (7, 4, 50, 25)]))
def test_the_order_of_studies_is_no_matter(order: list[tuple[int, int, int, int]]) -> None:
    counts = [EventCounts((a, b), (n, m)) for a, b, n, m in order]
    first = pooled_event(sorted(counts, key=lambda own: own.n), WEAK, TAU)
    found = pooled_event(counts, WEAK, TAU)
    assert found.mean.mean == pytest.approx(first.mean.mean, abs=1e-9)
    places = [sorted(counts, key=lambda own: own.n).index(own) for own in counts]
    expected = numbers(first)[[0, 1, *(2 + place for place in places), -1]]
    np.testing.assert_allclose(numbers(found), expected, atol=1e-7)


def test_impossible_counts_and_flat_priors_are_refused() -> None:
    with pytest.raises(UsageError, match="5 events of 4 patients"):
        EventCounts((5, 0), (4, 4))
    with pytest.raises(UsageError, match="flat prior"):
        pooled_event(SPARSE, EffectPrior.normal(0.0, np.inf), TAU)
    with pytest.raises(UsageError, match="no study"):
        pooled_event([], WEAK, TAU)
