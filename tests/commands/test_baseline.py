"""The option `--baseline`: what is refused before anything is sampled, and how."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bundles import one_visit

from bayesasthma.commands.cli import main


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    """The message of a command that stops with status 2 and writes nothing."""
    out = folder / "results"
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--out", str(out)])
    assert stopped.value.code == 2
    assert not out.exists()
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize("command", [("fit", "longitudinal"), ("quote",)])
def test_an_unknown_baseline_is_refused(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, tmp_path, *command, "--baseline", "equal")
    assert message == "error: unknown baseline 'equal'; there are common, free\n"


def test_a_model_or_a_study_without_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, tmp_path, "fit", "independent", "--baseline", "common")
    assert "the model 'independent' looks at each visit by itself" in message
    single = str(one_visit(tmp_path / "one"))
    for command in (("fit", "longitudinal"), ("quote",)):
        message = refused(capsys, tmp_path, *command, single, "--baseline", "free")
        assert "baseline 'free': the study has no baseline visit" in message
