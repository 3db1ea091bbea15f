"""What is said of patients who left: how much worse they must have done for a finding to fall."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.inference.fitting import Fit
from bayesasthma.results.missing_patients import BELOW, NEVER
from bayesasthma.results.missing_table import tipping_points
from bayesasthma.results.printed_digits import rounded, supported_decimals
from bayesasthma.results.summaries import format_probability
from bayesasthma.study.left_patients import LeftPatients, left_in_words, left_patients
from bayesasthma.study.study import Study

#: What identifies the rows of one headline.
CELL = ["outcome", "arm", "visit"]


def delta_text(row: pd.Series) -> str:
    """A tipping point to two digits, or fewer where draws carry fewer: ``3.1 points (1.2 SD)``."""
    delta, scale = float(row["delta"]), float(row["delta_sd"])
    places = supported_decimals(float(row["delta_mcse"]), _two_digits(delta))
    in_sds = supported_decimals(float(row["delta_mcse"]) * scale / delta, _two_digits(scale))
    unit = f" {row['unit']}" if row["unit"] else ""
    return f"{rounded(delta, places)}{unit} ({rounded(scale, in_sds)} SD)"


def tipping_level(rows: pd.DataFrame) -> float | None:
    """The highest level that P(benefit) reaches if leavers are like those who stayed."""
    reached = rows.loc[rows["status"] != BELOW, "level"]
    return float(reached.max()) if len(reached) else None


def tipping_sentence(study: Study, left: LeftPatients, rows: pd.DataFrame) -> str:
    """Who is missing from one headline, and what would make it fall.

    Parameters
    ----------
    study : Study
    left : LeftPatients
    rows : DataFrame
        Rows of ``missing_tipping.csv`` of one outcome, arm and visit.
    """
    first = rows.iloc[0]
    arm, control = (str(study.arms["label"][name]) for name in (first["arm"], study.control))
    where = (str(first[name]) for name in ("outcome", "visit", "arm"))
    lead = f"Not in this mean are {left_in_words(study, left, *where)}."
    level = tipping_level(rows)
    if level is None:
        least = float(rows["level"].min())
        return f"{lead} P(benefit) is below {least:g} even if they were like those who stayed."
    own = {row["scenario"]: row for _, row in rows[rows["level"] == level].iterrows()}
    treated, opposed, both = own["treated"], own["opposed"], own["both"]
    if opposed["status"] == NEVER:
        return lead
    falls = f"P(benefit) would fall below {level:g} only if"
    if treated["status"] == NEVER:
        how = f"those who left {control} did better than those who stayed by {_shown(opposed)}"
        return f"{lead} {falls} {how}; nobody left {arm}."
    text = (
        f"{lead} {falls} those who left {arm} did worse than those who stayed by {_shown(treated)}"
    )
    if float(first["left_control"]) > 0:
        text += f", or by {_shown(opposed)} if those who left {control} did better by as much"
        text += (
            "; leavers of both arms worse alike never bring it there"
            if both["status"] == NEVER
            else f"; of both arms worse alike, by {_shown(both)}"
        )
    return f"{text}."


def missing_sentences(fit: Fit, asked: LeftPatients | str | None) -> dict[tuple[str, ...], str]:
    """The sentence of every headline with a direction, by outcome, arm, visit and estimand.

    Raises
    ------
    UsageError
        As :func:`bayesasthma.study.left_patients.left_patients`.
    """
    left = asked if isinstance(asked, LeftPatients) else left_patients(fit.study, asked)
    if left is None:
        return {}
    table = tipping_points(fit, left)
    return {
        (*(str(part) for part in key), str(rows["estimand"].iloc[0])): tipping_sentence(
            fit.study, left, rows
        )
        for key, rows in table.groupby(CELL, sort=False)
    }


def _shown(row: pd.Series) -> str:
    if not row["beyond_scale"]:
        return delta_text(row)
    most = float(row["largest_delta"])
    unit = f" {row['unit']}" if row["unit"] else ""
    limit = f"{rounded(most, _two_digits(most))}{unit}"
    return f"{delta_text(row)}, more than the scale allows ({limit})"


def _two_digits(value: float) -> int:
    """Decimals that show two significant digits."""
    return int(1 - np.floor(np.log10(value))) if np.isfinite(value) and value > 0 else 2


def p_text(row: pd.Series) -> str:
    """P(benefit) if leavers are like those who stayed."""
    return format_probability(float(row["p_benefit"]), float(row["p_benefit_mcse"]))
