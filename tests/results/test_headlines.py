"""The estimand that reports lead with: by model, baseline and what of an outcome is printed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.bundles import changes_alone, one_visit, three_arms
from tests.made_up_fits import table_fit

from bayesasthma.inference.fitting import Fit
from bayesasthma.results.effect_table import (
    benefit_draws,
    headlines,
    select_draws,
    without_baseline_levels,
)
from bayesasthma.study.bundle import load_study
from bayesasthma.study.readings import Reading, read_as


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    folder = changes_alone(tmp_path_factory.mktemp("cohort") / "study", randomised=False)
    return replace(table_fit(load_study(folder)), baseline="free")


def test_changes_alone_of_a_cohort_lead_with_the_difference_in_change(cohort: Fit) -> None:
    assert without_baseline_levels(cohort.study) == ["score"]
    assert headlines(cohort) == {"score": "difference_in_change", "flow": "adjusted_difference"}


def test_arms_that_start_alike_have_their_adjusted_difference_from_the_changes(cohort: Fit) -> None:
    for study in (cohort.study, replace(cohort.study, randomised=True)):
        fit = replace(cohort, study=study, baseline="common")
        assert set(headlines(fit).values()) == {"adjusted_difference"}
    # what counts is what was fitted
    free = replace(cohort, study=replace(cohort.study, randomised=True), baseline="free")
    assert headlines(free)["score"] == "difference_in_change"


def test_without_correlations_or_baseline_it_is_the_difference(cohort: Fit, tmp_path: Path) -> None:
    alone = table_fit(cohort.study, "independent")
    assert set(headlines(alone).values()) == {"difference"}
    single = table_fit(load_study(one_visit(tmp_path / "one")))
    assert headlines(single) == {"score": "difference"}
    assert without_baseline_levels(single.study) == []


def test_one_pair_of_arms_with_a_baseline_is_enough(tmp_path: Path) -> None:
    study = load_study(three_arms(tmp_path / "three"))
    assert without_baseline_levels(study) == []
    for arms, found in ((["high"], []), (["low", "high"], ["flow"]), (["control"], ["flow"])):
        table = study.table.copy(deep=True)
        cell = {"outcome": "flow", "arm": arms, "visit": "start", "statistic": "level"}
        table["mean"].loc[cell] = np.nan
        assert without_baseline_levels(replace(study, table=table)) == found


def test_draws_are_of_the_headline_unless_asked_otherwise(cohort: Fit) -> None:
    assert select_draws(cohort, "score", "week12").name == "difference_in_change"
    np.testing.assert_array_equal(
        select_draws(cohort, "score", "week12"),
        select_draws(cohort, "score", "week12", "difference_in_change"),
    )
    np.testing.assert_array_equal(
        select_draws(cohort, "flow", "week12"),
        select_draws(cohort, "flow", "week12", "adjusted_difference"),
    )


def test_a_ratio_is_a_benefit_by_its_distance_from_1() -> None:
    study = read_as(load_study("liu2025"), Reading.parse("log:feno"))  # less of it is better
    fit = table_fit(study, "independent")
    asked = ("feno", "week48", "ratio_geometric_means")
    np.testing.assert_allclose(benefit_draws(fit, *asked), 1 - select_draws(fit, *asked))
