"""Tables that the audit reads and no model can take: named with file, row and column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.bundles import OUTCOME, SUMMARY, three_arms, write_rows, write_toml

import bayesasthma as ba
from bayesasthma.commands.cli import main
from bayesasthma.errors import StudyError, UsageError
from bayesasthma.inference import named_models
from bayesasthma.models.design import design
from bayesasthma.study.patients_needed import too_few_patients


def of_size(folder: Path, n: int, visits: int, own: str = "") -> Path:
    """Two arms of n patients, so many visits; ``own`` is the n of the last row."""
    weeks = {f"v{i}": float(i) for i in range(visits)}
    write_toml(folder, {"placebo": n, "drug": 30}, weeks, "v0" if visits > 1 else None)
    write_rows(
        folder / "outcomes.csv", OUTCOME, [("score", "Score", "points", "", "higher", "", "", "")]
    )
    rows = [
        ["score", arm, visit, "level", "", f"{20 + i}.0", "4.0"]
        for arm in ("placebo", "drug")
        for i, visit in enumerate(weeks)
    ]
    rows[-1][4] = own
    write_rows(folder / "summaries.csv", SUMMARY, rows)
    return folder


@pytest.mark.parametrize("visits", [1, 2, 3])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_what_is_named_is_what_the_design_refuses(n: int, visits: int, tmp_path: Path) -> None:
    study = ba.load_study(of_size(tmp_path / "small", n, visits))
    problems = too_few_patients(study)
    assert len(problems) == (visits if n - 1 < visits else 0)
    if not problems:
        design(study)
        return
    assert [problem.row for problem in problems] == list(range(2, visits + 2))
    assert str(problems[0]).startswith(f"summaries.csv, row 2, column n: found '{n}', expected at")
    with pytest.raises(UsageError, match="visits need at least"):
        design(study)
    with pytest.raises(StudyError, match=r"summaries\.csv, row 2, column n"):
        named_models.fit(study)
    ba.audit(study)  # which needs no model


def test_the_n_of_a_row_counts_and_other_outcomes_do_not(tmp_path: Path) -> None:
    study = ba.load_study(of_size(tmp_path / "small", 30, 3, own="3"))
    (problem,) = too_few_patients(study)
    assert (problem.row, problem.value) == (7, "3")
    assert too_few_patients(study, ["other"]) == []


def test_levels_with_changes_are_one_visit(tmp_path: Path) -> None:
    assert too_few_patients(ba.load_study(three_arms(tmp_path / "three"))) == []


def test_the_check_and_the_main_job_refuse_and_the_audit_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    of_size(tmp_path / "small", 2, 2)
    for arguments, status in (
        (["study", "check", "small"], 2),
        (["study", "check", "small", "--json"], 2),
        (["reanalyse", "small"], 2),
        (["fit", "longitudinal", "small"], 2),
        (["audit", "small"], 0),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        assert ended.value.code == status, said.err
        if status:
            assert "summaries.csv, row 2, column n: found '2'" in said.err
            assert "sampling" not in said.err
            assert list(tmp_path.iterdir()) == [tmp_path / "small"]
        if "--json" in arguments:
            assert [found["row"] for found in json.loads(said.out)["problems"]] == [2, 3]
