"""Tables for a paper: baseline, effects, reactions and comparison, as DOCX, LaTeX and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesasthma.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bayesasthma.reporting.journal.layout import JournalTable
    from bayesasthma.reporting.results import ReanalysisResults
    from bayesasthma.specification_curve import Sensitivity

#: Tables that there are, and the ending of each format's files.
TABLES = ("baseline", "effects", "reactions", "comparison")
ENDINGS = {"docx": "docx", "latex": "tex", "html": "html"}


def journal_tables(
    results: ReanalysisResults, curve: Sensitivity | str = "none"
) -> dict[str, list[JournalTable]]:
    """Every table that the study has something for, by name; several of one name for several arms.

    Parameters
    ----------
    results : ReanalysisResults
        Of a run, or `bayesasthma.reporting.journal.saved_run.load_run`.
    curve : Sensitivity or str
        Adds the range of P(benefit) over the specifications; a string adds nothing.

    Returns
    -------
    dict of str to list of JournalTable
        Names as in ``TABLES``, in that order.
    """
    from bayesasthma.reporting.journal.baseline import baseline_tables
    from bayesasthma.reporting.journal.comparison import comparison_tables
    from bayesasthma.reporting.journal.effects import effect_tables
    from bayesasthma.reporting.journal.reactions import reaction_tables

    made = (
        baseline_tables(results),
        effect_tables(results, curve),
        reaction_tables(results),
        comparison_tables(results),
    )
    return {name: tables for name, tables in zip(TABLES, made, strict=True) if tables}


def at_visit(results: ReanalysisResults, visit: str) -> ReanalysisResults:
    """Results at one visit; ``"last"`` is the last one of each outcome and of each event.

    Raises
    ------
    UsageError
        If the study has no such follow-up visit.
    """
    from dataclasses import replace

    from bayesasthma.results.last_visits import at_last_visit

    study = results.study
    if visit != "last" and visit not in study.follow_up:
        raise UsageError(
            f"no follow-up visit {visit!r} in this study; there are "
            f"{', '.join([*study.follow_up, 'last'])}"
        )
    if visit != "last":
        effects = results.effects[results.effects["visit"] == visit]
        adverse = results.adverse[results.adverse["visit"] == visit]
        return replace(results, effects=effects, adverse=adverse)
    effects, adverse = results.effects, results.adverse
    if len(effects):
        effects = effects[at_last_visit(effects)]
    if len(adverse):
        named = adverse.rename(columns={"reaction": "outcome"})
        adverse = adverse[at_last_visit(named, study)]
    return replace(results, effects=effects, adverse=adverse)


def write_tables(
    tables: dict[str, list[JournalTable]], folder: Path, formats: Sequence[str]
) -> list[Path]:
    """Write each named list of tables to a file a format.

    Parameters
    ----------
    tables : dict
        From `journal_tables`.
    folder : Path
    formats : sequence of {"docx", "latex", "html"}

    Returns
    -------
    list of Path

    Raises
    ------
    UsageError
        If a format is unknown, or its library is not installed.
    BayesAsthmaError
        If the folder cannot be written.
    """
    from bayesasthma._files.output import write_bytes
    from bayesasthma.reporting.journal.markup import TEXTS
    from bayesasthma.reporting.journal.word import word_document

    contents: dict[Path, bytes] = {}
    for format_ in formats:
        if format_ not in ENDINGS:
            raise UsageError(f"unknown format {format_!r}; there are {', '.join(ENDINGS)}")
        for name, own in tables.items():
            if format_ in TEXTS:
                content = TEXTS[format_](name, own).encode()
            else:
                content = word_document(name, own)
            contents[folder / f"{name}.{ENDINGS[format_]}"] = content
    for path, content in contents.items():
        write_bytes([content], path)
    return list(contents)


__all__ = ["ENDINGS", "TABLES", "at_visit", "journal_tables", "write_tables"]
