"""Plausibility of the printed SDs: against references, between arms, over visits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bayesasthma.auditing.findings import NOTE, UNUSUAL, Finding
from bayesasthma.auditing.labels import text_of
from bayesasthma.auditing.subjects import Cells, Summary, shown

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

# An SD this many times smaller or larger than a reference is worth a question.
FACTOR = 2.0
# This close it is in keeping with it.
CLOSE = 1.5
# Series of SDs before their common course is remarked on.
SERIES = 4
# Scales of `external.csv` that mark a reference SD.
SD_SCALES = ("sd", "standard deviation")


def dispersion_findings(study: Study, cells: Cells) -> Iterator[Finding]:
    """All checks of the SDs."""
    yield from _references(study, cells)
    yield from _equal_between_arms(study, cells)
    yield from _falling(study, cells)


def reference_ranges(study: Study, scales: tuple[str, ...]) -> list[tuple[str, float, float, str]]:
    """Find published references: outcome, least, greatest, citation.

    Rows of `external.csv` with one of the `scales`; the interval, where given, is the range of
    published values.
    """
    frame = study.external
    if frame.empty:
        return []
    found = []
    for row in frame[frame["scale"].map(text_of).str.lower().isin(scales)].to_dict("records"):
        middle = float(row["estimate"])
        ends = [float(row[c]) for c in ("ci_low", "ci_high")]
        low, high = (e if np.isfinite(e) else middle for e in ends)
        found.append((text_of(row["outcome"]), low, high, text_of(row["citation"])))
    return found


def _references(study: Study, cells: Cells) -> Iterator[Finding]:
    for outcome, low, high, citation in reference_ranges(study, SD_SCALES):
        if outcome in cells.logarithms:
            continue
        for arm in cells.arms:
            visit = cells.baseline or cells.visits[0]
            cell = cells.get(outcome, arm, visit)
            if cell is None:
                continue
            sd, stretched = float(cell.sd.value), float(cell.sd.value) * np.sqrt(cell.n)
            if low / FACTOR <= sd <= high * FACTOR:
                continue
            span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            as_se = ""
            if sd < low:
                close = low / CLOSE <= stretched <= high * CLOSE
                as_se = (
                    f" Read as a standard error it would mean an SD of {stretched:.3g} "
                    f"({shown(cell.sd)} × √{cell.n:g})"
                    + (", which is in keeping with them." if close else ".")
                )
            yield Finding(
                "dispersion",
                UNUSUAL,
                f"SD {shown(cell.sd)} where published ones are {span} ({citation}).{as_se}",
                outcome=outcome,
                arm=arm,
                visit=visit,
                printed=str(cell),
                expected=f"SD {span}",
            )


def same_print_probability(first: Summary, second: Summary) -> float:
    """Chance that independent normal samples of one population print the same SD.

    ``SD₂²/SD₁²`` follows F(n₂ − 1, n₁ − 1); two SDs fall in one rounding step about as often as
    their difference is below half of it.
    """
    sd = (float(first.sd.value) + float(second.sd.value)) / 2
    step = max(float(first.sd.step), float(second.sd.step))
    if not (sd > 0 and step > 0):
        return 0.0
    high, low = (1 + step / (2 * sd)) ** 2, max(1 - step / (2 * sd), 0.0) ** 2
    df2, df1 = second.n - 1, first.n - 1
    return float(special.fdtr(df2, df1, high) - special.fdtr(df2, df1, low))


def _equal_between_arms(study: Study, cells: Cells) -> Iterator[Finding]:
    for arm in study.treatments:
        equal: dict[str, list[str]] = {}
        pairs, expected = 0, 0.0
        for outcome in study.outcomes.index:
            for visit in cells.visits if outcome not in cells.logarithms else ():
                groups = cells.groups(outcome, [study.control, arm], visit)
                if groups is None or not groups.groups[0].sd.step > 0:
                    continue
                first, second = groups.groups
                pairs += 1
                expected += same_print_probability(first, second)
                if first.sd.value == second.sd.value:
                    equal.setdefault(outcome, []).append(visit)
        count = sum(len(v) for v in equal.values())
        # Outcomes and visits of the same patients are correlated, so no p-value: three standard
        # deviations of a Poisson count above its expectation, and at least three pairs.
        if count >= 3 and count > expected + 3 * np.sqrt(expected):
            whole = [o for o, visits in equal.items() if len(visits) == len(cells.visits) > 1]
            at_all = f", at every visit for {cells.name(*whole)}" if whole else ""
            yield Finding(
                "dispersion",
                UNUSUAL,
                f"The two arms print the same SD in {count} of {pairs} cells{at_all}; about "
                f"{expected:.1f} would be expected of independent samples with equal spread.",
                arm=arm,
                printed=str(count),
                expected=f"{expected:.1f}",
            )


def _falling(study: Study, cells: Cells) -> Iterator[Finding]:
    """SDs that fall from each visit to the next."""
    falling, series = 0, 0
    for outcome in study.outcomes.index:
        for arm in cells.arms:
            found = [c for v in cells.visits if (c := cells.get(outcome, arm, v)) is not None]
            sds = np.array([float(c.sd.value) for c in found])
            if len(sds) < 3 or len(sds) < len(cells.visits):
                continue
            series += 1
            falling += bool(np.all(np.diff(sds) < 0))
    chance = 1 / special.factorial(len(cells.visits))
    if series >= SERIES and falling > series / 2:
        yield Finding(
            "dispersion",
            NOTE,
            f"The SD falls from every visit to the next in {falling} of {series} series; with a "
            f"constant spread each would do so with a chance of about {chance:.2g}.",
            printed=f"{falling} of {series}",
        )
