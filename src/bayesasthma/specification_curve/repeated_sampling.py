"""Sample a specification part by part, judge each part, and sample again those that fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from bayesasthma.inference.diagnostics import Gate
from bayesasthma.inference.remedies import REPEATS, repeated
from bayesasthma.inference.sampling import SamplerOptions


@dataclass(frozen=True)
class Drawn:
    """Draws of what is sampled together.

    Attributes
    ----------
    gate : Gate
    content : Dataset or AdverseFit
        Population moments in outcome units, or the fit.
    gates : dict of str to Gate
        Of each outcome.
    """

    gate: Gate
    content: Any
    gates: dict[str, Gate] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """What a specification has sampled, and how it is reported.

    Attributes
    ----------
    parts : dict of str to callable
        By name (an outcome, or empty for all of them): samples with some options.
    report : callable
        The table of effects of some parts.
    """

    parts: dict[str, Callable[[SamplerOptions], Drawn]]
    report: Callable[[list[Drawn]], pd.DataFrame]


@dataclass
class Part:
    """A part on its way: what became of it so far."""

    name: str
    options: SamplerOptions
    drawn: Drawn | None = None
    failures: list[str] = field(default_factory=list)
    retry: str = ""

    def named(self, text: str) -> str:
        """A text with the outcome it is about."""
        return f"{self.name}: {text}" if self.name else text


def sample_parts(problem: Problem, options: SamplerOptions) -> tuple[list[Part], pd.DataFrame]:
    """Sample every part, and again what fails its gate or whose reported quantities do.

    Returns
    -------
    parts : list of Part
    table : DataFrame
        What is reported, in the order of the parts; a row's ``retry`` says what was done about it.
    """
    parts = [
        Part(name, replace(options, seed=options.seed + number))
        for number, name in enumerate(problem.parts)
    ]
    tables: dict[str, pd.DataFrame] = {}
    pending = parts
    for attempt in range(REPEATS + 1):
        for part in pending:
            part.drawn = problem.parts[part.name](part.options)
        reported = problem.report([part.drawn for part in pending if part.drawn is not None])
        for part in pending:
            own = reported[reported[subject(reported)] == part.name] if part.name else reported
            tables[part.name] = own
            assert part.drawn is not None
            part.failures = _failures(part.drawn.gate, own)
            if part.retry and not (part.failures and attempt < REPEATS):
                part.retry += "failed again" if part.failures else "passed"
        pending = [part for part in pending if part.failures]
        if not pending or attempt == REPEATS:
            break
        for part in pending:
            _sample_again(part)
    judged = [tables[part.name].assign(retry=part.retry) for part in parts]
    return parts, pd.concat(judged, ignore_index=True)


def subject(table: pd.DataFrame) -> str:
    """Name of the column that says what a row is about."""
    return "outcome" if "outcome" in table else "reaction"


def _sample_again(part: Part) -> None:
    """Give a part that failed the options to sample it again with."""
    assert part.drawn is not None
    diverged = part.drawn.gate.divergences > 0
    options = repeated(part.options, diverged=diverged, short=len(part.failures) > diverged)
    part.options = options
    part.retry += (
        f"{'; '.join(part.failures)}; sampled again with {options.chains} x ({options.tune} + "
        f"{options.draws}) at acceptance {options.target_accept:g}: "
    )


def _failures(gate: Gate, table: pd.DataFrame) -> list[str]:
    """Why a fit fails: its parameters, or what is reported of it."""
    failed = int((table["gate"] != "pass").sum())
    if gate.failures or not failed:
        return list(gate.failures)
    worst = (
        f"smallest bulk ESS {table['ess_bulk'].min():.0f}, tail ESS {table['ess_tail'].min():.0f}, "
        f"largest R-hat {table['r_hat'].max():.3f}"
    )
    return [f"{failed} of {len(table)} quantities: {worst}"]
