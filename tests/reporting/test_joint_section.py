"""The report's section on several outcomes at once, from draws made up."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from tests import bundles
from tests.results.test_joint_estimands import made_up
from tests.unrendered import leave_unrendered

from bayesasthma.comparison.posterior_beside_p import compare
from bayesasthma.inference.diagnostics import diagnostics_frame
from bayesasthma.plots.shrinkage import q_values
from bayesasthma.reporting import write_report
from bayesasthma.reporting.captioned_figure import paint
from bayesasthma.reporting.joint_section import joint_drawings, joint_section
from bayesasthma.reporting.limitations import limitations
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.adverse_table import COLUMNS as ADVERSE_COLUMNS
from bayesasthma.results.effect_table import effects
from bayesasthma.results.joint_estimands import DESCRIPTIONS, joint_effects
from bayesasthma.study.bundle import load_study


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ReanalysisResults:
    study = load_study(bundles.complete(tmp_path_factory.mktemp("complete") / "study"))
    fit = made_up(study, dependent=True)
    return ReanalysisResults(
        study=study,
        table_fits=[fit],
        adverse_fits=[],
        effects=effects(fit),
        adverse=pd.DataFrame(columns=ADVERSE_COLUMNS),
        comparison=compare([fit]),
        diagnostics=diagnostics_frame([fit.gate]),
        joint=joint_effects(fit),
    )


def test_section_prints_the_table(results: ReanalysisResults) -> None:
    (part,) = joint_section(results)
    assert part.visits == ["Week 6", "Week 12"]
    assert [row[0] for row in part.domains] == ["control", "lung function"]
    every = next(row for row in part.sets if row[0].startswith("P(every one improves)"))
    own = results.joint[results.joint["estimand"] == "all_improve"].set_index("visit")
    assert float(every[1]) == pytest.approx(own.loc["week6", "mean"], abs=0.06)
    assert float(every[2]) == pytest.approx(own.loc["week6", "if_independent"], abs=0.06)
    assert [row[0] for row in part.ranks] == sorted(
        ["Symptoms", "Score", "Peak flow", "Volume"],
        key=lambda name: next(float(r[1]) for r in part.ranks if r[0] == name),
    )
    assert "Symptoms, Score, Peak flow and Volume" in part.outcomes


def test_report_shows_section_and_figure(
    results: ReanalysisResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (picture,) = paint(joint_drawings(results))
    assert picture.section == "joint"
    assert picture.narrow is not None
    for sheet in (picture.wide, picture.narrow):
        assert sheet.suffix == "svg"
        assert sheet.content.startswith(b"<svg")
    leave_unrendered(monkeypatch)
    write_report(results, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<section id="joint">' in page
    assert (tmp_path / "figures" / "shrinkage.svg").exists()
    text = dict(limitations(results))["Many outcomes"]
    assert "joint model" in text


def test_without_a_joint_fit_there_is_no_section(results: ReanalysisResults) -> None:
    from dataclasses import replace

    without = replace(results, joint=pd.DataFrame())
    assert joint_section(without) == []
    assert joint_drawings(without) == []
    assert "one by one" in dict(limitations(without))["Many outcomes"]


def test_the_family_of_q_is_the_visit() -> None:
    q = q_values(pd.Series([0.01, 0.04, 0.03], index=["a", "b", "c"]))
    assert q.to_dict() == pytest.approx({"a": 0.03, "b": 0.04, "c": 0.04})


def test_every_column_and_estimand_of_joint_csv_is_documented(results: ReanalysisResults) -> None:
    text = (Path(__file__).parents[2] / "docs" / "columns.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text.split("## `joint.csv`")[1], flags=re.MULTILINE)[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = set(re.findall(r"`(\w+)`", " ".join(first)))
    assert documented == set(results.joint.columns) | set(DESCRIPTIONS)
    assert set(results.joint["estimand"]) == set(DESCRIPTIONS)
