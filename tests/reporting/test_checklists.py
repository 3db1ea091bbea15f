"""Checklists: every item has an answer that leads somewhere, and says no more than the run has."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tests.unrendered import leave_unrendered

from bayesasthma.reporting import write_report
from bayesasthma.reporting.checklists import (
    FACTS,
    NOT_APPLICABLE,
    OPEN,
    Answer,
    checklists,
    definitions,
)
from bayesasthma.reporting.results import ReanalysisResults

NONE = "no specification curve has been run"
WORDS = {"page", "data", "gate", "results", "seed", "prior", "curve", "sizes", "joint"}


def test_the_table_of_items_is_whole() -> None:
    content = definitions()
    keys = [own["key"] for own in content["list"]]
    assert keys == ["BARG", "ROBUST", "FDA"]
    for item in content["item"]:
        assert item["list"] in keys
        assert ("answer" in item) != ("not_applicable" in item)
        assert ("needs" in item) == ("otherwise" in item)
        assert set(item.get("needs", [])) <= set(FACTS)
        fields = {
            name for _, name, _, _ in string.Formatter().parse(item.get("answer", "")) if name
        }
        assert fields <= WORDS
    counts = pd.Series([item["list"] for item in content["item"]]).value_counts()
    assert counts["ROBUST"] == 7  # the seven of Sung et al.
    parts = [item["part"] for item in content["item"] if item["list"] == "BARG"]
    assert [part[0] for part in dict.fromkeys(parts)] == ["P", "1", "2", "3", "4", "5", "6"]


@pytest.fixture(scope="module")
def written(results: ReanalysisResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        leave_unrendered(patch)
        write_report(results, folder)
    return folder


def test_every_answer_leads_to_something_that_is_there(
    results: ReanalysisResults, written: Path
) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'\bid="([\w-]+)"', page))
    made_by_the_run = {"run.json", "effects.csv", "adverse.csv", "diagnostics.csv"}
    made_by_the_run |= {f"diagnostics/{fit.label}.html" for fit in results.table_fits}
    optional = {"#joint", "#sensitivity"}
    for own in checklists(results, NONE):
        for answer in own.answers:
            assert "{" not in answer.text
            for target in re.findall(r"\]\(([^)]+)\)", answer.text):
                if target.startswith("#"):
                    assert target[1:] in ids | {name[1:] for name in optional}, (answer, target)
                else:
                    assert target in made_by_the_run, target
    assert 'id="checklists"' in page


def test_the_file_says_the_same_as_the_section(results: ReanalysisResults, written: Path) -> None:
    text = (written / "checklists.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    answers = [answer for own in checklists(results, NONE) for answer in own.answers]
    assert len(rows) == len(answers) + 3  # a header in each list
    assert "(report.html#methods)" in text
    assert "arXiv:2601.14701" in text


def test_what_a_run_lacks_is_not_claimed(results: ReanalysisResults) -> None:
    def texts(own: ReanalysisResults) -> dict[str, str]:
        return {f"{one.title[:4]} {a.asks}": a.text for one in checklists(own, NONE)
                for a in one.answers}  # fmt: skip

    found = texts(results)
    assert found["ROBU Sensitivity analysis"].startswith(OPEN)
    alone = replace(results, table_fits=[])
    interval = "BARG Central tendency and interval of the quantities of interest"
    for name in ("ROBU Central tendency", interval):
        assert not found[name].startswith(NOT_APPLICABLE)
        assert texts(alone)[name].startswith(NOT_APPLICABLE)
    bare = replace(results, study=replace(results.study, external=results.study.external.iloc[:0]))
    name = "FDA  External information: relevance, how much is borrowed, discounting"
    assert "external.csv" in found[name]
    assert "nothing is borrowed" in texts(bare)[name]
    failing = results.diagnostics.assign(gate=["fail", *results.diagnostics["gate"][1:]])
    worse = texts(replace(results, diagnostics=failing))
    assert "Failed: independent-reference." in worse["ROBU Analytic technique"]


def test_counts_add_up(results: ReanalysisResults) -> None:
    for own in checklists(results, NONE):
        numbers = [int(text) for text in re.findall(r"\d+", own.count)]
        assert numbers[1] == len(own.answers)
        assert numbers[0] + sum(numbers[2:]) == numbers[1]


def test_links_and_code_in_both_forms() -> None:
    answer = Answer("1", "x", "See [A <b>](#a), [file](x.csv) and `--draws`.", answered=True)
    assert str(answer.html) == (
        'See <a href="#a">A &lt;b&gt;</a>, <a href="x.csv">file</a> and <code>--draws</code>.'
    )
    assert answer.markdown == "See [A <b>](report.html#a), [file](x.csv) and `--draws`."
