"""Intervals as printed: whether their ends are equally far from the estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesasthma.frequentist import Rounded, rounded

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


@dataclass(frozen=True)
class PrintedInterval:
    """An estimate with the two ends of its interval.

    Attributes
    ----------
    estimate, low, high : Rounded
    level : float
        Of confidence.
    alone : bool
        Whether no SD or standard error is printed beside it.
    """

    estimate: Rounded
    low: Rounded
    high: Rounded
    level: float = 0.95
    alone: bool = True

    @property
    def arms(self) -> tuple[float, float]:
        """Distance of the estimate from the lower and from the upper end, as printed."""
        middle = float(self.estimate.value)
        return middle - float(self.low.value), float(self.high.value) - middle

    @property
    def lopsided(self) -> bool:
        """Whether no numbers that print as shown make the two distances equal."""
        below, above = self.arms
        slack = float(self.low.step + self.high.step) / 2 + float(self.estimate.step)
        return abs(above - below) > slack * (1 + 1e-9) + 1e-12

    @property
    def symmetric_on_logs(self) -> bool:
        """Whether the distances can be equal on the log scale, as for ratios."""
        if not float(self.low.low) > 0:
            return False
        logs = [
            (np.log(float(x.low)), np.log(float(x.high)))
            for x in (self.estimate, self.low, self.high)
        ]
        (m0, m1), (l0, l1), (h0, h1) = logs
        return bool(l0 + h0 <= 2 * m1 + 1e-12 and 2 * m0 - 1e-12 <= l1 + h1)

    def excludes(self, value: float) -> bool | None:
        """Whether a value lies outside; None where the rounding of an end leaves it open."""
        if value < float(self.low.low) or value > float(self.high.high):
            return True
        if float(self.low.high) < value < float(self.high.low):
            return False
        return None


def printed_intervals(study: Study) -> dict[tuple[str, str, str, str], PrintedInterval]:
    """Intervals of means and mean changes by outcome, arm, visit and statistic.

    Those of geometric means are left out: their ends are not equally far from the estimate.
    """
    found = {}
    for row in study.summaries.to_dict("records"):
        if row["statistic"] == "geometric_mean" or not np.isfinite(row["ci_low"]):
            continue
        found[row["outcome"], row["arm"], row["visit"], row["statistic"]] = PrintedInterval(
            rounded(row["mean"], row["mean_step"]),
            rounded(row["ci_low"], row["ci_step"]),
            rounded(row["ci_high"], row["ci_step"]),
            row["ci_prob"],
            alone=bool(np.isnan([row["sd"], row["se"]]).all()),
        )
    return found
