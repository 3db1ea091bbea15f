"""What a bundle says twice, as findings of the audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bayesasthma.auditing.findings import CONTRADICTION, UNUSUAL, Finding
from bayesasthma.study import printed_twice as said

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

WEIGHTS = {said.CONTRADICTION: CONTRADICTION, said.QUESTION: UNUSUAL}
#: What the audit has checks of its own for, and what is no finding about a paper.
ELSEWHERE = ("intervals", "unfinished")


def said_twice(study: Study) -> Iterator[Finding]:
    """Numbers of a bundle that do not go together, but for notes on the analysis.

    Parameters
    ----------
    study : Study
    """
    for remark in said.printed_twice(study, without=ELSEWHERE):
        if remark.weight in WEIGHTS:
            text = remark.text[0].upper() + remark.text[1:]
            yield Finding(
                "consistency",
                WEIGHTS[remark.weight],
                text if text.endswith(".") else f"{text}.",
                outcome=remark.outcome,
                arm=remark.arm,
                visit=remark.visit,
                printed=remark.printed,
                expected=remark.expected,
            )
