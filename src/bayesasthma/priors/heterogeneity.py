"""Priors of the heterogeneity, the SD of true effects between studies: a registry with sources."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesasthma._files.toml import parse_toml
from bayesasthma.errors import UsageError

FloatArray = NDArray[np.float64]

#: Parameters of each family, all of them of tau itself.
FAMILIES = {
    "half-normal": ("scale",),
    "half-cauchy": ("scale",),
    "half-t": ("df", "scale"),
    "log-normal": ("location", "scale"),
    "log-t": ("df", "location", "scale"),
    "uniform": ("upper",),
}
LOG_ODDS_RATIO, SMD = "log odds ratio", "standardised mean difference"
_TEXT = re.compile(r"\s*([a-z-]+)\s*\(([^()]*)\)\s*")


@dataclass(frozen=True)
class HeterogeneityPrior:
    """A prior of tau, the SD of true effects between studies.

    Attributes
    ----------
    name : str
        As in the registry, or the text that it was given as.
    family : {"half-normal", "half-cauchy", "half-t", "log-normal", "log-t", "uniform"}
    parameters : tuple of float
        Of tau (never of its square), in the order of ``FAMILIES[family]``: scale; df and scale;
        location and scale of log tau; df, location and scale of log tau; upper limit.
    source : str
        Citation; of a prior given as a text, that it was chosen by the user.
    scale : str
        What the effects are measured in: ``LOG_ODDS_RATIO``, ``SMD``, or empty for whatever the
        user says.
    setting : str
        Outcomes and comparisons that it is for.
    checked : str
        What its numbers were compared with.
    verified : bool
        Whether they were.
    """

    name: str
    family: str
    parameters: tuple[float, ...]
    source: str = "chosen by the user"
    scale: str = ""
    setting: str = ""
    checked: str = ""
    verified: bool = True

    def __post_init__(self) -> None:
        names = FAMILIES.get(self.family)
        if names is None:
            raise UsageError(
                f"heterogeneity prior of family {self.family!r}: expected one of "
                f"{', '.join(FAMILIES)}"
            )
        if len(names) != len(self.parameters):
            raise UsageError(
                f"{self.family} heterogeneity prior with {len(self.parameters)} parameters: "
                f"expected {self.family}({', '.join(names)})"
            )
        for name, value in zip(names, self.parameters, strict=True):
            if not isfinite(value) or (name != "location" and value <= 0):
                expected = "a number" if name == "location" else "a positive number"
                raise UsageError(
                    f"{self.family} heterogeneity prior, {name} = {value:g}: expected {expected}"
                )

    def log_density(self, tau: ArrayLike) -> FloatArray:
        """Log-density at ``tau`` (any shape), minus infinity below 0."""
        tau = np.asarray(tau, dtype=float)
        inside = np.where(tau > 0, tau, 1.0)
        if self.family == "uniform":
            (upper,) = self.parameters
            return np.where((tau >= 0) & (tau <= upper), -np.log(upper), -np.inf)
        z = self._standardised(inside if self._is_log else np.maximum(tau, 0.0))
        log_scale = np.log(self.parameters[-1])
        value = student_log_density(z, self._df) - log_scale
        if self._is_log:
            return np.where(tau > 0, value - np.log(inside), -np.inf)
        return np.where(tau >= 0, value + np.log(2.0), -np.inf)

    def cdf(self, tau: ArrayLike) -> FloatArray:
        """Probability of a heterogeneity of at most ``tau`` (any shape)."""
        from scipy import special

        tau = np.asarray(tau, dtype=float)
        if self.family == "uniform":
            return np.clip(tau / self.parameters[0], 0.0, 1.0)
        inside = np.where(tau > 0, tau, 1.0)
        z, df = self._standardised(inside), self._df
        below = special.ndtr(z) if np.isinf(df) else special.stdtr(df, z)
        return np.where(tau > 0, below if self._is_log else 2 * below - 1, 0.0)

    def quantile(self, p: ArrayLike) -> FloatArray:
        """Heterogeneity that is not exceeded with probability ``p`` (any shape)."""
        from scipy import special

        p = np.asarray(p, dtype=float)
        if self.family == "uniform":
            return np.asarray(p * self.parameters[0])
        below = p if self._is_log else 0.5 + p / 2
        df = self._df
        z = special.ndtri(below) if np.isinf(df) else special.stdtrit(df, below)
        scale = self.parameters[-1]
        return np.asarray(np.exp(self.parameters[-2] + scale * z) if self._is_log else scale * z)

    def rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Independent draws of tau, of shape ``size``."""
        return self.quantile(rng.uniform(size=size))

    def rescaled(self, factor: float) -> HeterogeneityPrior:
        """The prior of ``factor`` times tau, as when effects change their unit; ``factor`` > 0."""
        *rest, last = self.parameters
        if self._is_log:
            *rest, location = rest
            parameters = (*rest, location + float(np.log(factor)), last)
        else:
            parameters = (*rest, last * factor)
        return replace(self, parameters=parameters)

    def describe(self) -> str:
        """Formula of the distribution of tau, as text."""
        numbers = ", ".join(f"{value:.4g}" for value in self.parameters)
        return f"{self.family}({numbers})"

    @property
    def _is_log(self) -> bool:
        return self.family in ("log-normal", "log-t")

    @property
    def _df(self) -> float:
        if self.family == "half-cauchy":
            return 1.0
        return self.parameters[0] if self.family in ("half-t", "log-t") else np.inf

    def _standardised(self, tau: FloatArray) -> FloatArray:
        if self._is_log:
            return np.asarray((np.log(tau) - self.parameters[-2]) / self.parameters[-1])
        return np.asarray(tau / self.parameters[-1])


def student_log_density(z: FloatArray, df: float) -> FloatArray:
    """Log-density of a standard Student t distribution at ``z`` (any shape), normal at infinity."""
    from scipy import special

    if not isfinite(df):
        return np.asarray(-0.5 * z**2 - 0.5 * np.log(2 * np.pi))
    return np.asarray(
        special.gammaln((df + 1) / 2)
        - special.gammaln(df / 2)
        - 0.5 * np.log(df * np.pi)
        - (df + 1) / 2 * np.log1p(z**2 / df)
    )


def heterogeneity_prior(text: str, *, allow_unverified: bool = False) -> HeterogeneityPrior:
    """A prior of the heterogeneity by name or by formula.

    Parameters
    ----------
    text : str
        A name of the registry, or a formula of tau such as ``half-normal(0.5)``,
        ``half-cauchy(0.5)``, ``half-t(4, 0.5)``, ``log-normal(-1.28, 0.87)``,
        ``log-t(5, -1.72, 1.295)`` or ``uniform(2)``.
    allow_unverified : bool
        Also give priors whose numbers were not compared with a source.

    Raises
    ------
    UsageError
        If there is no such name or family, a parameter is not what it must be, or the prior is
        unverified.
    """
    known = {prior.name: prior for prior in heterogeneity_registry()}
    name = str(text).strip()
    if name in known:
        prior = known[name]
        if not prior.verified and not allow_unverified:
            raise UsageError(
                f"heterogeneity prior {name!r}: its numbers were not checked against "
                f"{prior.source}; write {prior.describe()} to use it as a choice of your own"
            )
        return prior
    found = _TEXT.fullmatch(name)
    if found is None:
        raise UsageError(
            f"unknown heterogeneity prior {name!r}: expected FAMILY(NUMBERS) with "
            f"{', '.join(FAMILIES)}, or a name such as friede-0.5, "
            "turner-adverse-events-drug-control or rhodes-respiratory-symptoms-drug-control"
        )
    numbers = []
    for part in found[2].split(","):
        try:
            numbers.append(float(part))
        except ValueError:
            raise UsageError(
                f"heterogeneity prior {name!r}: found {part.strip()!r}, expected a number"
            ) from None
    return HeterogeneityPrior(name, found[1], tuple(numbers))


@cache
def heterogeneity_registry() -> tuple[HeterogeneityPrior, ...]:
    """The named priors, in the order of ``heterogeneity.toml``, all as priors of tau.

    Notes
    -----
    A log-normal or log-t prior of tau squared is one of tau with half the location and half the
    scale.
    """
    text = (files("bayesasthma.priors") / "heterogeneity.toml").read_text(encoding="utf-8")
    found = []
    for group in parse_toml(text)["group"]:
        for entry in group["priors"]:
            numbers = [float(value) for value in entry["parameters"]]
            if group["on"] == "tau^2":
                numbers[-2:] = [value / 2 for value in numbers[-2:]]
            found.append(
                HeterogeneityPrior(
                    entry["name"],
                    group["family"],
                    tuple(numbers),
                    group["source"],
                    group["scale"],
                    entry["setting"],
                    group["checked"],
                    not group.get("unverified", False),
                )
            )
    return tuple(found)
