"""The command `pool`: what it writes, and what it refuses before it samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import xarray as xr
from tests.pooled_studies import one_visit_study, table_study

from bayesasthma.commands.cli import main
from bayesasthma.errors import UsageError
from bayesasthma.results.pooled_tables import EFFECTS, LEFT_OUT, STUDIES
from bayesasthma.study.outcome_map import read_outcome_map

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ending:
        main(["pool", *map(str, arguments)])
    assert isinstance(ending.value.code, int)
    return ending.value.code


def test_pool_writes_its_tables_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in (40, 50):
        table_study(tmp_path / f"s{n}", n)
    few = ("--draws", 40, "--tune", 60, "--chains", 2)
    out = tmp_path / "out"
    # so few draws fail their gate
    assert run(tmp_path / "s40", tmp_path / "s50", "--out", out, "--json", *few) == 1
    printed = json.loads(capsys.readouterr().out)
    effects = pd.read_csv(out / "pooled_effects.csv")
    assert list(effects.columns) == EFFECTS
    assert printed[0]["n_studies"] == effects["n_studies"].item() == 2
    assert effects["unit"].item() == "points"
    studies = pd.read_csv(out / "pooled_studies.csv")
    assert list(studies.columns) == STUDIES
    assert list(studies["study"]) == ["s40", "s50"]
    left_out = pd.read_csv(out / "leave_one_out.csv")
    assert list(left_out.columns) == LEFT_OUT
    assert list(left_out["left_out"]) == ["s40", "s50"]
    assert (out / "map_prior.toml").exists()
    assert len(pd.read_csv(out / "map_external.csv")) == 1
    assert len(pd.read_csv(out / "pooled_diagnostics.csv")) == 5
    with xr.open_dataset(out / "pooled" / "score.nc", engine="h5netcdf") as data:
        assert data["study_effect"].dims == ("chain", "draw", "study", "week")
        assert data["predictive_effect"].sizes == {"chain": 2, "draw": 40, "week": 1}
        mean = float(data["mean_effect"].mean())
    assert mean == pytest.approx(effects["mean"].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a", "a"), "two studies are named 'a'"),
        (("a",), "pooling takes two studies or more, not 1"),
        (("a", "b", "--week", 30), "week 30 lies outside of the follow-up (score: 12 to 12 weeks)"),
        (("a", "b", "--outcome", "other"), "'other' is not an outcome of two of the studies"),
        (("a", "b", "--heterogeneity", "friede-0.5"), "is of log odds ratios"),
        (("a", "b", "--heterogeneity", "wide"), "unknown heterogeneity prior 'wide'"),
        (("a", "b", "--prior", "external"), "external evidence of one study"),
        (("a", "b", "--map", "map.toml"), "the map names the study 'c'; there are a, b"),
    ],
)
def test_what_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate("ab"):
        one_visit_study(tmp_path / name, 30 + k, 1.0)
    (tmp_path / "map.toml").write_text('[outcomes.score]\nc = "score"\n')
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_a_map_of_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(
        '[outcomes.fev1]\na = "fev1"\nb = { outcome = "litres", factor = 1000, arms = ["high"] }\n'
    )
    assert read_outcome_map(path) == {
        "fev1": {
            "a": {"outcome": "fev1", "factor": None, "arms": ()},
            "b": {"outcome": "litres", "factor": 1000.0, "arms": ("high",)},
        }
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[outcome.x]\n", r"expected tables \[outcomes.ID\] and nothing else"),
        ('[outcomes."a/b"]\nc = "d"\n', "expected letters, digits"),
        ("[outcomes.x]\na = 3\n", r"\[outcomes.x\] a = 3: expected an outcome's id"),
        ('[outcomes.x]\na = {outcome = "y", factor = -1}\n', "expected a positive number"),
        ('[outcomes.x]\na = {outcome = "y", arms = "z"}\n', "expected a list of ids"),
        (
            '[outcomes.x]\na = {outcome = "y", offset = 1}\n',
            "expected one of outcome, factor, arms",
        ),
        ("[outcomes", "is not TOML"),
    ],
)
def test_faults_of_a_map_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_outcome_map(path)
