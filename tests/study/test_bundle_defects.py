"""Every check of a bundle, one by one and in random company; and the scaffold that passes them."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bundles import three_arms

from bayesasthma.errors import Problem, StudyError, UsageError
from bayesasthma.study.bundle import load_study
from bayesasthma.study.template import write_template

#: A bundle without fault in which every file has a row to spoil.
GOOD = {
    "study.toml": """\
title = "A trial"
citation = "Nobody, 2000"
randomised = true
[[arms]]
id = "drug"
label = "Drug"
role = "treatment"
n = 22
[[arms]]
id = "placebo"
role = "control"
n = 20
[[visits]]
id = "start"
week = 0
baseline = true
[[visits]]
id = "middle"
week = 6
[[visits]]
id = "end"
week = 12
[methods]
alpha = 0.05
primary = ["score"]
[[exclusions]]
criterion = "smokers"
variable = "smoking"
level = "current"
""",
    "outcomes.csv": """\
outcome,label,unit,direction,domain,mcid,mcid_kind,mcid_source,minimum,maximum,items,note
score,Score,points,higher,control,3,absolute,Someone,5,25,5,
level,Level,ppb,lower,blood,0.2,relative,Someone,0,,,
time,Time,s,none,,,,,,,,
""",
    "summaries.csv": """\
outcome,arm,visit,statistic,n,mean,sd,se,ci_low,ci_high,note
score,placebo,start,level,,16.8,4.3,,,,
score,drug,start,,,17.2,4.50,,,,
score,placebo,end,level,18,18.9,2.9,,,,
score,drug,end,level,,21.8,2.7,,,,
score,placebo,end,change,18,2.1,3.9,,,,
level,placebo,start,level,,40.2,,2.5,,,
level,drug,start,level,,42.3,,,37.0,47.6,
time,placebo,middle,level,,100,12,,,,
""",
    "correlations.csv": """\
outcome,arm,visit_1,visit_2,correlation
score,drug,start,middle,0.5
score,drug,start,end,0.6
score,drug,middle,end,0.7
level,drug,start,end,0.4
""",
    "tests.csv": """\
table,kind,outcome,arm,visit,test,p,note
Table 2,between,score,,start,Student t,0.75,
Table 2,between,score,,end,Student t,*<0.01,
Table 2,within,score,drug,end,,0.001*,
Table 1,between,smoking:current,,start,,1.00,
Table 3,between,rash,,end,,0.28,
Table 3,between,severity,,start,,0.40,
""",
    "baseline.csv": """\
variable,level,arm,mean,sd,count,percent,n
age,,placebo,45.3,8.4,,,
age,,drug,44.1,9.3,,,
smoking,current,placebo,,,2,10.0,
smoking,current,drug,,,3,14,21
""",
    "adverse.csv": """\
visit,reaction,severity,arm,events,n,percent
end,rash,mild,placebo,3,,15.0
end,rash,mild,drug,2,21,9.5
""",
    "claims.csv": """\
where,refers_to,value,outcome,arm,visit,statistic,quote
Abstract,age,45.3,age,placebo,start,mean,mean age
Abstract,score,<0.01,score,,end,p,(p < 0.01)
""",
    "external.csv": """\
outcome,reaction,estimate,se,ci_low,ci_high,scale,citation
score,,0.65,,-0.30,1.60,difference in means,Someone 2012
,rash,0.44,0.1,,,odds ratio,Someone 2010
""",
}


def write(folder: Path, changes: dict[str, str | bytes | None] | None = None) -> Path:
    """Write the good bundle, some files replaced or (None) left out."""
    for name, text in (GOOD | (changes or {})).items():
        if text is not None:
            raw = text if isinstance(text, bytes) else text.encode()
            (folder / name).write_bytes(raw)
    return folder


def spoiled(file: str, old: str, new: str) -> str:
    """Text of a good file with one change."""
    assert GOOD[file].count(old) == 1, (file, old)
    return GOOD[file].replace(old, new)


def problems(folder: Path) -> list[Problem]:
    with pytest.raises(StudyError) as caught:
        load_study(folder)
    return list(caught.value.problems)


# File, what to change, into what, then where and how it must be reported.
DEFECTS: list[tuple[str, str, str, int | None, str, str]] = [
    ("study.toml", 'title = "A trial"\n', "", None, "title", "a text"),
    ("study.toml", 'citation = "Nobody, 2000"', "citation = 3", None, "citation", "a text"),
    ("study.toml", "randomised = true", "randomized = true", None, "randomized", "'randomised'"),
    ("study.toml", "randomised = true", 'randomised = "yes"', None, "randomised", "true or false"),
    ("study.toml", 'role = "treatment"', 'role = "active"', None, "arms[1].role", "control or"),
    ("study.toml", 'role = "treatment"', 'role = "control"', None, "arms", "exactly one"),
    ("study.toml", 'role = "control"', 'role = "treatment"', None, "arms", "exactly one"),
    ("study.toml", "n = 20", "n = 1", None, "arms[2].n", "at least 2"),
    ("study.toml", "n = 20", "n = 20.5", None, "arms[2].n", "whole"),
    ("study.toml", "n = 20", "size = 20", None, "arms[2].size", "a key among"),
    ("study.toml", 'id = "placebo"', 'id = "drug"', None, "arms[2].id", "once"),
    ("study.toml", 'id = "placebo"', "id = 7", None, "arms[2].id", "a text"),
    ("study.toml", 'id = "middle"', 'id = "start"', None, "visits[2].id", "once"),
    ("study.toml", "week = 6", "week = 12", None, "visits[3].week", "ascending"),
    ("study.toml", "week = 6", "week = nan", None, "visits[2].week", "a number of weeks"),
    ("study.toml", "week = 6", "week = 6\nbaseline = true", None, "visits[2].baseline", "first"),
    ("study.toml", "baseline = true", 'baseline = "yes"', None, "visits[1].baseline", "true or"),
    ("study.toml", "alpha = 0.05", "alpha = 5", None, "methods.alpha", "between 0 and 1"),
    ("study.toml", "alpha = 0.05", "alfa = 0.05", None, "methods.alfa", "'alpha'"),
    ("study.toml", 'primary = ["score"]', 'primary = ["scor"]', None, "methods.primary", "score"),
    ("study.toml", 'level = "current"', 'level = "never"', None, "exclusions[1]", "baseline.csv"),
    ("outcomes.csv", "score,Score,", ",Score,", 2, "outcome", "not a blank"),
    ("outcomes.csv", "time,Time", "score,Time", 4, "outcome", "once"),
    ("outcomes.csv", "time,Time", "visit,Time", 4, "outcome", "other than"),
    ("outcomes.csv", "time,Time", "tyme,Time", 4, "outcome", "data for this outcome"),
    ("outcomes.csv", "points,higher", "points,up", 2, "direction", "one of higher, lower, none"),
    ("outcomes.csv", "points,higher", "points,highr", 2, "direction", "'higher'"),
    ("outcomes.csv", "3,absolute", "3,", 2, "mcid_kind", "absolute or relative"),
    ("outcomes.csv", "3,absolute", "3,percent", 2, "mcid_kind", "absolute, relative"),
    ("outcomes.csv", "3,absolute", ",absolute", 2, "mcid", "mcid_kind"),
    ("outcomes.csv", "3,absolute", "0,absolute", 2, "mcid", "above 0"),
    ("outcomes.csv", "0.2,relative", "20,relative", 3, "mcid", "a fraction"),
    ("outcomes.csv", ",5,25,5", ",25,5,5", 2, "maximum", "above the minimum, 25"),
    ("outcomes.csv", ",5,25,5", ",5,25,5.5", 2, "items", "whole"),
    ("outcomes.csv", "unit,direction", "unit,directon", 1, "directon", "'direction'"),
    ("outcomes.csv", "unit,direction", "unit,directon", 1, "direction", "in the header"),
    ("summaries.csv", "score,placebo,start", "scor,placebo,start", 2, "outcome", "'score'"),
    ("summaries.csv", "score,placebo,start", "score,placbo,start", 2, "arm", "'placebo'"),
    ("summaries.csv", "score,placebo,start", "score,placebo,strat", 2, "visit", "'start'"),
    ("summaries.csv", "score,drug,start,,", "score,drug,start,delta,", 3, "statistic", "level, ch"),
    ("summaries.csv", "score,drug,end", "score,drug,start", 5, "outcome", "row 3 has it too"),
    ("summaries.csv", "16.8,4.3", ",4.3", 2, "mean", "not a blank"),
    ("summaries.csv", "16.8,4.3", '"16,8",4.3', 2, "mean", "point"),
    ("summaries.csv", "16.8,4.3", "nan,4.3", 2, "mean", "a number"),
    ("summaries.csv", "16.8,4.3", "inf,4.3", 2, "mean", "a finite number"),
    ("summaries.csv", "16.8,4.3", "sixteen,4.3", 2, "mean", "a number"),
    (
        "summaries.csv",
        "16.8,4.3,,,,",
        "16.8,4.3,,,,,x",
        2,
        "",
        "11 cells, as in the header, not 12",
    ),
    ("summaries.csv", "16.8,4.3", "16.8", 2, "", "11 cells, as in the header, not 10"),
    ("summaries.csv", "16.8,4.3", "3.8,4.3", 2, "mean", "range, 5 to 25"),
    ("summaries.csv", "40.2,", "-40.2,", 7, "mean", "range, at least 0"),
    ("summaries.csv", "16.8,4.3", "16.8,-4.3", 2, "sd", "at least 0"),
    ("summaries.csv", "16.8,4.3", "16.8,", 2, "sd", "one of sd, se"),
    ("summaries.csv", "37.0,47.6", "37.0,", 8, "ci_high", "both ends"),
    ("summaries.csv", "37.0,47.6", ",47.6", 8, "ci_low", "both ends"),
    ("summaries.csv", "37.0,47.6", "47.6,37.0", 8, "ci_high", "above ci_low"),
    ("summaries.csv", "37.0,47.6", "43.0,47.6", 8, "mean", "inside its interval, 43 to 47.6"),
    ("summaries.csv", ",,2.5,", ",,-1,", 7, "se", "at least 0"),
    ("summaries.csv", "18,18.9", "1,18.9", 4, "n", "at least 2"),
    ("summaries.csv", "18,18.9", "18.5,18.9", 4, "n", "whole"),
    ("summaries.csv", "end,change", "start,change", 6, "visit", "after the baseline"),
    ("correlations.csv", "start,middle,0.5", "start,middle,1.2", 2, "correlation", "-1 to 1"),
    ("correlations.csv", "start,middle,0.5", "start,middle,1", 2, "correlation", "strictly"),
    ("correlations.csv", "start,middle,0.5", "start,middle,", 2, "correlation", "not a blank"),
    ("correlations.csv", "start,middle,0.5", "start,start,0.5", 2, "visit_2", "another visit"),
    ("correlations.csv", "start,middle,0.5", "end,start,0.5", 3, "outcome", "row 2 has it too"),
    ("correlations.csv", "middle,end,0.7", "middle,end,-0.7", 4, "correlation", "together"),
    ("correlations.csv", "score,drug,start,middle", "score,drug,begin,middle", 2, "visit_1", "one"),
    ("correlations.csv", "level,drug", "levels,drug", 5, "outcome", "'level'"),
    ("correlations.csv", "level,drug", "score,placebo", 5, "correlation", "summaries.csv, row 6"),
    ("tests.csv", "between,score,,start", "betwen,score,,start", 2, "kind", "'between'"),
    ("tests.csv", "between,score,,start", "between,scoer,,start", 2, "outcome", "'score'"),
    ("tests.csv", "between,score,,start", "between,,,start", 2, "outcome", "not a blank"),
    ("tests.csv", "between,score,,start", "between,score,drugs,start", 2, "arm", "'drug'"),
    ("tests.csv", "between,score,,start", "between,score,,begin", 2, "visit", "one of start"),
    ("tests.csv", "within,score,drug", "within,score,", 4, "arm", "within-arm"),
    ("tests.csv", "0.75", "75", 2, "p", "from 0 to 1"),
    ("tests.csv", "0.75", "", 2, "p", "from 0 to 1"),
    ("tests.csv", "0.75", "small", 2, "p", "from 0 to 1"),
    ("baseline.csv", "age,,drug,44.1", "age,,placebo,44.1", 3, "variable", "row 2 has it too"),
    ("baseline.csv", "age,,drug,44.1", "age,,drugg,44.1", 3, "arm", "'drug'"),
    ("baseline.csv", "44.1,9.3", ",9.3", 3, "", "a mean, a median, a count or a percentage"),
    ("baseline.csv", "44.1,9.3,,", ",9.3,5,", 3, "mean", "this SD"),
    ("baseline.csv", "44.1,9.3", "44.1,-1", 3, "sd", "at least 0"),
    ("baseline.csv", "2,10.0", "21,10.0", 4, "count", "0 to 20"),
    ("baseline.csv", "2,10.0", "2,110", 4, "percent", "0 to 100"),
    ("baseline.csv", "2,10.0", "2.5,10.0", 4, "count", "whole"),
    ("baseline.csv", "14,21", "14,0", 5, "n", "at least 1"),
    ("adverse.csv", "placebo,3,", "placebo,21,", 2, "events", "0 to 20"),
    ("adverse.csv", "drug,2,21", "drug,22,21", 3, "events", "0 to 21"),
    ("adverse.csv", "placebo,3,", "placebo,,", 2, "events", "not a blank"),
    ("adverse.csv", "placebo,3,", "placebo,-1,", 2, "events", "0 to 20"),
    ("adverse.csv", "15.0", "-15.0", 2, "percent", "0 to 100"),
    ("adverse.csv", "rash,mild,drug", "rash,mild,placebo", 3, "reaction", "row 2 has it too"),
    ("adverse.csv", "end,rash,mild,drug", "ends,rash,mild,drug", 3, "visit", "'end'"),
    ("claims.csv", "<0.01,score", "2,score", 3, "value", "a p-value"),
    ("claims.csv", "45.3,age", "some,age", 2, "value", "a number"),
    ("claims.csv", "Abstract,age", ",age", 2, "where", "not a blank"),
    ("claims.csv", "45.3,age,placebo", "45.3,age,placbo", 2, "arm", "'placebo'"),
    ("external.csv", "score,,0.65", "scor,,0.65", 2, "outcome", "'score'"),
    ("external.csv", "score,,0.65", "score,rash,0.65", 2, "outcome", "one of the two"),
    ("external.csv", "score,,0.65", ",,0.65", 2, "outcome", "one of the two"),
    ("external.csv", "score,,0.65", "score,,", 2, "estimate", "not a blank"),
    ("external.csv", "score,,0.65", "score,,1.65", 2, "estimate", "inside its interval"),
    ("external.csv", "-0.30,1.60", "-0.30,", 2, "se", "both ends"),
    ("external.csv", "0.44,0.1", "0.44,-0.1", 3, "se", "above 0"),
    ("external.csv", ",rash,", ",rush,", 3, "reaction", "'rash'"),
]


@pytest.mark.parametrize(
    "defect", DEFECTS, ids=[f"{d[0]}-{d[4]}-{i}" for i, d in enumerate(DEFECTS)]
)
def test_every_defect_is_reported_where_it_is(
    tmp_path: Path, defect: tuple[str, str, str, int | None, str, str]
) -> None:
    file, old, new, row, column, words = defect
    found = problems(write(tmp_path, {file: spoiled(file, old, new)}))
    match = [p for p in found if (p.file, p.row, p.column) == (file, row, column)]
    assert any(words in p.expected for p in match), found


IDS = {"outcome", "arm", "visit", "visit_1", "visit_2", "reaction", "variable", ""}
#: These are only seen while other cells are right.
NEED_OTHERS = {"summaries.csv, row 6", "together"}
#: Defects of one cell that names nothing, so that they do not touch any other.
CELLS = [
    (file, old, new, row, column)
    for file, old, new, row, column, words in DEFECTS
    if file not in {"study.toml", "outcomes.csv"} and column not in IDS and words not in NEED_OTHERS
]


@settings(max_examples=40)
@given(st.lists(st.sampled_from(CELLS), min_size=1, max_size=12, unique_by=lambda d: (d[0], d[3])))
def test_defects_do_not_hide_each_other(
    defects: list[tuple[str, str, str, int | None, str]],
) -> None:
    texts: dict[str, str | bytes | None] = {}
    for file, old, new, *_ in defects:
        text = texts.get(file, GOOD[file])
        assert isinstance(text, str)
        assert text.count(old) == 1
        texts[file] = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        found = {(p.file, p.row, p.column) for p in problems(write(Path(folder), texts))}
    assert {(file, row, column) for file, _, _, row, column in defects} == found


def test_one_report_covers_all_files(tmp_path: Path) -> None:
    changes = {
        "study.toml": spoiled("study.toml", "n = 20", "n = 0"),
        "outcomes.csv": spoiled("outcomes.csv", "points,higher", "points,up"),
        "summaries.csv": spoiled("summaries.csv", "16.8,4.3", "16.8,-1"),
        "tests.csv": spoiled("tests.csv", "0.75", "7.5"),
        "adverse.csv": spoiled("adverse.csv", "15.0", "150"),
    }
    found = problems(write(tmp_path, changes))
    assert {(p.file, p.column) for p in found} == {
        ("study.toml", "arms[2].n"),
        ("outcomes.csv", "direction"),
        ("summaries.csv", "sd"),
        ("tests.csv", "p"),
        ("adverse.csv", "percent"),
    }


@pytest.mark.parametrize(
    ("name", "text", "row", "words"),
    [
        ("study.toml", None, None, "this file"),
        ("study.toml", "title =\n", 1, "valid TOML"),
        ("study.toml", b'title = "\xff"', 1, "UTF-8"),
        ("outcomes.csv", None, None, "this file"),
        ("outcomes.csv", "", None, "empty"),
        ("outcomes.csv", "outcome,label,unit,direction\n", None, "at least one outcome"),
        ("summaries.csv", None, None, "(or patients.csv)"),
        ("summaries.csv", "outcome;arm\n", 1, "commas"),
        ("adverse.csv", "", None, "empty"),
    ],
)
def test_files_missing_or_unreadable(
    tmp_path: Path, name: str, text: str | bytes | None, row: int | None, words: str
) -> None:
    found = [p for p in problems(write(tmp_path, {name: text})) if p.file == name]
    assert any(p.row == row and words in p.expected for p in found), found


@pytest.mark.parametrize("key", ["arms = 3", 'visits = ["a"]', "methods = 3", "exclusions = 3"])
def test_toml_of_another_shape_is_a_problem_and_no_crash(tmp_path: Path, key: str) -> None:
    head = 'title = "T"\ncitation = "C"\nrandomised = true\n'
    found = problems(write(tmp_path, {"study.toml": head + key + "\n"}))
    assert key.split(maxsplit=1)[0] in {p.column for p in found}


def test_without_outcomes_the_other_files_are_checked_too(tmp_path: Path) -> None:
    changes = {"outcomes.csv": None, "summaries.csv": spoiled("summaries.csv", "4.3", "-4.3")}
    found = problems(write(tmp_path, changes))
    assert [(p.file, p.column) for p in found] == [("outcomes.csv", ""), ("summaries.csv", "sd")]


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"tests.csv": None})
    (tmp_path / "tests.csv").mkdir()
    assert [(p.file, p.row) for p in problems(tmp_path)] == [("tests.csv", None)]


def test_a_change_needs_a_baseline(tmp_path: Path) -> None:
    changes = {"study.toml": spoiled("study.toml", "baseline = true\n", "")}
    found = problems(write(tmp_path, changes))
    assert ("summaries.csv", 6, "statistic") in {(p.file, p.row, p.column) for p in found}


def test_a_printed_mean_out_of_range_passes_with_a_note(tmp_path: Path) -> None:
    text = spoiled("summaries.csv", "16.8,4.3,,,,", "3.8,4.3,,,,as printed")
    cell = {"outcome": "score", "arm": "placebo", "visit": "start", "statistic": "level"}
    assert (
        float(load_study(write(tmp_path, {"summaries.csv": text})).table["mean"].sel(cell)) == 3.8
    )


def test_four_correlations_that_cannot_be_true_together(tmp_path: Path) -> None:
    # Every three of the four visits are possible; all four are not: 1 + 3 r < 0.
    header = GOOD["study.toml"].replace(
        "week = 12\n", 'week = 12\n[[visits]]\nid = "late"\nweek = 24\n'
    )
    visits = ("start", "middle", "end", "late")
    rows = [f"time,drug,{a},{b},-0.4" for i, a in enumerate(visits) for b in visits[i + 1 :]]
    text = "\n".join(["outcome,arm,visit_1,visit_2,correlation", *rows])
    changes = {"study.toml": header, "correlations.csv": text}
    found = problems(write(tmp_path, changes))
    assert [(p.file, p.row, p.column) for p in found] == [("correlations.csv", 7, "correlation")]


def test_p_values_of_what_is_not_shown_pass(tmp_path: Path) -> None:
    text = spoiled("tests.csv", "between,score,,start,Student t,0.75,", "between,scores,,,,0.75,z")
    assert "scores" in set(load_study(write(tmp_path, {"tests.csv": text})).tests["outcome"])


PATIENTS = """\
patient,arm,visit,score,level,time,sex
1,placebo,start,10,40.5,100,f
2,placebo,start,12,NA,120,m
3,placebo,start,14,,nan,f
4,drug,start,11,42,90,f
5,drug,start,15,44,95,m
1,placebo,end,16,30,100,f
"""


def test_missing_values_and_further_columns_of_patients(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, {"summaries.csv": None, "patients.csv": PATIENTS}))
    assert study.patients is not None
    assert list(study.patients) == ["patient", "arm", "visit", "score", "level", "time"]
    assert study.patients[["level", "time"]].isna().sum().tolist() == [2, 1]


@pytest.mark.parametrize(
    ("old", "new", "column", "words"),
    [
        ("1,placebo,end", "1,drug,end", "arm", "elsewhere, placebo"),
        ("1,placebo,end", "1,placebo,start", "patient", "row 2 has it too"),
        ("1,placebo,end", ",placebo,end", "patient", "not a blank"),
        ("1,placebo,end", "1,placbo,end", "arm", "'placebo'"),
        ("1,placebo,end", "1,placebo,week", "visit", "one of start"),
        ("16,30,100", "16,-30,100", "level", "at least 0"),
        ("16,30,100", "30,30,100", "score", "5 to 25"),
    ],
)
def test_the_last_patient_is_wrong(
    tmp_path: Path, old: str, new: str, column: str, words: str
) -> None:
    assert PATIENTS.count(old) == 1
    changes = {"summaries.csv": None, "patients.csv": PATIENTS.replace(old, new)}
    (found,) = problems(write(tmp_path, changes))
    assert (found.row, found.column) == (7, column)
    assert words in found.expected


def test_more_patients_than_the_arm_has(tmp_path: Path) -> None:
    header = spoiled("study.toml", "n = 22", "n = 22").replace("n = 20", "n = 2")
    changes = {"study.toml": header, "summaries.csv": None, "patients.csv": PATIENTS}
    found = [p for p in problems(write(tmp_path, changes)) if p.file == "patients.csv"]
    assert [(p.value, p.row) for p in found] == [("3 in placebo", None)]


def test_checksums_cover_every_file(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    assert study.checksums == {
        name: hashlib.sha256(text.encode()).hexdigest() for name, text in GOOD.items()
    }


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_a_printed_sd_of_change_gives_the_sample_correlation(seed: int) -> None:
    # Consistent tables are never refused, whatever the patients.
    with tempfile.TemporaryDirectory() as folder:
        sd = load_study(three_arms(Path(folder), seed)).table["sd"].sel(outcome="symptoms")
    first, last = sd.sel(visit="start", statistic="level"), sd.sel(statistic="level")
    r = (first**2 + last**2 - sd.sel(statistic="change") ** 2) / (2 * first * last)
    assert (np.abs(r.sel(visit=["week4", "week8"])) < 1).all()


def test_the_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(UsageError, match="no bundled study"):
        load_study("")


def test_a_scaffold_that_cannot_be_finished_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def full(path: Path, *args: Any, **options: Any) -> int:
        if path.name == "tests.csv":
            raise OSError(28, "No space left on device")
        return write_text(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_template(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_scaffold_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    with pytest.raises(UsageError, match="not an empty folder"):
        write_template(tmp_path / "new")
