"""Effects under another prior: against closed forms, the fit itself, and refits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tests.made_up_fits import explorable_events, explorable_fit
from tests.monte_carlo import seeded

from bayesasthma.comparison.explorable import (
    ESTIMANDS,
    event_subject,
    outcome_subject,
    why_not,
)
from bayesasthma.comparison.importance import (
    ESS_MIN,
    effective_draws,
    smoothed_weights,
    weighted_quantiles,
)
from bayesasthma.comparison.normal_prior import NormalPrior
from bayesasthma.comparison.reverse_bayes import EffectDraws, log_prior, reweight
from bayesasthma.comparison.reweighting import (
    Quantity,
    Subject,
    answer,
    log_ratio,
    quadratic_form,
)
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects, estimand_draws
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    whole = load_study("liu2025")
    kept = ["act", "feno", "total_ige"]
    return replace(whole, outcomes=whole.outcomes.loc[kept], table=whole.table.sel(outcome=kept))


@pytest.fixture(scope="module")
def fit(study: Study) -> Fit:
    return explorable_fit(study)


def subject_of(
    effects: np.ndarray, share: np.ndarray, prior_sign: int = 1, scale: float = 2.0
) -> Subject:
    """Effects (draw, arm, visit) under Normal(0.3, scale^2); one quantity, the first arm's last."""
    columns = {
        f"e{a}{t}": effects[:, a, t]
        for a in range(effects.shape[1])
        for t in range(effects.shape[2])
    }
    names = tuple(
        tuple(f"e{a}{t}" for t in range(effects.shape[2])) for a in range(effects.shape[1])
    )
    last = Quantity("a", "t", "adjusted_difference", ((names[0][-1], 1.0),), prior_sign, "points")
    columns["share"] = np.log(share / (1 - share))
    return Subject(
        "made up", columns, names, "share", prior_sign, 0.3, scale, 1.5, 3.0, 1.0, (last,)
    )


@pytest.mark.parametrize(("arms", "visits"), [(1, 1), (1, 3), (2, 3), (4, 2)])
@pytest.mark.parametrize("sign", [1, -1])
def test_weights_are_ratios_of_joint_normal_densities(arms: int, visits: int, sign: int) -> None:
    """Arms correlate by a half, visits by the draw's share: densities by scipy."""
    rng = np.random.default_rng(7)
    x, share = rng.normal(size=(40, arms, visits)), rng.uniform(0.1, 0.9, 40)
    subject = subject_of(x, share, sign)
    prior = NormalPrior(-0.4, 0.7)
    wanted = []
    for own, rho in zip(x, share, strict=True):
        between = 0.5 + 0.5 * np.eye(arms)
        within = rho + (1 - rho) * np.eye(visits)
        shape = np.kron(between, within)
        flat = sign * own.ravel()
        target = stats.multivariate_normal(np.full(len(flat), -0.4), 0.7**2 * shape)
        fitted = stats.multivariate_normal(np.full(len(flat), 0.3), 2.0**2 * shape)
        wanted.append(target.logpdf(flat) - fitted.logpdf(flat))
    constant = arms * visits * np.log(2.0 / 0.7)
    np.testing.assert_allclose(log_ratio(subject, prior) + constant, wanted, atol=1e-9)


def test_with_two_arms_it_is_the_prior_of_reverse_bayes() -> None:
    rng = np.random.default_rng(8)
    x, share = rng.normal(1.0, 1.0, size=(4000, 1, 3)), rng.uniform(0.1, 0.9, 4000)
    subject = subject_of(x, share)
    by_density = log_prior(x[:, 0], share, 0.3, 2.0)
    spread = np.ptp(by_density + 0.5 * quadratic_form(subject, 0.3, 2.0) + 0.5 * np.log(
        (1 + 2 * share) * (1 - share) ** 2
    ))  # fmt: skip
    assert spread < 1e-9
    state = reweight(EffectDraws(x[:, 0], share, 0.3, 2.0, ("a", "b", "c")), 1.2)
    found = answer(subject, subject.quantities[0], NormalPrior(0.0, 1.2))
    assert found.p_benefit == pytest.approx(state.probability[2])
    assert found.pareto_k == pytest.approx(state.pareto_k)
    assert found.ess_benefit == pytest.approx(state.ess[2])


def test_a_normal_posterior_moves_as_the_closed_form_says() -> None:
    """Estimate 1.4, standard error 1; from Normal(0, 2^2) to Normal(0.5, 0.8^2)."""
    rng = np.random.default_rng(seeded(9))

    def posterior(location: float, scale: float) -> tuple[float, float]:
        precision = 1 + 1 / scale**2
        return (1.4 + location / scale**2) / precision, precision**-0.5

    draws = rng.normal(*posterior(0.3, 2.0), size=(20_000, 1, 1))
    subject = subject_of(draws, np.full(20_000, 0.5))
    found = answer(subject, subject.quantities[0], NormalPrior(0.5, 0.8), 1.0)
    mean, sd = posterior(0.5, 0.8)
    error = sd / np.sqrt(found.ess)
    assert found.reliable
    assert found.mean == pytest.approx(mean, abs=4 * error)
    assert found.sd == pytest.approx(sd, abs=4 * error)
    for end, p in ((found.low, 0.025), (found.high, 0.975)):
        at = stats.norm.ppf(p, mean, sd)
        tail = np.sqrt(p * (1 - p) / found.ess) / stats.norm.pdf(at, mean, sd)
        assert end == pytest.approx(at, abs=4 * tail)
    for p, true in (
        (found.p_benefit, stats.norm.sf(0, mean, sd)),
        (found.p_beyond, stats.norm.sf(1, mean, sd)),
        (found.p_against, stats.norm.cdf(-1, mean, sd)),
        (found.p_within, np.diff(stats.norm.cdf([-1, 1], mean, sd)).item()),
    ):
        assert p == pytest.approx(true, abs=4 * np.sqrt(true * (1 - true) / found.ess) + 1e-3)


def test_a_prior_that_the_draws_do_not_reach_is_not_relied_on() -> None:
    rng = np.random.default_rng(10)
    draws = rng.normal(5.0, 1.0, size=(4000, 1, 3))
    subject = subject_of(draws, np.full(4000, 0.5))
    assert answer(subject, subject.quantities[0]).reliable
    far = answer(subject, subject.quantities[0], NormalPrior(0.0, 0.4))
    assert not far.reliable
    assert far.ess < ESS_MIN


def test_units_of_a_prior() -> None:
    subject = subject_of(np.ones((5, 1, 1)), np.full(5, 0.5))
    assert subject.in_own_unit(NormalPrior(1, 2, "sd")) == NormalPrior(1.5, 3.0)
    assert subject.in_own_unit(NormalPrior(1, 2, "mcid")) == NormalPrior(3.0, 6.0)
    assert subject.in_own_unit(NormalPrior(1, 2)) == NormalPrior(1.0, 2.0)


def test_every_estimand_is_rebuilt_from_its_columns(fit: Fit) -> None:
    table, draws = effects(fit, estimands=ESTIMANDS), estimand_draws(fit, ESTIMANDS)
    seen = set()
    for outcome in fit.study.outcomes.index:
        subject = outcome_subject(fit, str(outcome), table)
        assert subject.quantities[0].estimand == "adjusted_difference"
        for own in subject.quantities:
            wanted = draws[own.estimand].sel(outcome=outcome, arm=own.arm, visit=own.visit)
            np.testing.assert_allclose(subject.values(own), wanted.to_numpy().ravel(), atol=1e-9)
            seen.add(own.estimand)
    assert seen == set(ESTIMANDS)


def test_under_the_fitted_prior_it_is_the_table_of_effects(fit: Fit) -> None:
    table = effects(fit, estimands=ESTIMANDS)
    for outcome in fit.study.outcomes.index:
        subject = outcome_subject(fit, str(outcome), table)
        for own in subject.quantities:
            keys = (table["outcome"] == outcome) & (table["visit"] == own.visit)
            row = table[keys & (table["estimand"] == own.estimand)].iloc[0]
            found = answer(subject, own, None, "mcid")
            for name, value in (
                ("mean", found.mean), ("sd", found.sd), ("ci_low", found.low),
                ("ci_high", found.high), ("p_benefit_gt_mcid", found.p_beyond),
                ("p_within_mcid", found.p_within),
                ("p_benefit" if own.sign else "p_positive", found.p_benefit),
            ):  # fmt: skip
                if own.sign or "mcid" not in name:
                    np.testing.assert_allclose(value, row[name], rtol=1e-9, err_msg=name)


def test_priors_of_outcomes_are_of_benefits_in_their_units(fit: Fit) -> None:
    table = effects(fit, estimands=ESTIMANDS)
    feno = outcome_subject(fit, "feno", table)  # lower is better
    assert feno.prior_sign == -1
    assert feno.scale == pytest.approx(2 * feno.sd_unit)
    toward = answer(feno, feno.quantities[0], NormalPrior(5.0, 10.0))
    away = answer(feno, feno.quantities[0], NormalPrior(-5.0, 10.0))
    assert toward.mean < away.mean  # a benefit is a fall
    ige = outcome_subject(fit, "total_ige", table)
    assert ige.prior_sign == 1
    assert ige.quantities[0].sign == 0


def test_an_enthusiast_of_events_sees_fewer(study: Study) -> None:
    (per_visit, _) = explorable_events(study)
    subject = event_subject(per_visit, adverse_effects(per_visit))
    own = subject.quantities[-1]
    now = answer(subject, own)
    fewer, more = (answer(subject, own, NormalPrior(m, 1.0)) for m in (-0.7, 0.7))
    assert fewer.mean < now.mean < more.mean
    assert fewer.p_benefit > more.p_benefit  # fewer reactions are the benefit
    assert now.mean == pytest.approx(
        100 * float(
            adverse_effects(per_visit)
            .query("estimand == 'risk_difference'")
            .set_index(["reaction", "visit"])
            .loc[(own.estimand, own.visit), "mean"]
        )
    )  # fmt: skip


def test_what_cannot_be_reweighted_is_refused(fit: Fit) -> None:
    table = effects(fit, estimands=ESTIMANDS)
    for other, said in (
        (replace(fit, prior="empirical"), "not one of normal distributions"),
        (replace(fit, prior="reference"), "not one of normal distributions"),
        (replace(fit, prior="unheard of"), "has no name here"),
        (replace(fit, model="joint"), "does not parametrise the treatment effect"),
    ):
        assert said in why_not(other)
        with pytest.raises(UsageError, match="no prior of your own"):
            outcome_subject(other, "act", table)
    assert why_not(fit) == ""


def test_draws_on_one_side_are_worth_their_weights() -> None:
    """Rounding of the weights' sum is no variance: all true is known as well as the weights are."""
    weight, _ = smoothed_weights(np.linspace(0, 3, 1000), 1.0)
    assert effective_draws(weight, np.ones(1000)) == pytest.approx(1 / np.sum(weight**2))
    equal = np.full(1000, 1e-3)
    assert effective_draws(equal, np.arange(1000.0)) == pytest.approx(1000)


def test_quantiles_of_equal_weights_are_those_of_numpy() -> None:
    x = np.random.default_rng(3).normal(size=501)
    found = weighted_quantiles(np.full(501, 1 / 501), x, [0.025, 0.5, 0.975])
    np.testing.assert_allclose(found, np.quantile(x, [0.025, 0.5, 0.975]))
