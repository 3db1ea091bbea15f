"""The command `validate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayesasthma.commands._options import GATE_FAILED, JsonOption, QuietOption, held_folder
from bayesasthma.commands.console import Console


def validate(
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the report.  [default: validation]")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Leave out PyMC graphs, joint model and other studies: no full qualification.",
        ),
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check this installation: files, machine, and whether it computes what it should.

    Leaves a report that says PASSED or FAILED item by item; exit status 1 if one failed.
    """
    from bayesasthma.validation.report import as_record, write_validation
    from bayesasthma.validation.run import validate as run

    console = Console(quiet, as_json)
    folder = held_folder(out if out is not None else Path("validation"))
    found = run(folder, quick=quick, progress=console.progress)
    page, _ = write_validation(found, folder)
    failed = len(found.failed)
    lines = [f"{item.id} FAILED: {item.tested}: found {item.found}" for item in found.failed]
    kind = " (quick)" if found.quick else ""
    lines.append(
        f"{found.verdict}{kind}: {len(found.items) - failed} of {len(found.items)} items passed in "
        f"{found.seconds:.0f} s"
    )
    lines.append(f"report: {page}")
    console.facts(as_record(found), "\n".join(lines))
    if not found.passed:
        raise typer.Exit(GATE_FAILED)
