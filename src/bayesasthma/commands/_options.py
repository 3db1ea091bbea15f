"""Arguments and options that several commands share, and what they stand for."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayesasthma._files.run_folder import run_folder
from bayesasthma.commands.console import Console
from bayesasthma.errors import UsageError

if TYPE_CHECKING:
    from bayesasthma.inference.sampling import SamplerOptions
    from bayesasthma.study.study import Study

#: Exit status where a number should not be relied on.
GATE_FAILED = 1

#: Seeds of outcomes follow on it, and samplers take 64 bits.
LARGEST_SEED = 2**53
#: Beyond, draws do not fit into a computer's memory.
MOST_DRAWS, MOST_CHAINS = 1_000_000, 1_000

StudyArg = Annotated[str, typer.Argument(help="A bundle's folder, or the name of a bundled study.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print no progress.")]
SeedOption = Annotated[
    int, typer.Option(help="Seed: the same seed gives the same numbers.", min=0, max=LARGEST_SEED)
]
WorkersOption = Annotated[
    int | None, typer.Option(help="Processes; one per core by default.", min=1)
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(help="Send the work to this Dask scheduler, such as tcp://10.0.0.1:8786."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for results.  [default: reports/<study>]")
]
#: Those of :class:`bayesasthma.inference.sampling.SamplerOptions`, not imported for help alone.
DRAWS, TUNE = 1500, 400
DrawsOption = Annotated[int, typer.Option(help="Kept draws per chain.", min=4, max=MOST_DRAWS)]
TuneOption = Annotated[int, typer.Option(help="Warm-up draws per chain.", min=1, max=MOST_DRAWS)]
ChainsOption = Annotated[int, typer.Option(help="Chains.", min=1, max=MOST_CHAINS)]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        help="common (the arms' population means at baseline are equal; the default where the "
        "study was randomised) or free."
    ),
]


def load(study: str) -> Study:
    """The study of a folder, or a bundled one."""
    from bayesasthma.study.bundle import load_study

    return load_study(study)


#: Folders that a command writes to; they are its own until it ends.
_held = contextlib.ExitStack()


@contextlib.contextmanager
def folders() -> Iterator[None]:
    """Let go of the folders of `results_folder` when a command ends."""
    try:
        yield
    finally:
        _held.close()


def results_folder(out: Path | None, study: Study) -> Path:
    """Where results go: a folder that can be written, and that no other run writes to meanwhile.

    Raises
    ------
    BayesAsthmaError
        If it cannot be written.
    """
    return own_folder(out, study.name)


def own_folder(out: Path | None, name: str) -> Path:
    """As `results_folder`, with the name of the default folder below ``reports``.

    Raises
    ------
    BayesAsthmaError
        If it cannot be written.
    """
    folder = out if out is not None else Path("reports") / name

    # said even with --quiet, which would otherwise stand still without a word
    return _held.enter_context(run_folder(folder, Console(quiet=False, as_json=False).progress))


def sampler_options(
    draws: int, tune: int, chains: int, seed: int, console: Console
) -> SamplerOptions:
    """Options of a fit; a progress bar where a terminal shows one."""
    from bayesasthma.inference.sampling import SamplerOptions

    bar = not console.quiet and not console.as_json and sys.stderr.isatty()
    return SamplerOptions(draws=draws, tune=tune, chains=chains, seed=seed, progress_bar=bar)


def check_baseline(baseline: str | None) -> None:
    """Refuse a choice of baseline that there is not."""
    if baseline not in (None, "common", "free"):
        raise UsageError(f"unknown baseline {baseline!r}; there are common, free")
