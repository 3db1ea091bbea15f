"""The report of a run: one self-contained HTML file and a Markdown summary."""

from __future__ import annotations

from html import escape
from pathlib import Path

from bayesasthma.effects import HEADLINE
from bayesasthma.report.results import ReanalysisResults

__all__ = ["ReanalysisResults", "write_report"]


def write_report(results: ReanalysisResults, folder: Path) -> list[Path]:
    """Write ``report.html`` and ``summary.md`` atomically; returns what was written."""
    study, table = results.study, results.effects
    main = table[table["estimand"] == table["model"].map(HEADLINE)]
    columns = ["outcome", "arm", "visit", "mean", "ci_low", "ci_high", "p_benefit", "gate"]
    shown = main.loc[main["model"] == "longitudinal", columns]
    comparison = results.comparison
    html = (
        f"<!doctype html><meta charset='utf-8'><title>{escape(study.title)}</title>"
        f"<h1>{escape(study.title)}</h1><p>{escape(study.citation)}</p>"
        f"<h2>Treatment effects</h2>{shown.to_html(index=False, float_format='{:.3g}'.format)}"
        f"<h2>Comparison</h2>{comparison.to_html(index=False, float_format='{:.3g}'.format)}"
        f"<h2>Diagnostics</h2>{results.diagnostics.to_html(index=False)}"
    )
    text = f"# {study.title}\n\n{study.citation}\n\n```\n{shown.to_string(index=False)}\n```\n"
    written = []
    for name, content in (("report.html", html), ("summary.md", text)):
        path = folder / name
        partial = path.with_name(f".{name}.part")
        partial.write_text(content, encoding="utf-8")
        partial.replace(path)
        written.append(path)
    return written
