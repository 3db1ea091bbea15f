"""The report on patients who left: its section, sentences, figure, files and note."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from tests import bundles
from tests.made_up_fits import explorable_fit, table_fit

import bayesasthma as ba
from bayesasthma.comparison.missing_sentences import missing_sentences, tipping_sentence
from bayesasthma.comparison.quotes import quote
from bayesasthma.errors import UsageError
from bayesasthma.inference.sampling import SamplerOptions, Stopwatch
from bayesasthma.plots.missing_patients import tipping_curves
from bayesasthma.reporting import reanalysis, unchanged
from bayesasthma.reporting.limitations import limitations
from bayesasthma.reporting.missing_section import missing_drawings, missing_section, with_missing
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.writing import context, page_environment
from bayesasthma.results.missing_patients import BELOW, NEVER, TIPS
from bayesasthma.study.left_patients import LeftPatients, left_patients
from bayesasthma.study.study import Study

LEFT = "AIT=0,1,2; OMA_AIT=1,2,4"


@pytest.fixture(scope="module")
def asked(results: ReanalysisResults) -> ReanalysisResults:
    return with_missing(results, left_patients(results.study, LEFT))


def test_nothing_changes_where_nobody_left(results: ReanalysisResults) -> None:
    assert with_missing(results, left_patients(results.study)) is results
    assert missing_section(results) is None
    assert missing_drawings(results) == []
    assert [title for title, _ in limitations(results)].count("Missing values") == 1
    assert context(results, None)["missing"] is None


def test_the_section_has_every_outcome_at_its_last_visit(asked: ReanalysisResults) -> None:
    section = missing_section(asked)
    assert section is not None
    (part,) = section.parts
    assert [row[0] for row in part.tipping] == ["ACT, 48 weeks", "FeNO, 48 weeks"]
    # IgE has no direction, but an effect
    assert [row[0] for row in part.reference][-1] == "Total IgE, 48 weeks"
    assert len(part.reference) == 3
    assert all(row[2] == "2 of 18 (AIT) and 4 of 19 (Omalizumab + AIT)" for row in part.tipping)
    assert part.levels == ["0.975", "0.95", "0.8"]
    assert "as stated with --missing" in section.source


def test_the_limitation_takes_the_place_of_the_one_on_unknown_numbers(
    asked: ReanalysisResults,
) -> None:
    found = dict(limitations(asked))
    assert "Missing values" not in found
    assert "Up to 11 % of AIT and 21 % of Omalizumab + AIT" in found["Patients who left"]


def test_the_page_shows_it(asked: ReanalysisResults) -> None:
    content = context(asked, None) | {"figures": {"missing": []}}
    text = '{% macro figures_of(section) %}{% endmacro %}{% include "missing.html.j2" %}'
    page = page_environment().from_string(text).render(content)
    assert '<section id="missing">' in page
    assert "did worse than those who stayed by" in page
    assert "jump to reference" in page


def test_figures_are_drawn_of_outcomes_with_a_direction(asked: ReanalysisResults) -> None:
    (drawing,) = missing_drawings(asked)
    for figure in (drawing.wide(), drawing.narrow()):
        assert len(figure.axes) == 2
        for axis in figure.axes:
            low, high = axis.get_ylim()
            assert 0 <= low < 0.975 < high
            curves = [line for line in axis.lines if len(np.asarray(line.get_xdata())) > 50]
            assert len(curves) == 3
            starts = {float(np.asarray(line.get_ydata())[0]) for line in curves}
            assert len(starts) == 1  # at no delta they are one number


def one(status: dict[str, str], study: Study, left: LeftPatients, fit: object = None) -> str:
    """The sentence of a headline whose scenarios have these statuses at 0.95."""
    rows = pd.DataFrame(
        [
            {"outcome": "act", "arm": "OMA_AIT", "visit": "week48", "unit": "points"}
            | {"scenario": name, "status": own, "level": 0.95, "left_control": 2.0}
            | {"delta": 3.14159, "delta_mcse": 0.01, "delta_sd": 0.714, "largest_delta": 2.9}
            | {"beyond_scale": name == "both"}
            for name, own in status.items()
        ]
    )
    return tipping_sentence(study, left, rows)


def test_sentences(study: Study) -> None:
    left = left_patients(study, LEFT)
    assert left is not None
    lead = "Not in this mean are 2 of 18 (AIT) and 4 of 19 (Omalizumab + AIT)."
    tips = dict.fromkeys(("treated", "both", "opposed"), TIPS)
    found = one(tips, study, left)
    assert found == (
        f"{lead} P(benefit) would fall below 0.95 only if those who left Omalizumab + AIT did "
        "worse than those who stayed by 3.1 points (0.71 SD), or by 3.1 points (0.71 SD) if those "
        "who left AIT did better by as much; of both arms worse alike, by 3.1 points (0.71 SD), "
        "more than the scale allows (2.9 points)."
    )
    assert "leavers of both arms worse alike never bring it there." in one(
        tips | {"both": NEVER}, study, left
    )
    assert one(tips | {"treated": NEVER}, study, left).endswith(
        "only if those who left AIT did better than those who stayed by 3.1 points (0.71 SD); "
        "nobody left Omalizumab + AIT."
    )
    assert one(dict.fromkeys(tips, BELOW), study, left) == (
        f"{lead} P(benefit) is below 0.95 even if they were like those who stayed."
    )
    assert one(dict.fromkeys(tips, NEVER), study, left) == lead


def test_a_quote_says_it_of_its_headline_alone(study: Study) -> None:
    fit = explorable_fit(study, draws=150)
    plain = quote(fit, "act", despite_gate=True)["statement"].item()
    found = quote(fit, "act", missing=LEFT, despite_gate=True)["statement"].item()
    sentence = missing_sentences(fit, LEFT)["act", "OMA_AIT", "week48", "adjusted_difference"]
    assert sentence in found
    assert found.replace(f" {sentence}", "") == plain
    other = quote(fit, "act", estimand="difference", missing=LEFT, despite_gate=True)
    assert "Not in this mean" not in other["statement"].item()
    assert quote(fit, "act", missing="printed", despite_gate=True)["statement"].item() == plain


def test_a_bundle_whose_numbers_fall_has_the_section_by_itself(tmp_path: Path) -> None:
    study = ba.load_study(bundles.three_arms(tmp_path / "three"))
    fit = table_fit(study)
    results = ReanalysisResults(
        study, [fit], [], ba.effects(fit), *(pd.DataFrame() for _ in range(3))
    )
    section = missing_section(with_missing(results, left_patients(results.study)))
    assert section is not None
    assert "from the numbers of patients in the table" in section.source
    assert [part.arm for part in section.parts] == ["Low", "High"]
    low = section.parts[0]
    assert [row[0] for row in low.tipping] == ["Symptoms, Week 8", "Peak flow, Week 8"]
    assert "0 of 24 (Low)" in low.tipping[1][2]
    # the high dose has no flow at week 8, its last visit is week 4
    assert [row[0] for row in section.parts[1].tipping][1] == "Peak flow, Week 4"


def test_figure_without_letters_that_a_label_forms(study: Study) -> None:
    """A label of a bundle is text, also in the legend."""
    hostile = replace(study, arms=study.arms.assign(label=["$x^", "<b>$"]))
    left = left_patients(hostile, LEFT)
    results = with_missing(
        ReanalysisResults(hostile, [table_fit(hostile)], [], *(pd.DataFrame() for _ in range(4))),
        left,
    )
    assert left is not None
    last = results.tipping[results.tipping["visit"] == "week48"]
    figure = tipping_curves(results.table_fits[0], left, last, "OMA_AIT")
    with mpl.rc_context({"text.parse_math": False}):
        figure.canvas.draw()
    words = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert any("<b>$" in text for text in words)


def test_files_come_and_go_with_what_is_asked(
    asked: ReanalysisResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bayesasthma.reporting.write_report", lambda *_: [])
    monkeypatch.setattr(
        "bayesasthma.reporting.diagnostic_report.page.write_diagnostics", lambda *_: []
    )
    names = {"missing.csv", "missing_tipping.csv"}
    reanalysis.write(asked, tmp_path, Stopwatch())
    assert names <= {path.name for path in tmp_path.iterdir()}
    found = pd.read_csv(tmp_path / "missing_tipping.csv")
    assert len(found) == len(asked.tipping)
    nobody = replace(asked, left=None, missing=pd.DataFrame(), tipping=pd.DataFrame())
    reanalysis.write(nobody, tmp_path, Stopwatch())
    assert not names & {path.name for path in tmp_path.iterdir()}


def test_a_rerun_that_asks_something_else_is_no_rerun(study: Study, tmp_path: Path) -> None:
    options = SamplerOptions()
    first = unchanged.fingerprint(study, tmp_path, options)
    assert first == unchanged.fingerprint(study, tmp_path, options, None)
    assert first != unchanged.fingerprint(study, tmp_path, options, LEFT)


def test_what_is_asked_is_checked_before_anything_is_fitted(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no numbers of OMA_AIT"):
        ba.reanalyse(study, tmp_path, missing="AIT=0,0,1")
    assert not (tmp_path / "posterior").exists()
