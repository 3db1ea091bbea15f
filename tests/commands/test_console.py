"""The audit as a terminal shows it."""

from __future__ import annotations

import pytest

import bayesasthma as ba
from bayesasthma.auditing import audit
from bayesasthma.commands.console import print_audit, print_inspect_sr


def test_audit_reads_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    study = ba.load_study("liu2025")
    result = audit(study)
    print_audit(result, study)
    text = capsys.readouterr().out
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "81 printed p-values" in text
    words = " ".join(text.split())
    # labels and not ids; a reason for what is not reproduced, and for nothing else
    assert "oma_ait" not in text.lower().replace("omalizumab", "")
    wrong = result.tests[
        result.tests["verdict"].str.contains("not reproduced|impossible")
        | result.tests["significance_changes"]
    ]
    assert words.count("• Table") >= len(wrong)
    assert "Table 4, FEV1 % predicted, AIT, 48 weeks: Paired t test of 79.5 ± 4.0" in words
    right = result.tests[result.tests["verdict"] == "reproduced"]["explanation"].iloc[0]
    assert right not in words
    for finding in result.findings["finding"]:
        assert " ".join(finding.split()) in words


def test_the_form_of_inspect_sr_reads_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    result = audit(ba.load_study("liu2025"))
    print_inspect_sr(result)
    words = " ".join(capsys.readouterr().out.split())
    for check in ("4.1", "4.3", "4.6", "4.8", "4.9"):
        assert f" {check} " in words
    assert "81 printed p-values (27 not reproduced" in words
    assert words.count("left to the reader") == 4
    asked = result.findings[result.findings["weight"] != "note"]
    for finding in asked["finding"]:
        assert " ".join(finding.split()) in words


def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    study = ba.load_study("liu2025")
    result = audit(study)
    result.findings.loc[0, "finding"] = "an odd [bold]text"
    print_audit(result, study)
    assert "an odd [bold]text" in " ".join(capsys.readouterr().out.split())
