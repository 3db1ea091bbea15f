"""Statements about several outcomes, from draws made up so that the answers are known."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from tests import bundles
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.shrinkage import shrinkage_rows
from bayesasthma.results.joint_estimands import (
    COLUMNS,
    all_improve,
    at_least_if_independent,
    domain_means,
    joint_effects,
    number_improving,
    primary_outcomes,
    product_of_marginals,
    ranks,
)
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

CHAINS, DRAWS = 2, 500


def benefit_array(values: np.ndarray) -> xr.DataArray:
    """Benefits (draw, outcome) as one chain."""
    names = [f"k{i}" for i in range(values.shape[1])]
    return xr.DataArray(values[None], {"outcome": names}, ("chain", "draw", "outcome"))


def test_counts_and_ranks_of_known_draws() -> None:
    benefit = benefit_array(np.array([[1.0, -1, 3], [2, 1, 0.5], [-1, -2, -3]]))
    assert all_improve(benefit).values.tolist() == [[0, 1, 0]]
    assert number_improving(benefit).values.tolist() == [[2, 3, 0]]
    assert ranks(benefit).values.tolist() == [[[2, 3, 1], [1, 2, 3], [1, 2, 3]]]
    improves = (benefit > 0).astype(float)
    assert float(product_of_marginals(improves)) == pytest.approx(2 / 3 * 1 / 3 * 2 / 3)


def test_means_of_domains_leave_out_what_is_not_there() -> None:
    nan = np.nan
    benefit = benefit_array(np.array([[1.0, 3, 5, 7], [nan, 3, 5, 7], [nan, nan, 5, 7]]))
    found = domain_means(benefit, ["a", "a", "b", ""])
    assert found["subject"].values.tolist() == ["a"]  # a domain of one outcome has no mean
    np.testing.assert_array_equal(found.to_numpy(), [[[2, 3, nan]]])
    assert domain_means(benefit, ["", "", "", ""]).sizes["subject"] == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_at_least_m_of_independent_outcomes_is_the_sum_over_subsets(chances: list[float]) -> None:
    improves = xr.DataArray(
        np.array(chances)[None, None], dims=("chain", "draw", "outcome")
    )  # one draw: its mean is the probability
    found = at_least_if_independent(improves)
    for m in range(1, len(chances) + 1):
        exact = sum(
            np.prod([p if hit else 1 - p for p, hit in zip(chances, hits, strict=True)])
            for hits in product([False, True], repeat=len(chances))
            if sum(hits) >= m
        )
        assert found[m - 1] == pytest.approx(exact, abs=1e-12)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return load_study(bundles.complete(tmp_path_factory.mktemp("complete") / "study"))


def made_up(study: Study, *, dependent: bool) -> Fit:
    """A fit whose outcomes improve together or independently; every benefit is N(0.5, 1) SDs."""
    rng = np.random.default_rng(seeded(3))
    outcomes, arms, visits = (
        list(index) for index in (study.outcomes.index, study.arms.index, study.visits.index)
    )
    direction = study.outcomes["direction"].to_numpy(dtype=float)
    scale = np.arange(1.0, len(outcomes) + 1)
    shape = (CHAINS, DRAWS, len(outcomes), len(visits))
    noise = rng.normal(size=(*shape[:2], 1, shape[3]) if dependent else shape)
    benefit = np.broadcast_to(0.5 + noise, shape).copy()
    benefit[..., 0] = 0.0
    mean = np.zeros((*shape[:3], len(arms), shape[3]))
    mean[:, :, :, 1] = benefit * (np.where(direction == 0, 1, direction) * scale)[:, None]
    coords = {"outcome": outcomes, "arm": arms, "visit": visits, "visit_b": visits}
    dims = ("chain", "draw", "outcome", "arm", "visit")
    rho = 0.5 + 0.5 * np.eye(len(visits))
    square = np.broadcast_to(rho, (*shape[:3], *rho.shape))
    posterior = xr.Dataset(
        {
            "mean": (dims, mean),
            "sd": (dims, np.ones_like(mean)),
            "correlation": ((*dims[:3], "visit", "visit_b"), square),
            "domain_effect": (
                ("chain", "draw", "domain", "treated", "follow_up"),
                rng.normal(1.0, 1.0, size=(CHAINS, DRAWS, 2, 1, 2)),
            ),
        },
        coords
        | {"domain": ["control", "lung function"], "treated": arms[1:], "follow_up": visits[1:]},
    )
    constants = xr.Dataset(
        {"n": ("arm", study.arms["n"].to_numpy(dtype=float)), "scale": ("outcome", scale)},
        {"outcome": outcomes, "arm": arms},
    )
    tree = xr.DataTree.from_dict({"posterior": posterior, "constant_data": constants})
    return Fit(study, "joint-weak", "joint", "weak", tree, {})


def test_dependence_is_kept_and_set_beside_the_product(study: Study) -> None:
    table = joint_effects(made_up(study, dependent=True))
    assert list(table.columns) == COLUMNS
    single = 0.6915  # P(N(0.5, 1) > 0)
    every = table[table["estimand"] == "all_improve"]
    assert set(every["outcomes"]) == {"directed"}  # the bundle names no primary outcome
    # draws are independent; dependent outcomes share them, so that errors of single^4 add up
    error = np.sqrt(single * (1 - single) / (CHAINS * DRAWS))
    close = ERRORS * error
    assert every["mean"].to_numpy() == pytest.approx([single, single], abs=close)
    product = 4 * single**3 * close
    assert every["if_independent"].to_numpy() == pytest.approx([single**4] * 2, abs=product)
    apart = joint_effects(made_up(study, dependent=False))
    every = apart[apart["estimand"] == "all_improve"]
    joint = ERRORS * np.sqrt(single**4 * (1 - single**4) / (CHAINS * DRAWS))
    assert every["mean"].to_numpy() == pytest.approx(every["if_independent"].to_numpy(), abs=joint)
    count = apart[apart["estimand"] == "number_improving"]
    assert count["mean"].to_numpy() == pytest.approx([4 * single] * 2, abs=2 * close)


def test_at_least_one_and_all_agree_with_the_other_rows(study: Study) -> None:
    table = joint_effects(made_up(study, dependent=False))
    table = table.set_index(["estimand", "visit"]).sort_index()
    for visit in ("week6", "week12"):
        at_least = table.loc[("at_least", visit)].set_index("m")["mean"]
        assert at_least[4] == table.loc[("all_improve", visit), "mean"].item()
        assert at_least.sum() == pytest.approx(
            table.loc[("number_improving", visit), "mean"].item()
        )
        assert (np.diff(at_least) <= 0).all()
        rank = table.loc[("rank", visit)]
        np.testing.assert_allclose(rank.groupby("subject")["mean"].sum(), 1.0)
        np.testing.assert_allclose(rank.groupby("m")["mean"].sum(), 1.0)
        by_rank = (rank["mean"] * rank["m"].astype(float)).groupby(rank["subject"]).sum()
        mean_rank = table.loc[("mean_rank", visit)].set_index("subject")["mean"]
        np.testing.assert_allclose(by_rank.sort_index(), mean_rank.sort_index())


def test_domains_of_one_outcome_or_without_direction_are_left_out(study: Study) -> None:
    table = joint_effects(made_up(study, dependent=True))
    for estimand in ("domain_effect", "domain_mean"):
        rows = table[table["estimand"] == estimand]
        assert set(rows["subject"]) == {"control", "lung function"}
        assert rows["p_benefit"].between(0.5, 1).all()
    means = table[table["estimand"] == "domain_mean"]["mean"]
    close = ERRORS / np.sqrt(CHAINS * DRAWS)
    assert means.to_numpy() == pytest.approx([0.5] * 4, abs=close)  # in baseline SDs


def test_primary_outcomes_are_the_bundles(study: Study, tmp_path: Path) -> None:
    assert primary_outcomes(study) == []
    folder = bundles.complete(tmp_path / "named")
    text = (folder / "study.toml").read_text()
    named = '[methods]\nprimary = ["symptoms", "flow", "marker"]\n[[arms]]'
    (folder / "study.toml").write_text(text.replace("[[arms]]", named, 1))
    named_study = load_study(folder)
    assert primary_outcomes(named_study) == ["symptoms", "flow"]  # a marker has no direction
    table = joint_effects(made_up(named_study, dependent=True))
    assert set(table["outcomes"].dropna()) == {"primary", "directed"}


def test_a_study_without_any_direction_is_refused(study: Study) -> None:
    from dataclasses import replace

    neutral = replace(study, outcomes=study.outcomes.assign(direction=0))
    fit = made_up(neutral, dependent=True)
    with pytest.raises(UsageError, match="no direction"):
        joint_effects(fit)


def test_shrinkage_rows_are_signed_and_scaled(study: Study) -> None:
    from bayesasthma.results.effect_table import effects

    fit = made_up(study, dependent=False)
    table = effects(fit)
    rows = shrinkage_rows(study, table, "active", "week12").set_index("outcome")
    level = study.table.sel(statistic="level", visit="start", outcome="symptoms")
    weight = level["n"] - 1
    pooled = float(np.sqrt((weight * level["sd"] ** 2).sum() / weight.sum()))
    own = table[(table["estimand"] == "difference") & (table["visit"] == "week12")]
    effect = own.set_index("outcome").loc["symptoms"]
    assert rows.loc["symptoms", "mean"] == pytest.approx(-effect["mean"] / pooled)
    assert rows.loc["symptoms", "ci_low"] == pytest.approx(-effect["ci_high"] / pooled)
    assert (rows["ci_low"] < rows["ci_high"]).all()
