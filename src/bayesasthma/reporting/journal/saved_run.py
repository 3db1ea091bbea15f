"""The tables that a run left in its folder, read back and held against the study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from bayesasthma._files.output import as_written
from bayesasthma.comparison.posterior_beside_p import COLUMNS as COMPARISON_COLUMNS
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.adverse_table import COLUMNS as ADVERSE_COLUMNS
from bayesasthma.results.effect_table import COLUMNS as EFFECT_COLUMNS
from bayesasthma.study.study import Study

#: Columns of words; the others hold numbers.
WORDS = {
    "study", "outcome", "reaction", "arm", "visit", "model", "prior", "estimand", "unit", "reading",
    "direction", "gate", "mcid_kind", "p_printed", "p_printed_operator", "verdict",
    "significance_changes", "headline", "sceptical_method",
}  # fmt: skip


def load_run(study: Study, folder: str | Path) -> ReanalysisResults:
    """Results of an earlier run of the main job, as its tables have them; no fits, no draws.

    Parameters
    ----------
    study : Study
    folder : path
        Where the run left ``run.json``, ``effects.csv``, ``comparison.csv`` and, of studies with
        counts, ``adverse.csv``.

    Returns
    -------
    ReanalysisResults
        With six significant digits, as in the files; ``table_fits`` and ``adverse_fits`` are empty.

    Raises
    ------
    BayesAsthmaError
        If a table is missing or damaged, or was made from other inputs than the study's.
    """
    folder = Path(folder)
    run = _run(study, folder)
    adverse = (
        pd.DataFrame(columns=ADVERSE_COLUMNS)
        if study.adverse.empty
        else _read(folder / "adverse.csv", ADVERSE_COLUMNS, study)
    )
    comparison = _read(folder / "comparison.csv", COMPARISON_COLUMNS, study)
    return ReanalysisResults(
        study=study,
        table_fits=[],
        adverse_fits=[],
        effects=_read(folder / "effects.csv", EFFECT_COLUMNS, study),
        adverse=adverse,
        comparison=comparison.assign(headline=comparison["headline"] == "True"),
        diagnostics=pd.DataFrame(),
        run=run,
    )


def _run(study: Study, folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    again = f"run 'bayesasthma reanalyse' on {study.name} with --out {folder}"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BayesAsthmaError(
            f"no finished run in {folder} ({path.name}); {again} first"
        ) from error
    except (OSError, ValueError) as error:
        raise BayesAsthmaError(f"cannot read {path}: {error}; {again}") from error
    if not isinstance(run, dict) or run.get("study") != study.name:
        found = run.get("study") if isinstance(run, dict) else run
        raise BayesAsthmaError(f"{path}: found the study {found!r}, expected {study.name!r}")
    made_from, inputs = run.get("checksums", {}), study.checksums
    changed = sorted(
        name for name in {*made_from, *inputs} if made_from.get(name) != inputs.get(name)
    )
    if changed:
        raise BayesAsthmaError(
            f"{folder}: the run was made from other inputs ({', '.join(changed)} differ); {again}"
        )
    return run


def _read(path: Path, columns: list[str], study: Study) -> pd.DataFrame:
    try:
        table = as_written(pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8"))
    except FileNotFoundError as error:
        raise BayesAsthmaError(
            f"no {path.name} in {path.parent}; run 'bayesasthma reanalyse' on {study.name} with "
            f"--out {path.parent} first"
        ) from error
    except (OSError, ValueError) as error:
        raise BayesAsthmaError(f"cannot read {path}: {error}") from error
    missing = [name for name in columns if name not in table]
    if missing:
        raise BayesAsthmaError(
            f"{path}: no column {', '.join(missing)}; was it written by another version?"
        )
    numbers = {name: _numbers(path, table[name]) for name in columns if name not in WORDS}
    return table[columns].assign(**numbers)


def _numbers(path: Path, cells: pd.Series) -> pd.Series:
    values = pd.to_numeric(cells.replace("", None), errors="coerce")
    wrong = values.isna() & (cells != "")
    if wrong.any():
        at = int(wrong.to_numpy().argmax())
        raise BayesAsthmaError(
            f"{path.name}, row {at + 2}, column {cells.name}: found {cells.iloc[at]!r}, expected a "
            "number or nothing"
        )
    return values.astype(float)
