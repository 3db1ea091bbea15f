"""The pooled kernel: its density is the longitudinal kernel's under the priors of the hierarchy."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.bundles import three_arms
from tests.pooled_studies import one_visit_study

from bayesasthma.likelihood.correlation import cholesky_from_z, pairs, unpack_lower
from bayesasthma.likelihood.tables import fisher_scale
from bayesasthma.models.arm_contrasts import contrast_factor
from bayesasthma.models.kernels.longitudinal_model import kernel_model
from bayesasthma.models.kernels.model import KernelModel
from bayesasthma.models.moments import moments
from bayesasthma.pooling.data import PooledDesign, Source, pooled_design
from bayesasthma.pooling.layout import NEAR_FROM
from bayesasthma.pooling.model import PooledSpec, pooled_model
from bayesasthma.priors.heterogeneity import HeterogeneityPrior, heterogeneity_prior
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.bundle import load_study

ROOT = Path(__file__).parents[2]
#: Shapes: no baseline, changes alone, five arms with SDs of change, patients who leave.
STUDIES = {
    "data/examples/no-baseline": "pain",
    "data/examples/changes-alone": "pain",
    "data/examples/six-arms": "pain",
    "tests/reference/trials/btheb": "bdi",
    "liu2025": "acq",
}


def several() -> PooledDesign:
    studies = [load_study(ROOT / name if "/" in name else name) for name in STUDIES]
    sources = {
        study.name: Source(outcome, factor=1.0 + k)
        for k, (study, outcome) in enumerate(zip(studies, STUDIES.values(), strict=True))
    }
    return pooled_design("pain", studies, sources)


def of_weak(design: PooledDesign, prior: HeterogeneityPrior | None = None) -> KernelModel:
    spec = PooledSpec()
    return pooled_model(design, spec if prior is None else replace(spec, heterogeneity=prior))


def mixed(model: KernelModel) -> KernelModel:
    """Effects of two of the five studies sampled themselves, the others' as deviations."""
    return model.with_data(whole=np.array([0, 1, 0, 0, 1]))


def chosen_of(name: str, folder: Path) -> PooledDesign:
    """All five studies; one of several arms and visits, or of patients; those of one visit."""
    if name == "several":
        return several()
    if name == "patients alone":
        return several().of([3])
    if name in ("three arms alone", "a missing cell alone"):
        study = load_study(three_arms(folder / "three"))
        outcome = "symptoms" if name == "three arms alone" else "flow"
        return pooled_design(outcome, [study], {study.name: Source(outcome)})
    count = 1 if name == "one visit alone" else 2
    studies = [one_visit_study(folder / f"s{k}", 40 + k, 2.0 + k) for k in range(count)]
    return pooled_design("score", studies, {study.name: Source("score") for study in studies})


ALONE = ("three arms alone", "a missing cell alone", "patients alone", "one visit alone")
DESIGNS = ("several", *ALONE, "one visit of two")
HALF, LIMITED = "half-normal(0.5)", "uniform(2)"


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        *(("several", formula) for formula in
          (HALF, "half-cauchy(0.5)", "half-t(4, 0.5)", "log-normal(-1.3, 0.9)",
           "log-t(5, -1.7, 1.3)", LIMITED)),
        *((name, formula) for name in DESIGNS[1:] for formula in (HALF, LIMITED)),
    ],
)  # fmt: skip
def test_the_gradient_is_that_of_the_density(name: str, formula: str, tmp_path: Path) -> None:
    model = of_weak(chosen_of(name, tmp_path), heterogeneity_prior(formula))
    if name == "several":
        model = mixed(model)
    x = model.initial_point(7)
    _, gradient, status = model.value_and_gradient(x)
    assert status == 0
    rng = np.random.default_rng(3)
    step = 1e-5
    for _ in range(12):  # along random directions: every parameter takes part in each
        way = rng.standard_normal(model.n_dim)
        ahead, behind = (model.value_and_gradient(x + s * step * way)[0] for s in (1, -1))
        assert (ahead - behind) / (2 * step) == pytest.approx(gradient @ way, rel=1e-6, abs=1e-5)
    for place in rng.permutation(model.n_dim)[:40]:
        way = np.zeros(model.n_dim)
        way[place] = 1.0
        ahead, behind = (model.value_and_gradient(x + s * step * way)[0] for s in (1, -1))
        assert (ahead - behind) / (2 * step) == pytest.approx(gradient[place], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_density_is_that_of_the_studies_under_the_hierarchy(name: str, tmp_path: Path) -> None:
    design = chosen_of(name, tmp_path)
    spec = PooledSpec(heterogeneity=heterogeneity_prior("half-t(4, 0.5)"))
    model = pooled_model(design, spec)
    if name == "several":
        model = mixed(model)
    x = model.initial_point(11)
    parts = _parts(model, x)
    for own in parts:
        if "rounding" in own:  # longitudinal coordinates move with rounding, these do not
            parts[own] = np.zeros_like(parts[own])
    x = np.concatenate([parts[own.name].reshape(-1) for own in model.free])
    named = model.expand(x)
    expected = _of_mean(design, model, parts, named) + _of_heterogeneity(design, parts, named)
    kappa = float(named.get("visit_correlation", 0.0))
    assert ("visit_correlation" in named) == any(len(own.weeks) > 1 for own in design.studies)
    if "visit_correlation" in named:
        expected += stats.beta.logpdf(kappa, 2, 2) + np.log(kappa * (1 - kappa))
    assert ("rho_scale" in named) == any(len(own.design.visits) > 1 for own in design.studies)
    if "rho_scale" in named:
        spread = float(named["rho_scale"])
        expected += stats.norm.logpdf(named["rho_location"], 0.45, 0.7)
        expected += stats.halfnorm.logpdf(spread, 0, 0.4) + np.log(spread)
    for i, own in enumerate(design.studies):
        expected += _of_effects(i, model, design, parts, named, kappa)
        effect = named[f"s{i}_effect"][0]
        expected += _study_density(i, model, own.design, own.unit * effect, parts, named, spec)
        expected += _of_path(i, model, own.design, parts, named, spec)
        if f"s{i}_logit_rho" in parts:
            score = (named[f"s{i}_logit_rho"] - named["rho_location"]) / spread
            np.testing.assert_allclose(score, parts[f"s{i}_logit_rho"], atol=1e-9)
            expected += stats.norm.logpdf(score).sum()
    assert model.value_and_gradient(x)[0] == pytest.approx(float(expected), abs=1e-7)


def _of_mean(design, model, parts, named):  # type: ignore[no-untyped-def]
    """Log prior density of the mean effects and their walk's scale, in what is sampled of them."""
    mean = named["mean_effect"]
    expected = stats.norm.logpdf(mean[0], 0, 2)
    assert ("walk_scale" in named) == (len(mean) > 1)
    if len(mean) == 1:
        return expected
    omega, rest = float(named["walk_scale"]), model.values["rest"]
    assert ((rest > 0) & (rest < 1)).all()
    steps = np.diff(mean) / np.sqrt(np.diff(design.weeks) / 24)
    if len(design.studies) > 1:
        np.testing.assert_allclose(steps, omega**rest * parts["mean_effect"][1:], atol=1e-12)
        expected += (rest * np.log(omega)).sum()
        lengths = 1.0
    else:  # effects themselves are sampled, not steps
        lengths = np.sqrt(np.diff(design.weeks) / 24)
    expected += (stats.norm.logpdf(steps, 0, omega) - np.log(lengths)).sum()
    return expected + stats.norm.logpdf(np.log(omega), np.log(0.25), 0.5)


def _of_heterogeneity(design, parts, named):  # type: ignore[no-untyped-def]
    """Log prior density of the heterogeneity, in what is sampled of it."""
    tau, reference = named["heterogeneity"], design.weeks.index(design.reference_week)
    expected = np.log(2) + stats.t.logpdf(tau[reference], 4, 0, 0.5) + np.log(tau[reference])
    assert ("heterogeneity_walk" in named) == (len(tau) > 1)
    if len(tau) == 1:
        return expected
    if len(design.studies) > 2:
        assert 0 < reference < len(design.weeks) - 1  # the walk goes both ways
    clock, phi = np.log2(1 + np.array(design.weeks)), float(named["heterogeneity_walk"])
    steps = np.diff(np.log(tau)) / (phi * np.sqrt(np.diff(clock)))
    steps[:reference] *= -1  # towards earlier weeks
    apart = np.delete(parts["heterogeneity"], reference)
    np.testing.assert_allclose(steps, apart, atol=1e-11)
    expected += stats.norm.logpdf(apart).sum()
    return expected + stats.norm.logpdf(np.log(phi), np.log(0.4), 0.5)


def _of_effects(i, model, design, parts, named, kappa):  # type: ignore[no-untyped-def]
    """Log prior density of a study's effects, in what is sampled of them."""
    own, mean, tau = design.studies[i], named["mean_effect"], named["heterogeneity"]
    treated, visits = len(own.design.arms) - 1, len(own.design.follow_up)
    effect = named[f"s{i}_effect"][0]
    week = [design.weeks.index(value) for value in own.weeks]
    arms = contrast_factor(treated) @ contrast_factor(treated).T
    over = np.outer(tau[week], tau[week]) * (kappa + (1 - kappa) * np.eye(visits))
    expected = stats.multivariate_normal.logpdf(
        (effect - mean[week]).reshape(-1), np.zeros(effect.size), np.kron(arms, over)
    )
    basis = model.values["basis"][:visits, :visits].copy()
    basis[:, 0] = visits**-0.5
    np.testing.assert_allclose(basis.T @ basis, np.eye(visits), atol=1e-14)
    shares = np.full(visits, 1 - kappa)
    shares[0] += visits * kappa
    raw = parts[f"s{i}_effect"][0]
    if model.values["whole"][i]:
        np.testing.assert_allclose(effect, raw @ basis.T, atol=1e-12)
        return expected
    deviation = (raw * np.sqrt(shares)) @ basis.T
    np.testing.assert_allclose(effect, mean[week] + tau[week] * deviation, atol=1e-12)
    if len(design.studies) == 1:  # given the effects' mean over arms, the mean effects move
        np.testing.assert_allclose(effect.mean(axis=0), parts["mean_effect"], atol=1e-12)
    return expected + treated * (np.log(tau[week]) + 0.5 * np.log(shares)).sum()


def _parts(model: KernelModel, x: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.cumsum([own.size for own in model.free])
    return {
        own.name: part.reshape(own.shape)
        for own, part in zip(model.free, np.split(x, ends[:-1]), strict=True)
    }


def _of_path(i, model, design, parts, named, spec):  # type: ignore[no-untyped-def]
    """Log-determinant of the coordinates of a study's path: standard errors from one near it."""
    visits = len(design.visits)
    found = moments(_of_study(i, named), design, spec.table)
    factor = _factor(i, design, named, spec)
    factor *= np.exp(found.log_sd[0, 0, 0, 0])[:, None] / np.sqrt(design.n_arm.sum())
    names = ["baseline_level", "visit_step"][: min(2, visits)]
    steps = np.concatenate([named[f"s{i}_{name}"].reshape(-1) for name in names])
    errors = np.concatenate([parts[f"s{i}_{name}"].reshape(-1) for name in names])
    first = model.values["study"][i, NEAR_FROM]
    near = model.values["near"][first : first + visits]
    np.testing.assert_allclose(np.cumsum(steps), near + factor @ errors, atol=1e-9)
    return float(np.log(np.diag(factor)).sum())


def _sample_correlations(i, design, name, parts, named, spec):  # type: ignore[no-untyped-def]
    """Partial correlations of the samples, in the units of the tables' likelihood."""
    block = design.tables[int(name.rpartition("_")[2])]
    coordinates = parts[f"s{i}_{name}"].copy()
    rows = len(block.functional)
    if not np.array_equal(block.functional, np.eye(rows)):
        return coordinates
    found = moments(_of_study(i, named), design, spec.table)
    z = unpack_lower(found.z[0, 0, 0], rows)
    scale = fisher_scale(block.n - 1)
    for s, arm in enumerate(block.arm):
        given = {
            (t, 0): np.log(block.sd[s, t]) - found.log_sd[0, 0, 0, arm, t] for t in range(rows)
        }
        place = 0
        for k, (t, u) in enumerate(pairs(rows)):
            here = block.pinned_z[s, k]
            if not block.pinned[k]:
                move = (given[t, u] + given[u, u]) / 2 * np.tanh(2 * z[t][u])
                coordinates[s, place] += move / scale[s, k]
                here = z[t][u] + scale[s, k] * coordinates[s, place]
                place += 1
            given[t, u + 1] = given[t, u] - np.log(np.cosh(here)) + np.log(np.cosh(z[t][u]))
    return coordinates


def _spreads(i, model, design, parts, named, spec):  # type: ignore[no-untyped-def]
    """Coordinates of the SDs as the longitudinal kernel has them, and the log-determinant."""
    visits, arms = len(design.visits), len(design.arms)
    correlation = _factor(i, design, named, spec)
    correlation = correlation @ correlation.T
    share = 0.15**2 / (0.15**2 + 0.5 / (design.n_arm - 1).mean())
    root = np.linalg.cholesky(share * correlation**2 + (1 - share) * np.eye(visits))
    first = model.values["study"][i, NEAR_FROM] + visits
    near = model.values["near"][first : first + arms * visits].reshape(arms, visits)
    mixed = near + parts[f"s{i}_log_sd"][0] @ root.T
    return mixed[None], arms * float(np.log(np.diag(root)).sum())


def _factor(i, design, named, spec):  # type: ignore[no-untyped-def]
    """Cholesky factor of a study's correlation over visits."""
    visits = len(design.visits)
    found = moments(_of_study(i, named), design, spec.table)
    factor = np.zeros((visits, visits))
    for row, entries in enumerate(cholesky_from_z(unpack_lower(found.z[0, 0, 0], visits))):
        factor[row, : row + 1] = entries
    return factor


def _of_study(i, named):  # type: ignore[no-untyped-def]
    """A study's named parameters, as draws of one."""
    head = f"s{i}_"
    return {
        name.removeprefix(head): value[None, None]
        for name, value in named.items()
        if name.startswith(head)
    }


def _study_density(i, model, design, effect, parts, named, spec):  # type: ignore[no-untyped-def]
    """By the longitudinal kernel, without its own priors of effects and of the correlation."""
    kernel = kernel_model(design, spec.table)
    values = {}
    for own in kernel.free:
        if own.name == "pooling":
            values[own.name] = np.zeros(own.shape)
        elif own.name == "logit_rho":
            values[own.name] = named[f"s{i}_logit_rho"]
        elif own.name == "effect":
            values[own.name] = effect[None]
        elif own.name in ("baseline_level", "visit_step"):
            values[own.name] = named[f"s{i}_{own.name}"]
        elif own.name == "log_sd":
            values[own.name], determinant = _spreads(i, model, design, parts, named, spec)
        elif own.name.startswith("epsilon"):
            values[own.name] = _sample_correlations(i, design, own.name, parts, named, spec)
        else:
            values[own.name] = parts[f"s{i}_{own.name}"]
    y = np.concatenate([values[own.name].reshape(-1) for own in kernel.free])
    # coordinates of the effects are shifted by what the imbalance carries: shift them back
    places = np.cumsum([0, *(own.size for own in kernel.free)])
    first = places[[own.name for own in kernel.free].index("effect")]
    found = kernel.expand(y)["effect"].reshape(-1)
    y[first : first + effect.size] -= found - effect.reshape(-1)
    np.testing.assert_allclose(kernel.expand(y)["effect"][0], effect, atol=1e-9)
    density = kernel.value_and_gradient(y)[0]
    treated, visits = effect.shape
    share = 0.5 if visits > 1 else 0.0
    arms = contrast_factor(treated) @ contrast_factor(treated).T
    covariance = 4 * np.kron(arms, share + (1 - share) * np.eye(visits))
    density -= stats.multivariate_normal.logpdf(
        effect.reshape(-1), np.zeros(effect.size), covariance
    )
    if visits > 1:
        density -= stats.beta.logpdf(0.5, 2, 2) + np.log(0.25)
    if "logit_rho" in values:
        density -= stats.norm.logpdf(values["logit_rho"], 0.45, 0.8).sum()
    return float(density) + determinant


def test_the_order_of_studies_makes_no_difference() -> None:
    design = several()
    turned = design.of([3, 1, 4, 0, 2])
    model, other = of_weak(design), of_weak(turned)
    x = model.initial_point(5)
    parts = _parts(model, x)
    moved = {name: value for name, value in parts.items() if not name.startswith("s")}
    for new, old in enumerate((3, 1, 4, 0, 2)):
        head = f"s{old}_"
        moved |= {
            f"s{new}_{name.removeprefix(head)}": value
            for name, value in parts.items()
            if name.startswith(head)
        }
    y = np.concatenate([moved[own.name].reshape(-1) for own in other.free])
    assert other.value_and_gradient(y)[0] == pytest.approx(model.value_and_gradient(x)[0], abs=1e-8)


def test_a_change_of_unit_makes_no_difference() -> None:
    names = list(STUDIES.values())
    studies = [load_study(ROOT / name if "/" in name else name) for name in STUDIES]

    def model_of(times: float) -> KernelModel:
        sources = {
            study.name: Source(outcome, factor=times * (1.0 + k))
            for k, (study, outcome) in enumerate(zip(studies, names, strict=True))
        }
        return of_weak(pooled_design("pain", studies, sources))

    model, other = model_of(1.0), model_of(1000.0)
    x = model.initial_point(5)
    assert other.value_and_gradient(x)[0] == pytest.approx(
        model.value_and_gradient(x)[0], rel=1e-12
    )


@pytest.mark.parametrize("name", ["sceptical", "enthusiastic", "empirical"])
def test_the_prior_of_the_first_mean_effect_is_the_named_one(name: str) -> None:
    design = several()
    spec = PooledSpec(prior_set(name))
    flat = replace(spec, prior=prior_set("reference"))
    model, without = pooled_model(design, spec), pooled_model(design, flat)
    x = model.initial_point(5)
    prior = spec.prior.effect(design.target, "pain", unit=design.scale).times(-1.0)
    for value, other in pairwise((-0.7, 0.1, 0.9)):
        found = []
        for place in (value, other):
            x[0] = place
            found.append(model.value_and_gradient(x)[0] - without.value_and_gradient(x)[0])
        (part,) = prior.components
        density = [
            stats.t.logpdf(place, part.df, part.location, part.scale)
            if np.isfinite(part.df)
            else stats.norm.logpdf(place, part.location, part.scale)
            for place in (value, other)
        ]
        assert found[0] - found[1] == pytest.approx(density[0] - density[1], abs=1e-8)
