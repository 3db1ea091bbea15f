"""Posteriors follow what a table says, however it says it: by refits, within Monte Carlo error.

The contract, for every model, prior set, structure and reading where theory has it: a constant
added to all arms at a visit moves no contrast; exchanging two arms turns the effect's sign, and
P(benefit) into its complement under a prior that is symmetric; so does a turned scale, without
moving the benefit; the order of arms and outcomes, and the unit, say nothing; a copied arm has
twice the same effect. ``tests/models/test_equivariance.py`` holds densities to it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr
from tests.monte_carlo import ERRORS, mean, probability, seeded

from bayesasthma.inference.assembly import natural_moments
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.sampling import SamplerOptions, sample
from bayesasthma.models.adverse_counts import counts
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.results.estimands import adjusted_difference, difference
from bayesasthma.study.bundle import load_study
from bayesasthma.study.readings import Reading, read_as
from bayesasthma.study.study import Study
from bayesasthma.validation.said_otherwise import (
    in_unit,
    shifted,
    with_arms,
    with_copy,
    with_outcomes,
)

pytestmark = pytest.mark.slow

#: Posterior SDs by which an effect may move; stated before anything was measured.
TOLERANCE = 0.1
#: And the Monte Carlo error of a movement must be less than this share of the tolerance.
RESOLVED = 1 / 4

OUTCOMES = ("act", "feno")
OPTIONS = SamplerOptions(draws=1500, tune=400, chains=4, target_accept=0.95, seed=seeded())

LONGITUDINAL: list[dict[str, Any]] = [
    *({"prior": prior} for prior in ("weak", "sceptical", "empirical", "reference")),
    {"correlation": "exchangeable_ar1", "variance": "common", "baseline": "common"},
]
MODELS = [("longitudinal", choices) for choices in LONGITUDINAL]
MODELS += [("joint", {}), ("independent", {"prior": "weak", "variance": "common"})]
NAMES = ["-".join([model, *map(str, choices.values())]) for model, choices in MODELS]


@dataclass(frozen=True)
class Effects:
    """Draws of the headline effects (chain, draw, outcome, arm, visit) and the directions."""

    draws: xr.DataArray
    direction: dict[str, int]


@cache
def graphs() -> CompiledGraphs:
    return CompiledGraphs()


def fitted(study: Study, model: str, choices: dict[str, Any]) -> Effects:
    spec, layout = table_spec(model, **choices), design(study)
    tree = sample(graphs().get(layout, spec), OPTIONS)
    draws = tree["posterior"].to_dataset()
    moments = natural_moments(draws, layout, spec)
    if model == "independent":
        found = difference(moments).sel(visit=list(study.follow_up))
    else:
        n = xr.DataArray(layout.n_arm, {"arm": list(layout.arms)}, "arm")
        found = adjusted_difference(moments, layout.visits[0], n)
    direction = study.outcomes["direction"].to_dict()
    return Effects(found.transpose("chain", "draw", "outcome", "arm", "visit"), direction)


def moved(before: xr.DataArray, after: xr.DataArray) -> float:
    """Largest movement of a mean in posterior SDs; fails where Monte Carlo error would hide it."""
    largest = 0.0
    for outcome in before["outcome"].to_numpy():
        for arm in before["arm"].to_numpy():
            for visit in before["visit"].to_numpy():
                cell = {"outcome": outcome, "arm": arm, "visit": visit}
                first, second = mean(before.sel(cell)), mean(after.sel(cell))
                error = np.hypot(first.error, second.error) / first.scale
                assert error < RESOLVED * TOLERANCE, f"{cell}: too few draws to tell"
                largest = max(largest, abs(first.value - second.value) / first.scale)
    return largest


@cache
def liu() -> Study:
    return with_outcomes(load_study("liu2025"), OUTCOMES)


@cache
def original(number: int) -> Effects:
    return fitted(liu(), *MODELS[number])


@pytest.mark.parametrize("number", range(len(MODELS)), ids=NAMES)
def test_a_shift_of_all_arms_moves_no_contrast(number: int) -> None:
    """Once 0.6 posterior SDs on ACT at 12 weeks, where only the control arm was shrunk."""
    study = liu()
    before = original(number)
    every = fitted(shifted(study, study.follow_up, 3.0), *MODELS[number])
    assert moved(before.draws, every.draws) < TOLERANCE
    if number:
        return
    one = fitted(shifted(study, [study.follow_up[1]], -3.0), *MODELS[number])
    assert moved(before.draws, one.draws) < TOLERANCE


@pytest.mark.parametrize("number", range(len(MODELS)), ids=NAMES)
def test_exchanged_arms_have_the_opposite_effect(number: int) -> None:
    before = original(number)
    after = fitted(with_arms(liu(), [1, 0]), *MODELS[number])
    assert moved(before.draws, -after.draws) < TOLERANCE
    for outcome, sign in before.direction.items():
        for visit in before.draws["visit"].to_numpy():
            cell = {"outcome": outcome, "visit": visit}
            first, second = (
                probability((sign * own.draws.sel(cell).isel(arm=0)) > 0) for own in (before, after)
            )
            error = np.hypot(first.error, second.error)
            assert abs(first.value + second.value - 1) < ERRORS * error + 1e-3


@pytest.mark.parametrize("prior", ["weak", "enthusiastic", "empirical"])
def test_a_turned_scale_in_another_unit_has_the_same_benefit(prior: str) -> None:
    before = fitted(liu(), "longitudinal", {"prior": prior})
    after = fitted(in_unit(liu(), -2.54), "longitudinal", {"prior": prior})
    assert moved(before.draws, after.draws / -2.54) < TOLERANCE


def test_the_order_of_outcomes_moves_nothing() -> None:
    before = original(0)
    after = fitted(with_outcomes(liu(), OUTCOMES[::-1]), *MODELS[0])
    assert moved(before.draws, after.draws.sel(outcome=list(OUTCOMES))) < TOLERANCE


@pytest.mark.parametrize("model", ["longitudinal", "joint"])
def test_a_copied_arm_has_twice_the_same_effect(model: str) -> None:
    treated = str(liu().treatments[0])
    found = fitted(with_copy(liu(), treated), model, {}).draws
    first, second = (found.isel(arm=[k]).assign_coords(arm=["arm"]) for k in (0, 1))
    assert moved(first, second) < TOLERANCE


@pytest.mark.parametrize("reading", [Reading("log"), Reading("identity", "se")])
def test_readings_of_the_table_keep_the_contract(reading: Reading) -> None:
    """On the log scale a factor common to all arms is the shift, and a unit."""
    study = with_outcomes(load_study("liu2025"), ["feno", "total_ige"])
    before = fitted(read_as(study, reading), "longitudinal", {})
    exchanged = fitted(read_as(with_arms(study, [1, 0]), reading), "longitudinal", {})
    assert moved(before.draws, -exchanged.draws) < TOLERANCE
    if reading.scale == "log":
        after = fitted(read_as(in_unit(study, 3.0), reading), "longitudinal", {})
        assert moved(before.draws, after.draws) < TOLERANCE
    else:
        later = shifted(study, study.follow_up, 3.0)
        after = fitted(read_as(later, reading), "longitudinal", {})
        assert moved(before.draws, after.draws) < TOLERANCE


@pytest.mark.parametrize("prior", ["weak", "empirical"])
@pytest.mark.parametrize("reading", ["per_visit", "cumulative"])
def test_reactions_of_exchanged_arms(prior: str, reading: str) -> None:
    study = load_study("liu2025")
    found = []
    for own in (study, with_arms(study, [1, 0])):
        data = counts(own, reading)
        options = replace(OPTIONS, draws=4000)
        tree = sample(graphs().get_adverse(data, prior_set(prior)), options)
        found.append(fewer(tree["posterior"].to_dataset(), prior, data.reactions))
    assert moved(found[0], -found[1]) < TOLERANCE


def fewer(posterior: xr.Dataset, prior: str, reactions: tuple[str, ...]) -> xr.DataArray:
    """Minus the log odds ratios, as effects with one visit."""
    if "fewer" in posterior:
        values = posterior["fewer"].transpose("chain", "draw", "reaction", "treated")
    else:
        ratio = prior_set(prior).log_odds()
        share = posterior["pooling"]
        mixed = (
            np.sqrt(share) * posterior["effect_common"]
            + np.sqrt(1 - share) * (posterior["effect_own"])
        )
        values = ratio.location + ratio.scale * mixed
        values = values.transpose("chain", "draw", "reaction", "treated")
    return xr.DataArray(
        values.to_numpy()[..., None],
        {"outcome": list(reactions), "arm": ["arm"], "visit": ["all"]},
        ("chain", "draw", "outcome", "arm", "visit"),
    )
