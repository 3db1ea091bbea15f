"""The explorer's part of the page: small, inert, and the same draws as the functions have."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made_up_fits import explorable_events, explorable_fit, table_fit

from bayesasthma.comparison.normal_prior import NormalPrior
from bayesasthma.comparison.reweighting import answer
from bayesasthma.reporting.explorer_entries import event_entries, outcome_entries
from bayesasthma.reporting.explorer_section import explorer_section
from bayesasthma.reporting.packed_draws import DRAWS, STEPS, encoded
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects
from bayesasthma.study.bundle import load_study

#: Bytes that the explorer of a study of this size may take.
BUDGET = 600_000
CURVE = "no specification curve has been run"


@pytest.fixture(scope="module")
def whole() -> ReanalysisResults:
    """All ten outcomes and three events of the bundled study."""
    study = load_study("liu2025")
    study = replace(study, title="</script><b>", citation="<script>alert(1)</script>")
    fit, events = explorable_fit(study), explorable_events(study)
    empty = pd.DataFrame()
    return ReanalysisResults(
        study, [fit], list(events), effects(fit),
        pd.concat([adverse_effects(own) for own in events]), empty, empty,
    )  # fmt: skip


def decoded(packed: list[object]) -> np.ndarray:
    """As the page reads a column."""
    low, high, text = packed
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    places = np.array([alphabet.index(character) for character in str(text)])
    steps = 64 * places[0::2] + places[1::2]
    return float(low) + steps * (float(high) - float(low)) / STEPS  # type: ignore[arg-type]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40))
def test_packed_numbers_are_within_half_a_step(values: list[float]) -> None:
    x = np.array(values)
    found = decoded(encoded(x))
    assert len(found) == len(x)
    half = 0.5 * np.ptp(x) / STEPS
    np.testing.assert_allclose(found, x, rtol=0, atol=half * 1.001 + 1e-12 * abs(x).max())


def test_the_page_has_the_draws_of_the_entries(whole: ReanalysisResults) -> None:
    text = str(explorer_section(whole))
    (found,) = re.findall(r'id="explorer-data">(.*?)</script>', text, re.DOTALL)
    data = json.loads(found)
    entries = outcome_entries(whole, CURVE) + event_entries(whole, CURVE)
    assert [own["id"] for own in data["entries"]] == [own.id for own in entries]
    for shown, entry in zip(data["entries"], entries, strict=True):
        columns = data["subjects"][shown["subject"]]["columns"]
        assert entry.subject.draws == DRAWS
        for name, packed in columns.items():
            np.testing.assert_array_equal(decoded(packed), entry.subject.columns[name])


def test_it_is_small_and_nothing_of_a_label_is_markup(whole: ReanalysisResults) -> None:
    text = str(explorer_section(whole))
    assert len(text.encode()) < BUDGET
    assert text.count("<script") == text.count("</script>") == 2
    assert "alert(1)" in text  # as data
    assert not re.search(r"\son\w+=|javascript:|https?://(?!www\.w3\.org/2000/svg)", text)


def test_the_page_s_draws_and_all_draws_agree_within_their_error(whole: ReanalysisResults) -> None:
    from bayesasthma.comparison.explorable import outcome_subject

    fit = whole.table_fits[0]
    for entry in outcome_entries(whole, CURVE):
        subject = outcome_subject(fit, entry.id, whole.effects)
        prior = NormalPrior(0.5 * subject.scale, 0.5 * subject.scale)
        for own in (entry.headline,):
            few, every = (answer(part, own, prior) for part in (entry.subject, subject))
            error = few.sd / np.sqrt(few.ess)
            assert few.mean == pytest.approx(every.mean, abs=4 * error)
            spread = np.sqrt(max(every.p_benefit * (1 - every.p_benefit), 1e-3) / few.ess_benefit)
            assert few.p_benefit == pytest.approx(every.p_benefit, abs=4 * spread)


def test_presets_are_told_in_the_outcome_s_unit(whole: ReanalysisResults) -> None:
    act, *_ = outcome_entries(whole, CURVE)
    by = {own.label: own.prior for own in act.presets}
    assert by["enthusiastic"] == NormalPrior(3.0, 1.824)
    assert by["optimistic, strong"] == NormalPrior(3.0, 1.824)  # the same rule
    assert by["external evidence alone"].location == pytest.approx(0.65)
    assert by["weak"].scale == pytest.approx(act.subject.scale, rel=1e-3)
    ige = next(own for own in outcome_entries(whole, CURVE) if own.id == "total_ige")
    assert not any("optimistic" in own.label for own in ige.presets)  # no direction to hope for
    severe = next(own for own in event_entries(whole, CURVE) if "severe" in own.id)
    hopes = {own.label: own.prior for own in severe.presets}
    assert hopes["enthusiastic"].location == pytest.approx(-np.log(2), rel=1e-3)


def test_without_anything_to_explore_there_is_no_explorer(whole: ReanalysisResults) -> None:
    plain = table_fit(whole.study)
    assert explorer_section(replace(whole, table_fits=[plain], adverse_fits=[])) is None
    empty = replace(whole, table_fits=[], adverse_fits=[], effects=whole.effects.iloc[:0])
    assert explorer_section(empty) is None
