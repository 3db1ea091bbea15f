"""The comparison: what is printed, what the tables imply and what a model says, row by row."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from tests.bundles import three_arms
from tests.made_up_fits import CHAINS, DRAWS, table_fit
from tests.monte_carlo import ERRORS, seeded

import bayesasthma as ba
from bayesasthma.auditing import audit
from bayesasthma.auditing.result import AuditResult
from bayesasthma.comparison import scepticism as module
from bayesasthma.comparison.posterior_beside_p import BETWEEN, COLUMNS, compare, headline_table
from bayesasthma.comparison.reverse_bayes import (
    REWEIGHTED,
    intrinsic_p,
    sceptical_limit,
)
from bayesasthma.comparison.sceptical_search import UNRESOLVED
from bayesasthma.comparison.scepticism import effect_draws, refitter, scepticism
from bayesasthma.frequentist import benjamini_hochberg
from bayesasthma.inference.fitting import Fit
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.design import Design, design
from bayesasthma.models.longitudinal_data import data
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    return ba.load_study("liu2025")


@pytest.fixture(scope="module")
def audited(study: Study) -> AuditResult:
    return audit(study)


@pytest.fixture(scope="module")
def fits(study: Study) -> list[Fit]:
    return [table_fit(study, "independent"), table_fit(study)]


@pytest.fixture(scope="module")
def table(fits: list[Fit], audited: AuditResult) -> pd.DataFrame:
    return compare(fits, audit=audited)


def only(table: pd.DataFrame, **where: str) -> pd.Series:
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_one_row_per_cell_estimand_and_model(table: pd.DataFrame, study: Study) -> None:
    assert list(table.columns) == COLUMNS
    keys = ["outcome", "arm", "visit", "estimand", "model"]
    assert not table.duplicated(keys).any()
    counts = table.groupby(["estimand", "model"]).size()
    assert counts["difference", "independent"] == counts["difference", "longitudinal"] == 40
    assert counts["adjusted_difference", "longitudinal"] == 30
    assert counts["difference_in_change", "longitudinal"] == 30
    assert counts["change", "longitudinal"] == 60
    assert len(table) == 40 + 40 + 30 + 30 + 60
    # in the order of the study, not of the alphabet
    assert list(dict.fromkeys(table["outcome"])) == list(study.outcomes.index)


def test_the_test_stands_beside_every_estimand_of_its_visit(table: pd.DataFrame) -> None:
    where = {"outcome": "act", "visit": "week48", "arm": "OMA_AIT", "model": "longitudinal"}
    for estimand in BETWEEN:
        row = only(table, estimand=estimand, **where)
        assert row["p_printed"] == "*<0.01"
        assert (row["p_printed_value"], row["p_printed_operator"]) == (0.01, "<")
        # Table 2: 18.9 ± 2.9 (n = 18) against 21.8 ± 2.7 (n = 19)
        expected = stats.ttest_ind_from_stats(21.8, 2.7, 19, 18.9, 2.9, 18)
        assert row["estimate"] == pytest.approx(2.9)
        assert row["p_recomputed"] == pytest.approx(expected.pvalue)
        assert row["p_low"] < row["p_recomputed"] < row["p_high"]
        assert row["verdict"] == "reproduced"


def test_within_arm_rows_have_the_printed_p_of_their_arm(table: pd.DataFrame) -> None:
    for arm, printed in (("AIT", "0.08"), ("OMA_AIT", "<0.01*")):
        row = only(table, outcome="act", visit="week48", arm=arm, estimand="change")
        assert row["p_printed"] == printed
        assert np.isnan(row["p_recomputed"])
        assert row["p_low"] < 0.05 or arm == "OMA_AIT"
        assert np.isnan(row["ci_low"])
    row = only(table, outcome="act", visit="week48", arm="AIT", estimand="change")
    assert row["estimate"] == pytest.approx(18.9 - 16.8)
    early = only(table, outcome="act", visit="week12", arm="AIT", estimand="change")
    assert pd.isna(early["p_printed"])
    assert np.isfinite(early["posterior_mean"])


def test_posterior_columns_are_those_of_the_effects(table: pd.DataFrame, fits: list[Fit]) -> None:
    effects = ba.effects(fits[1])
    row = only(table, outcome="feno", visit="week24", estimand="adjusted_difference")
    own = only(effects, outcome="feno", visit="week24", estimand="adjusted_difference")
    for name, original in (
        ("posterior_mean", "mean"), ("posterior_sd", "sd"), ("posterior_low", "ci_low"),
        ("posterior_high", "ci_high"), ("p_benefit", "p_benefit"),
        ("p_harm_gt_mcid", "p_harm_gt_mcid"),
    ):  # fmt: skip
        assert row[name] == own[original]
    alone = only(table, outcome="feno", visit="week24", estimand="difference", model="independent")
    assert alone["sd_ratio"] == alone["mean_ratio"] == 1
    assert row["sd_ratio"] == pytest.approx(row["posterior_sd"] / alone["posterior_sd"])
    assert row["mean_ratio"] == pytest.approx(row["posterior_mean"] / alone["posterior_mean"])


def test_q_values_are_of_the_follow_up_family(table: pd.DataFrame, study: Study) -> None:
    wide = headline_table(table)
    baseline = wide["visit"] == study.baseline_visit
    assert baseline.sum() == 10
    assert wide.loc[baseline, ["q_printed", "q_recomputed"]].isna().all(axis=None)
    later = wide[~baseline]
    for p, q in (("p_printed_value", "q_printed"), ("p_recomputed", "q_recomputed")):
        np.testing.assert_allclose(later[q], benjamini_hochberg(later[p]))
    changes = table[(table["estimand"] == "change") & table["p_printed"].notna()]
    assert len(changes) == 20
    np.testing.assert_allclose(changes["q_printed"], benjamini_hochberg(changes["p_printed_value"]))


def test_reverse_bayes_of_the_tests(table: pd.DataFrame, study: Study) -> None:
    rows = table[table["estimand"].isin(BETWEEN)]
    later = rows[rows["visit"] != study.baseline_visit]
    np.testing.assert_allclose(
        later["sceptical_limit"], sceptical_limit(later["ci_low"], later["ci_high"])
    )
    np.testing.assert_allclose(later["intrinsic_p"], intrinsic_p(later["p_recomputed"]))
    rest = table.drop(later.index)
    assert rest[["sceptical_limit", "intrinsic_p"]].isna().all(axis=None)


def test_headlines_side_by_side(table: pd.DataFrame) -> None:
    wide = headline_table(table)
    assert len(wide) == 40
    row = only(wide, outcome="eos", visit="week24")
    assert row["independent_estimand"] == "difference"
    assert row["longitudinal_estimand"] == "adjusted_difference"
    own = only(table, outcome="eos", visit="week24", estimand="adjusted_difference")
    assert row["longitudinal_p_benefit"] == own["p_benefit"]
    at_baseline = only(wide, outcome="eos", visit="baseline")
    assert at_baseline["longitudinal_estimand"] == "difference"


def test_a_single_fit_and_no_audit_are_enough(fits: list[Fit], table: pd.DataFrame) -> None:
    alone = compare(fits[1])
    assert set(alone["model"]) == {"longitudinal"}
    assert alone["sd_ratio"].isna().all()
    both = table[table["model"] == "longitudinal"].reset_index(drop=True)
    pd.testing.assert_series_equal(alone["p_low"], both["p_low"])


def test_a_test_without_a_fitted_cell_keeps_its_row(study: Study, audited: AuditResult) -> None:
    part = study.table.sel(outcome=["act"])
    small = replace(study, outcomes=study.outcomes.loc[["act"]], table=part)
    fit = table_fit(small, "independent")
    table = compare(Fit(study, fit.label, fit.model, fit.prior, fit.data, {}), audit=audited)
    row = only(table, outcome="feno", visit="week12", estimand="difference")
    assert pd.isna(row["model"])
    assert np.isfinite(row["p_recomputed"])


def with_effects(fit: Fit, size: tuple[int, int] = (CHAINS, DRAWS)) -> Fit:
    """The made-up fit with draws of the effect that a flat likelihood and prior would give."""
    layout = design(fit.study)
    rng = np.random.default_rng(seeded(11))
    shape = (len(layout.outcomes), len(layout.arms) - 1, len(layout.follow_up))
    coords = {
        "outcome": list(layout.outcomes),
        "treated": list(layout.arms[1:]),
        "follow_up": list(layout.follow_up),
    }
    dims = ("chain", "draw", "outcome", "treated", "follow_up")
    effect = layout.direction[:, None, None] * (0.6 + 0.25 * rng.normal(size=(*size, *shape)))
    posterior = fit.data["posterior"].to_dataset().drop_dims("draw")
    posterior = posterior.assign_coords(coords).assign(
        effect=(dims, effect), pooling=(dims[:3], rng.beta(2, 2, (*size, shape[0])))
    )
    tree = xr.DataTree.from_dict({**fit.data.to_dict(), "/posterior": posterior})
    return Fit(fit.study, fit.label, fit.model, fit.prior, tree, {})


@pytest.mark.parametrize("prior", ["weak", "enthusiastic"])
def test_effects_of_a_fit_are_benefits_in_outcome_units(fits: list[Fit], prior: str) -> None:
    fit = with_effects(fits[1])
    fit = Fit(fit.study, fit.label, fit.model, prior, fit.data, {})
    draws = effect_draws(fit)
    directed = fit.study.outcomes.index[fit.study.outcomes["direction"] != 0]
    assert set(draws) == {(k, "OMA_AIT") for k in directed}
    layout = design(fit.study)
    for outcome in ("act", "feno"):
        k = layout.outcomes.index(outcome)
        own = draws[outcome, "OMA_AIT"]
        unit = float(layout.scale[k])
        raw = fit.data["posterior"]["effect"].sel(outcome=outcome, treated="OMA_AIT")
        sign = {"act": 1, "feno": -1}[outcome]
        np.testing.assert_allclose(own.benefit, sign * unit * raw.to_numpy().reshape(-1, 3))
        close = ERRORS * 0.25 * unit / np.sqrt(own.benefit.size)
        assert own.benefit.mean() == pytest.approx(0.6 * unit, abs=close)
        assert own.visits == ("week12", "week24", "week48")
        # a fifth of the mean over all patients
        mcid = {"act": 3.0, "feno": 0.2 * (18 * 40.2 + 19 * 42.3) / 37}[outcome]
        if prior == "weak":
            assert (own.location, own.scale) == (0, pytest.approx(2 * unit))
        else:
            assert own.location == pytest.approx(mcid, rel=1e-3)
            assert own.scale == pytest.approx(mcid / 1.645, rel=1e-3)
        assert 0.5 < own.efficiency <= 1  # independent draws


def test_no_effects_without_a_normal_prior(fits: list[Fit]) -> None:
    fit = with_effects(fits[1])
    assert effect_draws(fits[0]) == {}
    flat = Fit(fit.study, fit.label, fit.model, "reference", fit.data, {})
    unknown = Fit(fit.study, fit.label, fit.model, "of my own", fit.data, {})
    assert effect_draws(flat) == effect_draws(unknown) == {}
    assert scepticism(flat).empty


def test_scepticism_reaches_the_comparison(fits: list[Fit], audited: AuditResult) -> None:
    fit = with_effects(fits[1])
    found = scepticism(fit)
    assert set(found["method"]) <= {REWEIGHTED, UNRESOLVED}
    moments = table_fit(fit.study)
    table = compare([fits[0], moments], audit=audited, sceptical=found)
    rows = table[table["sceptical_method"] != ""]
    assert set(rows["estimand"]) == {"adjusted_difference"}
    assert set(rows["model"]) == {"longitudinal"}
    assert len(rows) == 8 * 3
    row = only(rows, outcome="acq", visit="week24")
    own = found[(found["outcome"] == "acq") & (found["visit"] == "week24")].set_index("level")
    np.testing.assert_equal(row["sceptical_sd_95"], own.loc[0.95, "sd"])
    np.testing.assert_equal(row["sceptical_sd_975"], own.loc[0.975, "sd"])


class FakeSampler:
    """Stands in for compiling and sampling; remembers what it was asked for."""

    def __init__(self, fit: Fit, *, diverging: str = "") -> None:
        self.fit, self.diverging = fit, diverging
        self.values: dict[str, dict[str, Any]] = {}
        self.options: dict[str, list[SamplerOptions]] = {}

    def ready_table(self, layout: Design, _spec: TableSpec, **_options: Any) -> SimpleNamespace:
        (outcome,) = layout.outcomes
        return SimpleNamespace(model=outcome)

    def with_data(self, compiled: str, values: dict[str, Any]) -> str:
        self.values[compiled] = values
        return compiled

    def sample(self, compiled: str, options: SamplerOptions, patients: float) -> xr.DataTree:
        assert patients == max(self.fit.study.arms["n"])
        self.options.setdefault(compiled, []).append(options)
        stats_ = self.fit.data["sample_stats"].to_dataset().copy(deep=True)
        stats_["diverging"][0, 0] = compiled == self.diverging
        posterior = self.fit.data["posterior"].to_dataset().sel(outcome=[compiled])
        return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats_})


def patched(fake: FakeSampler, monkeypatch: pytest.MonkeyPatch) -> FakeSampler:
    for name in ("ready_table", "with_data", "sample"):
        monkeypatch.setattr(module, name, getattr(fake, name))
    return fake


@pytest.fixture
def sampler(fits: list[Fit], monkeypatch: pytest.MonkeyPatch) -> FakeSampler:
    return patched(FakeSampler(with_effects(fits[1])), monkeypatch)


def refit_of(sampler: FakeSampler, **options: Any) -> Any:
    return refitter(sampler.fit, table_spec("longitudinal"), SamplerOptions(), **options)


def test_a_refit_swaps_the_prior_and_nothing_else(sampler: FakeSampler) -> None:
    wanted = {("act", "OMA_AIT"): 0.5, ("feno", "OMA_AIT"): 2.0}
    found = refit_of(sampler)(wanted)
    assert set(found) == set(wanted)
    assert set(sampler.values) == {"act", "feno"}
    seeds = set()
    for (outcome, _), scale in wanted.items():
        own_design = design(sampler.fit.study, [outcome])
        values = dict(sampler.values[outcome])
        assert not values["effect_location"].any()
        assert values["effect_scale"] * own_design.scale == pytest.approx(scale)
        usual = data(own_design, table_spec("longitudinal"))
        assert set(values) == set(usual)
        for name in set(usual) - {"effect_location", "effect_scale"}:
            np.testing.assert_array_equal(values[name], usual[name])
        own = found[outcome, "OMA_AIT"]
        assert (own.scale, own.location, own.method) == (pytest.approx(scale), 0, "refitted")
        raw = sampler.fit.data["posterior"]["effect"].sel(outcome=outcome, treated="OMA_AIT")
        sign = {"act": 1, "feno": -1}[outcome] * own_design.scale[0]
        np.testing.assert_allclose(own.benefit, sign * raw.to_numpy().reshape(-1, 3))
        (options,) = sampler.options[outcome]
        assert options.tune < SamplerOptions().tune
        seeds.add(options.seed)
    assert len(seeds | {SamplerOptions().seed}) == 3


def test_a_refit_of_one_arm_leaves_the_others_prior(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    fit = with_effects(table_fit(ba.load_study(three_arms(tmp_path / "three"))))
    fake = patched(FakeSampler(fit), monkeypatch)
    layout = design(fake.fit.study)
    k, unit = layout.outcomes.index("symptoms"), float(layout.scale[0])
    assert k == 0
    spec = table_spec("longitudinal", "enthusiastic")
    refit = refitter(fake.fit, spec, SamplerOptions())
    own = refit({("symptoms", "high"): 0.4 * unit})["symptoms", "high"]
    values = fake.values["symptoms"]
    location, scale = (one[k] for one in effect_prior(layout, spec))
    assert location < 0 < scale  # fewer symptoms are the benefit
    np.testing.assert_allclose(values["effect_scale"], [[scale, 0.4]])
    np.testing.assert_allclose(values["effect_location"], [[[location] * 2, [0.0] * 2]])
    low = fake.fit.data["posterior"]["effect"].sel(outcome="symptoms", treated="low").to_numpy()
    np.testing.assert_allclose(own.expected, 0.5 * (location - low.reshape(-1, 2)) / scale)
    assert (own.location, own.scale, own.left) == (0.0, pytest.approx(0.4 * unit), 0.75)


def test_two_arms_of_an_outcome_are_refitted_in_one_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    fit = with_effects(table_fit(ba.load_study(three_arms(tmp_path / "three"))))
    fake = patched(FakeSampler(fit), monkeypatch)
    lines: list[str] = []
    wanted = {("symptoms", "low"): 0.5, ("symptoms", "high"): 0.4}
    refit = refitter(
        fit, table_spec("longitudinal"), SamplerOptions(), folder=tmp_path, progress=lines.append
    )
    found = refit(wanted)
    assert {key: own.scale for key, own in found.items()} == pytest.approx(wanted)
    assert len({options.seed for options in fake.options["symptoms"]}) == 2
    (line,) = lines
    assert "sampling" in line
    assert "symptoms low 0.5, symptoms high 0.4" in line


def test_refits_are_kept_and_resumed(sampler: FakeSampler, tmp_path: Any) -> None:
    wanted = {("act", "OMA_AIT"): 0.5, ("feno", "OMA_AIT"): 2.0}
    first = refit_of(sampler, folder=tmp_path)(wanted)
    lines: list[str] = []
    again = refit_of(sampler, folder=tmp_path, progress=lines.append)(wanted)
    assert [len(own) for own in sampler.options.values()] == [1, 1]
    (line,) = lines
    assert "using the saved fit" in line
    for key, own in first.items():
        np.testing.assert_array_equal(own.benefit, again[key].benefit)
        np.testing.assert_array_equal(own.share, again[key].share)
        assert own.efficiency == again[key].efficiency
    refit_of(sampler, folder=tmp_path)({("act", "OMA_AIT"): 0.6})
    assert len(sampler.options["act"]) == 2


def test_a_report_finds_refits_missing_before_one_is_made(
    sampler: FakeSampler, tmp_path: Any
) -> None:
    def refuse(message: str) -> None:
        raise LookupError(message)

    with pytest.raises(LookupError, match="longitudinal-weak-sceptical-1: sampling"):
        refit_of(sampler, folder=tmp_path, progress=refuse)({("act", "OMA_AIT"): 0.5})
    assert not sampler.options


def test_a_divergent_refit_is_sampled_again_and_then_not_used(sampler: FakeSampler) -> None:
    sampler.diverging = "act"
    lines: list[str] = []
    wanted = {("act", "OMA_AIT"): 0.5, ("feno", "OMA_AIT"): 2.0}
    found = refit_of(sampler, progress=lines.append)(wanted)
    assert set(found) == {("feno", "OMA_AIT")}  # which has nothing to do with it
    assert any(line.endswith("fails the gate for act") for line in lines)
    first, closer = sampler.options["act"]
    assert closer.target_accept == 0.99 > first.target_accept == 0.96
    assert closer.tune == SamplerOptions().tune
    assert len(sampler.options["feno"]) == 1
