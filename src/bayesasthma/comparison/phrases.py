"""Words for probabilities: one table, so that every sentence says the same of the same number.

The terms are those of the Intergovernmental Panel on Climate Change for likelihoods (Mastrandrea et
al. 2010, Guidance note on consistent treatment of uncertainties, table 1). Its strongest, virtually
certain and exceptionally unlikely, are left out: a posterior probability is conditional on a model,
a prior and a printed table, none of which is certain.
"""

from __future__ import annotations

import re

#: Smallest probability of each term, from the most likely down.
TERMS = (
    (0.95, "extremely likely"),
    (0.90, "very likely"),
    (2 / 3, "likely"),
    (1 / 3, "about as likely as not"),
    (0.10, "unlikely"),
    (0.05, "very unlikely"),
    (0.00, "extremely unlikely"),
)
#: What no sentence about a posterior may say: proof, the words of tests, and absence of an effect.
FORBIDDEN = (
    r"\bprove[sdn]?\b", r"\bsignifican\w*", r"\bconfirm\w*", r"\bdemonstrat\w*",
    r"\bestablish(?:es|ed)\b(?! MCID)", r"\bcertain(?:ly)?\b", r"\bno (?:difference|effect) was\b",
    r"\b(?:does not|did not) work\b", r"\bis effective\b", r"\bequivalent\b",
    r"\bfail(?:ed|s) to\b",
)  # fmt: skip


def term(probability: float) -> str:
    """The word for a probability, such as ``very likely``.

    Raises
    ------
    ValueError
        If it is no probability.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"{probability!r} is no probability")
    # 0.05 and its like are the smallest of their term, and 0.95 of its: both ends alike
    if probability < 0.5:
        found = [name for limit, name in reversed(TERMS) if probability > limit or limit == 0]
        return found[-1]
    return next(name for limit, name in TERMS if probability >= limit)


def forbidden(text: str) -> list[str]:
    """What a text says that it must not, as found."""
    return [hit.group(0) for rule in FORBIDDEN for hit in re.finditer(rule, text, re.IGNORECASE)]
