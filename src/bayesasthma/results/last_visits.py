"""The last visit that each outcome has: not every outcome of a study is seen to its end."""

from __future__ import annotations

import pandas as pd

from bayesasthma.study.study import Study


def at_last_visit(table: pd.DataFrame, study: Study | None = None) -> pd.Series:
    """Which rows are at the last visit that their outcome has in their arm.

    Parameters
    ----------
    table : DataFrame
        With columns ``outcome``, ``arm`` and ``week``; or without the weeks, but ``visit``.
    study : Study, optional
        Where there are no weeks.

    Returns
    -------
    Series of bool
    """
    week = table["week"] if study is None else table["visit"].map(study.visits["week"].to_dict())
    last = week.groupby([table["outcome"], table["arm"]], sort=False).transform("max")
    return week == last


def earlier_visit(study: Study, visit: str, last: str) -> str:
    """The label of a visit if it is not the last one of those shown, else blank."""
    return "" if visit == last else str(study.visits["label"][visit])
