"""What a study prints of its within-patient correlations, and what the report says of it."""

from __future__ import annotations

from typing import Literal

from bayesasthma.models.design import Design, design
from bayesasthma.study.study import Study

Knowledge = Literal["none needed", "patients", "all", "some", "changes", "none"]


def knowledge(study: Study) -> Knowledge:
    """What is known of the correlations between visits.

    Returns
    -------
    {"none needed", "patients", "all", "some", "changes", "none"}
        ``all`` or ``some`` where sample correlations follow from printed SDs of change or are
        published; ``changes`` where only changes from baseline are printed, each with its own SD.
    """
    if study.outcomes.empty or len(study.visits) < 2:
        return "none needed"
    if study.patients is not None:
        return "patients"
    layout = design(study)
    if only_changes(layout):
        return "changes"
    pinned = [own for table in layout.tables for own in table.pinned for _ in table.outcome]
    if not pinned:
        return "none"
    return "all" if all(pinned) else "some" if any(pinned) else "none"


def only_changes(layout: Design) -> bool:
    """Whether no level is printed anywhere."""
    return all(bool((table.functional.min(axis=1) < 0).all()) for table in layout.tables)


def correlation_paragraph(study: Study) -> str:
    """What opens the report's section on correlations."""
    texts = {
        "patients": "The correlation between a patient's visits is learned from the patients.",
        "all": (
            "The table pins the correlations between a patient's visits: printed SDs of change, or "
            "published correlations, give every one of them in this sample. What is estimated is "
            "the correlation in the population."
        ),
        "some": (
            "The table pins some correlations between a patient's visits, through printed SDs of "
            "change or as published; the others it cannot identify, and they are here through "
            "their prior."
        ),
        "changes": (
            "Only changes from baseline are printed, each with its own SD. A difference in change "
            "needs no correlation between visits beyond that; the correlation of the levels, which "
            "are not printed, is here through its prior."
        ),
        "none": (
            "A table of means and SDs cannot identify the correlation between a patient's visits: "
            "it is here through its prior."
        ),
    }
    return texts.get(knowledge(study), "")


def correlation_limitation(study: Study) -> tuple[str, str] | None:
    """Title and text of what the table leaves open; None where it leaves nothing open."""
    use = (
        "How much a patient's values at two visits go together decides how a baseline difference "
        "is adjusted for and how precise a change is. "
    )
    known = knowledge(study)
    if known == "none":
        return "Unpublished correlations", (
            "No within-patient correlation is published. " + use + "A table of means and SDs says "
            "next to nothing of it: the prior does."
        )
    if known == "some":
        how = (
            "Some within-patient correlations are published"
            if len(study.correlations)
            else "Changes from baseline are printed for some cells and pin their correlations"
        )
        return "Unpublished correlations", (
            f"{how}. {use}Of the other correlations the table says next to nothing: the prior does."
        )
    if known == "changes":
        return "Levels not printed", (
            "Only changes from baseline are printed. Their SDs tell how precise a difference in "
            "change is, but not how patients' values at baseline and later go together, so that "
            "the SDs of the levels, shares of patients improving and standardised differences rest "
            "on the prior."
        )
    return None
