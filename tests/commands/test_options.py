"""Options of commands."""

from __future__ import annotations

from bayesasthma.commands._options import DRAWS, TUNE
from bayesasthma.inference.sampling import SamplerOptions


def test_defaults_are_the_librarys() -> None:
    assert SamplerOptions(draws=DRAWS, tune=TUNE) == SamplerOptions()
