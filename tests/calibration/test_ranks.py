"""The machinery: a right posterior has uniform ranks, and a wrong one is found out."""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.calibration.quantities import (
    KEPT,
    RANK_DRAWS,
    effective_size,
    kept,
    labelled,
    split_r_hat,
)
from bayesasthma.calibration.tabulation import (
    FALSE_ALARM,
    ecdf_band,
    ecdf_difference,
    holm,
    outside_band,
    rank_counts,
    rank_table,
    size_table,
)

REPLICATES = 2000
#: Error of the SD of so many standard normal numbers, times `ERRORS`.
CLOSE = ERRORS / np.sqrt(2 * REPLICATES)


def conjugate(spread: float = 1.0, shift: float = 0.0, seed: int = 1) -> np.ndarray:
    """Ranks of a normal mean with a normal prior; its posterior made wider and shifted."""
    rng = np.random.default_rng(seeded(seed))
    truth = rng.standard_normal(REPLICATES)
    data = truth + rng.standard_normal(REPLICATES)
    mean, sd = data / 2, np.sqrt(0.5)
    draws = mean + sd * (shift + spread * rng.standard_normal((2, 200, REPLICATES)))
    names, values = kept({"mu": truth[None, None]}, {"mu": draws}, seeded(seed))
    assert names == ["mu"]
    return values


def verdict(values: np.ndarray) -> str:
    return str(rank_table("toy", ["mu"], values)["verdict"][0])


@pytest.mark.parametrize("seed", range(5))
def test_a_conjugate_posterior_contracts_as_it_should(seed: int) -> None:
    table = rank_table("toy", ["mu"], conjugate(seed=seed))
    assert table["contraction"][0] == pytest.approx(0.5, abs=CLOSE)  # 0.5 of a variance
    assert table["sd_z"][0] == pytest.approx(1, abs=CLOSE)


def test_a_conjugate_posterior_is_calibrated_but_for_false_alarms() -> None:
    alarms = sum(verdict(conjugate(seed=seed)) == "deviates" for seed in range(12))
    # as many or more in one run of a million
    assert alarms <= stats.binom.isf(1e-6, 12, FALSE_ALARM)


@pytest.mark.parametrize(("spread", "shift"), [(0.8, 0.0), (1.2, 0.0), (1.0, 0.2), (1.0, -0.2)])
def test_a_planted_bug_is_found(spread: float, shift: float) -> None:
    assert verdict(conjugate(spread, shift)) == "deviates"


def test_the_verdict_finds_a_wrong_width_by_coverage_alone() -> None:
    values = conjugate(0.8)
    table = rank_table("toy", ["mu"], values)
    # exact coverage of a normal interval whose SD is 20 % too small
    expected = stats.norm.cdf(0.8 * stats.norm.ppf(0.975)) * 2 - 1
    close = ERRORS * np.sqrt(expected * (1 - expected) / REPLICATES)
    assert table["coverage_95"][0] == pytest.approx(expected, abs=close)


def test_the_ecdf_band_holds_as_often_as_it_says() -> None:
    count = 500
    low, high = ecdf_band(count, prob=0.9)
    rng = np.random.default_rng(seeded(3))
    draws = rng.integers(0, RANK_DRAWS + 1, size=(1000, count))
    differences = np.array([ecdf_difference(rank_counts(own)) for own in draws])
    inside = ((low - 1e-12 <= differences) & (differences <= high + 1e-12)).all(axis=1).mean()
    assert inside == pytest.approx(0.9, abs=ERRORS * np.sqrt(0.9 * 0.1 / 1000))
    wrong = ecdf_difference(rank_counts(rng.binomial(RANK_DRAWS, 0.6, count)))
    assert not ((low <= wrong) & (wrong <= high)).all()


def test_lines_outside_their_band_are_counted() -> None:
    rng = np.random.default_rng(seeded(6))
    good = [rng.integers(0, RANK_DRAWS + 1, 500) for _ in range(200)]
    bad = [rng.binomial(RANK_DRAWS, 0.6, n) for n in (500, 400)]
    table = pd.DataFrame(
        {
            "replicates": [len(own) for own in (*good, *bad)],
            "counts": [" ".join(map(str, rank_counts(own))) for own in (*good, *bad)],
        }
    )
    found = outside_band(table.iloc[:200])
    assert abs(found - 10) < ERRORS * np.sqrt(200 * 0.05 * 0.95)
    assert outside_band(table) == found + 2


def test_holm_of_known_values() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_effective_size_and_r_hat_agree_with_arviz() -> None:
    rng = np.random.default_rng(seeded(4))
    noise = rng.standard_normal((3, 2, 400, 5))
    chains = noise.copy()
    for t in range(1, 400):
        chains[:, :, t] = 0.7 * chains[:, :, t - 1] + noise[:, :, t]
    sizes, r_hats = effective_size(chains), split_r_hat(chains)
    for i in range(3):
        for j in range(5):
            own = chains[i, :, :, j]
            assert sizes[i, j] == pytest.approx(float(az.ess(own, method="mean")), rel=0.1)
            assert r_hats[i, j] == pytest.approx(float(az.rhat(own, method="split")), rel=0.01)


def test_ranks_are_counted_among_thinned_draws() -> None:
    draws = np.linspace(0, 1, 400).reshape(2, 200)[:, :, None]
    _, values = kept({"x": np.full((1, 1, 1), 0.5)}, {"x": draws}, 0)
    truth, mean, _, rank, pit, _ = values[0, 0]
    assert truth == 0.5
    assert mean == pytest.approx(0.5)
    assert rank == pytest.approx(RANK_DRAWS / 2, abs=1)
    assert pit == pytest.approx(0.5, abs=0.01)


def test_ties_are_broken_evenly() -> None:
    ones = np.ones((2, 200, 500))
    _, values = kept({"x": ones[:1, :1]}, {"x": ones}, seeded(1))
    close = ERRORS * RANK_DRAWS / np.sqrt(12 * 500)
    assert values[0, :, 3].mean() == pytest.approx(RANK_DRAWS / 2, abs=close)
    assert 0.95 * RANK_DRAWS < values[0, :, 3].max() <= RANK_DRAWS
    assert 0 <= values[0, :, 3].min() < 0.05 * RANK_DRAWS


@pytest.mark.parametrize(("quoted", "verdict"), [(1.0, "calibrated"), (0.5, "deviates")])
def test_a_claim_is_judged_by_its_ranks_alone(quoted: float, verdict: str) -> None:
    """P(benefit) of a normal mean; too small a share of the draws calls it a benefit."""
    rng = np.random.default_rng(seeded(8))
    found = []
    for _ in range(5):
        truth = rng.standard_normal(REPLICATES)
        data = truth + rng.standard_normal(REPLICATES)
        draws = data / 2 + np.sqrt(0.5) * rng.standard_normal((2, 200, REPLICATES))
        seen = (draws > 0) & (rng.random(draws.shape) < quoted)
        claims = {"benefit": (truth > 0).astype(float)[None, None]}
        names, values = kept(claims, {"benefit": seen.astype(float)}, 1)
        table = rank_table("toy", names, values)
        found.append(table["verdict"][0])
    assert found.count(verdict) >= 3  # a false alarm in 100 is what the verdict promises
    columns = ["coverage_50", "coverage_80", "coverage_95", "mean_z", "sd_z"]
    assert table[columns].isna().all(axis=None)


def test_symmetric_matrices_are_kept_once() -> None:
    import xarray as xr

    values = np.random.default_rng(5).random((1, 2, 3, 3, 3))
    array = xr.DataArray(
        values,
        dims=("chain", "draw", "outcome", "visit", "visit_b"),
        coords={"visit": list("abc"), "visit_b": list("abc")},
    )
    found = labelled({"correlation": array}, "outcome")
    assert list(found) == ["correlation[b, a]", "correlation[c, a]", "correlation[c, b]"]
    assert np.array_equal(found["correlation[c, b]"], values[..., 2, 1])


def test_coverage_by_size_of_the_effect() -> None:
    """Sizes are in true SDs, pooled over arms; the last visit's difference is the headline."""
    truth = {
        "adjusted_difference[week12]": np.zeros(6),
        "adjusted_difference[week48]": np.array([0.5, -1.5, 1.5, -5.0, 6.0, 9.0]),
        "sd[A, baseline]": np.array([1.0, 1.0, 1.0, 1.0, 1.0, 7.0]),
        "sd[B, baseline]": np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        "sd[B, week48]": np.full(6, 100.0),
    }
    values = np.zeros((len(truth), 6, len(KEPT)))
    field = {name: k for k, name in enumerate(KEPT)}
    values[..., field["truth"]] = list(truth.values())
    values[..., field["sd"]] = 1
    values[1, :, field["pit"]] = [0.5, 0.2, 0.99, 0.001, 0.9, 0.5]
    table = size_table("toy", list(truth), values)
    assert list(table["studies"]) == [1, 3, 0, 2]  # 9 in units of sqrt((49 + 1) / 2) = 5
    assert table["coverage_95"].tolist()[:2] == pytest.approx([1, 2 / 3])
    assert np.isnan(table["coverage_95"][2])
    assert table["coverage_95"][3] == 0.5
    assert table["coverage_low"][3] < 0.5 < table["coverage_high"][3]
