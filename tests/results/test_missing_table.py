"""Tables on patients who left, from made-up draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests import bundles
from tests.made_up_fits import explorable_fit, table_fit

import bayesasthma as ba
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.design import design
from bayesasthma.results.effect_table import effects, headlines
from bayesasthma.results.missing_patients import BELOW, NEVER, TIPS
from bayesasthma.results.missing_table import (
    COLUMNS,
    STAYED,
    TIPPING_COLUMNS,
    missing_patients,
    tipping_points,
)

LEFT = "AIT=0,1,2; OMA_AIT=1,2,4"


@pytest.fixture(scope="module")
def fit() -> Fit:
    return explorable_fit(ba.load_study("liu2025"), draws=250)


@pytest.fixture(scope="module")
def table(fit: Fit) -> pd.DataFrame:
    return missing_patients(fit, LEFT)


@pytest.fixture(scope="module")
def tipping(fit: Fit) -> pd.DataFrame:
    return tipping_points(fit, LEFT)


def test_nobody_left(fit: Fit) -> None:
    assert missing_patients(fit).empty
    assert list(missing_patients(fit).columns) == COLUMNS
    assert list(tipping_points(fit, "AIT=0,0,0; OMA_AIT=0,0,0").columns) == TIPPING_COLUMNS


def test_without_a_delta_it_is_the_headline(fit: Fit, table: pd.DataFrame) -> None:
    plain = effects(fit)
    lead = plain[plain["estimand"] == plain["outcome"].map(headlines(fit))]
    keys = ["outcome", "arm", "visit"]
    own = table[table["scenario"] == STAYED].set_index(keys)
    assert len(own) == len(lead)
    numbers = ["mean", "sd", "ci_low", "ci_high", "p_benefit", "p_benefit_gt_mcid", "ess_bulk"]
    expected = lead.set_index(keys).loc[own.index, numbers]
    pd.testing.assert_frame_equal(own[numbers], expected, check_dtype=False)


def test_a_delta_moves_the_effect_by_the_share_against_the_benefit(
    fit: Fit, table: pd.DataFrame
) -> None:
    scale = dict(zip(design(fit.study).outcomes, design(fit.study).scale, strict=True))
    direction = fit.study.outcomes["direction"].to_dict()
    weights = {"treated": 4 / 19, "both": 4 / 19 - 2 / 18, "opposed": 4 / 19 + 2 / 18}
    last = table[table["visit"] == "week48"]
    for outcome, rows in last.groupby("outcome"):
        plain = rows[rows["scenario"] == STAYED].iloc[0]
        sign = direction[outcome]
        if sign == 0:
            assert not rows["scenario"].isin(weights).any()
            continue
        for name, weight in weights.items():
            for _, row in rows[rows["scenario"] == name].iterrows():
                moved = -sign * weight * row["delta_sd"] * scale[outcome]
                for number in ("mean", "ci_low", "ci_high"):
                    assert row[number] == pytest.approx(plain[number] + moved)
                assert row["sd"] == plain["sd"]
                assert row["delta"] == pytest.approx(row["delta_sd"] * scale[outcome])


def test_uncertain_shares_widen_intervals(fit: Fit, table: pd.DataFrame) -> None:
    drawn = missing_patients(fit, LEFT, uncertain=True, grid=(2.0,))
    keys = ["outcome", "visit"]
    rows = {
        name: own[(own["scenario"] == "opposed") & (own["delta_sd"] == 2.0)].set_index(keys)
        for name, own in (("known", table), ("drawn", drawn))
    }
    assert (rows["drawn"]["sd"] > rows["known"]["sd"]).mean() > 0.9
    # Beta draws of a share have the mean (x + 1/2) / (n + 1)
    shift = 2.0 * (4.5 / 20 + 2.5 / 19) - 2.0 * (4 / 19 + 2 / 18)
    row = {name: own.loc[("act", "week48")] for name, own in rows.items()}
    scale = design(fit.study).scale[design(fit.study).outcomes.index("act")]
    assert row["drawn"]["mean"] == pytest.approx(row["known"]["mean"] - shift * scale, abs=0.15)


def test_tipping_points_agree_with_the_table(table: pd.DataFrame, tipping: pd.DataFrame) -> None:
    """Below a tipping point P(benefit) of the table is at least the level, beyond it below."""
    own = table[table["scenario"].isin(["treated", "both", "opposed"])]
    keys = ["outcome", "arm", "visit", "scenario"]
    both = own.merge(tipping, on=keys, suffixes=("", "_tip"))
    at, level, p = both["delta"], both["level"], both["p_benefit"]
    tips = both["status"] == TIPS
    assert tips.sum() > 100
    assert (p[tips & (at < both["delta_tip"])] >= level[tips & (at < both["delta_tip"])]).all()
    assert (p[tips & (at > both["delta_tip"])] < level[tips & (at > both["delta_tip"])]).all()
    assert (p[both["status"] == NEVER] >= level[both["status"] == NEVER]).all()
    alike = both.merge(
        table[table["scenario"] == STAYED][["outcome", "visit", "p_benefit"]],
        on=["outcome", "visit"], suffixes=("", "_alike"),
    )  # fmt: skip
    below = alike["status"] == BELOW
    assert (alike["p_benefit_alike"][below] < alike["level"][below]).all()


def test_tipping_points_of_about_normal_draws(fit: Fit, tipping: pd.DataFrame) -> None:
    """(m - z s) / p, within the Monte Carlo errors of the point, of the mean and of the SD."""
    lead = effects(fit, estimands=["adjusted_difference"]).set_index(["outcome", "visit"])
    sign = fit.study.outcomes["direction"].to_dict()
    rows = tipping[(tipping["scenario"] == "treated") & (tipping["status"] == TIPS)]
    for row in rows.itertuples():
        share = row.left_treated / row.started_treated
        own = lead.loc[(row.outcome, row.visit)]
        z = stats.norm.ppf(row.level)
        exact = (sign[row.outcome] * own["mean"] - z * own["sd"]) / share
        error = np.hypot(row.delta_mcse, own["sd"] / np.sqrt(500) * (1 + z) / share)
        assert abs(row.delta - exact) < 5 * error, row


def test_what_the_scale_allows(fit: Fit, tipping: pd.DataFrame) -> None:
    """The ACT has 5 to 25 points; FeNO has no upper end, and worse is up."""
    means = fit.moments["mean"].mean(("chain", "draw")).sel(visit="week48")
    rows = tipping[(tipping["visit"] == "week48") & (tipping["level"] == 0.95)]
    own = rows.set_index(["outcome", "scenario"])["largest_delta"]
    treated, control = (float(means.sel(outcome="act", arm=arm)) for arm in ("OMA_AIT", "AIT"))
    assert own["act", "treated"] == pytest.approx(treated - 5)
    assert own["act", "both"] == pytest.approx(min(treated, control) - 5)
    assert own["act", "opposed"] == pytest.approx(min(treated - 5, 25 - control))
    assert np.isinf(own["feno", "treated"])
    assert not rows["beyond_scale"][np.isinf(rows["largest_delta"])].any()


def test_numbers_that_fall_in_the_table_are_taken(tmp_path: Path) -> None:
    """Three arms; the control loses two patients at each visit, of one outcome."""
    study = ba.load_study(bundles.three_arms(tmp_path / "three"))
    own = missing_patients(table_fit(study))
    flow = own[(own["outcome"] == "flow") & (own["scenario"] == STAYED)]
    assert set(own["source"]) == {"the table's n"}
    assert dict(zip(flow["visit"], flow["left_control"], strict=False)) == {
        "week4": 2.0, "week8": 4.0,
    }  # fmt: skip
    assert (flow["left_treated"] == 0).all()
    assert ("high", "week8") not in set(zip(flow["arm"], flow["visit"], strict=True))
    tipping = tipping_points(table_fit(study))
    treated = tipping[tipping["scenario"] == "treated"]
    assert set(treated["status"]) <= {NEVER, BELOW}


def test_a_model_without_baseline_has_no_copied_reference(tmp_path: Path) -> None:
    study = ba.load_study(bundles.one_visit(tmp_path / "one"))
    own = missing_patients(table_fit(study, "independent"), "placebo=2; drug=5 of 30")
    assert set(own["scenario"]) == {
        STAYED, "treated", "both", "opposed", "jump to reference", "copy increments in reference",
    }  # fmt: skip
    jump = own[own["scenario"] == "jump to reference"].iloc[0]
    plain = own[own["scenario"] == STAYED].iloc[0]
    assert jump["mean"] == pytest.approx(plain["mean"] * 25 / 30)
    assert jump["p_benefit"] == plain["p_benefit"]
