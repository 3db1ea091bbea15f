"""Prior predictive quantiles and the prior-data conflict check, against closed forms."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.bundles import changes_alone
from tests.monte_carlo import assert_agree, probability, seeded
from typer.testing import CliRunner

import bayesasthma as ba
from bayesasthma.commands.priors import app
from bayesasthma.comparison.prior_check import (
    COLUMNS,
    DEFAULT_RHO,
    cdf,
    conflict,
    estimates,
    pdf,
    prior_check,
    quantile,
)
from bayesasthma.models.design import design
from bayesasthma.priors.distributions import Component, EffectPrior
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.bundle import load_study

MIXED = EffectPrior((Component(0.6, 0.5, inf, 0.5), Component(0.0, 8.0, inf, 0.5)))


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


@given(
    location=st.floats(-2, 2),
    scale=st.floats(0.1, 3),
    estimate=st.floats(-5, 5),
    error=st.floats(0.05, 2),
)
def test_conflict_with_a_normal_prior_is_the_z_test(
    location: float, scale: float, estimate: float, error: float
) -> None:
    z = (estimate - location) / np.hypot(scale, error)
    prior = EffectPrior.normal(location, scale)
    assert conflict(prior, estimate, error) == pytest.approx(2 * stats.norm.sf(abs(z)), abs=1e-12)


def test_conflict_with_a_t_or_a_mixture_is_the_share_of_less_likely_estimates() -> None:
    rng = np.random.default_rng(seeded(8))
    student = EffectPrior((Component(0.2, 0.38, 4.0),))
    theta = 0.2 + 0.38 * rng.standard_t(4, 400_000)
    picked = np.where(rng.random(400_000) < 0.5, rng.normal(0.6, 0.5, 400_000), 0.0)
    mixed = np.where(picked != 0, picked, rng.normal(0.0, 8.0, 400_000))
    for prior, effect in ((student, theta), (MIXED, mixed)):
        predicted = effect + 0.3 * rng.standard_normal(len(effect))
        for estimate in (0.3, 1.1, -2.0):
            less_likely = pdf(prior, predicted[:10_000], 0.3) <= pdf(prior, estimate, 0.3)
            assert_agree(probability(less_likely), conflict(prior, estimate, 0.3), estimate)


def test_density_and_distribution_of_an_estimate_agree() -> None:
    prior = EffectPrior((Component(0.4, 0.3, 3.0, 0.4), Component(-1.0, 0.8, inf, 0.6)))
    x = np.linspace(-6, 6, 4001)
    numeric = np.gradient(cdf(prior, x, 0.2), x)
    np.testing.assert_allclose(numeric[5:-5], pdf(prior, x, 0.2)[5:-5], atol=2e-4)
    for p in (0.025, 0.5, 0.9):
        assert float(cdf(prior, quantile(prior, p))) == pytest.approx(p)
    assert np.isnan(quantile(prior_set("reference").effect(1.0), 0.5))
    assert np.isnan(conflict(prior_set("reference").effect(1.0), 1.0, 0.1))


def test_estimates_without_a_correlation_are_the_printed_differences(study: ba.Study) -> None:
    layout = design(study)
    found = estimates(layout, None)
    assert len(found) == 30
    (one,) = [e for e in found if (layout.outcomes[e.outcome], e.visit) == ("act", 3)]
    cells = study.table.sel(outcome="act", visit="week48", statistic="level")
    (m0, m1), (s0, s1), (n0, n1) = (cells[name].to_numpy() for name in ("mean", "sd", "n"))
    unit = layout.scale[0]
    assert one.value * unit == pytest.approx(m1 - m0)
    assert one.error * unit == pytest.approx(np.sqrt(s0**2 / n0 + s1**2 / n1))
    # at rho = 0 there is no slope on baseline; at a high rho the standard error falls
    (zero,) = [e for e in estimates(layout, 0.0) if (e.outcome, e.visit) == (one.outcome, 3)]
    assert (zero.value, zero.error) == (pytest.approx(one.value), pytest.approx(one.error))
    (high,) = [e for e in estimates(layout, 0.9) if (e.outcome, e.visit) == (one.outcome, 3)]
    assert high.error < 0.6 * one.error


def test_the_table_holds_every_outcome_and_reaction(study: ba.Study) -> None:
    table = prior_check(study, prior_set("sceptical"))
    assert list(table.columns) == COLUMNS
    assert len(table) == 30 + 3
    act = table[(table["outcome"] == "act") & (table["visit"] == "week48")].iloc[0]
    assert act["p_benefit_gt_mcid"] == pytest.approx(0.05)
    assert act["p_benefit"] == pytest.approx(0.5)
    assert act["q97_5"] == pytest.approx(3 / 1.6448536 * 1.959964, rel=1e-6)
    z = act["estimate"] / np.hypot(3 / 1.6448536, act["se"])
    assert act["conflict_p"] == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-6)
    assert act["rho"] == pytest.approx(DEFAULT_RHO)
    assert (table["reaction"] != "").sum() == 3
    flat = prior_check(study, prior_set("reference"))
    assert flat.loc[flat["outcome"] != "", "conflict_p"].isna().all()


def test_the_optimist_and_the_pessimist_mirror_each_other(study: ba.Study) -> None:
    one, other = (prior_check(study, prior_set(name)) for name in ("enthusiastic", "pessimistic"))
    directed = one["p_benefit"].notna()
    np.testing.assert_allclose(
        one.loc[directed, "p_benefit"], 1 - other.loc[directed, "p_benefit"], atol=1e-9
    )
    np.testing.assert_allclose(one["q2_5"], -other["q97_5"], rtol=1e-6, atol=1e-9)


def test_the_commands_print_the_registry_and_the_check() -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        return result.stdout

    listed = json.loads(run("list"))
    assert [item["name"] for item in listed][:2] == ["reference", "weak"]
    assert all(item["formula"] and item["justification"] and item["source"] for item in listed)
    shown = json.loads(run("show", "external:0.2", "liu2025"))
    assert shown["name"] == "external:0.2"
    check = pd.DataFrame(shown["check"])
    assert check.loc[check["outcome"] == "act", "formula"].str.startswith("0.2 Normal").all()


def test_changes_alone_are_compared_as_differences_in_change(tmp_path: Path) -> None:
    layout = design(load_study(changes_alone(tmp_path / "study", randomised=True)), ["score"])
    (table,) = layout.tables
    found = estimates(layout)
    assert {item.visit for item in found} == {1, 2}
    for item in found:
        assert item.of_change
        row = int(np.flatnonzero(table.functional[:, item.visit])[0])
        assert item.value == table.mean[1, row] - table.mean[0, row]
        error = np.sqrt((table.sd[:, row] ** 2 / table.n[:, row]).sum())
        assert item.error == pytest.approx(error)
