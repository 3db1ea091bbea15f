"""Quotes: which estimand they lead with, and what they say of the arms' baseline means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.bundles import changes_alone, complete
from tests.made_up_fits import table_fit

from bayesasthma.comparison.quotes import quote
from bayesasthma.inference.fitting import Fit
from bayesasthma.study.bundle import load_study

EQUAL = "baseline means of the arms equal, as randomised"
TAKEN = "baseline means of the arms taken as equal, though the study was not randomised"
FREE = "baseline means of the arms free"
RESTS = "and not printed, so that the adjustment rests on their prior"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Arms not allocated at random: `score` printed as changes alone, `flow` as levels."""
    folder = changes_alone(tmp_path_factory.mktemp("cohort") / "study", randomised=False)
    return replace(table_fit(load_study(folder)), baseline="free")


@pytest.fixture(scope="module")
def trial(cohort: Fit) -> Fit:
    return replace(cohort, study=replace(cohort.study, randomised=True), baseline="common")


def statements(fit: Fit, estimand: str | None = None) -> dict[str, str]:
    found = quote(fit, estimand=estimand, despite_gate=True)
    return dict(zip(found["outcome"], found["statement"], strict=True))


def test_each_outcome_is_quoted_by_its_headline(cohort: Fit, trial: Fit) -> None:
    found = statements(cohort)
    assert set(found) == {"score", "flow"}
    assert "difference in change from baseline" in found["score"]
    assert "baseline-adjusted difference" in found["flow"]
    assert all("baseline-adjusted difference" in text for text in statements(trial).values())
    table = quote(cohort, despite_gate=True)
    assert dict(zip(table["outcome"], table["estimand"], strict=True)) == {
        "score": "difference_in_change",
        "flow": "adjusted_difference",
    }


def test_a_quote_says_what_was_taken_of_the_baseline(cohort: Fit, trial: Fit) -> None:
    for text in statements(trial).values():
        assert f"prior weak, {EQUAL};" in text
    for text in statements(cohort).values():
        assert f"prior weak, {FREE};" in text
        assert RESTS not in text  # the difference in change does not adjust
    for text in statements(replace(trial, baseline="free")).values():
        assert FREE in text
    for text in statements(replace(cohort, baseline="common")).values():
        assert f"prior weak, {TAKEN};" in text
        assert EQUAL not in text


def test_an_adjustment_that_rests_on_the_prior_says_so(cohort: Fit, trial: Fit) -> None:
    found = statements(cohort, "adjusted_difference")
    assert f"prior weak, {FREE} {RESTS};" in found["score"]
    assert RESTS not in found["flow"]  # its baseline is printed
    assert not any(RESTS in text for text in statements(trial, "adjusted_difference").values())
    # randomised, but fitted with means of their own: no table of changes tells the imbalance
    free = statements(replace(trial, baseline="free"), "adjusted_difference")
    assert RESTS in free["score"]


@pytest.mark.parametrize("estimand", ["difference", "standardised_difference", "change"])
def test_where_the_baseline_does_not_enter_nothing_is_said(trial: Fit, estimand: str) -> None:
    for text in statements(trial, estimand).values():
        assert "baseline means" not in text


def test_without_a_baseline_in_the_model_nothing_is_said(tmp_path: Path) -> None:
    fit = table_fit(load_study(complete(tmp_path / "five")), "independent")
    assert fit.baseline == ""
    for text in statements(fit).values():
        assert "difference in means" in text
        assert "baseline means" not in text
