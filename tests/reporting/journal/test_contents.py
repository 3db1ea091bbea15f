"""What the tables say: the report's numbers, what is withheld, and what each footnote owes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.bundles import three_arms
from tests.curves import curve as made_up_curve
from tests.reporting.conftest import results_of

import bayesasthma as ba
from bayesasthma.errors import UsageError
from bayesasthma.reporting.event_tables import event_tables
from bayesasthma.reporting.journal import TABLES, at_visit, journal_tables
from bayesasthma.reporting.journal.baseline import standardised, variable_name
from bayesasthma.reporting.journal.layout import NOT_QUOTED, NOTHING, JournalTable
from bayesasthma.reporting.journal.printed import count, mean_and_spread
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import effect_tables as report_tables
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def tables(results: ReanalysisResults) -> dict[str, list[JournalTable]]:
    return journal_tables(results)


def column(table: JournalTable, heading: str) -> list[str]:
    """Cells below the first heading that begins so."""
    at = next(i for i, c in enumerate(table.columns) if c.heading.startswith(heading))
    return [row.cells[at] for row in table.rows]


def note(table: JournalTable, heading: str) -> str:
    return next(c.note for c in table.columns if c.heading.startswith(heading))


def test_every_table_is_made(tables: dict[str, list[JournalTable]]) -> None:
    assert tuple(tables) == TABLES
    assert all(len(own) == 1 for own in tables.values())
    assert all(table.quoted for own in tables.values() for table in own)


def test_effects_are_those_of_the_report(
    results: ReanalysisResults, tables: dict[str, list[JournalTable]]
) -> None:
    (table,) = tables["effects"]
    (theirs,) = report_tables(results)
    for at, visit in enumerate(theirs.visits):
        rows = [row for _, domain in visit.domains for row in domain]
        ours = [i for i, row in enumerate(table.rows) if row.label == visit.visit]
        assert len(ours) == len(rows) == 3, at
        for i, row in zip(ours, rows, strict=True):
            group = table.rows[i].group
            assert group is not None
            assert table.groups[group].startswith(row.outcome)
            assert column(table, "Effect")[i] == row.effect
            assert column(table, "P(benefit)")[i] == row.benefit
            beyond = column(table, "P(benefit > MCID)")[i]
            assert beyond == (row.beyond_mcid.partition(" (")[0] or NOTHING)


def test_effects_stand_beside_the_printed_means(tables: dict[str, list[JournalTable]]) -> None:
    (table,) = tables["effects"]
    assert table.rows[2].label == "48 weeks"
    assert table.rows[2].cells[:2] == ("21.8 ± 2.7", "18.9 ± 2.9")
    assert table.groups[0] == "Asthma Control Test (ACT) (points; MCID 3\N{NO-BREAK SPACE}points)"


def test_footnotes_say_what_interval_prior_benefit_and_mcid_are(
    tables: dict[str, list[JournalTable]],
) -> None:
    (table,) = tables["effects"]
    effect = note(table, "Effect")
    assert "95 % equal-tailed credible interval" in effect
    assert "baseline-adjusted difference" in effect
    assert "Omalizumab + AIT less AIT" in effect
    assert "prior set “weak”" in effect
    assert "Normal(0, 2²) baseline SDs" in effect
    assert "log OR" not in effect
    benefit = note(table, "P(benefit)")
    assert "higher is better for ACT" in benefit
    assert "lower is better for FeNO" in benefit
    assert "not one minus a p-value" in benefit
    assert "for Total IgE: P(higher mean) is given" in benefit
    mcid = note(table, "P(benefit > MCID)")
    assert "ACT 3\N{NO-BREAK SPACE}points (Schatz 2009, PMID 19767070)" in mcid
    assert "weakly supported" in mcid
    remarks = " ".join(table.remarks)
    assert "not allocated at random" in remarks
    assert "Liu N, Jin P, Li X" in remarks
    assert "seed 1" in remarks
    assert NOT_QUOTED not in remarks


def test_a_randomised_study_has_no_word_on_allocation(results: ReanalysisResults) -> None:
    made = journal_tables(replace(results, study=replace(results.study, randomised=True)))
    for name in ("effects", "reactions", "comparison"):
        assert "at random" not in " ".join(made[name][0].remarks)


def test_rows_that_fail_their_gate_are_not_quoted(results: ReanalysisResults) -> None:
    effects, adverse = results.effects.copy(), results.adverse.copy().reset_index(drop=True)
    effects.loc[(effects["outcome"] == "act") & (effects["visit"] == "week24"), "gate"] = "fail"
    adverse.loc[adverse["reaction"] == "local", "gate"] = "fail"
    made = journal_tables(replace(results, effects=effects, adverse=adverse))
    effect, reaction, compared = (made[k][0] for k in ("effects", "reactions", "comparison"))
    assert column(effect, "Effect")[:3].index(NOT_QUOTED) == 1
    assert column(effect, "Effect").count(NOT_QUOTED) == 1
    assert column(effect, "P(benefit)")[1] == column(effect, "P(benefit >")[1] == NOTHING
    assert column(effect, "P(benefit)").count(NOTHING) == 1
    assert column(compared, "Posterior")[1] == NOT_QUOTED
    assert column(compared, "Printed p")[1] == "*0.02"
    assert (
        column(reaction, "Risk difference")
        == [NOT_QUOTED] * 3 + column(journal_tables(results)["reactions"][0], "Risk difference")[3:]
    )
    for table in (effect, reaction, compared):
        assert not table.quoted
        assert table.remarks[0].startswith(f"“{NOT_QUOTED}”")


def test_reactions_are_those_of_the_report(
    results: ReanalysisResults, tables: dict[str, list[JournalTable]]
) -> None:
    (table,) = tables["reactions"]
    (theirs,) = event_tables(results)
    assert len(table.rows) == len(theirs.rows) == 9
    for ours, row in zip(table.rows, theirs.rows, strict=True):
        name, visit, counts, printed, fisher, *posterior = row
        assert ours.group is not None
        assert (table.groups[ours.group], ours.label) == (name, visit)
        own, control = (pair.partition("/") for pair in counts.split(" against "))
        assert ours.cells[0].startswith(f"{own[0]} ({100 * int(own[0]) / int(own[2]):.1f}")
        assert ours.cells[1].startswith(f"{control[0]} (")
        assert ours.cells[2:] == (printed, fisher, *posterior)
    assert "log OR" in note(table, "Risk difference")
    assert "baseline SDs" not in note(table, "Risk difference")


def test_comparison_holds_printed_and_recomputed(
    results: ReanalysisResults, tables: dict[str, list[JournalTable]]
) -> None:
    (table,) = tables["comparison"]
    assert table.rows[2].cells[0] == "*<0.01"
    assert re.fullmatch(r"0\.0033 \(0\.\d+ to 0\.\d+\)", table.rows[2].cells[1])
    assert table.rows[2].cells[2] == "reproduced"
    low = results.comparison.query("outcome == 'act' and visit == 'week48'").iloc[0]
    assert table.rows[2].cells[3].startswith(f"{low['estimate']:.1f} (")
    assert column(table, "Posterior") == column(tables["effects"][0], "Effect")
    assert "presumes" in note(table, "Verdict")


def test_baseline_is_as_printed(tables: dict[str, list[JournalTable]]) -> None:
    (table,) = tables["baseline"]
    by_label = {row.label: row.cells for row in table.rows}
    gap = "\N{NO-BREAK SPACE}"
    assert by_label["Age"] == ("45.3 ± 8.4", "44.1 ± 9.3", "−0.14", "0.73")
    assert by_label["BMI"][:2] == ("24.6 ± 3.1", "25.2 ± 2.9")
    assert by_label["Obese"][:2] == (f"2 (11.1{gap}%)", f"3 (15.8{gap}%)")
    assert by_label["Male"][3] == "0.81"
    assert by_label["Female"][3] == NOTHING
    assert by_label["Current"][3] == "1.00"
    assert by_label["Asthma Control Test (ACT) (points)"][0] == "16.8 ± 4.3"
    groups = [table.groups[row.group] if row.group is not None else "" for row in table.rows]
    assert groups[0] == ""
    assert "BMI class" in groups
    assert groups[-1] == "Outcomes at baseline"


def test_the_range_over_specifications_is_added(results: ReanalysisResults) -> None:
    curve = made_up_curve(results.study)
    (table,) = journal_tables(results, curve)["effects"]
    (without,) = journal_tables(results)["effects"]
    assert len(table.columns) == len(without.columns) + 1
    row = curve.ranges.query("outcome == 'act' and visit == 'week48'").iloc[0]
    low, _, high = column(table, "Range")[2].partition(" to ")
    assert float(low) == pytest.approx(row["p_low"], abs=0.006)
    assert float(high.lstrip("> ")) == pytest.approx(row["p_high"], abs=0.006)


def test_one_visit_turns_outcomes_into_rows(results: ReanalysisResults) -> None:
    made = journal_tables(at_visit(results, "week48"))
    (table,) = made["effects"]
    (whole,) = journal_tables(results)["effects"]
    assert table.groups == ("Control and quality of life", "Inflammation", "IgE")
    assert table.rows[0].label.startswith("Asthma Control Test (ACT) (points; MCID")
    assert column(table, "Effect")[0] == column(whole, "Effect")[2]
    assert [row.label for row in made["reactions"][0].rows] == ["48 weeks"] * 3
    assert at_visit(results, "last").effects.equals(at_visit(results, "week48").effects)
    with pytest.raises(UsageError, match=r"no follow-up visit 'week13'.*week12, week24, week48, l"):
        at_visit(results, "week13")


def test_a_study_that_lacks_most_things(bare_results: ReanalysisResults) -> None:
    made = journal_tables(bare_results)
    assert "reactions" not in made
    assert len(made["effects"]) == 2  # one a treated arm
    first = made["effects"][0]
    assert not any(c.heading.startswith("P(benefit > MCID)") for c in first.columns)
    assert all(cell.startswith("P(higher)") for cell in column(first, "P(benefit)"))
    second = made["effects"][1]
    assert len(second.rows) == len(first.rows) - 1  # a cell is missing


def test_three_arms_with_changes_and_sizes_by_cell(tmp_path: Path) -> None:
    study = ba.load_study(three_arms(tmp_path / "three"))
    made = journal_tables(results_of(study))
    assert [table.title for table in made["effects"]] == [
        "Effects of Low compared with Control", "Effects of High compared with Control",
    ]  # fmt: skip
    cells = [cell for table in made["effects"] for cell in column(table, "Control")]
    gap = "\N{NO-BREAK SPACE}"
    assert any(cell.endswith(f"(n{gap}={gap}23)") for cell in cells)
    (baseline,) = made["baseline"]
    assert [c.above for c in baseline.columns[3:]] == ["Standardised difference"] * 2
    assert "symptoms" in made["effects"][0].groups[0].lower()


def test_log_outcomes_are_given_as_ratios(results: ReanalysisResults, study: Study) -> None:
    logged = study.outcomes.assign(
        scale=["log" if k == "feno" else "" for k in study.outcomes.index]
    )
    effects = results.effects
    own = effects[(effects["outcome"] == "feno") & effects["estimand"].eq("adjusted_difference")]
    ratio = own.assign(
        estimand="adjusted_ratio_geometric_means", mean=0.7, ci_low=0.6, ci_high=0.8, unit="ratio"
    )
    found = replace(
        results, study=replace(study, outcomes=logged), effects=pd.concat([effects, ratio])
    )
    (table,) = journal_tables(found)["effects"]
    rows = [i for i, row in enumerate(table.rows) if "FeNO" in table.groups[row.group or 0]]
    assert all(column(table, "Effect")[i].startswith("0.7") for i in rows)
    assert "baseline-adjusted ratio of geometric means (FeNO)" in note(table, "Effect")


def test_spreads_are_shown_as_printed() -> None:
    step = {"mean_step": 0.1, "sd_step": 0.01, "se_step": 0.1, "cv_step": 1.0, "ci_step": 0.1}
    nan = float("nan")
    blank = {"sd": nan, "se": nan, "cv": nan, "ci_low": nan, "ci_high": nan, "ci_prob": 0.9}
    gap = "\N{NO-BREAK SPACE}"
    row = {"mean": -1.5, **blank, **step}
    assert mean_and_spread(row | {"sd": 2.0}) == "−1.5 ± 2.00"
    assert mean_and_spread(row | {"se": 0.4}) == "−1.5 (SE 0.4)"
    assert mean_and_spread(row | {"cv": 40.0}) == f"−1.5 (CV 40{gap}%)"
    assert mean_and_spread(row | {"ci_low": -2, "ci_high": 1}) == f"−1.5 (90{gap}% CI −2.0 to 1.0)"
    geometric = row | {"mean": 3.0, "sd": 1.85, "statistic": "geometric_mean"}
    assert mean_and_spread(geometric) == "3.0 (geometric SD 1.85)"
    assert mean_and_spread(row) == "−1.5"
    assert mean_and_spread({"mean": nan}) == NOTHING


def test_counts_carry_their_denominator_where_it_differs() -> None:
    nan, gap = float("nan"), "\N{NO-BREAK SPACE}"
    assert count(10, 18, 55.6, 0.1, 18) == f"10 (55.6{gap}%)"
    assert count(10, 17, nan, 0.0, 18) == f"10/17 (58.8{gap}%)"
    assert count(10, 18, 56, 1.0, 18) == f"10 (56{gap}%)"
    assert count(nan, 18, 55.6, 0.1, 18) == f"55.6{gap}%"
    assert count(nan, 18, nan, 0.0, 18) == NOTHING


def test_standardised_difference_is_over_the_pooled_sd() -> None:
    pooled = np.sqrt((18 * 9.3**2 + 17 * 8.4**2) / 35)
    assert standardised(44.1, 9.3, 19, 45.3, 8.4, 18) == f"−{1.2 / pooled:.2f}"
    assert standardised(1, 0, 10, 1, 0, 10) == NOTHING
    assert standardised(1, 1, 1, 1, 1, 1) == NOTHING


def test_variables_are_named_in_words() -> None:
    assert variable_name("bmi_class") == "BMI class"
    assert variable_name("total_ige") == "Total IgE"
    assert variable_name("feno") == "FeNO"
    assert variable_name("HbA1c") == "HbA1c"
