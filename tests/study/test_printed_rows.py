"""Rows of a bundle with several numbers in a cell: means, geometric means, counts, p-values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.bundles import write_toml

from bayesasthma.auditing import audit
from bayesasthma.errors import Problem, StudyError, UsageError
from bayesasthma.models.design import design
from bayesasthma.study.bundle import load_study
from bayesasthma.study.readings import Reading, read_as
from bayesasthma.study.study import Study

OUTCOMES = "outcome,label,unit,direction\nscore,Score,points,higher\n"
TAIL = "score,drug,start,17.0 ± 4.0\n"


def write(folder: Path, summaries: str, extra: str = "", **files: str) -> Path:
    arms, weeks = {"placebo": 20, "drug": 22}, {"start": 0, "end": 12}
    write_toml(folder, arms, weeks, "start", f"{extra}\n[methods]\nalpha = 0.01")
    texts = {"outcomes.csv": OUTCOMES, "summaries.csv": summaries}
    texts |= {f"{name}.csv": text for name, text in files.items()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def cell(study: Study, statistic: str = "level", visit: str = "start") -> dict[str, float]:
    where = {"outcome": "score", "arm": "placebo", "visit": visit, "statistic": statistic}
    found = study.table.sel(where)
    return {str(name): float(found[name]) for name in ("mean", "sd", "n", "mean_step", "sd_step")}


def problem(folder: Path) -> Problem:
    with pytest.raises(StudyError) as caught:
        load_study(folder)
    (found,) = caught.value.problems
    return found


ROW = "outcome,arm,visit,value{more}\nscore,placebo,start,{cell}\n"


def one(folder: Path, text: str, more: str = "", extra: str = "") -> Path:
    """A bundle with one cell, and columns (with their cells) beside it."""
    names, _, values = more.partition("=")
    header = ROW.format(more=f",{names}" if names else "", cell=f'"{text}"')
    return write(folder, header.rstrip("\n") + (f",{values}" if names else "") + "\n", extra)


T19 = float(stats.t.ppf(0.975, 19))


@pytest.mark.parametrize(
    ("text", "more", "extra", "sd", "step"),
    [
        ("16.8 ± 4.3", "", "", 4.3, 0.1),
        ("16.8 (4.30)", "", "", 4.3, 0.01),
        ("16.8 (0.9)", "value_is=se", "", 0.9 * 20**0.5, 0.1 * 20**0.5),
        ("16.8 (0.9)", "", 'value_is = "se"', 0.9 * 20**0.5, 0.1 * 20**0.5),
        ("16.8 (SE 0.9)", "", "", 0.9 * 20**0.5, 0.1 * 20**0.5),
        ("16.8 (4.3)", "value_is=sd", 'value_is = "se"', 4.3, 0.1),
        ("16.8 [15.1, 18.5]", "", "", 3.4 * 20**0.5 / 2 / T19, 0.2 * 20**0.5 / 2 / T19),
        ("16.8 (15.1 to 18.5)", "", 'value_is = "se"', 3.4 * 20**0.5 / 2 / T19, None),
        ("16.8 ± 1.7", "value_is=ci", "", 3.4 * 20**0.5 / 2 / T19, None),
        (
            "16.8 (15.1 to 18.5)",
            "ci_prob=0.90",
            "",
            3.4 * 20**0.5 / 2 / stats.t.ppf(0.95, 19),
            None,
        ),
        ("16.8 (15.1 to 18.5)", "ci_prob=90%", "", 3.4 * 20**0.5 / 2 / stats.t.ppf(0.95, 19), None),
        ("16.8 (99% CI 15.1 to 18.5)", "", "", 3.4 * 20**0.5 / 2 / stats.t.ppf(0.995, 19), None),
        ("16,8 ± 4,3", "", 'decimal = ","', 4.3, 0.1),
        ("16,8 (15,1; 18,5)", "", 'decimal = ","', 3.4 * 20**0.5 / 2 / T19, None),
        ("16·8 (4·3)", "", "", 4.3, 0.1),
    ],
)
def test_mean_and_spread_in_one_cell(
    tmp_path: Path, text: str, more: str, extra: str, sd: float, step: float | None
) -> None:
    found = cell(load_study(one(tmp_path, text, more, extra)))
    assert found["mean"] == 16.8
    assert found["mean_step"] == 0.1
    assert found["sd"] == pytest.approx(sd, rel=1e-12)
    if step is not None:
        assert found["sd_step"] == pytest.approx(step, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "more", "column", "words"),
    [
        ("16.8", "", "value", "a mean with its SD"),
        ("16,8 ± 4,3", "", "value", "decimal commas"),
        ("١٦ ± 4", "", "value", "digits 0 to 9, not '١٦'"),
        ("16.8 ± -4.3", "", "value", "SD of at least 0"),
        ("16.8 (17.1 to 18.5)", "", "value", "inside its interval"),
        ("16.8 (18.5 to 15.1)", "", "value", "the lower end first"),
        ("16.8 (15.1 to 18.5)", "value_is=sd", "value", "one number, the sd"),
        ("16.8 (SE 0.9)", "value_is=sd", "value_is", "se, as the cell itself says"),
        ("16.8 (90% CI 15.1 to 18.5)", "ci_prob=0.95", "ci_prob", "0.9, as the cell"),
        ("16.8 (15.1 to 18.5)", "ci_prob=95", "ci_prob", "0.90, or 90%"),
        ("10 (55.6%)", "", "value", "a count is no mean"),
        ("16.8 (4.3)", "value_is=stdev", "value_is", "one of sd, se, ci, cv"),
        ("16.8 (4.3)", "value_is=cv", "value", "no CV"),
        ("16.8 (4.3)", "sd=4.3", "sd", "a blank, since the row has a value"),
    ],
)
def test_a_cell_that_is_wrong_is_reported_there(
    tmp_path: Path, text: str, more: str, column: str, words: str
) -> None:
    found = problem(one(tmp_path, text, more))
    assert (found.file, found.row, found.column) == ("summaries.csv", 2, column)
    assert words in found.expected


def test_value_is_belongs_to_a_value(tmp_path: Path) -> None:
    text = "outcome,arm,visit,mean,sd,value_is\nscore,placebo,start,16.8,4.3,sd\n"
    assert problem(write(tmp_path, text)).column == "value_is"


def test_without_a_column_of_means(tmp_path: Path) -> None:
    text = "outcome,arm,visit,sd\nscore,placebo,start,4.3\n"
    found = problem(write(tmp_path, text))
    assert (found.row, found.column) == (1, "mean")


@pytest.mark.parametrize("key", ["decimal = ';'", "value_is = 'ci'"])
def test_keys_of_the_header_are_checked(tmp_path: Path, key: str) -> None:
    assert problem(one(tmp_path, "16.8 ± 4.3", extra=key)).column == key.split(maxsplit=1)[0]


def test_semicolons_stand_between_cells_where_decimals_have_commas(tmp_path: Path) -> None:
    text = "outcome;arm;visit;mean;sd\nscore;placebo;start;16,8;4,30\n"
    found = cell(load_study(write(tmp_path, text, 'decimal = ","')))
    assert (found["mean"], found["sd"], found["sd_step"]) == (16.8, 4.3, 0.01)


def test_a_point_is_refused_where_decimals_have_commas(tmp_path: Path) -> None:
    text = "outcome;arm;visit;mean;sd\nscore;placebo;start;16.8;4,30\n"
    found = problem(write(tmp_path, text, 'decimal = ","'))
    assert found.column == "mean"
    assert "decimal comma" in found.expected


def test_rows_are_kept_as_printed(tmp_path: Path) -> None:
    text = (
        "outcome,arm,visit,mean,sd,ci_low,ci_high,ci_prob,source\n"
        "score,placebo,start,16.8,4.3,15.1,18.5,0.9,Table 2\n"
    )
    (row,) = load_study(write(tmp_path, text)).summaries.to_dict("records")
    assert (row["sd"], row["ci_low"], row["ci_high"], row["ci_prob"]) == (4.3, 15.1, 18.5, 0.9)
    assert (row["ci_step"], row["line"], row["source"], row["n"]) == (0.1, 2, "Table 2", 20)
    assert np.isnan(row["se"])


GEOMETRIC = "outcome,arm,visit,statistic,value,value_is,sd,mean,ci_low,ci_high,cv\n"


@pytest.mark.parametrize(
    ("row", "sd"),
    [
        ("40 (80%),cv,,,,,", np.sqrt(np.log1p(0.8**2))),
        ("40 (80),cv,,,,,", np.sqrt(np.log1p(0.8**2))),
        (",,,40,,,80%", np.sqrt(np.log1p(0.8**2))),
        ("40 (2.1),sd,,,,,", np.log(2.1)),
        (",,2.1,40,,,", np.log(2.1)),
        ("40 (30 to 53),,,,,,", np.log(53 / 30) * 20**0.5 / 2 / T19),
        (",,,40,30,53,", np.log(53 / 30) * 20**0.5 / 2 / T19),
    ],
)
def test_geometric_means_are_moments_of_logarithms(tmp_path: Path, row: str, sd: float) -> None:
    text = GEOMETRIC + f"score,placebo,start,geometric_mean,{row}\n"
    study = load_study(write(tmp_path, text))
    found = cell(study)
    assert found["mean"] == pytest.approx(np.log(40))
    assert found["mean_step"] == pytest.approx(1 / 40)
    assert found["sd"] == pytest.approx(sd)
    assert found["sd_step"] > 0
    assert study.log_outcomes == ["score"]
    assert study.outcomes.loc["score", "unit"] == "log points"


def test_an_sd_step_of_logarithms_follows_the_printed_one(tmp_path: Path) -> None:
    text = GEOMETRIC + "score,placebo,start,geometric_mean,40 ({}%),cv,,,,,\n"
    sds = [
        cell(load_study(write(tmp_path, text.format(percent))))
        for percent in ("79.5", "80.5", "80")
    ]
    assert sds[2]["sd_step"] == pytest.approx(sds[1]["sd"] - sds[0]["sd"], rel=1e-3)


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        ("score,placebo,start,geometric_mean,40 (5),se,,,,,", "value"),
        ("score,placebo,start,geometric_mean,-40 (80),cv,,,,,", "value"),
        ("score,placebo,start,geometric_mean,40 (-1 to 60),,,,,,", "value"),
        ("score,placebo,start,geometric_mean,40 (0.9),sd,,,,,", "value"),
        ("score,placebo,start,geometric_mean,,,,-40,,,80", "mean"),
        ("score,placebo,start,level,,,,40,,,80", "cv"),
    ],
)
def test_what_no_geometric_mean_can_have(tmp_path: Path, rows: str, column: str) -> None:
    assert problem(write(tmp_path, GEOMETRIC + rows + "\n")).column == column


def test_an_outcome_is_geometric_in_all_its_rows(tmp_path: Path) -> None:
    rows = (
        "score,placebo,start,geometric_mean,40 (80),cv,,,,,\nscore,drug,start,level,40 (9),,,,,,\n"
    )
    found = problem(write(tmp_path, GEOMETRIC + rows))
    assert (found.row, found.column) == (3, "statistic")


def test_a_geometric_outcome_is_on_the_log_scale_once(tmp_path: Path) -> None:
    rows = "".join(
        f"score,{arm},{visit},geometric_mean,{mean} (80),cv,,,,,\n"
        for arm, visit, mean in (
            ("placebo", "start", 40),
            ("drug", "start", 42),
            ("placebo", "end", 35),
            ("drug", "end", 30),
        )
    )
    study = load_study(write(tmp_path, GEOMETRIC + rows))
    with pytest.raises(UsageError, match="geometric means"):
        read_as(study, Reading.parse("log:score"))
    assert np.allclose(
        read_as(study, Reading.parse(None, "se")).table["sd"], study.table["sd"], equal_nan=True
    )
    layout = design(study)
    assert layout.centre[0] == pytest.approx(np.log(40 * 42) / 2)


BASE = "outcome,arm,visit,value\n" + "score,placebo,start,16.8 ± 4.3\n" + TAIL


@pytest.mark.parametrize(
    ("text", "n", "percent"),
    [
        ("10", 20, None),
        ("10/18", 18, None),
        ("10/18 (55.6%)", 18, 55.6),
        ("10 (50.0)", 20, 50.0),
        ("10 (50.0%)*", 20, 50.0),
        ("55.6% (10/18)", 18, 55.6),
    ],
)
def test_counts_in_one_cell(tmp_path: Path, text: str, n: int, percent: float | None) -> None:
    files = {
        "adverse": f'visit,reaction,arm,events\nend,rash,placebo,"{text}"\n',
        "baseline": f'variable,arm,count\nsmokers,placebo,"{text}"\n',
    }
    study = load_study(write(tmp_path, BASE, **files))
    for frame, column in ((study.adverse, "events"), (study.baseline, "count")):
        (row,) = frame.to_dict("records")
        assert (row[column], row["n"]) == (10, n)
        assert row["percent_step"] == (0.0 if percent is None else 0.1)
        assert percent is None or row["percent"] == percent


@pytest.mark.parametrize(
    ("text", "n", "percent", "column", "words"),
    [
        ("10/18 (55.6%)", "19", "", "n", "18, as in events"),
        ("10/18 (55.6%)", "", "52.6", "percent", "55.6, as in events"),
        ("19/18", "", "", "events", "from 0 to 18"),
        ("30 (55.6%)", "", "", "events", "from 0 to 20"),
        ("1.5 (5%)", "", "", "events", "whole number"),
        ("10 (556%)", "", "", "events", "0 to 100"),
        ("ten (5%)", "", "", "events", "a count such as"),
        ("\u0661\u0660 (5%)", "", "", "events", "digits 0 to 9"),
    ],
)
def test_counts_that_are_wrong(
    tmp_path: Path, text: str, n: str, percent: str, column: str, words: str
) -> None:
    adverse = f"visit,reaction,arm,events,n,percent\nend,rash,placebo,{text},{n},{percent}\n"
    found = problem(write(tmp_path, BASE, adverse=adverse))
    assert (found.file, found.column) == ("adverse.csv", column)
    assert words in found.expected


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("45.3 ± 8.4", "", {"mean": 45.3, "sd": 8.4, "sd_step": 0.1}),
        ("45 (8.40)", "sd", {"mean": 45.0, "mean_step": 1.0, "sd": 8.4, "sd_step": 0.01}),
        ("10 (50.0)", "count", {"count": 10.0, "percent": 50.0}),
        ("10/18 (55.6%)", "", {"count": 10.0, "percent": 55.6, "n": 18}),
    ],
)
def test_a_value_of_table_1(
    tmp_path: Path, text: str, said: str, expected: dict[str, float]
) -> None:
    baseline = f"variable,arm,value,value_is\nage,placebo,{text},{said}\n"
    (row,) = load_study(write(tmp_path, BASE, baseline=baseline)).baseline.to_dict("records")
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ("10 (50.0),,,", "value", "value_is sd or count"),
        ("45.3 (40 to 50),,,", "value", "a mean with its SD, or a count"),
        ("45.3 ± 8.4,se,,", "value_is", "one of sd, count"),
        ("45.3 ± 8.4,,45.3,", "mean", "a blank"),
        ("words,,,", "value", "such as 45.3 ± 8.4"),
    ],
)
def test_a_value_of_table_1_that_is_wrong(
    tmp_path: Path, cells: str, column: str, words: str
) -> None:
    baseline = f"variable,arm,value,value_is,mean,sd\nage,placebo,{cells}\n"
    found = problem(write(tmp_path, BASE, baseline=baseline))
    assert (found.file, found.column) == ("baseline.csv", column)
    assert words in found.expected


def test_ns_in_a_bundle_is_above_the_level_it_states(tmp_path: Path) -> None:
    tests = "table,kind,outcome,visit,p\nTable 2,between,score,end,NS\n"
    (row,) = load_study(write(tmp_path, BASE, tests=tests)).tests.to_dict("records")
    assert (row["p"], row["p_operator"], row["p_value"]) == ("NS", ">", 0.01)


@pytest.mark.parametrize(("said", "contradicted"), [("P<0.001†", True), ("n.s.", False)])
def test_claims_of_p_values_in_any_style_are_audited(
    tmp_path: Path, said: str, contradicted: bool
) -> None:
    files = {
        "tests": "table,kind,outcome,visit,p\nTable 2,between,score,start,NS\n",
        "claims": "where,refers_to,value,outcome,visit,statistic\n"
        f"Abstract,score,{said},score,start,p\n",
    }
    found = audit(load_study(write(tmp_path, BASE, **files))).findings
    assert (found["kind"] == "text").any() == contradicted


def test_an_impossible_sd_of_change_is_kept_and_pins_nothing(tmp_path: Path) -> None:
    rows = "".join(
        f"score,{arm},{visit},{statistic},{value}\n"
        for arm in ("placebo", "drug")
        for visit, statistic, value in (
            ("start", "level", "16.8 ± 4.3"),
            ("end", "level", "18.9 ± 2.9"),
            ("end", "change", "2.1 ± 7.9" if arm == "placebo" else "2.1 ± 3.9"),
        )
    )
    study = load_study(write(tmp_path, "outcome,arm,visit,statistic,value\n" + rows))
    assert cell(study, "change", "end")["sd"] == 7.9
    pinned = {
        study.arms.index[arm]: bool(block.pinned.any())
        for block in design(study).tables
        for arm in block.arm
    }
    assert pinned == {"placebo": False, "drug": True}


def test_an_sd_printed_as_zero_keeps_its_rounding_step() -> None:
    cases = Path(__file__).parents[1] / "reference" / "cases"
    cell = load_study(cases / "sd-printed-zero").table.sel(arm="company", statistic="level")
    assert float(cell["sd"].squeeze()) == 0.0
    assert float(cell["sd_step"].squeeze()) == 0.01
