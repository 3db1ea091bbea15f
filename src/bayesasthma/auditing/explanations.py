"""Which alternative readings fit the p-values that are not reproduced, and which they break."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd

from bayesasthma.auditing.alternatives import Alternative, alternatives, fitting
from bayesasthma.auditing.families import exchanged, family_fits
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import Cells, Groups, Interaction
from bayesasthma.auditing.verdicts import ACCEPTED, NOT_CHECKABLE, meets

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


def tried_readings(study: Study, cells: Cells, tests: list[PrintedTest]) -> list[list[Alternative]]:
    """Alternative readings of every printed p-value, in its order."""
    return alternatives(tests, [_changes(study, cells, test) for test in tests])


def _changes(study: Study, cells: Cells, test: PrintedTest) -> Interaction | None:
    if test.kind != "between" or not test.visit or not isinstance(test.subject, Groups):
        return None
    arms = [study.control, test.arm] if test.arm and test.arm != study.control else cells.arms
    changes = [cells.change(test.outcome, arm, test.visit) for arm in arms]
    found = tuple(c for c in changes if c is not None)
    return Interaction(found) if len(found) == len(arms) == 2 else None


def explain(
    study: Study,
    cells: Cells,
    tests: list[PrintedTest],
    tried: list[list[Alternative]],
    wrong: list[int],
) -> dict[int, list[str]]:
    """Names of the explanations that fit each test that is not reproduced.

    Readings with a free number (a correlation, missing patients) are named only where no stricter
    one fits, since they fit much by chance.

    Parameters
    ----------
    study : Study
        The bundle.
    cells : Cells
        Its table.
    tests : list of PrintedTest
        All printed p-values.
    tried : list of list of Alternative
        Their alternative readings.
    wrong : list of int
        Positions of the tests that are not reproduced.

    Returns
    -------
    dict
        Names by position, empty where nothing fits.
    """
    adjusted = family_fits(tests, study.baseline_visit, cells.names)
    swapped = exchanged(tests, wrong, cells.names)
    hits = {i: fitting(tests[i], tried[i]) for i in wrong}
    strict = {i: [a for a in found if not a.loose] for i, found in hits.items()}
    counts = Counter((tests[i].kind, a.name) for i in wrong for a in strict[i])
    kinds = Counter(tests[i].kind for i in wrong)
    explained = {}
    for i in wrong:
        kind = tests[i].kind
        names = [
            f"{a.name} (fits {counts[kind, a.name]} of the {kinds[kind]} not reproduced)"
            for a in strict[i]
        ]
        names += adjusted.get(i, []) + swapped.get(i, [])
        explained[i] = names or [_loose(a) for a in hits[i] if a.loose]
    return explained


def _loose(alternative: Alternative) -> str:
    if alternative.candidate.free_correlation:
        return f"{alternative.name}, at some correlation of 0 to 1"
    return alternative.name


def readings_table(
    tests: list[PrintedTest], tried: list[list[Alternative]], verdicts: pd.Series[str]
) -> pd.DataFrame:
    """How many p-values each alternative reading fits, by kind of test.

    Parameters
    ----------
    tests : list of PrintedTest
        All printed p-values.
    tried : list of list of Alternative
        Their alternative readings.
    verdicts : Series
        Their verdicts.

    Returns
    -------
    DataFrame
        kind, reading, loose (it has a free number), and for the p-values that are not reproduced
        and for the others: how many the reading fits (`fits_unreproduced`, `fits_others`) of how
        many (`unreproduced`, `others`). Missing patients are left out.
    """
    rows = [
        (test.kind, a.name, a.loose, verdict in ACCEPTED, meets(a.candidate, test.printed))
        for test, readings, verdict in zip(tests, tried, verdicts, strict=True)
        for a in readings
        if verdict != NOT_CHECKABLE
    ]
    long = pd.DataFrame(rows, columns=["kind", "reading", "loose", "accepted", "hit"])
    keys = ["kind", "reading", "loose"]
    parts = []
    for accepted, name in ((False, "unreproduced"), (True, "others")):
        part = long[long["accepted"] == accepted].groupby(keys, sort=False)["hit"]
        parts.append(part.agg(["sum", "size"]).set_axis([f"fits_{name}", name], axis=1))
    return parts[0].join(parts[1], how="outer").fillna(0).astype(int).reset_index()
