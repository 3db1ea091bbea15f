"""Which events are pooled, under which readings, and what a prior set says of each direction."""

from __future__ import annotations

from dataclasses import replace

import pytest

import bayesasthma as ba
from bayesasthma.inference.event_groups import (
    counted_once,
    distinct_readings,
    event_groups,
    oriented,
)
from bayesasthma.models.adverse_counts import READINGS
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    return ba.load_study("liu2025")


def with_directions(study: Study, signs: dict[str, int]) -> Study:
    adverse = study.adverse
    adverse["direction"] = [signs.get(name, -1) for name in adverse["reaction"]]
    return replace(study, adverse=adverse)


def test_reactions_are_one_group_under_the_name_they_always_had(study: Study) -> None:
    (group,) = event_groups(study)
    assert (group.name, group.direction) == ("", -1)
    assert group.study is study


def test_events_of_different_directions_are_apart(study: Study) -> None:
    names = list(study.event_directions)
    mixed = with_directions(study, {names[1]: 1, names[2]: 0})
    groups = event_groups(mixed)
    assert [group.name for group in groups] == ["lower", "higher", "none"]
    assert [list(group.study.event_directions) for group in groups] == [[name] for name in names]
    assert sum(len(group.study.adverse) for group in groups) == len(study.adverse)


def test_readings_are_one_where_every_event_is_counted_once(study: Study) -> None:
    assert not counted_once(study)
    assert distinct_readings(study, READINGS) == READINGS
    last = study.adverse[study.adverse["visit"] == "week48"]
    once = replace(study, adverse=last.reset_index(drop=True))
    assert counted_once(once)
    assert distinct_readings(once, READINGS) == ("per_visit",)
    assert distinct_readings(once, ("cumulative",)) == ("cumulative",)  # asked for by name


@pytest.mark.parametrize("name", ["enthusiastic", "pessimistic"])
def test_a_centre_is_about_benefit(name: str) -> None:
    prior = prior_set(name)
    fewer = prior.log_odds().location
    assert oriented(prior, -1) is prior
    assert oriented(prior, 1).log_odds().location == pytest.approx(-fewer)
    assert oriented(prior, 0).log_odds().location == 0
    assert oriented(prior, 1).log_odds().components[0].scale == prior.log_odds().components[0].scale


def test_a_centred_prior_is_the_same_for_all() -> None:
    for sign in (-1, 0, 1):
        assert oriented(prior_set("weak"), sign) == prior_set("weak")
