"""One sentence about one effect, in words that its probability and its interval bear."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.comparison.phrases import term
from bayesasthma.inference.fitting import Fit
from bayesasthma.results.effect_table import DESCRIPTIONS
from bayesasthma.results.summaries import format_probability

#: Contrasts of means that can be said to be higher or lower in one arm than in the other.
CONTRASTS = {
    "adjusted_difference": "adjusted for baseline",
    "difference": "not adjusted for baseline",
    "difference_in_change": "difference in change from baseline",
    "area_under_follow_up": "adjusted for baseline, averaged over the follow-up",
}


def sentence(row: pd.Series, fit: Fit, effect: str) -> str:
    """The sentence.

    Parameters
    ----------
    row : Series
        Of :func:`bayesasthma.results.effect_table.effects`.
    fit : Fit
    effect : str
        Estimate and interval as text.
    """
    study = fit.study
    label = str(study.outcomes.loc[row["outcome"], "label"])
    visit = str(study.visits.loc[row["visit"], "label"])
    arm, control = (str(study.arms.loc[name, "label"]) for name in (row["arm"], study.control))
    null = 1.0 if row["unit"] == "ratio" else 0.0
    open_ = bool(row["ci_low"] < null < row["ci_high"])
    how = CONTRASTS.get(str(row["estimand"]))
    if how is not None and open_:
        text = (
            f"At {visit} the data on {label} are compatible with no effect of {arm} against "
            f"{control}: the difference is {effect}, {how}"
        )
    elif how is not None:
        side = "higher" if row["mean"] > null else "lower"
        text = (
            f"At {visit}, {label} is {side} with {arm} than with {control}: the difference is "
            f"{effect}, "
            f"{how}"
        )
    else:
        who = f"{arm}" if "within" in DESCRIPTIONS[row["estimand"]] else f"{arm} against {control}"
        text = f"{label} at {visit}, {who}: {DESCRIPTIONS[row['estimand']]} {effect}"
        if open_ and row["estimand"] != "share_improved":
            text += ", with which no effect is compatible as well"
    text += f"; {_probability(row)}, given the prior {fit.prior}"
    if row["gate"] != "pass":
        text += "; the fit FAILS its diagnostics gate"
    return f"{text}."


def _probability(row: pd.Series) -> str:
    mcse = float(row["p_benefit_mcse"])
    p = float(row["p_benefit"])
    if np.isfinite(p):
        return f"a benefit is {term(p)} (posterior probability {format_probability(p, mcse)})"
    p, ess = float(row["p_positive"]), float(row["ess_bulk"])
    smoothed = (p * ess + 0.5) / (ess + 1)
    shown = format_probability(p, float(np.sqrt(smoothed * (1 - smoothed) / ess)))
    claim = f"a higher value is {term(p)} (posterior probability {shown})"
    return f"{claim}, and no direction is a benefit"
