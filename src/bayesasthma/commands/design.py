"""The command `design`: parse, call, print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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
    import pandas as pd

    from bayesasthma.study.study import Study


def design(
    study: StudyArg = "liu2025",
    outcome: Annotated[
        str | None, typer.Option(help="Outcome.  [default: all with a direction of benefit]")
    ] = None,
    visit: Annotated[
        str | None, typer.Option(help="Visit; the last of each outcome by default.")
    ] = None,
    n: Annotated[
        str | None,
        typer.Option("--n", help="Patients an arm, such as 50,100.  [default: 20 to 1000]"),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            help="Margin of non-inferiority in the outcome's unit; needs --outcome.  [default: "
            "none, superiority]",
            show_default=False,
        ),
    ] = 0.0,
    level: Annotated[float, typer.Option(help="Level of the two-sided test.")] = 0.05,
    prior: Annotated[str | None, typer.Option(help="Prior set of the fit.")] = None,
    baseline: BaselineOption = None,
    draws: DrawsOption = DRAWS,
    tune: TuneOption = TUNE,
    chains: ChainsOption = 4,
    seed: SeedOption = 20250711,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Chance that a new trial of n patients an arm confirms a finding (assurance)."""
    from bayesasthma._files.output import write_csv
    from bayesasthma.inference.fitting import fit_table
    from bayesasthma.models.specification import table_spec
    from bayesasthma.results.design_table import SIZES, check_trial, next_trial

    check_baseline(baseline)
    console = Console(quiet, as_json)
    bundle = load(study)
    sizes = SIZES if n is None else _sizes(n)
    if margin and outcome is None:
        raise UsageError("--margin is in the unit of one outcome: name it with --outcome")
    names = [str(name) for name in bundle.outcomes.index]
    check_trial(bundle, names, outcome, visit, sizes, margin, level)  # before anything is fitted
    folder = results_folder(out, bundle)
    fit = fit_table(
        bundle,
        table_spec("longitudinal", prior, baseline=baseline),  # type: ignore[arg-type]
        sampler_options(draws, tune, chains, seed, console),
        folder=folder / "posterior",
        progress=console.progress,
    )
    table = next_trial(fit, outcome=outcome, visit=visit, n=sizes, margin=margin, level=level)
    path = folder / f"design-{fit.label}.csv"
    write_csv(table, path)
    console.data(table, f"{_text(bundle, table)}\n\nwritten to {path}")
    if (table["gate"] != "pass").any():
        raise typer.Exit(GATE_FAILED)


def _sizes(text: str) -> list[int]:
    """Numbers of patients, separated by commas."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and len(word) < 10 for word in words):
        raise UsageError(f"--n {text!r}: whole numbers of patients an arm, such as 50,100")
    return [int(word) for word in words]


def _text(bundle: Study, table: pd.DataFrame) -> str:
    """A paragraph per finding: what is asked, and a line per size."""
    from bayesasthma.reporting.next_trial_section import size_text
    from bayesasthma.results.summaries import format_probability

    if table.empty:
        return "no outcome has a direction of benefit that a trial could confirm"
    labels = {
        name: frame["label"].to_dict()
        for name, frame in (
            ("outcome", bundle.outcomes), ("arm", bundle.arms), ("visit", bundle.visits)
        )
    }  # fmt: skip
    control = labels["arm"][bundle.control]
    parts = []
    for _, rows in table.groupby(list(labels), sort=False):
        first = rows.iloc[0]
        goal = f"not worse by {first['margin']:g} {first['unit']}" if first["margin"] else "better"
        limit = format_probability(float(first["limit"]), float(first["limit_mcse"]))
        outcome, arm, visit = (own[first[name]] for name, own in labels.items())
        n_80, n_90 = (size_text(float(first[name])) for name in ("n_80", "n_90"))
        lines = [
            f"{outcome}, {visit}, {arm} against {control}: chance that a new trial shows it {goal}",
            (
                f"  {first['analysis']}, two-sided p < {first['level']:g}; limit {limit}; "
                f"patients an arm for 80 %: {n_80}, for 90 %: {n_90}"
            ),
        ]
        for row in rows.to_dict("records"):
            chance = format_probability(float(row["assurance"]), float(row["assurance_mcse"]))
            lines.append(
                f"  {row['n']:6.0f} an arm: {chance}  (at the posterior mean "
                f"{row['power_at_mean']:.2f}; to a sceptic {row['assurance_sceptical']:.2f})"
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
