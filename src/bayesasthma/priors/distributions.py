"""Prior distributions of an effect, and the named sets that say which one an outcome gets."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

from bayesasthma.errors import UsageError

Centre = Literal["none", "target", "minus_target"]
Unit = Literal["sd", "mcid", "outcome"]
Family = Literal["flat", "normal", "mixture"]

#: Components that every mixture graph has room for; a prior with fewer leaves the rest weightless.
COMPONENTS = 2
#: Used where an outcome has no established MCID, in baseline SDs; every report says so.
FALLBACK_TARGET_SD = 0.5
#: Log odds ratio that plays the MCID's part for adverse reactions: a halved or doubled odds.
TARGET_LOG_ODDS_RATIO = 0.6931471805599453
#: 95th percentile of the standard normal: "5 % prior chance".
Z95 = 1.6448536269514722


@dataclass(frozen=True)
class Component:
    """Location-scale Student t, or normal where ``df`` is infinite.

    Attributes
    ----------
    location, scale : float
        In the unit of the prior; ``scale`` infinite means flat.
    df : float
        Degrees of freedom.
    weight : float
        Share of the mixture.
    """

    location: float
    scale: float
    df: float = inf
    weight: float = 1.0


@dataclass(frozen=True)
class EffectPrior:
    """Prior of a treatment effect: a finite mixture of Student t or normal distributions.

    Attributes
    ----------
    components : tuple of Component
        One or two, weights summing to 1. They describe the *benefit* at each visit in baseline SDs
        of the outcome, or minus the log odds ratio of a reaction (benefit meaning fewer).
    """

    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        weight = sum(part.weight for part in self.components)
        if not 1 <= len(self.components) <= COMPONENTS or abs(weight - 1) > 1e-9:
            raise ValueError(f"one or {COMPONENTS} components with weights that sum to 1")

    @classmethod
    def normal(cls, location: float, scale: float) -> EffectPrior:
        """``Normal(location, scale^2)``; flat if ``scale`` is infinite."""
        return cls((Component(location, scale),))

    @property
    def flat(self) -> bool:
        """Whether the prior is improper uniform."""
        return self.components[0].scale == inf

    @property
    def is_normal(self) -> bool:
        """Whether the prior is one proper normal distribution."""
        (first, *rest) = self.components
        return not rest and first.df == inf and isfinite(first.scale)

    @property
    def location(self) -> float:
        """Centre of a prior with one component; of a mixture, its components' weighted centre."""
        return sum(part.weight * part.location for part in self.components)

    @property
    def scale(self) -> float:
        """Scale of a prior with one component.

        Raises
        ------
        UsageError
            If there are more.
        """
        if len(self.components) > 1:
            raise UsageError("a mixture prior has no single scale")
        return self.components[0].scale

    def times(self, factor: float) -> EffectPrior:
        """The prior of ``factor`` times the effect; ``factor`` may be negative."""
        return EffectPrior(
            tuple(
                Component(
                    factor * part.location + 0.0, abs(factor) * part.scale, part.df, part.weight
                )
                for part in self.components
            )
        )

    def padded(self) -> tuple[Component, ...]:
        """As many components as mixture graphs have room for, the last ones without weight."""
        rest = COMPONENTS - len(self.components)
        return (*self.components, *[Component(0.0, 1.0, inf, 0.0)] * rest)

    def describe(self) -> str:
        """Formula of the distribution, as text."""
        parts = []
        for part in self.components:
            share = "" if len(self.components) == 1 else f"{part.weight:g} "
            if part.scale == inf:
                parts.append("flat")
            elif part.df == inf:
                parts.append(f"{share}Normal({part.location:.4g}, {part.scale:.4g}^2)")
            else:
                parts.append(f"{share}t({part.location:.4g}, {part.scale:.4g}, df {part.df:g})")
        return " + ".join(parts)


@dataclass(frozen=True)
class OwnPrior:
    """A prior given outright instead of by a rule, in its own unit.

    Attributes
    ----------
    prior : EffectPrior
    unit : {"sd", "mcid", "outcome"}
        Baseline SDs; multiples of the MCID (or of what stands in for it); the outcome's unit. Log
        odds ratios have no unit and use ``"sd"``.
    of : str
        The outcome or reaction it is for; empty for all without one of their own.
    """

    prior: EffectPrior
    unit: Unit = "sd"
    of: str = ""


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
        Prior scale of the benefit in baseline SDs; None derives it from the MCID, as MCID / 1.645.
    log_odds_scale : float or None
        The same for log odds ratios of adverse reactions; None derives it from a halved odds.
    flat : bool
        Improper priors throughout: flat on means and on log SDs. Correlations keep their prior,
        since a table without them cannot identify them.
    effect_df, log_odds_df : float
        Degrees of freedom of Student t priors; infinite for normal ones.
    external_weight : float or None
        Weight of the study's external evidence in a mixture with the rest of the set, for the
        outcomes and reactions that have such evidence; None leaves it unused.
    effects, log_odds_ratios : tuple of OwnPrior
        Priors given outright, of benefits and of minus log odds ratios; they come before the rules
        above.
    """

    name: str
    formula: str
    justification: str
    source: str
    centre: Centre = "none"
    effect_scale: float | None = None
    log_odds_scale: float | None = None
    flat: bool = False
    effect_df: float = inf
    log_odds_df: float = inf
    external_weight: float | None = None
    effects: tuple[OwnPrior, ...] = ()
    log_odds_ratios: tuple[OwnPrior, ...] = ()

    @property
    def family(self) -> Family:
        """Which graph the set needs; all sets of one family differ in data alone."""
        if self.flat:
            return "flat"
        own = all(item.prior.is_normal for item in self.effects)
        return "normal" if own and self.effect_df == inf and self._alone else "mixture"

    @property
    def log_odds_family(self) -> Family:
        """The same for log odds ratios; normal if one normal distribution serves all reactions."""
        own = all(item.prior.is_normal and not item.of for item in self.log_odds_ratios)
        return "normal" if own and self.log_odds_df == inf and self._alone else "mixture"

    @property
    def _alone(self) -> bool:
        return self.external_weight is None

    def effect(
        self,
        target: float,
        outcome: str = "",
        unit: float = 1.0,
        external: tuple[float, float] | None = None,
    ) -> EffectPrior:
        """Prior of the benefit of one outcome, in baseline SDs.

        Parameters
        ----------
        target : float
            The outcome's MCID in baseline SDs, or ``FALLBACK_TARGET_SD`` where there is none.
        outcome : str
        unit : float
            The outcome's baseline SD in its own unit.
        external : (float, float), optional
            External estimate of the benefit and its standard error, in baseline SDs.
        """
        factor = {"sd": 1.0, "mcid": target, "outcome": 1 / unit}
        prior = _own(self.effects, outcome, factor)
        if prior is None:
            prior = self._prior(target, self.effect_scale, self.effect_df)
        return self._with_external(prior, external)

    def log_odds(
        self, reaction: str = "", external: tuple[float, float] | None = None
    ) -> EffectPrior:
        """Prior of minus the log odds ratio of a reaction (positive: fewer under treatment).

        ``external`` is an estimate of it and its standard error.
        """
        prior = _own(self.log_odds_ratios, reaction, {"sd": 1.0, "mcid": TARGET_LOG_ODDS_RATIO})
        if prior is None:
            # an improper prior of a log odds ratio has no proper posterior with empty cells
            scale = inf if self.flat and self.log_odds_scale is None else self.log_odds_scale
            prior = self._prior(TARGET_LOG_ODDS_RATIO, scale, self.log_odds_df, flat=False)
        return self._with_external(prior, external)

    def _prior(
        self, target: float, scale: float | None, df: float, *, flat: bool | None = None
    ) -> EffectPrior:
        if self.flat if flat is None else flat:
            return EffectPrior.normal(0.0, inf)
        sign = {"none": 0.0, "target": 1.0, "minus_target": -1.0}[self.centre]
        width = scale if scale is not None else target / Z95
        return EffectPrior((Component(sign * target, width, df),))

    def _with_external(
        self, prior: EffectPrior, external: tuple[float, float] | None
    ) -> EffectPrior:
        if self.external_weight is None or external is None:
            return prior
        (robust,) = prior.components
        weight = self.external_weight
        return EffectPrior(
            (
                Component(*external, weight=weight),
                Component(robust.location, robust.scale, robust.df, 1 - weight),
            )
        )


def _own(given: tuple[OwnPrior, ...], of: str, factor: dict[str, float]) -> EffectPrior | None:
    """The prior given for ``of``, else the one given for all; None if neither is."""
    for name in dict.fromkeys((of, "")):
        for item in given:
            if item.of == name:
                return item.prior.times(factor[item.unit])
    return None
