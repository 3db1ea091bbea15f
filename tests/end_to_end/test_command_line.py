"""The commands as a user runs them, with few draws: exit status, files, resuming, errors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.refusals import refusal

FEW = ["--draws", "60", "--tune", "120", "--chains", "2"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bayesasthma", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.fixture(scope="module")
def reanalysis(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The main job with too few draws for its gate, from an unrelated folder."""
    folder = tmp_path_factory.mktemp("anywhere")
    result = run("reanalyse", *FEW, "--json", cwd=folder)
    assert result.returncode == 1, result.stderr  # 120 draws cannot pass an ESS of 400
    return folder, result.stdout


@pytest.mark.slow
def test_main_job_leaves_every_file(reanalysis: tuple[Path, str]) -> None:
    folder, stdout = reanalysis
    out = folder / "reports" / "liu2025"
    facts = json.loads(stdout)
    assert facts["gate"] == "fail"
    expected = {
        "effects.csv", "adverse.csv", "comparison.csv", "diagnostics.csv", "audit.csv",
        "report.html", "summary.md", "run.json", "joint.csv", "checklists.md",
    }  # fmt: skip
    assert expected <= {path.name for path in out.iterdir()}
    fits = set(pd.read_csv(out / "diagnostics.csv")["fit"])
    assert {path.stem for path in (out / "diagnostics").glob("*.html")} == fits
    assert not list(out.rglob("*.part"))
    effects = pd.read_csv(out / "effects.csv")
    assert set(effects["model"]) == {"independent", "longitudinal", "joint"}
    assert (effects["gate"] == "fail").any()
    difference = effects[
        (effects["estimand"] == "difference") & (effects["model"] == "independent")
    ]
    assert len(difference) == 40
    run_record = json.loads((out / "run.json").read_text())
    assert run_record["checksums"]["summaries.csv"]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert 'src="http' not in html
    assert "<script src" not in html


@pytest.mark.slow
def test_rerun_resumes_and_gives_identical_numbers(reanalysis: tuple[Path, str]) -> None:
    folder, _ = reanalysis
    out = folder / "reports" / "liu2025"
    before = (out / "effects.csv").read_bytes()
    result = run("reanalyse", *FEW, cwd=folder)
    assert result.returncode == 1
    assert "longitudinal-weak: inputs, options and versions unchanged" in result.stderr
    assert "sampling" not in result.stderr
    assert (out / "effects.csv").read_bytes() == before


@pytest.mark.slow
def test_same_seed_same_draws_in_another_folder(
    reanalysis: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = reanalysis
    result = run("fit", "independent", *FEW, cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    mine = pd.read_csv(tmp_path / "reports" / "liu2025" / "effects-independent-reference.csv")
    theirs = pd.read_csv(folder / "reports" / "liu2025" / "effects.csv")
    theirs = theirs[theirs["model"] == "independent"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, theirs)


@pytest.mark.slow
def test_quote_is_refused_when_the_gate_fails(reanalysis: tuple[Path, str]) -> None:
    folder, _ = reanalysis
    refused = run("quote", "--outcome", "act", *FEW, cwd=folder)
    assert refused.returncode == 1
    assert "fail the diagnostics gate" in refused.stderr
    assert refused.stdout == ""
    forced = run("quote", "--outcome", "act", "--despite-gate", *FEW, cwd=folder)
    assert forced.returncode == 1
    assert "FAILS its diagnostics gate" in forced.stdout


def test_bad_bundle_lists_every_problem_and_writes_nothing(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "data" / "liu2025"
    bundle = tmp_path / "broken"
    shutil.copytree(source, bundle)
    text = (bundle / "summaries.csv").read_text()
    text = text.replace("act,AIT,baseline,level,,16.8,4.3", "act,AIT,baseline,level,,16.8,-4.3")
    text = text.replace("acq,AIT,baseline", "acq,AIT,baselin")
    (bundle / "summaries.csv").write_text(text)
    result = run("reanalyse", "broken", cwd=tmp_path)
    assert result.returncode == 2
    assert "summaries.csv, row 2, column sd: found '-4.3'" in result.stderr
    assert "did you mean 'baseline'" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"broken"}
    listed = run("study", "check", "broken", "--json", cwd=tmp_path)
    assert listed.returncode == 2
    assert len(json.loads(listed.stdout)["problems"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "nonsense"),
        ("fit", "longitudinal", "--prior", "nonsense"),
        ("fit", "longitudinal", "--correlation", "fixed:2"),
        ("reanalyse", "no_such_study"),
        ("quote", "--threshold", "much"),
        ("fit", "longitudinal", "--draws", "none"),
    ],
)
def test_bad_usage_exits_with_2(
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(arguments, capsys)
    assert list(tmp_path.iterdir()) == []
