"""Names of tests as papers print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesasthma.auditing.stated_tests import NONE, WITHHOLD, known_names, read_stated, words_of

NAMES = {
    "student": ["Student's t-test", "STUDENT T TEST", "Student’s t", "unpaired Student's t test"],
    "welch": ["Welch", "Welch's t-test", "t-test with Welch correction", "unequal variance t test"],
    "t": ["t-test", "independent samples t", "Independent-samples t-test", "two-sample t", "ttest"],
    "paired": ["paired t", "Paired t-test", "paired-samples t test", "dependent t", "one-sample t"],
    "anova": ["ANOVA", "one-way ANOVA", "1-way analysis of variance", "F-test"],
    "repeated_measures": ["repeated measures ANOVA", "RM-ANOVA", "ANOVA for repeated measures"],
    "ancova": ["ANCOVA", "analysis of covariance", "Analysis of Covariance"],
    "chi2": ["chi-square", "Chi-squared test", "χ2", "χ²", "X²", "Pearson's chi-square", "chi2"],
    "yates": ["Yates' chi-square", "chi-square with Yates' correction"],
    "fisher": ["Fisher", "Fisher's exact", "Fisher-Freeman-Halton", "FET"],
    "trend": ["Cochran-Armitage", "chi-square for trend", "linear-by-linear association"],
    "linear_trend": ["linear trend", "p for trend"],
    "mid_p": ["mid-p"],
}
NOT_FOLLOWED = {
    "rank": [
        "Mann-Whitney U",
        "MWU",
        "Wilcoxon rank sum",
        "signed rank",
        "Wilcoxon signed-rank",
        "Kruskal-Wallis",
        "Friedman",
        "Jonckheere–Terpstra",
        "Wilcoxon",
        "Dunn's test",
    ],
    "model": [
        "MMRM",
        "mixed model",
        "Linear mixed-effects model",
        "GEE",
        "GLM",
        "LMM",
        "logistic regression",
        "linear regression",
        "generalised linear mixed model",
    ],
    "survival": ["log-rank", "Cox", "Cox proportional hazards", "Kaplan-Meier"],
    "resampling": ["permutation", "bootstrap", "randomisation test"],
    "paired_counts": ["McNemar", "McNemar's test", "Cochran's Q"],
    "stratified": ["Cochran-Mantel-Haenszel", "CMH"],
    "rate": ["negative binomial", "Andersen–Gill", "zero-inflated Poisson", "quasi-Poisson"],
    "multiplicity": ["Bonferroni", "Tukey", "Tukey's HSD", "Dunnett", "Benjamini-Hochberg", "Holm"],
    "imputed": ["LOCF", "multiple imputation", "last observation carried forward"],
    "adjusted": ["adjusted", "t test adjusted for age"],
    "transformed": ["t test on log-transformed values"],
}


@pytest.mark.parametrize(("method", "text"), [(m, t) for m, texts in NAMES.items() for t in texts])
def test_tests_that_follow(method: str, text: str) -> None:
    for written in (text, text.upper(), text.lower(), f" {text} "):
        stated = read_stated(written)
        assert [k.method for k in stated.tests] == [method], written
        assert not stated.unknown
        assert not stated.not_followed


@pytest.mark.parametrize(
    ("why", "text"), [(w, t) for w, texts in NOT_FOLLOWED.items() for t in texts]
)
def test_tests_that_do_not(why: str, text: str) -> None:
    for written in (text, text.upper()):
        assert why in [k.why for k in read_stated(written).not_followed], written


def test_alternatives_and_qualifiers() -> None:
    either = read_stated("Student t or Mann–Whitney U, as appropriate")
    assert [k.method for k in either.tests] == ["student", NONE]
    sided = read_stated("one-tailed unpaired t-test")
    assert sided.has("one_sided")
    assert not sided.unknown
    covariate = read_stated("ANCOVA with baseline as covariate")
    assert covariate.has("baseline")
    assert not covariate.unknown
    assert read_stated("ANCOVA with baseline and centre as covariates").unknown == ("centre",)
    assert read_stated("exact chi-square").unknown == ("exact",)
    assert read_stated("t test of change from baseline").of_change


def test_scores_of_a_trend() -> None:
    for text in ("Cochran-Armitage (scores 10, 20, 40, 80)", "trend, doses: 10/20/40/80"):
        stated = read_stated(text)
        assert stated.scores == (10, 20, 40, 80)
        assert stated.tests
        assert not stated.unknown


def test_what_is_not_known_gets_the_closest_names() -> None:
    stated = read_stated("Wilcoxn")
    assert not stated.recognised
    assert "Mann–Whitney U test" in stated.closest
    assert read_stated("Zorbax' method").closest == ()
    assert read_stated("").silent


def test_every_entry_is_whole() -> None:
    """`known_names` itself refuses an alias of two entries and a reason that is not there."""
    known = set(known_names().values())
    methods = {k.method for k in known}
    assert methods >= {*NAMES, NONE, WITHHOLD, "barnard", "likelihood_ratio", "one_sided"}
    assert all(k.reason for k in known if k.method in {NONE, WITHHOLD})
    assert len(known_names()) > 500


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    stated = read_stated(text)
    assert stated.silent == (not text.strip())
    assert not (stated.recognised and stated.closest)


@given(st.sampled_from(sorted(known_names())), st.booleans())
def test_an_alias_is_recognised_by_its_own_words(words: tuple[str, ...], hyphens: bool) -> None:
    text = ("-" if hyphens else " ").join(words).upper() + " test"
    stated = read_stated(text)
    assert words_of(text) == words
    assert stated.recognised
    assert not stated.unknown
