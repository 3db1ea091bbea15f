"""Running a grid: resumed after a kill, nothing run twice, failures kept apart; and real fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xarray as xr
from tests import curves
from tests.bundles import complete, one_visit, patient_level, three_arms

import bayesasthma as ba
from bayesasthma.dispatch import Worker
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.inference.diagnostics import Gate
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.remedies import REPEATS
from bayesasthma.inference.sampling import ACCEPTANCE, PATIENTS_MANY, SamplerOptions
from bayesasthma.specification_curve import parse_grid, run
from bayesasthma.specification_curve.fingerprints import environment
from bayesasthma.specification_curve.grid import AdverseChoices, TableChoices
from bayesasthma.specification_curve.repeated_sampling import (
    Drawn,
    Problem,
    sample_parts,
)
from bayesasthma.specification_curve.run import CURVE_OPTIONS, run_grid
from bayesasthma.specification_curve.study_grid import grid_for, table_spec_of
from bayesasthma.specification_curve.tasks import Payload, draw_table, fit_specification, layouts

GRID = parse_grid("""
[[block]]
prior = ["weak", "sceptical"]
correlation = ["unstructured", "fixed:0.5"]
adjustment = ["adjusted", "change"]
[[adverse]]
model = "independent"
""")
FITS = 5


class Pretend:
    """Stands in for fitting; remembers what it was asked."""

    def __init__(self, study: ba.Study) -> None:
        self.study, self.asked, self.die_at = study, [], 0

    def __call__(self, payload: Payload, worker: Worker) -> dict[str, Any]:
        if self.die_at and len(self.asked) == self.die_at:
            raise KeyboardInterrupt
        self.asked.append(payload.choices)
        made_up = curves.result(self.study, payload.choices)
        gate = {"passed": True, "failures": "", "failed_for": []}
        return {
            "rows": made_up.rows,
            "gate": gate,
            "retry": "",
            "sampled": made_up.sampled,
            "again": 0,
            "seconds": {"fit": 1.0},
        }


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


@pytest.fixture
def pretend(study: ba.Study, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    instead = Pretend(study)
    monkeypatch.setattr(run, "fit_specification", instead)
    return instead


def go(study: ba.Study, folder: Path | None, **options: Any) -> list[run.FitResult]:
    chosen = replace(CURVE_OPTIONS, **options)
    return run_grid(study, GRID, chosen, folder, workers=1, progress=lambda _line: None)


def test_every_fit_once_in_the_grids_order(
    study: ba.Study, pretend: Pretend, tmp_path: Path
) -> None:
    found = go(study, tmp_path)
    assert [item.choices for item in found] == [*GRID.fits, *GRID.adverse]
    assert len(pretend.asked) == len(set(pretend.asked)) == FITS


def test_a_killed_run_resumes_where_it_was(
    study: ba.Study, pretend: Pretend, tmp_path: Path
) -> None:
    pretend.die_at = 3
    with pytest.raises(KeyboardInterrupt):
        go(study, tmp_path)
    kept = sorted(tmp_path.glob("*.json"))
    assert len(kept) == 3
    pretend.die_at = 0
    kept[0].write_text('{"key": "cut o', encoding="utf-8")  # as if the disk had been full
    found = go(study, tmp_path)
    assert sum(item.resumed for item in found) == 2
    assert len(pretend.asked) == FITS + 1
    fresh = go(study, None)
    # as text, for NaN is not equal to itself
    assert [str(item.rows) for item in found] == [str(item.rows) for item in fresh]
    assert not list(tmp_path.glob("*.part"))


def test_a_finished_fit_with_another_number_in_it_is_not_used(
    study: ba.Study, pretend: Pretend, tmp_path: Path
) -> None:
    go(study, tmp_path)
    for i, path in enumerate(sorted(tmp_path.glob("*.json"))[:3]):
        text = path.read_text(encoding="utf-8")
        number = ('"sampled": ', '"fit": 1.0', '"passed": true')[i]
        assert number in text
        changed = ('"sampled": 1', '"fit": 1.5', '"passed": false')[i]
        path.write_text(text.replace(number, changed), encoding="utf-8")
    assert sum(not item.resumed for item in go(study, tmp_path)) == 3
    assert all(item.resumed for item in go(study, tmp_path))


def test_other_options_are_other_fits(study: ba.Study, pretend: Pretend, tmp_path: Path) -> None:
    go(study, tmp_path)
    assert all(item.resumed for item in go(study, tmp_path))
    assert not any(item.resumed for item in go(study, tmp_path, seed=1))
    assert not any(item.resumed for item in go(study, tmp_path, draws=700))
    # cores do not change the draws
    assert all(item.resumed for item in go(study, tmp_path, cores=2))


def test_a_fit_that_fails_is_marked_and_tried_again_next_time(
    study: ba.Study, pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sometimes(payload: Payload, worker: Worker) -> dict[str, Any]:
        if payload.choices == GRID.fits[1]:
            raise BayesAsthmaError("cannot be fitted")
        return pretend(payload, worker)

    monkeypatch.setattr(run, "fit_specification", sometimes)
    found = go(study, tmp_path)
    assert [item.error for item in found] == ["", "cannot be fitted", "", "", ""]
    assert not found[1].passed
    monkeypatch.setattr(run, "fit_specification", pretend)
    again = go(study, tmp_path)
    assert [item.resumed for item in again] == [True, False, True, True, True]


def test_a_worker_with_other_source_refuses(study: ba.Study) -> None:
    choices = GRID.adverse[0]
    payload = Payload(study, choices, None, None, (), CURVE_OPTIONS, "of another version")
    with pytest.raises(BayesAsthmaError, match="other package versions"):
        fit_specification(payload, Worker())


class MadeUp:
    """Parts whose gate is passed once they are sampled often enough; remembers the options."""

    def __init__(self, needs: dict[str, int]) -> None:
        self.needs = needs
        self.options: dict[str, list[SamplerOptions]] = {name: [] for name in needs}

    def problem(self) -> Problem:
        def drawer(name: str) -> Callable[[SamplerOptions], Drawn]:
            def draw(options: SamplerOptions) -> Drawn:
                self.options[name].append(options)
                short = len(self.options[name]) < self.needs[name]
                r_hat = 1.02 if short else 1.0
                return Drawn(Gate(name, True, 0, 0, 1.0, r_hat, 900.0, 900.0, "", 1), name)

            return draw

        def report(drawn: list[Drawn]) -> pd.DataFrame:
            rows = [
                {
                    "outcome": part.content,
                    "mean": len(self.options[part.content]),
                    "gate": "pass" if part.gate.passed else "fail",
                }
                for part in drawn
            ]
            return pd.DataFrame(rows)

        return Problem({name: drawer(name) for name in self.needs}, report)


def test_only_the_part_that_fails_is_sampled_again() -> None:
    made_up = MadeUp({"act": 1, "feno": 2, "eos": 99})
    parts, table = sample_parts(made_up.problem(), CURVE_OPTIONS)
    calls = {name: len(options) for name, options in made_up.options.items()}
    assert calls == {"act": 1, "feno": 2, "eos": 1 + REPEATS}
    assert table["outcome"].tolist() == ["act", "feno", "eos"]
    # what is reported is the last sampling of each
    assert table["mean"].tolist() == [1, 2, 1 + REPEATS]
    assert table["gate"].tolist() == ["pass", "pass", "fail"]
    quiet, passed, failed = table["retry"]
    assert quiet == ""
    assert passed.endswith(": passed")
    assert failed.endswith(": failed again")
    assert failed.count("sampled again") == REPEATS
    assert [bool(part.failures) for part in parts] == [False, False, True]
    firsts = [options[0] for options in made_up.options.values()]
    assert len({options.seed for options in firsts}) == len(firsts)
    seeds = {options.seed for options in made_up.options["eos"]}
    assert len(seeds) == 1
    draws = [options.draws for options in made_up.options["eos"]]
    assert draws == [750, 1500, 3000]


def names(study: ba.Study, choices: TableChoices) -> list[tuple[str, ...]]:
    return [layout.outcomes for layout in layouts(study, choices)]


def test_outcomes_are_sampled_apart_where_they_share_nothing(
    study: ba.Study, tmp_path: Path
) -> None:
    outcomes = tuple(study.outcomes.index)
    apart = [(name,) for name in outcomes]
    assert names(study, TableChoices()) == apart
    assert names(study, TableChoices(model="independent")) == apart
    assert names(study, TableChoices(model="joint")) == [outcomes]
    # the log scale leaves the others as they are, and one outcome has external evidence
    skewed = [("total_ige",), ("specific_ige",), ("eos",), ("feno",)]
    assert names(study, TableChoices(scale="log")) == skewed
    assert names(study, TableChoices(prior="external")) == [("act",)]
    # patients are constants of a graph, their summaries are not
    patients = ba.load_study(patient_level(tmp_path / "patients"))
    assert names(patients, TableChoices()) == [("symptoms", "flow")]
    assert names(patients, TableChoices(model="independent")) == [("symptoms",), ("flow",)]
    assert layouts(patients, TableChoices(model="independent"))[0].tables


def test_an_outcome_with_nothing_to_report_is_not_sampled(tmp_path: Path) -> None:
    folder = three_arms(tmp_path / "three")
    file = folder / "summaries.csv"
    kept = [
        line
        for line in file.read_text(encoding="utf-8").splitlines()
        if not (line.startswith("symptoms") and ",level," in line)
    ]
    file.write_text("\n".join(kept) + "\n", encoding="utf-8")
    changes = ba.load_study(folder)
    assert names(changes, TableChoices()) == [("symptoms",), ("flow",)]
    # whose rows of change the independent model does not use
    assert names(changes, TableChoices(model="independent")) == [("flow",)]
    grid = parse_grid('[[block]]\nprior = ["external"]\nadjustment = "difference"')
    (removed,) = grid_for(grid, changes).removed
    assert removed.reason == "there is no external evidence on an outcome of the study"


def test_larger_posteriors_and_more_patients_are_sampled_more_carefully(study: ba.Study) -> None:
    def options(one: ba.Study, choices: TableChoices | AdverseChoices) -> SamplerOptions:
        return run._payload(one, choices, CURVE_OPTIONS, "").options

    alone, own = SamplerOptions(), options(study, TableChoices())
    assert own == CURVE_OPTIONS
    for choices in (TableChoices(model="joint"), AdverseChoices()):
        assert options(study, choices) == replace(own, target_accept=ACCEPTANCE)
    many = replace(study, arms=study.arms.assign(n=PATIENTS_MANY + 1))
    careful = replace(own, tune=alone.tune, target_accept=ACCEPTANCE)
    assert options(many, TableChoices()) == careful


@pytest.mark.slow
def test_an_outcome_draws_from_a_shared_graph_what_its_own_would(tmp_path: Path) -> None:
    """One graph for outcomes of opposite directions, under a prior that is not centred at 0."""
    five = ba.load_study(complete(tmp_path / "five"))
    choices = TableChoices(prior="enthusiastic", correlation="fixed:0.5")
    spec = table_spec_of(choices)
    apart = {layout.outcomes[0]: layout for layout in layouts(five, choices)}
    options = replace(CURVE_OPTIONS, draws=60, tune=60, chains=2, cores=1)
    shared = CompiledGraphs()
    draw_table(apart["symptoms"], spec, shared, options)
    found = draw_table(apart["flow"], spec, shared, options)
    alone = draw_table(apart["flow"], spec, CompiledGraphs(), options)
    assert len(shared.seconds) == 1
    assert found.content["outcome"].values.tolist() == ["flow"]
    xr.testing.assert_allclose(found.content, alone.content, rtol=1e-6)

    # all five, some of them sampled again with more draws: every row is its outcome's
    sent = run._payload(five, choices, options, environment())
    result = fit_specification(sent, Worker(kept={"graphs": shared}))
    assert result["sampled"] == 5
    assert result["again"] > 0
    table = pd.DataFrame(result["rows"])
    assert list(dict.fromkeys(table["outcome"])) == list(five.outcomes.index)
    printed = five.table["mean"].sel(statistic="level", visit="week12")
    own = table[(table["estimand"] == "difference") & (table["visit"] == "week12")]
    for row in own.itertuples():
        level = printed.sel(outcome=row.outcome)
        difference = float(level.sel(arm="active") - level.sel(arm="control"))
        assert row.mean == pytest.approx(difference, abs=2 * row.sd), row.outcome


@pytest.mark.slow
def test_one_graph_serves_many_specifications(tmp_path: Path) -> None:
    """Real fits: two priors and rounding off from one compilation; a failed gate is retried."""
    small = ba.load_study(one_visit(tmp_path / "small"))
    grid = parse_grid("""
        [[block]]
        prior = ["weak", "sceptical"]
        rounding = [true, false]
        adjustment = "difference"
    """)
    options = replace(CURVE_OPTIONS, draws=800, tune=400)
    curve = ba.sensitivity(small, grid, options=options, workers=1, folder=tmp_path / "fits")
    assert len(curve.table) == 4
    assert curve.table["default"].sum() == 1  # the plain difference, where there is no baseline
    assert curve.passed, curve.facts["failed_fits"]
    table = curve.table.set_index(["prior", "rounding"])
    # the sceptic's effect is smaller; a tenth of a point of rounding hardly matters
    assert abs(table.loc[("sceptical", "yes"), "mean"]) < abs(table.loc[("weak", "yes"), "mean"])
    for prior in ("weak", "sceptical"):
        with_it, without = (table.loc[(prior, rounding)] for rounding in ("yes", "no"))
        assert with_it["mean"] == pytest.approx(without["mean"], abs=0.3 * without["sd"])
        assert with_it["sd"] == pytest.approx(without["sd"], rel=0.15)
    compiled = [path.read_text().count('"compile": 0.0,') for path in (tmp_path / "fits").iterdir()]
    assert sorted(compiled) == [0, 1, 1, 1]

    strict = replace(options, draws=20, tune=60)
    retried = ba.sensitivity(small, grid, options=strict, workers=1)
    assert not retried.passed
    for text in retried.table["retry"]:
        first, second = (f"sampled again with 4 x (60 + {draws})" for draws in (40, 80))
        assert 0 < text.index(first) < text.index(second)
        assert text.endswith("failed again")
    assert set(retried.table["gate"]) == {"fail"}
    assert retried.ranges.empty


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_numbers(tmp_path: Path) -> None:
    from distributed import LocalCluster

    small = ba.load_study(one_visit(tmp_path / "small"))
    grid = parse_grid("""
        [[block]]
        prior = ["weak", "sceptical"]
        adjustment = "difference"
    """)
    options = replace(CURVE_OPTIONS, draws=100, tune=100)
    here = ba.sensitivity(small, grid, options=options, workers=1)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        there = ba.sensitivity(small, grid, options=options, scheduler=cluster.scheduler_address)
    pd.testing.assert_frame_equal(here.table, there.table, rtol=1e-9)
