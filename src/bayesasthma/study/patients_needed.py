"""Rows with too few patients for a model of all printed visits: named before anything is fitted."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from bayesasthma.errors import Problem, StudyError
from bayesasthma.study.study import Study

FILE = "summaries.csv"


def too_few_patients(study: Study, outcomes: Collection[str] | None = None) -> list[Problem]:
    """Rows of ``summaries.csv`` that no model can take, though the audit can.

    The sums of squares and products of *k* printed visits of the same patients have a Wishart
    distribution with n - 1 degrees of freedom, and a density where that is at least *k* (Anderson
    2003, An Introduction to Multivariate Statistical Analysis, section 7.2). A model of an
    outcome in an arm therefore needs k + 1 patients at each of its visits.

    Parameters
    ----------
    study : Study
    outcomes : collection of str, optional
        Those to be modelled; all by default.

    Returns
    -------
    list of Problem
        One per row, with its line; empty for a study of patients, whose visits may be missing.
    """
    rows = study.summaries
    if study.patients is not None or rows.empty:
        return []
    modelled = study.outcomes.index if outcomes is None else outcomes
    rows = rows[rows["outcome"].isin(modelled)]
    # a visit printed as a level and as a change counts once, and its level is what is modelled
    rows = rows.assign(change=rows["statistic"] == "change").sort_values("change", kind="stable")
    rows = rows.drop_duplicates(["outcome", "arm", "visit"]).sort_values("line")
    visits = rows.groupby(["outcome", "arm"])["visit"].transform("size")
    short = rows["n"] - 1 < visits
    return [_problem(row, int(count)) for (_, row), count in
            zip(rows[short].iterrows(), visits[short], strict=True)]  # fmt: skip


def _problem(row: pd.Series, visits: int) -> Problem:
    where = f"{row['outcome']} in {row['arm']}"
    printed = "visit is" if visits == 1 else "visits are"
    return Problem(
        FILE,
        int(row["line"]),
        "n",
        f"{row['n']:g}",
        f"at least {visits + 1} patients (here or in study.toml), for {visits} {printed} printed "
        f"of {where}; only the audit can use fewer",
    )


def require_patients(study: Study, outcomes: Collection[str] | None = None) -> None:
    """Refuse a study that no model can be fitted to for want of patients.

    Raises
    ------
    StudyError
        Naming every row, see `too_few_patients`.
    """
    problems = too_few_patients(study, outcomes)
    if problems:
        raise StudyError(study.name, problems)
