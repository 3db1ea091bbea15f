"""Rules that declare success where a posterior probability exceeds a limit."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.results.summaries import format_probability

_RULE = re.compile(
    r"P\s*\(\s*benefit\s*(?:>\s*(?P<size>mcid|[-−]?\s*(?:\d+\.?\d*|\.\d+)))?\s*\)"
    r"\s*(?P<sign>>=|≥|>)\s*(?P<limit>\d*\.?\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Rule:
    """``P(benefit > size) > limit``.

    Attributes
    ----------
    limit : float
        Between 0 and 1.
    size : float, "mcid" or None
        In the outcome's unit; below 0 for non-inferiority; None for any benefit.
    or_equal : bool
        Whether a probability equal to the limit is a success.
    """

    limit: float
    size: float | str | None = None
    or_equal: bool = False

    def __str__(self) -> str:
        size = (
            "" if self.size is None else " > MCID" if self.size == "mcid" else f" > {self.size:g}"
        )
        return f"P(benefit{size}) {'≥' if self.or_equal else '>'} {self.limit:g}"

    def met(self, probability: float) -> bool:
        """Whether a posterior probability is a success."""
        return probability > self.limit or (self.or_equal and probability == self.limit)


def parse_rule(text: str) -> Rule:
    """Read ``"P(benefit) > 0.975"``, ``"P(benefit > mcid) > 0.8"`` or ``"P(benefit > -1) >= 0.9"``.

    Raises
    ------
    UsageError
        If it is no such rule.
    """
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"success {text!r}: write P(benefit) > LIMIT or P(benefit > SIZE) > LIMIT, where "
            "SIZE is "
            "a number in the outcome's unit or mcid, such as 'P(benefit > mcid) > 0.8'"
        )
    limit = float(found["limit"])
    if not 0 < limit < 1:
        raise UsageError(f"success {text!r}: the limit of a probability lies between 0 and 1")
    size: float | str | None = None
    if found["size"] is not None:
        word = found["size"].lower().replace("−", "-").replace(" ", "")
        size = word if word == "mcid" else float(word) or None
    return Rule(limit, size, found["sign"] != ">")


def verdict(rule: Rule, probability: float, mcse: float, missing: str = "") -> str:
    """The sentence on a rule.

    Parameters
    ----------
    rule : Rule
    probability, mcse : float
        Posterior probability that the rule is about, with its Monte Carlo standard error.
    missing : str
        Why there is no such probability, if it is not finite.
    """
    if not np.isfinite(probability):
        return f"Rule {rule}: no decision, for {missing or 'there is no such probability'}."
    shown = format_probability(probability, mcse)
    text = f"Rule {rule}: {'met' if rule.met(probability) else 'not met'} ({shown}"
    if abs(probability - rule.limit) < 2 * mcse:
        text += "; the limit is within two Monte Carlo errors, so sample longer before deciding"
    return text + ")."
