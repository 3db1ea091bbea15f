"""Reading bundles: what is right is read, and what is wrong is reported, all of it at once."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.bundles import one_visit, patient_level, three_arms

from bayesasthma.errors import BayesAsthmaError, Problem, StudyError, UsageError
from bayesasthma.study.bundle import bundled_studies, load_study
from bayesasthma.study.template import write_template

FILES = {
    "study.toml": """\
title = "T"
citation = "C"
design = "D"
randomised = true
[[arms]]
id = "old"
label = "Old"
role = "control"
n = 20
[[arms]]
id = "new"
role = "treatment"
n = 22
[[visits]]
id = "start"
week = 0
baseline = true
[[visits]]
id = "end"
week = 12
[methods]
alpha = 0.05
primary = ["act"]
[[exclusions]]
criterion = "smoking"
variable = "smoker"
level = "yes"
""",
    "outcomes.csv": """\
outcome,label,unit,direction,domain,mcid,mcid_kind,mcid_source,minimum,maximum,items
act,ACT,points,higher,control,3,absolute,someone,5,25,5
feno,FeNO,ppb,lower,,0.2,relative,someone,0,,
""",
    "summaries.csv": """\
outcome,arm,visit,statistic,n,mean,sd,se,ci_low,ci_high,note
act,old,start,,,16.8,4.3,,,,
act,old,end,level,18,18.90,2.9,,,,
act,new,start,level,,17.2,,0.9,,,
act,new,end,level,,21.8,,,20.6,23.0,
act,old,end,change,,2.1,4.0,,,,
feno,old,start,level,,40,12,,,,
feno,new,start,level,,42,13,,,,
feno,new,end,level,,19,7,,,,one arm has no second visit
""",
    "correlations.csv": """\
outcome,arm,visit_1,visit_2,correlation
act,new,start,end,0.55
""",
    "tests.csv": """\
table,kind,outcome,arm,visit,test,p
Table 2,between,act,,end,Student t,*<0.01
Table 2,within,act,old,end,,0.08
Table 1,between,smoker,,start,,1.00
Table 5,between,rash,,end,,0.5
""",
    "baseline.csv": """\
variable,level,arm,mean,sd,count,percent,n
age,,old,45.3,8.4,,,
age,,new,44.1,9.3,,,
smoker,yes,old,,,1,5.0,
smoker,yes,new,,,2,9.1,
""",
    "adverse.csv": """\
visit,reaction,severity,arm,events,n,percent
end,rash,mild,old,3,,15.0
end,rash,mild,new,0,21,0.0
""",
    "claims.csv": """\
where,refers_to,value,outcome,arm,visit,statistic
Abstract,ACT,<0.01,act,,end,p
Abstract,ACT,18.9,act,old,end,mean
Text,FeNO,decrease,feno,new,end,direction
""",
    "external.csv": """\
outcome,reaction,estimate,se,ci_low,ci_high,scale,citation
act,,0.65,,-0.30,1.60,difference in means,Bardelas 2012
,rash,0.44,,0.23,0.84,odds ratio,Massanari 2010
feno,,26,,,,sd,someone
""",
}
PATIENTS = {
    name: text
    for name, text in FILES.items()
    if name in {"study.toml", "outcomes.csv", "baseline.csv"}
} | {
    "patients.csv": """\
patient,arm,visit,act,feno
1,old,start,15,40
1,old,end,17,
2,old,start,16,35
2,old,end,19,30
3,new,start,14,NA
3,new,end,22,20
4,new,start,17,41
4,new,end,23,19
""",
}


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def problems(folder: Path) -> list[Problem]:
    with pytest.raises(StudyError) as caught:
        load_study(folder)
    assert str(folder.parent) not in str(caught.value)
    return list(caught.value.problems)


def changed(files: dict[str, str], name: str, old: str, new: str) -> dict[str, str | bytes]:
    assert files[name].count(old) == 1, old
    return files | {name: files[name].replace(old, new)}


# --------------------------------------------------------------------------------- what is right


def test_everything_of_a_bundle_is_read(tmp_path: Path) -> None:
    study = load_study(write(tmp_path / "mine", FILES))
    assert (study.name, study.title, study.citation, study.design) == ("mine", "T", "C", "D")
    assert study.randomised is True
    assert study.control == "old"
    assert study.treatments == ["new"]
    assert study.follow_up == ["end"]
    assert study.baseline_visit == "start"
    assert study.weeks.tolist() == [0.0, 12.0]
    assert study.arms.to_dict("list") == {
        "label": ["Old", "new"],
        "role": ["control", "treatment"],
        "n": [20, 22],
    }
    assert study.outcomes["direction"].tolist() == [1, -1]
    assert study.outcomes["mcid"].tolist() == [3.0, 0.2]
    assert study.outcomes["mcid_kind"].tolist() == ["absolute", "relative"]
    assert np.isnan(study.outcomes.loc["feno", "maximum"])
    assert study.tests["p"].tolist() == ["*<0.01", "0.08", "1.00", "0.5"]
    assert study.tests["p_value"].tolist() == [0.01, 0.08, 1.0, 0.5]
    assert study.tests["p_operator"].tolist() == ["<", "=", "=", "="]
    assert study.tests["starred"].tolist() == [True, False, False, False]
    assert study.tests["decimals"].tolist() == [2, 2, 2, 1]
    assert study.baseline["percent_step"].tolist()[2:] == [0.1, 0.1]
    assert study.baseline["n"].tolist() == [20, 22, 20, 22]
    assert study.adverse["events"].tolist() == [3, 0]
    assert study.adverse["n"].tolist() == [20, 21]
    assert study.claims["value"].tolist() == ["<0.01", "18.9", "decrease"]
    assert study.external["estimate"].tolist() == [0.65, 0.44, 26.0]
    assert study.correlations["correlation"].tolist() == [0.55]
    assert study.exclusions.to_dict("records") == [
        {"criterion": "smoking", "variable": "smoker", "level": "yes"}
    ]
    assert study.methods["alpha"] == 0.05
    assert set(study.checksums) == set(FILES)
    assert study.patients is None


def test_the_table_has_what_is_printed_and_its_rounding(tmp_path: Path) -> None:
    table = load_study(write(tmp_path, FILES)).table
    assert table["mean"].dims == ("outcome", "arm", "visit", "statistic")
    cell = table.sel(outcome="act", arm="old", visit="end", statistic="level")
    assert [float(cell[f]) for f in ("mean", "sd", "n", "mean_step", "sd_step")] == [
        *(18.9, 2.9, 18.0, 0.01, 0.1)
    ]
    assert float(table["n"].sel(outcome="act", arm="old", visit="start", statistic="level")) == 20
    change = table.sel(outcome="act", arm="old", visit="end", statistic="change")
    assert (float(change["mean"]), float(change["sd"])) == (2.1, 4.0)
    assert np.isnan(table["mean"].sel(outcome="feno", arm="old", visit="end", statistic="level"))
    assert table["week"].sel(visit="end") == 12


def test_standard_errors_and_intervals_become_sds(tmp_path: Path) -> None:
    table = load_study(write(tmp_path, FILES)).table.sel(
        outcome="act", arm="new", statistic="level"
    )
    by_se, by_interval = table.sel(visit="start"), table.sel(visit="end")
    assert float(by_se["sd"]) == pytest.approx(0.9 * np.sqrt(22))
    assert float(by_se["sd_step"]) == pytest.approx(0.1 * np.sqrt(22))
    low, high = stats.t.interval(0.95, 21, loc=21.8, scale=float(by_interval["sd"]) / np.sqrt(22))
    assert (low, high) == (pytest.approx(20.6), pytest.approx(23.0))
    # Each end is off by at most half a step: the SD by that of the narrowest and widest interval.
    widest = 2.5 / (2 * stats.t.ppf(0.975, 21)) * np.sqrt(22)
    assert float(by_interval["sd_step"]) / 2 == pytest.approx(
        (widest - float(by_interval["sd"])), rel=1e-9
    )


def test_patients_are_summarised_without_rounding(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, PATIENTS))
    assert study.patients is not None
    assert len(study.patients) == 8
    cell = study.table.sel(outcome="act", arm="old", visit="end", statistic="level")
    assert float(cell["mean"]) == 18.0
    assert float(cell["sd"]) == pytest.approx(np.sqrt(2.0))
    assert (float(cell["n"]), float(cell["sd_step"])) == (2.0, 0.0)
    # One value is no SD.
    assert np.isnan(
        study.table["sd"].sel(outcome="feno", arm="old", visit="end", statistic="level")
    )


def test_simulated_patients_are_summarised_as_by_pandas(tmp_path: Path) -> None:
    study = load_study(patient_level(tmp_path / "patients"))
    assert study.patients is not None
    grouped = study.patients.groupby(["arm", "visit"])["flow"]
    for (arm, visit), values in grouped:
        cell = study.table.sel(outcome="flow", arm=arm, visit=visit, statistic="level")
        expected = [values.mean(), values.std(), values.count()]
        assert [float(cell[f]) for f in ("mean", "sd", "n")] == pytest.approx(expected)


def test_three_arms_with_changes_missing_cells_and_differing_n(tmp_path: Path) -> None:
    study = load_study(three_arms(tmp_path / "three"))
    assert study.treatments == ["low", "high"]
    levels = study.table["mean"].sel(outcome="flow", statistic="level")
    printed = levels.to_series()
    assert printed[printed.isna()].index.tolist() == [("high", "week8")]
    assert study.table["n"].sel(
        outcome="flow", arm="control", statistic="level"
    ).values.tolist() == [*(25.0, 23.0, 21.0)]
    changes = study.table["sd"].sel(outcome="symptoms", statistic="change")
    assert int(changes.count()) == 6


def test_a_study_with_one_visit_has_no_baseline(tmp_path: Path) -> None:
    study = load_study(one_visit(tmp_path / "one"))
    assert study.baseline_visit is None
    assert study.follow_up == ["end"]


def test_the_control_comes_first_whatever_the_order_in_the_file(tmp_path: Path) -> None:
    files = {k: v for k, v in FILES.items() if k in {"outcomes.csv", "summaries.csv"}}
    arms = FILES["study.toml"].partition("[[visits]]")[0].split("[[arms]]")
    rest = "[[visits]]\nid = 'start'\nweek = 0\nbaseline = true\n[[visits]]\nid = 'end'\nweek = 1"
    toml = "[[arms]]".join([arms[0], arms[2], arms[1]]) + rest
    study = load_study(write(tmp_path, files | {"study.toml": toml}))
    assert study.arms.index.tolist() == ["old", "new"]
    assert study.table["arm"].values.tolist() == ["old", "new"]


@pytest.mark.parametrize("name", FILES)
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path, name: str) -> None:
    text = b"\xef\xbb\xbf" + FILES[name].replace("\n", "\r\n").encode()
    plain, marked = (
        load_study(write(tmp_path / "plain", FILES)),
        load_study(write(tmp_path / "marked", FILES | {name: text})),
    )
    assert marked.table.identical(plain.table)
    pd.testing.assert_frame_equal(marked.tests, plain.tests)
    pd.testing.assert_frame_equal(marked.outcomes, plain.outcomes)


@pytest.mark.parametrize(
    "name", [n for n in FILES if n not in {"study.toml", "outcomes.csv", "summaries.csv"}]
)
def test_an_absent_file_is_an_empty_frame_of_the_same_columns(tmp_path: Path, name: str) -> None:
    needs = {"baseline.csv": {"tests.csv"}, "adverse.csv": {"tests.csv", "external.csv"}}
    files = {k: v for k, v in FILES.items() if k != name and k not in needs.get(name, set())}
    if name == "baseline.csv":
        files["study.toml"] = files["study.toml"].partition("[[exclusions]]")[0]
    full, study = load_study(write(tmp_path / "a", FILES)), load_study(write(tmp_path / "b", files))
    field = name.removesuffix(".csv")
    pd.testing.assert_frame_equal(getattr(study, field), getattr(full, field).iloc[:0])


def test_what_a_study_holds_cannot_be_changed(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, FILES))
    with pytest.raises(FrozenInstanceError):
        study.title = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        study.table["mean"].values[0] = 0.0
    outcomes = study.outcomes
    outcomes.loc["act", "mcid"] = 99.0
    assert study.outcomes.loc["act", "mcid"] == 3.0


# ----------------------------------------------------------------------------------- what is wrong

#: Name: file, text found once, its replacement; row, column and words of the one problem.
WRONG: dict[str, tuple[str, str, str, int | None, str, str]] = {
    "arm unknown": ("summaries.csv", "feno,old,start", "feno,odl,start", 7, "arm", "mean 'old'"),
    "visit unknown": ("summaries.csv", "act,new,end", "act,new,week9", 5, "visit", "start, end"),
    "outcome unknown": ("summaries.csv", "feno,new,end", "feeno,new,end", 9, "outcome", "'feno'"),
    "not a number": ("summaries.csv", "40,12", "forty,12", 7, "mean", "a number"),
    "decimal comma": ("summaries.csv", "16.8,4.3", '"16,8",4.3', 2, "mean", "point"),
    "infinite": ("summaries.csv", "16.8,4.3", "inf,4.3", 2, "mean", "finite"),
    "sd negative": ("summaries.csv", "40,12", "40,-12", 7, "sd", "at least 0"),
    "sd not at all": ("summaries.csv", "40,12,", "40,,", 7, "sd", "one of sd, se"),
    "half an interval": ("summaries.csv", "20.6,23.0", "20.6,", 5, "ci_high", "both ends"),
    "upside down": ("summaries.csv", "20.6,23.0", "23.0,20.6", 5, "ci_high", "above ci_low"),
    "n not whole": ("summaries.csv", "level,18,18.90", "level,18.5,18.90", 3, "n", "whole"),
    "n of one": ("summaries.csv", "level,18,18.90", "level,1,18.90", 3, "n", "at least 2"),
    "statistic": ("summaries.csv", "old,end,change", "old,end,chang", 6, "statistic", "'change'"),
    "cell twice": ("summaries.csv", "feno,new,start", "feno,old,start", 8, "outcome", "row 7"),
    "mean off the scale": ("summaries.csv", "16.8,4.3", "26.8,4.3", 2, "mean", "5 to 25"),
    "label missing": ("outcomes.csv", "feno,FeNO", "feno,", 3, "label", "not a blank"),
    "direction": ("outcomes.csv", "ppb,lower", "ppb,low", 3, "direction", "'lower'"),
    "mcid_kind": ("outcomes.csv", "3,absolute", "3,absolut", 2, "mcid_kind", "'absolute'"),
    "mcid in percent": ("outcomes.csv", "0.2,relative", "20,relative", 3, "mcid", "fraction"),
    "scale upside down": ("outcomes.csv", "5,25,5", "25,5,5", 2, "maximum", "above the minimum"),
    "correlation": ("correlations.csv", "0.55", "1.55", 2, "correlation", "-1 to 1"),
    "one visit twice": ("correlations.csv", "start,end", "end,end", 2, "visit_2", "another visit"),
    "kind": ("tests.csv", "2,within", "2,whithin", 3, "kind", "'within'"),
    "p not readable": ("tests.csv", "*<0.01", "small", 2, "p", "p-value"),
    "p above one": ("tests.csv", "0.08", "8", 3, "p", "from 0 to 1"),
    "subject": ("tests.csv", "between,smoker", "between,smoke", 4, "outcome", "'smoker'"),
    "within no arm": ("tests.csv", "act,old,end", "act,,end", 3, "arm", "within-arm"),
    "count above n": ("baseline.csv", "2,9.1", "23,9.1", 5, "count", "0 to 22"),
    "percent above 100": ("baseline.csv", "1,5.0", "1,105", 4, "percent", "0 to 100"),
    "percent in words": ("baseline.csv", "1,5.0", "1,five", 4, "percent", "a number"),
    "level twice": ("baseline.csv", "smoker,yes,new", "smoker,yes,old", 5, "variable", "row 4"),
    "events above n": ("adverse.csv", "new,0,21", "new,22,21", 3, "events", "0 to 21"),
    "events not whole": ("adverse.csv", "new,0,21", "new,0.5,21", 3, "events", "whole"),
    "events negative": ("adverse.csv", "old,3,", "old,-3,", 2, "events", "from 0"),
    "claimed p": ("claims.csv", "<0.01", "small", 2, "value", "p-value"),
    "claimed direction": ("claims.csv", "decrease", "decreased", 4, "value", "'decrease'"),
    "two subjects": ("external.csv", ",rash,0.44", "act,rash,0.44", 3, "outcome", "one of the two"),
    "no uncertainty": ("external.csv", "-0.30,1.60", ",", 2, "se", "standard error"),
    "title": ("study.toml", 'title = "T"', 'title = ""', None, "title", "text"),
    "misspelt key": ("study.toml", 'design = "D"', 'desing = "D"', None, "desing", "'design'"),
    "n of an arm": ("study.toml", "n = 22", 'n = "22"', None, "arms[2].n", "whole number"),
    "role": ("study.toml", '"treatment"', '"treated"', None, "arms[2].role", "treatment"),
    "weeks descend": ("study.toml", "week = 12", "week = 0", None, "visits[2].week", "ascending"),
    "alpha": ("study.toml", "alpha = 0.05", "alpha = 5", None, "methods.alpha", "between 0 and 1"),
    "primary": ("study.toml", '["act"]', '["atc"]', None, "methods.primary", "act"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_one_mistake_is_one_problem(tmp_path: Path, name: str) -> None:
    file, old, new, row, column, words = WRONG[name]
    (problem,) = problems(write(tmp_path / "bundle", changed(FILES, file, old, new)))
    assert (problem.file, problem.row, problem.column) == (file, row, column)
    assert words in problem.expected
    assert str(problem).startswith(file)


# Mistakes that take nothing away which another mistake's check needs.
INDEPENDENT = {
    "study.toml": ["misspelt key", "alpha", "primary", "title"],
    "outcomes.csv": ["label missing", "direction", "mcid in percent"],
    "summaries.csv": ["arm unknown", "n not whole", "upside down", "mean off the scale"],
    "correlations.csv": ["correlation"],
    "tests.csv": ["kind", "p not readable", "subject"],
    "baseline.csv": ["count above n", "percent in words"],
    "adverse.csv": ["events negative", "events above n"],
    "claims.csv": ["claimed p", "claimed direction"],
    "external.csv": ["two subjects", "no uncertainty"],
}


@settings(max_examples=25)
@given(
    st.sets(st.sampled_from([name for names in INDEPENDENT.values() for name in names]), min_size=1)
)
def test_any_set_of_mistakes_is_reported_at_once(names: set[str]) -> None:
    files: dict[str, str] = dict(FILES)
    for name in names:
        file, old, new, *_ = WRONG[name]
        files |= changed(files, file, old, new)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        found = problems(write(Path(folder) / "bundle", files))
    expected = {(WRONG[name][0], WRONG[name][3], WRONG[name][4]) for name in names}
    assert {(p.file, p.row, p.column) for p in found} == expected
    assert len(found) == len(names)


@settings(max_examples=60)
@given(
    st.sampled_from([*FILES.items(), ("patients.csv", PATIENTS["patients.csv"])]),
    st.floats(0, 1),
    st.integers(0, 12),
    st.text(st.sampled_from('0123456789.,-"\n\ufeff =[]aexn*<%±;\t'), max_size=6)
    | st.text(max_size=4),
)
def test_whatever_a_file_holds_the_answer_is_a_study_or_a_list_of_problems(
    file: tuple[str, str], place: float, length: int, inserted: str
) -> None:
    name, text = file
    base = PATIENTS if name == "patients.csv" else FILES
    start = int(place * len(text))
    damaged = (text[:start] + inserted + text[start + length :]).encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory() as folder:
        bundle = write(Path(folder) / "bundle", base | {name: damaged})
        try:
            study = load_study(bundle)
        except StudyError as error:
            study, report = None, str(error)
    if study is None:
        assert folder not in report
        assert "1 problem" in report or "problems" in report
        return
    mean, sd = study.table["mean"].to_numpy(), study.table["sd"].to_numpy()
    np.testing.assert_array_equal(np.isnan(mean), np.isnan(sd))
    assert (sd[np.isfinite(sd)] > 0).all()


def test_broken_toml_does_not_hide_the_other_files(tmp_path: Path) -> None:
    files = FILES | {"study.toml": "title = \n", "tests.csv": "table,kind,outcome\n"}
    found = problems(write(tmp_path / "bundle", files))
    assert ("study.toml", 1) in [(p.file, p.row) for p in found]
    assert ("tests.csv", "p") in [(p.file, p.column) for p in found]


def test_a_missing_column_does_not_hide_the_other_columns(tmp_path: Path) -> None:
    text = FILES["adverse.csv"].replace("reaction", "reacton").replace("new,0,21", "new,30,21")
    found = problems(write(tmp_path / "bundle", FILES | {"adverse.csv": text}))
    assert [(p.row, p.column) for p in found if p.file == "adverse.csv"] == [
        *((1, "reaction"), (1, "reacton"), (3, "events"))
    ]


@pytest.mark.parametrize("name", ["study.toml", "outcomes.csv", "summaries.csv"])
def test_a_needed_file_that_is_missing(tmp_path: Path, name: str) -> None:
    files = {key: text for key, text in FILES.items() if key != name}
    assert (name, None) in [(p.file, p.row) for p in problems(write(tmp_path / "bundle", files))]


def test_an_outcome_without_data(tmp_path: Path) -> None:
    text = FILES["outcomes.csv"] + "acq,ACQ,points,lower,,,,,,,\n"
    (problem,) = problems(write(tmp_path / "bundle", FILES | {"outcomes.csv": text}))
    assert (problem.file, problem.row, problem.value) == ("outcomes.csv", 4, "acq")


def test_a_change_at_the_baseline(tmp_path: Path) -> None:
    files = changed(FILES, "summaries.csv", "act,old,end,change", "act,old,start,change")
    (problem,) = problems(write(tmp_path / "bundle", files))
    assert (problem.row, problem.column) == (6, "visit")


@pytest.mark.parametrize(
    ("old", "new", "row", "column"),
    [
        ("2,old,end", "2,new,end", 5, "arm"),
        ("2,old,end", "1,old,end", 5, "patient"),
        ("15,40", "4,40", 2, "act"),
        ("15,40", "fifteen,40", 2, "act"),
        ("act,feno", "act,fneo", 1, "feno"),
        ("patient,arm", "patient,ram", 1, "arm"),
        ("1,old,end,17", "1,old,end,19", None, "act"),
    ],
)
def test_wrong_patients(tmp_path: Path, old: str, new: str, row: int | None, column: str) -> None:
    found = problems(write(tmp_path / "bundle", changed(PATIENTS, "patients.csv", old, new)))
    assert (row, column) in [(p.row, p.column) for p in found]


def test_two_sources_of_the_same_numbers(tmp_path: Path) -> None:
    files = FILES | {"patients.csv": PATIENTS["patients.csv"]}
    (problem,) = problems(write(tmp_path / "bundle", files))
    assert "not both" in problem.expected


def test_the_error_lists_every_problem_in_words(tmp_path: Path) -> None:
    files = changed(FILES, "tests.csv", "0.08", "8")
    with pytest.raises(BayesAsthmaError) as caught:
        load_study(write(tmp_path / "bundle", files))
    assert str(caught.value) == (
        "bundle: 1 problem\n  tests.csv, row 3, column p: found '8', expected "
        + caught.value.problems[0].expected  # type: ignore[attr-defined]
    )


# -------------------------------------------------------------------------------- finding bundles


def test_the_papers_bundle_is_found_by_name_and_by_folder() -> None:
    by_name, by_folder = load_study("liu2025"), load_study(bundled_studies()["liu2025"])
    assert by_name.name == by_folder.name == "liu2025"
    assert by_name.checksums == by_folder.checksums


def test_a_folder_of_results_does_not_hide_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "liu2025").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load_study("liu2025").outcomes) == 10


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'liu2025'"):
        load_study("liu2024")
    file = tmp_path / "x.csv"
    file.touch()
    with pytest.raises(UsageError, match="folder"):
        load_study(file)


def test_a_copy_of_the_papers_bundle_gives_the_same_study(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundled_studies()["liu2025"], tmp_path / "liu2025"))
    first, second = load_study("liu2025"), load_study(copy)
    assert first.table.identical(second.table)
    assert first.checksums == second.checksums
    for field in (
        "arms",
        "visits",
        "outcomes",
        "tests",
        "baseline",
        "adverse",
        "claims",
        "external",
    ):
        pd.testing.assert_frame_equal(getattr(first, field), getattr(second, field))


# ---------------------------------------------------------------------------------------- scaffold


def test_the_scaffold_passes_the_check(tmp_path: Path) -> None:
    written = write_template(tmp_path / "new" / "study")
    assert all(path.is_file() for path in written)
    study = load_study(tmp_path / "new" / "study")
    assert int(study.table["mean"].count()) == 4
    assert len(study.tests) == 1
    assert len(study.adverse) == len(study.baseline) == 2


def test_the_scaffold_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        write_template(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]
