"""The command `sensitivity`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayesasthma.commands._options import (
    GATE_FAILED,
    JsonOption,
    OutOption,
    QuietOption,
    SchedulerOption,
    SeedOption,
    StudyArg,
    WorkersOption,
    load,
    results_folder,
)
from bayesasthma.commands.console import Console


def sensitivity(
    study: StudyArg = "liu2025",
    grid: Annotated[
        Path | None, typer.Option(help="Specifications (TOML); the package's own by default.")
    ] = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    draws: Annotated[int | None, typer.Option(help="Kept draws per chain.", min=4)] = None,
    tune: Annotated[int | None, typer.Option(help="Warm-up draws per chain.", min=1)] = None,
    chains: Annotated[int | None, typer.Option(help="Chains per fit.", min=2)] = None,
    seed: SeedOption = 20250711,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """The specification curve: every defensible choice, fitted; a rerun resumes."""
    from bayesasthma.dispatch import check_scheduler
    from bayesasthma.inference.fitting import fit_table
    from bayesasthma.specification_curve import curve_options, range_text
    from bayesasthma.specification_curve import sensitivity as run

    console = Console(quiet, as_json)
    bundle = load(study)
    folder = results_folder(out, bundle)
    if scheduler is not None:
        check_scheduler(scheduler)  # before the fit below, which takes longer than an answer
    curve = run(
        bundle,
        grid,
        options=curve_options(draws, tune, chains, seed),
        workers=workers,
        scheduler=scheduler,
        folder=folder / "posterior" / "sensitivity",
        fit=fit_table(bundle, folder=folder / "posterior", progress=console.progress),
        progress=console.progress,
    )
    curve.write(folder)
    console.data(curve.ranges, range_text(curve, folder))
    if not curve.passed:
        raise typer.Exit(GATE_FAILED)
