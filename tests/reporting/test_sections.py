"""The sections on the audit and on posterior beside p-value say what their tables hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayesasthma as ba
from bayesasthma.auditing import IMPOSSIBLE, NOT_REPRODUCED, audit
from bayesasthma.comparison.posterior_beside_p import headline_table
from bayesasthma.models.design import design
from bayesasthma.plots.scepticism import sceptical_set_sd
from bayesasthma.reporting.audit_section import audit_section
from bayesasthma.reporting.comparison_section import ArmComparison, comparison_section
from bayesasthma.reporting.results import ReanalysisResults


@pytest.fixture(scope="module")
def audited(results: ReanalysisResults) -> ReanalysisResults:
    """With the audit of the whole paper, which has every kind of verdict."""
    whole = ba.load_study("liu2025")
    return replace(results, study=whole, audit=audit(whole))


@pytest.fixture(scope="module")
def section(results: ReanalysisResults) -> ArmComparison:
    (found,) = comparison_section(results)
    return found


def test_every_p_to_ask_about_stands_in_one_group(audited: ReanalysisResults) -> None:
    found = audit_section(audited)
    assert found is not None
    tests = audited.audit.tests
    asked = tests["verdict"].isin([IMPOSSIBLE, NOT_REPRODUCED]) | tests["significance_changes"]
    assert sum(len(group.rows) for group in found.groups) == asked.sum()
    changed = found.groups[0]
    assert len(changed.rows) == tests["significance_changes"].sum() > 0
    assert "The conclusion at 0.05 changes" in changed.rows[0][3]
    # labels where the study has them, words where it has not
    places = [row[0] for group in found.groups for row in group.rows]
    assert "Table 1: Bmi class: normal" in places
    assert not any("_" in place for place in places)


def test_counts_leave_out_verdicts_that_never_occur(audited: ReanalysisResults) -> None:
    found = audit_section(audited)
    assert found is not None
    assert "cannot be checked" not in found.columns
    assert "significance changes" in found.columns
    assert all(len(row) == 1 + len(found.columns) for row in found.counts)
    counted = audited.audit.counts().to_numpy().sum()
    assert sum(int(n) for row in found.counts for n in row[1:] if n != "–") == counted


def test_findings_are_ordered_by_weight_and_accuse_nobody(audited: ReanalysisResults) -> None:
    found = audit_section(audited)
    assert found is not None
    sizes = [len(texts) for _, _, texts in found.findings]
    assert sum(sizes) == len(audited.audit.findings)
    assert found.findings[0][0] == "Statements that disagree"
    text = found.lead + " ".join(t for _, note, texts in found.findings for t in [note, *texts])
    for word in ("fraud", "fabricat", "manipulat", "misconduct", "wrong", "error by"):
        assert word not in text.lower()


def test_no_audit_no_section(bare_results: ReanalysisResults) -> None:
    assert audit_section(bare_results) is None
    assert all(not part.arms_rows for part in comparison_section(bare_results))


def test_multiplicity_counts(results: ReanalysisResults, section: ArmComparison) -> None:
    rows = headline_table(results.comparison)
    rows = rows[rows["visit"] != "baseline"]
    assert f"Of {len(rows)} follow-up comparisons" in section.multiplicity
    assert f"{(rows['p_recomputed'] < 0.05).sum()} are below 0.05" in section.multiplicity
    assert f"and {(rows['q_recomputed'] < 0.05).sum()} after" in section.multiplicity


def test_significant_in_one_arm_only(section: ArmComparison) -> None:
    # Table 2 and 3: ACT 0.08 and <0.01, FeNO 0.12 and <0.01
    assert [row[0] for row in section.arms_rows] == ["ACT", "FeNO"]
    assert section.arms_rows[0][1] == "0.08"
    assert section.arms_rows[0][3] == "<0.01*"
    assert "none under AIT for 2 outcomes (ACT and FeNO)" in section.arms_text


def test_support_of_the_contrast_is_counted(results: ReanalysisResults) -> None:
    table = results.comparison.copy()
    contrast = (table["estimand"] == "adjusted_difference") & (table["visit"] == "week48")
    for chances, said in (
        ((0.99, 0.99), "above 0.95 for each"),
        ((0.99, 0.9), "above 0.95 for ACT and not"),
        ((0.9, 0.9), "gives none of them"),
    ):
        for outcome, chance in zip(("act", "feno"), chances, strict=True):
            table.loc[contrast & (table["outcome"] == outcome), "p_benefit"] = chance
        (part,) = comparison_section(replace(results, comparison=table))
        assert said in part.arms_text


def test_critical_priors_against_the_sceptical_set(
    results: ReanalysisResults, section: ArmComparison
) -> None:
    rows = results.comparison
    rows = rows[(rows["visit"] == "week48") & (rows["sceptical_method"] != "")]
    names = list(rows["outcome"])
    own = sceptical_set_sd(results.study, names).to_numpy() * design(results.study, names).scale
    survive = int((rows["sceptical_sd_95"].to_numpy() < own).sum())
    assert f"{survive} of {len(rows)} outcomes would still be" in section.sceptic_text
    row = next(row for row in section.sceptic_rows if row[0] == "ACT")
    expected = float(rows[rows["outcome"] == "act"]["sceptical_sd_95"].iloc[0])
    assert float(row[3]) == pytest.approx(expected, abs=0.006)
    assert float(row[5]) == pytest.approx(3 / 1.645, abs=0.006)


def test_open_and_unreached_answers_are_said(results: ReanalysisResults) -> None:
    table = results.comparison.copy()
    rows = (table["sceptical_method"] != "") & (table["visit"] == "week48")
    table.loc[rows, ["sceptical_sd_95", "sceptical_sd_975"]] = np.nan
    table.loc[rows & (table["outcome"] == "act"), "sceptical_method"] = "needs a refit"
    feno = rows & (table["outcome"] == "feno")
    table.loc[feno, "sceptical_method"] = "not convincing under the fitted prior"
    (part,) = comparison_section(replace(results, comparison=table))
    assert [row[3] for row in part.sceptic_rows] == ["open", "already below"]
    assert "no outcome stays above 0.95" in part.sceptic_text
