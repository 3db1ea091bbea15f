"""Some hundred bundles with something wrong in them; `make fuzz` tries thousands."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mutated_bundles import bundles, outcome_of


@pytest.mark.slow
def test_mutated_bundles_are_accepted_or_refused(tmp_path: Path) -> None:
    endings = []
    for number, done in bundles(20260101, 200, tmp_path / "bundle"):
        try:
            endings.append(outcome_of(tmp_path / "bundle"))
        except Exception as error:
            raise AssertionError(f"case {number}: {done}") from error
    assert endings.count("accepted") > 20
    assert endings.count("refused") > 100
