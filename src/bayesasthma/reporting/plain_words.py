"""What a probability and an effect mean in plain words: one line an outcome, no more than it says.

The words for probabilities are those of one ladder, the same in either direction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesasthma.comparison.quotes import decimals
from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit
from bayesasthma.reporting.wording import number
from bayesasthma.study.study import Study

#: From this probability on, the words.
LADDER = (
    (0.99, "almost certainly"),
    (0.95, "very probably"),
    (0.8, "probably"),
    (0.6, "perhaps"),
)
#: Words of the chance that a benefit exceeds what matters, from each probability on.
MATTERS = (
    (0.95, "and very probably enough to matter"),
    (0.8, "and probably enough to matter"),
    (0.6, "and perhaps enough to matter"),
    (0.4, "and whether enough to matter is open"),
    (0.2, "but perhaps too little to matter"),
    (0.05, "but probably too little to matter"),
    (0.0, "but very probably too little to matter"),
)


def direction_words(p: float, towards: str, away: str) -> str:
    """``very probably better``, or that the direction is open."""
    for limit, words in LADDER:
        if p >= limit:
            return f"{words} {towards}"
        if 1 - p >= limit:
            return f"{words} {away}"
    return f"either {towards} or {away}: the data do not tell"


def effect_line(study: Study, row: pd.Series) -> str:
    """One sentence on an outcome's effect, of a row of ``effects.csv``."""
    name, arm = outcome_name(study, str(row["outcome"])), arm_name(study, str(row["arm"]))
    return (
        f"{name} is {_size(study, row)} with {arm} than with "
        f"{arm_name(study, study.control)}: {_verdict(row)}."
    )


def effect_words(study: Study, row: pd.Series) -> str:
    """The same without names, for a table that has them: ``about 2 points higher: …``."""
    return f"{_size(study, row)}: {_verdict(row)}"


def _size(study: Study, row: pd.Series) -> str:
    mean = float(row["mean"])
    if str(row["estimand"]).endswith("ratio_geometric_means"):
        moved = "higher" if mean > 1 else "lower"
        return f"about {number(100 * abs(mean - 1), 0)} % {moved}"
    unit = pretty_unit(str(study.outcomes["unit"][row["outcome"]]))
    size = number(abs(mean), decimals(float(row["sd"])))
    return f"about {size} {unit} {'higher' if mean > 0 else 'lower'}".replace("  ", " ")


def _verdict(row: pd.Series) -> str:
    if not np.isfinite(row["p_benefit"]):
        words = direction_words(float(row["p_positive"]), "higher", "lower")
        return f"{words}; neither is a benefit as such"
    words = direction_words(float(row["p_benefit"]), "better", "worse")
    beyond = float(row["p_benefit_gt_mcid"])
    if np.isfinite(beyond) and row["p_benefit"] >= LADDER[-1][0]:
        words += ", " + next(text for limit, text in MATTERS if beyond >= limit)
    return words


def event_words(chances: Sequence[float], direction: str) -> str:
    """Words on an event, from the probability under each reading of the counts.

    ``direction`` is that of a benefit: lower, higher or none; without one, the probabilities are
    those of more events.
    """
    towards, away = ("fewer", "more") if direction == "lower" else ("more", "fewer")
    told = list(dict.fromkeys(direction_words(p, towards, away) for p in chances))
    return told[0] if len(told) == 1 else f"{told[0]}; by the other reading {told[1]}"
