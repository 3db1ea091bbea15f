"""The command `quote`: parse, call, print."""

from __future__ import annotations

from typing import Annotated

import typer

from bayesasthma.commands._options import (
    DRAWS,
    GATE_FAILED,
    TUNE,
    BaselineOption,
    ChainsOption,
    DrawsOption,
    JsonOption,
    OutOption,
    QuietOption,
    SeedOption,
    StudyArg,
    TuneOption,
    check_baseline,
    load,
    results_folder,
    sampler_options,
)
from bayesasthma.commands.console import Console
from bayesasthma.errors import UsageError


def quote(
    study: StudyArg = "liu2025",
    outcome: Annotated[str | None, typer.Option(help="Outcome; all by default.")] = None,
    visit: Annotated[str | None, typer.Option(help="Visit; the last by default.")] = None,
    threshold: Annotated[
        str | None, typer.Option(help="A benefit in the outcome's unit, or 'mcid'.")
    ] = None,
    estimand: Annotated[
        str | None, typer.Option(help="The headline of each outcome by default.")
    ] = None,
    prior: Annotated[str | None, typer.Option(help="Prior set.")] = None,
    correlation: Annotated[str | None, typer.Option(help="Correlation structure.")] = None,
    baseline: BaselineOption = None,
    despite_gate: Annotated[
        bool, typer.Option("--despite-gate", help="Quote although the gate fails; says so.")
    ] = False,
    draws: DrawsOption = DRAWS,
    tune: TuneOption = TUNE,
    chains: ChainsOption = 4,
    seed: SeedOption = 20250711,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ready-to-paste statements with interval, probability of benefit, prior and gate."""
    from bayesasthma.comparison.quotes import quote as statements
    from bayesasthma.inference.fitting import fit_table
    from bayesasthma.models.specification import table_spec
    from bayesasthma.specification_curve import load_sensitivity

    check_baseline(baseline)
    console = Console(quiet, as_json)
    bundle = load(study)
    limit: float | str | None = threshold
    if threshold is not None and threshold != "mcid":
        try:
            limit = float(threshold)
        except ValueError as error:
            raise UsageError(f"--threshold {threshold!r}: a number, or 'mcid'") from error
    result = fit_table(
        bundle,
        table_spec("longitudinal", prior, correlation, baseline=baseline),  # type: ignore[arg-type]
        sampler_options(draws, tune, chains, seed, console),
        folder=results_folder(out, bundle) / "posterior",
        progress=console.progress,
    )
    table = statements(
        result,
        outcome,
        visit,
        threshold=limit,
        estimand=estimand,
        despite_gate=despite_gate,
        curve=load_sensitivity(bundle, results_folder(out, bundle)),
    )
    console.data(table, "\n\n".join(table["statement"]))
    if (table["gate"] != "pass").any():
        raise typer.Exit(GATE_FAILED)
