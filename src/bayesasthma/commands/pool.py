"""The command `pool`: parse, call, print."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bayesasthma.commands._options import (
    DRAWS,
    GATE_FAILED,
    TUNE,
    ChainsOption,
    DrawsOption,
    JsonOption,
    QuietOption,
    SeedOption,
    TuneOption,
    held_folder,
    load,
    sampler_options,
)
from bayesasthma.commands.console import Console

#: Name of the default folder below ``reports``.
FOLDER = "pooled"
SHOWN = [
    "outcome", "week", "unit", "n_studies", "mean", "q025", "q975", "p_benefit",
    "predictive_q025", "predictive_q975", "tau_mean", "gate",
]  # fmt: skip
SHOWN_OF_EVENTS = [
    "reaction", "n_studies", "n_patients", "n_events", "or_median", "or_q025", "or_q975",
    "p_benefit", "predictive_or_q025", "predictive_or_q975", "tau_median",
]  # fmt: skip


def pool(
    studies: Annotated[
        list[str],
        typer.Argument(help="Bundles' folders, or names of bundled studies: two or more."),
    ],
    outcome: Annotated[
        list[str] | None,
        typer.Option(help="Only this outcome, or reaction; may be given several times."),
    ] = None,
    outcome_map: Annotated[
        Path | None,
        typer.Option("--map", help="Outcomes that are one under different ids, or units (TOML)."),
    ] = None,
    treatment: Annotated[
        list[str] | None,
        typer.Option(
            help="Id of a treated arm to pool, in studies that have it; may be given several "
            "times. All treated arms by default."
        ),
    ] = None,
    prior: Annotated[
        str, typer.Option(help="Prior set of the mean effect, or your own TOML file.")
    ] = "weak",
    heterogeneity: Annotated[
        str,
        typer.Option(
            help="Prior of the SD of effects between studies, in baseline SDs: a formula such as "
            "half-normal(0.5), or a name of the registry."
        ),
    ] = "half-normal(0.5)",
    event_heterogeneity: Annotated[
        str,
        typer.Option(
            help="The same of reactions, of log odds ratios.",
        ),
    ] = "turner-adverse-events-drug-control",
    correlation: Annotated[
        str | None,
        typer.Option(help="unstructured, exchangeable, ar1, exchangeable_ar1 or fixed:RHO."),
    ] = None,
    week: Annotated[
        list[float] | None,
        typer.Option(help="Also the effect at this week; may be given several times."),
    ] = None,
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out/--no-leave-one-out",
            help="Also each study alone, and all but each.",
        ),
    ] = True,
    draws: DrawsOption = DRAWS,
    tune: TuneOption = TUNE,
    chains: ChainsOption = 4,
    seed: SeedOption = 20250711,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results.  [default: reports/pooled]")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pool several studies: effects by week, reactions, heterogeneity, and a new study's effect."""
    import pandas as pd

    from bayesasthma.comparison import pooled_events
    from bayesasthma.inference.pooling import ACCEPTANCE, check_studies
    from bayesasthma.likelihood.correlation import CorrelationPrior
    from bayesasthma.pooling.data import Source
    from bayesasthma.pooling.model import PooledSpec, outcome_heterogeneity
    from bayesasthma.priors.named_sets import prior_set
    from bayesasthma.reporting.pooled import pool as run
    from bayesasthma.reporting.pooled_page import Made, write_page
    from bayesasthma.study.outcome_map import read_outcome_map

    started = datetime.now(UTC).isoformat(timespec="seconds")
    console = Console(quiet, as_json)
    bundles = [load(study) for study in studies]
    check_studies(bundles)
    mapped = None
    if outcome_map is not None:
        mapped = {
            name: {study: Source(**own) for study, own in table.items()}
            for name, table in read_outcome_map(outcome_map).items()
        }
    spec = PooledSpec(
        prior_set(prior),
        outcome_heterogeneity(heterogeneity),
        CorrelationPrior() if correlation is None else CorrelationPrior.parse(correlation),
    )
    folder = held_folder(out if out is not None else Path("reports") / FOLDER)
    options = sampler_options(draws, tune, chains, seed, console)
    found = run(
        bundles,
        outcomes=outcome or (),
        mapped=mapped,
        treatment=treatment or (),
        spec=spec,
        events_heterogeneity=pooled_events.event_heterogeneity(event_heterogeneity),
        weeks=week or (),
        options=replace(options, target_accept=ACCEPTANCE),
        left_out=leave_one_out,
        folder=folder / "posterior",
        progress=console.progress,
    )
    found.write(folder)
    given = [f"--outcome {name}" for name in outcome or ()]
    given += [] if outcome_map is None else [f"--map {outcome_map.name}"]
    given += [f"--treatment {name}" for name in treatment or ()]
    given += [f"--prior {prior}", f"--heterogeneity '{heterogeneity}'"]
    if event_heterogeneity != pooled_events.DEFAULT_EVENT_HETEROGENEITY:
        given += [f"--event-heterogeneity '{event_heterogeneity}'"]
    given += [] if correlation is None else [f"--correlation {correlation}"]
    given += [f"--week {value:g}" for value in week or ()]
    given += [f"--draws {draws}", f"--tune {tune}", f"--chains {chains}", f"--seed {seed}"]
    write_page(found, bundles, Made(tuple(given), seed, started), folder)
    shown = [
        (found.effects, SHOWN, "pooled_effects.csv"),
        (found.events, SHOWN_OF_EVENTS, "pooled_events.csv"),
    ]
    shown = [own for own in shown if len(own[0])]
    texts = [
        table[columns].to_string(index=False, float_format="{:.3g}".format)
        for table, columns, _ in shown
    ]
    names = ", ".join(str(folder / name) for *_, name in shown)
    tables = pd.concat([table for table, *_ in shown], ignore_index=True)
    console.data(tables, "\n\n".join([*texts, f"written to {names} and {folder / 'report.html'}"]))
    failed = found.diagnostics[found.diagnostics["gate"] != "pass"]
    for fit, failures in zip(failed["fit"], failed["failures"], strict=True):
        typer.echo(f"gate failed: {fit}: {failures}", err=True)
    if not found.passed:
        raise typer.Exit(GATE_FAILED)
