"""What the prior of a quoted effect is worth, and what became of its external part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesasthma.inference.fitting import Fit
from bayesasthma.inference.reopened import spec_of
from bayesasthma.models.design import Design, design
from bayesasthma.models.moments import effect_priors
from bayesasthma.priors.distributions import EffectPrior
from bayesasthma.results.prior_worth import component_weights, prior_patients

#: Estimands that the prior of the treatment effect is about.
ABOUT_THE_EFFECT = ("adjusted_difference", "difference", "difference_in_change")


@dataclass(frozen=True)
class PriorShare:
    """What is said of a prior beside a quoted effect.

    Attributes
    ----------
    patients : float
        Its effective sample size in patients of the study; NaN where it is not defined.
    external_prior, external_posterior : float
        Weight of the external part before and after the data; NaN without one.
    """

    patients: float = float("nan")
    external_prior: float = float("nan")
    external_posterior: float = float("nan")

    def sentence(self) -> str:
        """In words; blank where there is nothing to say."""
        parts = []
        if np.isfinite(self.patients):
            parts.append(
                "the prior is flat, and worth no patient"
                if self.patients == 0
                else f"the prior of the effect is worth {_patients(self.patients)} of this study"
            )
        if np.isfinite(self.external_posterior):
            parts.append(
                f"its external part had a weight of {self.external_prior:.2g} before the data and "
                "has "
                f"{_weight(self.external_posterior)} after them"
            )
        text = "; ".join(parts)
        return f" {text[:1].upper()}{text[1:]}." if text else ""


def _patients(size: float) -> str:
    if size < 0.1:
        return "less than 0.1 patients"
    return f"{size:.2g} patients" if size < 10 else f"{size:.0f} patients"


def _weight(share: float) -> str:
    return (
        f"{share:.2f}"
        if 0.005 < share < 0.995
        else "less than 0.01"
        if share < 0.5
        else "over 0.99"
    )


class PriorShares:
    """`PriorShare` of the quoted effects of one fit, worked out once for each outcome.

    Parameters
    ----------
    fit : Fit
    """

    def __init__(self, fit: Fit) -> None:
        self.fit, self.spec = fit, spec_of(fit)
        names = [str(name) for name in fit.moments["outcome"].to_numpy()]
        self.layout: Design = design(fit.study, names, as_table=self.spec.model == "independent")
        self.priors: list[EffectPrior] = effect_priors(self.layout, self.spec)

    def of(self, outcome: str, arm: str, visit: str, estimand: str) -> PriorShare:
        """What the prior of one effect is worth; nothing for an estimand that it is not about."""
        if estimand not in ABOUT_THE_EFFECT or visit not in self.fit.study.follow_up:
            return PriorShare()
        k = self.layout.outcomes.index(outcome)
        prior, unit = self.priors[k], float(self.layout.scale[k])
        error, patients = standard_error(self.fit, outcome, arm, visit)
        worth = prior_patients(prior.times(unit), error, patients)
        before = after = float("nan")
        if len(prior.components) > 1 and self.layout.external is not None \
                and np.isfinite(self.layout.external[k, 0]):  # fmt: skip
            before, after = prior.components[0].weight, self._external(k, prior)
        return PriorShare(worth, before, after)

    def _external(self, outcome: int, prior: EffectPrior) -> float:
        posterior = self.fit.data["posterior"].to_dataset()
        if "effect" not in posterior:
            return float("nan")
        effect = posterior["effect"].isel(outcome=outcome)
        draws = effect.transpose("chain", "draw", "treated", "follow_up").to_numpy()
        draws = draws.reshape(-1, *draws.shape[2:])
        if "pooling" in posterior:
            share = posterior["pooling"].isel(outcome=outcome).to_numpy().ravel()
        else:
            share = np.zeros(len(draws))
        return float(component_weights(prior, draws, share)[0])


def standard_error(fit: Fit, outcome: str, arm: str, visit: str) -> tuple[float, float]:
    """Standard error of a study's own estimate of an effect, and the patients of both arms.

    At the posterior means of the SDs and of the correlation with baseline: ``sqrt(sum_g s_g^2 (1 -
    r^2) / n_g)``, with ``r = 0`` where nothing is adjusted for.
    """
    study, moments = fit.study, fit.moments
    sizes: Any = study.arms["n"]
    sample = ["chain", "draw"]
    rho = 0.0
    if "correlation" in moments and study.baseline_visit is not None:
        own = moments["correlation"].sel(outcome=outcome, visit=study.baseline_visit, visit_b=visit)
        rho = float(own.mean(sample))
    variance = patients = 0.0
    for name in (arm, study.control):
        sd = float(moments["sd"].sel(outcome=outcome, arm=name, visit=visit).mean(sample))
        cells = study.table["n"].sel(outcome=outcome, arm=name, visit=visit).to_numpy()
        known = cells[np.isfinite(cells)]
        n = float(known[0]) if len(known) else float(sizes[name])
        variance += sd**2 * (1 - rho**2) / n
        patients += n
    return float(np.sqrt(variance)), patients
