"""Parts of quotes: words for probabilities, formats, decision rules, what a prior is worth."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from tests.made_up_fits import table_fit

from bayesasthma.comparison.decision_rules import Rule, parse_rule, verdict
from bayesasthma.comparison.phrases import TERMS, forbidden, term
from bayesasthma.comparison.prior_in_quotes import PriorShares
from bayesasthma.comparison.quote_formats import as_latex, as_markdown
from bayesasthma.comparison.quotes import effect_decimals, quote
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.mixture_data import mixture_data
from bayesasthma.priors.distributions import Component, EffectPrior
from bayesasthma.reporting.rule_errors import rule_error
from bayesasthma.results.effect_table import effects
from bayesasthma.results.printed_digits import interval_mcse
from bayesasthma.results.prior_worth import component_weights, prior_information, prior_patients
from bayesasthma.study.bundle import load_study


@pytest.fixture(scope="module")
def fit() -> Fit:
    return table_fit(load_study("liu2025"))


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1.0, "extremely likely"), (0.95, "extremely likely"), (0.949, "very likely"),
        (0.9, "very likely"), (0.8, "likely"), (0.6, "about as likely as not"),
        (0.4, "about as likely as not"), (0.2, "unlikely"), (0.1, "very unlikely"),
        (0.05, "extremely unlikely"), (0.0, "extremely unlikely"),
    ],
)  # fmt: skip
def test_the_table_of_terms(p: float, words: str) -> None:
    assert term(p) == words


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_probability_never_has_a_weaker_term(a: float, b: float) -> None:
    order = [name for _, name in TERMS]
    low, high = sorted((a, b))
    assert order.index(term(high)) <= order.index(term(low))


@given(st.integers(1, 999))
def test_terms_mirror_each_other(thousandths: int) -> None:
    opposite = {
        "extremely likely": "extremely unlikely", "very likely": "very unlikely",
        "likely": "unlikely", "about as likely as not": "about as likely as not",
    }  # fmt: skip
    opposite |= {value: key for key, value in opposite.items()}
    p = thousandths / 1000
    assert term((1000 - thousandths) / 1000) == opposite[term(p)]


@pytest.mark.parametrize(
    "text",
    ["This proves it", "a significant difference", "no difference was found", "it is effective",
     "The study demonstrates", "failed to show", "the arms are equivalent", "not significant"],
)  # fmt: skip
def test_words_that_no_posterior_bears_are_found(text: str) -> None:
    assert forbidden(text)


def test_no_quote_says_what_it_must_not(fit: Fit) -> None:
    for estimand in (None, "difference", "change", "share_improved", "standardised_difference"):
        table = quote(fit, estimand=estimand, despite_gate=True, success="P(benefit) > 0.975",
                      error_of=rule_error, margin="mcid" if estimand is None else None)  # fmt: skip
        for text in [*table["statement"], *table["sentence"]]:
            assert not forbidden(text.replace(fit.study.citation.rstrip("."), "")), text
            assert text.endswith(".")


def test_a_null_result_is_worded_as_one(fit: Fit) -> None:
    table = quote(fit, visit="week12", despite_gate=True).set_index("outcome")
    through_zero = (table["ci_low"] < 0) & (table["ci_high"] > 0)
    assert through_zero.any()
    assert not through_zero.all()
    for outcome, row in table.iterrows():
        said = "compatible with no effect" in row["sentence"]
        assert said == through_zero[outcome]
        assert ("The data are compatible with no effect" in row["statement"]) == said


def test_no_digit_is_printed_that_monte_carlo_error_leaves_open(fit: Fit) -> None:
    for _, row in effects(fit).iterrows():
        error = interval_mcse(row["sd"], row["ess_tail"], row["ci_prob"])
        assert 10.0 ** -effect_decimals(row) >= 0.63 * max(error, row["mcse_mean"])
    coarse = effects(fit).iloc[0].copy()
    coarse["ess_tail"] /= 100
    assert effect_decimals(coarse) < effect_decimals(effects(fit).iloc[0])


def test_the_error_of_an_interval_is_what_repeated_draws_show() -> None:
    rng = np.random.default_rng(4)
    ends = np.quantile(rng.normal(0, 3, size=(4000, 500)), 0.025, axis=1)
    assert interval_mcse(3.0, 500, 0.95) == pytest.approx(ends.std(), rel=0.05)


@given(st.text(max_size=60))
def test_latex_leaves_nothing_that_tex_reads_as_markup(text: str) -> None:
    known = r"\\(?:textbackslash|textasciicircum|textasciitilde|textbar|textmu|textdegree)\{\}"
    known += r"|\\textsuperscript\{[23]\}|\\[{}%&#$_]|\$(?:\\\w+|[<>-])\$"
    rest = re.sub(known, "", as_latex(text))
    assert not re.search(r"[\\{}%&#$_^<>|]", rest)


def test_formats() -> None:
    text = "FEV1 % predicted_x: 95 % CrI > 0.999 [a] *b* ±2"
    assert as_latex(text, "FEV1 % predicted_x") == (
        r"\textbf{FEV1~\% predicted\_x}: 95~\% CrI $>$ 0.999 [a] *b* $\pm$2"
    )
    assert as_markdown(text, "FEV1 % predicted_x") == (
        r"**FEV1 % predicted\_x**: 95 % CrI > 0.999 \[a\] \*b\* ±2"
    )
    assert as_markdown("# not a heading") == r"\# not a heading"
    assert as_markdown("1. no list") == r"\1. no list"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("P(benefit) > 0.975", Rule(0.975)),
        ("p( benefit >MCID )>=.8", Rule(0.8, "mcid", True)),
        ("P(benefit > 2.5) > 0.9", Rule(0.9, 2.5)),
        ("P(benefit > −1) ≥ 0.95", Rule(0.95, -1.0, True)),
        ("P(benefit > 0) > 0.5", Rule(0.5)),
    ],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    "text", ["P(harm) > 0.9", "0.975", "P(benefit) < 0.1", "P(benefit) > 2", ""]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="success"):
        parse_rule(text)


def test_verdicts_know_their_monte_carlo_error() -> None:
    rule = Rule(0.975)
    assert verdict(rule, 0.99, 0.001) == "Rule P(benefit) > 0.975: met (0.990)."
    assert "not met (0.9)" in verdict(rule, 0.9, 0.02)
    assert "sample longer before deciding" in verdict(rule, 0.976, 0.001)
    assert "no decision, for it has none" in verdict(rule, float("nan"), 0.1, "it has none")


def test_a_rule_is_held_against_the_probability_it_names(fit: Fit) -> None:
    table = effects(fit).query("estimand == 'adjusted_difference' and visit == 'week48'")
    table = table.set_index("outcome")
    own = effects(fit, threshold=1.0).query(
        "estimand == 'adjusted_difference' and visit == 'week48'"
    )
    own = own.set_index("outcome")
    cases = {
        "P(benefit) > 0.975": table["p_benefit"],
        "P(benefit > mcid) > 0.8": table["p_benefit_gt_mcid"],
        "P(benefit > 1) > 0.5": own["p_benefit_gt_mcid"],
        "P(benefit > -1) > 0.5": 1 - own["p_harm_gt_mcid"],
    }
    for text, expected in cases.items():
        found = quote(fit, success=text, despite_gate=True).set_index("outcome")
        rule = parse_rule(text)
        for outcome, p in expected.items():
            if np.isfinite(p):
                assert found.loc[outcome, "rule_probability"] == p
                assert found.loc[outcome, "success"] == (p > rule.limit)
            else:
                assert "no decision" in found.loc[outcome, "statement"]


def test_type_one_errors_are_those_of_the_proof(fit: Fit) -> None:
    said = rule_error(Rule(0.975), fit)
    assert "1.5 % ± 0.6 %: of 400 simulated trials of 18 and 19 patients" in said
    assert "These are this study's sizes." in said
    assert "not known" in rule_error(Rule(0.9), fit)
    assert "not known" in rule_error(Rule(0.975), replace(fit, prior="empirical"))
    assert "(an MCID of half a baseline SD)" in rule_error(Rule(0.8, "mcid"), fit)
    larger = fit.study.arms.assign(n=[60, 44])
    other = replace(fit, study=replace(fit.study, arms=larger))
    assert "other sizes (60 and 44); the nearest that was tried, 50 patients" in rule_error(
        Rule(0.975), other
    )
    assert "at which the rule was not tried" in rule_error(Rule(0.8, "mcid"), other)


NORMAL = EffectPrior.normal(0.4, 2.0)
STUDENT = EffectPrior((Component(0.0, 0.38, 6.0),))
MIXTURE = EffectPrior((Component(0.6, 0.2, weight=0.5), Component(0.0, 2.0, weight=0.5)))


def test_information_of_a_prior() -> None:
    assert prior_information(NORMAL) == 0.25
    assert prior_information(EffectPrior.normal(0, np.inf)) == 0
    density = stats.t(6.0, 0.0, 0.38)

    def local(x: float) -> float:
        step = 1e-3
        second = (
            density.logpdf(x + step) - 2 * density.logpdf(x) + density.logpdf(x - step)
        ) / step**2
        return float(-second * density.pdf(x))

    expected, _ = integrate.quad(local, -20, 20, limit=400)
    assert prior_information(STUDENT) == pytest.approx(expected, rel=1e-3)
    two = EffectPrior((Component(0.0, 2.0, weight=0.5), Component(0.0, 2.0, weight=0.5)))
    assert prior_information(two) == pytest.approx(0.25, rel=1e-5)
    assert 0.25 < prior_information(MIXTURE) < 25


@given(st.floats(0.1, 5), st.floats(0.05, 2), st.integers(10, 1000))
def test_the_worth_of_a_prior_does_not_hang_on_the_unit(
    scale: float, error: float, patients: int
) -> None:
    prior = EffectPrior.normal(0.0, scale)
    worth = prior_patients(prior, error, patients)
    assert worth == pytest.approx(patients * (error / scale) ** 2)
    assert prior_patients(prior.times(7.0), 7 * error, patients) == pytest.approx(worth)
    assert np.isnan(prior_patients(prior, float("nan"), patients))


def test_weights_of_components_are_those_of_conjugate_normals() -> None:
    """One effect with a normal estimate: the posterior mixture has a closed form."""
    rng = np.random.default_rng(5)
    estimate, error = 1.1, 0.4
    parts = MIXTURE.components
    spread = [np.hypot(part.scale, error) for part in parts]
    evidence = np.array(
        [part.weight * stats.norm.pdf(estimate, part.location, s)
         for part, s in zip(parts, spread, strict=True)]
    )  # fmt: skip
    exact = evidence / evidence.sum()
    which = rng.choice(2, size=40_000, p=exact)
    precision = np.array([part.scale**-2 + error**-2 for part in parts])
    centre = np.array([part.location * part.scale**-2 + estimate * error**-2 for part in parts])
    draws = rng.normal((centre / precision)[which], precision[which] ** -0.5)
    found = component_weights(MIXTURE, draws[:, None, None], np.zeros(len(draws)))
    assert found.sum() == pytest.approx(1)
    assert found[0] == pytest.approx(exact[0], abs=0.01)


TAILED = EffectPrior((Component(0.2, 0.5, 4.0, 0.3), Component(0.0, 1.0, weight=0.7)))


@pytest.mark.parametrize("prior", [MIXTURE, TAILED], ids=["normal", "student"])
def test_densities_of_components_are_those_of_the_model(prior: EffectPrior) -> None:
    from bayesasthma.models.mixtures import mixture_logp

    rng = np.random.default_rng(6)
    effect, share = rng.normal(size=(50, 2, 3)), rng.uniform(0.1, 0.9, size=50)
    values = mixture_data([prior], 6)

    def log_density(weight: np.ndarray) -> np.ndarray:
        field = {name: value[0] for name, value in values.items()}
        place = {name: field[name][:, None, None] * np.ones((2, 2, 3)) for name in
                 ("location", "scale")}  # fmt: skip
        found: np.ndarray = mixture_logp(
            effect, place["location"], place["scale"], field["tail"], weight, field["constant"],
            share, size=(2, 3), xp=np,
        )  # fmt: skip
        return found

    weight = values["weight"][0]
    whole, first = log_density(weight), log_density(weight * np.array([1.0, 0.0]))
    expected = np.exp(first - whole).mean()
    assert component_weights(prior, effect, share)[0] == pytest.approx(expected, rel=1e-9)


def test_a_flat_prior_is_worth_nothing_and_a_narrow_one_more(fit: Fit) -> None:
    def worth(prior: str) -> float:
        share = PriorShares(replace(fit, prior=prior)).of(
            "act", "OMA_AIT", "week48", "adjusted_difference"
        )
        return share.patients

    assert worth("reference") == 0
    assert 0 < worth("weak") < worth("sceptical")
    share = PriorShares(fit).of("act", "OMA_AIT", "week48", "change")
    assert np.isnan(share.patients)
    assert share.sentence() == ""
