"""The main job as functions: fit one model, run everything, rebuild a report."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bayesasthma.adverse_fits import COLUMNS as ADVERSE_COLUMNS
from bayesasthma.adverse_fits import AdverseFit, adverse_effects, fit_adverse
from bayesasthma.comparison import compare
from bayesasthma.correlation import CorrelationPrior
from bayesasthma.diagnostics import diagnostics_frame
from bayesasthma.effect_table import effects
from bayesasthma.errors import BayesAsthmaError, UsageError
from bayesasthma.fitting import Fit, fit_table, silent
from bayesasthma.models.specification import TABLE_DEFAULTS, Variance, table_spec
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.sampling import Progress, SamplerOptions, Stopwatch, versions
from bayesasthma.study import Study

MODELS = ("independent", "longitudinal", "adverse")


def fit(
    study: Study,
    model: str = "longitudinal",
    prior: str | None = None,
    *,
    correlation: str | CorrelationPrior | None = None,
    variance: Variance | None = None,
    rounding: bool | None = None,
    options: SamplerOptions | None = None,
    outcomes: list[str] | None = None,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> Fit | list[AdverseFit]:
    """Fit one model to a study.

    Parameters
    ----------
    study : Study
    model : {"independent", "longitudinal", "adverse"}
    prior : str, optional
        A prior set; each model has a default.
    correlation : str or CorrelationPrior, optional
        ``unstructured`` (default), ``exchangeable``, ``ar1``, ``exchangeable_ar1``, ``fixed:RHO``.
    variance : {"common", "by_arm"}, optional
        One SD over the arms at each visit, or one per arm.
    rounding : bool, optional
        Whether printed numbers carry their rounding error.
    options : SamplerOptions, optional
    outcomes : list of str, optional
    folder : path, optional
        Where fits are kept and resumed from.
    progress : callable
        Receives a line per stage.

    Returns
    -------
    Fit, or for ``adverse`` a list of AdverseFit
        One per model (independent, hierarchical) and reading of the counts.

    Raises
    ------
    UsageError
        If a name is unknown or the study lacks what the model needs.
    """
    if model not in MODELS:
        raise UsageError(f"unknown model {model!r}; there are {', '.join(MODELS)}")
    where = Path(folder) if folder is not None else None
    if model == "adverse":
        return fit_adverse(study, prior or "weak", options, folder=where, progress=progress)
    spec = table_spec(model, prior, correlation, variance, rounding)
    return fit_table(study, spec, options, outcomes=outcomes, folder=where, progress=progress)


def reanalyse(
    study: Study,
    out: str | Path,
    *,
    options: SamplerOptions | None = None,
    progress: Progress = silent,
) -> ReanalysisResults:
    """The main job: audit, fit, diagnose, compare and report, in one go; resumable.

    Parameters
    ----------
    study : Study
    out : path
        Folder for tables, figures, fits and the report.
    options : SamplerOptions, optional
    progress : callable
        Receives a line per stage.

    Returns
    -------
    ReanalysisResults
        Everything the report shows. ``results.passed`` says whether every gate was passed.
    """
    folder = Path(out)
    options = options or SamplerOptions()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    watch = Stopwatch()
    from bayesasthma.auditing import audit

    findings = watch.time("audit", lambda: audit(study))
    progress("audit: done")

    def fit_one(model: str) -> Fit:
        return fit_table(study, model, options, folder=folder / "posterior", progress=progress)

    table_fits = [watch.time(f"fit {model}", partial(fit_one, model)) for model in TABLE_DEFAULTS]
    adverse_fits: list[AdverseFit] = []
    if not study.adverse.empty:
        adverse_fits = watch.time(
            "fit adverse",
            lambda: fit_adverse(
                study, options=options, folder=folder / "posterior", progress=progress
            ),
        )
    progress("effects, comparison and diagnostics")
    results: ReanalysisResults = watch.time(
        "summarise", lambda: _results(study, table_fits, adverse_fits, findings, options, started)
    )
    progress("figures and report")
    write(results, folder, watch)
    return results


def report(study: Study, out: str | Path, *, options: SamplerOptions | None = None) -> list[Path]:
    """Rebuild tables, figures and report from the saved fits of an earlier run, without sampling.

    Raises
    ------
    BayesAsthmaError
        If a fit is missing or was made from other inputs, options or versions.
    """
    folder = Path(out)

    def refuse(message: str) -> None:
        if "compiling" in message or "sampling" in message:
            label = message.partition(":")[0]
            raise BayesAsthmaError(
                f"no current saved fit {label} in {folder / 'posterior'}; run "
                f"'bayesasthma reanalyse {study.name} --out {folder}' first"
            )

    reanalyse(study, folder, options=options, progress=refuse)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _results(
    study: Study,
    table_fits: Sequence[Fit],
    adverse_fits: Sequence[AdverseFit],
    findings: Any,
    options: SamplerOptions,
    started: str,
) -> ReanalysisResults:
    adverse = (
        pd.concat([adverse_effects(item) for item in adverse_fits], ignore_index=True)
        if adverse_fits
        else pd.DataFrame(columns=ADVERSE_COLUMNS)
    )
    every: list[Fit | AdverseFit] = [*table_fits, *adverse_fits]
    return ReanalysisResults(
        study=study,
        table_fits=list(table_fits),
        adverse_fits=list(adverse_fits),
        effects=pd.concat([effects(item) for item in table_fits], ignore_index=True),
        adverse=adverse,
        comparison=compare(list(table_fits)),
        diagnostics=diagnostics_frame([item.gate for item in every]),
        audit=findings,
        run={
            "study": study.name,
            "started": started,
            "seed": options.seed,
            "options": options.record(),
            "versions": {"bayesasthma": _own_version(), **versions()},
            "checksums": study.checksums,
            "timings": {},
            "fits": {
                item.label: {"seconds": item.seconds, "resumed": item.resumed} for item in every
            },
        },
    )


def _own_version() -> str:
    import bayesasthma

    return bayesasthma.__version__


def write(results: ReanalysisResults, folder: Path, watch: Stopwatch) -> None:
    """Write the tables, the report and ``run.json`` of a run."""
    write_csv(results.effects, folder / "effects.csv")
    if results.adverse_fits:
        write_csv(results.adverse, folder / "adverse.csv")
    write_csv(results.comparison, folder / "comparison.csv")
    write_csv(results.diagnostics, folder / "diagnostics.csv")
    if results.audit is not None:
        write_csv(results.audit.tests, folder / "audit.csv")
    results.run["timings"] = {k: round(v, 2) for k, v in watch.seconds.items()}
    from bayesasthma.reporting import write_report

    watch.time("report", lambda: write_report(results, folder))
    results.run["timings"] = {k: round(v, 2) for k, v in watch.seconds.items()}
    write_text(json.dumps(results.run, indent=2, default=str) + "\n", folder / "run.json")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table atomically, with six significant digits."""
    write_text(frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"), path)


def write_text(text: str, path: Path) -> None:
    """Write a text file atomically.

    Raises
    ------
    BayesAsthmaError
        If the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise BayesAsthmaError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
