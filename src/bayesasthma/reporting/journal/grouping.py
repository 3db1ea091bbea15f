"""Order and headings of rows about outcomes: by outcome over visits, or by domain at one visit."""

from __future__ import annotations

import pandas as pd

from bayesasthma.plots.style import pretty_unit, visit_name
from bayesasthma.reporting.wording import mcid_text
from bayesasthma.study.study import Study

type Group = tuple[str, list[tuple[str, pd.Series]]]


def one_visit(rows: pd.DataFrame) -> bool:
    """Whether every row is at the same visit."""
    return len(set(rows["visit"])) == 1


def grouped(study: Study, rows: pd.DataFrame) -> list[Group]:
    """Headings, each with its labelled rows.

    An outcome with its visits below it; where there is one visit, a domain with its outcomes.

    Parameters
    ----------
    study : Study
    rows : DataFrame
        With columns ``outcome`` and ``visit``; one row of each pair.

    Returns
    -------
    list of (str, list of (str, Series))
    """
    single = one_visit(rows)
    groups: dict[str, Group] = {}
    for outcome in map(str, study.outcomes.index):
        own = rows[rows["outcome"] == outcome]
        if own.empty:
            continue
        domain = str(study.outcomes["domain"][outcome]).strip() or "Outcomes"
        key = domain if single else outcome
        heading = f"{domain[:1].upper()}{domain[1:]}" if single else outcome_heading(study, outcome)
        members = groups.setdefault(key, (heading, []))[1]
        for visit in study.visits.index:
            for _, row in own[own["visit"] == visit].iterrows():
                label = outcome_heading(study, outcome) if single else visit_name(study, str(visit))
                members.append((label, row))
    return list(groups.values())


def outcome_heading(study: Study, outcome: str) -> str:
    """Label, unit and MCID of an outcome."""
    meta = study.outcomes.loc[outcome]
    unit = str(meta["unit"])
    parts = [pretty_unit(unit)] if unit else []
    if size := mcid_text(meta["mcid"], meta["mcid_kind"], unit):
        parts.append(f"MCID {size}")
    return f"{meta['label']} ({'; '.join(parts)})" if parts else str(meta["label"])
