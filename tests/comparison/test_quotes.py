"""Quotes: which estimand they lead with, and what they say of the arms' baseline means."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.bundles import changes_alone, complete
from tests.made_up_fits import table_fit

from bayesasthma.comparison.quotes import no_mcid, null_sentence, quote
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.results.effect_table import effects, probability_of_benefit
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


def test_a_null_result_says_what_it_is_compatible_with(trial: Fit) -> None:
    table = effects(trial)
    for row in quote(trial, despite_gate=True).itertuples():
        chosen = table[(table["outcome"] == row.outcome) & (table["visit"] == row.visit)]
        own = chosen[(chosen["estimand"] == row.estimand) & (chosen["arm"] == row.arm)].iloc[0]
        null = own["ci_low"] < 0 < own["ci_high"]
        assert ("The data are compatible with no effect" in row.statement) == null
        assert not {"significant", "proves"} & set(row.statement.lower().split())


def test_the_null_sentence_follows_the_interval() -> None:
    row = pd.Series({"unit": "kg", "estimand": "difference", "sd": 1.0, "ci_low": -1.0})
    assert "from -1.0 to 2.0 kg" in null_sentence(pd.concat([row, pd.Series({"ci_high": 2.0})]))
    assert null_sentence(pd.concat([row, pd.Series({"ci_high": -0.5})])) == ""
    ratio = pd.Series(
        {"unit": "ratio", "estimand": "ratio_geometric_means", "sd": 0.1, "ci_low": 0.9}
    )
    assert "no effect" in null_sentence(pd.concat([ratio, pd.Series({"ci_high": 1.2})]))
    assert null_sentence(pd.concat([ratio, pd.Series({"ci_high": 0.95})])) == ""


def test_a_margin_adds_the_chance_of_not_being_worse(trial: Fit) -> None:
    found = quote(trial, "score", margin=1.5, despite_gate=True).iloc[0]
    p = probability_of_benefit(
        trial, "score", found["visit"], -1.5, estimand=found["estimand"], arm=found["arm"]
    )
    shown = re.search(r"P\(not worse by more than 1.5 points\) (?:> |< )?([\d.]+)", found.statement)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(p, abs=0.06)
    assert "not worse" not in statements(trial)["score"]


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan"), "some"])
def test_a_margin_is_a_size(trial: Fit, margin: float | str) -> None:
    with pytest.raises(UsageError, match="margin"):
        quote(trial, margin=margin, despite_gate=True)


def test_a_margin_is_of_a_difference_between_arms(trial: Fit) -> None:
    with pytest.raises(UsageError, match="for a difference between arms"):
        quote(trial, margin=1.0, estimand="standardised_difference", despite_gate=True)


def test_within_the_mcid_is_quoted_and_a_blank_cell_claims_nothing(
    trial: Fit, tmp_path: Path
) -> None:
    for text in statements(trial).values():
        assert "MCID: none given" in text
        assert "established" not in text
    assert no_mcid("") == no_mcid("not looked for") == "MCID: none given"
    assert no_mcid("No established MCID") == "no established MCID"
    known = table_fit(load_study(complete(tmp_path / "five")))
    (text,) = quote(known, "symptoms", despite_gate=True)["statement"]
    assert re.search(r"P\(\|effect\| < 0.5 points\) [<>]? ?[01]\.", text)


def test_an_outcome_that_ends_early_is_quoted_at_its_last_visit(trial: Fit) -> None:
    table = trial.study.table.copy(deep=True)
    for name in table.data_vars:
        table[name].loc[{"outcome": "flow", "visit": "week12"}] = np.nan
    early = replace(trial, study=replace(trial.study, table=table))
    found = quote(early, despite_gate=True).set_index("outcome")
    assert found.loc["flow", "visit"] == "week6"
    assert "Week 6" in found.loc["flow", "statement"]
    assert found.loc["score", "visit"] == "week12"
