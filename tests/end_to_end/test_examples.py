"""The example bundle of every shape, through the main job, with few draws."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.examples import EXAMPLES, HOME, write_examples
from tests.unrendered import leave_unrendered

import bayesasthma.reporting.reanalysis as main_job
from bayesasthma.comparison.event_quotes import quote_events
from bayesasthma.comparison.quotes import quote
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.study.bundle import load_study

FEW = SamplerOptions(draws=100, tune=150, chains=2, seed=3)
NAMES = [make().name for make in EXAMPLES]
#: Fitted in seconds; the others belong to the slow tests.
QUICK = ("one-visit",)
RUNS = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow, id=name) for name in NAMES
]
#: Words that belong to another study than these.
FOREIGN = ("asthma", "no established mcid", "cohort", "omalizumab", "immunotherapy")


def test_the_committed_bundles_are_what_the_module_makes(tmp_path: Path) -> None:
    write_examples(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    committed = {path.relative_to(HOME) for path in HOME.rglob("*") if path.is_file()}
    assert committed == made | {Path("README.md")}
    for name in made:
        assert (tmp_path / name).read_bytes() == (HOME / name).read_bytes(), name


def test_every_example_is_labelled_as_simulated() -> None:
    for name in NAMES:
        study = load_study(HOME / name)
        assert "simulated" in study.title.lower()
        assert "simulated" in study.citation.lower()
        assert f"| `{name}` |" in (HOME / "README.md").read_text(encoding="utf-8")


Run = Callable[[str], tuple[Path, ReanalysisResults]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The main job on an example; without the model whose graph is compiled for each shape.

    Figures are rendered where most arms crowd them.
    """

    @cache
    def run_of(name: str) -> tuple[Path, ReanalysisResults]:
        with pytest.MonkeyPatch.context() as patch:
            models = {k: v for k, v in main_job.TABLE_DEFAULTS.items() if k != "independent"}
            patch.setattr(main_job, "TABLE_DEFAULTS", {**models, "independent": None})
            patch.setattr(main_job, "prints_levels", lambda study: False)
            if name != "six-arms":
                leave_unrendered(patch)
            out = tmp_path_factory.mktemp(name)
            return out, main_job.reanalyse(load_study(HOME / name), out, options=FEW)

    return run_of


@pytest.mark.parametrize("name", RUNS)
def test_the_main_job_quotes_and_words(name: str, run: Run) -> None:
    out, results = run(name)
    study = results.study
    assert len(results.effects) or study.outcomes.empty
    assert len(results.adverse) or study.adverse.empty
    statements: list[str] = []
    for fit in results.table_fits:
        quoted = quote(fit, despite_gate=True)
        # an outcome whose last visit is early is quoted too, with that visit named
        assert set(quoted["outcome"]) == set(study.outcomes.index)
        statements += list(quoted["statement"])
    if results.adverse_fits:
        quoted = quote_events(results.adverse_fits, despite_gate=True)
        assert set(quoted["outcome"]) == set(study.event_directions)
        statements += list(quoted["statement"])
    page = (out / "report.html").read_text(encoding="utf-8")
    summary = (out / "summary.md").read_text(encoding="utf-8")
    for text in (page, summary, *statements):
        words = text.lower().replace("bayesasthma", "")
        for word in FOREIGN:
            assert word not in words, word
    for label in study.outcomes["label"]:
        assert label in summary
    for statement in statements:
        assert not {"significant", "proves"} & set(statement.lower().split())


def truths() -> list[dict[str, str]]:
    with (HOME / "truth.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_example_has_a_truth() -> None:
    assert {row["example"] for row in truths()} == set(NAMES)


@pytest.mark.parametrize("name", RUNS)
def test_truth_is_within_reach(name: str, run: Run) -> None:
    """Few draws say little, but the posterior has to be about the truth: within four SDs."""
    results = run(name)[1]
    for row in truths():
        if row["example"] == name:
            event = row["estimand"] == "risk_difference"
            table = results.adverse if event else results.effects
            found = table[
                (table["reaction" if event else "outcome"] == row["subject"])
                & (table["arm"] == row["arm"])
                & (table["visit"] == row["visit"])
                & (table["estimand"] == row["estimand"])
            ]
            if event:  # counts are simulated as new at each visit
                found = found[found["reading"] == "per_visit"]
            assert len(found), row
            distance = (found["mean"] - float(row["truth"])).abs() / found["sd"]
            assert np.all(distance < 4), row


def some(*names: str) -> list[Any]:
    """Of the runs."""
    return [RUNS[NAMES.index(name)] for name in names]


@pytest.mark.parametrize("name", some("events-alone", "one-visit", "six-arms"))
def test_one_visit_has_one_reading(name: str, run: Run) -> None:
    out, results = run(name)
    assert set(results.adverse["reading"]) == {"per_visit"}
    assert "Both readings" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", some("responders"))
def test_several_visits_have_two_readings(name: str, run: Run) -> None:
    assert set(run(name)[1].adverse["reading"]) == {"per_visit", "cumulative"}
