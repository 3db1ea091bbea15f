"""Assemble the report from results and write it, every file in one move."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from bayesasthma._files.output import write_bytes
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.plots.style import arm_name
from bayesasthma.reporting.answer import answer
from bayesasthma.reporting.audit_section import audit_section
from bayesasthma.reporting.brief import findings, gate_sentence, introduction
from bayesasthma.reporting.captioned_figure import paint
from bayesasthma.reporting.checklists import checklists
from bayesasthma.reporting.comparison_section import comparison_section
from bayesasthma.reporting.curve_section import curve_section
from bayesasthma.reporting.event_tables import (
    event_tables,
    events_title,
    predicted_rows,
    reactions_alone,
)
from bayesasthma.reporting.explorer_section import explorer_section
from bayesasthma.reporting.figures import drawings as results_drawings
from bayesasthma.reporting.joint_section import joint_section
from bayesasthma.reporting.known_correlations import correlation_paragraph
from bayesasthma.reporting.limitations import limitations
from bayesasthma.reporting.methods import (
    bundle_argument,
    command,
    fit_descriptions,
    what_is_computed,
)
from bayesasthma.reporting.missing_section import missing_section
from bayesasthma.reporting.next_trial_section import next_trial_section
from bayesasthma.reporting.outcome_pages import outcome_pages
from bayesasthma.reporting.printed_section import printed_section
from bayesasthma.reporting.prior_section import prior_section
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.summary_of_findings import summary_of_findings
from bayesasthma.reporting.tables import (
    correlation_learning,
    correlation_rows,
    effect_tables,
    gate_rows,
    main_fit,
)
from bayesasthma.reporting.trust import trust
from bayesasthma.results.adverse_table import FUTURE_PATIENTS
from bayesasthma.specification_curve import Sensitivity, load_sensitivity

SECTIONS = (
    "sensitivity",
    "missing",
    "next_trial",
    "effects",
    "comparison",
    "arms_and_contrast",
    "scepticism",
    "joint",
    "adverse",
    "correlations",
    "priors",
    "predictive",
    "sampler",
    "trust",
)
TEMPLATES = files("bayesasthma.reporting") / "templates"


def write(results: ReanalysisResults, folder: Path) -> list[Path]:
    """Write the report's files; see `bayesasthma.reporting.write_report`."""
    sensitivity = load_sensitivity(results.study, folder)
    curve = curve_section(results.study, sensitivity)
    whole = None if isinstance(sensitivity, str) else sensitivity
    proof = trust(study=results.study)
    drawings = [
        *results_drawings(results), *curve.drawings, *(proof.drawings if proof is not None else [])
    ]  # fmt: skip
    content, pictures = paint(drawings, lambda: context(results, whole))
    names = dict.fromkeys([*SECTIONS, *(page.id for page in content["outcomes"])])
    sections = {name: [p for p in pictures if p.section == name] for name in names}
    content |= {"sensitivity": curve, "trust": proof, "figures": sections}
    content["explorer"] = explorer_section(results, sensitivity)
    content["checklists"] = checklists(results, sensitivity)
    environment = page_environment()
    page = environment.get_template("report.html.j2").render(content)
    plain = page_environment()
    plain.finalize = inert_markdown
    summary = plain.get_template("summary.md.j2").render(content)
    lists = plain.get_template("checklists.md.j2").render(content)
    try:
        written = [
            _replace(
                folder / "figures" / f"{picture.name}.{picture.wide.suffix}", picture.wide.content
            )
            for picture in pictures
            if picture.section != "trust"  # of the package, not of this study
        ]
        _remove_others(folder / "figures", written)
        written.append(_replace(folder / "report.html", page.encode("utf-8", "replace")))
        written.append(_replace(folder / "summary.md", summary.encode("utf-8", "replace")))
        written.append(_replace(folder / "checklists.md", lists.encode("utf-8", "replace")))
    except OSError as error:
        where = error.filename or folder
        raise BayesAsthmaError(f"cannot write {where}: {error.strerror or error}") from error
    return written


def context(results: ReanalysisResults, curve: Sensitivity | None) -> dict[str, Any]:
    """What the templates print of the results and their specification curve, but for figures."""
    study, fit = results.study, main_fit(results)
    correlations = (
        [(arm_name(study, arm), correlation_rows(fit, arm)) for arm in study.treatments]
        if fit is not None
        else []
    )
    return {
        "study": study,
        "results": results,
        "fit": fit,
        "introduction": introduction(study),
        "answer": answer(results, curve),
        "headline": summary_of_findings(results, curve),
        "outcomes": outcome_pages(results, curve),
        "gate": gate_sentence(results),
        "findings": findings(results),
        "effects": effect_tables(results),
        "adverse": event_tables(results),
        "events_title": events_title(study),
        "reactions_alone": reactions_alone(study),
        "predicted": predicted_rows(results),
        "future_patients": FUTURE_PATIENTS,
        "correlations": [(arm, rows) for arm, rows in correlations if rows],
        "correlation_paragraph": correlation_paragraph(study),
        "learning": correlation_learning(fit) if fit is not None else None,
        "gate_rows": gate_rows(results.diagnostics),
        "priors": prior_section(study),
        "limitations": limitations(results),
        "methods": fit_descriptions(results),
        "computed": what_is_computed(results),
        "bundle": bundle_argument(study),
        "command": command(results),
        "audit": audit_section(results),
        "compared": comparison_section(results),
        "printed": printed_section(results),
        "joint": joint_section(results),
        "missing": missing_section(results),
        "next_trial": next_trial_section(results),
        "run": results.run,
    }


def inert_markdown(value: Any) -> Any:
    """A text of the summary in which no HTML and no picture or link of a label's own is left.

    ``<0.01`` stays as it is: what opens no tag is no HTML.
    """
    if not isinstance(value, str):
        return value
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", value).replace("](", "]\\(")


def page_environment() -> jinja2.Environment:
    """Where templates come from, and what they may use."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (TEMPLATES / name).read_text(encoding="utf-8")),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    environment.filters["code"] = _code
    environment.filters["keep"] = _keep
    return environment


def _code(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>") + part + Markup("</code>") if i % 2 else part
        for i, part in enumerate(parts)
    )


def _keep(text: str) -> str:
    """Text whose signs and short brackets are not torn apart at the end of a line."""
    gap = "\N{NO-BREAK SPACE}"
    text = re.sub(r"\([^)]{1,30}\)", lambda found: found[0].replace(" ", gap), text)
    return re.sub(r"([<>]) ", rf"\1{gap}", text)


def _replace(path: Path, content: bytes) -> Path:
    write_bytes([content], path)
    return path


def _remove_others(folder: Path, keep: Iterable[Path]) -> None:
    """Remove figures that an earlier run left and this one does not have."""
    kept = set(keep)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix in {".png", ".svg"} and path not in kept:
            path.unlink()
