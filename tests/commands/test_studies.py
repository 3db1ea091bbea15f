"""The commands `study check` and `study new`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.bundles import complete

from bayesasthma.commands.cli import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return int(caught.value.code or 0)


def test_a_scaffold_is_not_without_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "new")
    assert run("study", "new", folder) == 0
    assert run("study", "check", folder) == 0
    text = capsys.readouterr().out
    assert "unfinished: summaries.csv: 4 rows are the scaffold's examples" in text
    assert "to look at" in text
    assert "no problems found" not in text


def test_a_bundle_without_remarks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("study", "check", str(complete(tmp_path))) == 0
    assert capsys.readouterr().out.endswith("no problems found\n")


def test_remarks_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = complete(tmp_path) / "summaries.csv"
    path.write_text(path.read_text().replace(",22,", ",30,", 1))
    assert run("study", "check", str(tmp_path), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["valid"] is True
    (remark,) = (one for one in facts["remarks"] if one["weight"] != "note")
    assert (remark["weight"], remark["file"], remark["line"]) == (
        "contradiction",
        "summaries.csv",
        2,
    )


TABLE = "outcome,visit,Drug (n = 21),Placebo (n = 20)\nPain,Baseline,5.1 ± 1.0,5.0 ± 1.1\n"


def test_a_table_becomes_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    folder = str(tmp_path / "new")
    asked = ("study", "new", folder, "--from", str(tmp_path / "t.csv"), "--randomised")
    assert run(*asked) == 0
    assert f"next: bayesasthma study check {folder}" in capsys.readouterr().out
    assert run("study", "check", folder) == 0
    text = capsys.readouterr().out
    assert "Placebo (n = 20), Drug (n = 21)" in text
    assert "TO FILL IN: title" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--decimal", ";"), "--decimal is . or ,"),
        (("--value-is", "iqr"), "--value-is is sd or se"),
        (("--control", "Sham"), "no arm 'Sham'"),
    ],
)
def test_options_that_are_wrong(
    tmp_path: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text(TABLE, encoding="utf-8")
    folder = tmp_path / "new"
    assert run("study", "new", str(folder), "--from", str(tmp_path / "t.csv"), *options) == 2
    assert words in capsys.readouterr().err
    assert not folder.exists()


def test_options_of_a_table_need_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("study", "new", str(tmp_path / "new"), "--decimal", ",") == 2
    assert "go with --from" in capsys.readouterr().err


def test_cells_that_are_wrong_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text(TABLE.replace("5.1 ± 1.0", "5.1"), encoding="utf-8")
    assert run("study", "new", str(tmp_path / "new"), "--from", str(tmp_path / "t.csv")) == 2
    assert "t.csv, row 2, column Drug: found '5.1'" in capsys.readouterr().err
