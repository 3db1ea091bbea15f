"""Tables as a whole: the baseline of a randomised study, terminal digits, repeated cells, p-values.

None of these says that a single number is wrong, and honest papers meet each by chance or by a
habit of rounding; they are questions to a reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from bayesasthma.auditing.candidates import one_way, student
from bayesasthma.auditing.findings import NOTE, UNUSUAL, Finding
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import Cells, Groups, Summary
from bayesasthma.auditing.tested import tested
from bayesasthma.auditing.verdicts import REPRODUCED

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

#: Baseline means that are combined at least, and the share beyond which their likeness is unusual.
BASELINE_ROWS, EXTREME = 5, 0.001
#: Terminal digits counted at least; their numbers have this many significant digits at least.
DIGITS, SIGNIFICANT = 60, 3
#: Chance below which terminal digits, or p-values that all agree, are remarked on.
RARE = 0.001
#: Repeated cells, and p-values to the last digit, before they are remarked on.
REPEATS, EXACT = 3, 5


def whole_table_findings(
    study: Study, cells: Cells, tests: list[PrintedTest], table: pd.DataFrame
) -> Iterator[Finding]:
    """All checks of tables as a whole."""
    yield from _baseline(study, cells)
    printed = _printed(study, cells)
    yield from _digits(printed)
    yield from _repeats(cells, printed)
    yield from _exact(tests, table)


def combined_p(p: np.ndarray) -> float:
    """Stouffer's combination of one-sided p-values: ``Φ(Σ Φ⁻¹(p)/√k)``."""
    z = special.ndtri(np.clip(p, 1e-12, 1 - 1e-12))
    return float(special.ndtr(z.sum() / np.sqrt(len(p))))


def _baseline(study: Study, cells: Cells) -> Iterator[Finding]:
    """Carlisle 2017 (Anaesthesia 72:944): baseline p-values of a randomised study combined."""
    if not study.randomised:
        return
    low: list[float] = []
    high: list[float] = []
    for variable in dict.fromkeys(study.baseline["variable"]):
        subject = tested(study, cells, "between", str(variable), "", "").subject
        if isinstance(subject, Groups):
            _add(subject, low, high)
    for outcome in study.outcomes.index if study.baseline_visit is not None else ():
        groups = cells.groups(str(outcome), cells.arms, str(study.baseline_visit))
        if groups is not None:
            _add(groups, low, high)
    if len(low) < BASELINE_ROWS:
        return
    ends = combined_p(np.array(low)), combined_p(np.array(high))
    alike, unlike = ends[0] > 1 - EXTREME, ends[1] < EXTREME
    what = "more alike" if alike else "less alike"
    verdict = (
        f"the arms are {what} at baseline than chance gives in {EXTREME:.1%} of studies"
        if alike or unlike
        else "chance allocation gives such arms"
    )
    yield Finding(
        "baseline table",
        UNUSUAL if alike or unlike else NOTE,
        f"The tests of {len(low)} baseline means combine to a p between {ends[0]:.2g} and "
        f"{ends[1]:.2g} (Stouffer), so that {verdict}. Variables that go together, skewed ones and "
        "stratified allocation make such a p too extreme.",
        printed=f"{len(low)} means",
        expected="neither near 0 nor near 1",
    )


def _add(subject: Groups, low: list[float], high: list[float]) -> None:
    groups = subject.groups
    if any(float(g.sd.low) <= 0 for g in groups):
        return
    found = one_way(groups) if len(groups) > 2 else student(groups[0], groups[1])
    low.append(found.low)
    high.append(found.high)


def _printed(study: Study, cells: Cells) -> list[tuple[str, str, str, Summary]]:
    """Levels of the table that are printed with a rounding step."""
    return [
        (str(outcome), arm, visit, cell)
        for outcome in study.outcomes.index
        if outcome not in cells.logarithms  # of which no digit is printed
        for arm in cells.arms
        for visit in cells.visits
        if (cell := cells.get(str(outcome), arm, visit)) is not None and float(cell.mean.step) > 0
    ]


def _enough(value: float, step: float) -> bool:
    return bool(abs(value) >= step * 10.0 ** (SIGNIFICANT - 1) * (1 - 1e-9))


def _digits(printed: list[tuple[str, str, str, Summary]]) -> Iterator[Finding]:
    """Last digits of numbers with several are about uniform."""
    found: list[int] = []
    for *_, cell in printed:
        for number in (cell.mean, cell.sd):
            value, step = float(number.value), float(number.step)
            whole = step > 0 and abs(np.log10(step) - round(np.log10(step))) < 1e-9
            if whole and _enough(value, step):
                found.append(round(abs(value) / step) % 10)
    if len(found) < DIGITS:
        return
    counts = np.bincount(found, minlength=10)
    expected = len(found) / 10
    p = float(special.chdtrc(9, np.sum((counts - expected) ** 2) / expected))
    if p < RARE:
        most = int(counts.argmax())
        yield Finding(
            "digits",
            UNUSUAL,
            f"Of {len(found)} last digits {counts[most]} are {most}; digits of measured values "
            f"would be spread as unevenly with a chance of {p:.1g}. Coarse measuring or preferred "
            "values do it too.",
            printed=", ".join(f"{d}: {c}" for d, c in enumerate(counts)),
            expected=f"about {expected:.0f} each",
        )


def _repeats(cells: Cells, printed: list[tuple[str, str, str, Summary]]) -> Iterator[Finding]:
    """Cells of one outcome that print the same mean and SD."""
    seen: dict[tuple[str, str], list[str]] = {}
    for outcome, arm, visit, cell in printed:
        numbers = (cell.mean, cell.sd)
        if all(_enough(float(x.value), float(x.step)) for x in numbers):
            seen.setdefault((outcome, str(cell)), []).append(cells.name(arm, visit))
    for (outcome, text), places in seen.items():
        if len(places) > 1:
            yield Finding(
                "repeated",
                UNUSUAL if len(places) >= REPEATS else NOTE,
                f"{cells.name(outcome)} prints {text} {len(places)} times: {'; '.join(places)}.",
                outcome=outcome,
                printed=text,
            )


def _exact(tests: list[PrintedTest], table: pd.DataFrame) -> Iterator[Finding]:
    """p-values that all follow to the last digit from means that are rounded.

    Patients give a p anywhere in the range that the rounding allows; it prints as that of the
    rounded numbers about as often as twice the ratio of the widths, at most always.
    """
    counts: Counter[bool] = Counter()
    chance = 1.0
    for test, row in zip(tests, table.to_dict("records"), strict=True):
        if not isinstance(test.subject, Groups) or test.operator != "=" or not row["p_high"] >= 0:
            continue
        width = row["p_high"] - row["p_low"]
        step = float(test.printed.high) - float(test.printed.low)
        if width <= 2 * step:
            continue
        counts[row["verdict"] == REPRODUCED] += 1
        chance *= min(1.0, 2 * step / width)
    if counts[True] >= EXACT and not counts[False] and chance < RARE:
        yield Finding(
            "precision",
            UNUSUAL,
            f"All {counts[True]} p-values whose last digit rounding leaves open are those of the "
            f"rounded means and SDs; p-values of patients would be so with a chance below "
            f"{RARE:g}. They may have been computed from the table.",
            printed=f"{counts[True]} of {counts[True]}",
        )
