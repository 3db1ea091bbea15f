"""Tables of a fit over all who started: under assumptions on leavers, and where they tip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference.diagnostics import mark
from bayesasthma.inference.fitting import Fit
from bayesasthma.results.leaver_cells import LeaverCell, leaver_cells
from bayesasthma.results.missing_patients import SCENARIOS, tipping_point
from bayesasthma.results.summaries import probability_mcse, summarise
from bayesasthma.study.left_patients import LeftPatients, left_patients
from bayesasthma.study.study import Study

#: Deltas of the table, in baseline SDs.
GRID = (0.25, 0.5, 1.0, 1.5, 2.0)
#: Values of P(benefit) whose tipping points are given.
LEVELS = (0.975, 0.95, 0.8)
#: The row without a delta.
STAYED = "as those who stayed"

#: What identifies a row of both tables.
CELL = [
    "study", "outcome", "arm", "visit", "week", "model", "prior", "estimand", "unit",
    "left_treated", "started_treated", "left_control", "started_control", "source", "scenario",
]  # fmt: skip
COLUMNS = [
    *CELL, "delta", "delta_sd", "mean", "sd", "median", "ci_low", "ci_high", "ci_prob",
    "mcse_mean", "p_benefit", "p_benefit_mcse", "mcid", "p_benefit_gt_mcid", "ess_bulk",
    "ess_tail", "r_hat", "gate",
]  # fmt: skip
TIPPING_COLUMNS = [
    *CELL, "p_benefit", "p_benefit_mcse", "level", "status", "delta", "delta_mcse", "delta_sd",
    "largest_delta", "beyond_scale", "gate",
]  # fmt: skip

#: What a delta moves and does not otherwise change, where the share of leavers is known.
LOCATIONS = ("mean", "median", "ci_low", "ci_high")


def missing_patients(
    fit: Fit,
    left: LeftPatients | str | None = None,
    *,
    grid: Sequence[float] = GRID,
    ci_prob: float = 0.95,
    uncertain: bool = False,
) -> pd.DataFrame:
    """The headline of every outcome and visit over all who started, by what is assumed of leavers.

    Parameters
    ----------
    fit : Fit
        Of a table model.
    left : LeftPatients or str, optional
        As :func:`bayesasthma.study.left_patients.left_patients` takes or returns it; by default
        what the bundle says.
    grid : sequence of float
        Deltas, in baseline SDs of the outcome.
    ci_prob : float
    uncertain : bool
        Draw the shares of those who left from their posterior under Jeffreys' prior, for the effect
        in a population; by default they are those of the patients who started this study.

    Returns
    -------
    DataFrame
        The columns of ``missing.csv``; see ``docs/columns.md``. Empty if nobody left.

    Raises
    ------
    UsageError
        If ``left`` is not of its form.
    """
    study = fit.study
    found = _asked(study, left)
    if found is None:
        return pd.DataFrame(columns=COLUMNS)
    cells = list(leaver_cells(fit, found, uncertain))
    if not cells:
        return pd.DataFrame(columns=COLUMNS)
    assumed = [{STAYED: cell.effect} | cell.reference_based for cell in cells]
    numbers = _summaries(cells, assumed, ci_prob)
    rows: list[dict[str, Any]] = []
    for cell, draws in zip(cells, assumed, strict=True):
        facts = _facts(fit, found, cell) | {"ci_prob": ci_prob, "mcid": float(np.mean(cell.limit))}
        own = {name: next(numbers) for name in draws}
        none = {"scenario": STAYED, "delta": 0.0, "delta_sd": 0.0}
        rows.append(facts | none | own.pop(STAYED))
        if cell.direction:
            rows += [facts | row for row in _with_delta(cell, rows[-1], grid, ci_prob)]
        rows += [
            facts | {"scenario": name, "delta": np.nan, "delta_sd": np.nan} | row
            for name, row in own.items()
        ]
    return mark(pd.DataFrame(rows), fit.gate)[COLUMNS].reset_index(drop=True)


def _summaries(
    cells: Sequence[LeaverCell], assumed: Sequence[dict[str, np.ndarray]], ci_prob: float
) -> Iterator[dict[str, float]]:
    """Summary of every array of draws of every cell, in order."""
    pairs = [
        (cell, own) for cell, draws in zip(cells, assumed, strict=True) for own in draws.values()
    ]
    dims = ("chain", "draw", "case")
    effect = xr.DataArray(np.stack([own for _, own in pairs], axis=-1), dims=dims)
    limit = xr.DataArray(np.stack([cell.limit for cell, _ in pairs], axis=-1), dims=dims)
    sign = xr.DataArray([float(cell.direction) for cell, _ in pairs], dims=("case",))
    table = summarise(effect, sign, limit, ci_prob)
    rows: list[Any] = table.to_dict("records")
    return iter(rows)


def _with_delta(
    cell: LeaverCell, stayed: dict[str, Any], grid: Sequence[float], ci_prob: float
) -> list[dict[str, Any]]:
    """Rows of a cell at every delta; where shares are known only the location moves."""
    cases = [(name, size) for name in SCENARIOS for size in grid]
    benefit = np.stack(
        [
            cell.direction * cell.effect - size * cell.scale * cell.weight(name)
            for name, size in cases
        ],
        axis=-1,
    )
    positive = xr.DataArray((benefit > 0).astype(float), dims=("chain", "draw", "case"))
    p, error = positive.mean(("chain", "draw")).to_numpy(), probability_mcse(positive).to_numpy()
    beyond = (benefit > cell.limit[..., None]).mean((0, 1))
    known = all(share.size == 1 for share in cell.shares)
    whole = None
    if not known:
        names = {str(k): cell.direction * benefit[..., k] for k in range(len(cases))}
        whole = list(_summaries([cell], [names], ci_prob))
    rows: list[dict[str, Any]] = []
    for k, (name, size) in enumerate(cases):
        delta = size * cell.scale
        moved = -cell.direction * delta * float(cell.weight(name).mean())
        row = dict(stayed) if whole is None else dict(whole[k])
        if whole is None:
            row |= {own: float(stayed[own]) + moved for own in LOCATIONS}
        row |= {"scenario": name, "delta": delta, "delta_sd": size}
        row |= {"p_benefit": float(p[k]), "p_benefit_mcse": float(error[k])}
        row["p_benefit_gt_mcid"] = float(beyond[k]) if np.isfinite(cell.limit).all() else np.nan
        rows.append(row)
    return rows


def tipping_points(
    fit: Fit,
    left: LeftPatients | str | None = None,
    *,
    levels: Sequence[float] = LEVELS,
    uncertain: bool = False,
) -> pd.DataFrame:
    """How much worse leavers must have done for P(benefit) to fall below a level.

    Parameters
    ----------
    fit, left, uncertain
        As for :func:`missing_patients`.
    levels : sequence of float

    Returns
    -------
    DataFrame
        The columns of ``missing_tipping.csv``; see ``docs/columns.md``. Outcomes without a
        direction of benefit are left out.

    Raises
    ------
    UsageError
        If ``left`` is not of its form.
    """
    found = _asked(fit.study, left)
    if found is None:
        return pd.DataFrame(columns=TIPPING_COLUMNS)
    every = leaver_cells(fit, found, uncertain, assumptions=False)
    cells = [cell for cell in every if cell.direction]
    rows: list[dict[str, Any]] = []
    numbers = _summaries(cells, [{STAYED: cell.effect} for cell in cells], 0.95) if cells else ()
    for cell, own in zip(cells, numbers, strict=True):
        facts = _facts(fit, found, cell)
        benefit = cell.effect * cell.direction
        shown = ("p_benefit", "p_benefit_mcse", "ess_bulk", "ess_tail", "r_hat", "sd")
        for scenario in SCENARIOS:
            weight, largest = cell.weight(scenario), cell.largest[scenario]
            for level in levels:
                point = tipping_point(benefit, weight, level)
                delta = point.delta if np.isfinite(point.delta) else np.nan
                rows.append(
                    facts
                    | {name: float(own[name]) for name in shown}
                    | {"scenario": scenario, "level": level, "status": point.status}
                    | {"delta": delta, "delta_mcse": point.mcse, "delta_sd": delta / cell.scale}
                    | {"largest_delta": largest, "beyond_scale": bool(delta > largest)}
                )
    if not rows:
        return pd.DataFrame(columns=TIPPING_COLUMNS)
    return mark(pd.DataFrame(rows), fit.gate)[TIPPING_COLUMNS].reset_index(drop=True)


def delta_curve(cell: LeaverCell, scenario: str, deltas: np.ndarray) -> np.ndarray:
    """P(benefit) of one headline at deltas (delta,) in baseline SDs, under one scenario."""
    benefit, weight = cell.effect * cell.direction, cell.weight(scenario)
    shares = [np.mean(benefit - size * cell.scale * weight > 0) for size in deltas]
    return np.array(shares, dtype=float)


def _asked(study: Study, left: LeftPatients | str | None) -> LeftPatients | None:
    return left if isinstance(left, LeftPatients) else left_patients(study, left)


def _facts(fit: Fit, left: LeftPatients, cell: LeaverCell) -> dict[str, Any]:
    study = fit.study
    facts: dict[str, Any] = {
        "study": study.name,
        "outcome": cell.outcome,
        "arm": cell.arm,
        "visit": cell.visit,
        "week": float(study.visits["week"].to_dict()[cell.visit]),
        "model": fit.model,
        "prior": fit.prior,
        "estimand": cell.estimand,
        "unit": str(study.outcomes["unit"].to_dict()[cell.outcome]),
        "source": left.source,
    }
    for name, arm in (("treated", cell.arm), ("control", study.control)):
        where = {"outcome": cell.outcome, "arm": arm}
        facts[f"left_{name}"] = float(left.left.sel(where | {"visit": cell.visit}))
        facts[f"started_{name}"] = float(left.started.sel(where))
    return facts
