"""The command `quote`: parse, call, print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bayesasthma.inference.sampling import SamplerOptions
    from bayesasthma.models.specification import TableSpec
    from bayesasthma.study.study import Study


def quote(
    study: StudyArg = "liu2025",
    outcome: Annotated[
        str | None,
        typer.Option(
            help="Outcome or event.  [default: all outcomes; of events those that are no adverse "
            "reactions, and all if there is nothing else]"
        ),
    ] = None,
    visit: Annotated[
        str | None, typer.Option(help="Visit; the last of each outcome by default.")
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="A benefit in the outcome's unit, or 'mcid'; of an event a difference in risk, "
            "such as 0.05."
        ),
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(
            help="Margin of non-inferiority, likewise: adds P(not worse by more than it)."
        ),
    ] = None,
    estimand: Annotated[
        str | None, typer.Option(help="The headline of each outcome by default.")
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            help="Prior set, or a prior of your own: 'normal(0, 2)' of the benefit in the "
            "outcome's unit, 'normal(0, 0.5, sd)' in baseline SDs; of an event's log odds ratio."
        ),
    ] = None,
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
    import pandas as pd

    from bayesasthma.commands._own_prior import quotes_under
    from bayesasthma.comparison.normal_prior import is_normal, parse_normal

    check_baseline(baseline)
    console = Console(quiet, as_json)
    bundle = load(study)
    folder = results_folder(out, bundle)
    options = sampler_options(draws, tune, chains, seed, console)
    asked: dict[str, Any] = {
        "visit": visit,
        "threshold": _size("threshold", threshold),
        "margin": _size("margin", margin),
        "estimand": estimand,
        "despite_gate": despite_gate,
    }
    outcomes, events = _subjects(bundle, outcome, estimand)
    if outcome is None and any(asked[name] is not None for name in ("threshold", "margin")):
        # one size does not suit both a mean and a risk
        events = [] if outcomes else events
    if prior is not None and is_normal(prior):
        found = quotes_under(
            bundle, parse_normal(prior), outcome, outcomes, events, asked, options, folder,
            progress=console.progress, correlation=correlation, baseline=baseline,
        )  # fmt: skip
        console.data(found, "\n\n".join(found["statement"]))
        if (found["gate"] != "pass").any():
            raise typer.Exit(GATE_FAILED)
        return
    tables = []
    if outcomes:
        from bayesasthma.models.specification import table_spec

        spec = table_spec("longitudinal", prior, correlation, baseline=baseline)  # type: ignore[arg-type]
        tables.append(_outcome_quotes(bundle, outcome, spec, asked, options, folder, console))
    if events:
        tables.append(_event_quotes(bundle, events, prior, asked, options, folder, console))
    if not tables:
        raise UsageError(f"{bundle.name} prints neither outcomes nor events to quote")
    table = pd.concat(tables, ignore_index=True)
    console.data(table, "\n\n".join(table["statement"]))
    if (table["gate"] != "pass").any():
        raise typer.Exit(GATE_FAILED)


def _subjects(
    bundle: Study, outcome: str | None, estimand: str | None
) -> tuple[list[str], list[str]]:
    """Which outcomes and which events are asked for."""
    outcomes = [str(name) for name in bundle.outcomes.index]
    directions = bundle.event_directions
    if outcome is None:
        if estimand is not None:
            return (outcomes, []) if outcomes else ([], list(directions))
        events = [name for name, sign in directions.items() if sign != -1]
        return outcomes, events if outcomes else list(directions)
    if outcome in outcomes:
        return [outcome], []
    if outcome in directions:
        return [], [outcome]
    known = ", ".join([*outcomes, *directions])
    raise UsageError(f"no outcome {outcome!r} in this study; there are {known}")


def _outcome_quotes(
    bundle: Study,
    outcome: str | None,
    spec: TableSpec,
    asked: dict[str, Any],
    options: SamplerOptions,
    folder: Path,
    console: Console,
) -> pd.DataFrame:
    from bayesasthma.comparison.quotes import quote as statements
    from bayesasthma.inference.fitting import fit_table
    from bayesasthma.specification_curve import load_sensitivity

    result = fit_table(
        bundle, spec, options, folder=folder / "posterior", progress=console.progress
    )
    return statements(result, outcome, curve=load_sensitivity(bundle, folder), **asked)


def _event_quotes(
    bundle: Study,
    events: list[str],
    prior: str | None,
    asked: dict[str, Any],
    options: SamplerOptions,
    folder: Path,
    console: Console,
) -> pd.DataFrame:
    import pandas as pd

    from bayesasthma.comparison.event_quotes import quote_events
    from bayesasthma.inference.adverse_fits import fit_adverse
    from bayesasthma.specification_curve import load_sensitivity

    fits = fit_adverse(
        bundle,
        prior or "weak",
        options,
        folder=folder / "posterior",
        progress=console.progress,
    )
    curve = load_sensitivity(bundle, folder)
    return pd.concat(
        [quote_events(fits, event, curve=curve, **asked) for event in events], ignore_index=True
    )


def _size(name: str, value: str | None) -> float | str | None:
    """The number of an option, or ``mcid``."""
    if value is None or value == "mcid":
        return value
    try:
        return float(value)
    except ValueError as error:
        raise UsageError(f"--{name} {value!r}: a number, or 'mcid'") from error
