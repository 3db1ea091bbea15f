"""The main job as functions: run everything, rebuild a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bayesasthma._files.output import write_csv, write_text
from bayesasthma._files.run_folder import check_writable
from bayesasthma.comparison.posterior_beside_p import COLUMNS as COMPARISON_COLUMNS
from bayesasthma.comparison.posterior_beside_p import compare
from bayesasthma.comparison.printed_differences import printed_differences
from bayesasthma.comparison.scepticism import refitter, scepticism
from bayesasthma.dispatch import side_by_side
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.inference.adverse_fits import AdverseFit, fit_adverse
from bayesasthma.inference.ahead import compiling_ahead
from bayesasthma.inference.diagnostics import Gate, diagnostics_frame
from bayesasthma.inference.fitting import Fit, fit_table, silent
from bayesasthma.inference.sampling import Progress, SamplerOptions, Stopwatch, versions
from bayesasthma.models.design import design
from bayesasthma.models.outcome_groups import unsuitable
from bayesasthma.models.specification import TABLE_DEFAULTS, table_spec
from bayesasthma.reporting.missing_section import shares_in_words, with_missing
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import main_fit
from bayesasthma.reporting.unchanged import keep, take_up
from bayesasthma.results.adverse_table import COLUMNS as ADVERSE_COLUMNS
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.design_table import MANY_SIZES, next_trial
from bayesasthma.results.effect_table import COLUMNS as EFFECT_COLUMNS
from bayesasthma.results.effect_table import effects
from bayesasthma.results.joint_estimands import COLUMNS as JOINT_COLUMNS
from bayesasthma.results.joint_estimands import joint_effects
from bayesasthma.study.left_patients import left_patients
from bayesasthma.study.patients_needed import require_patients
from bayesasthma.study.study import Study


def reanalyse(
    study: Study,
    out: str | Path,
    *,
    options: SamplerOptions | None = None,
    progress: Progress = silent,
    rebuild: bool = False,
    missing: str | None = None,
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
    rebuild : bool
        Make tables, figures and page anew even if nothing has changed since they were made.
    missing : str, optional
        Patients who left, as :func:`bayesasthma.study.left_patients.left_patients` takes it; by
        default what the bundle says.

    Returns
    -------
    ReanalysisResults
        Everything the report shows. ``results.passed`` says whether every gate was passed.

    Raises
    ------
    UsageError
        If ``missing`` is not of its form.
    BayesAsthmaError
        If the folder cannot be written, or arms have too few patients for a model: told before
        anything is fitted.
    """
    left = left_patients(study, missing)  # refuses before anything is fitted
    folder = Path(out)
    check_writable(folder)
    require_patients(study)
    options = options or SamplerOptions()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    watch = Stopwatch()
    from bayesasthma.auditing import audit

    findings = watch.time("audit", lambda: audit(study))
    progress("audit: done")
    if left is not None:
        progress(f"patients who left: up to {shares_in_words(study, left)} ({left.source})")

    def fit_one(model: str) -> Fit:
        return fit_table(study, model, options, folder=folder / "posterior", progress=progress)

    models = _table_models(study, progress)
    if not study.medians.empty:
        labels = ", ".join(dict.fromkeys(study.medians["label"]))
        progress(f"{labels}: medians as printed are in no model")
    table_fits: list[Fit] = []
    adverse_fits: list[AdverseFit] = []
    with compiling_ahead(study, _needed_later(models, folder)) as wait:
        for model in models:
            if model in AHEAD:
                watch.time("wait for kernels", wait)
            table_fits.append(watch.time(f"fit {model}", partial(fit_one, model)))
        if not study.adverse.empty:
            adverse_fits = watch.time(
                "fit adverse",
                lambda: fit_adverse(
                    study, options=options, folder=folder / "posterior", progress=progress
                ),
            )
    kept = None
    if not rebuild:
        kept = watch.time("look for changes", lambda: take_up(study, folder, options, missing))
    run = _run(study, [*table_fits, *adverse_fits], options, started)
    if kept is not None:
        progress("nothing has changed: keeping tables, figures and report")
        tables: dict[str, Any] = kept
        results = ReanalysisResults(
            study,
            table_fits,
            adverse_fits,
            **tables,
            audit=findings,
            run=run,
            left=left if table_fits else None,
        )
        _write_run(results, folder, watch)
        return results
    sceptical = watch.time(
        "reverse Bayes", lambda: _scepticism(table_fits, options, folder, progress)
    )
    progress("effects, comparison and diagnostics")
    results = watch.time(
        "summarise", lambda: _results(study, table_fits, adverse_fits, findings, sceptical, run)
    )
    results = watch.time("patients who left", lambda: with_missing(results, left))
    results = watch.time("next trial", lambda: _with_next_trial(results))
    progress("figures and report")
    write(results, folder, watch)
    keep(results, folder, options, missing)
    return results


#: Models fitted after the longest compilation, whose kernels another process compiles meanwhile.
AHEAD = ("joint", "adverse")


def _needed_later(models: Sequence[str], folder: Path) -> list[str]:
    """Models whose kernels are to be compiled ahead: none once there are saved fits."""
    if any((folder / "posterior").glob("longitudinal*.nc")) or "longitudinal" not in models:
        return []
    return [model for model in AHEAD if model == "adverse" or model in models]


def _table_models(study: Study, progress: Progress) -> list[str]:
    """The models of means and SDs that suit the study; the others are named, with the reason."""
    models = list(TABLE_DEFAULTS)
    if study.outcomes.empty:
        progress(f"{', '.join(models)}: left out, for the study prints events alone")
        return []
    if not study.follow_up:
        models.remove("longitudinal")
        models.remove("joint")
        progress("longitudinal, joint: left out, for the baseline is the only visit")
        return models
    if not prints_levels(study):
        models.remove("independent")
        progress("independent: left out, for the study prints changes from baseline alone")
    if (reason := unsuitable(design(study))) is not None:
        models.remove("joint")
        progress(f"joint: left out, for {reason}")
    return models


def prints_levels(study: Study) -> bool:
    """Whether any level is printed, which the model ``independent`` needs."""
    return bool(study.table["mean"].sel(statistic="level").notnull().any())


def report(
    study: Study,
    out: str | Path,
    *,
    options: SamplerOptions | None = None,
    missing: str | None = None,
) -> list[Path]:
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

    reanalyse(study, folder, options=options, progress=refuse, rebuild=True, missing=missing)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _scepticism(
    table_fits: Sequence[Fit],
    options: SamplerOptions,
    folder: Path,
    progress: Progress,
) -> pd.DataFrame | None:
    """Reverse Bayes of the longitudinal fit, refitting where reweighting does not reach."""
    for fit in table_fits:
        if fit.model == "longitudinal":
            spec = table_spec(fit.model, fit.prior)
            kept = folder / "posterior"
            refit = refitter(fit, spec, options, folder=kept, progress=progress)
            return scepticism(fit, refit)
    return None


def _results(
    study: Study,
    table_fits: Sequence[Fit],
    adverse_fits: Sequence[AdverseFit],
    findings: Any,
    sceptical: pd.DataFrame | None,
    run: dict[str, Any],
) -> ReanalysisResults:
    every: list[Fit | AdverseFit] = [*table_fits, *adverse_fits]
    # those of most outcomes at once, which take longest, first
    order = sorted(range(len(every)), key=lambda i: -every[i].data["posterior"].nbytes)
    _, found = side_by_side([partial(_summary, every[i]) for i in order])
    summaries = [found[order.index(i)] for i in range(len(every))]
    for item, summary in zip(every, summaries, strict=True):
        vars(item)["gate"] = summary.gate  # worked out beside the table, perhaps in a helper
    tables = [summary.table for summary in summaries]
    adverse = (
        pd.concat(tables[len(table_fits) :], ignore_index=True)
        if adverse_fits
        else pd.DataFrame(columns=ADVERSE_COLUMNS)
    )
    joint = [summary.joint for summary in summaries if summary.joint is not None]
    if table_fits:
        table = pd.concat(tables[: len(table_fits)], ignore_index=True)
        compared = compare(list(table_fits), audit=findings, sceptical=sceptical, summaries=table)
    else:
        table = pd.DataFrame(columns=EFFECT_COLUMNS)
        compared = pd.DataFrame(columns=COMPARISON_COLUMNS)
    return ReanalysisResults(
        study=study,
        table_fits=list(table_fits),
        adverse_fits=list(adverse_fits),
        effects=table,
        adverse=adverse,
        comparison=compared,
        diagnostics=diagnostics_frame([item.gate for item in every]),
        joint=joint[0] if joint else pd.DataFrame(columns=JOINT_COLUMNS),
        audit=findings,
        run=run,
    )


def _with_next_trial(results: ReanalysisResults) -> ReanalysisResults:
    fit = main_fit(results)
    return results if fit is None else replace(results, next_trial=next_trial(fit, n=MANY_SIZES))


def _run(
    study: Study, fits: Sequence[Fit | AdverseFit], options: SamplerOptions, started: str
) -> dict[str, Any]:
    """What ``run.json`` says of a run, but for its timings."""
    return {
        "study": study.name,
        "started": started,
        "seed": options.seed,
        "options": options.record(),
        "versions": {"bayesasthma": _own_version(), **versions()},
        "checksums": study.checksums,
        "timings": {},
        "fits": {
            item.label: {"seconds": item.seconds, "resumed": item.resumed, **item.route}
            for item in fits
        },
    }


class _Summary(NamedTuple):
    """Table of effects of a fit, statements about several outcomes if it makes any, and gate."""

    table: pd.DataFrame
    joint: pd.DataFrame | None
    gate: Gate


def _summary(item: Fit | AdverseFit) -> _Summary:
    if isinstance(item, AdverseFit):
        return _Summary(adverse_effects(item), None, item.gate)
    speaks = item.model == "joint" and (item.study.outcomes["direction"] != 0).any()
    return _Summary(effects(item), joint_effects(item) if speaks else None, item.gate)


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
    if len(results.joint):
        write_csv(results.joint, folder / "joint.csv")
    if not results.study.differences.empty:
        beside = printed_differences(results.study, results.effects)
        write_csv(beside, folder / "printed_differences.csv")
    own = {
        "missing": results.missing,
        "missing_tipping": results.tipping,
        "design": results.next_trial,
    }
    for name, table in own.items():
        path = folder / f"{name}.csv"
        if table.empty:
            path.unlink(missing_ok=True)
        else:
            write_csv(table, path)
    if results.audit is not None:
        write_csv(results.audit.tests, folder / "audit.csv")
        write_csv(results.audit.findings, folder / "findings.csv")
    results.run["timings"] = {k: round(v, 2) for k, v in watch.seconds.items()}
    from bayesasthma.reporting import write_report
    from bayesasthma.reporting.diagnostic_report.page import write_diagnostics

    fits: list[Fit | AdverseFit] = [*results.table_fits, *results.adverse_fits]
    watch.time("diagnostics", lambda: write_diagnostics(fits, folder))
    watch.time("report", lambda: write_report(results, folder))
    _write_run(results, folder, watch)


def _write_run(results: ReanalysisResults, folder: Path, watch: Stopwatch) -> None:
    results.run["timings"] = {k: round(v, 2) for k, v in watch.seconds.items()}
    write_text(json.dumps(results.run, indent=2, default=str) + "\n", folder / "run.json")
