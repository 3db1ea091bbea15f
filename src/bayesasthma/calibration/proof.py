"""The committed proof: every case, scenario and rule, tied to the source that produced it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.calibration.cases import CASES, Case, at_paper_sizes
from bayesasthma.calibration.common_change import GRID
from bayesasthma.calibration.common_change_table import common_change_table, read_common_change
from bayesasthma.calibration.figures import (
    common_change_figure,
    misspecification_figure,
    operating_figure,
    reliability_figure,
)
from bayesasthma.calibration.misspecification import MisspecificationJob, misspecification_table
from bayesasthma.calibration.operating import BENEFITS, PRIORS, OperatingJob, operating_table
from bayesasthma.calibration.page import page
from bayesasthma.calibration.procedure import (
    SEED,
    claim_rows,
    draw_ranks,
    facts_row,
    rank_rows,
    run_jobs,
    save_figure,
    write_csv,
)
from bayesasthma.calibration.ranking import RankJob
from bayesasthma.calibration.reliability import read_reliability
from bayesasthma.calibration.scenarios import SCENARIOS
from bayesasthma.calibration.sources import SOURCES, pattern_hash, source_hash
from bayesasthma.calibration.tabulation import size_table
from bayesasthma.errors import BayesAsthmaError, UsageError
from bayesasthma.inference.fitting import silent
from bayesasthma.inference.sampling import Progress, versions
from bayesasthma.inference.sampling import source_hash as package_source_hash

#: Studies of each scenario, trials of each prior set and benefit (a rare error takes more), and
#: studies of each common improvement.
SCENARIO_STUDIES = 200
TRIALS, NULL_TRIALS = 140, 400
COMMON_CHANGE_STUDIES = 100
RECORD = "proof.json"
RENEW = "renew it with: make calibration"


def sections() -> dict[str, tuple[str, ...]]:
    """Parts of the proof, and the sources that each depends on."""
    own = {case.name: RankJob(case).source for case in CASES}
    own["misspecification"] = MisspecificationJob(SCENARIOS[0].name).source
    own["operating"] = OperatingJob(PRIORS[0], BENEFITS[0]).source
    own["common-change"] = GRID[0].source
    return own


def stale(folder: Path) -> dict[str, str]:
    """Sections of a proof that are missing or made of another source or study, and why."""
    record = read_record(folder)
    found = {}
    for name, sources in sections().items():
        held = record.get("sections", {}).get(name)
        if held is None:
            found[name] = "missing"
            continue
        changed = [own for own in sources if held["source"].get(own) != source_hash(own)]
        if changed:
            found[name] = f"the source of {', '.join(changed)} has changed"
        elif held.get("pattern") != pattern_hash():
            found[name] = "the study that simulated ones are patterned on has changed"
    return found


def read_record(folder: Path) -> dict[str, Any]:
    """``proof.json``, or an empty record if there is none."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, json.JSONDecodeError) as error:
        raise BayesAsthmaError(f"cannot read {folder / RECORD}: {error}") from error
    return record


def prove(
    folder: Path,
    *,
    only: str = "",
    most: int | None = None,
    seed: int = SEED,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Renew what is stale of a proof; sections whose source has not changed are kept.

    Parameters
    ----------
    folder : Path
    only : str
        Renew sections whose name begins so, stale or not.
    most : int, optional
        At most so many replicates of anything: for a trial run.
    seed, workers, scheduler, progress
        See :func:`bayesasthma.calibration.calibrate`.

    Returns
    -------
    list of str
        The sections renewed.

    Raises
    ------
    UsageError
        If no section's name begins with ``only``.
    """
    chosen = [name for name in sections() if name.startswith(only)] if only else list(stale(folder))
    if only and not chosen:
        raise UsageError(f"no section {only!r}; there are {', '.join(sections())}")
    jobs = {name: _jobs(name, most) for name in chosen}
    hashes = {own: source_hash(own) for own in SOURCES}
    start = time.perf_counter()
    # one run for all: a graph that several sections share is compiled once
    arrays = run_jobs(
        {job: count for own in jobs.values() for job, count in own.items()},
        folder,
        seed=seed,
        workers=workers,
        scheduler=scheduler,
        progress=progress,
    )
    wall = time.perf_counter() - start
    for name in chosen:
        own = {job.name: arrays[job.name] for job in jobs[name]}
        _TABULATE.get(name, _ranks)(own, folder)
        rows = pd.DataFrame([facts_row(key, values) for key, values in own.items()])
        _replace_rows(folder / "fits.csv", rows, "case")
        _keep_record(folder, name, seed, rows, hashes)
    _write(folder / "README.md", page(folder, read_record(folder)))
    progress(f"{len(chosen)} sections kept in {folder}; {wall:.0f} s")
    return chosen


def _jobs(name: str, most: int | None) -> dict[Any, int]:
    """Jobs of a section with their numbers of replicates."""
    jobs: dict[Any, int]
    if name == "misspecification":
        jobs = dict.fromkeys(
            (MisspecificationJob(scenario.name) for scenario in SCENARIOS), SCENARIO_STUDIES
        )
    elif name == "operating":
        jobs = {
            OperatingJob(prior, benefit): TRIALS if benefit else NULL_TRIALS
            for prior in PRIORS
            for benefit in BENEFITS
        }
    elif name == "common-change":
        jobs = dict.fromkeys(GRID, COMMON_CHANGE_STUDIES)
    else:
        case = _case(name)
        jobs = {RankJob(case): case.replicates}
    return {job: count if most is None else min(count, most) for job, count in jobs.items()}


def _case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


Arrays = dict[str, dict[str, np.ndarray]]


def _ranks(arrays: Arrays, folder: Path) -> None:
    for name, own in arrays.items():
        table = rank_rows(_case(name), own)
        _replace_rows(folder / "ranks.csv", table, "case")
        names = [str(quantity) for quantity in own["names"]]
        if _case(name).model == "longitudinal":
            _replace_rows(folder / "sizes.csv", size_table(name, names, own["values"]), "case")
        _replace_rows(folder / "reliability.csv", claim_rows(_case(name), own), "case")
        draw_ranks(_case(name), table, folder)
    every = read_reliability(folder / "reliability.csv")
    figure = reliability_figure(every, at_paper_sizes())
    save_figure(figure, folder / "figures" / "reliability.png")


def _misspecification(arrays: Arrays, folder: Path) -> None:
    table = misspecification_table(
        {own.name: arrays[MisspecificationJob(own.name).name]["values"] for own in SCENARIOS}
    )
    write_csv(table, folder / "misspecification.csv")
    save_figure(misspecification_figure(table), folder / "figures" / "misspecification.png")


def _operating(arrays: Arrays, folder: Path) -> None:
    table = operating_table(
        {
            (prior, benefit): arrays[OperatingJob(prior, benefit).name]["values"]
            for prior in PRIORS
            for benefit in BENEFITS
        }
    )
    write_csv(table, folder / "operating.csv")
    save_figure(operating_figure(table), folder / "figures" / "operating.png")


def _common_change(arrays: Arrays, folder: Path) -> None:
    table = common_change_table({job: arrays[job.name]["values"] for job in GRID})
    write_csv(table, folder / "common_change.csv")
    before = read_common_change(folder / "common_change_before.csv")
    figure = common_change_figure(table, before)
    save_figure(figure, folder / "figures" / "common-change.png")


_TABULATE = {
    "misspecification": _misspecification,
    "operating": _operating,
    "common-change": _common_change,
}


def _replace_rows(path: Path, rows: pd.DataFrame, key: str) -> None:
    """Put rows in a table in place of those with the same key."""
    if path.exists():
        held = pd.read_csv(path)
        columns = list(rows.columns)  # of the present source, in its order
        rows = pd.concat([held[~held[key].isin(rows[key])], rows], ignore_index=True)[columns]
    order = {case.name: i for i, case in enumerate(CASES)}
    rows = rows.sort_values(
        key, key=lambda names: names.map(lambda name: order.get(name, len(order))), kind="stable"
    )
    write_csv(rows, path)


def _keep_record(
    folder: Path, name: str, seed: int, rows: pd.DataFrame, hashes: dict[str, str]
) -> None:
    record = read_record(folder)
    held = record.setdefault("sections", {})
    held[name] = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": seed,
        "core_seconds": round(float(rows["work_seconds"].sum()), 1),
        "fits": int(rows["fits"].sum()),
        "source": {own: hashes[own] for own in sections()[name]},
        "pattern": pattern_hash(),
        "package_source": package_source_hash(),
        "versions": versions(),
    }
    record["sections"] = {own: held[own] for own in sections() if own in held}
    _write(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BayesAsthmaError(f"cannot write {path}: {error.strerror or error}") from error
