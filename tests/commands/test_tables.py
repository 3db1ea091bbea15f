"""The command `tables`: files, formats, and a clear word where it cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from bayesasthma.commands.cli import main

#: The committed run of the bundled study.
RUN = Path(__file__).parents[2] / "reports" / "liu2025"
NAMES = ("baseline", "effects", "reactions", "comparison")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["tables", *arguments])
    return int(caught.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("run.json", "effects.csv", "adverse.csv", "comparison.csv"):
        (tmp_path / name).write_bytes((RUN / name).read_bytes())
    return tmp_path


def headline(folder: Path) -> str:
    """Of ACT at the last visit, as the table prints it."""
    rows = pd.read_csv(folder / "effects.csv")
    rows = rows[(rows["model"] == "longitudinal") & (rows["outcome"] == "act")]
    (row,) = rows[
        (rows["visit"] == "week48") & (rows["estimand"] == "adjusted_difference")
    ].to_dict("records")
    return f"{row['mean']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"


def test_every_table_in_every_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", str(folder), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    expected = {f"{name}.{end}" for name in NAMES for end in ("docx", "tex", "html")}
    assert {path.name for path in (folder / "tables").iterdir()} == expected
    assert {Path(path).name for path in facts["files"]} == expected
    assert facts["not_quoted_in"] == []
    page = (folder / "tables" / "effects.html").read_text(encoding="utf-8")
    assert headline(folder) in page


def test_what_is_asked_for_alone(folder: Path) -> None:
    chosen = ["--format", "latex", "--table", "effects", "--table", "baseline", "--visit", "last"]
    assert run("--out", str(folder), *chosen, "--quiet") == 0
    assert {path.name for path in (folder / "tables").iterdir()} == {"effects.tex", "baseline.tex"}
    assert "12 weeks" not in (folder / "tables" / "effects.tex").read_text(encoding="utf-8")


def test_numbers_that_fail_their_gate_end_in_status_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(folder / "effects.csv", dtype="str", keep_default_na=False)
    table.loc[table["outcome"] == "act", "gate"] = "fail"
    table.to_csv(folder / "effects.csv", index=False)
    assert run("--out", str(folder), "--format", "html") == 1
    assert "some numbers of effects, comparison are not quoted" in capsys.readouterr().err
    page = (folder / "tables" / "effects.html").read_text(encoding="utf-8")
    assert page.count(">not quoted</td>") == 3
    assert headline(folder) not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "pdf"], "--format 'pdf': there are docx, latex, html"),
        (["--table", "results"], "--table 'results': there are baseline, effects, reactions"),
        (["--visit", "week13"], "no follow-up visit 'week13' in this study"),
    ],
)
def test_what_there_is_not(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--out", str(folder), *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "tables").exists()


def test_no_run_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", str(tmp_path)) == 2
    assert "no finished run" in capsys.readouterr().err


def test_a_missing_library_is_named_and_nothing_written(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    assert run("--out", str(folder)) == 2
    assert "install bayesasthma[journal]" in capsys.readouterr().err
    assert not (folder / "tables").exists()
    assert run("--out", str(folder), "--format", "html") == 0
