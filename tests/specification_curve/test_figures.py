"""Figures, report section and quotes of a specification curve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests import curves

import bayesasthma as ba
from bayesasthma import plots
from bayesasthma.comparison.quotes import curve_sentence
from bayesasthma.reporting.curve_section import curve_section, in_words
from bayesasthma.specification_curve.curve import Sensitivity
from bayesasthma.specification_curve.summary import CHOICES, CHOICES_IN_WORDS


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


@pytest.fixture(scope="module")
def curve(study: ba.Study) -> Sensitivity:
    return curves.curve(study)


def test_every_choice_has_words_and_a_colour() -> None:
    from bayesasthma.plots.specifications import CHOICE_COLOURS, CHOICE_NAMES

    assert set(CHOICES) == set(CHOICES_IN_WORDS) == set(CHOICE_NAMES) == set(CHOICE_COLOURS)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_curve_rises_and_marks_the_default(
    study: ba.Study, curve: Sensitivity, narrow: bool
) -> None:
    figure = plots.specification_curve(study, curve.table, "fev1", "week48", narrow=narrow)
    top, middle, bottom = figure.axes
    passed, failed, default = (top.lines[i] for i in (1, 2, 3))
    heights = np.asarray(passed.get_ydata())
    assert len(heights) == 3 * 6 * 2 * 3
    assert (np.diff(heights) >= 0).all()
    assert len(failed.get_ydata()) == 0
    assert default.get_ydata() == pytest.approx([1.0], abs=1e-3)  # log odds of the made-up default
    assert "Effect, points" in middle.get_ylabel()
    labels = [text.get_text() for text in bottom.get_yticklabels()]
    assert {"sceptical", "ρ = 0.9", "by arm", "change"} <= set(labels)
    assert "independent" not in labels  # a choice that nothing varies is not shown


def test_failed_specifications_are_hollow(study: ba.Study, curve: Sensitivity) -> None:
    table = curve.table.copy()
    own = table[(table["outcome"] == "act") & (table["visit"] == "week12")]
    table.loc[own.index[:7], "gate"] = "fail"
    figure = plots.specification_curve(study, table, "act", "week12")
    assert len(figure.axes[0].lines[2].get_ydata()) == 7
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["default", "gate failed"]


def test_reactions_have_a_curve_too(study: ba.Study, curve: Sensitivity) -> None:
    figure = plots.specification_curve(study, curve.table, "local", "week48", kind="reaction")
    labels = [text.get_text() for text in figure.axes[-1].get_yticklabels()]
    assert {"per visit", "cumulative"} <= set(labels)


def test_bars_of_shares_end_at_one(study: ba.Study, curve: Sensitivity) -> None:
    figure = plots.choice_shares(study, curve.shares)
    ends: dict[float, float] = {}
    for bar in figure.axes[0].patches:
        ends[bar.get_y()] = max(ends.get(bar.get_y(), 0.0), bar.get_x() + bar.get_width())
    assert len(ends) == 13
    assert all(end == pytest.approx(1.0) for end in ends.values())


def test_probability_follows_rho(study: ba.Study, curve: Sensitivity) -> None:
    figure = plots.probability_by_correlation(study, curve.table)
    assert len(figure.axes) == 10
    line = figure.axes[0].lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert (np.diff(np.asarray(line.get_ydata())) > 0).all()


# ------------------------------------------------------------------------------ report and quotes


def test_the_section_says_why_there_is_no_curve(study: ba.Study) -> None:
    section = curve_section(study, "no specification curve has been run")
    assert section.missing == "no specification curve has been run"
    assert not section.drawings


def test_the_section_tells_ranges_and_failures(study: ba.Study, curve: Sensitivity) -> None:
    failure = {
        "prior": "reference",
        "correlation": "fixed:0.9",
        "failures": "R-hat 1.2",
        "failed_for": ["eos", "feno"],
    }
    facts = {**curve.facts, "failed_fits": [failure]}
    section = curve_section(study, replace(curve, facts=facts))
    assert len(section.rows) == 13
    fev1 = next(row for row in section.rows if row[0] == "FEV1 % predicted")
    assert fev1[3] == "sceptical prior, difference in change"
    assert fev1[5].startswith("Prior (")
    assert section.failed == [
        ("reference prior, ρ = 0.9", "R-hat 1.2 (for Eosinophil count, FeNO)")
    ]
    named = failure | {"failures": "eos: R-hat 1.2; tail ESS 3 below 400; feno: R-hat 1.1"}
    section = curve_section(study, replace(curve, facts=facts | {"failed_fits": [named]}))
    assert section.failed[0][1] == (
        "Eosinophil count: R-hat 1.2; tail ESS 3 below 400; FeNO: R-hat 1.1"
    )
    assert "1 fit failed it for some of" in section.summary
    names = {picture.name for picture in section.drawings}
    assert {"choice_shares", "probability_by_correlation"} <= names
    assert len(names) == 5


def test_differences_in_words() -> None:
    text = "prior sceptical, correlation fixed:0.3, dispersion se"
    assert in_words(text) == "sceptical prior, ρ = 0.3, printed SDs read as SEs"
    assert in_words("variance common, scale log") == "one SD for all arms, log scale"
    assert in_words("default") == "default"
    assert in_words("") == ""


def test_a_quote_ends_with_the_range(curve: Sensitivity, tmp_path: Path) -> None:
    where = {"outcome": "fev1", "arm": "OMA_AIT", "visit": "week48"}
    text = curve_sentence(where, curve)
    assert text == (
        "Sensitivity: over 108 specifications P(benefit) runs from 0.40 to 0.96, moved most by "
        "the prior (82 % of the variance; 0.65 to 0.89 with it at the default)."
    )
    assert "P(higher)" in curve_sentence(where | {"outcome": "total_ige"}, curve)
    assert "does not cover" in curve_sentence(where | {"visit": "week99"}, curve)
    reason = "no specification curve has been run"
    assert curve_sentence(where, reason) == f"Sensitivity: {reason}."
