"""Published within-patient correlations of `correlations.csv`, possible together or refused."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.study._bundle_records import frame
from bayesasthma.study._sheets import Row, Sheet

CORRELATIONS = {
    "outcome": "str",
    "arm": "str",
    "visit_1": "str",
    "visit_2": "str",
    "correlation": "float64",
    "note": "str",
    "source": "str",
}


def read_correlations(
    sheet: Sheet | None,
    outcomes: list[str],
    arms: list[str],
    visits: list[str],
    table: xr.Dataset | None,
    baseline: str | None,
    pinned: dict[tuple[str, str, str], int],
) -> pd.DataFrame:
    """Published within-patient correlations, one row each; problems go to the collector.

    Parameters
    ----------
    sheet : Sheet or None
    outcomes, arms, visits : list of str
    table : Dataset or None
        With the SDs of change, whose correlations have to go together with the published ones.
    baseline : str or None
    pinned : dict
        Of `summary_table`.
    """
    records = []
    seen: dict[tuple[str, str, frozenset[str]], Row] = {}
    for row in sheet or ():
        outcome, arm = row.choice("outcome", outcomes), row.choice("arm", arms)
        first, second = row.choice("visit_1", visits), row.choice("visit_2", visits)
        row.required("correlation")
        value = row.number("correlation", low=-1, high=1)
        if value is not None and abs(value.value) == 1:
            row.bad("correlation", "a correlation strictly between -1 and 1")
            value = None
        if outcome is None or arm is None or first is None or second is None:
            continue
        if first == second:
            row.bad("visit_2", "another visit than visit_1")
            continue
        key = (outcome, arm, frozenset((first, second)))
        if key in seen:
            row.bad("outcome", f"each pair of visits once; row {seen[key].line} has it too")
            continue
        seen[key] = row
        other = second if first == baseline else first
        if baseline in key[2] and (line := pinned.get((outcome, arm, other))) is not None:
            row.bad(
                "correlation",
                f"no row for this pair: the SD of change in summaries.csv, row {line} gives it",
            )
        if value is not None:
            names = ("outcome", "arm", "visit_1", "visit_2", "note", "source")
            texts = {name: row.text(name) for name in names}
            records.append(texts | {"correlation": value.value})
    correlations = frame(records, CORRELATIONS)
    _check_possible(correlations, visits, table, baseline, pinned, seen)
    return correlations


def _check_possible(
    correlations: pd.DataFrame,
    visits: list[str],
    table: xr.Dataset | None,
    baseline: str | None,
    pinned: dict[tuple[str, str, str], int],
    rows: dict[tuple[str, str, frozenset[str]], Row],
) -> None:
    """Correlations of the same patients must form a positive definite matrix."""
    known: defaultdict[tuple[str, str], dict[frozenset[str], float]] = defaultdict(dict)
    for outcome, arm, visit in pinned if table is not None and baseline is not None else ():
        assert table is not None
        assert baseline is not None
        sds = table["sd"].sel(outcome=outcome, arm=arm)
        first, last = (float(sds.sel(visit=v, statistic="level")) for v in (baseline, visit))
        change = float(sds.sel(visit=visit, statistic="change"))
        pair = frozenset((baseline, visit))
        known[outcome, arm][pair] = (first**2 + last**2 - change**2) / (2 * first * last)
    for record in correlations.to_dict("records"):
        pair = frozenset((record["visit_1"], record["visit_2"]))
        known[record["outcome"], record["arm"]][pair] = record["correlation"]
    for (outcome, arm), pairs in known.items():
        for names in [*combinations(visits, 3), *([tuple(visits)] if len(visits) > 3 else [])]:
            inside = [frozenset(pair) for pair in combinations(names, 2)]
            if any(pair not in pairs for pair in inside):
                continue
            matrix = np.eye(len(names))
            upper = np.triu_indices(len(names), 1)
            matrix[upper] = matrix.T[upper] = [pairs[pair] for pair in inside]
            lines = [rows[outcome, arm, pair] for pair in inside if (outcome, arm, pair) in rows]
            if np.linalg.eigvalsh(matrix)[0] <= 0 and lines:
                expected = f"correlations of {', '.join(names)} that are possible together"
                lines[-1].bad("correlation", f"{expected} (a positive definite matrix)")
                break
