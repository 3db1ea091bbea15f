"""Right p-values are never held against a paper, whatever its test; wrong ones are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.auditing.more_simulated_tables import MORE
from tests.auditing.printed_paper import Paper
from tests.auditing.simulated_tables import KINDS as FIRST

from bayesasthma.auditing import (
    CONTRADICTION,
    IMPOSSIBLE,
    NOT_CHECKABLE,
    NOT_REPRODUCED,
    AuditResult,
    audit,
)

ACCUSING = (NOT_REPRODUCED, IMPOSSIBLE)
KINDS = FIRST | MORE
SEEDS = 2


def printed(kind: str, seed: int) -> Paper:
    return KINDS[kind](np.random.default_rng([seed, *map(ord, kind)]))


def accusations(result: AuditResult) -> list[str]:
    """Everything in an audit that says a paper is wrong."""
    tests, findings = result.tests, result.findings
    found = tests.loc[
        tests["verdict"].isin(ACCUSING) | tests["significance_changes"].astype(bool), "explanation"
    ].tolist()
    return found + findings.loc[findings["weight"] == CONTRADICTION, "finding"].tolist()


def test_there_are_more_than_forty_tables() -> None:
    assert len(KINDS) * SEEDS >= 40
    assert len(KINDS) >= 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_p_is_never_held_against_the_paper(kind: str, tmp_path: Path) -> None:
    for seed in range(SEEDS):
        paper = printed(kind, seed)
        result = audit(paper.study(tmp_path / str(seed)))
        assert accusations(result) == []
        verdicts = result.tests["verdict"]
        if paper.judged:
            assert (verdicts != NOT_CHECKABLE).all(), result.tests["explanation"].tolist()


def test_drop_outs_say_nothing_of_the_correlation(tmp_path: Path) -> None:
    result = audit(printed("paired with drop-outs", 0).study(tmp_path / "x"))
    assert result.tests["verdict"].tolist() == [NOT_CHECKABLE]
    assert result.tests[["rho_low", "rho_high"]].isna().all(axis=None)


#: Kinds whose wrong p has to be found, as far as rounding and an unprinted correlation allow.
FOUND = [
    "Student's t", "t of either kind, Welch", "Welch", "one-sided", "ANCOVA on baseline, exact",
    "changes between", "changes within", "changes beside levels", "one-way ANOVA",
    "χ² of categories", "Freeman-Halton", "χ²", "χ² with Yates", "Fisher", "trend, scores stated",
]  # fmt: skip


@pytest.mark.parametrize("kind", FOUND)
def test_a_wrong_p_is_found(kind: str, tmp_path: Path) -> None:
    paper = printed(kind, 0)
    rows = paper.rows["tests"]
    cells = rows[0].rsplit(",", 1)
    old = float(cells[1].strip("<"))
    rows[0] = f"{cells[0]},{(old + 0.37) % 0.9 + 0.013:.3f}"
    result = audit(paper.study(tmp_path / "wrong"))
    assert result.tests["verdict"].isin(ACCUSING).all(), result.tests["explanation"].tolist()
    assert result.tests["assumes"].str.len().gt(20).all()
