"""The answer, the summary of findings and the section of each outcome say what the tables hold."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curves import curve as curve_of

from bayesasthma.plots.specifications import CHOICE_NAMES
from bayesasthma.reporting.answer import answer
from bayesasthma.reporting.limits_of_trust import limits_of_trust
from bayesasthma.reporting.outcome_pages import outcome_pages
from bayesasthma.reporting.plain_words import (
    LADDER,
    direction_words,
    effect_line,
    event_words,
)
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.summary_of_findings import NOT_RUN, summary_of_findings
from bayesasthma.reporting.tables import headline_rows


def act(results: ReanalysisResults) -> pd.Series:
    rows = headline_rows(results)
    return rows[(rows["outcome"] == "act") & (rows["visit"] == "week48")].iloc[0]


def test_the_answer_is_three_sentences(results: ReanalysisResults) -> None:
    sentences = answer(results, None)
    assert len(sentences) == 3
    direction, size, doubts = sentences
    assert "48 weeks: the probability of benefit is" in direction
    assert "2 outcomes with a better direction" in direction
    assert "minimal clinically important" in size
    assert "fewer adverse reactions" in size
    assert "not allocated at random" in doubts
    assert "would change" not in doubts  # none of these three outcomes'
    tests = results.audit.tests.assign(significance_changes=True)
    changed = replace(results, audit=replace(results.audit, tests=tests))
    assert f"{len(tests)} printed conclusions would change" in answer(changed, None)[-1]
    assert all(text.endswith(".") for text in sentences)


def test_the_answer_counts_harm_too(results: ReanalysisResults) -> None:
    effects = results.effects.copy()
    mine = (effects["model"] == "longitudinal") & (effects["visit"] == "week48")
    for outcome, p in (("act", 0.01), ("feno", 0.97)):
        effects.loc[mine & (effects["outcome"] == outcome), "p_benefit"] = p
    text = answer(replace(results, effects=effects), None)[0]
    assert "above 0.95 for 1 of 2 outcomes with a better direction and below 0.05 for 1" in text
    assert re.search(r"from 0\.01\d* \(ACT\) to 0\.97\d* \(FeNO\)", text)


def test_a_failed_gate_stands_in_the_answer(results: ReanalysisResults) -> None:
    diagnostics = results.diagnostics.assign(gate="fail")
    assert "gate FAILS" in answer(replace(results, diagnostics=diagnostics), None)[-1]


def test_study_of_undirected_outcomes_and_several_arms(bare_results: ReanalysisResults) -> None:
    sentences = answer(bare_results, None)
    assert "higher mean" in sentences[0]
    assert "under Omalizumab" in sentences[0]
    assert not any("benefit" in text for text in sentences)
    tables = summary_of_findings(bare_results, None)
    assert [table.arm for table in tables] == ["OMA_AIT", "OMA"]
    rows = [row for _, own in tables[0].groups for row in own]
    assert all(row.unsigned and row.benefit.startswith("P(higher)") for row in rows)
    assert not tables[0].judged


def test_findings_are_the_headline_rows(results: ReanalysisResults) -> None:
    (table,) = summary_of_findings(results, None)
    rows = [row for _, own in table.groups for row in own]
    assert [row.short for row in rows[:3]] == ["ACT", "FeNO", "Total IgE"]
    assert len(rows) == 3 + results.adverse["reaction"].nunique()
    found = act(results)
    assert rows[0].effect[0].startswith(f"{found['mean']:.2f}"[:3])
    assert float(rows[0].within.split()[-1]) == pytest.approx(found["p_within_mcid"], abs=0.01)
    assert rows[0].curve == NOT_RUN
    assert rows[0].id == "outcome-act"
    assert rows[-1].name == "Severe systemic"
    assert rows[-1].limits == ["no event in one arm"]
    assert len(rows[-1].effect) == 2  # by reading


def test_ranges_come_from_the_curve(results: ReanalysisResults) -> None:
    curve = curve_of(results.study)
    (table,) = summary_of_findings(results, curve)
    row = next(row for _, own in table.groups for row in own if row.short == "ACT")
    own = curve.ranges
    own = own[(own["outcome"] == "act") & (own["visit"] == "week48")].iloc[0]
    low, _, high = row.curve.partition(" to ")
    assert float(low.strip("<> ")) == pytest.approx(own["p_low"], abs=0.06)
    assert float((high or low).strip("<> ")) == pytest.approx(own["p_high"], abs=0.06)
    page = next(page for page in outcome_pages(results, curve) if page.short == "ACT")
    assert CHOICE_NAMES[str(own["moved_most_by"])] in page.choices[0]
    assert "At 48 weeks the curve is lowest with" in page.choices[0]
    assert [visit.visit for visit in page.visits] == ["12 weeks", "24 weeks", "48 weeks"]
    assert page.visits[-1].row.p_printed == "*<0.01"
    assert page.visits[-1].verdict == "reproduced"


def test_what_limits_trust_is_counted(results: ReanalysisResults) -> None:
    own = results.audit.tests
    own = own[own["outcome"] == "feno"]
    missed = own["verdict"].isin(["not reproduced", "impossible at any correlation"]).sum()
    found = limits_of_trust(results, None, "feno", "OMA_AIT", "week48")
    assert "SDs unlike published ones" in found
    assert any("not reproduced" in text for text in found) == bool(missed)
    clean = replace(results, audit=None, study=replace(results.study, randomised=True))
    assert limits_of_trust(clean, None, "feno", "OMA_AIT", "week48") == []


def test_plain_words_name_size_and_direction(results: ReanalysisResults) -> None:
    row = act(results).copy()
    row["mean"], row["p_benefit"], row["p_benefit_gt_mcid"] = 2.7, 0.995, 0.33
    text = effect_line(results.study, row)
    assert text.startswith("ACT is about 2.")
    assert "points higher with Omalizumab + AIT than with AIT: almost certainly better" in text
    assert "perhaps too little to matter" in text
    row["p_benefit"] = 0.5
    assert "either better or worse: the data do not tell" in effect_line(results.study, row)
    row["p_benefit"] = 0.03
    text = effect_line(results.study, row)
    assert "very probably worse" in text
    assert "matter" not in text
    row["p_benefit"], row["p_positive"] = np.nan, 0.9
    assert "neither is a benefit as such" in effect_line(results.study, row)


@given(st.floats(0, 1))
def test_words_are_the_same_in_either_direction(p: float) -> None:
    words, mirrored = (
        direction_words(p, "better", "worse"),
        direction_words(1 - p, "worse", "better"),
    )
    if "do not tell" not in words:
        assert words == mirrored
    for limit, text in LADDER:
        if words == f"{text} better":
            assert p >= limit
    for word in ("prove", "significant", "certain "):
        assert word not in words


def test_readings_that_disagree_are_both_told() -> None:
    assert event_words([0.85, 0.86], "lower") == "probably fewer"
    assert event_words([0.85, 0.7], "lower") == "probably fewer; by the other reading perhaps fewer"
    assert event_words([0.97], "none") == "very probably more"
