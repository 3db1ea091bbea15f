"""External evidence of a study, as the estimates that the prior set ``external`` uses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.study.study import Study

#: What `external.csv` calls the scales of usable estimates.
DIFFERENCE, RATIO, ODDS_RATIO, LOG_ODDS_RATIO = (
    "difference in means",
    "ratio of geometric means",
    "odds ratio",
    "log odds ratio",
)
#: 97.5th percentile of the standard normal, for 95 % intervals.
Z975 = 1.959963984540054


def outcome_evidence(study: Study, outcome: str) -> tuple[float, float] | None:
    """External estimate of a treatment effect and its standard error.

    Of an outcome on its own scale a difference in means, in outcome units; of one on the log scale
    the logarithm of a ratio of geometric means. Several estimates are pooled by inverse variance.
    None if there is no usable estimate.
    """
    table = study.external
    table = table[table["outcome"].fillna("") == outcome]
    log = outcome in study.log_outcomes
    return _pooled(table[table["scale"] == (RATIO if log else DIFFERENCE)], log=log)


def reaction_evidence(study: Study, reaction: str) -> tuple[float, float] | None:
    """External estimate of *minus* the log odds ratio of a reaction and its standard error."""
    table = study.external
    table = table[table["reaction"].fillna("") == reaction]
    found = [
        _each(table[table["scale"] == ODDS_RATIO], log=True),
        _each(table[table["scale"] == LOG_ODDS_RATIO], log=False),
    ]
    pooled = _combine(np.concatenate(found))
    return None if pooled is None else (-pooled[0], pooled[1])


def _pooled(table: pd.DataFrame, *, log: bool) -> tuple[float, float] | None:
    return _combine(_each(table, log=log))


def _each(table: pd.DataFrame, *, log: bool) -> np.ndarray:
    """Estimates and standard errors (row, 2); intervals are taken as 95 %."""
    number = {
        name: pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        for name in ("estimate", "se", "ci_low", "ci_high")
    }
    if log:
        for name in ("estimate", "ci_low", "ci_high"):
            number[name] = np.log(number[name])
    error = (number["ci_high"] - number["ci_low"]) / (2 * Z975)
    # a standard error of a ratio is of the ratio itself unless the scale says log
    own = number["se"] / np.exp(number["estimate"]) if log else number["se"]
    error = np.where(np.isfinite(error), error, own)
    rows = np.stack([number["estimate"], error], axis=-1)
    usable: np.ndarray = rows[np.isfinite(rows).all(axis=-1)]
    return usable


def _combine(rows: np.ndarray) -> tuple[float, float] | None:
    if not len(rows):
        return None
    weight = 1 / rows[:, 1] ** 2
    return float((weight * rows[:, 0]).sum() / weight.sum()), float(weight.sum() ** -0.5)
