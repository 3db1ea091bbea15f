"""The specification curve of a study: run it, write it, and read it back if it is still current."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bayesasthma._files.output import as_written, csv_text, write_text
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit, silent
from bayesasthma.inference.sampling import Progress, SamplerOptions, versions
from bayesasthma.specification_curve.fingerprints import source
from bayesasthma.specification_curve.grid import Grid, default_grid, read_grid
from bayesasthma.specification_curve.power import COLUMNS as POWER_COLUMNS
from bayesasthma.specification_curve.power import power_scaling
from bayesasthma.specification_curve.run import CURVE_OPTIONS, FitResult, run_grid
from bayesasthma.specification_curve.study_grid import grid_for
from bayesasthma.specification_curve.summary import (
    CHOICES,
    QUANTITY,
    curve_table,
    ranges,
    variance_shares,
)
from bayesasthma.study.study import Study

#: Files of a curve in a run's folder; the fits themselves are kept in ``posterior/sensitivity``.
FACTS = "sensitivity.json"
TABLES = {
    "table": "sensitivity.csv",
    "ranges": "sensitivity_ranges.csv",
    "shares": "sensitivity_shares.csv",
    "power": "power_scaling.csv",
}


@dataclass(frozen=True)
class Sensitivity:
    """A specification curve.

    Attributes
    ----------
    study : Study
    table : DataFrame
        One row per specification, outcome or reaction, arm and visit: ``sensitivity.csv``.
    ranges : DataFrame
        The range of each probability of benefit, and the choice that moves it most.
    shares : DataFrame
        The share of the spread that each choice accounts for.
    power : DataFrame
        Power-scaling sensitivity of the default fit; empty if none was given.
    facts : dict
        What was run: counts of specifications and fits, gates and retries, options, versions,
        combinations left out and why, fingerprints.
    """

    study: Study
    table: pd.DataFrame = field(repr=False)
    ranges: pd.DataFrame = field(repr=False)
    shares: pd.DataFrame = field(repr=False)
    power: pd.DataFrame = field(repr=False)
    facts: dict[str, Any] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether every specification passed its diagnostics gate."""
        return not self.facts["failed_fits"]

    def write(self, folder: str | Path) -> list[Path]:
        """Write the tables and ``sensitivity.json``; returns their paths.

        Raises
        ------
        BayesAsthmaError
            If the folder cannot be written.
        """
        where = Path(folder)
        texts = {name: csv_text(getattr(self, attribute)) for attribute, name in TABLES.items()}
        facts = {**self.facts, "files": {name: _sha(text) for name, text in texts.items()}}
        for name, text in texts.items():
            write_text(text, where / name)
        write_text(json.dumps(facts, indent=1, default=str) + "\n", where / FACTS)
        return [where / name for name in (*texts, FACTS)]


def sensitivity(
    study: Study,
    grid: Grid | str | Path | None = None,
    *,
    options: SamplerOptions | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    folder: str | Path | None = None,
    fit: Fit | None = None,
    progress: Progress = silent,
) -> Sensitivity:
    """Fit every specification of a grid and set the conclusions side by side.

    Parameters
    ----------
    study : Study
    grid : Grid or path, optional
        Specifications, or a TOML file of them; the grid that ships with the package by default.
    options : SamplerOptions, optional
        Of each posterior; `run.CURVE_OPTIONS` by default.
    workers : int, optional
        Processes of this machine; one per core by default.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://…``) to send the work to instead.
    folder : path, optional
        Where finished fits are kept, so that a rerun resumes.
    fit : Fit, optional
        The default fit, for power-scaling (`power.power_scaling`).
    progress : callable
        Receives a line per finished fit.

    Returns
    -------
    Sensitivity

    Raises
    ------
    UsageError
        If the grid is wrong, leaves nothing for this study, or the scheduler does not answer.

    Examples
    --------
    >>> import bayesasthma as ba
    >>> curve = ba.sensitivity(ba.load_study("liu2025"), "grid.toml")  # doctest: +SKIP
    >>> curve.ranges[["outcome", "visit", "p_low", "p_high", "moved_most_by"]]  # doctest: +SKIP
    """
    if grid is None:
        grid = default_grid()
    elif not isinstance(grid, Grid):
        grid = read_grid(grid)
    own = grid_for(grid, study)
    if not len(own):
        reasons = "; ".join(dict.fromkeys(item.reason for item in own.removed))
        raise UsageError(f"the grid {grid.name!r} has nothing for {study.name}: {reasons}")
    progress(
        f"grid {grid.name}: {len(own)} specifications ({len(own.removed)} combinations left out), "
        f"{len(own.fits) + len(own.adverse)} fits"
    )
    options = options or CURVE_OPTIONS
    results = run_grid(
        study,
        own,
        options,
        Path(folder) if folder is not None else None,
        workers=workers,
        scheduler=scheduler,
        progress=progress,
    )
    table = curve_table(study, own, results)
    shares = variance_shares(table)
    power = pd.DataFrame(columns=POWER_COLUMNS)
    if fit is not None:
        progress(f"power-scaling of {fit.label}")
        power = power_scaling(fit)
    facts = _facts(study, own, options, results)
    return Sensitivity(study, table, ranges(table, shares), shares, power, facts)


def _facts(
    study: Study, grid: Grid, options: SamplerOptions, results: list[FitResult]
) -> dict[str, Any]:
    return {
        "study": study.name,
        "grid": grid.name,
        "specifications": len(grid),
        "fits": len(results),
        "posteriors": sum(r.sampled for r in results),
        "sampled_again": sum(r.again for r in results),
        "retried": [{**_choices(r), "retry": r.retry} for r in results if r.retry],
        "failed_fits": [
            {**_choices(r), "failures": r.error or r.failures, "failed_for": list(r.failed_for)}
            for r in results
            if not r.passed
        ],
        "removed": [vars(item) for item in grid.removed],
        "compile_seconds": round(sum(r.seconds.get("compile", 0.0) for r in results), 1),
        "fit_seconds": round(sum(r.seconds.get("fit", 0.0) for r in results), 1),
        "options": options.record(),
        "versions": versions(),
        "inputs": study.checksums,
        "source": source(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _choices(result: FitResult) -> dict[str, str]:
    return result.choices.choices()


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def load_sensitivity(study: Study, folder: str | Path) -> Sensitivity | str:
    """The curve that an earlier run left in a folder.

    Returns
    -------
    Sensitivity or str
        Or why there is none to show: not run, of other inputs, of another version of the models, or
        edited since.
    """
    where = Path(folder)
    try:
        facts = json.loads((where / FACTS).read_text(encoding="utf-8"))
        texts = {name: (where / name).read_text(encoding="utf-8") for name in TABLES.values()}
    except OSError:
        return "no specification curve has been run"
    except ValueError:
        return f"{FACTS} is damaged"
    if facts.get("study") != study.name or facts.get("inputs") != study.checksums:
        return "the specification curve was run on other inputs"
    if facts.get("source") != source():
        return "the specification curve was run with another version of the models"
    if facts.get("files") != {name: _sha(text) for name, text in texts.items()}:
        return "the tables of the specification curve have been changed since they were written"
    tables = {attribute: _read(where / name) for attribute, name in TABLES.items()}
    return Sensitivity(study, **tables, facts=facts)


def _read(path: Path) -> pd.DataFrame:
    """A table as it was written: words stay words, empty ones empty."""
    words = [*CHOICES, *QUANTITY, "unit", "retry", "gate", "estimand", "lowest", "highest"]
    words += ["choice", "moved_most_by", "probability", "diagnosis"]
    frame = pd.read_csv(path, dtype=dict.fromkeys(words, "str"), keep_default_na=True)
    present = [name for name in words if name in frame]
    frame[present] = frame[present].fillna("")
    return as_written(frame)


def range_text(curve: Sensitivity, folder: str | Path) -> str:
    """The ranges and the fate of the fits, as lines for a terminal."""
    columns = ["outcome", "visit", "probability", "p_default", "p_low", "p_high", "moved_most_by"]
    if len(curve.study.treatments) > 1:
        columns.insert(1, "arm")
    shown = curve.ranges[columns].to_string(index=False, float_format="{:.3f}".format)
    facts = curve.facts
    fate = (
        f"{facts['specifications']} specifications, {facts['fits']} fits of "
        f"{facts['posteriors']} posteriors, {facts['sampled_again']} of them sampled again; "
        f"{len(facts['failed_fits'])} fits failed for some quantities, left out of their ranges"
    )
    lines = [
        shown,
        fate,
        f"written to {Path(folder) / TABLES['table']}",
    ]
    return "\n".join(lines)
