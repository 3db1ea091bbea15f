"""Medians and person-time of a bundle: read as printed, and in no model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bundles import write_toml

from bayesasthma.errors import StudyError
from bayesasthma.models.design import design
from bayesasthma.study._bundle_medians import MEDIAN_COLUMNS, printed_median, says_median
from bayesasthma.study._sheets import Collector, Row
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

OUTCOMES = "outcome,label,unit,direction\nscore,Score,points,higher\nfeno,FeNO,ppb,lower\n"
MEANS = "".join(f"score,{arm},{visit},,10 (2),\n" for arm in "ct" for visit in ("start", "end"))
HEAD = "outcome,arm,visit,statistic,value,value_is\n"


def study(folder: Path, medians: str = "", **files: str) -> Study:
    write_toml(folder, {"c": 30, "t": 32}, {"start": 0, "end": 12}, "start")
    texts = {"outcomes": OUTCOMES, "summaries": HEAD + MEANS + medians} | files
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return load_study(folder)


def problems(folder: Path, medians: str = "", **files: str) -> list[tuple[str, str]]:
    with pytest.raises(StudyError) as caught:
        study(folder, medians, **files)
    return [(p.file, p.column) for p in caught.value.problems]


FENO = "feno,c,end,median,41.8 (23.4–68.0),iqr\nfeno,t,end,,39.8 (IQR 22.9–57.9),\n"


def test_an_outcome_of_medians_alone_is_kept_and_in_no_table(tmp_path: Path) -> None:
    found = study(tmp_path, FENO)
    assert list(found.outcomes.index) == ["score"]
    assert list(found.table["outcome"].to_numpy()) == ["score"]
    assert list(design(found).outcomes) == ["score"]
    rows = found.medians.set_index("arm")
    assert rows.loc["c", ["median", "q1", "q3", "n"]].tolist() == [41.8, 23.4, 68.0, 30]
    assert rows.loc["t", ["label", "unit"]].tolist() == ["FeNO", "ppb"]
    assert rows["median_step"].tolist() == [0.1, 0.1]


def test_medians_beside_means_of_other_visits(tmp_path: Path) -> None:
    found = study(tmp_path, FENO + "feno,c,start,,40 (12),\nfeno,t,start,,41 (13),\n")
    assert list(found.outcomes.index) == ["score", "feno"]
    means = found.table["mean"].sel(outcome="feno", statistic="level")
    assert np.isnan(means.sel(visit="end")).all()
    assert means.sel(visit="start").to_numpy().tolist() == [40, 41]


def test_medians_alone_leave_nothing_to_model(tmp_path: Path) -> None:
    outcomes = "outcome,label,unit,direction\nfeno,FeNO,ppb,lower\n"
    found = problems(tmp_path, outcomes=outcomes, summaries=HEAD + FENO)
    assert found == [("summaries.csv", "")]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("feno,c,end,median,41.8 (23.4–68.0),", "value_is"),  # quartiles or range?
        ("feno,c,end,median,41.8 (43.4–68.0),iqr", "value"),  # quartiles above the median
        ("feno,c,end,median,41.8 (9),range", "value"),
        ("feno,c,end,median,forty,iqr", "value"),
        ("feno,c,end,,41.8 (IQR 23–68),range", "value_is"),
        ("feno,c,end,mean,41.8 (23–68),iqr", "statistic"),
        (FENO.split("\n", 1)[0] + "\nfeno,c,end,median,41 (20–60),iqr", "outcome"),
    ],
)
def test_what_is_no_median(tmp_path: Path, row: str, column: str) -> None:
    assert ("summaries.csv", column) in problems(tmp_path, row + "\n")


def test_columns_of_their_own(tmp_path: Path) -> None:
    text = (
        "outcome,arm,visit,mean,sd,median,q1,q3,least,greatest,iqr\n"
        "score,c,end,10.0,2.0,,,,,,\nscore,t,end,10.0,2.0,,,,,,\n"
        "feno,c,end,,,40,20,61,5,160,\nfeno,t,end,,,38,,,,,33\n"
    )
    found = study(tmp_path, summaries=text).medians.set_index("arm")
    assert found.loc["c", ["q1", "q3", "least", "greatest"]].tolist() == [20, 61, 5, 160]
    assert found.loc["t", "iqr"] == 33
    assert np.isnan(found.loc["t", "q1"])


def test_medians_of_table_one(tmp_path: Path) -> None:
    baseline = (
        "variable,level,arm,value,value_is\nage,,c,Median 40 (range 18 to 71),\n"
        "age,,t,41 [18 to 70],range\nweight,,c,70 (8),sd\nweight,,t,71 (9),sd\n"
    )
    rows = study(tmp_path, FENO, baseline=baseline).baseline.set_index(["variable", "arm"])
    assert rows.loc[("age", "c"), ["median", "least", "greatest"]].tolist() == [40, 18, 71]
    assert np.isnan(rows.loc[("age", "c"), "mean"])
    assert rows.loc[("weight", "t"), "mean"] == 71


@given(
    st.lists(st.integers(-500, 500), min_size=3, max_size=3),
    st.sampled_from([" to ", "; ", " – "]),
    st.sampled_from(["", "IQR ", "range "]),
)
def test_a_cell_is_read_as_it_is_typed(numbers: list[int], mark: str, said: str) -> None:
    low, middle, high = (n / 10 for n in sorted(numbers))
    text = f"{middle} ({said}{low}{mark}{high})"
    word = "" if said else "iqr"
    row = Row("f", 2, {"value": text, "value_is": word}, Collector(), frozenset())
    found = printed_median(row)
    assert says_median(row)
    names = ("least", "greatest") if said == "range " else ("q1", "q3")
    assert found is not None
    assert [found[n].value for n in ("median", *names)] == [middle, low, high]
    assert set(found) <= set(MEDIAN_COLUMNS)


RATES = "event,arm,visit,count,person_time,rate,per,ratio,ci_low,ci_high,ci_prob,method\n"


def test_events_in_person_time(tmp_path: Path) -> None:
    rates = RATES + "exac,c,end,40,29.4,136,100,,,,,\nexac,t,end,22,31.0,71,100,0.52,0.31,0.88,,\n"
    tests = "table,kind,outcome,visit,test,p\nT,between,exac,end,exact Poisson,0.015\n"
    found = study(tmp_path, FENO, rates=rates, tests=tests)
    rows = found.rates.set_index("arm")
    assert rows["count"].tolist() == [40, 22]
    assert rows["person_time_step"].tolist() == [0.1, 0.1]
    assert rows.loc["t", ["per", "ratio", "ci_low", "ci_high", "ci_prob"]].tolist() == [
        100, 0.52, 0.31, 0.88, 0.95,
    ]  # fmt: skip
    assert found.adverse.empty


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("exac,c,end,4.5,29.4,,,,,,,", "count"),
        ("exac,c,end,40,0,,,,,,,", "person_time"),
        ("exac,c,end,40,29,,,0.5,,,,", "ratio"),  # of the control itself
        ("exac,t,end,40,29,,,0.5,0.3,,,", "ci_high"),
        ("exac,t,end,40,29,,,0.9,0.3,0.8,,", "ratio"),
        ("exac,t,end,40,29,,,0.5,0.3,0.8,5,", "ci_prob"),
        ("exac,x,end,40,29,,,,,,,", "arm"),
        ("exac,t,end,40,29,,,,,,,\nexac,t,end,41,29,,,,,,,", "event"),
    ],
)
def test_what_is_no_rate(tmp_path: Path, row: str, column: str) -> None:
    assert ("rates.csv", column) in problems(tmp_path, rates=RATES + row + "\n")
