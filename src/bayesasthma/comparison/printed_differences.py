"""Differences between arms as printed, beside those of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bayesasthma.study.study import Study

COLUMNS = [
    "outcome", "arm", "visit", "adjusted_for", "method",
    "printed", "printed_low", "printed_high", "ci_prob", "printed_se",
    "model", "prior", "estimand", "mean", "sd", "ci_low", "ci_high",
    "distance", "sd_ratio",
]  # fmt: skip
#: Models whose effects stand beside a printed difference, the first that a run has.
MODELS = ("longitudinal", "independent")
#: What an unadjusted difference is compared with; all else with the baseline-adjusted difference.
UNADJUSTED = {"none": "difference"}


def printed_differences(study: Study, effects: pd.DataFrame) -> pd.DataFrame:
    """Every row of ``differences.csv`` with the posterior of the same contrast.

    Parameters
    ----------
    study : Study
    effects : DataFrame
        Rows of ``effects.csv``, of one or several fits.

    Returns
    -------
    DataFrame
        ``printed`` with its interval and standard error (from the interval by normal quantiles
        where none is printed), in the outcome's unit; ``mean, sd, ci_low, ci_high`` of the
        ``estimand`` under ``model`` and ``prior``, the first of `MODELS` that has it; ``distance``
        = (mean − printed) / printed_se and ``sd_ratio`` = sd / printed_se. A difference adjusted
        for more than the baseline stands beside the baseline-adjusted one. Missing where no fit
        has the contrast; a geometric mean's differences are of logarithms.
    """
    rows = []
    for row in study.differences.to_dict("records"):
        z = float(special.ndtri(0.5 + row["ci_prob"] / 2))
        se = float(row["se"])
        se = se if np.isfinite(se) else (row["ci_high"] - row["ci_low"]) / (2 * z)
        ends = [row["ci_low"], row["ci_high"]]
        if not np.isfinite(ends).all():
            ends = [row["estimate"] - z * se, row["estimate"] + z * se]
        own = _ours(row, effects)
        rows.append(
            {name: row[name] for name in ("outcome", "arm", "visit", "adjusted_for", "method")}
            | {"printed": row["estimate"], "printed_low": ends[0], "printed_high": ends[1]}
            | {"ci_prob": row["ci_prob"], "printed_se": se}
            | own
            | {"distance": (own["mean"] - row["estimate"]) / se, "sd_ratio": own["sd"] / se}
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _ours(row: dict[Any, Any], effects: pd.DataFrame) -> dict[str, Any]:
    numbers = ("mean", "sd", "ci_low", "ci_high")
    wanted = UNADJUSTED.get(str(row["adjusted_for"]), "adjusted_difference")
    same = effects
    for name in ("outcome", "arm", "visit"):
        same = same[same[name] == row[name]]
    for model in MODELS:
        of_model = same[same["model"] == model]
        # a model of single visits has the difference in means alone
        for estimand in dict.fromkeys((wanted, "difference")):
            found = of_model[of_model["estimand"] == estimand]
            if len(found):
                first = found.iloc[0]
                texts = {name: str(first[name]) for name in ("model", "prior", "estimand")}
                return texts | {name: float(first[name]) for name in numbers}
    return dict.fromkeys(("model", "prior", "estimand"), "") | dict.fromkeys(numbers, np.nan)
