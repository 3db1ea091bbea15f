"""Running a grid: resumed after a kill, nothing run twice, failures kept apart; and real fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests import curves
from tests.bundles import one_visit

import bayesasthma as ba
from bayesasthma.diagnostics import Gate
from bayesasthma.dispatch import Worker
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.sampling import SamplerOptions
from bayesasthma.specification_curve import parse_grid, run
from bayesasthma.specification_curve.parts import (
    CLOSER,
    REPEATS,
    Drawn,
    Problem,
    repeated,
    sample_parts,
)
from bayesasthma.specification_curve.run import CURVE_OPTIONS, run_grid
from bayesasthma.specification_curve.tasks import Payload, fit_specification

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


def test_what_failed_gets_more_chains_and_what_diverged_smaller_steps() -> None:
    again = repeated(CURVE_OPTIONS, diverged=False, short=True)
    assert again.chains == 2 * CURVE_OPTIONS.chains
    assert (again.draws, again.tune) == (CURVE_OPTIONS.draws, CURVE_OPTIONS.tune)
    assert again.target_accept == CURVE_OPTIONS.target_accept
    rates = []
    for _ in range(len(CLOSER) + 1):
        again = repeated(again, diverged=True, short=False)
        rates.append(again.target_accept)
    assert rates == [*CLOSER, CLOSER[-1]]
    assert again.chains == 2 * CURVE_OPTIONS.chains
    assert repeated(again, diverged=False, short=True).target_accept == CLOSER[-1]


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
    chains = [options.chains for options in made_up.options["eos"]]
    assert chains == [4, 8, 16]


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
        first, second = (f"sampled again with {chains} x (60 + 20)" for chains in (4, 8))
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
