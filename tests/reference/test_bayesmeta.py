"""The quadrature of random-effects meta-analyses agrees with bayesmeta and with one in R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesasthma.priors.heterogeneity import heterogeneity_prior
from bayesasthma.results.normal_normal import (
    HeterogeneityPosterior,
    NormalMixture,
    NormalNormal,
    normal_normal,
)

FOLDER = Path(__file__).parent / "bayesmeta"
PUBLISHED = pd.read_csv(FOLDER / "published.csv")
QUADRATURE = pd.read_csv(FOLDER / "quadrature.csv")
STUDIES = pd.read_csv(FOLDER.parent / "metafor" / "studies.csv")


def published(analysis: str) -> NormalNormal:
    data, prior, mean = {
        "schools": ("eight-schools", "half-cauchy(25)", (0.0, 50.0)),
        # flat on all that the likelihood reaches
        "schools-uniform": ("eight-schools", "uniform(1e6)", None),
        "crins2014": ("crins2014", "half-normal(0.5)", (0.0, 4.0)),
    }[analysis]
    rows = STUDIES[STUDIES["data"] == data]
    return normal_normal(rows["y"], rows["se"], heterogeneity_prior(prior), mean)


def part(posterior: NormalNormal, quantity: str) -> NormalMixture | HeterogeneityPosterior:
    if quantity.startswith("study"):
        return posterior.studies[int(quantity[5:]) - 1]
    found: NormalMixture | HeterogeneityPosterior = getattr(posterior, quantity)
    return found


def statistic(of: NormalMixture | HeterogeneityPosterior, name: str) -> float:
    if name in ("mean", "sd"):
        return float(getattr(of, name))
    if name.startswith("above"):
        return 1 - float(of.cdf(float(name[5:])))
    return float(of.quantile({"median": 0.5, "q025": 0.025, "q95": 0.95, "q975": 0.975}[name]))


@pytest.mark.parametrize("analysis", list(dict.fromkeys(PUBLISHED["analysis"])))
def test_numbers_that_bayesmeta_printed(analysis: str) -> None:
    """To 1e-3 posterior SDs in the mean and tau; bayesmeta's mixtures are coarser, see README."""
    posterior = published(analysis)
    for row in PUBLISHED[PUBLISHED["analysis"] == analysis].itertuples():
        of = part(posterior, str(row.quantity))
        share = 1e-3 if row.quantity in ("mean", "heterogeneity") else 3e-3
        close = share * (1.0 if str(row.statistic).startswith("above") else of.sd)
        found = statistic(of, str(row.statistic))
        assert found == pytest.approx(row.value, abs=close), (row.quantity, row.statistic)


@pytest.mark.parametrize("analysis", list(dict.fromkeys(PUBLISHED["analysis"])))
def test_the_printed_moments_of_mean_and_tau_give_our_predictive_sd(analysis: str) -> None:
    """Its variance is that of the mean plus the expected square of tau, whatever the data."""
    rows = PUBLISHED[PUBLISHED["analysis"] == analysis].set_index(["quantity", "statistic"])
    printed = rows["value"].to_dict()
    implied = np.sqrt(
        printed["mean", "sd"] ** 2
        + printed["heterogeneity", "mean"] ** 2
        + printed["heterogeneity", "sd"] ** 2
    )
    assert published(analysis).predictive.sd == pytest.approx(implied, rel=3e-4)


SETS = {
    "schools": ([28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16],
                [14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6],
                "half-cauchy(25)", (0.0, 50.0), 5.0),
    "three": ([0.9, 0.2, 0.45], [0.2, 0.15, 0.3], "half-normal(0.5)", None, 0.25),
    "two": ([-0.4, -1.1], [0.25, 0.35], "log-normal(-1.28, 0.87)", (0.0, 1.0), -0.5),
    "five": ([3.1, 2.2, 4.9, 2.8, 1.0], [0.8, 0.5, 1.1, 0.6, 0.9],
             "log-t(5, -1.72, 1.295)", None, 2.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_a_second_quadrature(name: str) -> None:
    y, s, prior, mean, threshold = SETS[name]
    posterior = normal_normal(y, s, heterogeneity_prior(prior), mean)
    unit = posterior.mean.sd
    rows = QUADRATURE[QUADRATURE["set"] == name].set_index("quantity")
    above = posterior.mean.probability_above(threshold)
    assert above == pytest.approx(rows["mean"].to_dict()["above"], abs=1e-7)
    for quantity in ("mean", "predictive", "heterogeneity", "study1", "study2"):
        of = part(posterior, quantity)
        found = [of.mean, of.sd, *of.quantile([0.025, 0.5, 0.975])]
        expected = rows.loc[quantity, ["mean", "sd", "ci_low", "median", "ci_high"]]
        np.testing.assert_allclose(
            found, expected.astype(float), atol=2e-6 * unit, err_msg=quantity
        )


ANSWERS = pd.read_csv(FOLDER / "answers.csv", keep_default_na=False, na_values=[""])
ANSWERS["label"] = ANSWERS["label"].fillna("").astype(str)
ANSWERS["mu_sd"] = ANSWERS["mu_sd"].fillna(0)  # flat
CASES = ANSWERS[["study", "tau_prior", "mu_sd"]].drop_duplicates().to_numpy().tolist()


@pytest.mark.parametrize(("study", "tau_prior", "mu_sd"), CASES)
def test_bayesmeta_on_a_fine_grid(study: str, tau_prior: str, mu_sd: float) -> None:
    """Every moment and quantile that it returns, to 2e-4 posterior SDs."""
    data = pd.read_csv(FOLDER / "studies.csv").query("study == @study").reset_index(drop=True)
    posterior = normal_normal(
        data["y"], data["se"], heterogeneity_prior(tau_prior), (0.0, mu_sd) if mu_sd else None
    )
    parts = {"tau": posterior.heterogeneity, "mu": posterior.mean, "theta": posterior.predictive}
    parts |= {f"study {label}": posterior.studies[i] for i, label in enumerate(data["label"])}
    rows = ANSWERS.query("study == @study and tau_prior == @tau_prior and mu_sd == @mu_sd")
    assert len(rows) == 4 + len(data)
    for row in rows.itertuples():
        if row.quantity == "P(mu < 0)":
            assert float(posterior.mean.cdf(0.0)) == pytest.approx(row.mean, abs=2e-4)
            continue
        of = parts[f"{row.quantity} {row.label}".strip()]
        found = [of.mean, of.sd, *of.quantile([0.025, 0.5, 0.975])]
        answer = [row.mean, row.sd, row.lower, row.median, row.upper]
        np.testing.assert_allclose(found, answer, atol=2e-4 * of.sd, rtol=0, err_msg=str(row))
