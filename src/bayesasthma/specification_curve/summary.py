"""From fits to the tables of a curve: every specification, ranges, and which choice moves what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.specification_curve.grid import (
    ADJUSTMENTS,
    AdverseChoices,
    Grid,
    Specification,
)
from bayesasthma.specification_curve.run import FitResult
from bayesasthma.specification_curve.study_grid import (
    default_for,
    repeated_outcomes,
    repeated_reactions,
)
from bayesasthma.study.study import Study

#: The choices of table fits and of adverse fits, in the order that figures show them.
TABLE_CHOICES = (
    "model", "prior", "correlation", "variance", "rounding", "scale", "dispersion", "baseline",
    "adjustment",
)  # fmt: skip
ADVERSE_CHOICES = ("model", "prior", "reading")
CHOICES = (*TABLE_CHOICES, "reading")
#: What a sentence calls each choice.
CHOICES_IN_WORDS = {
    "model": "the model",
    "prior": "the prior",
    "correlation": "the within-patient correlation",
    "variance": "one SD for all arms or one for each",
    "rounding": "whether rounding is modelled",
    "scale": "the scale",
    "dispersion": "reading the dispersions as SD or SE",
    "baseline": "whether the arms' baseline means are taken as equal",
    "adjustment": "the baseline adjustment",
    "reading": "the reading of the counts",
}
QUANTITY = ["kind", "outcome", "arm", "visit"]
COLUMNS = [
    "study", *QUANTITY, "week", "specification", "default", *CHOICES,
    "estimand", "unit", "mean", "sd", "ci_low", "ci_high", "ci_prob",
    "p_benefit", "p_benefit_mcse", "p_positive", "p_benefit_gt_mcid",
    "ess_bulk", "ess_tail", "r_hat", "gate", "retry",
]  # fmt: skip
SHARE_COLUMNS = [*QUANTITY, "choice", "share", "lowest", "highest"]
RANGE_COLUMNS = [
    *QUANTITY, "probability", "specifications", "failed", "p_default", "p_low", "p_high",
    "lowest", "highest", "moved_most_by", "share", "p_low_held", "p_high_held",
]  # fmt: skip

DEFAULT = Specification()
DEFAULT_ADVERSE = AdverseChoices()


def curve_table(study: Study, grid: Grid, results: Sequence[FitResult]) -> pd.DataFrame:
    """One row per specification, outcome (or reaction), treated arm and follow-up visit.

    Parameters
    ----------
    study : Study
    grid : Grid
    results : sequence of FitResult

    Returns
    -------
    DataFrame
        The columns of ``sensitivity.csv``; see ``docs/columns.md``. A choice that leaves an outcome
        as it is (the log scale of one that does not suit it, external evidence that does not
        exist) has no row for it, since that would repeat another row.
    """
    by_fit: dict[Any, FitResult] = {result.choices: result for result in results}
    rows: list[dict[str, Any]] = []
    defaults = (default_for(study), DEFAULT_ADVERSE)
    items: list[Specification | AdverseChoices] = [*grid.specifications, *grid.adverse]
    for number, item in enumerate(items, start=1):
        fit = item if isinstance(item, AdverseChoices) else item.fit
        result = by_fit[fit]
        shared = {
            "study": study.name,
            "specification": number,
            "default": item in defaults,
            **item.choices(),
        }
        if isinstance(item, AdverseChoices):
            repeated = repeated_reactions(study, item)
            rows += [
                {**row, **shared, "kind": "reaction", "outcome": row["reaction"]}
                for row in result.rows
                if row["reaction"] not in repeated
            ]
        else:
            estimand, repeated = ADJUSTMENTS[item.adjustment], repeated_outcomes(study, item.fit)
            rows += [
                {**row, **shared, "kind": "outcome"}
                for row in result.rows
                if row["estimand"] == estimand and row["outcome"] not in repeated
            ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = COLUMNS[COLUMNS.index("mean") : COLUMNS.index("gate")]
    table[numbers] = table[numbers].astype(float)
    week = table["visit"].map(study.visits["week"].to_dict())
    return table.assign(week=week.astype(float))


def probability(table: pd.DataFrame) -> pd.Series:
    """P(benefit), or P(higher) where no direction is claimed as a benefit."""
    return table["p_benefit"].fillna(table["p_positive"])


def log_odds(table: pd.DataFrame) -> pd.Series:
    """Log odds of :func:`probability`, moved off 0 and 1 by half a draw (Jeffreys)."""
    p, size = probability(table), table["ess_bulk"].clip(lower=1)
    p = (p * size + 0.5) / (size + 1)
    values: pd.Series = np.log(p) - np.log1p(-p)
    return values


def variance_shares(table: pd.DataFrame) -> pd.DataFrame:
    """How much of the spread of each conclusion over the curve each choice accounts for.

    The log odds of benefit of the specifications that pass the gate are regressed on the choices
    as factors (main effects). A choice's share is what the residual sum of squares grows by when it
    is left out (type II; Fox 2016, Applied Regression Analysis, 8.2), over the total sum of
    squares. In a fully crossed grid the shares are those of the classical analysis of variance
    (first-order Sobol indices); what is missing to 1 are interactions and Monte Carlo error.

    Returns
    -------
    DataFrame
        ``kind, outcome, arm, visit, choice, share, lowest, highest``: the values of the choice with
        the lowest and the highest adjusted log odds of benefit. Largest share first.
    """
    rows: list[dict[str, Any]] = []
    for key, group in _groups(table):
        found = first_order_shares(log_odds(group), group[_varied(group)])
        rows += [dict(zip(QUANTITY, key, strict=True)) | item for item in found]
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)


def first_order_shares(values: pd.Series, choices: pd.DataFrame) -> list[dict[str, Any]]:
    """Type II shares of the variance of ``values`` by each column of ``choices``, largest first.

    Parameters
    ----------
    values : Series (specification,)
    choices : DataFrame (specification, choice)
        Factors as text, each with at least two values.
    """
    y = values.to_numpy(dtype=float)
    total = float(np.sum((y - y.mean()) ** 2))
    coded = {
        str(name): pd.get_dummies(choices[name], drop_first=True, dtype=float)
        for name in choices.columns
    }
    one = np.ones((len(y), 1))

    def fitted(names: list[str]) -> tuple[float, np.ndarray]:
        design = np.hstack([one, *(coded[name].to_numpy() for name in names)])
        coefficients, *_ = np.linalg.lstsq(design, y)
        return float(np.sum((y - design @ coefficients) ** 2)), coefficients

    names = list(coded)
    residual, coefficients = fitted(names)
    found, position = [], 1
    for name in names:
        others, _ = fitted([other for other in names if other != name])
        width = coded[name].shape[1]
        levels = [*sorted(set(choices[name]) - set(coded[name].columns)), *coded[name].columns]
        effects = np.concatenate([[0.0], coefficients[position : position + width]])
        position += width
        found.append(
            {
                "choice": name,
                "share": max(0.0, others - residual) / total if total > 0 else 0.0,
                "lowest": str(levels[int(np.argmin(effects))]),
                "highest": str(levels[int(np.argmax(effects))]),
            }
        )
    return sorted(found, key=lambda item: -float(item["share"]))


def ranges(table: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Range of the probability of benefit over the specifications that pass the gate.

    Parameters
    ----------
    table : DataFrame
        From :func:`curve_table`.
    shares : DataFrame
        From :func:`variance_shares`.

    Returns
    -------
    DataFrame
        One row per outcome (or reaction), arm and visit. ``probability`` is ``benefit`` or, where
        no direction is one, ``higher``; ``p_default`` is the default specification's; ``lowest``
        and ``highest`` tell the choices of the extremes that differ from the default.
        ``p_low_held`` to ``p_high_held`` is the range that is left when the choice that moves the
        conclusion most is held at the default.
    """
    most = {
        tuple(str(row[name]) for name in QUANTITY): row
        for _, row in shares.drop_duplicates(QUANTITY).iterrows()
    }
    keys = table[QUANTITY].astype(str).agg(tuple, axis=1)
    failed = keys[table["gate"] != "pass"].value_counts().to_dict()
    rows: list[dict[str, Any]] = []
    for key, group in _groups(table):
        p = probability(group)
        default = p[group["default"].astype(bool)]
        base = default_choices(group)
        top, low, high = most.get(key), int(p.argmin()), int(p.argmax())
        moved = "" if top is None else str(top["choice"])
        held = p if top is None else p[group[moved] == base[moved]]
        rows.append(
            {
                **dict(zip(QUANTITY, key, strict=True)),
                "probability": "benefit" if group["p_benefit"].notna().all() else "higher",
                "specifications": len(group),
                "failed": int(failed.get(key, 0)),
                "p_default": float(default.iloc[0]) if len(default) else np.nan,
                "p_low": float(p.min()),
                "p_high": float(p.max()),
                "lowest": differences(group.iloc[low], base),
                "highest": differences(group.iloc[high], base),
                "moved_most_by": moved,
                "share": np.nan if top is None else float(top["share"]),
                "p_low_held": float(held.min()),
                "p_high_held": float(held.max()),
            }
        )
    return pd.DataFrame(rows, columns=RANGE_COLUMNS)


def default_choices(group: pd.DataFrame) -> dict[str, str]:
    """Choices of the default among some specifications, or the package's if it is not there."""
    base = (DEFAULT_ADVERSE if group["kind"].iloc[0] == "reaction" else DEFAULT).choices()
    own = group[group["default"].astype(bool)]
    return {name: str(own[name].iloc[0]) for name in base} if len(own) else base


def differences(row: pd.Series, base: dict[str, str]) -> str:
    """The choices of a specification that differ from ``base``, as text."""
    own = [f"{name} {row[name]}" for name, value in base.items() if row[name] != value]
    return ", ".join(own) or "default"


def _groups(table: pd.DataFrame) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Specifications that pass the gate, by quantity, in order of appearance."""
    passed: Any = table[table["gate"] == "pass"]
    return [
        (tuple(str(part) for part in key), group)
        for key, group in passed.groupby(QUANTITY, sort=False)
    ]


def _varied(group: pd.DataFrame) -> list[str]:
    names = ADVERSE_CHOICES if group["kind"].iloc[0] == "reaction" else TABLE_CHOICES
    return [name for name in names if len(set(group[name])) > 1]


def rho_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that differ from the default in a fixed correlation alone, with it as ``rho``."""
    base = {k: v for k, v in DEFAULT.choices().items() if k != "correlation"}
    same = (table[list(base)] == pd.Series(base)).all(axis=1) & (table["kind"] == "outcome")
    fixed = table["correlation"].astype(str).str.startswith("fixed:")
    chosen = table[same & fixed]
    return chosen.assign(rho=chosen["correlation"].str.removeprefix("fixed:").astype(float))
