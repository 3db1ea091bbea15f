"""Baseline imbalance as standardised differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from bayesasthma.auditing.findings import NOTE, UNUSUAL, Finding
from bayesasthma.auditing.labels import holds_no_moments, text_of
from bayesasthma.auditing.subjects import Cells

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

# Rubin 2001 (Health Serv Outcomes Res Methodol 2:169) and Stuart 2010 (Stat Sci 25:1).
IMBALANCE = 0.25
BALANCE_COLUMNS = ["variable", "level", "arm", "control_value", "arm_value", "standardised"]


def balance_table(study: Study, cells: Cells) -> pd.DataFrame:
    """Standardised baseline differences, treatment − control.

    ``(m₁ − m₀)/√((SD₁² + SD₀²)/2)`` for means and
    ``(p₁ − p₀)/√((p₁(1 − p₁) + p₀(1 − p₀))/2)`` for proportions (Austin 2009, Stat Med 28:3083).

    Returns
    -------
    DataFrame
        One row per baseline variable, category and outcome, and treatment arm. For a variable of
        two categories the first stands for both.
    """
    rows = []
    frame = study.baseline
    control = study.control
    for arm in study.treatments:
        for (variable, level), part in _by_level(frame):
            by_arm = {row["arm"]: row for row in reversed(part.to_dict("records"))}
            if not {control, arm} <= set(by_arm) or holds_no_moments(variable, level):
                continue
            zero, one = by_arm[control], by_arm[arm]
            if np.isfinite(zero["count"]) and np.isfinite(one["count"]):
                values: tuple[float, ...] = zero["count"] / zero["n"], one["count"] / one["n"]
                spread = np.sqrt(sum(p * (1 - p) for p in values) / 2)
            else:
                values = zero["mean"], one["mean"]
                spread = np.sqrt((zero["sd"] ** 2 + one["sd"] ** 2) / 2)
            rows.append((variable, level, arm, *map(float, values), _ratio(values, spread)))
        for outcome in study.outcomes.index:
            if study.baseline_visit is None:
                continue
            groups = cells.groups(outcome, [control, arm], study.baseline_visit)
            if groups is None:
                continue
            values = tuple(float(g.mean.value) for g in groups.groups)
            spread = np.sqrt(np.mean([float(g.sd.value) ** 2 for g in groups.groups]))
            rows.append((str(outcome), "", arm, *values, _ratio(values, spread)))
    return pd.DataFrame(rows, columns=BALANCE_COLUMNS)


def _by_level(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    if frame.empty:
        return
    level = frame["level"].map(text_of)
    for variable, rows in frame.assign(level=level).groupby("variable", sort=False):
        names = list(dict.fromkeys(rows["level"]))
        for name in names[:1] if len(names) == 2 else names:
            yield (str(variable), name), rows[rows["level"] == name]


def _ratio(values: tuple[float, ...], spread: float) -> float:
    difference = float(values[1] - values[0])
    if spread > 0:
        return difference / float(spread)
    return 0.0 if difference == 0 else float("nan")


def balance_findings(study: Study, cells: Cells, balance: pd.DataFrame) -> Iterator[Finding]:
    """Standardised differences beyond `IMBALANCE`, and how many there are."""
    beyond = balance[balance["standardised"].abs() > IMBALANCE]
    for row in beyond.to_dict("records"):
        name = cells.name(row["variable"], row["level"])
        yield Finding(
            "imbalance",
            UNUSUAL if abs(row["standardised"]) > 2 * IMBALANCE else NOTE,
            f"The arms differ at baseline by {row['standardised']:+.2f} SD in {name}"
            + _reading(study, row["arm"], float(row["standardised"])),
            outcome=row["variable"],
            arm=row["arm"],
            visit=study.baseline_visit or "",
            printed=f"{row['control_value']:.3g} against {row['arm_value']:.3g}",
            expected=f"within ± {IMBALANCE:g} SD",
        )


def _reading(study: Study, arm: str, standardised: float) -> str:
    """What such a difference says: of patients not allocated at random, or of chance.

    The chance is that of a standard normal beyond ``d / sqrt(1/n0 + 1/n1)``, the large-sample
    distribution of a standardised difference between arms that are alike.
    """
    if not study.randomised:
        return "; the study was not randomised."
    n = study.arms["n"].astype(float)
    error = float(np.sqrt(1 / n[study.control] + 1 / n[arm]))
    share = float(special.erfc(abs(standardised) / error / np.sqrt(2)))
    percent = f"{100 * share:.0f} %" if share >= 0.01 else "fewer than 1 %"
    return (
        "; between randomised arms it is sampling error, and arms of this size differ by as much "
        f"in {percent} of studies."
    )
