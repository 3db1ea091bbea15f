"""Designs of simulated studies: the paper's, with other sizes, weeks and printed numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayesasthma.models.design import Design, design
from bayesasthma.priors.named_sets import FALLBACK_TARGET_SD
from bayesasthma.study.bundle import load_study

#: The bundled study whose outcomes, decimals and schedule simulated studies have.
PATTERN = "liu2025"


def pattern(
    n: Sequence[Sequence[int]] = ((18,), (19,)),
    weeks: Sequence[float] | None = None,
    *,
    own_directions: bool = False,
) -> Design:
    """The bundled paper's design in standardised units, at other sizes or weeks.

    Outcomes keep the paper's print: rounding units between 1/400 and 1/6 of the baseline SD. Those
    without an MCID have one of 0.5 baseline SDs.

    Parameters
    ----------
    n : sequence of sequences of int
        Patients of each arm at each visit; one number stands for all visits.
    weeks : sequence of float, optional
        Of the visits, the first the baseline's.
    own_directions : bool
        Keep which outcomes are better high and which low; else all are better high.
    """
    paper = design(load_study(PATTERN))
    schedule = paper.weeks if weeks is None else np.asarray(weeks, dtype=float)
    visits = paper.visits
    if weeks is not None:
        visits = ("baseline", *(f"week{week:g}" for week in schedule[1:]))
    size = np.array([np.broadcast_to(own, len(visits)) for own in n], dtype=float)
    (table,) = paper.tables
    zeros = np.zeros(len(paper.outcomes))
    return replace(
        paper,
        visits=visits,
        weeks=schedule,
        centre=zeros,
        scale=zeros + 1,
        direction=paper.direction if own_directions else np.ones(len(zeros), dtype=int),
        target=np.where(np.isfinite(paper.target), paper.target, FALLBACK_TARGET_SD),
        n_arm=size[:, 0],
        tables=(replace(table, n=size[table.arm]),),
    )


def single(layout: Design, outcome: int) -> Design:
    """One outcome of a layout; all of them have one label, so that they share a compiled graph."""
    (table,) = layout.tables
    series = np.flatnonzero(table.outcome == outcome)
    fields = ("mean", "sd", "mean_step", "sd_step", "n", "pinned_z", "arm")
    chosen = {name: getattr(table, name)[series] for name in fields}
    part = slice(outcome, outcome + 1)
    return replace(
        layout,
        outcomes=("outcome",),
        domain=("",),
        centre=layout.centre[part],
        scale=layout.scale[part],
        direction=layout.direction[part],
        target=layout.target[part],
        tables=(replace(table, outcome=np.zeros(len(series), dtype=int), **chosen),),
    )


def sizes(layout: Design) -> np.ndarray:
    """Patients (arm, visit) of a layout whose outcomes share them."""
    (table,) = layout.tables
    n = np.zeros((len(layout.arms), len(layout.visits)), dtype=int)
    n[table.arm] = table.n
    return n


def steps(layout: Design) -> tuple[np.ndarray, np.ndarray]:
    """Rounding units of means and of SDs, each (outcome, arm, visit)."""
    (table,) = layout.tables
    shape = (len(layout.outcomes), len(layout.arms), len(layout.visits))
    mean_step, sd_step = np.zeros(shape), np.zeros(shape)
    mean_step[table.outcome, table.arm] = table.mean_step
    sd_step[table.outcome, table.arm] = table.sd_step
    return mean_step, sd_step


def with_table(
    layout: Design,
    mean: np.ndarray,
    sd: np.ndarray,
    mean_step: np.ndarray,
    sd_step: np.ndarray,
    *,
    own_unit: bool = False,
) -> Design:
    """A layout with other printed numbers, each (outcome, arm, visit).

    Parameters
    ----------
    own_unit : bool
        Standardise by the table's own baseline, as :func:`bayesasthma.models.design.design` does:
        centre is the mean over arms, scale the pooled SD.
    """
    (table,) = layout.tables
    centre, scale = layout.centre, layout.scale
    if own_unit:
        weight = layout.n_arm - 1
        centre = mean[:, :, 0].mean(axis=1)
        scale = np.sqrt((sd[:, :, 0] ** 2 * weight).sum(axis=1) / weight.sum())
    where = (table.outcome, table.arm)
    unit = scale[table.outcome][:, None]
    return replace(
        layout,
        centre=centre,
        scale=scale,
        target=layout.target * layout.scale / scale,
        tables=(
            replace(
                table,
                mean=(mean[where] - centre[table.outcome][:, None]) / unit,
                sd=sd[where] / unit,
                mean_step=mean_step[where] / unit,
                sd_step=sd_step[where] / unit,
            ),
        ),
    )
