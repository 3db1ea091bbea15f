"""Marks of significance against the p-values that carry them."""

from __future__ import annotations

from collections.abc import Iterator

from bayesasthma.auditing.findings import UNUSUAL, Finding
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.verdicts import declared_significant


def star_findings(tests: list[PrintedTest]) -> Iterator[Finding]:
    """Stars on p-values that are not below 0.05, and p-values below it without one.

    Only tables that use stars at all are looked at.
    """
    starred = {t.table for t in tests if t.starred}
    for test in tests:
        if test.table not in starred:
            continue
        below = declared_significant(test.value, test.operator, False, test.alpha)
        above = test.operator != "<" and test.value >= test.alpha
        where = {"table": test.table, "outcome": test.outcome, "arm": test.arm, "visit": test.visit}
        if test.starred and above:
            yield Finding(
                "text",
                UNUSUAL,
                f"Marked as significant although the printed p, {test.text.strip('* ')}, is not "
                f"below {test.alpha:g}.",
                printed=test.text,
                **where,
            )
        elif below and not test.starred:
            yield Finding(
                "text",
                UNUSUAL,
                f"Not marked as significant although the printed p is below "
                f"{test.alpha:g}, as other p-values of the table are.",
                printed=test.text,
                **where,
            )
