"""The explorer of the report: the page's part of it, and the data that its script reads.

``docs/explorer.md`` has the mathematics. What the page computes, `comparison.reweighting` computes
too: a test holds the two equal, to the digits printed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from markupsafe import Markup

from bayesasthma.comparison.explorable import PERCENT
from bayesasthma.comparison.importance import ESS_MIN, K_MAX
from bayesasthma.comparison.reader_quotes import FAILS, Words
from bayesasthma.comparison.reweighting import CI_PROB, Quantity, Subject, answer
from bayesasthma.plots.style import arm_name, visit_name
from bayesasthma.reporting.explorer_entries import (
    LOG_ODDS,
    Entry,
    event_entries,
    outcome_entries,
)
from bayesasthma.reporting.methods import bundle_argument
from bayesasthma.reporting.packed_draws import encoded
from bayesasthma.results.effect_table import DESCRIPTIONS
from bayesasthma.results.printed_digits import MOST, interval_mcse

if TYPE_CHECKING:
    from bayesasthma.reporting.results import ReanalysisResults
    from bayesasthma.specification_curve import Sensitivity
    from bayesasthma.study.study import Study

TEMPLATES = files("bayesasthma.reporting") / "templates"
#: Positions of a slider.
SLIDER = 100


def explorer_section(
    results: ReanalysisResults, curve: Sensitivity | str = "no specification curve has been run"
) -> Markup | None:
    """The explorer as markup with its data, style and script; None if there is nothing to explore.

    Parameters
    ----------
    results : ReanalysisResults
    curve : Sensitivity or str
        As :func:`bayesasthma.comparison.quotes.quote` takes it.
    """
    entries = [*outcome_entries(results, curve), *event_entries(results, curve)]
    if not entries:
        return None
    data = json.dumps(page_data(results.study, entries), ensure_ascii=True, allow_nan=False)
    for character in "<>&":  # nothing in a label can end the script, or begin another
        data = data.replace(character, f"\\u{ord(character):04x}")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (TEMPLATES / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("explorer.html.j2")
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    return Markup(  # noqa: S704 the template escapes
        template.render(groups=groups, data=data, draws=entries[0].subject.draws, slider=SLIDER)
    )


def page_data(study: Study, entries: Sequence[Entry]) -> dict[str, Any]:
    """What the script reads, as plain data."""
    texts = _Texts()
    subjects = list({id(entry.subject): entry.subject for entry in entries}.values())
    place = {id(subject): i for i, subject in enumerate(subjects)}
    return {
        "command": f"bayesasthma quote {bundle_argument(study)}",
        "ci": CI_PROB,
        "kMax": K_MAX,
        "essMin": ESS_MIN,
        # of an end of the interval of draws with SD 1, times the root of their effective number
        "endError": interval_mcse(1.0, 1.0, CI_PROB),
        "mostDecimals": MOST,
        "fails": FAILS,
        "subjects": [_subject_data(subject) for subject in subjects],
        "entries": [
            _entry_data(study, entry, place[id(entry.subject)], texts) for entry in entries
        ],
        "texts": texts.found,
    }


class _Texts:
    """Texts by number: most are those of many quantities."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.places: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Where a text stands; it is added if it is new."""
        if text not in self.places:
            self.places[text] = len(self.found)
            self.found.append(text)
        return self.places[text]


def _subject_data(subject: Subject) -> dict[str, Any]:
    return {
        "columns": {name: encoded(values) for name, values in subject.columns.items()},
        "draws": subject.draws,
        "effects": subject.effects,
        "share": subject.share,
        "priorSign": subject.prior_sign,
        "location": subject.location,
        "scale": subject.scale,
        "efficiency": subject.efficiency,
    }


def _entry_data(study: Study, entry: Entry, place: int, texts: _Texts) -> dict[str, Any]:
    event = entry.prior_unit == LOG_ODDS
    return {
        "id": entry.id,
        "label": entry.label,
        "subject": place,
        "priorOf": entry.words[0].prior_of,
        "prior": entry.words[0].fitted,
        "start": [entry.headline.arm, entry.headline.visit, entry.headline.estimand],
        "thresholdUnit": PERCENT if event else 1,
        "presets": [
            [own.group, own.label, own.prior.location, own.prior.scale] for own in entry.presets
        ],
        "quantities": [
            _quantity_data(study, entry, quantity, words, texts, event=event)
            for quantity, words in zip(entry.quantities, entry.words, strict=True)
        ],
    }


def _quantity_data(
    study: Study, entry: Entry, quantity: Quantity, words: Words, texts: _Texts, *, event: bool
) -> dict[str, Any]:
    now = answer(entry.subject, quantity)
    fixed = quantity.mcid if np.isfinite(quantity.mcid) and not quantity.mcid_column else 0.0
    reach = max(abs(now.low), abs(now.high), 2 * fixed)
    step = _round_step(reach / SLIDER)
    name = quantity.estimand
    arguments = f"--outcome {name if event else entry.subject.name} --visit {quantity.visit}"
    if not event and quantity.estimand != entry.headline.estimand:
        arguments += f" --estimand {quantity.estimand}"
    return {
        "arm": quantity.arm,
        "armLabel": arm_name(study, quantity.arm),
        "visit": quantity.visit,
        "visitLabel": visit_name(study, quantity.visit),
        "estimand": name,
        "estimandLabel": "risk difference" if event else DESCRIPTIONS[name],
        "terms": quantity.terms,
        "sign": quantity.sign,
        "unit": quantity.unit,
        "gate": quantity.gate,
        "mcid": _number(quantity.mcid),
        "mcidColumn": quantity.mcid_column,
        "places": quantity.places,
        "error": _number(quantity.error),
        "patients": _number(quantity.patients),
        "direct": len(quantity.terms) == 1 and quantity.terms[0][0].startswith("effect "),
        "step": step,
        "most": SLIDER * step,
        "arguments": arguments,
        "words": {name: texts.number(text) for name, text in asdict(words).items()},
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _round_step(size: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below ``size``."""
    power = 10.0 ** np.floor(np.log10(size)) if size > 0 else 0.01
    factor = next(own for own in (1, 2, 5, 10) if own * power >= size * (1 - 1e-9))
    return float(f"{factor * power:.1g}")
