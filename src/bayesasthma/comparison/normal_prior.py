"""A reader's own prior of an effect: a normal distribution, as typed, and usual ones to start from.

What it is worth in patients: :func:`worth_in_patients`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Literal

from scipy import special

from bayesasthma.errors import UsageError

Unit = Literal["outcome", "sd", "mcid"]

_FORM = re.compile(r"\s*normal\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
EXPECTED = (
    "expected normal(LOCATION, SCALE), such as normal(0, 2), in the outcome's unit, or "
    "normal(0, 0.5, sd) in baseline SDs, or normal(1, 0.6, mcid) in MCIDs"
)

#: Standard deviations of log odds ratios that Zampieri et al. (2021) propose for a sceptical prior:
#: weak; 95 % of odds ratios within 1/2 and 2; within 2/3 and 3/2.
SCEPTICAL_LOG_ODDS = {"weak": 5.0, "moderate": 0.355, "strong": 0.205}
#: Chance that their optimist gives to harm, and their pessimist to benefit.
AGAINST = {"weak": 0.30, "moderate": 0.15, "strong": 0.05}
#: A log odds ratio as a standardised mean difference: Chinn 2000, Stat Med 19:3127.
PER_LOG_ODDS = sqrt(3) / 3.141592653589793
#: Significant digits of a preset, so that it can be typed.
DIGITS = 4


@dataclass(frozen=True)
class NormalPrior:
    """``Normal(location, scale^2)`` of the benefit at each follow-up visit.

    Of an outcome without a direction it is of the effect; of events, of the log odds ratio of each.

    Attributes
    ----------
    location, scale : float
    unit : {"outcome", "sd", "mcid"}
        Of both: the outcome's own, its baseline SD, or its MCID (0.5 SD where there is none). Log
        odds ratios have no other unit.
    """

    location: float
    scale: float
    unit: Unit = "outcome"

    def __str__(self) -> str:
        """As it is typed."""
        unit = "" if self.unit == "outcome" else f", {self.unit}"
        return f"normal({self.location:.6g}, {self.scale:.6g}{unit})"

    def times(self, factor: float) -> NormalPrior:
        """The same prior in the outcome's unit, of which its own is ``factor``."""
        return NormalPrior(factor * self.location + 0.0, factor * self.scale)


def is_normal(text: str) -> bool:
    """Whether a prior is typed as a distribution, not named."""
    return _FORM.fullmatch(text) is not None


def parse_normal(text: str) -> NormalPrior:
    """Read ``normal(0, 2)`` or ``normal(0, 0.5, sd)``.

    Raises
    ------
    UsageError
        If it is not of this form, a number is not finite or the scale is not above 0.
    """
    found = _FORM.fullmatch(text)
    parts = [part.strip() for part in found.group(1).split(",")] if found else []
    if len(parts) not in (2, 3):
        raise UsageError(f"prior {text!r}: {EXPECTED}")
    numbers = []
    for name, part in zip(("location", "scale"), parts[:2], strict=True):
        try:
            numbers.append(float(part))
        except ValueError as error:
            raise UsageError(f"prior {text!r}: {name} {part!r} is no number; {EXPECTED}") from error
        if not isfinite(numbers[-1]):
            raise UsageError(f"prior {text!r}: {name} {part!r} is not finite")
    location, scale = numbers
    if scale <= 0:
        raise UsageError(f"prior {text!r}: scale {scale:g} is not above 0")
    unit = parts[2].lower() if len(parts) == 3 else "outcome"
    if unit not in ("outcome", "sd", "mcid"):
        raise UsageError(f"prior {text!r}: unit {parts[2]!r}; there are sd, mcid and outcome")
    return NormalPrior(location, scale, unit)  # type: ignore[arg-type]


def worth_in_patients(scale: float, error: float, patients: float) -> float:
    """Patients whose data would say as much of an effect as a normal prior does.

    An estimate from ``patients`` has the standard error ``error``, one from ``m`` patients ``error
    sqrt(patients / m)``; the prior's scale is that of ``m = patients (error / scale)^2``, divided
    over the arms as the study's. The prior effective sample size of a normal prior and a normal
    estimate (Neuenschwander et al. 2020, Biometrics 76:578).
    """
    return patients * (error / scale) ** 2


def zampieri_presets(
    expected: float, sceptical_unit: float, sign: float = 1.0
) -> list[tuple[str, NormalPrior]]:
    """Priors that Zampieri et al. 2021 (Am J Respir Crit Care Med 203:543) propose for any trial.

    Optimistic: centred at the benefit that was expected, with a chance of harm of 30, 15 or 5 %;
    pessimistic: its mirror; sceptical: about no effect, with the SDs of ``SCEPTICAL_LOG_ODDS``.

    Parameters
    ----------
    expected : float
        The benefit that was expected, above 0: the MCID, or a halved odds.
    sceptical_unit : float
        What one log odds ratio is in the unit of the effect.
    sign : float
        -1 where a benefit is negative.
    """
    found = []
    for strength, log_odds in SCEPTICAL_LOG_ODDS.items():
        prior = NormalPrior(0.0, log_odds * sceptical_unit)
        found.append((f"sceptical, {strength}", rounded(prior)))
    for belief, side in (("optimistic", sign), ("pessimistic", -sign)):
        for strength, against in AGAINST.items():
            prior = NormalPrior(side * expected, expected / float(special.ndtri(1 - against)))
            found.append((f"{belief}, {strength}", rounded(prior)))
    return found


def rounded(prior: NormalPrior) -> NormalPrior:
    """The prior with numbers of four digits."""
    location, scale = (
        float(f"{value:.{DIGITS}g}") + 0.0 for value in (prior.location, prior.scale)
    )
    return NormalPrior(location, scale, prior.unit)
