"""Whether a new trial would confirm a finding: its power averaged over the posterior.

Assurance (O'Hagan, Stevens and Campbell 2005, Pharm Stat 4:187; Spiegelhalter and Freedman 1986,
Stat Med 5:1): the power at each draw of effect and SD, averaged. As the trial grows it does not
tend to 1 but to the posterior probability that there is what the trial looks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

#: Most patients an arm that are looked at.
MOST = 100_000
#: Fewest, with which an analysis of covariance has an error.
FEWEST = 4
#: Points at which power is computed, between which it is interpolated, and its range in
#: noncentralities about the critical value.
POINTS, BELOW, ABOVE = 161, 6.0, 6.0


@dataclass(frozen=True)
class NewTrial:
    """A randomised trial of two arms of the same size.

    Attributes
    ----------
    n : int
        Patients an arm.
    level : float
        Of the two-sided test; it succeeds in the direction of benefit alone.
    adjusted : bool
        Whether it is an analysis of covariance on the baseline; else Student's t test.
    """

    n: int
    level: float = 0.05
    adjusted: bool = True

    @property
    def freedom(self) -> float:
        """Degrees of freedom."""
        return 2 * self.n - (3 if self.adjusted else 2)

    @property
    def unit_error(self) -> float:
        """Standard error of the effect over the SD of a patient about the regression.

        ``sqrt(2/n)``; adjusted, also for the chance imbalance of the baseline, whose square over
        the baseline's sum of squares within arms is ``(2/n) / (2n - 4)`` on average (Shieh 2020,
        Psychometrika 85:101).
        """
        chance = 1 / (2 * self.n - 4) if self.adjusted else 0.0
        return float(np.sqrt(2 / self.n * (1 + chance)))

    @property
    def critical(self) -> float:
        """Value that Student's t has to exceed."""
        return float(special.stdtrit(self.freedom, 1 - self.level / 2))


def power(
    benefit: np.ndarray, sd: np.ndarray, trial: NewTrial, sceptic: float = np.inf
) -> np.ndarray:
    """Chance that a trial succeeds, for every draw of what is true.

    Parameters
    ----------
    benefit : ndarray, shape (...)
        Effect signed so that positive is a benefit, less what the trial has to show (plus the
        margin, for non-inferiority).
    sd : ndarray, shape (...)
        SD of a patient about the regression on baseline, pooled over the arms.
    trial : NewTrial
    sceptic : float
        SD of a normal prior about 0 under which the new data alone are judged, by ``P(benefit) >=
        1 - level/2``. Without one that is the test. The critical value is ``sqrt(1 + SE^2/s^2)``
        times Student's, at the standard error expected.

    Returns
    -------
    ndarray, shape (...)
        ``P(T > critical)`` of a noncentral t, interpolated to 2e-4 or better.
    """
    error = sd * trial.unit_error
    expected = float(np.sqrt(np.mean(np.square(error))))
    critical = trial.critical * float(np.sqrt(1 + (expected / sceptic) ** 2))
    grid = critical + np.linspace(-BELOW, ABOVE * max(1.0, critical / 3), POINTS)
    chance = 1 - special.nctdtr(trial.freedom, grid, critical)
    found: np.ndarray = np.interp(benefit / error, grid, chance, left=0.0, right=1.0)
    return found


def needed(
    benefit: np.ndarray, sd: np.ndarray, target: float, level: float, adjusted: bool
) -> float:
    """Fewest patients an arm for an assurance of at least ``target``.

    Returns
    -------
    float
        Infinity where none is enough: the assurance has a limit, the share of draws with a
        benefit; NaN where it takes more than `MOST`.
    """
    if np.mean(benefit > 0) <= target:
        return float("inf")

    def reaches(n: int) -> bool:
        return float(power(benefit, sd, NewTrial(n, level, adjusted)).mean()) >= target

    if not reaches(MOST):
        return float("nan")
    low, high = FEWEST - 1, FEWEST
    while not reaches(high):
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return float(high)
