"""The joint model's densities against scipy and closed forms, without sampling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests import bundles
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.between_outcomes import (
    between_outcomes_logp,
    draw_means,
    nested_correlation,
    whitened_means,
)
from bayesasthma.likelihood.correlation import cholesky_from_z, unpack_lower
from bayesasthma.likelihood.tables import fisher_scale, log_constant, table_logp
from bayesasthma.models.design import Design, design
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.outcome_groups import (
    OutcomeGroups,
    deviations,
    draw_domain_effects,
    loadings,
    outcome_correlation,
    outcome_groups,
    unsuitable,
)
from bayesasthma.models.specification import table_spec
from bayesasthma.study.bundle import load_study

OUTCOMES, ARMS, VISITS = 3, 2, 4
N = np.array([[18.0, 19.0], [15.0, 19.0], [18.0, 12.0]])


def random_correlation(rng: np.random.Generator, size: int) -> np.ndarray:
    root = rng.normal(size=(size, size + 2))
    covariance = root @ root.T
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    shape = (OUTCOMES, ARMS, VISITS)
    return {
        "mean": rng.normal(size=shape),
        "mu": rng.normal(size=shape),
        "log_sigma": 0.3 * rng.normal(size=shape),
        "z_population": 0.5 + 0.2 * rng.normal(size=(OUTCOMES, ARMS, 6)),
    }


def root(z: np.ndarray, log_sigma: np.ndarray) -> np.ndarray:
    """Cholesky factor of one outcome's covariance over visits."""
    factor = np.zeros((VISITS, VISITS))
    for i, row in enumerate(cholesky_from_z(unpack_lower(z, VISITS))):
        factor[i, : i + 1] = row
    return np.exp(log_sigma)[:, None] * factor


def full_covariance(values: dict[str, np.ndarray], q: np.ndarray, arm: int) -> np.ndarray:
    """Cov(mean_k, mean_l) = Q_kl L_k L_l' / max(n_k, n_l), written out."""
    covariance = np.zeros((OUTCOMES, VISITS, OUTCOMES, VISITS))
    for k in range(OUTCOMES):
        for other in range(OUTCOMES):
            left, right = (
                root(values["z_population"][i, arm], values["log_sigma"][i, arm])
                for i in (k, other)
            )
            covariance[k, :, other] = q[k, other] * left @ right.T / max(N[k, arm], N[other, arm])
    return covariance.reshape(OUTCOMES * VISITS, OUTCOMES * VISITS)


@pytest.mark.parametrize("seed", range(3))
def test_means_have_the_full_multivariate_normal_density(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, q = inputs(rng), random_correlation(rng, OUTCOMES)
    n = np.repeat(N[..., None], VISITS, axis=-1)
    x = whitened_means(**values, n=n)
    added = between_outcomes_logp(x, q, N)
    for arm in range(ARMS):
        covariance = full_covariance(values, q, arm)
        mu, mean = values["mu"][:, arm], values["mean"][:, arm]
        joint = stats.multivariate_normal(mu.ravel(), covariance).logpdf(mean.ravel())
        alone = 0.0
        for k in range(OUTCOMES):
            own = slice(k * VISITS, (k + 1) * VISITS)
            alone += stats.multivariate_normal(mu[k], covariance[own, own]).logpdf(mean[k])
        assert added[:, arm].sum() == pytest.approx(joint - alone, abs=1e-9)
    # no correlation between outcomes: the likelihood of the longitudinal model
    assert np.abs(between_outcomes_logp(x, np.eye(OUTCOMES), N)).max() < 1e-12


def test_drawn_means_have_that_covariance() -> None:
    rng = np.random.default_rng(seeded(4))
    values, q = inputs(rng), random_correlation(rng, OUTCOMES)
    draws = 200_000
    fixed = {
        name: np.broadcast_to(values[name], (draws, *values[name].shape))
        for name in ("mu", "log_sigma", "z_population")
    }
    means = draw_means(rng, **fixed, n=N, q=q)
    for arm in range(ARMS):
        expected = full_covariance(values, q, arm)
        found = np.cov(means[:, :, arm].reshape(draws, -1).T)
        error = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / draws)
        assert np.abs((found - expected) / error).max() < ERRORS


def test_operation_equals_numpy_and_its_gradient_the_differences() -> None:
    from bayesasthma.models.graph_ops.between_outcomes import BetweenOutcomesLogp

    kernel = BetweenOutcomesLogp.compiled
    rng = np.random.default_rng(5)
    values, q = inputs(rng), random_correlation(rng, OUTCOMES)
    n = np.repeat(N[..., None], VISITS, axis=-1)
    flat = [value.reshape(OUTCOMES * ARMS, -1) for value in values.values()]
    series_n = n.reshape(OUTCOMES * ARMS, -1)
    value, *gradient = kernel(*flat, q, series_n)
    exact = between_outcomes_logp(whitened_means(**values, n=n), q, N).sum()
    assert float(value) == pytest.approx(exact, abs=1e-9)
    arguments = [*flat, q]
    for position, found in enumerate(gradient):
        for index in list(np.ndindex(found.shape))[::3]:
            ends = []
            for step in (1e-5, -1e-5):
                moved = [array.copy() for array in arguments]
                moved[position][index] += step
                ends.append(float(kernel(*moved, series_n)[0]))
            assert found[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-5, rel=1e-5)


shares = st.floats(0.001, 0.999)


def five(tmp: Path) -> Design:
    return design(load_study(bundles.complete(tmp)))


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return five(tmp_path_factory.mktemp("complete") / "study")


def test_groups_are_domains_and_outcomes_without_direction_stand_apart(layout: Design) -> None:
    groups = outcome_groups(layout)
    assert groups.labels == ("control", "lung function", "blood")
    assert groups.sign.tolist() == [-1, 1, 1, 1, 1]
    assert groups.pooled.tolist() == [1, 1, 1, 1, 0]
    mixed = replace(layout, domain=("a", "a", "", "", "a"))
    groups = outcome_groups(mixed)
    assert groups.labels == ("a", "flow", "volume", "a (no direction)")
    assert groups.pooled.tolist() == [1, 1, 0, 0, 0]


@given(general=shares, domain=st.lists(shares, min_size=3, max_size=3))
def test_outcome_correlation_is_one_for_every_share(general: float, domain: list[float]) -> None:
    groups = OutcomeGroups(
        labels=("a", "b", "c"),
        index=np.array([0, 0, 1, 1, 2]),
        directed=np.array([1.0, 1, 1, 1, 0]),
        sign=np.array([-1.0, 1, 1, 1, 1]),
        pooled=np.array([1.0, 1, 1, 1, 0]),
    )
    q = outcome_correlation(
        {"general_share": np.asarray(general), "domain_share": np.array(domain)}, groups
    )
    np.testing.assert_allclose(np.diag(q), 1.0)
    assert np.linalg.eigvalsh(q).min() > 0.09
    # in the direction of benefit: between domains, and within
    assert -q[0, 2] == pytest.approx(0.9 * general)
    assert -q[0, 1] == pytest.approx(0.9 * (general + (1 - general) * domain[0]))
    assert q[2, 3] >= q[1, 2]
    assert np.all(q[4, :4] == 0)


def test_nested_patients_lower_the_correlation() -> None:
    q = np.array([[1.0, 0.8], [0.8, 1.0]])
    assert nested_correlation(q, np.array([16.0, 25.0]))[0, 1] == pytest.approx(0.8 * 0.8)


def prior_parts(
    layout: Design, rng: np.random.Generator, treated: int = 1
) -> dict[str, np.ndarray]:
    """Three arms where the layout has two; a prior set gives all contrasts of an outcome one SD."""
    groups, arms = outcome_groups(layout), treated
    shape = (len(layout.outcomes), arms, len(layout.follow_up))
    return {
        "effect": rng.normal(size=shape),
        "location": 0.3 * rng.normal(size=shape),
        "scale": np.repeat(rng.uniform(0.3, 2.0, size=shape[:1])[:, None], arms, axis=1),
        "pooling": rng.uniform(0.2, 0.9, size=len(groups.labels)),
        "deviation_scale": np.asarray(0.4),
        "deviation_tail": rng.normal(size=shape[0]),
    }


def effect_covariance(
    groups: OutcomeGroups, values: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Prior covariance of the effects, and of them with the domains' factors.

    Over arms, contrasts with one control share half their variance.
    """
    loading, own = loadings(values["scale"], deviations(values), groups)
    outcomes, arms, visits = values["effect"].shape
    between = np.where(np.eye(arms) > 0, 1.0, 0.5)
    scale, a, b = values["scale"] * groups.sign[:, None], loading, own
    covariance = np.zeros((outcomes, arms, visits, outcomes, arms, visits))
    cross = np.zeros((len(groups.labels), arms, visits, outcomes, arms, visits))
    for k in range(outcomes):
        share = values["pooling"][groups.index[k]]
        over = share + (1 - share) * np.eye(visits)
        for g in range(arms):
            for h in range(arms):
                for other in range(outcomes):
                    same = groups.index[k] == groups.index[other]
                    factor = same * a[k, g] * a[other, h]
                    factor += (k == other) * np.sqrt(b[k, g] * b[other, h])
                    factor *= scale[k, g] * scale[other, h] * between[g, h]
                    covariance[k, g, :, other, h] = factor * over
                cross[groups.index[k], g, :, k, h] = scale[k, h] * a[k, h] * between[g, h] * over
    size = outcomes * arms * visits
    return covariance.reshape(size, size), cross.reshape(-1, size)


treated_arms = pytest.mark.parametrize("treated", [1, 2])


@treated_arms
def test_prior_of_pooled_effects_is_the_multivariate_normal_it_says(
    layout: Design, treated: int
) -> None:
    from bayesasthma.models.distributions import _grouped_logp

    groups = outcome_groups(layout)
    values = prior_parts(layout, np.random.default_rng(6), treated)
    names = ("effect", "location", "scale", "pooling")
    fixed = [pt.constant(values[name]) for name in names]
    size = values["effect"].shape[1:]
    graph = _grouped_logp(groups, size, *fixed, pt.constant(deviations(values)), None)
    found = pytensor.function([], graph, mode="FAST_COMPILE")()
    covariance, _ = effect_covariance(groups, values)
    exact = stats.multivariate_normal(values["location"].ravel(), covariance)
    assert float(found) == pytest.approx(exact.logpdf(values["effect"].ravel()), abs=1e-8)
    # every effect keeps the variance that its prior set says, whatever is pooled
    np.testing.assert_allclose(
        np.diag(covariance), np.repeat(values["scale"].ravel() ** 2, values["effect"].shape[-1])
    )


@treated_arms
def test_prior_draws_follow_that_prior(layout: Design, treated: int) -> None:
    from bayesasthma.models.distributions import _grouped_random

    rng = np.random.default_rng(seeded(7))
    groups, values = outcome_groups(layout), prior_parts(layout, rng, treated)
    draws = np.stack(
        [
            _grouped_random(
                groups, values["location"], values["scale"], values["pooling"],
                deviations(values), values["location"], rng, None,
            )
            for _ in range(20_000)
        ]
    )  # fmt: skip
    covariance, _ = effect_covariance(groups, values)
    found = np.cov(draws.reshape(len(draws), -1).T)
    error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / 20_000)
    assert np.abs((found - covariance) / error).max() < ERRORS


@treated_arms
def test_domain_effects_are_drawn_from_their_conditional_normal(
    layout: Design, treated: int
) -> None:
    rng = np.random.default_rng(seeded(8))
    groups, values = outcome_groups(layout), prior_parts(layout, rng, treated)
    draws = 40_000
    repeated = {
        name: np.broadcast_to(values[name], (draws, *values[name].shape))
        for name in ("effect", "pooling", "deviation_scale", "deviation_tail")
    }
    found = draw_domain_effects(rng, repeated, values["location"], values["scale"], groups)
    covariance, cross = effect_covariance(groups, values)
    residual = (values["effect"] - values["location"]).ravel()
    arms, visits = values["effect"].shape[1:]
    factor = (cross @ np.linalg.solve(covariance, residual)).reshape(-1, arms, visits)
    loading, _ = loadings(values["scale"], deviations(values), groups)
    between = np.where(np.eye(arms) > 0, 1.0, 0.5)
    for place, group in enumerate(groups.pooled_groups):
        members = groups.index == group
        weight = (loading * values["scale"])[members].mean(axis=0)[:, None]
        centre = (values["location"] * groups.sign[:, None, None])[members].mean(axis=0)
        share = values["pooling"][group]
        rows = slice(group * arms * visits, (group + 1) * arms * visits)
        prior = np.kron(between, share + (1 - share) * np.eye(visits))
        variance = prior - cross[rows] @ np.linalg.solve(covariance, cross[rows].T)
        expected = centre + weight * factor[group]
        sd = weight * np.sqrt(np.diag(variance)).reshape(arms, visits)
        own = found[:, place]
        assert np.all(np.abs(own.mean(axis=0) - expected) < ERRORS * sd / np.sqrt(draws))
        np.testing.assert_allclose(own.std(axis=0), sd, rtol=ERRORS / np.sqrt(2 * draws))
        correlation = np.corrcoef(own.reshape(draws, -1).T).reshape(arms * visits, -1)
        exact = variance / np.sqrt(np.outer(np.diag(variance), np.diag(variance)))
        np.testing.assert_allclose(correlation, exact, atol=ERRORS / np.sqrt(draws))


def test_tables_it_cannot_fit_are_refused_with_what_it_needs(
    tmp_path: Path, layout: Design
) -> None:
    from bayesasthma.models import joint

    assert unsuitable(layout) is None
    ragged = design(load_study(bundles.three_arms(tmp_path / "three")))
    assert "every outcome in every arm at every visit" in str(unsuitable(ragged))
    with pytest.raises(UsageError, match="use the model 'longitudinal'"):
        joint.build(ragged, table_spec("joint"))
    one = design(load_study(bundles.one_visit(tmp_path / "one")))
    assert "at least two outcomes" in str(unsuitable(one))
    patients = design(load_study(bundles.patient_level(tmp_path / "patients")))
    assert "patient-level data" in str(unsuitable(patients))


def test_log_likelihood_of_the_model_is_own_tables_plus_the_correlation(layout: Design) -> None:
    from pymc.model.transform.optimization import freeze_dims_and_data

    from bayesasthma.models import joint
    from bayesasthma.models.moments import moments, row_moments

    spec = table_spec("joint", rounding=False)
    model = freeze_dims_and_data(joint.build(layout, spec), data=[])
    rng = np.random.default_rng(10)
    point = {
        name: value + 0.1 * rng.normal(size=value.shape)
        for name, value in model.initial_point().items()
    }
    graph = [model.logp(vars=[model["table_0"]], jacobian=False), *model.free_RVs]
    graph = model.replace_rvs_by_values(graph)
    outputs = pytensor.function(model.value_vars, graph, mode="FAST_COMPILE")(
        **{variable.name: point[variable.name] for variable in model.value_vars}
    )
    parameters = dict(zip([rv.name for rv in model.free_RVs], outputs[1:], strict=True))
    table, moment = layout.tables[0], moments(parameters, layout, spec)
    own = table_logp(
        table.mean,
        table.sd,
        *row_moments(table, moment, layout),
        parameters["epsilon_0"],
        table.n,
        log_constant(table.n - 1),
        fisher_scale(table.n - 1),
        table.pinned,
        table.pinned_z,
        balanced=True,
    )
    q = outcome_correlation(parameters, outcome_groups(layout))
    n = table.n.reshape(len(layout.outcomes), len(layout.arms), -1)
    z = np.repeat(moment.z[:, None], len(layout.arms), axis=1)
    x = whitened_means(table.mean.reshape(n.shape), moment.mean, moment.log_sd, z, n)
    added = between_outcomes_logp(x, q, n[..., 0])
    assert abs(added.sum()) > 0.1  # the correlation matters here
    assert float(outputs[0]) == pytest.approx(own.sum() + added.sum(), abs=1e-8)


def test_prior_sets_mean_the_same_as_in_the_longitudinal_model(layout: Design) -> None:
    from bayesasthma.models import joint, longitudinal

    for name in ("weak", "sceptical"):
        ours = joint.data(layout, table_spec("joint", name))
        theirs = longitudinal.data(layout, table_spec("longitudinal", name))
        for key in ("effect_location", "effect_scale"):
            np.testing.assert_array_equal(ours[key], theirs[key])
    with pytest.raises(UsageError):
        joint.data(layout, table_spec("joint", "empirical"))
    location, _ = effect_prior(layout, table_spec("joint", "sceptical"))
    assert np.all(location == 0)
