"""Saying the same in another way changes nothing that it should not: densities, exactly.

A posterior that is equivariant has a density that is: ``log p(parameters, table)`` equals that of
the parameters and the table said in another way, up to a constant. This is checked here at points
drawn from the prior, for every model, prior set and structure; ``tests/inference`` holds posteriors
to it by refits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pytensor.compile.mode import Mode

from bayesasthma.inference.graphs import graph_key, model_module
from bayesasthma.inference.sampling import draw_prior
from bayesasthma.models.design import Design, design
from bayesasthma.models.free_parameters import PATH_SCALE
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study
from bayesasthma.validation.said_otherwise import (
    Point,
    dealt_arms,
    in_unit,
    shifted,
    turned,
    with_arms,
    with_copy,
    with_outcomes,
)

MODE = Mode(linker="py", optimizer=None)
POINTS = 5
OUTCOMES = ("act", "feno")

#: Prior sets whose effects are symmetric about zero: an exchange of roles turns them into
#: themselves.
SYMMETRIC = ("reference", "weak", "sceptical", "empirical")
SPECIFICATIONS = [
    *(("longitudinal", {"prior": prior}) for prior in SYMMETRIC),
    *(
        ("longitudinal", {"correlation": structure})
        for structure in ("exchangeable", "ar1", "exchangeable_ar1", "fixed:0.5")
    ),
    ("longitudinal", {"variance": "common"}),
    ("longitudinal", {"rounding": False}),
    *(("longitudinal", {"prior": prior, "baseline": "common"}) for prior in ("weak", "reference")),
    *(("joint", {"prior": prior}) for prior in ("reference", "weak", "sceptical")),
    ("joint", {"baseline": "common"}),
]
NAMES = ["-".join([model, *map(str, choices.values())]) for model, choices in SPECIFICATIONS]


@pytest.fixture(scope="module")
def liu() -> Study:
    return with_outcomes(load_study("liu2025"), OUTCOMES)


@pytest.fixture(scope="module")
def three(liu: Study) -> Study:
    """Three arms whose numbers differ."""
    study = with_copy(liu, str(liu.treatments[0]))
    return shifted_arm(study, 2)


def shifted_arm(study: Study, arm: int) -> Study:
    from dataclasses import replace

    table = study.table.copy(deep=True)
    table["mean"][{"arm": arm}] = table["mean"][{"arm": arm}] * 1.03
    table["sd"][{"arm": arm}] = table["sd"][{"arm": arm}] * 1.2
    arms = study.arms
    arms["n"] = [18, 19, 25]
    table["n"][{"arm": arm}] = 25.0
    return replace(study, table=table, arms=arms)


class Densities:
    """Log-densities of studies; studies and prior sets that share a graph swap their data in it."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[str, bool], tuple[Any, Any]] = {}
        self._points: dict[tuple[str, bool], list[Point]] = {}

    def __call__(self, study: Study, spec: TableSpec) -> Callable[[Point], float]:
        """Log-density of constrained parameters and the table."""
        layout = design(study)
        model, function = self._graph(layout, spec)
        values = model_module(spec.model).data(layout, spec)
        names = [variable.name for variable in model.free_RVs]

        def evaluate(point: Point) -> float:
            for name in values.keys() & model.named_vars.keys():
                model[name].set_value(values[name])
            return float(
                function({model.rvs_to_values[model[name]].name: point[name] for name in names})
            )

        return evaluate

    def _graph(self, layout: Design, spec: TableSpec) -> tuple[Any, Any]:
        from pymc.model.transform.conditioning import remove_value_transforms

        key = graph_key(layout, spec), spec.rounding
        if key not in self._graphs:
            plain = remove_value_transforms(model_module(spec.model).build(layout, spec))
            self._graphs[key] = plain, plain.compile_logp(mode=MODE)
        return self._graphs[key]

    def points(self, study: Study, spec: TableSpec) -> list[Point]:
        """Parameters near the table, of the shapes that the specification has."""
        proper = table_spec(
            spec.model, "weak", spec.correlation, spec.variance, spec.rounding, spec.baseline
        )
        layout = design(study)
        key = graph_key(layout, proper), spec.rounding
        if key not in self._points:
            model = model_module(spec.model).build(layout, proper)
            self._points[key] = near_the_table(draw_prior(model, POINTS, 7))
        found = [dict(point) for point in self._points[key]]
        for point in found:
            if spec.prior.flat and "log_sd" not in point:
                point["log_sd"] = point.pop("log_sd_visit")
        return found

    def constant(
        self, study: Study, other: Study, spec: TableSpec, said: Callable[[Point], Point]
    ) -> np.ndarray:
        """Density of the study less that of the other, at each point."""
        first, second = self(study, spec), self(other, spec)
        found = [first(point) - second(said(point)) for point in self.points(study, spec)]
        assert np.isfinite(found).all()
        return np.asarray(found)


@pytest.fixture(scope="module")
def densities() -> Densities:
    return Densities()


def near_the_table(draws: xr.Dataset) -> list[Point]:
    found = []
    for i in range(POINTS):
        point = {str(k): v.isel(chain=0, draw=i).to_numpy() for k, v in draws.items()}
        point["baseline_level"] = 0.1 * point["baseline_level"] / PATH_SCALE
        if "visit_step" in point:
            point["visit_step"] = 0.3 * point["visit_step"] / PATH_SCALE
        found.append(point)
    return found


def chosen(model: str, choices: dict[str, Any]) -> TableSpec:
    return table_spec(model, **choices)


@pytest.mark.parametrize(("model", "choices"), SPECIFICATIONS, ids=NAMES)
def test_exchanging_the_arms_turns_the_contrasts(
    model: str, choices: dict[str, Any], liu: Study, densities: Densities
) -> None:
    order = [1, 0]
    found = densities.constant(
        liu, with_arms(liu, order), chosen(model, choices), lambda p: dealt_arms(p, order, 2)
    )
    np.testing.assert_allclose(found, 0, atol=1e-8)


@pytest.mark.parametrize(("model", "choices"), SPECIFICATIONS, ids=NAMES)
def test_the_arms_of_a_larger_trial_are_exchangeable_with_the_control(
    model: str, choices: dict[str, Any], three: Study, densities: Densities
) -> None:
    """Also the order of the treated arms, and two copies of an arm: they are permutations."""
    spec = chosen(model, choices)
    for order in ([0, 2, 1], [2, 0, 1]):
        found = densities.constant(
            three,
            with_arms(three, order),
            spec,
            lambda p, order=order: dealt_arms(p, order, 2),  # type: ignore[misc]
        )
        np.testing.assert_allclose(found, 0, atol=1e-8)


@pytest.mark.parametrize("prior", [*SYMMETRIC, "enthusiastic", "pessimistic", "external"])
def test_another_unit_or_a_turned_scale_says_the_same(
    prior: str, liu: Study, densities: Densities
) -> None:
    spec = table_spec("longitudinal", prior)
    found = densities.constant(liu, in_unit(liu, 2.54), spec, dict)
    np.testing.assert_allclose(found, 0, atol=1e-8)
    if prior != "external":  # the evidence is of the scale as printed
        found = densities.constant(liu, in_unit(liu, -2.54), spec, turned)
        np.testing.assert_allclose(found, 0, atol=1e-8)


@pytest.mark.parametrize(("model", "choices"), SPECIFICATIONS, ids=NAMES)
def test_a_shift_of_all_arms_moves_their_path_alone(
    model: str, choices: dict[str, Any], liu: Study, densities: Densities
) -> None:
    amount = 3.0
    later = shifted(liu, liu.follow_up, amount)
    spec = chosen(model, choices)
    first, second = densities(liu, spec), densities(later, spec)
    for point in densities.points(liu, spec):
        moved = dict(point)
        moved["visit_step"] = point["visit_step"] + np.array([amount, 0, 0])
        step = point["visit_step"][:, 0]
        path = 0.0 if spec.prior.flat else (((step + amount) ** 2 - step**2) / PATH_SCALE**2).sum()
        assert first(point) - second(moved) == pytest.approx(0.5 * path, abs=1e-8)


def test_the_order_of_outcomes_says_nothing(liu: Study, densities: Densities) -> None:
    spec = table_spec("longitudinal")
    other = with_outcomes(liu, OUTCOMES[::-1])

    def said(point: Point) -> Point:
        found = {name: value[::-1] for name, value in point.items() if not name.endswith("_0")}
        for name in ("epsilon_0", "rounding_0"):
            by_outcome = point[name].reshape(2, -1, *point[name].shape[1:])
            found[name] = by_outcome[::-1].reshape(point[name].shape)
        return found

    np.testing.assert_allclose(densities.constant(liu, other, spec, said), 0, atol=1e-8)


@pytest.mark.parametrize("prior", ["weak", "sceptical", "empirical"])
@pytest.mark.parametrize("reading", ["per_visit", "cumulative"])
def test_reactions_exchange_with_the_arms(prior: str, reading: str) -> None:
    from pymc.model.transform.conditioning import remove_value_transforms

    from bayesasthma.models import adverse
    from bayesasthma.models.adverse_counts import counts

    study, order = load_study("liu2025"), [1, 0]
    models = [
        remove_value_transforms(adverse.build(counts(own, reading), prior_set(prior)))
        for own in (study, with_arms(study, order))
    ]
    draws = draw_prior(models[0], POINTS, 3)
    values = []
    for model, turn in zip(models, (1.0, -1.0), strict=True):
        function = model.compile_logp(mode=MODE)
        values.append(
            [
                float(
                    function(
                        {
                            model.rvs_to_values[model[str(k)]].name: v.isel(
                                chain=0, draw=i
                            ).to_numpy()
                            * (turn if str(k) in ("fewer", "effect_common", "effect_own") else 1)
                            for k, v in draws.items()
                        }
                    )
                )
                for i in range(POINTS)
            ]
        )
    np.testing.assert_allclose(values[0], values[1], atol=1e-9)
