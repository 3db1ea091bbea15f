"""The report of a run: one self-contained page, a summary in Markdown and the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bayesasthma.reporting.results import ReanalysisResults


def write_report(results: ReanalysisResults, folder: Path) -> list[Path]:
    """Write ``report.html``, ``summary.md`` and ``figures/*.png``; remove figures of earlier runs.

    Every file is written beside its place and then moved there, so that a reader never meets half
    a report.

    Parameters
    ----------
    results : ReanalysisResults
    folder : Path

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    BayesAsthmaError
        If the folder cannot be written.
    """
    # matplotlib and Jinja are slow to import, and the results object beside this is not
    from bayesasthma.reporting.writing import write

    return write(results, folder)


__all__ = ["write_report"]
