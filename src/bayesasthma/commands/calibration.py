"""The command `calibrate`: parse, call, print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bayesasthma.commands._options import (
    JsonOption,
    QuietOption,
    SchedulerOption,
    SeedOption,
    WorkersOption,
)
from bayesasthma.commands.console import Console

DEVIATES = 1


def calibrate(
    model: Annotated[
        str,
        typer.Argument(
            help="independent, longitudinal, joint or adverse; or proof: renew what is stale of "
            "the whole proof."
        ),
    ],
    replicates: Annotated[
        int | None,
        typer.Option(help="Simulated studies; 100 by default. Of a proof: at most so many.", min=1),
    ] = None,
    n: Annotated[str, typer.Option("--n", help="Patients: control arm,treated arm.")] = "18,19",
    only: Annotated[
        str, typer.Option(help="Of a proof: renew the sections whose name begins so.")
    ] = "",
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    seed: SeedOption = 20250711,
    out: Annotated[Path, typer.Option("--out", help="Folder for results.")] = Path(
        "reports/calibration"
    ),
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Simulation-based calibration: are intervals as wide as they say? A rerun resumes."""
    from bayesasthma.calibration import calibrate as run
    from bayesasthma.calibration.cases import parse_sizes
    from bayesasthma.calibration.proof import prove

    console = Console(quiet, as_json)
    if model == "proof":
        renewed = prove(
            out,
            only=only,
            most=replicates,
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            progress=console.progress,
        )
        text = f"renewed: {', '.join(renewed)}" if renewed else "nothing is stale"
        console.facts({"renewed": renewed, "out": str(out)}, f"{text}\nwritten to {out}")
        return
    result = run(
        model,
        replicates=replicates or 100,
        n=parse_sizes(n),
        folder=out,
        seed=seed,
        workers=workers,
        scheduler=scheduler,
        progress=console.progress,
    )
    shown = result.ranks.drop(columns="counts")
    if as_json:
        facts = {
            "calibrated": result.calibrated,
            "ranks": json.loads(shown.to_json(orient="records")),
            "reliability": json.loads(result.reliability.to_json(orient="records")),
            "fits": json.loads(result.fits.to_json(orient="records")),
        }
        console.facts(facts, "")
    else:
        table = shown.to_string(index=False, float_format="{:.3g}".format)
        console.data(shown, f"{table}\nwritten to {out}")
    if not result.calibrated:
        raise typer.Exit(DEVIATES)
