"""Made-up results of a specification curve, for tests of what is done with them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.specification_curve.curve import Sensitivity, _facts
from bayesasthma.specification_curve.grid import (
    ADJUSTMENTS,
    AdverseChoices,
    Grid,
    TableChoices,
    parse_grid,
)
from bayesasthma.specification_curve.power import COLUMNS
from bayesasthma.specification_curve.run import CURVE_OPTIONS, Choices, FitResult
from bayesasthma.specification_curve.summary import curve_table, ranges, variance_shares
from bayesasthma.study.study import Study

GRID = """
[[block]]
prior = ["weak", "sceptical", "enthusiastic"]
correlation = ["unstructured", "fixed:0.1", "fixed:0.3", "fixed:0.5", "fixed:0.7", "fixed:0.9"]
variance = ["by_arm", "common"]
adjustment = ["adjusted", "change", "difference"]
[[adverse]]
prior = ["weak", "sceptical"]
reading = ["per_visit", "cumulative"]
"""
#: What each value adds to the log odds of benefit.
MOVES = {"sceptical": -1.0, "enthusiastic": 1.0, "common": 0.2, "change": -0.4, "cumulative": 0.3}


def row(study: Study, choices: Choices, outcome: str, visit: str, estimand: str) -> dict:
    adjustment = {value: key for key, value in ADJUSTMENTS.items()}.get(estimand, "")
    odds = 1.0 + sum(MOVES.get(value, 0.0) for value in [*choices.choices().values(), adjustment])
    if isinstance(choices, TableChoices) and choices.correlation.startswith("fixed:"):
        odds += float(choices.correlation.removeprefix("fixed:"))
    p = float(1 / (1 + np.exp(-odds)))
    claimed = outcome not in study.outcomes.index or study.outcomes["direction"][outcome] != 0
    return {
        "outcome": outcome,
        "reaction": outcome,
        "arm": study.treatments[0],
        "visit": visit,
        "estimand": estimand,
        "unit": "points",
        "mean": odds,
        "sd": 1.0,
        "ci_low": odds - 2,
        "ci_high": odds + 2,
        "ci_prob": 0.95,
        "p_benefit": p if claimed else float("nan"),
        "p_benefit_mcse": 0.01,
        "p_positive": p,
        "ess_bulk": 1e7,
        "ess_tail": 900.0,
        "r_hat": 1.002,
        "gate": "pass",
        "retry": "",
    }


def result(study: Study, choices: Choices) -> FitResult:
    if isinstance(choices, AdverseChoices):
        names, estimands = list(dict.fromkeys(study.adverse["reaction"])), ["risk_difference"]
    else:
        names, estimands = list(study.outcomes.index), list(ADJUSTMENTS.values())
    rows = [
        row(study, choices, name, visit, estimand)
        for name in names
        for visit in study.follow_up
        for estimand in estimands
    ]
    seconds = {"compile": 0.0, "fit": 1.0}
    return FitResult(choices, rows, passed=True, seconds=seconds, sampled=len(names))


def curve(study: Study, grid: Grid | None = None) -> Sensitivity:
    grid = grid or parse_grid(GRID)
    results = [result(study, choices) for choices in (*grid.fits, *grid.adverse)]
    table = curve_table(study, grid, results)
    shares = variance_shares(table)
    facts = _facts(study, grid, CURVE_OPTIONS, results)
    power = pd.DataFrame([["act", "OMA_AIT", "week48", "adjusted_difference", 0.01, 0.2, "none"]],
                         columns=COLUMNS)  # fmt: skip
    return Sensitivity(study, table, ranges(table, shares), shares, power, facts)
