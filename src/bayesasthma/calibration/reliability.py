"""How often a claim was true of the studies in which it was quoted with some probability."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from bayesasthma.calibration.quantities import KEPT
from bayesasthma.calibration.tabulation import share_with_interval

#: Quantities that are 1 where a claim is true and 0 where not, and what the package quotes of them.
CLAIMS = {
    "benefit": "P(benefit)",
    "benefit_gt_mcid": "P(benefit > MCID)",
    "all_improve:primary": "P(all primary outcomes improve)",
    "all_improve_by_mcid:primary": "P(all primary outcomes improve by the MCID)",
    "all_improve:directed": "P(all outcomes with a direction improve)",
    "all_improve_by_mcid:directed": "P(all with a direction improve by the MCID)",
}
#: Probabilities between which studies are counted together.
LIMITS = (0.0, 0.025, 0.2, 0.5, 0.8, 0.975, 1.0)
COLUMNS = [
    "case", "claim", "subject", "probability_from", "probability_to", "studies",
    "quoted", "mcse", "true", "true_low", "true_high",
]  # fmt: skip


def reliability_table(case: str, names: list[str], values: np.ndarray) -> pd.DataFrame:
    """Share of true claims by their posterior probability, at the last visit (Dawid 1982).

    A calibrated probability is right as often as it says: of claims quoted with 0.9, nine in ten
    are true (J Am Stat Assoc 77:605).

    Parameters
    ----------
    case : str
    names : list of str
    values : ndarray, shape (quantity, replicate, len(KEPT))
        As :func:`bayesasthma.calibration.tabulation.rank_table` takes them.

    Returns
    -------
    DataFrame
        Columns ``COLUMNS``, one row per claim, ``subject`` (a reaction, or empty) and interval of
        probabilities, its upper end excluded but for 1. ``quoted`` is the mean of the posterior
        probabilities and ``mcse`` the root mean square of their Monte Carlo errors, ``true`` the
        share of true claims, with its 95 % Clopper-Pearson interval; NaN where no study has such a
        probability.
    """
    field = {name: k for k, name in enumerate(KEPT)}
    rows = []
    for claim, subject, number in _last_visits(names):
        own = values[number].astype(float)
        own = own[np.isfinite(own[:, field["truth"]])]
        quoted, true = own[:, field["mean"]], own[:, field["truth"]]
        error = quoted * (1 - quoted) / own[:, field["ess"]]
        for low, high in pairwise(LIMITS):
            inside = (quoted >= low) & ((quoted < high) | (high == LIMITS[-1]))
            count, right = int(inside.sum()), int(true[inside].sum())
            share, share_low, share_high = share_with_interval(right, count)
            rows.append(
                {
                    "case": case,
                    "claim": claim,
                    "subject": subject,
                    "probability_from": low,
                    "probability_to": high,
                    "studies": count,
                    "quoted": quoted[inside].mean() if count else np.nan,
                    "mcse": np.sqrt(error[inside].mean()) if count else np.nan,
                    "true": share,
                    "true_low": share_low,
                    "true_high": share_high,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def read_reliability(path: Path) -> pd.DataFrame:
    """The table as written; empty if there is none."""
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(path, dtype={"subject": str}).fillna({"subject": ""})


def claim_title(claim: str, subject: str) -> str:
    """A claim in words."""
    return ", ".join([CLAIMS[claim], *([subject.replace("_", " ")] if subject else [])])


def limits(table: pd.DataFrame) -> list[str]:
    """The intervals of probabilities of a table, in words."""
    bounds = zip(table["probability_from"], table["probability_to"], strict=True)
    return [f"{low:g} to {high:g}" for low, high in dict.fromkeys(bounds)]


def share_true(row: pd.Series) -> str:
    """The share of true claims with its interval and the number of studies; a dash for none."""
    if not row["studies"]:
        return "–"
    low, high = (f"{100 * row[name]:.0f}" for name in ("true_low", "true_high"))
    return f"{100 * row['true']:.1f} % ({low} to {high}; {row['studies']})"


def _last_visits(names: list[str]) -> list[tuple[str, str, int]]:
    """Claim, subject and position of every claim about the last visit."""
    found = []
    for number, name in enumerate(names):
        parts = re.fullmatch(r"([^\[]+)\[(?:(.*), )?([^,\]]+)\]", name)
        if parts and parts[1] in CLAIMS:
            found.append((parts[1], parts[2] or "", parts[3], number))
    last = found[-1][2] if found else ""
    return [(claim, subject, number) for claim, subject, visit, number in found if visit == last]
