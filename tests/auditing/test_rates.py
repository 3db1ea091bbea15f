"""Rate ratios of events in person-time: what is judged, what is withheld, what is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bayesasthma.auditing import (
    NOT_CHECKABLE,
    NOT_REPRODUCED,
    NOTE,
    REPRODUCED,
    UNUSUAL,
    AuditResult,
    audit,
)
from bayesasthma.auditing.rate_candidates import EXACT, WALD, rate_tests
from bayesasthma.auditing.subjects import Rates
from bayesasthma.frequentist import rounded
from bayesasthma.study.bundle import load_study

TOML = """title = "T"
citation = "C"
design = "Parallel groups"
randomised = true
[[arms]]
id = "control"
label = "Control"
role = "control"
n = 60
[[arms]]
id = "drug"
label = "Drug"
role = "treatment"
n = 61
[[visits]]
id = "end"
label = "1 year"
week = 52
"""
HEAD = "event,arm,visit,count,person_time,rate,ratio,ci_low,ci_high,method"
#: 80 events in 58.2 years against 51 in 59.6.
COUNTS = ("exacerbation,control,end,80,58.2,{}", "exacerbation,drug,end,51,59.6,{}")


def audited(
    folder: Path, first: str = ",,,,", second: str = ",,,,", tests: str = ""
) -> AuditResult:
    files = {
        "study.toml": TOML,
        "adverse.csv": "visit,reaction,arm,events,n\nend,rash,control,3,60\nend,rash,drug,4,61\n",
        "rates.csv": "\n".join([HEAD, COUNTS[0].format(first), COUNTS[1].format(second)]) + "\n",
        "tests.csv": "table,kind,outcome,arm,visit,test,p\n" + tests,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return audit(load_study(folder))


def exact_p() -> float:
    return float(stats.binomtest(51, 131, 59.6 / (58.2 + 59.6)).pvalue)


def wald_p() -> float:
    z = np.log(51 / 59.6 / (80 / 58.2)) / np.sqrt(1 / 51 + 1 / 80)
    return float(2 * stats.norm.sf(abs(z)))


def test_the_stated_test_is_judged(tmp_path: Path) -> None:
    exact, wald = exact_p(), wald_p()
    rows = [
        ("exact Poisson test", exact), ("Poisson regression", wald), ("incidence rate ratio", wald),
        ("exact Poisson test", 0.35), ("Poisson regression", 0.35), ("negative binomial", 0.03),
        ("", exact), ("", 0.35), ("χ²", 0.01),
    ]  # fmt: skip
    lines = "".join(
        f"T{i},between,exacerbation,,end,{name},{p:.4f}\n" for i, (name, p) in enumerate(rows)
    )
    found = audited(tmp_path, tests=lines).tests
    assert found["verdict"].tolist() == [
        REPRODUCED, REPRODUCED, REPRODUCED,
        # covariates of a regression may stand behind its p, and an unstated test may be any
        NOT_REPRODUCED, NOT_CHECKABLE, NOT_CHECKABLE,
        REPRODUCED, NOT_CHECKABLE, NOT_CHECKABLE,
    ]  # fmt: skip
    assert "events that come independently" in found["assumes"][3]
    assert "lets patients differ" in found["explanation"][5]
    assert found["p_orientation"][7] == pytest.approx(exact)


def test_a_test_of_rates_does_not_follow_from_patients_with_an_event(tmp_path: Path) -> None:
    tests = "T,between,rash,,end,exact Poisson test,0.20\n"
    (row,) = audited(tmp_path, tests=tests).tests.to_dict("records")
    assert row["verdict"] == NOT_CHECKABLE
    assert "person-time (rates.csv)" in row["explanation"]


def test_what_is_printed_of_a_ratio_follows(tmp_path: Path) -> None:
    wald = np.exp(np.log(51 / 59.6 / (80 / 58.2)) + np.array([-1, 1]) * 1.959964 * 0.17921)
    printed = f"0.86,0.62,{wald[0]:.2f},{wald[1]:.2f},"
    result = audited(tmp_path, "1.37,,,,", printed)
    assert result.findings.empty or set(result.findings["kind"]) == {"monotone"}
    (row,) = result.rates.to_dict("records")
    assert row["ratio"] == pytest.approx(0.6225, abs=5e-5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(wald), rel=1e-4)
    assert row["p_exact"] == pytest.approx(exact_p())


@pytest.mark.parametrize(
    ("second", "kind", "weight", "words"),
    [
        (
            "1.20,,,,",
            "consistency",
            UNUSUAL,
            "51 events in 59.6 of person-time are a rate",
        ),
        (",0.80,,,", "interval", UNUSUAL, "printed 0.80, unless"),
        (",0.80,,,Poisson", "interval", UNUSUAL, "printed 0.80."),
        (",0.62,0.55,0.70,", "interval", UNUSUAL, "narrower than Poisson counts give"),
        (",0.62,0.30,1.28,", "interval", NOTE, "where patients differ in their rates"),
    ],
)
def test_what_does_not_follow_is_asked_about(
    second: str, kind: str, weight: str, words: str, tmp_path: Path
) -> None:
    findings = audited(tmp_path, second=second).findings
    (row,) = findings[findings["kind"] == kind].to_dict("records")
    assert row["weight"] == weight
    assert words in row["finding"]
    assert (row["outcome"], row["arm"], row["visit"]) == ("exacerbation", "drug", "end")


def test_a_difference_within_the_slack_of_rounding_is_not_asked_about(tmp_path: Path) -> None:
    """51 events in 59.55 of person-time are 0.8564232: less than 0.8564239 by under a millionth."""
    findings = audited(tmp_path, second="0.8564239,,,,").findings
    assert "consistency" not in set(findings["kind"])


def test_a_p_that_names_no_visit_is_of_the_only_one(tmp_path: Path) -> None:
    tests = f"T,between,exacerbation,drug,,exact Poisson,{exact_p():.4f}"
    assert audited(tmp_path, tests=tests).tests["verdict"].tolist() == [REPRODUCED]


@pytest.mark.parametrize("method", ["negative binomial", "adjusted Poisson", "Zorbax"])
def test_another_analysis_is_left_alone(method: str, tmp_path: Path) -> None:
    findings = audited(tmp_path, second=f",0.80,0.7,0.9,{method}").findings
    assert "interval" not in set(findings["kind"])


def test_rounded_person_time_gives_a_range_of_p() -> None:
    subject = Rates((80, 51), (rounded(58.0, 1.0), rounded(60.0, 1.0)))
    found = {c.name: c for c in rate_tests(subject, ["poisson"])}
    for name in (EXACT, WALD):
        assert found[name].low < found[name].p < found[name].high
    for t1, t2 in ((57.6, 60.4), (58.4, 59.6), (58.2, 59.8)):
        z = np.log(51 / t2 / (80 / t1)) / np.sqrt(1 / 51 + 1 / 80)
        p = 2 * stats.norm.sf(abs(z))
        assert found[WALD].low <= p <= found[WALD].high


def test_more_than_two_arms_are_tested_as_equal() -> None:
    subject = Rates((30, 20, 10), (rounded(10.0), rounded(10.0), rounded(10.0)))
    found = rate_tests(subject, ["poisson"])
    assert [c.p for c in found] == pytest.approx(
        [
            stats.chisquare([30, 20, 10]).pvalue,
            stats.power_divergence([30, 20, 10], lambda_="log-likelihood").pvalue,
        ]
    )
