"""Which outcomes of several studies are one, where their ids differ: a small TOML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bayesasthma._files.toml import parse_toml
from bayesasthma.errors import UsageError

#: An id names files and columns.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
EXAMPLE = 'act = { outcome = "act_total", factor = 1.0, arms = ["high"] }'


def read_outcome_map(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Read a map of outcomes.

    One table for each pooled outcome, with the study's outcome by study name; or a table of
    ``outcome``, ``factor`` (pooled unit per unit of the study) and ``arms`` (treated arms that are
    pooled)::

        [outcomes.fev1]
        trial-a = "fev1"
        trial-b = { outcome = "fev1_litres", factor = 1000, arms = ["high"] }

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
        By pooled outcome and study: ``outcome``, ``factor`` (None if not stated), ``arms``.

    Raises
    ------
    UsageError
        Every fault in the file, with its key, its value and what was expected.
    """
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the map {path}: {error}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    faults: list[str] = []
    tables = content.get("outcomes")
    if set(content) != {"outcomes"} or not isinstance(tables, dict):
        raise UsageError(f"{path}: expected tables [outcomes.ID] and nothing else")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for outcome, table in tables.items():
        where = f"[outcomes.{outcome}]"
        if not ID.fullmatch(outcome):
            faults.append(f"{where}: expected letters, digits, '-', '_' and '.' in an id")
        if not isinstance(table, dict):
            faults.append(f"{where} = {table!r}: expected a study and its outcome on each line")
            continue
        found[outcome] = {
            study: own
            for study, value in table.items()
            if (own := _source(value, f"{where} {study}", faults)) is not None
        }
    if faults:
        raise UsageError(f"{path}: " + "\n  ".join(["", *faults]).strip())
    return found


def _source(value: Any, where: str, faults: list[str]) -> dict[str, Any] | None:
    if isinstance(value, str):
        return {"outcome": value, "factor": None, "arms": ()}
    if not isinstance(value, dict) or not isinstance(value.get("outcome"), str):
        faults.append(
            f"{where} = {value!r}: expected an outcome's id, or a table such as {EXAMPLE}"
        )
        return None
    before = len(faults)
    faults += [
        f"{where} {key}: expected one of outcome, factor, arms"
        for key in value
        if key not in ("outcome", "factor", "arms")
    ]
    factor, arms = value.get("factor"), value.get("arms", [])
    number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if factor is not None and not (number and 0 < factor < float("inf")):
        faults.append(f"{where} factor = {factor!r}: expected a positive number")
    if not isinstance(arms, list) or not all(isinstance(arm, str) for arm in arms):
        faults.append(f"{where} arms = {arms!r}: expected a list of ids of treated arms")
    if len(faults) > before:
        return None
    return {
        "outcome": value["outcome"],
        "factor": None if factor is None else float(factor),
        "arms": tuple(arms),
    }
