"""Read a study bundle: check everything, report every problem at once, return one `Study`."""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.errors import StudyError, UsageError
from bayesasthma.study._bundle_correlations import read_correlations
from bayesasthma.study._bundle_differences import read_differences
from bayesasthma.study._bundle_header import Header, read_header
from bayesasthma.study._bundle_medians import MEDIAN_COLUMNS, MEDIANS
from bayesasthma.study._bundle_missing import read_missing
from bayesasthma.study._bundle_moments import GEOMETRIC, on_log_scale
from bayesasthma.study._bundle_outcomes import no_outcomes, read_outcomes
from bayesasthma.study._bundle_rates import read_rates
from bayesasthma.study._bundle_records import (
    Ids,
    frame,
    read_adverse,
    read_baseline,
    read_claims,
    read_external,
    read_tests,
    subjects,
)
from bayesasthma.study._bundle_source import SUFFIX, Source, open_source
from bayesasthma.study._bundle_table import (
    SUMMARIES,
    empty_table,
    patient_table,
    read_patients,
    summary_table,
)
from bayesasthma.study._sheets import Collector, Sheet, read_sheet
from bayesasthma.study.study import Study

#: Required and optional columns of every file; ``note`` and ``source`` are free everywhere.
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "outcomes.csv": (
        ("outcome", "label", "unit", "direction"),
        ("domain", "mcid", "mcid_kind", "mcid_source", "minimum", "maximum", "items"),
    ),
    "summaries.csv": (
        ("outcome", "arm", "visit"),
        (
            *("mean", "value", "value_is", "statistic", "n"),
            *("sd", "se", "cv", "ci_low", "ci_high", "ci_prob"),
            *MEDIAN_COLUMNS,
        ),
    ),
    "differences.csv": (
        ("outcome", "arm", "visit", "adjusted_for"),
        ("value", "value_is", "estimate", "se", "ci_low", "ci_high", "ci_prob", "method"),
    ),
    "correlations.csv": (("outcome", "arm", "visit_1", "visit_2", "correlation"), ()),
    "tests.csv": (("table", "kind", "outcome", "p"), ("arm", "visit", "test")),
    "baseline.csv": (
        ("variable", "arm"),
        (
            *("level", "value", "value_is", "mean", "sd", *MEDIAN_COLUMNS),
            *("count", "percent", "n"),
        ),
    ),
    "adverse.csv": (
        ("visit", "reaction", "arm", "events"),
        ("severity", "n", "percent", "direction"),
    ),
    "rates.csv": (
        ("event", "arm", "count", "person_time"),
        ("visit", "rate", "per", "ratio", "ci_low", "ci_high", "ci_prob", "method"),
    ),
    "missing.csv": (("arm", "visit", "left"), ("started",)),
    "claims.csv": (
        ("where", "refers_to", "value"),
        ("outcome", "arm", "visit", "statistic", "quote"),
    ),
    "external.csv": (
        ("estimate", "scale", "citation"),
        ("outcome", "reaction", "se", "ci_low", "ci_high"),
    ),
    "patients.csv": (("patient", "arm", "visit"), ()),
}


def bundled_studies() -> dict[str, Path]:
    """Folders of the bundled studies by name: in the wheel, or ``data/`` of a source checkout."""
    found: dict[str, Path] = {}
    packaged = Path(str(files("bayesasthma"))) / "bundles"
    checkout = Path(__file__).resolve().parents[3] / "data"
    for root in (packaged, checkout):
        if root.is_dir():
            for folder in sorted(root.iterdir()):
                if (folder / "study.toml").is_file():
                    found.setdefault(folder.name, folder)
    return found


def load_study(path_or_name: str | Path = "liu2025") -> Study:
    """Read and check a bundle.

    Parameters
    ----------
    path_or_name : str or Path
        A bundle's folder, a workbook with a sheet per file, or the name of a bundled study. A
        folder comes first, unless it has no ``study.toml`` and a bundled study has its name.

    Returns
    -------
    Study

    Raises
    ------
    UsageError
        If there is no such folder or bundled study.
    StudyError
        If the bundle has problems; the error lists all of them.
    """
    folder = _find(path_or_name)
    collector = Collector()
    checksums: dict[str, str] = {}
    study = _read(folder, collector, checksums)
    if collector.problems or study is None:
        whole = folder.resolve()
        name = whole.stem if folder.is_file() else whole.name
        raise StudyError(name, collector.problems)
    return study


def _find(path_or_name: str | Path) -> Path:
    name, folder, bundled = str(path_or_name), Path(path_or_name), bundled_studies()
    if name in bundled and not (folder / "study.toml").is_file():
        return bundled[name]
    if name and (folder.is_dir() or (folder.is_file() and folder.suffix == SUFFIX)):
        return folder
    if folder.exists() and name:
        raise UsageError(
            f"{name!r} is a file; a bundle is a folder with study.toml in it, or a workbook "
            f"({SUFFIX})"
        )
    close = difflib.get_close_matches(name, bundled, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise UsageError(
        f"no folder and no bundled study {name!r}{hint}; bundled: {', '.join(bundled) or 'none'}"
    )


def _read(path: Path, collector: Collector, checksums: dict[str, str]) -> Study | None:
    source = open_source(path, list(COLUMNS), collector, checksums)
    header = read_header(source.header(), collector, checksums)
    sheets = _sheets(source, collector, checksums, header.decimal if header else None)
    outcomes = _declared(sheets)
    if header is None:
        return None
    arms, visits, base = header.arms, header.visits, header.baseline_visit
    sizes = {str(arm): float(n) for arm, n in arms["n"].items()}
    ids = Ids(list(outcomes.index), list(arms.index), list(visits.index), sizes)
    baseline = read_baseline(sheets["baseline.csv"], ids)
    reactions, variables = subjects(ids.outcomes, baseline, sheets["adverse.csv"])
    events = [row.text("event") for row in sheets["rates.csv"] or ()]
    ids = Ids(ids.outcomes, ids.arms, ids.visits, ids.sizes, reactions, variables, events)
    _check_methods(header, ids, collector)
    if header.covariates and sheets["patients.csv"] is None:
        found = ", ".join(header.covariates)
        collector.add("study.toml", None, "covariates", found, "patients.csv, which has them")
    patients = None
    table: xr.Dataset | None = None
    summaries, medians = frame([], SUMMARIES), frame([], MEDIANS)
    pinned: dict[tuple[str, str, str], int] = {}
    if (sheet := sheets["summaries.csv"]) is not None:
        table, summaries, pinned, medians = summary_table(
            sheet, outcomes, arms, visits, base, header.value_is or "sd"
        )
    if (sheet := sheets["patients.csv"]) is not None:
        patients = read_patients(sheet, outcomes, arms, visits, header.covariates)
        if table is None:
            table = patient_table(patients, outcomes, arms, visits)
    correlations = read_correlations(
        sheets["correlations.csv"], ids.outcomes, ids.arms, ids.visits, table, base, pinned
    )
    tests = read_tests(sheets["tests.csv"], ids, header.alpha)
    differences = read_differences(sheets["differences.csv"], ids, next(iter(ids.arms), ""), base)
    rates = read_rates(sheets["rates.csv"], ids, next(iter(ids.arms), ""))
    missing = read_missing(sheets["missing.csv"], ids, base, table)
    adverse = read_adverse(sheets["adverse.csv"], ids)
    claims = read_claims(sheets["claims.csv"], ids)
    external = read_external(sheets["external.csv"], ids)
    if table is None and outcomes.empty and sheets["adverse.csv"] is not None:
        table = empty_table(outcomes, arms, visits)
    if table is None:
        return None
    if (sheet := sheets["outcomes.csv"]) is not None and not outcomes.empty:
        _require_data(table, sheet, sheets["summaries.csv"])
    counted = sheets["adverse.csv"] is not None
    outcomes, table, medians = _without_medians(outcomes, table, medians, counted, collector)
    geometric = summaries.loc[summaries["statistic"] == GEOMETRIC, "outcome"]
    if len(geometric):
        outcomes = on_log_scale(outcomes, list(geometric.unique()))
        outcomes.loc[list(geometric.unique()), "items"] = np.nan  # no granularity of logarithms
    return Study(
        name=source.name,
        title=header.title,
        citation=header.citation,
        design=header.design,
        randomised=header.randomised,
        arms=arms,
        visits=visits,
        baseline_visit=base,
        outcomes=outcomes,
        table=table,
        correlations=correlations,
        tests=tests,
        baseline=baseline,
        adverse=adverse,
        claims=claims,
        external=external,
        patients=patients,
        checksums=checksums,
        methods=header.methods,
        exclusions=header.exclusions,
        covariates=header.covariates,
        summaries=summaries,
        differences=differences,
        medians=medians,
        rates=rates,
        missing=missing,
    )


def _sheets(
    source: Source, collector: Collector, checksums: dict[str, str], decimal: str | None
) -> dict[str, Sheet | None]:
    """Every CSV file of the bundle, None if absent or unusable."""
    files = source.files(list(COLUMNS), decimal)
    there = list(files)
    data = [name for name in ("summaries.csv", "patients.csv") if name in there]
    events = "adverse.csv" in there
    if "outcomes.csv" not in there and (data or not events):
        collector.add("outcomes.csv", None, "", "", "this file in the bundle")
    if len(data) == 2:
        collector.add(
            "summaries.csv", None, "", "", "either summaries.csv or patients.csv, not both"
        )
    sheets: dict[str, Sheet | None] = dict.fromkeys(COLUMNS)
    for name in there:
        open_ended = name == "patients.csv"
        columns = COLUMNS[name]
        sheets[name] = read_sheet(
            files[name], *columns, collector, checksums, open_ended=open_ended, decimal=decimal
        )
    declared, counts = sheets["outcomes.csv"], sheets["adverse.csv"]
    if not data and (not events or (declared is not None and declared.rows)):
        expected = "this file (or patients.csv) in the bundle, unless events in adverse.csv are all"
        collector.add("summaries.csv", None, "", "", expected)
    elif not data and counts is not None and not counts.rows:
        expected = "at least one count, since the bundle has no summaries.csv"
        collector.add("adverse.csv", None, "events", "", expected)
    return sheets


def _declared(sheets: dict[str, Sheet | None]) -> pd.DataFrame:
    """The outcomes; without a usable ``outcomes.csv``, those that the summaries name.

    The stand-in lets the other files be checked too: all problems come in one report. A bundle of
    events alone has none.
    """
    counted = sheets["adverse.csv"] is not None and sheets["summaries.csv"] is None
    counted &= sheets["patients.csv"] is None
    if (sheet := sheets["outcomes.csv"]) is not None:
        return read_outcomes(sheet, needed=not counted)
    if counted:
        return no_outcomes()
    names = dict.fromkeys(row.text("outcome") for row in sheets["summaries.csv"] or ())
    index = pd.Index([name for name in names if name], name="outcome", dtype="str")
    return pd.DataFrame({"minimum": np.nan, "maximum": np.nan}, index=index)


def _check_methods(header: Header, ids: Ids, collector: Collector) -> None:
    """What ``study.toml`` says of outcomes and baseline variables must be in the other files."""
    primary = header.methods.get("primary", [])
    known = [*ids.outcomes, *ids.reactions]
    for name in primary if isinstance(primary, list) else [primary]:
        if name not in known:
            expected = f"ids among {', '.join(known)}"
            collector.add("study.toml", None, "methods.primary", str(name), expected)
    for i, row in enumerate(header.exclusions.itertuples(), 1):
        if f"{row.variable}:{row.level}" not in ids.variables:
            collector.add(
                "study.toml",
                None,
                f"exclusions[{i}]",
                f"{row.variable}:{row.level}",
                "a variable and level of baseline.csv",
            )


def _require_data(table: xr.Dataset, sheet: Sheet, summaries: Sheet | None) -> None:
    """Every outcome needs data; a row that names it but is wrong has been reported already."""
    named = {row.text("outcome") for row in summaries or ()}
    printed = table["mean"].count(("arm", "visit", "statistic")) > 0
    for row in sheet:
        outcome = row.text("outcome")
        if outcome and outcome not in named and not printed.sel(outcome=outcome):
            row.bad("outcome", "data for this outcome")


def _without_medians(
    outcomes: pd.DataFrame,
    table: xr.Dataset,
    medians: pd.DataFrame,
    events: bool,
    collector: Collector,
) -> tuple[pd.DataFrame, xr.Dataset, pd.DataFrame]:
    """Outcomes of which medians are all that is printed are in no table; medians keep labels.

    Without any mean and without ``events`` there is nothing to model, which is noted.
    """
    for name in ("label", "unit"):  # which an unusable outcomes.csv leaves unknown
        known = outcomes[name].to_dict() if name in outcomes else {}
        medians[name] = pd.Series([known.get(o, "") for o in medians["outcome"]], dtype="str")
    printed = (table["mean"].count(("arm", "visit", "statistic")) > 0).to_series()
    alone = [name for name in dict.fromkeys(medians["outcome"]) if not printed[name]]
    if not alone:
        return outcomes, table, medians
    kept = [name for name in outcomes.index if name not in alone]
    if not kept and not events:
        expected = "a mean of at least one outcome, or events: medians alone leave nothing to model"
        collector.add("summaries.csv", None, "", "", expected)
    return outcomes.loc[kept], table.sel(outcome=kept), medians
