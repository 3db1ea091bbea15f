"""The report of a validation: a page that asks for nothing, and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bayesasthma._files.output import write_text
from bayesasthma.reporting.writing import page_environment
from bayesasthma.validation.run import NOT_TESTED, Validation

PAGE, RECORD = "validation.html", "validation.json"


def write_validation(validation: Validation, folder: Path) -> list[Path]:
    """Write ``validation.html`` and ``validation.json`` to a folder.

    Raises
    ------
    BayesAsthmaError
        If they cannot be written.
    """
    page, record = folder / PAGE, folder / RECORD
    write_text(validation_page(validation), page)
    write_text(json.dumps(as_record(validation), indent=1, ensure_ascii=False) + "\n", record)
    return [page, record]


def as_record(validation: Validation) -> dict[str, Any]:
    """A validation as plain data, verdicts included."""
    return {
        "verdict": validation.verdict,
        "quick": validation.quick,
        "started": validation.started.isoformat(timespec="seconds"),
        "seconds": round(validation.seconds, 1),
        "version": validation.version,
        "machine": validation.machine,
        "versions": validation.versions,
        "items": [asdict(item) | {"seconds": round(item.seconds, 2)} for item in validation.items],
        "traceability": [
            asdict(own)
            | {
                "items": [item.id for item in validation.items_of(own.id)],
                "verdict": validation.verdict_of(own.id),
            }
            for own in validation.requirements
        ],
    }


def validation_page(validation: Validation) -> str:
    """The page."""
    parts = {
        "IQ": "Installation qualification",
        "OQ": "Operational qualification",
    }
    page: str = (
        page_environment()
        .get_template("validation.html.j2")
        .render(
            validation=validation,
            parts=[
                (name, title, [item for item in validation.items if item.id.startswith(name)])
                for name, title in parts.items()
            ],
            not_tested=[
                own
                for own in validation.requirements
                if validation.verdict_of(own.id) == NOT_TESTED
            ],
        )
    )
    return page
