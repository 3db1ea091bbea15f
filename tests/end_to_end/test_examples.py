"""The example bundle of every shape, through the main job, with few draws."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.examples import EXAMPLES, HOME, write_examples

import bayesasthma.reporting.reanalysis as main_job
from bayesasthma.comparison.event_quotes import quote_events
from bayesasthma.comparison.quotes import quote
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.study.bundle import load_study

FEW = SamplerOptions(draws=100, tune=150, chains=2, seed=3)
NAMES = [make().name for make in EXAMPLES]
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


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, ReanalysisResults]]:
    """The main job on each example; without the model whose graph is compiled for each shape."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        models = {k: v for k, v in main_job.TABLE_DEFAULTS.items() if k != "independent"}
        patch.setattr(main_job, "TABLE_DEFAULTS", {**models, "independent": None})
        patch.setattr(main_job, "prints_levels", lambda study: False)
        for name in NAMES:
            out = tmp_path_factory.mktemp(name)
            found[name] = out, main_job.reanalyse(load_study(HOME / name), out, options=FEW)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_main_job_quotes_and_words(
    name: str, runs: dict[str, tuple[Path, ReanalysisResults]]
) -> None:
    out, results = runs[name]
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


def test_truth_is_within_reach(runs: dict[str, tuple[Path, ReanalysisResults]]) -> None:
    """Few draws say little, but the posterior has to be about the truth: within four SDs."""
    with (HOME / "truth.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            results = runs[row["example"]][1]
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


def test_one_visit_has_one_reading(runs: dict[str, tuple[Path, ReanalysisResults]]) -> None:
    for name in ("events-alone", "one-visit", "six-arms"):
        assert set(runs[name][1].adverse["reading"]) == {"per_visit"}
        assert "Both readings" not in (runs[name][0] / "report.html").read_text(encoding="utf-8")
    assert set(runs["responders"][1].adverse["reading"]) == {"per_visit", "cumulative"}
