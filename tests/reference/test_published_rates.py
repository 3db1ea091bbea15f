"""Exchangeable rates against published posteriors: surgical, rat tumour, ankylosing spondylitis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesasthma.results.beta_mixtures import BetaMixture, probability_less
from bayesasthma.results.rates import (
    BetaRates,
    ExchangeableRates,
    HalfNormal,
    InverseGamma,
    LogitNormal,
    exchangeable_rates,
)

FOLDER = Path(__file__).parent / "published"


def counts(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv").set_index("group")


@pytest.fixture(scope="module")
def surgical() -> ExchangeableRates:
    return exchangeable_rates(counts("surgical"), LogitNormal(0, 1000, InverseGamma(0.001, 0.001)))


class TestSurgical:
    """OpenBUGS, Examples volume I, "Surgical: institutional ranking"; 3 Monte Carlo errors."""

    #: mean, sd, Monte Carlo error of the mean, by hospital
    HOSPITALS = np.array(
        [
            [0.0528, 0.01961, 0.0003693],
            [0.1030, 0.02180, 0.0003087],
            [0.07071, 0.01761, 0.0001967],
            [0.05925, 0.007902, 0.0001004],
            [0.05147, 0.01334, 0.0002515],
            [0.06915, 0.01483, 0.0001696],
            [0.06683, 0.01586, 0.0001978],
            [0.1237, 0.02263, 0.0004045],
            [0.06967, 0.01450, 0.0001629],
            [0.07849, 0.02007, 0.0002362],
            [0.1022, 0.01769, 0.0002439],
            [0.06865, 0.01173, 0.0001419],
        ]
    )

    def test_hospitals(self, surgical: ExchangeableRates) -> None:
        mean, sd, error = self.HOSPITALS.T
        assert (np.abs(surgical.groups["mean"] - mean) <= 3 * error).all()
        assert (np.abs(surgical.groups["sd"] - sd) <= 3 * error).all()

    def test_population(self, surgical: ExchangeableRates) -> None:
        published = {
            "mu": (-2.558, 0.002212),
            "tau": (0.4077, 0.004062),
            "population_mean": (0.07258, 0.0001443),
        }
        for name, (mean, error) in published.items():
            assert abs(surgical.population.loc[name, "mean"] - mean) <= 3 * error
        # a median has no printed error: that of the mean, times sqrt(pi / 2) as if normal
        error = np.sqrt(np.pi / 2) * published["tau"][1]
        assert abs(surgical.population.loc["tau", "median"] - 0.3835) <= 3 * error

    def test_second_quadrature(self, surgical: ExchangeableRates) -> None:
        # another implementation: a fixed grid with 80 Gauss-Hermite nodes
        population = surgical.population
        assert population.loc["mu", "mean"] == pytest.approx(-2.553774367, abs=1e-5)
        assert population.loc["mu", "sd"] == pytest.approx(0.153614853, abs=1e-4)
        assert population.loc["tau", "mean"] == pytest.approx(0.403538372, abs=1e-4)
        assert population.loc["population_mean", "mean"] == pytest.approx(0.0728425325, abs=1e-6)
        np.testing.assert_allclose(
            surgical.groups["mean"].iloc[[0, 3, 7]],
            [0.05323293543, 0.05930240382, 0.12314557703],
            atol=1e-5,
        )

    def test_fixed_effects_are_conjugate(self) -> None:
        published = [0.0206, 0.1267, 0.07434, 0.05785, 0.0422, 0.07033]
        published += [0.06632, 0.1477, 0.07175, 0.09067, 0.1162, 0.06895]
        uniform = BetaMixture((1.0,), (1.0,), (1.0,))
        got = [uniform.posterior(y, n).mean for y, n in counts("surgical").to_numpy()]
        # assumed: independent draws, 10,000 updates as in the examples; printed to four digits
        sds = [uniform.posterior(y, n).sd for y, n in counts("surgical").to_numpy()]
        error = np.array(sds) / np.sqrt(10_000) + 5e-5
        assert (np.abs(np.array(got) - published) <= 3 * error).all()


class TestRatTumour:
    """Tarone 1982; Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.3."""

    def test_posterior(self) -> None:
        found = exchangeable_rates(counts("rat_tumour"), BetaRates(power=2.5))
        population = found.population
        assert population.loc["alpha", "mean"] == pytest.approx(2.4, abs=0.05)
        assert population.loc["beta", "mean"] == pytest.approx(14.3, abs=0.3)
        # another implementation by quadrature
        assert population.loc["alpha", "mean"] == pytest.approx(2.40269, abs=1e-3)
        assert population.loc["beta", "mean"] == pytest.approx(14.32016, abs=5e-3)
        assert population.loc["population_mean", "mean"] == pytest.approx(0.1442973, abs=1e-6)
        assert population.loc["population_mean", "sd"] == pytest.approx(0.0134258, abs=1e-5)
        expected = {71: 0.2108568, 1: 0.0635696, 67: 0.2687392}
        for group, mean in expected.items():
            assert found.groups.loc[group, "mean"] == pytest.approx(mean, abs=1e-5)


class TestAnkylosingSpondylitis:
    """RBesT 1.11 (R), introduction: responders to placebo in eight earlier trials."""

    @pytest.mark.parametrize(
        ("scale", "tau", "tau_sd", "new", "new_sd"),
        [(1.0, 0.387, 0.215, 0.255, 0.0864), (0.5, 0.335, 0.172, 0.259, 0.0776)],
    )
    def test_meta_analytic_predictive_prior(
        self, scale: float, tau: float, tau_sd: float, new: float, new_sd: float
    ) -> None:
        found = exchangeable_rates(
            counts("ankylosing_spondylitis"), LogitNormal(0, 2, HalfNormal(scale))
        )
        population = found.population
        # RBesT keeps 4,000 draws and prints no error: taken as independent (its default is one in
        # four of each chain), and to half a unit of the last digit
        for name, mean, sd in (("tau", tau, tau_sd), ("new_group", new, new_sd)):
            assert abs(population.loc[name, "mean"] - mean) <= 3 * sd / np.sqrt(4000) + 5e-4
            assert abs(population.loc[name, "sd"] - sd) <= 3 * sd / np.sqrt(2 * 4000) + 5e-4
        mixture = found.map_prior()
        for probability in (0.025, 0.5, 0.975):
            exact = float(found.predictive_quantiles(np.array([probability]))[0])
            assert mixture.cdf(exact) == pytest.approx(probability, abs=0.005)
        assert mixture.mean == pytest.approx(population.loc["new_group", "mean"], abs=1e-3)

    def test_decision(self) -> None:
        control = BetaMixture(
            (0.3690331, 0.1534249, 0.1515117, 0.1260303, 0.2),
            (33.9513487, 19.4400089, 12.269231, 2.2521243, 1),
            (103.0146367, 41.5205219, 55.9202833, 5.4812202, 1),
        ).posterior(1, 6)
        treated = BetaMixture((1.0,), (0.5,), (1.0,)).posterior(14, 24)
        assert probability_less(control, treated) == pytest.approx(0.9917197, abs=1e-6)
