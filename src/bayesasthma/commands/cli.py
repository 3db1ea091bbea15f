"""The command line: parse, call, print."""

from __future__ import annotations

import contextlib
import json
import sys
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
    MissingOption,
    OutOption,
    QuietOption,
    SeedOption,
    StudyArg,
    TuneOption,
    check_baseline,
    folders,
    load,
    results_folder,
    sampler_options,
)
from bayesasthma.commands.calibration import calibrate
from bayesasthma.commands.console import (
    Console,
    effect_text,
    print_audit,
    print_inspect_sr,
)
from bayesasthma.commands.design import design
from bayesasthma.commands.diagnose import diagnose
from bayesasthma.commands.ending import (
    Group,
    NobodyReadsError,
    OutputError,
    drop_output,
    open_streams,
    printable,
    signals,
)
from bayesasthma.commands.pool import pool
from bayesasthma.commands.priors import app as prior_app
from bayesasthma.commands.quote import quote
from bayesasthma.commands.sensitivity import sensitivity
from bayesasthma.commands.studies import app as study_app
from bayesasthma.commands.tables import tables
from bayesasthma.commands.validate import validate
from bayesasthma.errors import BayesAsthmaError, GateError, StudyError, UsageError

BAD_INPUT, INTERRUPTED, NOBODY_READS = 2, 130, 141

app = typer.Typer(
    cls=Group,
    name="bayesasthma",
    help="Bayesian re-analysis of published mean ± SD tables of longitudinal trials.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(study_app, name="study")
app.add_typer(prior_app, name="prior")
app.command()(calibrate)


@app.command()
def reanalyse(
    study: StudyArg = "liu2025",
    missing: MissingOption = None,
    out: OutOption = None,
    draws: DrawsOption = DRAWS,
    tune: TuneOption = TUNE,
    chains: ChainsOption = 4,
    seed: SeedOption = 20250711,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Audit, fit, diagnose, compare and report, in one go; a rerun resumes."""
    from bayesasthma.reporting.reanalysis import reanalyse as run

    console = Console(quiet, as_json)
    bundle = load(study)
    folder = results_folder(out, bundle)
    options = sampler_options(draws, tune, chains, seed, console)
    results = run(bundle, folder, options=options, progress=console.progress, missing=missing)
    failed = results.diagnostics[results.diagnostics["gate"] != "pass"]
    checked = zip(results.diagnostics["fit"], results.diagnostics["failures"], strict=True)
    lines = [f"{fit}: {failures or 'gate passed'}" for fit, failures in checked]
    lines.append(f"report: {folder / 'report.html'}")
    console.facts(
        {
            "study": bundle.name,
            "out": str(folder),
            "gate": "pass" if results.passed else "fail",
            "failed_fits": list(failed["fit"]),
            "timings": results.run["timings"],
        },
        "\n".join(lines),
    )
    if not results.passed:
        raise typer.Exit(GATE_FAILED)


@app.command()
def fit(
    model: Annotated[str, typer.Argument(help="independent, longitudinal, joint or adverse.")],
    study: StudyArg = "liu2025",
    prior: Annotated[
        str | None,
        typer.Option(
            help="Prior set (see 'bayesasthma prior list'), external:WEIGHT, or your own TOML file."
        ),
    ] = None,
    correlation: Annotated[
        str | None,
        typer.Option(
            help="unstructured, exchangeable, ar1, exchangeable_ar1 or fixed:RHO "
            "(longitudinal and joint); or printed: those that printed adjusted differences and "
            "paired t tests imply."
        ),
    ] = None,
    variance: Annotated[
        str | None, typer.Option(help="common (one SD over the arms) or by_arm.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help="identity (default), or log: log-normal patients for inflammation and IgE, or for "
            "log:OUTCOME,..."
        ),
    ] = None,
    dispersion: Annotated[
        str | None,
        typer.Option(help="sd (default), or se: printed SDs are standard errors; se:OUTCOME,..."),
    ] = None,
    rounding: Annotated[
        bool | None,
        typer.Option("--rounding/--no-rounding", help="Model the rounding of printed numbers."),
    ] = None,
    baseline: BaselineOption = None,
    draws: DrawsOption = DRAWS,
    tune: TuneOption = TUNE,
    chains: ChainsOption = 4,
    seed: SeedOption = 20250711,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit one model; keep its posterior and print its effects."""
    from bayesasthma._files.output import write_csv
    from bayesasthma.inference.named_models import fit as run

    if variance not in (None, "common", "by_arm"):
        raise UsageError(f"unknown variance {variance!r}; there are common, by_arm")
    check_baseline(baseline)
    console = Console(quiet, as_json)
    bundle = load(study)
    folder = results_folder(out, bundle)
    fits = run(
        bundle,
        model,
        prior,
        correlation=correlation,
        variance=variance,  # type: ignore[arg-type]
        scale=scale,
        dispersion=dispersion,
        rounding=rounding,
        baseline=baseline,  # type: ignore[arg-type]
        options=sampler_options(draws, tune, chains, seed, console),
        folder=folder / "posterior",
        progress=console.progress,
    )
    if isinstance(fits, list):
        import pandas as pd

        from bayesasthma.results.adverse_table import adverse_effects

        table = pd.concat([adverse_effects(item) for item in fits], ignore_index=True)
        name = f"adverse-{fits[-1].spec.prior_name.replace(':', '')}.csv"
        failures = [
            f"{item.label}: {'; '.join(item.gate.failures)}"
            for item in fits
            if not item.gate.passed
        ]
    else:
        from bayesasthma.results.effect_table import effects

        table = effects(fits)
        name = f"effects-{fits.label}.csv"
        failures = [f"{fits.label}: {reason}" for reason in fits.gate.failures]
        if fits.model == "joint" and (bundle.outcomes["direction"] != 0).any():
            from bayesasthma.results.joint_estimands import joint_effects

            write_csv(joint_effects(fits), folder / f"{fits.label}.csv")
    write_csv(table, folder / name)
    console.data(table, effect_text(table, folder / name))
    for failure in failures:
        print(f"gate failed: {failure}", file=sys.stderr)
    if failures or (table["gate"] != "pass").any():
        raise typer.Exit(GATE_FAILED)


app.command()(quote)
app.command()(design)
app.command()(diagnose)


@app.command()
def audit(
    study: StudyArg = "liu2025",
    out: OutOption = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 1 when a p is impossible or changes significance."),
    ] = False,
    inspect_sr: Annotated[
        bool,
        typer.Option(
            "--inspect-sr",
            help="Print the form of INSPECT-SR, filled in where numbers can answer.",
        ),
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check the printed numbers against each other; no sampling."""
    from bayesasthma._files.output import write_csv
    from bayesasthma.auditing import IMPOSSIBLE, inspect_frame
    from bayesasthma.auditing import audit as run

    console = Console(quiet, as_json)
    bundle = load(study)
    folder = results_folder(out, bundle)
    result = run(bundle)
    write_csv(result.tests, folder / "audit.csv")
    write_csv(result.findings, folder / "findings.csv")
    if as_json:
        facts = {
            "tests": json.loads(result.tests.to_json(orient="records")),
            "findings": json.loads(result.findings.to_json(orient="records")),
        }
        if inspect_sr:
            facts["inspect_sr"] = json.loads(inspect_frame(result).to_json(orient="records"))
        console.facts(facts, "")
    elif inspect_sr:
        print_inspect_sr(result)
    else:
        print_audit(result, bundle)
        console.progress(f"written to {folder / 'audit.csv'} and {folder / 'findings.csv'}")
    tests = result.tests
    serious = (tests["verdict"] == IMPOSSIBLE) | tests["significance_changes"].astype(bool)
    if strict and serious.any():
        raise typer.Exit(GATE_FAILED)


app.command()(sensitivity)
app.command()(pool)


@app.command()
def report(
    study: StudyArg = "liu2025",
    missing: MissingOption = None,
    out: OutOption = None,
    draws: DrawsOption = DRAWS,
    tune: TuneOption = TUNE,
    chains: ChainsOption = 4,
    seed: SeedOption = 20250711,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Rebuild tables, figures and report from the saved fits."""
    from bayesasthma.reporting.reanalysis import report as rebuild

    console = Console(quiet, as_json)
    bundle = load(study)
    folder = results_folder(out, bundle)
    options = sampler_options(draws, tune, chains, seed, console)
    written = rebuild(bundle, folder, options=options, missing=missing)
    console.facts(
        {"study": bundle.name, "out": str(folder), "files": [str(path) for path in written]},
        f"report: {folder / 'report.html'}",
    )


app.command()(tables)
app.command()(validate)


def _version(show: bool) -> None:
    if show:
        from bayesasthma import __version__

        print(f"bayesasthma {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Status 0: fine; 1: a gate failed; 2: bad input or usage, or nothing could be written; 130
    (Ctrl-C), 143 (SIGTERM), 129 (terminal closed): interrupted; 141: nobody reads the output.
    """
    open_streams()
    with signals() as came:
        try:
            status = _run(arguments)
        except KeyboardInterrupt:
            status = INTERRUPTED
    if came:
        _complain("interrupted; finished fits are kept and a rerun resumes from them")
        status = 128 + came[0]
    sys.exit(status)


def _run(arguments: list[str] | None) -> int:
    try:
        with folders():
            app(arguments)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else BAD_INPUT
    except (BrokenPipeError, NobodyReadsError):
        drop_output()
        return NOBODY_READS
    except StudyError as error:
        if "--json" in (arguments if arguments is not None else sys.argv):
            problems = [vars(problem) for problem in error.problems]
            with contextlib.suppress(OSError):
                print(json.dumps({"valid": False, "problems": problems}, indent=1), flush=True)
        _complain(f"error: {error}")
    except OutputError as error:
        drop_output()
        _complain(f"error: {error}")
    except (BayesAsthmaError, ValueError, OSError) as error:
        _complain(f"error: {error}")
        return GATE_FAILED if isinstance(error, GateError) else BAD_INPUT
    except MemoryError:
        _complain("error: not enough memory")
    return BAD_INPUT


def _complain(message: str) -> None:
    with contextlib.suppress(OSError):
        print(printable(message), file=sys.stderr, flush=True)
