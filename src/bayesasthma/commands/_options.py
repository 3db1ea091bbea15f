"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

StudyArg = Annotated[str, typer.Argument(help="A bundle's folder, or the name of a bundled study.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print no progress.")]
SeedOption = Annotated[int, typer.Option(help="Seed: the same seed gives the same numbers.", min=0)]
WorkersOption = Annotated[
    int | None, typer.Option(help="Processes; one per core by default.", min=1)
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(help="Send the work to this Dask scheduler, such as tcp://10.0.0.1:8786."),
]
