"""What a scale allows: integer items, limits, and the share of patients beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from bayesasthma.auditing.findings import CONTRADICTION, NOTE, UNUSUAL, Finding
from bayesasthma.auditing.subjects import Cells, Summary, shown
from bayesasthma.frequentist import bhatia_davis_sd, grim, grim_power, grimmer

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

# A normal model putting more of the patients than this beyond the scale deserves a warning.
BEYOND = 0.10
# Altman & Bland 1996 (BMJ 313:1200): below this many SDs above the floor, data must be skewed.
SKEW = 2.0
# Share of the patients who may be missing from a cell without its n saying so.
MISSING = 0.2
#: Most numbers of patients that are tried in place of the printed one.
TRIED = 1_000


def scale_findings(study: Study, cells: Cells) -> Iterator[Finding]:
    """GRIM and GRIMMER where the bundle says items are integers; limits where it gives them."""
    for outcome, row in study.outcomes.iterrows():
        name = str(outcome)
        limits = (float(row["minimum"]), float(row["maximum"]))
        table = [
            (arm, visit, cell)
            for arm in cells.arms
            for visit in cells.visits
            if (cell := cells.get(name, arm, visit)) is not None
        ]
        if not table:
            continue
        if np.isfinite(row["items"]):
            yield from _granularity(
                name, averaged_items(int(row["items"]), *limits), limits, table, cells
            )
        yield from _range(name, limits, table, cells)


def averaged_items(items: int, minimum: float, maximum: float) -> int:
    """Items that are *averaged* into a score: 1 for a sum score.

    A score is a sum when its limits are `items` times whole limits of one item and its least value
    is not below the number of items (ACT: 5 items of 1–5, 5–25). Averages keep the item's limits.
    """
    whole = items > 1 and minimum % items == 0 and (maximum - minimum) % items == 0
    return 1 if whole and minimum >= items else items


def _granularity(
    outcome: str,
    items: int,
    limits: tuple[float, float],
    table: list[tuple[str, str, Summary]],
    cells: Cells,
) -> Iterator[Finding]:
    bounded = limits if all(np.isfinite(limits)) else (None, None)
    powers = []
    for arm, visit, cell in table:
        if not (cell.mean.step > 0 and cell.sd.step > 0) or cell.n != int(cell.n):
            continue
        mean, sd, n = shown(cell.mean), shown(cell.sd), int(cell.n)
        where = {"outcome": outcome, "arm": arm, "visit": visit}
        tried = _fewer(n)
        cut = int(n * MISSING) > TRIED
        powers.append(grim_power(n, items, len(mean.partition(".")[2])))
        if not grim(mean, n, items):
            what, name = f"the mean {mean}", "GRIM"
            fewer = next((k for k in tried if grim(mean, k, items)), None)
        elif not grimmer(mean, sd, n, items, *bounded):
            what, name = f"mean {mean} and SD {sd}", "GRIMMER"
            fewer = next((k for k in tried if grimmer(mean, sd, k, items, *bounded)), None)
        else:
            continue
        missing = f"; {fewer} could, were some missing" if fewer else ""
        if cut and not fewer:
            missing = f"; fewer than {n - TRIED} were not tried"
        yield Finding(
            "grim",
            UNUSUAL if fewer or cut else CONTRADICTION,
            f"No {n} patients scored in whole points have {what} ({name}){missing}.",
            printed=mean if name == "GRIM" else f"{mean} ± {sd}",
            **where,
        )
    if powers and max(powers) == 0:
        yield Finding(
            "grim",
            NOTE,
            f"The means of {cells.name(outcome)} are printed too coarsely for GRIM to exclude any "
            "with so many patients; only GRIMMER's check of mean and SD together applies.",
            outcome=outcome,
        )


def _fewer(n: int) -> range:
    """Numbers of patients that may have been seen instead of `n`, the largest first."""
    return range(n - 1, max(int(n * (1 - MISSING)), n - TRIED, 1) - 1, -1)


def _range(
    outcome: str,
    limits: tuple[float, float],
    table: list[tuple[str, str, Summary]],
    cells: Cells,
) -> Iterator[Finding]:
    minimum, maximum = limits
    skewed = []
    for arm, visit, cell in table:
        where = {"outcome": outcome, "arm": arm, "visit": visit, "printed": str(cell)}
        if cell.mean.high < minimum or cell.mean.low > maximum:
            yield Finding(
                "range",
                CONTRADICTION,
                f"The mean lies outside the scale, {minimum:g} to {maximum:g}.",
                **where,
            )
            continue
        if np.isfinite(minimum) and np.isfinite(maximum):
            yield from _bounded(cell, minimum, maximum, where)
        if np.isfinite(minimum) and float(cell.mean.value) - minimum < SKEW * float(cell.sd.value):
            skewed.append(f"{cells.name(arm, visit)} ({cell})")
    if skewed:
        yield Finding(
            "range",
            NOTE,
            f"{cells.name(outcome)} must be skewed where the mean is less than {SKEW:g} SDs above "
            f"the least possible value, {minimum:g}: {'; '.join(skewed)}.",
            outcome=outcome,
        )


def _bounded(
    cell: Summary, minimum: float, maximum: float, where: dict[str, str]
) -> Iterator[Finding]:
    # The bound peaks at the middle of the scale: the nearest mean to it is the most generous one.
    middle = (minimum + maximum) / 2
    low, high = max(float(cell.mean.low), minimum), min(float(cell.mean.high), maximum)
    mean = min(max(middle, low), high)
    most = float(bhatia_davis_sd(mean, minimum, maximum, cell.n))
    if float(cell.sd.low) > most * (1 + 1e-9):
        yield Finding(
            "range",
            CONTRADICTION,
            f"Scores from {minimum:g} to {maximum:g} with this mean have an SD of at most "
            f"{most:.3g} (Bhatia–Davis).",
            expected=f"SD ≤ {most:.3g}",
            **where,
        )
        return
    if cell.sd.value <= 0:
        return
    below = float(special.ndtr((minimum - cell.mean.value) / cell.sd.value))
    above = float(special.ndtr((cell.mean.value - maximum) / cell.sd.value))
    if max(below, above) > BEYOND:
        side, share = ("above", above) if above > below else ("below", below)
        limit = maximum if above > below else minimum
        yield Finding(
            "range",
            UNUSUAL,
            f"Were the scores normal, {share:.0%} of the patients would lie {side} {limit:g}, the "
            "end of the scale; the distribution must be skewed or capped.",
            **where,
        )
