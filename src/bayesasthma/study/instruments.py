"""Known measures and which way is better on them, to be compared with what a bundle says."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """A measure that labels name.

    Attributes
    ----------
    name : str
    direction : {1, -1, 0}
        Whether higher or lower is better for the patient; 0 where a mean is of ordered categories.
    words : str
        Regular expression of its names and abbreviations, as whole words of a label in any case.
    """

    name: str
    direction: int
    words: str


ORDINAL = 0
#: Only measures with one usual direction; a row more is all it takes to know another.
INSTRUMENTS = (
    Instrument("Asthma Control Test", 1, r"(c-?)?act|(childhood )?asthma control test"),
    Instrument("Asthma Control Questionnaire", -1, r"acq(-?[567])?|asthma control questionnaire"),
    Instrument(
        "Asthma Quality of Life Questionnaire (Juniper)",
        1,
        r"(mini ?|p)?aqlq(\(s\)|-?12)?|(paediatric |pediatric |mini )?asthma quality of life "
        r"questionnaire",
    ),
    Instrument("FEV1", 1, r"fev ?1|forced expiratory volume( in (1|one) second)?"),
    Instrument("FVC", 1, r"fvc|forced vital capacity"),
    Instrument("peak expiratory flow", 1, r"pefr?|peak (expiratory )?flow"),
    Instrument("FeNO", -1, r"fe-?no|(fractional )?exhaled nitric oxide"),
    Instrument("St George's Respiratory Questionnaire", -1, r"sgrq|st\.? george'?s .*"),
    Instrument("COPD Assessment Test", -1, r"copd assessment test"),
    Instrument("Sino-Nasal Outcome Test", -1, r"snot-?(20|22)|sino-?nasal outcome test.*"),
    Instrument("Rhinoconjunctivitis Quality of Life", -1, r"(mini ?)?rqlq(\(s\))?"),
    Instrument("Dermatology Life Quality Index", -1, r"c?dlqi|dermatology life quality index"),
    Instrument("EASI", -1, r"easi|eczema area and severity index"),
    Instrument("SCORAD", -1, r"(po-)?scorad"),
    Instrument("PASI", -1, r"pasi|psoriasis area and severity index"),
    Instrument("weekly Urticaria Activity Score", -1, r"uas-?7|urticaria activity score"),
    Instrument("Hospital Anxiety and Depression Scale", -1, r"hads(-?[ad])?"),
    Instrument("Patient Health Questionnaire", -1, r"phq-?[89]"),
    Instrument("Beck Depression Inventory", -1, r"bdi(-?ii)?|beck depression inventory"),
    Instrument("Hamilton scale", -1, r"ham-?d(-?17)?|ham-?a|hdrs|hamilton .*"),
    Instrument("Montgomery-Åsberg scale", -1, r"madrs"),
    Instrument("SF-36", 1, r"sf-?(36|12)"),
    Instrument("EQ-5D", 1, r"eq-?5d(-?[35]l)?"),
    Instrument("6-minute walk distance", 1, r"6-?mwd|six[- ]minute walk.*|6[- ]min(ute)? walk.*"),
    Instrument("HbA1c", -1, r"hba ?1c|glycated ha?emoglobin"),
    Instrument("NIHSS", -1, r"nihss"),
    Instrument("modified Rankin scale", ORDINAL, r"mrs|modified rankin.*"),
    Instrument("ECOG performance status", ORDINAL, r"ecog.*"),
    Instrument("NYHA class", ORDINAL, r"nyha.*"),
    Instrument("Glasgow Outcome Scale", ORDINAL, r"gose?|glasgow outcome scale.*"),
    Instrument("WHO clinical progression scale", ORDINAL, r"who clinical progression scale"),
)
#: A label that says itself which way is better is not doubted.
_SAID = re.compile(
    r"\b(higher|lower|more|less|greater)\b.*\b(better|worse|severe)\b", re.IGNORECASE
)
#: Words that stand beside a name without changing it.
_BESIDE = re.compile(
    r"\b(total|overall|mean|scores?|percent|predicted|pred|lit(er|re)s?|l)\b|%", re.IGNORECASE
)


def recognised(label: str) -> Instrument | None:
    """The instrument that a label names, if it is one and says nothing of the direction itself.

    The label must be the name, alone or with what stands in brackets and a word like score.
    """
    if _SAID.search(label):
        return None
    outside = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", label)
    inside = re.findall(r"[(\[]([^()\[\]]*)[)\]]", label)
    for text in (outside, *inside):
        bare = _BESIDE.sub(" ", text)
        bare = re.sub(r"\s+", " ", bare).strip(" ,;:")
        for item in INSTRUMENTS:
            if bare and re.fullmatch(item.words, bare, re.IGNORECASE):
                return item
    return None
