"""Tables, quotes and rows of the report of events, by the direction of their benefit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.bundles import write_rows, write_toml

import bayesasthma as ba
from bayesasthma.comparison.event_quotes import quote_events
from bayesasthma.comparison.prior_check import prior_check
from bayesasthma.errors import GateError, UsageError
from bayesasthma.inference.adverse_fits import AdverseFit, conjugate_fit
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.adverse_counts import counts
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.results.adverse_table import COLUMNS, adverse_effects
from bayesasthma.study.bundle import load_study

OPTIONS = SamplerOptions(draws=2000, tune=1, chains=4, seed=5)


def fit_of(folder: Path, direction: str, events: tuple[int, int] = (57, 44)) -> AdverseFit:
    """The closed-form fit of one event at one visit: the counts of EOLIA by default."""
    write_toml(folder, {"control": 125, "ecmo": 124}, {"day60": 8.5}, None)
    write_rows(
        folder / "adverse.csv",
        ("visit", "reaction", "arm", "events", "n", "direction"),
        [
            ("day60", "death", arm, count, n, direction)
            for arm, n, count in zip(("control", "ecmo"), (125, 124), events, strict=True)
        ],
    )
    study = load_study(folder)
    return conjugate_fit(study, counts(study, "per_visit"), "per_visit", OPTIONS)


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AdverseFit]:
    home = tmp_path_factory.mktemp("events")
    return {name: fit_of(home / name, name) for name in ("lower", "higher", "none")}


def row(fit: AdverseFit, estimand: str) -> pd.Series:
    table = adverse_effects(fit)
    return table[table["estimand"] == estimand].iloc[-1]


def test_deaths_of_eolia(fits: dict[str, AdverseFit]) -> None:
    found = row(fits["lower"], "risk_difference")
    assert found["p_benefit"] == pytest.approx(0.948, abs=0.0005)
    assert row(fits["lower"], "risk_ratio")["median"] == pytest.approx(0.78, abs=0.01)
    assert list(adverse_effects(fits["lower"]).columns) == COLUMNS


def test_benefit_follows_the_direction(fits: dict[str, AdverseFit]) -> None:
    fewer = row(fits["lower"], "risk_difference")["p_benefit"]
    for estimand in ("risk_difference", "risk_ratio", "odds_ratio"):
        rows = {name: row(fit, estimand) for name, fit in fits.items()}
        assert rows["higher"]["p_benefit"] == pytest.approx(1 - fewer)
        assert np.isnan(rows["none"]["p_benefit"])
        for name, own in rows.items():
            assert own["p_positive"] == pytest.approx(1 - fewer)
            assert own["direction"] == name
        # what the counts say does not hang on what is wished for
        numbers = ["mean", "median", "ci_low", "ci_high"]
        assert rows["lower"][numbers].equals(rows["higher"][numbers])
    assert np.isnan(row(fits["lower"], "rate")["p_positive"])


def test_numbers_needed_to_treat_mirror_each_other(fits: dict[str, AdverseFit]) -> None:
    avoid, win = (row(fits[name], "number_needed_to_treat") for name in ("lower", "higher"))
    assert win["median"] == pytest.approx(-avoid["median"])
    assert win["ci_low"] == pytest.approx(-avoid["ci_high"])
    assert win["ci_high"] == pytest.approx(-avoid["ci_low"])
    assert "number_needed_to_treat" not in set(adverse_effects(fits["none"])["estimand"])


def test_a_quote_has_counts_ratio_probability_and_fisher(fits: dict[str, AdverseFit]) -> None:
    (text,) = quote_events([fits["lower"]])["statement"]
    assert text.startswith("Death, Week 8.5, Ecmo against Control (44/124 against 57/125): ")
    assert "percentage points (95 % CrI" in text
    assert "risk ratio 0.7" in text
    assert "P(benefit: fewer) 0.948" in text
    p = stats.fisher_exact([[44, 80], [57, 68]]).pvalue
    assert f"Fisher's exact p {p:.2g} " in text
    # the interval holds 0
    assert "The data are compatible with no effect" in text
    assert "counts read" not in text  # one visit has one reading
    for word in ("significant", "proves", "asthma"):
        assert word not in text.lower()


def test_a_quote_follows_the_direction(fits: dict[str, AdverseFit]) -> None:
    (more,) = quote_events([fits["higher"]])["statement"]
    assert "P(benefit: more) 0.052" in more
    (neither,) = quote_events([fits["none"]])["statement"]
    assert "no direction is claimed as benefit; P(more) 0.052" in neither
    assert "P(benefit" not in neither


def test_a_margin_and_a_threshold_are_shares_of_draws(fits: dict[str, AdverseFit]) -> None:
    (text,) = quote_events([fits["lower"]], threshold=0.05, margin=0.02)["statement"]
    rate = fits["lower"].data["posterior"]["rate"].sel(reaction="death", visit="day60")
    gain = (rate.sel(arm="control") - rate.sel(arm="ecmo")).to_numpy()
    assert f"P(benefit > 5 percentage points) {np.mean(gain > 0.05):.2f}" in text
    assert f"P(not worse by more than 2 percentage points) {np.mean(gain > -0.02):.2f}"[:-1] in text


def test_an_interval_without_0_is_no_null_result(tmp_path: Path) -> None:
    (text,) = quote_events([fit_of(tmp_path / "clear", "lower", (80, 30))])["statement"]
    assert "compatible" not in text


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"event": "deaths"}, "no event 'deaths'; there are death"),
        ({"visit": "day90"}, "day60"),
        ({"estimand": "difference"}, "risk_difference, risk_ratio, odds_ratio"),
        ({"margin": "mcid"}, "events have none"),
        ({"margin": 2.0}, "between 0 and 1"),
        ({"margin": 0.0}, "above 0"),
        ({"threshold": "much"}, "give a number"),
    ],
)
def test_what_cannot_be_quoted(
    fits: dict[str, AdverseFit], asked: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        quote_events([fits["lower"]], **asked)  # type: ignore[arg-type]


def test_a_failed_gate_refuses_unless_asked(tmp_path: Path) -> None:
    fit = fit_of(tmp_path / "few", "lower")
    few = replace(fit, data=conjugate_fit(
        fit.study, fit.counts, "per_visit", SamplerOptions(draws=20, tune=1, chains=2)
    ).data)  # fmt: skip
    with pytest.raises(GateError):
        quote_events([few])
    (text,) = quote_events([few], despite_gate=True)["statement"]
    assert "FAILS its diagnostics gate" in text


def test_the_prior_check_knows_the_direction(fits: dict[str, AdverseFit]) -> None:
    checks = {
        name: prior_check(fit.study, prior_set("enthusiastic")).iloc[0]
        for name, fit in fits.items()
    }
    assert checks["lower"]["p_benefit"] == pytest.approx(0.95, abs=0.001)
    assert checks["higher"]["p_benefit"] == pytest.approx(0.95, abs=0.001)
    assert checks["lower"]["median"] == pytest.approx(-checks["higher"]["median"])
    assert np.isnan(checks["none"]["p_benefit"])
    assert checks["none"]["median"] == 0
    assert checks["lower"]["estimate"] == checks["higher"]["estimate"]


def test_the_bundled_reactions_are_as_they_were() -> None:
    study = ba.load_study("liu2025")
    fit = conjugate_fit(study, counts(study, "per_visit"), "per_visit", OPTIONS)
    table = adverse_effects(fit)
    contrast = table[table["estimand"] == "risk_difference"]
    np.testing.assert_allclose(contrast["p_benefit"], 1 - contrast["p_positive"])
    (first, *_) = quote_events([fit], despite_gate=True)["statement"]
    assert "counts read as new at each visit" in first
