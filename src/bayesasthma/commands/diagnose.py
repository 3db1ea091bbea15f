"""The command `diagnose`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
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
    from bayesasthma.inference.adverse_fits import AdverseFit
    from bayesasthma.inference.fitting import Fit
    from bayesasthma.study.study import Study


def diagnose(
    fit: Annotated[
        str,
        typer.Argument(
            help="A saved fit (its name in the folder posterior, such as longitudinal-weak, or its "
            "file), or a model: independent, longitudinal, joint or adverse."
        ),
    ],
    study: StudyArg = "liu2025",
    prior: Annotated[str | None, typer.Option(help="Prior set, of a model.")] = None,
    correlation: Annotated[
        str | None, typer.Option(help="Correlation structure, of a model.")
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
    """Write the diagnostic report of a fit: gate, ArviZ tables and figures, the model written out.

    A model is fitted first, unless its fit is saved and nothing has changed.
    """
    from bayesasthma.inference.named_models import MODELS
    from bayesasthma.inference.named_models import fit as run
    from bayesasthma.reporting.diagnostic_report.page import diagnose as pages

    check_baseline(baseline)
    console = Console(quiet, as_json)
    bundle = load(study)
    folder = results_folder(out, bundle)
    fits: list[Fit | AdverseFit]
    if fit in MODELS:
        found = run(
            bundle,
            fit,
            prior,
            correlation=correlation,
            baseline=baseline,  # type: ignore[arg-type]
            options=sampler_options(draws, tune, chains, seed, console),
            folder=folder / "posterior",
            progress=console.progress,
        )
        fits = [*found] if isinstance(found, list) else [found]
    else:
        if (prior, correlation, baseline) != (None, None, None):
            raise UsageError(
                f"--prior, --correlation and --baseline go with a model, not with the fit {fit!r}"
            )
        fits = [_saved(fit, bundle, folder)]
    written = pages(fits, folder)
    failed = [item for item in fits if not item.gate.passed]
    console.facts(
        {
            "study": bundle.name,
            "pages": [str(path) for path in written],
            "gate": {item.label: "pass" if item.gate.passed else "fail" for item in fits},
            "failures": {item.label: list(item.gate.failures) for item in failed},
        },
        "\n".join(
            f"{item.label}: {'; '.join(item.gate.failures) or 'gate passed'}\n  {path}"
            for item, path in zip(fits, written, strict=True)
        ),
    )
    if failed:
        raise typer.Exit(GATE_FAILED)


def _saved(name: str, bundle: Study, folder: Path) -> Fit | AdverseFit:
    """The saved fit of a name or file."""
    from bayesasthma.inference.named_models import MODELS
    from bayesasthma.inference.reopened import read_fit, saved_labels

    path = Path(name) if name.endswith(".nc") else folder / "posterior" / f"{name}.nc"
    if not path.is_file():
        known = ", ".join(saved_labels(folder / "posterior")) or "none"
        raise UsageError(
            f"no saved fit {name!r} in {folder / 'posterior'} (there: {known}), nor a model "
            "of that "
            f"name ({', '.join(MODELS)})"
        )
    return read_fit(path, bundle)
