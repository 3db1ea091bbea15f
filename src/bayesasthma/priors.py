"""Registry of named prior sets: formula, justification and source of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bayesasthma.errors import UsageError

Centre = Literal["none", "target", "minus_target"]

#: Used where an outcome has no established MCID, in baseline SDs; every report says so.
FALLBACK_TARGET_SD = 0.5
#: Log odds ratio that plays the MCID's part for adverse reactions: a halved or doubled odds.
TARGET_LOG_ODDS_RATIO = 0.6931471805599453
#: 95th percentile of the standard normal: "5 % prior chance".
Z95 = 1.6448536269514722


@dataclass(frozen=True)
class EffectPrior:
    """Normal prior of a treatment effect, or flat (``scale`` infinite).

    Attributes
    ----------
    location, scale : float
        Mean and SD of the *benefit* at each visit, in baseline SDs of the outcome (or of minus the
        log odds ratio of a reaction, benefit meaning fewer).
    """

    location: float
    scale: float

    @property
    def flat(self) -> bool:
        """Whether the prior is improper uniform."""
        return self.scale == float("inf")


@dataclass(frozen=True)
class PriorSet:
    """A named set of priors.

    Attributes
    ----------
    name : str
    formula, justification, source : str
        What it says, why, and where it comes from.
    centre : {"none", "target", "minus_target"}
        Where the prior of the benefit is centred: 0, the MCID, or minus the MCID.
    effect_scale : float or None
        Prior SD of the benefit in baseline SDs; None derives it from the MCID, as MCID / 1.645.
    log_odds_scale : float or None
        The same for log odds ratios of adverse reactions; None derives it from a halved odds.
    flat : bool
        Improper priors throughout: flat on means and on log SDs. Correlations keep their prior,
        since a table without them cannot identify them.
    """

    name: str
    formula: str
    justification: str
    source: str
    centre: Centre = "none"
    effect_scale: float | None = None
    log_odds_scale: float | None = None
    flat: bool = False

    def effect(self, target: float) -> EffectPrior:
        """Prior of the benefit of one outcome.

        Parameters
        ----------
        target : float
            The outcome's MCID in baseline SDs, or ``FALLBACK_TARGET_SD`` where there is none.
        """
        return self._prior(target, self.effect_scale)

    def log_odds(self) -> EffectPrior:
        """Prior of minus the log odds ratio of a reaction (positive: fewer under treatment)."""
        return self._prior(TARGET_LOG_ODDS_RATIO, self.log_odds_scale)

    def _prior(self, target: float, scale: float | None) -> EffectPrior:
        if self.flat:
            return EffectPrior(0.0, float("inf"))
        sign = {"none": 0.0, "target": 1.0, "minus_target": -1.0}[self.centre]
        return EffectPrior(sign * target, scale if scale is not None else target / Z95)


_ALL = (
    PriorSet(
        "reference",
        "p(mu, log sigma) constant for every cell; log OR ~ Normal(0, 10^2)",
        "Lets the printed numbers speak alone. With one SD over both arms the posterior of a "
        "difference is the Student t distribution, with one SD per arm Behrens-Fisher.",
        "Jeffreys 1961, Theory of Probability; Gelman et al. 2013, Bayesian Data Analysis, 3.2",
        log_odds_scale=10.0,
        flat=True,
    ),
    PriorSet(
        "weak",
        "benefit at each follow-up visit ~ Normal(0, 2^2) baseline SDs; log OR ~ Normal(0, 1.5^2)",
        "Leaves effects up to four baseline SDs, and odds ratios from 1/19 to 19, within 95 %; "
        "rules out only what no asthma treatment does. Follow-up visits share strength.",
        "Gelman et al. 2008, Ann Appl Stat 2:1360 (weakly informative priors)",
        effect_scale=2.0,
        log_odds_scale=1.5,
    ),
    PriorSet(
        "sceptical",
        "benefit ~ Normal(0, (MCID/1.645)^2); log OR ~ Normal(0, (log 2/1.645)^2)",
        "A sceptic: no effect is the best guess, and a benefit beyond the MCID (odds halved) has a "
        "prior chance of 5 %.",
        "Spiegelhalter, Freedman and Parmar 1994, J R Stat Soc A 157:357",
    ),
    PriorSet(
        "enthusiastic",
        "benefit ~ Normal(MCID, (MCID/1.645)^2); log OR ~ Normal(-log 2, (log 2/1.645)^2)",
        "An enthusiast: the MCID (odds halved) is the best guess; harm has a prior chance of 5 %.",
        "Spiegelhalter, Freedman and Parmar 1994, J R Stat Soc A 157:357",
        centre="target",
    ),
)


def prior_names() -> tuple[str, ...]:
    """Names in the registry, in the order reports use."""
    return tuple(prior.name for prior in _ALL)


def prior_set(name: str) -> PriorSet:
    """The prior set called ``name``.

    Raises
    ------
    UsageError
        If there is none.
    """
    for prior in _ALL:
        if prior.name == name:
            return prior
    raise UsageError(f"unknown prior set {name!r}; there are {', '.join(prior_names())}")
