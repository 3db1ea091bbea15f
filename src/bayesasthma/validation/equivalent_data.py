"""OQ: data said in another way act on the results as on the data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference.fitting import Fit, fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.kernels.model import KernelModel
from bayesasthma.models.prior_scales import PATH_SCALE
from bayesasthma.results.effect_table import estimand_draws
from bayesasthma.study.bundle import bundled_studies, load_study
from bayesasthma.study.study import Study
from bayesasthma.validation.agreement import IN_ERRORS, WHY_ERRORS, apart, close, same_posterior
from bayesasthma.validation.bench import STUDY, Bench
from bayesasthma.validation.graph_densities import CASES, kernel_of, points
from bayesasthma.validation.items import Check, Finding
from bayesasthma.validation.said_otherwise import (
    Point,
    dealt_arms,
    in_unit,
    shifted,
    turned,
    with_arms,
    with_outcomes,
)

#: Outcomes of refits: one scale whose rise and one whose fall is a benefit.
OUTCOMES = ("act", "feno")
EXCHANGED = [1, 0]
#: Another unit, and a shift of all follow-up means in baseline SDs.
UNIT, SHIFT = 2.54, 3.0
EXACT, WHY = "1e-8", "A density is computed, not sampled: nothing but rounding may differ."


def checks() -> list[Check]:
    """Densities exactly, draws within error."""

    def exact(
        number: int, tested: str, expected: str, run: Callable[[Bench], Finding], quick: bool = True
    ) -> Check:
        return Check(f"OQ-{number}", "R20", tested, expected, EXACT, WHY, run, quick)

    def sampled(number: int, tested: str, run: Callable[[Bench], Finding]) -> Check:
        return Check(
            f"OQ-{number}", "R20", f"{tested}: refit of {' and '.join(OUTCOMES)}, mean and P(> 0) "
            "of the adjusted differences", "the effects accordingly", IN_ERRORS, WHY_ERRORS, run,
        )  # fmt: skip

    return [
        exact(70, "Arms exchanged, default model", "the same density with the contrasts' signs "
              "turned", lambda bench: arms_exchanged(bench, "longitudinal")),
        exact(71, "Arms exchanged, model joint", "the same density with the contrasts' signs "
              "turned", lambda bench: arms_exchanged(bench, "joint"), quick=False),
        exact(72, "Arms exchanged, reactions", "the same density with the effects' signs turned",
              reactions_exchanged),
        exact(73, f"All outcomes in another unit (times {UNIT:g}), and on a turned scale",
              "the same density, contrasts' signs turned with the scale", other_unit),
        exact(74, f"All follow-up means {SHIFT:g} baseline SDs higher in both arms",
              "the same density about a path that is higher", all_shifted),
        Check(
            "OQ-75", "R20", "Rows of every file of the bundle in another order",
            "the same data, bit by bit", "none", "Order says nothing.", rows_shuffled,
        ),
        sampled(76, "Arms exchanged", lambda bench: refit(bench, _exchange, -1.0)),
        sampled(77, f"Another unit (times {UNIT:g})", lambda bench: refit(bench, _unit, 1 / UNIT)),
        sampled(78, f"Both arms {SHIFT:g} SDs higher", lambda bench: refit(bench, _shift, 1.0)),
    ]  # fmt: skip


def _split(model: KernelModel, x: np.ndarray) -> Point:
    parts = np.split(x, np.cumsum([own.size for own in model.free])[:-1])
    return {own.name: part.reshape(own.shape) for own, part in zip(model.free, parts, strict=True)}


def _value(model: KernelModel, point: Point) -> float:
    x = np.concatenate([np.ravel(point[own.name]) for own in model.free])
    value, _, status = model.value_and_gradient(x)
    return value if status == 0 else np.nan


def _same(
    bench: Bench,
    other: Study,
    case: str,
    said: Callable[[Point], Point],
    change: Callable[[Point], float] = lambda _: 0.0,
) -> tuple[list[float], list[float]]:
    """Densities of the other study at what points of the study are there, and of the study.

    ``said`` acts on the sampler's scale; ``change``, what the other density lacks, is of the named
    parameters.
    """
    first, second = kernel_of(CASES[case], bench.study), kernel_of(CASES[case], other)
    given = points(first)
    return (
        [_value(second, said(_split(first, x))) + change(first.expand(x)) for x in given],
        [_value(first, _split(first, x)) for x in given],
    )


def _found(*pairs: tuple[list[float], list[float]]) -> Finding:
    found = np.concatenate([first for first, _ in pairs])
    expected = np.concatenate([second for _, second in pairs])
    return close(found, expected, [f"point {i + 1}" for i in range(len(found))], float(EXACT))


def arms_exchanged(bench: Bench, case: str) -> Finding:
    """The control arm takes the other's place."""
    other, count = with_arms(bench.study, EXCHANGED), len(bench.study.outcomes)
    return _found(_same(bench, other, case, lambda p: dealt_arms(p, EXCHANGED, count)))


def reactions_exchanged(bench: Bench) -> Finding:
    """The same of reactions."""

    def said(point: Point) -> Point:
        turn = ("effect_common", "effect_own", "fewer")
        return {name: -value if name in turn else value for name, value in point.items()}

    return _found(_same(bench, with_arms(bench.study, EXCHANGED), "adverse", said))


def other_unit(bench: Bench) -> Finding:
    """Another unit of the same sign and of the other."""
    return _found(
        _same(bench, in_unit(bench.study, UNIT), "longitudinal", dict),
        _same(bench, in_unit(bench.study, -UNIT), "longitudinal", turned),
    )


def all_shifted(bench: Bench) -> Finding:
    """The path's own prior changes by what the step says."""

    def said(point: Point) -> Point:
        step = point["visit_step"].copy()
        step[:, 0] += SHIFT
        return {**point, "visit_step": step}

    def change(point: Point) -> float:
        step = point["visit_step"][:, 0]
        return float(0.5 * (((step + SHIFT) ** 2 - step**2) / PATH_SCALE**2).sum())

    other = shifted(bench.study, bench.study.follow_up, SHIFT)
    return _found(_same(bench, other, "longitudinal", said, change))


def rows_shuffled(bench: Bench) -> Finding:
    """A copy of the bundle whose rows are in another order."""
    folder = bench.scratch / "shuffled"
    shutil.copytree(bundled_studies()[STUDY], folder)
    # the order of outcomes and reactions is that of the report
    ordered = {"outcomes.csv", "adverse.csv"}
    changed = [path for path in sorted(folder.glob("*.csv")) if path.name not in ordered]
    for path in changed:
        _shuffle(path)
    other = load_study(folder)
    first, second = (kernel_of(CASES["longitudinal"], own).block for own in (bench.study, other))
    good = np.array_equal(first, second) and bool(changed)
    return Finding(f"{len(changed)} files: data {'equal' if good else 'differ'}", good)


def _shuffle(path: Path) -> None:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    order = np.random.default_rng(16).permutation(len(table))
    table.iloc[order].to_csv(path, index=False)


def _exchange(study: Study) -> Study:
    return with_arms(study, EXCHANGED)


def _unit(study: Study) -> Study:
    return in_unit(study, UNIT)


def _shift(study: Study) -> Study:
    return shifted(study, study.follow_up, SHIFT)


def adjusted(fit: Fit) -> xr.DataArray:
    """Draws of the headline effects of `OUTCOMES`."""
    draws = estimand_draws(fit, ["adjusted_difference"])["adjusted_difference"]
    return draws.sel(outcome=list(OUTCOMES)).isel(arm=0, drop=True)


def refit(bench: Bench, change: Callable[[Study], Study], factor: float) -> Finding:
    """A fit of the changed study with another seed, against the default fit."""
    study = change(with_outcomes(bench.study, OUTCOMES))
    options = replace(SamplerOptions(), seed=SamplerOptions.seed + 1)
    other = adjusted(fit_table(study, "longitudinal", options)) * factor
    table = same_posterior("effect", adjusted(bench.longitudinal), other)
    return apart(table, ["label"]).finding()
