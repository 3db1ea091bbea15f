"""A rerun with nothing changed takes up the tables, figures and page of the run before it.

A finished run leaves its tables at full precision in the folder ``unrounded`` and, written last, a
fingerprint of all that they, the figures and the page depend on. A rerun that finds the same
fingerprint has nothing to do.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesasthma._files.output import write_text
from bayesasthma.inference.sampling import SamplerOptions, versions
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.shipped_proof import proof_folder
from bayesasthma.study.study import Study

#: Folder of the tables at full precision, and the file with the fingerprint in it.
FOLDER, FINGERPRINT = "unrounded", "fingerprint.txt"
TABLES = (
    "effects", "adverse", "comparison", "diagnostics", "joint", "missing", "tipping", "next_trial",
)  # fmt: skip
#: Packages, beside those that a fit depends on, that make the tables, the figures and the page.
PACKAGES = ("arviz-plots", "jinja2", "matplotlib", "pandas", "pillow", "pyarrow")


def keep(
    results: ReanalysisResults, folder: Path, options: SamplerOptions, missing: str | None = None
) -> None:
    """Leave the tables and the fingerprint of a run whose other files are all written.

    Nothing is left of tables that a file would not give back as they are, nor where a file of the
    folder cannot be read.
    """
    own = folder / FOLDER
    own.mkdir(parents=True, exist_ok=True)
    (own / FINGERPRINT).unlink(missing_ok=True)
    for name in TABLES:
        table, path = getattr(results, name), own / f"{name}.parquet"
        table.to_parquet(path)
        if not table.equals(pd.read_parquet(path)):
            return
    try:
        mark = fingerprint(results.study, folder, options, missing)
    except OSError:  # a file of somebody else's in the folder, which cannot be read
        return
    write_text(mark, own / FINGERPRINT)


def take_up(
    study: Study, folder: Path, options: SamplerOptions, missing: str | None = None
) -> dict[str, pd.DataFrame] | None:
    """The tables of the run before, by name, if nothing has changed since; else None."""
    own = folder / FOLDER
    try:
        wanted = fingerprint(study, folder, options, missing)
        if (own / FINGERPRINT).read_text(encoding="utf-8") != wanted:
            return None
        return {name: pd.read_parquet(own / f"{name}.parquet") for name in TABLES}
    except (OSError, ValueError):
        return None


def fingerprint(
    study: Study, folder: Path, options: SamplerOptions, missing: str | None = None
) -> str:
    """SHA-256 of the study, options, versions, plot settings and files that a run depends on.

    The files are those of this package, of its calibration and of ``folder`` (fits, specification
    curve and all that was written), but for the run's own record, the fingerprint and the tables
    for a paper, which are made of the others.
    """
    import matplotlib as mpl

    calibration = proof_folder()
    facts = {
        "study": {item.name: _plain(getattr(study, item.name)) for item in fields(study)},
        "options": options.record(),
        "missing": missing,
        "versions": [sys.version, versions(), {name: version(name) for name in PACKAGES}],
        # as a dictionary: looking up the backend would choose one
        "plots": {k: v for k, v in dict.items(mpl.rcParams) if not k.startswith("backend")},
        "package": list(_files(Path(__file__).parents[1])),
        "calibration": list(_files(calibration)) if calibration is not None else [],
        "folder": list(_files(folder, ("run.json", f"{FOLDER}/{FINGERPRINT}", "tables"))),
    }
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A frame or dataset as dictionaries and lists, whose ``repr`` tells every digit."""
    if isinstance(value, pd.DataFrame):
        return value.to_dict("split")
    if isinstance(value, xr.Dataset):
        return value.to_dict()
    return value


def _files(folder: Path, but: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of every file below a folder, in order, but for some files and folders."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        left_out = any(name == own or name.startswith(f"{own}/") for own in but)
        if left_out or "__pycache__" in path.parts or not path.is_file():
            continue
        with path.open("rb") as stream:
            yield name, hashlib.file_digest(stream, "sha256").hexdigest()
