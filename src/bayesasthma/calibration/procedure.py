"""Run calibrations: simulate and fit in batches, tabulate, draw, and keep what was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.calibration.batches import Batch, load, run_batches
from bayesasthma.calibration.cases import Case, cases_of
from bayesasthma.calibration.ranking import RankJob
from bayesasthma.calibration.reliability import reliability_table
from bayesasthma.calibration.sources import digest, environment
from bayesasthma.calibration.tabulation import fit_facts, rank_table
from bayesasthma.errors import BayesAsthmaError, UsageError
from bayesasthma.inference.fitting import silent
from bayesasthma.inference.sampling import Progress

SEED = 20250711
#: Finished batches, below a run's folder; a rerun resumes from them.
BATCHES = "batches"


@dataclass(frozen=True)
class Calibration:
    """What a calibration found.

    Attributes
    ----------
    ranks : DataFrame
        One row per case and quantity; see :func:`bayesasthma.calibration.tabulation.rank_table`.
    fits : DataFrame
        One row per case: diagnostics of its fits, and seconds.
    folder : Path
        With ``ranks.csv``, ``reliability.csv``, ``fits.csv`` and ``figures/``.
    reliability : DataFrame
        How often what was quoted with a probability was true; see
        :func:`bayesasthma.calibration.reliability.reliability_table`.
    """

    ranks: pd.DataFrame = field(repr=False)
    fits: pd.DataFrame = field(repr=False)
    folder: Path
    reliability: pd.DataFrame = field(repr=False)

    @property
    def calibrated(self) -> bool:
        """Whether every quantity is within the tolerances stated beforehand."""
        return bool((self.ranks["verdict"] == "calibrated").all())


def calibrate(
    model: str,
    *,
    replicates: int = 100,
    n: tuple[tuple[int, ...], ...] | None = None,
    folder: str | Path = "reports/calibration",
    seed: int = SEED,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = silent,
) -> Calibration:
    """Simulation-based calibration of a model (Talts et al. 2018, arXiv:1804.06788).

    Parameters are drawn from the prior set ``weak``, patients from the parameters; their means and
    SDs (or counts) are rounded as a paper prints them and fitted; and the true value of every
    quoted quantity is ranked among the posterior draws. If model, likelihood and sampler are right,
    ranks are uniform and intervals cover as often as they say.

    Parameters
    ----------
    model : {"independent", "longitudinal", "joint", "adverse"}
    replicates : int
        At least 50 tell anything; more batches of an earlier run are added to it.
    n : tuple, optional
        Patients of each arm, such as ``((18,), (19,))``; the paper's by default.
    folder : str or Path
    seed : int
    workers : int, optional
        Processes of this machine; as many as its cores by default.
    scheduler : str, optional
        Address of a Dask scheduler, in place of this machine.
    progress : callable

    Returns
    -------
    Calibration

    Raises
    ------
    UsageError
        If the model or an option is unknown.
    BayesAsthmaError
        If a batch fails or the folder cannot be written.
    """
    if replicates < 1:
        raise UsageError("at least one replicate")
    folder = Path(folder)
    cases = cases_of(model, n)
    jobs = {RankJob(case): replicates for case in cases}
    arrays = run_jobs(
        jobs, folder, seed=seed, workers=workers, scheduler=scheduler, progress=progress
    )
    tables = [rank_rows(case, arrays[case.name]) for case in cases]
    facts = [facts_row(case.name, arrays[case.name]) for case in cases]
    claims = [claim_rows(case, arrays[case.name]) for case in cases]
    result = Calibration(
        pd.concat(tables, ignore_index=True),
        pd.DataFrame(facts),
        folder,
        pd.concat(claims, ignore_index=True),
    )
    write_csv(result.ranks, folder / "ranks.csv")
    write_csv(result.fits, folder / "fits.csv")
    write_csv(result.reliability, folder / "reliability.csv")
    for case, table in zip(cases, tables, strict=True):
        draw_ranks(case, table, folder)
    return result


def run_jobs(
    jobs: dict[Any, int],
    folder: Path,
    *,
    seed: int = SEED,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = silent,
) -> dict[str, dict[str, np.ndarray]]:
    """Do jobs, each with its number of replicates; arrays of each by its name.

    Batches that are done already, under the same source and versions, are read instead.
    """
    own = environment()
    batches = {
        job.name: [
            Batch(job, number, seed, own, digest(job.source))
            for number in range(job.batches(replicates))
        ]
        for job, replicates in jobs.items()
    }
    every = [batch for some in batches.values() for batch in some]
    run_batches(every, folder / BATCHES, workers=workers, scheduler=scheduler, progress=progress)
    return {name: _joined(folder / BATCHES, some) for name, some in batches.items()}


def _joined(folder: Path, batches: Iterable[Batch]) -> dict[str, np.ndarray]:
    """Arrays of all batches of a job, one after the other along their replicates."""
    parts = []
    for batch in batches:
        arrays = load(folder, batch)
        if arrays is None:
            raise BayesAsthmaError(f"{folder / batch.path} is gone; run again")
        parts.append(arrays)
    ranked = "names" in parts[0]
    joined = {
        "values": np.concatenate([part["values"] for part in parts], axis=1 if ranked else 0),
        "fits": np.concatenate([part["fits"] for part in parts]),
        "seconds": np.stack([part["seconds"] for part in parts]),
    }
    return joined | ({"names": parts[0]["names"]} if ranked else {})


def rank_rows(case: Case, arrays: dict[str, np.ndarray]) -> pd.DataFrame:
    """Rows of ``ranks.csv`` of a case."""
    return rank_table(case.name, [str(name) for name in arrays["names"]], arrays["values"])


def claim_rows(case: Case, arrays: dict[str, np.ndarray]) -> pd.DataFrame:
    """Rows of ``reliability.csv`` of a case."""
    return reliability_table(case.name, [str(name) for name in arrays["names"]], arrays["values"])


def facts_row(name: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Row of ``fits.csv`` of a job."""
    return {"case": name, **fit_facts(arrays["fits"], arrays["seconds"])}


def draw_ranks(case: Case, table: pd.DataFrame, folder: Path) -> Path:
    """Draw a case's figure."""
    from bayesasthma.calibration.figures import rank_figure

    count = int(table["replicates"].max())
    return save_figure(
        rank_figure(table, f"{case.title}: {count} replicates"),
        folder / "figures" / f"{case.name}.png",
    )


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure as PNG, without the version of the library in it."""
    from bayesasthma.calibration.figures import DPI

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
    except OSError as error:
        raise BayesAsthmaError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table with four significant digits: its Monte Carlo error carries no more."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False, float_format="%.4g", lineterminator="\n")
    except OSError as error:
        raise BayesAsthmaError(f"cannot write {path}: {error.strerror or error}") from error
