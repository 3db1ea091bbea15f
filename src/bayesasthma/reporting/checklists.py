"""Reporting checklists filled from a run: each item with where it is answered, or why it is not."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from bayesasthma.calibration.cases import PAPER
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import Fit
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.shipped_proof import proof_folder
from bayesasthma.reporting.tables import main_fit
from bayesasthma.reporting.wording import listed, plural
from bayesasthma.specification_curve import Sensitivity

#: What an item may need, in the words of ``checklists.toml``.
FACTS = ("table", "sampled", "closed_form", "proper", "curve", "mcid", "proof", "external")
NOT_APPLICABLE, OPEN = "not applicable, because", "not answered, for"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)|`([^`]+)`")


@dataclass(frozen=True)
class Answer:
    """One item of a checklist.

    Attributes
    ----------
    part, asks : str
        Where in the list it stands, and what it asks, in our words.
    text : str
        Where it is answered, with links as Markdown has them, to ``#section`` of the report or to a
        file.
    answered : bool
        False where the item does not apply or is open.
    """

    part: str
    asks: str
    text: str
    answered: bool

    @property
    def markdown(self) -> str:
        """The text for a file in the run's folder."""
        return _LINK.sub(
            lambda hit: (
                f"`{hit[3]}`"
                if hit[3]
                else f"[{hit[1]}]({'report.html' if hit[2].startswith('#') else ''}{hit[2]})"
            ),
            self.text,
        )

    @property
    def html(self) -> Markup:
        """The text for the report."""
        parts, at = [], 0
        for hit in _LINK.finditer(self.text):
            parts.append(escape(self.text[at : hit.start()]))
            parts.append(
                Markup("<code>{}</code>").format(hit[3])
                if hit[3]
                else Markup('<a href="{}">{}</a>').format(hit[2], hit[1])
            )
            at = hit.end()
        return Markup("").join([*parts, escape(self.text[at:])])


@dataclass(frozen=True)
class Checklist:
    """A checklist with its answers.

    Attributes
    ----------
    title, source, note : str
    answers : list of Answer
    """

    title: str
    source: str
    note: str
    answers: list[Answer]

    @property
    def count(self) -> str:
        """How many items are answered, do not apply, and are open."""
        answered = sum(own.answered for own in self.answers)
        still = sum(own.text.startswith(OPEN) for own in self.answers)
        rest = len(self.answers) - answered - still
        text = f"{answered} of {plural(len(self.answers), 'item')} answered, {rest} not applicable"
        return f"{text}, {still} open" if still else text


def checklists(results: ReanalysisResults, curve: Sensitivity | str) -> list[Checklist]:
    """The checklists of a run.

    Parameters
    ----------
    results : ReanalysisResults
    curve : Sensitivity or str
        The specification curve, or why there is none.
    """
    content = definitions()
    known, words = _facts(results, curve), _words(results, curve)
    return [
        Checklist(
            own["title"],
            own["source"],
            own.get("note", ""),
            [_answer(item, known, words) for item in content["item"] if item["list"] == own["key"]],
        )
        for own in content["list"]
    ]


def definitions() -> dict[str, Any]:
    """The lists and items of ``checklists.toml``."""
    path = files("bayesasthma.reporting") / "checklists.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _answer(item: dict[str, Any], known: dict[str, bool], words: dict[str, str]) -> Answer:
    part, asks = item["part"], item["asks"]
    if "not_applicable" in item:
        return Answer(part, asks, f"{NOT_APPLICABLE} {item['not_applicable']}.", answered=False)
    if not all(known[name] for name in item.get("needs", [])):
        lead = OPEN if item.get("open") else NOT_APPLICABLE
        return Answer(part, asks, f"{lead} {item['otherwise']}.", answered=False)
    return Answer(part, asks, item["answer"].format(**words).strip(), answered=True)


def _facts(results: ReanalysisResults, curve: Sensitivity | str) -> dict[str, bool]:
    study = results.study
    fits: list[Fit | AdverseFit] = [*results.table_fits, *results.adverse_fits]
    return {
        "table": bool(results.table_fits),
        "sampled": any(fit.gate.sampled for fit in fits),
        "closed_form": any(not fit.gate.sampled for fit in fits),
        "proper": not _prior(results).flat,
        "curve": not isinstance(curve, str),
        "mcid": bool(study.outcomes["mcid"].notna().any()) if len(study.outcomes) else False,
        "proof": proof_folder() is not None,
        "external": bool(len(study.external)),
    }


def _prior(results: ReanalysisResults) -> Any:
    fit = main_fit(results)
    if fit is not None:
        return prior_set(fit.prior)
    own = [fit.spec.prior for fit in results.adverse_fits if fit.spec.prior is not None]
    return own[0] if own else prior_set("weak")


def _words(results: ReanalysisResults, curve: Sensitivity | str) -> dict[str, str]:
    """What answers say of this run."""
    study, fit = results.study, main_fit(results)
    pooled = [own for own in results.adverse_fits if own.gate.sampled] or results.adverse_fits
    label = fit.label if fit is not None else pooled[0].label if pooled else ""
    failed = list(results.diagnostics["fit"][results.diagnostics["gate"] != "pass"])
    data = [
        *(["the patients' values" if study.patients is not None else "printed means and SDs"]
          if results.table_fits else []),
        *(["counts of events"] if results.adverse_fits else []),
    ]  # fmt: skip
    sizes = [int(n) for n in study.arms["n"]]
    same = sorted(sizes) == sorted(PAPER)
    own_set = _prior(results)
    return {
        "page": f"diagnostics/{label}.html",
        "data": listed(data)[:1].upper() + listed(data)[1:],
        "gate": f"Failed: {listed(failed)}." if failed else "All fits pass the gate.",
        "results": "[Effects](#effects)" if results.table_fits else "",
        "seed": str(results.run.get("seed", "of the options")),
        "prior": f"the headline uses {own_set.name}: {own_set.formula}",
        "curve": "" if isinstance(curve, str) else _curve_words(curve),
        "sizes": f"Simulated studies have {listed(list(PAPER))} patients"
        + (", as this one." if same else f"; this one has {listed(sizes)}."),
        "joint": "; [Several outcomes at once](#joint) has joint statements"
        if len(results.joint)
        else "",
    }


def _curve_words(curve: Sensitivity) -> str:
    priors = [str(name) for name in dict.fromkeys(curve.table["prior"].dropna()) if name]
    return (
        f"{curve.table['specification'].nunique()} specifications, with the prior sets "
        f"{listed(priors)}"
    )
