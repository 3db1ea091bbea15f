"""The second implementation in Stan: its answers are those of its programs, and agree with ours."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from benchmarks.stan.collect import program_hash
from benchmarks.stan.data import STUDIES, studies
from benchmarks.stan.data import runs as planned
from benchmarks.stan.simulate_studies import simulate
from tests.monte_carlo import Estimate, assert_agree, seeded
from tests.stan_answers import STATISTICS, beside

from bayesasthma.inference.adverse_fits import fit_adverse
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.specification import table_spec
from bayesasthma.validation.second_implementation import ENTRY, answers, runs

ROOT = Path(__file__).resolve().parents[2]
ORIGINALS = [
    ROOT / "data" / "examples" / "changes-alone",
    ROOT / "data" / "examples" / "one-visit",
    ROOT / "data" / "examples" / "six-arms",
    ROOT / "tests" / "reference" / "cases" / "four-arms-with-change-sd",
]
SIMULATED = ["baseline-then-changes", "changes-beside-levels"]

#: Posterior SDs that would not pass, of means and SDs: draws of correlations are few.
SHARE = 0.4


@cache
def agreement() -> dict[str, Any]:
    path = ROOT / "benchmarks" / "results" / "stan_agreement.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


class TestProvenance:
    def test_the_answers_belong_to_the_programs(self) -> None:
        """`make stan` renews them."""
        for name, found in runs()["programs"].items():
            assert program_hash(name.removesuffix(".stan")) == found, name

    def test_the_answers_belong_to_the_bundles(self) -> None:
        assert {name: own.checksums for name, own in studies().items()} == runs()["studies"]

    def test_every_run_was_done(self) -> None:
        done = {tuple(run[key] for key in ("study", "model", "prior", "outcome", "reading"))
                for run in runs()["runs"]}  # fmt: skip
        wanted = {
            (own.study, own.model, own.prior, own.outcome, own.reading)
            for own in planned(studies())
        }
        assert done == wanted

    @pytest.mark.parametrize("original", ORIGINALS, ids=lambda path: path.name)
    def test_a_study_is_a_copy(self, original: Path) -> None:
        copy = STUDIES / original.name
        for path in sorted(original.iterdir()):
            assert (copy / path.name).read_bytes() == path.read_bytes(), path.name
        assert len(list(copy.iterdir())) == len(list(original.iterdir()))

    def test_others_are_simulated(self, tmp_path: Path) -> None:
        simulate(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == SIMULATED
        for name in SIMULATED:
            for path in sorted((tmp_path / name).iterdir()):
                assert (STUDIES / name / path.name).read_bytes() == path.read_bytes(), path
        assert {path.name for path in STUDIES.iterdir()} == {
            *SIMULATED, *(path.name for path in ORIGINALS),
        }  # fmt: skip


class TestQuality:
    def test_chains_agree(self) -> None:
        assert answers()["r_hat"].max() < 1.02
        for run in runs()["runs"]:
            # Stan's own warnings begin at one; a handful of thousands moves no summary seen here
            assert run["divergences"] <= 0.002 * runs()["chains"] * runs()["draws"], run
            assert run["at_maximum_depth"] == 0, run

    def test_errors_are_small(self) -> None:
        """In posterior SDs; shares of patients and correlations move with what no table tells."""
        table = answers().assign(error=lambda own: own["mcse_mean"] / own["sd"])
        contrasts = table["quantity"].isin([
            "difference", "adjusted_difference", "difference_in_change", "area_under_follow_up",
            "standardised_difference", "change", "risk_difference", "rate", "log_odds_ratio",
        ])  # fmt: skip
        assert table.loc[contrasts, "error"].max() < 0.04
        assert table["error"].max() < 0.06

    def test_no_entry_twice(self) -> None:
        keys = ["study", "model", "prior", "outcome", "reading", *ENTRY]
        assert not answers().duplicated(keys).any()


class TestCommittedAgreement:
    def test_it_is_of_these_answers(self) -> None:
        assert agreement()["stan"]["programs"] == runs()["programs"]
        assert agreement()["all"]["mean"]["comparisons"] == len(answers())

    def test_distances_are_those_of_chance(self) -> None:
        """Entries of one fit go together, so that the mean of z is not known to 1/sqrt(n)."""
        for statistic, own in agreement()["all"].items():
            assert abs(own["mean_z"]) < 0.15, statistic
            assert 0.7 < own["sd_z"] < 1.15, statistic
            assert own["largest_z"] < 5, statistic
            assert own["share_beyond_1.96"] < 0.08, statistic


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "outcome"),
    [("liu2025", "act"), ("baseline-then-changes", "pain"), ("changes-beside-levels", "pain")],
)
def test_tables_agree(study: str, outcome: str) -> None:
    table = answers()
    rows = table[
        (table["study"] == study) & (table["outcome"] == outcome) & (table["prior"] == "weak")
    ]
    options = SamplerOptions(draws=1500, seed=seeded())
    fit = fit_table(studies()[study], table_spec("longitudinal"), options, outcomes=[outcome])
    hold(beside(fit, rows, outcome))


@pytest.mark.parametrize("reading", ["per_visit", "cumulative"])
def test_reactions_agree(reading: str) -> None:
    table = answers()
    rows = table[(table["study"] == "liu2025") & (table["reading"] == reading)]
    options = SamplerOptions(draws=1500, seed=seeded())
    found = fit_adverse(studies()["liu2025"], "weak", options, readings=[reading])
    (fit,) = [own for own in found if own.spec.model == "hierarchical"]
    hold(beside(fit, rows))


def hold(both: pd.DataFrame) -> None:
    """Means and SDs agree within the Monte Carlo errors of both."""
    assert len(both)
    for row in both.to_dict(orient="records"):
        for statistic in ("mean", "sd"):
            error = STATISTICS[statistic]
            assert_agree(
                Estimate(row[f"{statistic}_own"], row[f"{error}_own"], row["sd"]),
                Estimate(row[statistic], row[error]),
                (statistic, *(row[key] for key in ENTRY)),
                share=SHARE,
            )
