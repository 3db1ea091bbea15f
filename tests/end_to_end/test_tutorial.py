"""The tutorial's table, files and commands, run as they stand on the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bayesasthma.commands.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
FEW = ["--draws", "20", "--tune", "40", "--chains", "2", "--quiet"]
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    found = [(match["kind"], match["text"]) for match in BLOCK.finditer(PAGE.read_text("utf-8"))]
    assert {kind for kind, _ in found} == {"csv", "sh", "text", "toml"}
    return found


def run(command: str, *more: str) -> int:
    words = shlex.split(command)
    assert words[0] == "bayesasthma"
    with pytest.raises(SystemExit) as caught:
        main([*words[1:], *more])
    return int(caught.value.code or 0)


def is_main_job(command: str) -> bool:
    return command.startswith("bayesasthma reanalyse")


def follow(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Do what the page says, in the current folder; the commands that sample are left over."""
    left, shown = [], ""
    tables = ["table.csv", "nathan/outcomes.csv"]
    for kind, text in blocks():
        if kind == "csv":
            Path(tables.pop(0)).write_text(text, encoding="utf-8")
        elif kind == "toml":
            path = Path("nathan/study.toml")
            header = path.read_text("utf-8")
            for line in text.splitlines():
                key = line.partition(" = ")[0]
                header, count = re.subn(rf"^{key} = .*$", line, header, flags=re.MULTILINE)
                assert count == 1
            path.write_text(header, encoding="utf-8")
        elif kind == "text":
            for line in text.splitlines():
                assert line in shown.splitlines()
        else:
            capsys.readouterr()
            for command in text.splitlines():
                if is_main_job(command):
                    left.append(command)
                elif " fit " in command:
                    assert run(command, *FEW) in {0, 1}  # few draws may fail the gate
                else:
                    assert run(command) == 0
            shown = capsys.readouterr().out
    assert tables == []
    return left


def test_the_tutorial_runs_up_to_the_main_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert follow(capsys) == ["bayesasthma reanalyse nathan"]
    assert (tmp_path / "reports" / "nathan" / "audit.csv").is_file()
    assert (tmp_path / "reports" / "nathan" / "effects-independent-reference.csv").is_file()


@pytest.mark.slow
def test_the_tutorial_ends_in_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in follow(capsys):
        assert run(command, *FEW) in {0, 1}
    assert (tmp_path / "reports" / "nathan" / "report.html").is_file()
