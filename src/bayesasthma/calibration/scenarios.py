"""Patients who break the model's assumptions, with the true effect that an interval should cover.

Patients are in units of the control arm's baseline SD unless a scenario has units of its own. The
effect sets in at the first follow-up visit and stays; the trajectory improves in both arms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from bayesasthma.calibration.cases import DWINDLING, PAPER

Sizes = tuple[tuple[int, ...], ...]
#: Standard normal noise (study, arm, patient, visit), correlated over visits, to patients.
Transform = Callable[[np.ndarray], np.ndarray]
#: Patients to the order in which they leave: the largest first.
Leaving = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]

TRAJECTORY = np.array([0.0, 0.3, 0.4, 0.5])
EFFECT = np.array([0.0, 0.5, 0.5, 0.5])
#: The within-patient correlation where a scenario is not about it: near the prior's centre.
USUAL_RHO = 0.6
POPULATION = 400_000


def shifted(noise: np.ndarray, imbalance: float = 0.0, rho: float = USUAL_RHO) -> np.ndarray:
    """Noise about the trajectories; a baseline imbalance regresses to the mean with ``rho``."""
    carried: np.ndarray = imbalance * np.array([1.0, rho, rho, rho])
    patients: np.ndarray = noise + np.stack([TRAJECTORY, TRAJECTORY + EFFECT + carried])[:, None, :]
    return patients


def _log_normal(sigma: float) -> Transform:
    mean, sd = np.exp(sigma**2 / 2), np.exp(sigma**2 / 2) * np.sqrt(np.expm1(sigma**2))
    return lambda noise: shifted((np.exp(sigma * noise) - mean) / sd)


def _act(noise: np.ndarray) -> np.ndarray:
    """Asthma Control Test: whole points from 5 to 25; a third of treated patients near the top."""
    return np.asarray(np.clip(np.round(19 + 4 * shifted(noise)), 5, 25))


def _aqlq(noise: np.ndarray) -> np.ndarray:
    """Asthma Quality of Life Questionnaire: 1 to 7, many patients at 7."""
    return np.asarray(np.clip(6 + shifted(noise), 1, 7))


def _unequal_sds(noise: np.ndarray) -> np.ndarray:
    return shifted(noise * np.array([1.0, 2.0])[:, None, None])


def at_random(rng: np.random.Generator, patients: np.ndarray, visit: int) -> np.ndarray:
    """Completely at random."""
    del visit
    return rng.random(patients.shape[:-1])


def after_a_bad_visit(rng: np.random.Generator, patients: np.ndarray, visit: int) -> np.ndarray:
    """At random given what was seen: patients who were worse at the visit before leave more."""
    return rng.gumbel(size=patients.shape[:-1]) - 1.5 * patients[..., visit - 1]


def when_worse(rng: np.random.Generator, patients: np.ndarray, visit: int) -> np.ndarray:
    """Not at random: patients who would be worse at the visit stay away; treated ones alone."""
    own = np.array([0.0, 1.5])[:, None] * patients[..., visit]
    return np.asarray(rng.gumbel(size=patients.shape[:-1]) - own)


@dataclass(frozen=True)
class Scenario:
    """One way to break the assumptions.

    Attributes
    ----------
    name, title : str
    transform : callable
    rho : tuple of float
        Correlation between any two visits, of each arm.
    n : tuple
        Patients of each arm, or of each arm at each visit.
    leaving : callable or None
        Who is lost between visits.
    print_errors : bool
        The table prints standard errors as SDs.
    tails : float
        Degrees of freedom of a multivariate t distribution; infinite for normal.
    unit : float
        Baseline SD in the patients' unit.
    """

    name: str
    title: str
    transform: Transform = field(default=shifted, compare=False)
    rho: tuple[float, float] = (USUAL_RHO, USUAL_RHO)
    n: Sizes = ((PAPER[0],), (PAPER[1],))
    leaving: Leaving | None = field(default=None, compare=False)
    print_errors: bool = False
    tails: float = float("inf")
    unit: float = 1.0

    def everybody(self, rng: np.random.Generator, studies: int, n: tuple[int, int]) -> np.ndarray:
        """Patients before anyone leaves (study, arm, patient, visit); NaN beyond an arm's size."""
        shape = (studies, 2, max(n))
        rho = np.array(self.rho)[:, None, None]
        common = rng.standard_normal((*shape, 1))
        noise = np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.standard_normal((*shape, 4))
        if np.isfinite(self.tails):
            # scaled to a variance of 1
            mixing = rng.chisquare(self.tails, (*shape, 1)) / (self.tails - 2)
            noise = noise / np.sqrt(mixing)
        patients = self.transform(noise)
        return np.where(np.arange(max(n))[:, None] < np.array(n)[:, None, None], patients, np.nan)

    def patients(self, rng: np.random.Generator, studies: int) -> np.ndarray:
        """Patients seen (study, arm, patient, visit), NaN where not."""
        sizes = [np.broadcast_to(own, 4) for own in self.n]
        found = self.everybody(rng, studies, (int(sizes[0][0]), int(sizes[1][0])))
        if self.leaving is None:
            return found
        whole = found.copy()
        for visit in range(1, 4):
            left = np.isnan(found[..., visit - 1])
            order = np.where(left, np.inf, self.leaving(rng, whole, visit))
            rank = np.argsort(np.argsort(-order, axis=-1), axis=-1)  # 0 leaves first
            patients = found.shape[2]
            for arm, own in enumerate(sizes):
                gone = rank[:, arm] < patients - int(own[visit])
                found[:, arm, :, visit][gone] = np.nan
        return found

    @property
    def truth(self) -> float:
        """Baseline-adjusted difference at the last visit, in a large population nobody leaves."""
        return _truth(self.name)


@lru_cache(maxsize=32)
def _truth(name: str) -> float:
    scenario = scenario_of(name)
    rng = np.random.default_rng(1)
    patients = scenario.everybody(rng, 1, (POPULATION, POPULATION))[0]
    mean = patients.mean(axis=1)
    centred = patients - mean[:, None]
    covariance = (centred[..., 0] * centred[..., -1]).mean(axis=1)
    weight = np.array(PAPER) - 1
    slope = (weight * covariance).sum() / (weight * centred[..., 0].var(axis=1)).sum()
    difference = mean[1] - mean[0]
    return float(difference[-1] - slope * difference[0])


def _imbalanced(rho: float) -> Transform:
    return lambda noise: shifted(noise, 1.0, rho)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("normal", "Every assumption holds"),
    Scenario("log-normal", "Skewed patients: log-normal, skewness 1.8", _log_normal(0.5)),
    Scenario("log-normal-strong", "Very skewed patients: skewness 6", _log_normal(1.0)),
    Scenario("heavy-tails", "Heavy tails: t with 3 degrees of freedom", tails=3.0),
    Scenario("act", "Whole points from 5 to 25, as ACT", _act, unit=4.0),
    Scenario("aqlq", "Ceiling at 7, as AQLQ", _aqlq),
    Scenario("rho-low", "True correlation 0.05", rho=(0.05, 0.05)),
    Scenario("rho-high", "True correlation 0.97", rho=(0.97, 0.97)),
    Scenario(
        "rho-low-imbalance",
        "True correlation 0.05, arms one SD apart at baseline",
        _imbalanced(0.05),
        rho=(0.05, 0.05),
    ),
    Scenario(
        "rho-high-imbalance",
        "True correlation 0.97, arms one SD apart at baseline",
        _imbalanced(0.97),
        rho=(0.97, 0.97),
    ),
    Scenario("rho-by-arm", "Correlation 0.2 in one arm, 0.9 in the other", rho=(0.2, 0.9)),
    Scenario("sd-by-arm", "SD twice as large in the treated arm", _unequal_sds),
    Scenario("se-as-sd", "Standard errors printed as SDs", print_errors=True),
    Scenario("dropout-mcar", "A third lost, at random", n=DWINDLING, leaving=at_random),
    Scenario(
        "dropout-mar", "A third lost, after a bad visit", n=DWINDLING, leaving=after_a_bad_visit
    ),
    Scenario(
        "dropout-mnar",
        "A third lost, treated patients when worse",
        n=DWINDLING,
        leaving=when_worse,
    ),
)


def scenario_of(name: str) -> Scenario:
    """The scenario called ``name``."""
    return next(own for own in SCENARIOS if own.name == name)
