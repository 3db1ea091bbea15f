"""The report's section on patients who left: what their outcomes would have to be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesasthma import plots
from bayesasthma.comparison.missing_sentences import delta_text, p_text, tipping_sentence
from bayesasthma.plots.style import arm_name, outcome_name, pretty_unit, visit_name
from bayesasthma.reporting.captioned_figure import Drawing, draw
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import main_fit
from bayesasthma.reporting.wording import estimate, listed
from bayesasthma.results.last_visits import at_last_visit
from bayesasthma.results.leaver_cells import REFERENCE_BASED
from bayesasthma.results.missing_patients import BELOW, NEVER
from bayesasthma.results.missing_table import STAYED, missing_patients, tipping_points
from bayesasthma.study.left_patients import (
    OF_THE_FILE,
    OF_THE_TABLE,
    STATED,
    LeftPatients,
    left_in_words,
)
from bayesasthma.study.study import Study

#: Where the numbers come from, in words.
SOURCES = {
    OF_THE_TABLE: "from the numbers of patients in the table",
    OF_THE_FILE: "from missing.csv",
    STATED: "as stated with --missing",
}


@dataclass(frozen=True)
class MissingPart:
    """What the section prints of one treated arm, each outcome at its last visit.

    Attributes
    ----------
    who : str
        ``A against B``.
    arm : str
    sentences : list of (str, str)
        Outcome with its visit, and what would make its finding fall.
    tipping : list of list of str
        Outcome, unit, who left, P(benefit) if like those who stayed, then by level the tipping
        point of leavers of the treated arm.
    levels : list of str
    reference : list of list of str
        Outcome, unit, then the effect with its interval by assumption.
    assumptions : list of str
    """

    who: str
    arm: str
    sentences: list[tuple[str, str]]
    tipping: list[list[str]]
    levels: list[str]
    reference: list[list[str]]
    assumptions: list[str]


@dataclass(frozen=True)
class MissingSection:
    """The section: where its numbers come from, what means are of, and a part per treated arm."""

    source: str
    of_patients: bool
    parts: list[MissingPart]


def with_missing(results: ReanalysisResults, left: LeftPatients | None) -> ReanalysisResults:
    """The results with their tables on patients who left, if anybody did."""
    fit = main_fit(results)
    if left is None or fit is None:
        return results
    table, tipping = missing_patients(fit, left), tipping_points(fit, left)
    return replace(results, left=left, missing=table, tipping=tipping)


def missing_section(results: ReanalysisResults) -> MissingSection | None:
    """The section; None if nobody left."""
    left, study = results.left, results.study
    if left is None or results.missing.empty:
        return None
    parts = [_part(results, left, arm) for arm in study.treatments]
    return MissingSection(
        SOURCES[left.source],
        study.patients is not None,
        [part for part in parts if part.reference],
    )


def _part(results: ReanalysisResults, left: LeftPatients, arm: str) -> MissingPart:
    study = results.study
    table, tipping = _last(results.missing, arm), _last(results.tipping, arm)
    groups = [rows for _, rows in tipping.groupby("outcome", sort=False)]
    levels = sorted(tipping["level"].unique(), reverse=True) if len(tipping) else []
    return MissingPart(
        f"{arm_name(study, arm)} against {arm_name(study, study.control)}",
        arm_name(study, arm),
        [_sentence(study, left, rows) for rows in groups],
        [_tipping_row(study, left, rows, levels) for rows in groups],
        [f"{level:g}" for level in levels],
        [
            [*_subject(study, rows.iloc[0]), *_assumed(rows)]
            for _, rows in table.groupby("outcome", sort=False)
        ],
        [STAYED, *REFERENCE_BASED],
    )


def _last(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    own = table[table["arm"] == arm]
    return own[at_last_visit(own)] if len(own) else own


def _name(study: Study, row: pd.Series) -> str:
    return f"{outcome_name(study, str(row['outcome']))}, {visit_name(study, str(row['visit']))}"


def _sentence(study: Study, left: LeftPatients, rows: pd.DataFrame) -> tuple[str, str]:
    raised = rows.assign(unit=[pretty_unit(str(unit)) for unit in rows["unit"]])
    return _name(study, rows.iloc[0]), tipping_sentence(study, left, raised)


def _subject(study: Study, row: pd.Series) -> list[str]:
    return [_name(study, row), pretty_unit(str(row["unit"]))]


def _tipping_row(
    study: Study, left: LeftPatients, rows: pd.DataFrame, levels: list[float]
) -> list[str]:
    first = rows.iloc[0]
    who = left_in_words(study, left, *(str(first[k]) for k in ("outcome", "visit", "arm")))
    own = {row["level"]: row for _, row in rows[rows["scenario"] == "treated"].iterrows()}
    cells = [_tipping_cell(own[level]) for level in levels]
    return [*_subject(study, first), who, p_text(first), *cells]


def _tipping_cell(row: pd.Series) -> str:
    if row["status"] in (NEVER, BELOW):
        return str(row["status"])
    text = delta_text(row.copy().where(row.index != "unit", ""))
    return f"{text}, beyond the scale" if row["beyond_scale"] else text


def _assumed(rows: pd.DataFrame) -> list[str]:
    by = {row["scenario"]: row for _, row in rows.iterrows()}
    return [estimate(by[name]) if name in by else "–" for name in (STAYED, *REFERENCE_BASED)]


def attrition_text(study: Study, left: LeftPatients | None) -> tuple[str, str] | None:
    """The limitation of a study that patients left; None if nobody did."""
    if left is None:
        return None
    of = (
        "Their values are taken as missing at random, given those seen."
        if study.patients is not None
        else "The means are of those still there, and the effects are read as if the others had "
        "done alike: no table of available cases can show otherwise."
    )
    return (
        "Patients who left",
        (
            f"Up to {shares_in_words(study, left)} are not in a mean ({SOURCES[left.source]}). "
            f"{of} How much worse they would have had to do is in the section on patients who left."
        ),
    )


def shares_in_words(study: Study, left: LeftPatients) -> str:
    """Largest share of every arm that is in no mean: ``6 % of AIT and 21 % of Omalizumab``."""
    share = left.share.max(["outcome", "visit"])
    return listed(
        [
            f"{100 * float(share.sel(arm=arm)):.0f} % of {arm_name(study, str(arm))}"
            for arm in study.arms.index
        ]
    )


def missing_drawings(results: ReanalysisResults) -> list[Drawing]:
    """The section's figures, one per treated arm that has a direction of benefit to judge."""
    fit, left, study = main_fit(results), results.left, results.study
    if fit is None or left is None or results.tipping.empty:
        return []
    found = []
    for arm in study.treatments:
        tipping = _last(results.tipping, arm)
        if tipping.empty:
            continue
        suffix = "" if len(study.treatments) == 1 else f"_{arm}"
        levels = ", ".join(f"{level:g}" for level in np.sort(tipping["level"].unique()))
        found.append(
            draw(
                f"tipping{suffix}",
                "missing",
                "P(benefit) of every outcome over how much worse those who left did.",
                f"{arm_name(study, arm)} against {arm_name(study, study.control)}, last visit of "
                "each outcome: P(benefit) over all who started, by how much worse those who left "
                f"did than those who stayed. Dots: where it falls below {levels} (grey lines). At "
                "0 they are alike.",
                plots.tipping_curves,
                fit,
                left,
                tipping,
                arm,
            )
        )
    return found
