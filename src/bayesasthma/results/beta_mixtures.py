"""Mixtures of beta distributions: priors of a rate that stay conjugate to binomial counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import integrate, optimize, special, stats

#: Iterations of the EM algorithm, and the gain in mean log-density at which it stops.
EM_ITERATIONS, EM_TOLERANCE = 2000, 1e-9
#: Shape from which the beta's functions lose the digits of a probability.
LARGE = 1e7


@dataclass(frozen=True)
class BetaMixture:
    """``sum_k weights[k] Beta(a[k], b[k])``: what is believed of the rate of an event.

    Parameters
    ----------
    weights, a, b : sequence of float
        Of the components; the weights are positive and sum to one.

    Raises
    ------
    ValueError
        If they do not match, or a parameter is not positive.
    """

    weights: tuple[float, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("weights", "a", "b"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        if not len(self.weights) == len(self.a) == len(self.b) >= 1:
            raise ValueError("weights, a and b have one entry per component")
        if min(*self.weights, *self.a, *self.b) <= 0 or abs(sum(self.weights) - 1) > 1e-6:
            raise ValueError("a and b are positive, and the weights positive with sum one")

    def pdf(self, rate: Any) -> np.ndarray:
        """Density at ``rate``, any shape."""
        return self._sum(stats.beta.pdf, rate)

    def cdf(self, rate: Any) -> np.ndarray:
        """P(rate below), any shape."""
        return self._sum(stats.beta.cdf, rate)

    def _sum(self, function: Any, rate: Any) -> np.ndarray:
        parts = function(np.asarray(rate, dtype=float)[..., None], np.array(self.a), self.b)
        return np.asarray(parts @ np.array(self.weights))

    def quantile(self, probability: float) -> float:
        """The rate that lies below with ``probability``."""
        low = min(stats.beta.ppf(probability, a, b) for a, b in zip(self.a, self.b, strict=True))
        high = max(stats.beta.ppf(probability, a, b) for a, b in zip(self.a, self.b, strict=True))

        def excess(rate: float) -> float:
            return float(self.cdf(rate)) - probability

        # Components that agree on the quantile bracket it only up to rounding.
        for end, sign in ((low, 1), (high, -1)):
            if sign * excess(end) >= 0:
                return float(end)
        # Relative, not absolute, precision: with a < 1 much of the mass lies within 1e-10 of zero.
        return float(optimize.brentq(excess, low, high, xtol=1e-300, maxiter=1000))

    @property
    def mean(self) -> float:
        """Expected rate."""
        a, b, weights = np.array(self.a), np.array(self.b), np.array(self.weights)
        return float(np.sum(weights * a / (a + b)))

    @property
    def sd(self) -> float:
        """Standard deviation of the rate."""
        a, b, weights = np.array(self.a), np.array(self.b), np.array(self.weights)
        second = np.sum(weights * a * (a + 1) / ((a + b) * (a + b + 1)))
        return float(np.sqrt(second - self.mean**2))

    def posterior(self, events: int, n: int) -> BetaMixture:
        """The mixture after ``events`` of ``n`` patients have had the event.

        Each component is updated as a beta prior, and its weight by how well it predicted the count
        (Schmidli et al. 2014, Biometrics 70:1023, section 2.3).

        Raises
        ------
        ValueError
            If ``events`` is not between 0 and ``n``.
        """
        if not 0 <= events <= n:
            raise ValueError(f"events lie between 0 and n, not {events} of {n}")
        a, b = np.array(self.a), np.array(self.b)
        log_weight = np.log(self.weights)
        log_weight = log_weight + special.betaln(a + events, b + n - events) - special.betaln(a, b)
        weights = special.softmax(log_weight)
        kept = weights > 0
        weights = weights[kept] / weights[kept].sum()
        return BetaMixture(tuple(weights), tuple((a + events)[kept]), tuple((b + n - events)[kept]))

    def robust(self, weight: float = 0.2, mean: float = 0.5) -> BetaMixture:
        """Add a component worth one patient, in case the new study is unlike the earlier ones.

        Parameters
        ----------
        weight : float
            Of the added component: prior probability that the earlier studies do not apply.
        mean : float
            Of the added component; 0.5 makes it uniform.

        Notes
        -----
        Schmidli et al. 2014, Biometrics 70:1023, section 2.3, with the unit-information prior
        ``Beta(2 mean, 2 (1 - mean))``.
        """
        return BetaMixture(
            (*(w * (1 - weight) for w in self.weights), weight),
            (*self.a, 2 * mean),
            (*self.b, 2 * (1 - mean)),
        )


def probability_less(first: BetaMixture | Any, second: BetaMixture | Any) -> float:
    """P(first < second) of two independent rates, to 1e-10; to 1e-6 where all shapes are above 1e7.

    Parameters
    ----------
    first, second : BetaMixture, or a frozen ``scipy.stats.beta``
        Such as the posteriors of two arms.

    Returns
    -------
    float
        By adaptive quadrature over the quantiles of ``second``, so that no density is unbounded.
        Of more events and patients without it than `LARGE` in both, where the beta's functions have
        not enough digits, by the expansion of Edgeworth of their difference to the skewness (Hall
        1992, The Bootstrap and Edgeworth Expansion, section 2.2).
    """
    if isinstance(second, BetaMixture):
        parts = zip(second.weights, second.a, second.b, strict=True)
        return float(sum(w * probability_less(first, stats.beta(a, b)) for w, a, b in parts))
    if not isinstance(first, BetaMixture):
        (a, b), (c, d) = first.args, second.args
        if min(a, b, c, d) > LARGE:
            return _nearly_normal_less(first, second)
        if c > LARGE and c > d:  # quantiles near 0 have more digits than those near 1
            first, second = stats.beta(d, c), stats.beta(b, a)
    # without its warnings: of large counts a probability next to 0 or 1 is a step to quadrature
    value, *_ = integrate.quad(
        lambda u: float(first.cdf(second.ppf(u))),
        *(0, 1), epsabs=1e-12, epsrel=1e-10, limit=400, full_output=True,
    )  # fmt: skip
    return float(value)


def _nearly_normal_less(first: Any, second: Any) -> float:
    moments = [[float(m) for m in rate.stats("mvs")] for rate in (first, second)]
    (mean, variance, skewness), (other, also, leaning) = moments
    spread = math.sqrt(variance + also)
    z = (other - mean) / spread
    skew = (skewness * variance**1.5 - leaning * also**1.5) / spread**3
    density = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return float(np.clip(special.ndtr(z) - skew / 6 * (z**2 - 1) * density, 0.0, 1.0))


def fit_beta_mixture(rates: np.ndarray, components: int) -> BetaMixture:
    """The mixture of ``components`` betas with the highest likelihood for ``rates``, by EM.

    Parameters
    ----------
    rates : ndarray, shape (point,)
        Draws, or equally probable quantiles, strictly between 0 and 1.
    components : int

    Notes
    -----
    Starts from slices of the sorted rates, so the answer depends on nothing random. Dempster, Laird
    and Rubin 1977, J R Stat Soc B 39:1; the M step solves each component's likelihood equations.
    """
    rates = np.sort(np.asarray(rates, dtype=float))
    logs = np.stack([np.log(rates), np.log1p(-rates)], axis=-1)
    a, b = np.empty(components), np.empty(components)
    for k, piece in enumerate(np.array_split(rates, components)):
        mean, variance = piece.mean(), max(piece.var() * components, 1e-6)
        size = max(mean * (1 - mean) / variance - 1, 1.0)
        a[k], b[k] = size * mean, size * (1 - mean)
    weights, previous = np.full(components, 1 / components), -np.inf
    for _ in range(EM_ITERATIONS):
        log_density = (
            np.log(weights) + (a - 1) * logs[:, :1] + (b - 1) * logs[:, 1:] - special.betaln(a, b)
        )
        total = special.logsumexp(log_density, axis=1)
        share = np.exp(log_density - total[:, None])
        weights = np.maximum(share.mean(axis=0), 1e-12)
        a, b = _maximise(a, b, (share.T @ logs) / share.sum(axis=0)[:, None])
        if total.mean() - previous < EM_TOLERANCE:
            break
        previous = total.mean()
    return BetaMixture(tuple(weights / weights.sum()), tuple(a), tuple(b))


def _maximise(a: np.ndarray, b: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve ``digamma(a) - digamma(a + b) = target[0]``, and likewise for ``b``, by Newton."""
    for _ in range(50):
        gradient_a = target[:, 0] - special.digamma(a) + special.digamma(a + b)
        gradient_b = target[:, 1] - special.digamma(b) + special.digamma(a + b)
        both = special.polygamma(1, a + b)
        h_aa, h_bb = special.polygamma(1, a) - both, special.polygamma(1, b) - both
        determinant = h_aa * h_bb - both**2
        step_a = (h_bb * gradient_a + both * gradient_b) / determinant
        step_b = (h_aa * gradient_b + both * gradient_a) / determinant
        a = a * np.exp(np.clip(step_a / a, -1, 1))
        b = b * np.exp(np.clip(step_b / b, -1, 1))
        if np.max(np.abs(step_a / a) + np.abs(step_b / b)) < 1e-10:
            break
    return a, b
