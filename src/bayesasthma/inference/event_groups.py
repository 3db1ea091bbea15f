"""Events that are analysed together: those of one direction, under the readings that differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bayesasthma.models.adverse_counts import READINGS
from bayesasthma.priors.distributions import PriorSet
from bayesasthma.study.study import Study

#: Words for the direction of benefit of an event, as the bundle has them.
DIRECTION_NAMES = {-1: "lower", 1: "higher", 0: "none"}


@dataclass(frozen=True)
class EventGroup:
    """Events of one direction, which a hierarchical model may pool.

    Attributes
    ----------
    study : Study
        With the counts of these events alone.
    direction : {-1, 1, 0}
        Whether fewer events, more, or neither is a benefit.
    name : str
        ``lower``, ``higher`` or ``none``; blank if the study has no other events.
    """

    study: Study
    direction: int
    name: str


def event_groups(study: Study) -> list[EventGroup]:
    """The events of a study by direction, in the order of their first rows.

    Effects are pooled over the events of a group: a treatment that works makes reactions rarer and
    remissions more frequent, so that pooling over both would cancel what they have in common.
    """
    directions = study.adverse["direction"]
    found = list(dict.fromkeys(int(own) for own in directions))
    if len(found) == 1:
        return [EventGroup(study, found[0], "")]
    return [
        EventGroup(
            replace(study, adverse=study.adverse[directions == own].reset_index(drop=True)),
            own,
            DIRECTION_NAMES[own],
        )
        for own in found
    ]


def counted_once(study: Study) -> bool:
    """Whether every event of every arm is counted at one visit: then all readings are one."""
    visits = study.adverse.groupby(["reaction", "arm"], sort=False)["visit"].nunique()
    return bool((visits <= 1).all())


def distinct_readings(study: Study, readings: Iterable[str]) -> tuple[str, ...]:
    """The readings without those that only repeat another."""
    asked = tuple(dict.fromkeys(readings))
    if counted_once(study) and set(READINGS) <= set(asked):
        return READINGS[:1]
    return asked


def oriented(prior: PriorSet, direction: int) -> PriorSet:
    """A prior set whose rule for log odds ratios is about the benefit of events of a direction.

    Rules of a set are of minus the log odds ratio, fewer events being better. Of events that are
    good the centre changes sides; of those without a direction it is no effect. Priors of log odds
    ratios given outright, and external evidence, are of log odds ratios as they stand.
    """
    if direction < 0 or prior.centre == "none":
        return prior
    if direction == 0:
        return replace(prior, centre="none")
    return replace(prior, centre="minus_target" if prior.centre == "target" else "target")
