"""Adjustment for multiplicity: the families that it explains, the verdicts that it withholds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bayesasthma.auditing.candidates import Candidate
from bayesasthma.auditing.families import family_fits
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.verdicts import NOT_CHECKABLE, NOT_REPRODUCED
from bayesasthma.auditing.withholding import withhold
from bayesasthma.frequentist import printed_p


def printed(p: float, value: float) -> PrintedTest:
    """A p of which the table gives ``p``, and the paper ``value`` to two decimals."""
    return PrintedTest(
        "T", "between", "score", "", "", "", f"{value:.2f}", value, "=", printed_p(value, "=", 2),
        value < 0.05, False, 0.05, None, [Candidate("t", p, p, p)],
    )  # fmt: skip


@pytest.mark.parametrize(("third", "named"), [(0.04, True), (0.99, False)])
def test_a_family_is_named_if_it_fits_more_than_half(third: float, named: bool) -> None:
    """By Benjamini and Hochberg 0.01, 0.02 and 0.03 of four are each 0.04."""
    pairs = ((0.01, 0.04), (0.02, 0.04), (0.03, third), (0.5, 0.9))
    found = family_fits([printed(*pair) for pair in pairs], None, {})
    assert sorted(found) == ([0, 1, 2] if named else [])
    assert all("(fits 3 of 4, unadjusted 0)" in name for own in found.values() for name in own)


@pytest.mark.parametrize(
    ("said", "value", "withheld"),
    [("Bonferroni", 0.2, True), ("Bonferroni", 0.01, False), ("", 0.2, False), (None, 0.2, False)],
)
def test_a_stated_adjustment_withholds_what_is_too_large(
    said: str | None, value: float, withheld: bool
) -> None:
    test = printed(0.03, value)
    study: Any = SimpleNamespace(methods={"multiplicity": said})
    judged = (NOT_REPRODUCED, test.candidates[0])
    ((verdict,), (reason,)) = withhold([test], [judged], study)
    assert verdict == ((NOT_CHECKABLE, None) if withheld else judged)
    assert ("Bonferroni" in " ".join(reason)) is withheld
