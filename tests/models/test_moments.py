"""Means of the arms about a common path: who is held by its prior, and what is constrained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bundles import changes_alone, complete, one_visit, three_arms

from bayesasthma.errors import UsageError
from bayesasthma.models.design import Design, design
from bayesasthma.models.identification import require_identified
from bayesasthma.models.moments import carried_forward, constrained, moments
from bayesasthma.models.specification import Baseline, TableSpec, table_spec
from bayesasthma.study.bundle import load_study

seeds = st.integers(0, 2**32 - 1)
BASELINES: tuple[Baseline, ...] = ("common", "free")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Three arms of 25, 24 and 26 patients, randomised."""
    return design(load_study(three_arms(tmp_path_factory.mktemp("three") / "study")))


def parameters(layout: Design, spec: TableSpec, seed: int) -> dict[str, np.ndarray]:
    """Values of the model's parameters (draw, ...), anywhere."""
    rng = np.random.default_rng(seed)
    k, g, t = len(layout.outcomes), len(layout.arms), len(layout.visits)
    pair = t * (t - 1) // 2
    found = {
        "baseline_level": 20 * rng.normal(size=(2, k)),
        "visit_step": 20 * rng.normal(size=(2, k, t - 1)),
        "effect": rng.normal(size=(2, k, g - 1, t - 1)),
        "log_sd": 0.4 * rng.normal(size=(2, k, g, t)),
        "logit_rho": 0.45 + 0.8 * rng.normal(size=(2, k)),
        "z_deviation": rng.normal(size=(2, k, pair)),
    }
    if not constrained(layout, spec):
        found["imbalance"] = rng.normal(size=(2, k, g - 1))
    return found


@pytest.mark.parametrize("baseline", BASELINES)
@given(seed=seeds)
def test_the_path_is_the_mean_over_all_patients(
    three: Design, baseline: Baseline, seed: int
) -> None:
    spec = table_spec("longitudinal", baseline=baseline)
    own = parameters(three, spec, seed)
    found = moments(own, three, spec).mean
    path = np.cumsum(
        np.concatenate([own["baseline_level"][..., None], own["visit_step"]], axis=-1), axis=-1
    )
    share = three.n_arm / three.n_arm.sum()
    np.testing.assert_allclose(np.einsum("g,dkgt->dkt", share, found), path, atol=1e-9)
    # patients of another study weigh as theirs do
    other = np.array([3.0, 90.0, 7.0])
    found = moments(own, three, spec, n_arm=other).mean
    mean = np.einsum("g,dkgt->dkt", other / other.sum(), found)
    np.testing.assert_allclose(mean, path, atol=1e-9)


@pytest.mark.parametrize("baseline", BASELINES)
@given(seed=seeds, shift=st.floats(-50, 50))
def test_a_shift_of_the_path_moves_all_arms_alike(
    three: Design, baseline: Baseline, seed: int, shift: float
) -> None:
    spec = table_spec("longitudinal", baseline=baseline)
    own = parameters(three, spec, seed)
    before = moments(own, three, spec).mean
    moved = moments(own | {"baseline_level": own["baseline_level"] + shift}, three, spec).mean
    np.testing.assert_allclose(moved - before, shift, atol=1e-9)
    step = np.array([0.0, shift])
    later = moments(own | {"visit_step": own["visit_step"] + step}, three, spec).mean
    expected = np.broadcast_to(np.array([0.0, 0.0, shift]), before.shape)
    np.testing.assert_allclose(later - before, expected, atol=1e-9)


@given(seed=seeds)
def test_contrasts_are_the_effects_and_what_the_imbalance_carries(three: Design, seed: int) -> None:
    free, common = (table_spec("longitudinal", baseline=own) for own in BASELINES[::-1])
    own = parameters(three, free, seed)
    found = moments(own, three, free)
    contrast = found.mean[..., 1:, :] - found.mean[..., :1, :]
    np.testing.assert_allclose(contrast[..., 0], own["imbalance"], atol=1e-9)
    carried = carried_forward(own["imbalance"], found.log_sd, found.z, three)
    np.testing.assert_allclose(contrast[..., 1:], carried + own["effect"], atol=1e-9)
    # constrained: alike at baseline, and the difference is the effect
    equal = moments({k: v for k, v in own.items() if k != "imbalance"}, three, common).mean
    np.testing.assert_allclose(np.ptp(equal[..., 0], axis=-1), 0.0, atol=1e-9)
    np.testing.assert_allclose(equal[..., 1:, 1:] - equal[..., :1, 1:], own["effect"], atol=1e-9)
    # which is the free model at no imbalance
    none = moments(own | {"imbalance": 0.0 * own["imbalance"]}, three, free).mean
    np.testing.assert_allclose(none, equal, atol=1e-9)


def test_the_design_decides_on_the_baseline_unless_the_specification_does(
    three: Design, tmp_path: Path
) -> None:
    cohort = replace(three, randomised=False)
    plain, common, free = (
        table_spec("longitudinal", baseline=own) for own in (None, "common", "free")
    )
    assert three.randomised
    assert constrained(three, plain)
    assert not constrained(cohort, plain)
    for layout in (three, cohort):
        assert constrained(layout, common)
        assert not constrained(layout, free)
    # nothing to constrain where there is no baseline
    without = design(load_study(one_visit(tmp_path / "one")))
    assert without.randomised
    assert without.baseline is None
    assert not any(constrained(without, spec) for spec in (plain, common, free))


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("prior", ["weak", "reference"])
def test_an_imbalance_is_a_parameter_where_the_arms_may_differ(
    tmp_path: Path, prior: str, baseline: Baseline
) -> None:
    from bayesasthma.models.longitudinal import build

    layout = design(load_study(three_arms(tmp_path / "three")), ["symptoms"])
    model = build(layout, table_spec("longitudinal", prior, baseline=baseline))
    assert ("imbalance" in model.named_vars) == (baseline == "free")


# -------------------------------------------------------- what a flat prior needs


def flat(baseline: Baseline | None = None) -> TableSpec:
    return table_spec("longitudinal", "reference", baseline=baseline)


def test_a_flat_prior_needs_every_cell_as_a_level(tmp_path: Path) -> None:
    layout = design(load_study(complete(tmp_path / "five")), ["symptoms"])
    for spec in (flat("common"), flat("free")):
        require_identified(layout, spec)
    (table,) = layout.tables
    rest = np.arange(table.rows) != 1
    cells = {
        name: getattr(table, name)[:, rest] for name in ("mean", "sd", "mean_step", "sd_step", "n")
    }
    part = replace(table, functional=table.functional[rest], **cells)
    missing = f"symptoms, {layout.arms[0]}, {layout.visits[1]} is not printed as a level"
    with pytest.raises(UsageError, match=missing):
        require_identified(replace(layout, tables=(part,)), flat())


@pytest.mark.parametrize("randomised", [True, False])
def test_changes_alone_leave_the_sds_open(tmp_path: Path, randomised: bool) -> None:
    """With flat log SDs one of two could be 0 beside any SD of change: no proper posterior."""
    study = load_study(changes_alone(tmp_path / "study", randomised=randomised))
    with pytest.raises(UsageError, match="score, control, start is not printed as a level"):
        require_identified(design(study, ["score"]), flat())
