"""Commands that are refused, run in this process: what they say of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bayesasthma.commands.cli import main


def refusal(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Standard error of a command that has to end with status 2 and without a traceback."""
    with pytest.raises(SystemExit) as ending:
        main(list(arguments))
    assert ending.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said
