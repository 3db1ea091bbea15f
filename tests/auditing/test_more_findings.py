"""Findings on percentages, intervals, whole tables, and the form of INSPECT-SR."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.auditing.printed_paper import Paper

from bayesasthma.auditing import (
    CONTRADICTION,
    NOT_CHECKABLE,
    NOTE,
    REPRODUCED,
    UNUSUAL,
    WITHIN_ROUNDING,
    AuditResult,
    audit,
    inspect_form,
    inspect_frame,
)
from bayesasthma.auditing.inspect_sr import BY_KIND, CHECKS
from bayesasthma.auditing.percentages import denominators, percent_fits
from bayesasthma.auditing.subjects import Groups, summary
from bayesasthma.auditing.whole_tables import _exact, _repeats, combined_p
from bayesasthma.frequentist import Range
from bayesasthma.study.bundle import load_study


def found(result: AuditResult, kind: str) -> list[dict[str, object]]:
    return result.findings[result.findings["kind"] == kind].to_dict("records")  # type: ignore[return-value]


def test_denominators_of_a_percentage() -> None:
    assert percent_fits(79, 91, 86.8, 0.1)
    assert not percent_fits(79, 98, 86.8, 0.1)
    assert list(denominators(79, 98, 86.8, 0.1)) == [91]
    assert list(denominators(79, 98, 70.0, 0.1)) == []
    assert percent_fits(79, 98, float("nan"), 0.0)


def test_a_percentage_of_other_patients_is_named(tmp_path: Path) -> None:
    paper = Paper({"control": 98, "drug": 102}, True)
    paper.add("baseline", "grade", "", "control", 79, "86.8", "")
    paper.add("baseline", "grade", "", "drug", 60, "58.8", "")
    paper.add("baseline", "site", "", "control", 30, "60.0", "")
    paper.add("baseline", "site", "", "drug", 20, "40.0", "")
    paper.add("baseline", "odd", "", "control", 20, "11.0", "")
    paper.add("baseline", "odd", "", "drug", 20, "19.6", "")
    rows = found(audit(paper.study(tmp_path / "x")), "consistency")
    by = {(r["outcome"], r["arm"]): r for r in rows}
    assert by["grade", "control"]["weight"] == UNUSUAL
    assert "79/91" in str(by["grade", "control"]["finding"])
    assert "of the 50 patients of all arms" in str(by["site", "control"]["finding"])
    assert by["odd", "control"]["weight"] == CONTRADICTION
    assert ("grade", "drug") not in by


def test_medians_are_kept_out(tmp_path: Path) -> None:
    study = Paper({"control": 30, "drug": 30}, False)
    study.add("summaries", "score", "control", "end", "level", "", "10.0", "2.0", "")
    study.add("summaries", "score", "drug", "end", "level", "", "30.0", "2.0", "")
    study.add("tests", "T", "between", "score", "", "end", "", "0.9")
    folder = tmp_path / "x"
    study.study(folder)
    file = folder / "outcomes.csv"
    file.write_text(file.read_text().replace("score,S,", '"score","Score, median (IQR)",'))
    result = audit(load_study(folder))
    assert result.tests["verdict"].tolist() == [NOT_CHECKABLE]
    assert "medians" in result.tests["explanation"][0]
    assert result.contrasts.empty


def test_p_values_computed_from_the_table_are_noticed(tmp_path: Path) -> None:
    def paper(from_table: bool) -> Paper:
        rng = np.random.default_rng(8)
        made = Paper({"control": 20, "drug": 20}, True)
        for i in range(8):
            x, y = rng.normal(2, 1, 20), rng.normal(2.4, 1, 20)
            shown = [(round(float(d.mean()), 1), round(float(d.std(ddof=1)), 1)) for d in (x, y)]
            for arm, (mean, sd) in zip(made.arms, shown, strict=True):
                made.add("table1", f"row{i}", arm, mean, sd)
            exact = stats.ttest_ind(x, y).pvalue
            (m1, s1), (m2, s2) = shown
            rounded = stats.ttest_ind_from_stats(m1, s1, 20, m2, s2, 20).pvalue
            p = rounded if from_table else exact
            made.test("between", f"row{i}", "", "start", "Student t", float(p))
        return made

    for from_table in (True, False):
        made = paper(from_table)
        rows = made.rows.pop("table1")
        folder = tmp_path / str(from_table)
        tests = made.rows.pop("tests")
        made.study(folder)
        (folder / "baseline.csv").write_text("\n".join(["variable,arm,mean,sd", *rows]) + "\n")
        header = "table,kind,outcome,arm,visit,test,p"
        (folder / "tests.csv").write_text("\n".join([header, *tests]) + "\n")
        result = audit(load_study(folder))
        assert bool(found(result, "precision")) == from_table
        (table,) = found(result, "baseline table")
        assert table["weight"] == NOTE


@pytest.mark.parametrize(("width", "remarked"), [(0.081, True), (0.078, False)])
def test_five_exact_p_values_are_remarked_on_at_a_chance_below_one_in_a_thousand(
    width: float, remarked: bool
) -> None:
    """Each prints as that of the rounded means with a chance of 2 (0.01) / width."""
    printed = Range(np.asarray(0.195), np.asarray(0.205))
    tests: list[Any] = [SimpleNamespace(subject=Groups(()), operator="=", printed=printed)] * 5
    row = {"p_low": 0.2, "p_high": 0.2 + width, "verdict": REPRODUCED}
    assert len(list(_exact(tests, pd.DataFrame([row] * 5)))) == remarked
    mixed = [row] * 5 + [row | {"verdict": WITHIN_ROUNDING}]
    assert not list(_exact([*tests, tests[0]], pd.DataFrame(mixed)))


def test_arms_too_alike_at_baseline(tmp_path: Path) -> None:
    made = Paper({"control": 400, "drug": 400}, True)
    folder = tmp_path / "x"
    made.study(folder)
    rows = [f"row{i},{arm},{10 + i}.004,5.{i}1" for i in range(9) for arm in ("control", "drug")]
    (folder / "baseline.csv").write_text("\n".join(["variable,arm,mean,sd", *rows]) + "\n")
    (finding,) = found(audit(load_study(folder)), "baseline table")
    assert finding["weight"] == UNUSUAL
    assert "more alike" in str(finding["finding"])


def test_combined_p_is_stouffers() -> None:
    p = np.array([0.2, 0.6, 0.03, 0.9])
    expected = stats.combine_pvalues(p, method="stouffer").pvalue
    assert combined_p(p) == pytest.approx(expected)


def test_last_digits_and_repeated_cells(tmp_path: Path) -> None:
    made = Paper({f"arm{i}": 20 for i in range(6)}, True)
    for arm in made.arms:
        for visit in ("start", "end"):
            made.add("summaries", "score", arm, visit, "level", "", "105", "115", "")
    folder = tmp_path / "x"
    made.study(folder)
    rows = (folder / "summaries.csv").read_text().splitlines()
    more = [r.replace("score", f"s{k}").replace("105", f"{k}05") for k in (2, 3) for r in rows[1:]]
    (folder / "summaries.csv").write_text("\n".join([*rows, *more]) + "\n")
    outcomes = (folder / "outcomes.csv").read_text()
    (folder / "outcomes.csv").write_text(outcomes + "s2,S,u,none\ns3,S,u,none\n")
    result = audit(load_study(folder))
    (digits,) = found(result, "digits")
    assert str(digits["finding"]).startswith("Of 72 last digits 72 are 5")
    repeated = found(result, "repeated")
    assert [r["weight"] for r in repeated] == [UNUSUAL] * 3
    assert "12 times" in str(repeated[0]["finding"])


@pytest.mark.parametrize(("places", "weights"), [(1, []), (2, [NOTE]), (3, [UNUSUAL])])
def test_three_repeated_cells_are_unusual(places: int, weights: list[str]) -> None:
    cells: Any = SimpleNamespace(name=lambda *ids: " ".join(ids))
    rows = [("score", "drug", f"week{i}", summary(10.5, 0.1, 12.5, 0.1, 9)) for i in range(places)]
    assert [own.weight for own in _repeats(cells, rows)] == weights


def test_the_form_of_inspect_sr() -> None:
    result = audit(load_study("liu2025"))
    form = {a.check: a for a in inspect_form(result)}
    assert set(CHECKS) <= set(form)
    assert "81 printed p-values" in form["4.9"].numbers
    assert "2 contradiction" in form["4.1"].numbers
    assert all("smoking" in line for line in form["4.1"].details)
    assert form["1"].numbers == "left to the reader"
    frame = inspect_frame(result)
    assert frame["check"].tolist() == list(form)
    assert set(result.findings["inspect_sr"]) <= set(CHECKS)
    assert set(result.tests["inspect_sr"]) == {"4.9"}
    assert set(BY_KIND.values()) == set(CHECKS)
