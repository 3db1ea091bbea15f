"""Adverse reactions and other events that two studies or more count, and each study's counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bayesasthma.errors import UsageError
from bayesasthma.inference.event_groups import DIRECTION_NAMES
from bayesasthma.results.pooled_events import EventCounts
from bayesasthma.study.study import Study


@dataclass(frozen=True)
class StudyEvent:
    """One study's counts of an event.

    Attributes
    ----------
    study : str
    visit : str
    week : float
    arms : tuple of str
        Treated arms, whose patients are added up.
    counts : EventCounts
    """

    study: str
    visit: str
    week: float
    arms: tuple[str, ...]
    counts: EventCounts


@dataclass(frozen=True)
class SharedEvent:
    """An event of two studies or more.

    Attributes
    ----------
    reaction : str
        Its id.
    direction : {-1, 1, 0}
        Whether fewer events, more, or neither is a benefit.
    studies : tuple of StudyEvent
    """

    reaction: str
    direction: int
    studies: tuple[StudyEvent, ...]


def shared_events(
    studies: Sequence[Study], treatment: Sequence[str] = ()
) -> tuple[list[SharedEvent], dict[str, str]]:
    """Events that two studies or more count in both arms, matched by id.

    Parameters
    ----------
    studies : sequence of Study
    treatment : sequence of str
        Ids of the treated arms that are pooled, of studies that have one of them; of other studies,
        and by default, all treated arms.

    Returns
    -------
    list of SharedEvent
        In the order of their first rows.
    dict of str to str
        Events that one study alone counts in both arms, and that study.

    Raises
    ------
    UsageError
        If the studies' directions of benefit of an event differ.
    """
    found: dict[str, list[StudyEvent]] = {}
    directions: dict[str, dict[str, int]] = {}
    for study in studies:
        if study.adverse.empty:
            continue
        for reaction, direction in study.event_directions.items():
            own = _last_counts(study, reaction, treatment)
            if own is not None:
                found.setdefault(reaction, []).append(own)
                directions.setdefault(reaction, {})[study.name] = direction
    shared = []
    for reaction, by_study in found.items():
        if len(by_study) < 2:
            continue
        stated = directions[reaction]
        if len(set(stated.values())) > 1:
            listed = ", ".join(f"{name}: {DIRECTION_NAMES[own]}" for name, own in stated.items())
            raise UsageError(
                f"{reaction}: the direction of benefit differs between studies ({listed}); state "
                "one in the column direction of adverse.csv"
            )
        shared.append(SharedEvent(reaction, next(iter(stated.values())), tuple(by_study)))
    alone = {name: own[0].study for name, own in found.items() if len(own) == 1}
    return shared, alone


def _last_counts(study: Study, reaction: str, treatment: Sequence[str]) -> StudyEvent | None:
    """Counts at the last visit that has them of the control arm and of every treated one.

    If no visit has every treated arm, those of the last that has one.
    """
    table: pd.DataFrame = study.adverse
    table = table[table["reaction"] == reaction]
    arms = [arm for arm in study.treatments if arm in treatment] or study.treatments
    seen = {visit: set(own["arm"]) for visit, own in table.groupby("visit", sort=False)}
    both = [
        visit
        for visit in map(str, study.visits.index)
        if study.control in seen.get(visit, ()) and seen[visit] & set(arms)
    ]
    if not both:
        return None
    visit = ([own for own in both if set(arms) <= seen[own]] or both)[-1]
    rows = table[table["visit"] == visit].set_index("arm")
    treated = tuple(arm for arm in arms if arm in rows.index)
    chosen = rows.loc[list(treated)]
    return StudyEvent(
        study.name,
        visit,
        float(study.visits["week"][visit]),
        treated,
        EventCounts(
            (int(rows["events"][study.control]), int(chosen["events"].sum())),
            (int(rows["n"][study.control]), int(chosen["n"].sum())),
        ),
    )
