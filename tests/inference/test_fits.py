"""The models against closed forms: what a fit must reproduce exactly, within Monte Carlo error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln
from tests import monte_carlo
from tests.monte_carlo import SHARE_OF_BOUND, assert_agree, level_of_quantile, probability, seeded

import bayesasthma as ba
from bayesasthma.inference.adverse_fits import fit_adverse
from bayesasthma.inference.diagnostics import check
from bayesasthma.inference.fitting import Fit, fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.specification import table_spec
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.beta_mixtures import probability_less
from bayesasthma.results.effect_table import effects, estimand_draws

OPTIONS = SamplerOptions(draws=1500, tune=500, chains=4, seed=seeded())


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


@pytest.fixture(scope="module")
def independent(study: ba.Study) -> Fit:
    return fit_table(study, "independent", OPTIONS)


def student(study: ba.Study) -> dict[tuple[str, str], object]:
    """Posterior of each difference under a flat prior: Student's t, from the printed numbers."""
    level = study.table.sel(statistic="level")
    out = {}
    for outcome in study.outcomes.index:
        for visit in study.visits.index:
            cell = level.sel(outcome=outcome, visit=visit)
            (m0, m1), (s0, s1), (n0, n1) = (cell[name].to_numpy() for name in ("mean", "sd", "n"))
            df = n0 + n1 - 2
            pooled = np.sqrt(((n0 - 1) * s0**2 + (n1 - 1) * s1**2) / df)
            out[outcome, visit] = stats.t(df, m1 - m0, pooled * np.sqrt(1 / n0 + 1 / n1))
    return out


def test_independent_reference_is_student_t_in_every_cell(
    study: ba.Study, independent: Fit
) -> None:
    exact = student(study)
    table = effects(independent)
    table = table[table["estimand"] == "difference"].set_index(["outcome", "visit"])
    draws = estimand_draws(independent)["difference"].isel(arm=0)
    assert len(table) == len(exact) == 40
    for key, posterior in exact.items():
        row, own = table.loc[key], draws.sel(outcome=key[0], visit=key[1])
        assert_agree(monte_carlo.mean(own), posterior.mean(), key)
        assert_agree(monte_carlo.sd(own), posterior.std(), key)
        upper = probability(own > 0)
        assert_agree(upper, posterior.sf(0), key)
        for bound, p in (("ci_low", 0.025), ("ci_high", 0.975)):
            level = level_of_quantile(own, p, posterior.cdf)
            assert_agree(level, p, (key, bound), SHARE_OF_BOUND)
            assert row[bound] == pytest.approx(float(own.quantile(p)))
        # the table says of these draws what they say
        assert row["mean"] == pytest.approx(float(own.mean()))
        assert row["mcse_mean"] == pytest.approx(monte_carlo.mean(own).error, rel=1e-3)
        assert row["p_positive"] == pytest.approx(upper.value)
        if np.isfinite(row["p_benefit"]):
            benefit = upper if study.outcomes.loc[key[0], "direction"] > 0 else probability(own < 0)
            assert row["p_benefit"] == pytest.approx(benefit.value)
            assert row["p_benefit_mcse"] == pytest.approx(benefit.error, rel=1e-3)


def test_behrens_fisher_with_one_sd_per_arm(study: ba.Study) -> None:
    fit = fit_table(
        study, table_spec("independent", variance="by_arm"), OPTIONS, outcomes=["act", "eos"]
    )
    draws = estimand_draws(fit)["difference"].isel(arm=0)
    rng = np.random.default_rng(seeded(1))
    for outcome in ("act", "eos"):
        for visit in study.visits.index:
            cell = study.table.sel(statistic="level", outcome=outcome, visit=visit)
            means, sds, sizes = (cell[name].to_numpy() for name in ("mean", "sd", "n"))
            own = draws.sel(outcome=outcome, visit=visit)
            exact = [
                stats.t(n - 1, m, s / np.sqrt(n)) for m, s, n in zip(means, sds, sizes, strict=True)
            ]
            assert_agree(monte_carlo.mean(own), exact[1].mean() - exact[0].mean(), visit)
            assert_agree(monte_carlo.sd(own), np.hypot(exact[0].std(), exact[1].std()), visit)
            control, treated = (arm.rvs(200_000, random_state=rng) for arm in exact)
            assert_agree(probability(own > 0), probability(treated > control), visit)


def test_conjugate_rates_equal_scipy(study: ba.Study) -> None:
    fits = fit_adverse(study, options=SamplerOptions(draws=200, tune=200, chains=2))
    conjugate = next(
        fit for fit in fits if (fit.spec.model, fit.spec.reading) == ("independent", "per_visit")
    )
    table = adverse_effects(conjugate)
    rates = table[table["estimand"] == "rate"]
    assert len(rates) == 18
    printed = study.adverse.set_index(["reaction", "visit", "arm"])
    for row in rates.itertuples():
        cell = printed.loc[(row.reaction, row.visit, row.arm)]
        exact = stats.beta(0.5 + cell["events"], 0.5 + cell["n"] - cell["events"])
        found = [row.mean, row.sd, row.median, row.ci_low, row.ci_high]
        expected = [exact.mean(), exact.std(), exact.median(), *exact.ppf([0.025, 0.975])]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    hierarchical = [fit for fit in fits if fit.spec.model == "hierarchical"]
    assert {fit.spec.reading for fit in hierarchical} == {"per_visit", "cumulative"}
    cumulative = next(fit for fit in hierarchical if fit.spec.reading == "cumulative")
    rate = cumulative.data["posterior"]["rate"]
    assert bool((rate.diff("visit") >= 0).all())


def test_probability_less_equals_the_exact_sum() -> None:
    # P(X < Y) for X ~ Beta(3, 5), Y ~ Beta(a, b) with integer a is the sum over i < a of
    # B(3 + i, 5 + b) / ((b + i) B(1 + i, b) B(3, 5))  (Cook 2005, UT MD Anderson report 005-05).
    a, b = 4, 2
    exact = sum(
        np.exp(betaln(3 + i, 5 + b) - betaln(1 + i, b) - betaln(3, 5)) / (b + i) for i in range(a)
    )
    assert probability_less(stats.beta(3, 5), stats.beta(a, b)) == pytest.approx(exact, abs=1e-10)


def test_gate_fails_a_chain_that_is_stuck(independent: Fit) -> None:
    broken = independent.data.copy(deep=True)
    broken["posterior"]["mean"].loc[{"chain": 0}] += 10 * float(broken["posterior"]["mean"].std())
    gate = check("broken", broken)
    assert not gate.passed
    assert any("R-hat" in failure for failure in gate.failures)
    assert independent.gate.r_hat < 1.05
    assert gate.r_hat > 1.5
    diverging = independent.data.copy(deep=True)
    diverging["sample_stats"]["diverging"][:] = False
    diverging["sample_stats"]["diverging"].loc[{"chain": 1, "draw": 7}] = True
    assert "1 divergent transition" in check("diverging", diverging).failures
