"""Prior sets: the registry, users' own files, densities and draws, and exact posteriors."""

from __future__ import annotations

from math import inf, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests import monte_carlo
from tests.bundles import one_visit, write_rows
from tests.monte_carlo import SHARE, SMALL_P, assert_agree, probability, seeded

import bayesasthma as ba
from bayesasthma.errors import UsageError
from bayesasthma.inference.assembly import natural_moments
from bayesasthma.inference.diagnostics import check
from bayesasthma.inference.graphs import CompiledGraphs, graph_key
from bayesasthma.inference.sampling import SamplerOptions, sample
from bayesasthma.models.adverse_counts import counts, log_odds_priors, prior_data
from bayesasthma.models.design import design
from bayesasthma.models.longitudinal import data
from bayesasthma.models.mixture_data import draw_mixture, log_normaliser, mixture_data
from bayesasthma.models.mixtures import mixture_logp
from bayesasthma.models.moments import effect_priors
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.distributions import Component, EffectPrior
from bayesasthma.priors.named_sets import TARGET_LOG_ODDS_RATIO, check_names, prior_names, prior_set
from bayesasthma.study.external_evidence import outcome_evidence, reaction_evidence

MIXED = EffectPrior((Component(0.4, 0.3, 5.0, 0.35), Component(-0.5, 1.2, inf, 0.65)))
finite = st.floats(-3, 3, allow_nan=False)


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


# ---------------------------------------------------------------------------- the registry


def test_sets_mean_what_their_formulas_say() -> None:
    target = 0.8
    sceptic, optimist, pessimist = (
        prior_set(name).effect(target) for name in ("sceptical", "enthusiastic", "pessimistic")
    )
    assert stats.norm(sceptic.location, sceptic.scale).sf(target) == pytest.approx(0.05)
    assert stats.norm(optimist.location, optimist.scale).cdf(0) == pytest.approx(0.05)
    assert pessimist == optimist.times(-1.0)
    assert prior_set("empirical").effect(target) == EffectPrior((Component(0.0, 0.38, 6.0),))
    assert prior_set("empirical").log_odds() == EffectPrior((Component(0.0, 0.37, 2.0),))
    assert prior_set("reference").effect(target).flat
    assert prior_set("reference").log_odds() == EffectPrior.normal(0.0, 10.0)
    assert prior_set("enthusiastic").log_odds().location == pytest.approx(TARGET_LOG_ODDS_RATIO)


def test_external_mixes_the_other_trial_with_weak_and_leaves_the_rest_weak(
    study: ba.Study,
) -> None:
    layout = design(study)
    priors = dict(
        zip(
            layout.outcomes,
            effect_priors(layout, table_spec("longitudinal", "external:0.7")),
            strict=True,
        )
    )
    outer, robust = priors["act"].times(float(layout.scale[0])).components
    assert outer.location == pytest.approx(0.65)
    assert outer.scale == pytest.approx((1.60 + 0.30) / (2 * stats.norm.ppf(0.975)))
    assert (outer.weight, robust.weight) == (0.7, pytest.approx(0.3))
    assert robust.scale == pytest.approx(2 * layout.scale[0])
    assert all(prior.is_normal for name, prior in priors.items() if name != "act")
    data_ = counts(study, "per_visit")
    reactions = dict(
        zip(data_.reactions, log_odds_priors(data_, prior_set("external")), strict=True)
    )
    assert reactions["severe_systemic"].components[0].location == pytest.approx(-log(0.44))
    assert reactions["severe_systemic"].components[0].scale == pytest.approx(
        log(0.84 / 0.23) / (2 * stats.norm.ppf(0.975))
    )
    assert reactions["local"] == EffectPrior.normal(0.0, 1.5)
    assert outcome_evidence(study, "fev1") is None  # its row is a standard deviation
    assert reaction_evidence(study, "local") is None


@pytest.mark.parametrize("name", ["nonsense", "weak:0.5", "external:2", "external:x"])
def test_unknown_sets_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="external"):
        prior_set(name)


def test_all_sets_of_a_family_share_one_graph_and_differ_in_data(study: ba.Study) -> None:
    layout = design(study)
    specs = {name: table_spec("longitudinal", name) for name in (*prior_names(), "external:0.9")}
    keys = {name: graph_key(layout, spec) for name, spec in specs.items()}
    assert keys["external"] == keys["empirical"] == keys["external:0.9"]
    normal = {keys[name] for name in ("weak", "sceptical", "enthusiastic", "pessimistic")}
    assert len(normal) == 1
    assert len({keys["weak"], keys["external"], keys["reference"]}) == 3
    one, other = (data(layout, specs[name]) for name in ("external", "empirical"))
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in other.items()}
    assert len({spec.label for spec in specs.values()}) == len(specs)


def test_one_graph_serves_every_fixed_correlation(study: ba.Study) -> None:
    layout = design(study)
    low, high = (table_spec("longitudinal", correlation=f"fixed:{rho}") for rho in (0.2, 0.9))
    assert graph_key(layout, low) == graph_key(layout, high)
    one, other = data(layout, low), data(layout, high)
    assert {name for name in one if not np.array_equal(one[name], other[name])} == {"rho"}
    assert (float(one["rho"]), float(other["rho"])) == (0.2, 0.9)


# ------------------------------------------------------------------------- files of a user's own

GOOD = """
name = "my_sceptic"
justification = "What the team agreed on."
[effect]
location = 0.0
scale = 0.3
unit = "sd"
[outcome.act]
location = 1.0
scale = 2.0
df = 4
unit = "outcome"
[[outcome.feno.component]]
weight = 0.25
location = 0.0
scale = 0.1
[[outcome.feno.component]]
weight = 0.75
location = 1.0
scale = 0.5
df = 3
[outcome.aqlq]
location = 1.0
scale = 0.5
unit = "mcid"
[log_odds_ratio]
location = -0.5
scale = 0.7
"""


def _file(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_gives_priors_in_their_units(study: ba.Study, tmp_path: Path) -> None:
    spec = table_spec("longitudinal", _file(tmp_path, GOOD))
    layout = design(study)
    priors = dict(zip(layout.outcomes, effect_priors(layout, spec), strict=True))
    scale = dict(zip(layout.outcomes, layout.scale, strict=True))
    target = dict(zip(layout.outcomes, layout.target, strict=True))
    assert priors["act"].times(scale["act"]).components[0] == Component(
        pytest.approx(1.0), pytest.approx(2.0), 4.0
    )
    assert priors["fev1"] == EffectPrior.normal(0.0, 0.3)
    # lower FeNO is the benefit, so the effect is centred on the other side
    assert priors["feno"].components[1] == Component(-1.0, 0.5, 3.0, 0.75)
    assert priors["aqlq"].location == pytest.approx(target["aqlq"])
    assert spec.prior.log_odds("local") == EffectPrior.normal(0.5, 0.7)
    assert spec.prior.family == "mixture"
    assert spec.prior.log_odds_family == "normal"
    check_names(spec.prior, study)
    assert spec.label == "longitudinal-my_sceptic"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("scale = 0.3", "scale = -1", r"\[effect\] scale = -1: expected a positive number"),
        ("df = 4", 'df = "four"', r"\[outcome.act\] df = 'four': expected a positive number"),
        ("scale = 0.7", "", r"\[log_odds_ratio\] scale: expected a positive number"),
        ('unit = "sd"', 'unit = "metre"', r"unit = 'metre': expected one of sd, mcid, outcome"),
        ("weight = 0.25", "weight = 0.5", r"\[outcome.feno\] weights sum to 1.25: expected 1"),
        ("weight = 0.25", "wight = 0.25", r"component 1 wight: expected one of location"),
        ('name = "my_sceptic"', 'name = "weak"', r"name = 'weak': expected another name"),
        ('name = "my_sceptic"', "", r"name: expected a text"),
        ("[effect]", "[efect]", r"efect: expected one of"),
        ("location = -0.5", "location = nan", r"location = nan: expected a number"),
        ("[effect]", "[effect", r"is not TOML"),
    ],
)
def test_a_fault_is_named_with_file_key_value_and_expectation(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        prior_set(_file(tmp_path, GOOD.replace(before, after, 1)))
    assert "mine.toml" in str(caught.value)


def test_the_documented_file_is_valid(study: ba.Study, tmp_path: Path) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "priors.md").read_text(encoding="utf-8")
    example = docs.split("```toml\n")[1].split("```")[0]
    prior = prior_set(_file(tmp_path, example))
    check_names(prior, study)
    assert prior.family == "mixture"
    assert prior.log_odds("severe_systemic").location == pytest.approx(0.8)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("scale = 0.3", "scale = 0").replace("df = 4", "df = -4")
    with pytest.raises(UsageError, match=r"(?s)\[effect\] scale = 0.*\[outcome.act\] df = -4"):
        prior_set(_file(tmp_path, text))


def test_a_file_may_name_only_the_studys_outcomes(study: ba.Study, tmp_path: Path) -> None:
    prior = prior_set(_file(tmp_path, GOOD.replace("outcome.act", "outcome.atc")))
    with pytest.raises(UsageError, match="'atc'"):
        check_names(prior, study)
    with pytest.raises(UsageError, match="cannot read"):
        prior_set(str(tmp_path / "none.toml"))


def test_reactions_need_priors_of_one_shape(study: ba.Study, tmp_path: Path) -> None:
    text = GOOD + "[reaction.local]\nlocation = 0.0\nscale = 1.0\ndf = 3\n"
    data_ = counts(study, "per_visit")
    with pytest.raises(UsageError, match="degrees of freedom"):
        prior_data(data_, prior_set(_file(tmp_path, text)))
    own = prior_set(
        _file(tmp_path, text.replace("df = 3\n", "").replace("scale = 1.0", "scale = 9"))
    )
    values = prior_data(data_, own)
    local = data_.reactions.index("local")
    assert values["fewer_scale"][0, 0, local] == 9
    assert values["fewer_scale"].shape == (2, 1, 3)  # component, treated, reaction


# -------------------------------------------------------------------------- density and draws


def hyperparameters(priors: list[EffectPrior], treated: int, visits: int) -> list[np.ndarray]:
    """Location, scale (prior, component, treated, visit), tail, weight and constant."""
    values = mixture_data(priors, treated * visits)
    for name in ("location", "scale"):
        shape = (*values[name].shape, treated, visits)
        values[name] = np.broadcast_to(values[name][..., None, None], shape).copy()
    return [values[name] for name in ("location", "scale", "tail", "weight", "constant")]


def correlation(treated: int, visits: int, share: float) -> np.ndarray:
    """Of the effects over arms and visits: contrasts with one control share half."""
    between = np.where(np.eye(treated) > 0, 1.0, 0.5)
    return np.kron(between, share + (1 - share) * np.eye(visits))


@pytest.mark.parametrize("treated", [1, 2, 3])
@given(value=st.lists(finite, min_size=9, max_size=9), share=st.floats(0.01, 0.95))
def test_density_is_the_mixture_of_multivariate_t_and_normal(
    value: list[float], share: float, treated: int
) -> None:
    own = np.array(value[: 3 * treated])
    order = hyperparameters([MIXED], treated, 3)
    shares = np.array([share])
    got = mixture_logp(own.reshape(1, treated, 3), *order, shares, size=(treated, 3), xp=np)
    shape = correlation(treated, 3, share)
    first, second = MIXED.components
    exact = first.weight * stats.multivariate_t(
        [first.location] * len(own), first.scale**2 * shape, df=first.df
    ).pdf(own) + second.weight * stats.multivariate_normal(
        [second.location] * len(own), second.scale**2 * shape
    ).pdf(own)
    np.testing.assert_allclose(got, [np.log(exact)], rtol=1e-9, atol=1e-9)


def test_one_weightless_component_is_the_prior_alone_and_df_of_infinity_the_normal() -> None:
    x = np.linspace(-4, 4, 9)[:, None, None]
    for prior, exact in (
        (EffectPrior((Component(0.2, 0.38, 6.0),)), stats.t(6, 0.2, 0.38)),
        (EffectPrior.normal(-1.0, 0.7), stats.norm(-1.0, 0.7)),
    ):
        order = hyperparameters([prior], 1, 1)
        got = mixture_logp(x, *order, np.zeros(9), size=(1, 1), xp=np)
        np.testing.assert_allclose(got, exact.logpdf(x[:, 0, 0]), rtol=1e-12)
    near, at = log_normaliser(np.array([1e-9, 0.0]), 3)
    assert near == pytest.approx(at, abs=1e-6)


@pytest.mark.parametrize("treated", [1, 2])
def test_the_graphs_density_equals_numpys_with_gradients_that_are_finite(treated: int) -> None:
    import pymc as pm
    import pytensor

    from bayesasthma.models.mixtures import pooled_mixture

    priors = [MIXED, EffectPrior((Component(0.0, 0.38, 6.0),))]
    order = hyperparameters(priors, treated, 3)
    share = np.array([0.3, 0.6])
    with pm.Model() as model:
        given_data = [pm.Data(f"d{i}", own, shape=own.shape) for i, own in enumerate(order)]
        pooled_mixture("effect", *given_data, share, None)
    point = {"effect": np.random.default_rng(3).normal(size=(2, treated, 3))}
    mode = pytensor.compile.mode.Mode("py", "fast_compile")
    (got,) = model.compile_logp(sum=False, mode=mode)(point)
    exact = mixture_logp(point["effect"], *order, share, size=(treated, 3), xp=np)
    np.testing.assert_allclose(got, exact, rtol=1e-10)
    assert np.isfinite(model.compile_dlogp(mode=mode)(point)).all()


def test_draws_have_the_stated_marginal_at_every_visit_and_share_strength() -> None:
    rng = np.random.default_rng(seeded(11))
    order = hyperparameters([MIXED], 2, 3)
    draws = draw_mixture(*order, np.array([0.5]), rng=rng, size=(40_000,)).reshape(-1, 6)

    def cdf(x: np.ndarray) -> np.ndarray:
        return sum(
            part.weight * stats.t(part.df, part.location, part.scale).cdf(x)
            for part in MIXED.components
        )

    for cell in range(6):
        assert stats.kstest(draws[:, cell], cdf).pvalue > SMALL_P
    found = np.corrcoef(draws.T)
    assert found[0, 1] > 0.5  # the common component adds to the correlation
    # the contrast of the treated arms: of one component, about 0, as wide as either arm's
    contrast = draws[:, 0] - draws[:, 3]

    def contrast_cdf(x: np.ndarray) -> np.ndarray:
        return sum(
            part.weight * stats.t(part.df, 0, part.scale).cdf(x) for part in MIXED.components
        )

    assert stats.kstest(contrast, contrast_cdf).pvalue > SMALL_P


# -------------------------------------------------- posteriors against importance sampling


def _flat_posterior(rng: np.random.Generator, study: ba.Study, size: int) -> tuple[np.ndarray, ...]:
    """Independent draws of means and log SDs (draw, arm) under flat priors: the closed form.

    ``sigma^2 | s ~ (n - 1) s^2 / chi2(n - 1)`` and ``mu | sigma ~ Normal(mean, sigma^2 / n)``.
    """
    layout = design(study)
    (table,) = layout.tables
    mean, sd, n = table.mean[:, 0], table.sd[:, 0], table.n[:, 0]
    sigma = sd * np.sqrt((n - 1) / rng.chisquare(n - 1, size=(size, 2)))
    return mean + sigma / np.sqrt(n) * rng.standard_normal((size, 2)), np.log(sigma)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> ba.Study:
    """One visit, with external evidence that lies to one side of the data."""
    folder = one_visit(tmp_path_factory.mktemp("short") / "short")
    columns = ("outcome", "reaction", "estimate", "se", "ci_low", "ci_high", "scale", "citation")
    row = ("score", "", "1.0", "", "-0.5", "2.5", "difference in means", "Nobody 2000")
    write_rows(folder / "external.csv", columns, [row])
    return ba.load_study(str(folder))


@pytest.fixture(scope="module")
def graphs() -> CompiledGraphs:
    """One compiled graph serves both sets."""
    return CompiledGraphs()


@pytest.mark.parametrize("name", ["external", "empirical"])
def test_posterior_equals_importance_sampling_at_one_visit(
    short: ba.Study, graphs: CompiledGraphs, name: str
) -> None:
    spec = table_spec("independent", name, variance="by_arm", rounding=False)
    options = SamplerOptions(draws=2000, tune=1000, chains=4, seed=seeded(5))
    layout = design(short)
    tree = sample(graphs.get(layout, spec), options)
    assert check(name, tree).r_hat < 1.05
    assert len(graphs.seconds) == 1
    (prior,) = effect_priors(layout, spec)
    assert len(prior.components) == (2 if name == "external" else 1)
    rng = np.random.default_rng(seeded(2))
    mu, log_sigma = _flat_posterior(rng, short, 400_000)
    effect = mu[:, 1] - mu[:, 0]
    # the model's priors over the flat ones, written out anew
    density = sum(
        part.weight * stats.t(part.df, part.location, part.scale).pdf(effect)
        for part in prior.components
    )
    weight = density * stats.norm(0, 2).pdf(mu[:, 0]) * stats.norm(0, 0.5).pdf(log_sigma).prod(-1)
    weight /= weight.sum()
    assert 1 / (weight**2).sum() > 20_000
    moments = natural_moments(tree["posterior"].to_dataset(), layout, spec)
    sampled = moments["mean"].isel(outcome=0, visit=0).diff("arm").isel(arm=0)
    effect = effect * layout.scale[0]
    mean = monte_carlo.mean(effect, weight)
    assert_agree(monte_carlo.mean(sampled), mean, name)
    assert_agree(monte_carlo.sd(sampled), monte_carlo.sd(effect, weight), name)
    for x in np.quantile(effect, np.linspace(0.05, 0.95, 7)):
        assert_agree(probability(sampled > x), probability(effect > x, weight), (name, x))
    # and the prior matters: the flat posterior is elsewhere
    flat = (mu[:, 1] - mu[:, 0]).mean() * layout.scale[0]
    assert abs(flat - mean.value) > SHARE * mean.scale


def test_the_longitudinal_graph_at_one_visit_has_the_same_prior(short: ba.Study) -> None:
    import pymc as pm

    from bayesasthma.models.longitudinal import build

    spec = table_spec("longitudinal", "external")
    model = build(design(short), spec)
    draws = pm.draw(model["effect"], 4000, random_seed=seeded(1), mode="FAST_COMPILE").ravel()
    (prior,) = effect_priors(design(short), spec)

    def cdf(x: np.ndarray) -> np.ndarray:
        parts = prior.components
        return sum(part.weight * stats.norm(part.location, part.scale).cdf(x) for part in parts)

    assert stats.kstest(draws, cdf).pvalue > SMALL_P
