"""The frequentist estimate behind every cell, printed p or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bayesasthma.auditing.candidates import Pair, student_each, t_of_each, welch_each
from bayesasthma.auditing.subjects import Cells
from bayesasthma.frequentist import (
    benjamini_hochberg,
    compound_symmetry,
    holm,
    repeated_measures_anova,
)

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

CONTRAST_COLUMNS = [
    "outcome",
    "visit",
    "arm",
    "difference",
    "se",
    "df",
    "t",
    "p",
    "p_low",
    "p_high",
    "ci_low",
    "ci_high",
    "p_welch",
    "p_welch_low",
    "p_welch_high",
    "q_bh",
    "q_holm",
]
# Correlations at which the repeated-measures analysis is shown; most papers print none.
CORRELATIONS = (0.2, 0.4, 0.6, 0.8)


def contrast_table(study: Study, cells: Cells) -> pd.DataFrame:
    """Each treatment against the control, per outcome and visit, by Student's and Welch's t.

    Parameters
    ----------
    study : Study
        The bundle.
    cells : Cells
        Its table.

    Returns
    -------
    DataFrame
        `difference` (treatment − control, in the outcome's unit), `se`, `df`, `t`, `p` and the 95 %
        interval by Student's t; `p_low` to `p_high` is the range that rounding allows; `q_bh` and
        `q_holm` adjust `p` over all follow-up visits, outcomes and treatments (missing at
        baseline). Cells with a missing number have no row.
    """
    keys: list[tuple[str, str, str]] = []
    pairs: list[Pair] = []
    for outcome in study.outcomes.index:
        for visit in cells.visits:
            for arm in study.treatments:
                groups = cells.groups(outcome, [study.control, arm], visit)
                if groups is not None:
                    keys.append((outcome, visit, arm))
                    pairs.append((groups.groups[0], groups.groups[1]))
    t = t_of_each(pairs) if pairs else None
    rows = [
        {
            **dict(zip(("outcome", "visit", "arm"), key, strict=True)),
            **{
                name: float(getattr(t, name)[i])
                for name in ("difference", "se", "df", "t", "p", "ci_low", "ci_high")
            },
            "p_low": pooled.low,
            "p_high": pooled.high,
            "p_welch": unequal.p,
            "p_welch_low": unequal.low,
            "p_welch_high": unequal.high,
        }
        for i, (key, pooled, unequal) in enumerate(
            zip(keys, student_each(pairs), welch_each(pairs), strict=True)
        )
    ]
    frame = pd.DataFrame(rows, columns=CONTRAST_COLUMNS)
    follow_up = frame["visit"] != study.baseline_visit
    p = frame.loc[follow_up, "p"].to_numpy(dtype=float)
    frame["q_bh"], frame["q_holm"] = float("nan"), float("nan")
    if len(p):
        frame.loc[follow_up, "q_bh"] = benjamini_hochberg(p)
        frame.loc[follow_up, "q_holm"] = holm(p)
    return frame


def anova_table(study: Study, cells: Cells) -> pd.DataFrame:
    """Repeated-measures analysis of variance per outcome, at several assumed correlations.

    Returns
    -------
    DataFrame
        One row per outcome, correlation and effect (arm, time, interaction): `f`, `df1`, `df2`,
        `p`, Greenhouse–Geisser `epsilon` and `p_gg`. Outcomes with a missing cell, or a number of
        patients that changes between visits, have no rows.
    """
    rows = []
    for outcome in study.outcomes.index:
        series = [[cells.get(outcome, arm, v) for v in cells.visits] for arm in cells.arms]
        whole = [[c for c in row if c is not None] for row in series]
        complete = len(cells.visits) > 1 and all(len(row) == len(cells.visits) for row in whole)
        if not complete or any(len({c.n for c in row}) > 1 for row in whole):
            continue
        means = [[float(c.mean.value) for c in row] for row in whole]
        sds = [[float(c.sd.value) for c in row] for row in whole]
        for rho in CORRELATIONS:
            matrix = compound_symmetry(rho, len(cells.visits))
            result = repeated_measures_anova(means, sds, [row[0].n for row in whole], matrix)
            for name in ("arm", "time", "interaction"):
                effect = getattr(result, name)
                if effect is not None:
                    rows.append(
                        {
                            "outcome": outcome,
                            "correlation": rho,
                            "effect": name,
                            "f": effect.f,
                            "df1": effect.df1,
                            "df2": effect.df2,
                            "p": effect.p,
                            "epsilon": effect.epsilon,
                            "p_gg": effect.p_gg,
                        }
                    )
    columns = ["outcome", "correlation", "effect", "f", "df1", "df2", "p", "epsilon", "p_gg"]
    return pd.DataFrame(rows, columns=columns)
