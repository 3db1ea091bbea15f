"""The study object, and the paper's bundle as a study."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def liu() -> Study:
    return load_study("liu2025")


def test_arms_visits_and_what_follows_from_them(liu: Study) -> None:
    assert liu.control == "AIT"
    assert liu.treatments == ["OMA_AIT"]
    assert liu.baseline_visit == "baseline"
    assert liu.follow_up == ["week12", "week24", "week48"]
    np.testing.assert_array_equal(liu.weeks, [0, 12, 24, 48])
    assert liu.arms["n"].to_dict() == {"AIT": 18, "OMA_AIT": 19}
    assert liu.arms.loc["OMA_AIT", "label"] == "Omalizumab + AIT"
    assert not liu.randomised
    assert liu.patients is None


def test_outcomes_are_declared_as_designed(liu: Study) -> None:
    better_high = ["act", "aqlq", "fev1", "pef", "fev1_fvc"]
    better_low, neither = ["acq", "feno", "eos"], ["total_ige", "specific_ige"]
    direction = dict.fromkeys(better_high, 1) | dict.fromkeys(better_low, -1)
    assert liu.outcomes["direction"].to_dict() == direction | dict.fromkeys(neither, 0)
    mcid = liu.outcomes["mcid"].dropna().to_dict()
    assert mcid == {"act": 3.0, "acq": 0.5, "aqlq": 0.5, "feno": 0.2}
    assert liu.outcomes.loc["feno", "mcid_kind"] == "relative"
    without = liu.outcomes[liu.outcomes["mcid"].isna()]
    assert set(without["mcid_source"]) == {"no established MCID"}
    assert not liu.outcomes["mcid_source"].eq("").any()
    assert liu.outcomes["items"].dropna().to_dict() == {"act": 5.0}
    limits = liu.outcomes[["minimum", "maximum"]]
    assert limits.loc["act"].tolist() == [5, 25]
    assert limits.loc["acq"].tolist() == [0, 6]
    assert limits.loc["aqlq"].tolist() == [1, 7]
    assert set(liu.outcomes["domain"]) == {
        *("control and quality of life", "inflammation", "IgE", "lung function"),
    }


def test_the_table_is_complete_and_keeps_the_rounding(liu: Study) -> None:
    level = liu.table.sel(statistic="level")
    assert int(level["mean"].count()) == int(level["sd"].count()) == 80
    assert int(liu.table["mean"].sel(statistic="change").count()) == 0
    assert level["n"].sel(arm="AIT").values.ravel().tolist() == [18.0] * 40
    cell = level.sel(outcome="eos", arm="OMA_AIT", visit="week24")
    printed = [float(cell[name]) for name in ("mean", "mean_step", "sd", "sd_step")]
    assert printed == [0.42, 0.01, 0.04, 0.001]
    others = level["mean_step"].drop_sel(outcome="eos")
    np.testing.assert_array_equal(others, np.full(others.shape, 0.1))


def test_every_p_value_of_the_five_tables_is_there(liu: Study) -> None:
    counts = {"Table 1": 12, "Table 2": 18, "Table 3": 24, "Table 4": 18, "Table 5": 9}
    assert liu.tests["table"].value_counts().to_dict() == counts
    assert (liu.tests["kind"] == "within").sum() == 20
    star = liu.tests[liu.tests["starred"]]
    assert (star["p_value"] <= 0.05).all()


def test_means_and_sds_of_the_text_are_those_of_the_tables(liu: Study) -> None:
    numbers = liu.claims[liu.claims["statistic"].isin(["mean", "sd"])]
    age = liu.baseline[liu.baseline["variable"] == "age"].set_index("arm")
    for claim in numbers.to_dict("records"):
        if claim["outcome"] == "age":
            printed = float(age.loc[claim["arm"], claim["statistic"]])
        else:
            place = {k: claim[k] for k in ("outcome", "arm", "visit")}
            printed = float(liu.table[claim["statistic"]].sel(**place, statistic="level"))
        assert float(claim["value"]) == printed


def test_external_evidence_has_its_source(liu: Study) -> None:
    assert not liu.external["citation"].eq("").any()
    act = liu.external[liu.external["scale"] == "difference in means"].iloc[0]
    assert act[["estimate", "ci_low", "ci_high"]].tolist() == [0.65, -0.30, 1.60]
    reactions = liu.external[liu.external["scale"] == "odds ratio"].iloc[0]
    assert reactions[["estimate", "ci_low", "ci_high"]].tolist() == [0.44, 0.23, 0.84]


def test_a_variant_is_a_new_study(liu: Study) -> None:
    variant = replace(liu, table=liu.table.assign(sd=liu.table["sd"] * 2))
    ratio = variant.table["sd"] / liu.table["sd"]
    np.testing.assert_array_equal(ratio.sel(statistic="level"), np.full((10, 2, 4), 2.0))
    assert variant.name == liu.name


def test_a_study_can_be_sent_to_another_process(liu: Study) -> None:
    copy = pickle.loads(pickle.dumps(liu))
    assert copy.table.identical(liu.table)
    pd.testing.assert_frame_equal(copy.tests, liu.tests)
    with pytest.raises(ValueError, match="read-only"):
        copy.table["sd"].values[0] = 1.0


def test_repr_names_what_there_is(liu: Study) -> None:
    text = repr(liu)
    assert "liu2025" in text
    assert "Omalizumab + AIT (n = 19)" in text
    assert "48 weeks" in text
    assert "10 outcomes from printed means and SDs" in text
