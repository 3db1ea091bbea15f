"""OQ: prior draws against the moments and distributions that the priors are stated with."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from bayesasthma.models.adverse_counts import counts, draw_parameters, log_odds_priors
from bayesasthma.models.design import design
from bayesasthma.models.moments import effect_priors
from bayesasthma.models.prior_draws import prior_draws
from bayesasthma.models.prior_scales import (
    IMBALANCE_SCALE,
    LOG_SCALE_SD,
    LOG_SD_SCALE,
    LOG_SD_VISIT_SCALE,
    PATH_SCALE,
    SHARE,
)
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.distributions import EffectPrior
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.validation.bench import Bench
from bayesasthma.validation.graph_densities import Case, kernel_of
from bayesasthma.validation.items import Check, Finding

DRAWS, SEED = 20_000, 16
#: Chance that a check fails although the draws are right.
ALARM = 1e-6
TOLERANCE = f"chance {ALARM:g} of a false alarm, over all comparisons"
WHY = (
    "Independent draws: Kolmogorov and Smirnov's test of the whole distribution, and means within "
    "their standard errors."
)
SETS = ("weak", "sceptical", "enthusiastic", "pessimistic", "empirical", "external")


def checks() -> list[Check]:
    """All of them."""
    return [
        Check(
            "OQ-40",
            "R16",
            f"Prior draws of the treatment effects, prior sets {', '.join(SETS)}",
            "the stated mixtures of normal and t distributions, every outcome and visit",
            TOLERANCE,
            WHY,
            effects,
        ),
        Check(
            "OQ-41",
            "R16",
            "Prior draws of path, imbalance, SDs and correlations of the default model",
            "the stated normal, log-normal, logit-normal and beta distributions",
            TOLERANCE,
            WHY,
            the_rest,
        ),
        Check(
            "OQ-42",
            "R16",
            "Prior draws of log odds ratios of reactions, prior sets weak and external",
            "the stated distributions",
            TOLERANCE,
            WHY,
            reactions,
        ),
    ]


class Mixture:
    """Distribution function and moments of an `EffectPrior`."""

    def __init__(self, prior: EffectPrior) -> None:
        self.parts = [
            (
                part.weight,
                stats.norm(part.location, part.scale)
                if np.isinf(part.df)
                else stats.t(part.df, part.location, part.scale),
            )
            for part in prior.components
        ]

    def cdf(self, x: Any) -> Any:
        """P(effect <= x)."""
        return sum(weight * own.cdf(x) for weight, own in self.parts)

    def mean(self) -> float:
        """Of the mixture."""
        return float(sum(weight * own.mean() for weight, own in self.parts))

    def std(self) -> float:
        """Of the mixture."""
        second = sum(weight * (own.var() + own.mean() ** 2) for weight, own in self.parts)
        return float(np.sqrt(second - self.mean() ** 2))


def held(pairs: list[tuple[str, np.ndarray, Any]]) -> Finding:
    """Draws (draw,) against distributions, all together at `ALARM`."""
    worst_p, worst_mean, at = 1.0, 0.0, ""
    for label, draws, exact in pairs:
        p = float(stats.kstest(draws, exact.cdf).pvalue)
        spread = float(exact.std())
        off = abs(draws.mean() - exact.mean()) / (spread / np.sqrt(len(draws)))
        if not np.isfinite(p):
            p = 0.0
        if p < worst_p:
            worst_p, at = p, label
        if np.isfinite(spread):
            worst_mean = max(worst_mean, float(off))
    bound = float(stats.norm.isf(ALARM / 2 / max(len(pairs), 1)))
    text = (
        f"{len(pairs)} distributions of {DRAWS:,} draws: smallest p {worst_p:.2g} ({at}), largest "
        f"difference of a mean {worst_mean:.2f} standard errors"
    )
    passed = bool(pairs) and worst_p > ALARM / len(pairs) and worst_mean <= bound
    return Finding(text, passed)


def _drawn(bench: Bench, prior: str) -> tuple[dict[str, np.ndarray], Any, Any]:
    spec, layout = table_spec("longitudinal", prior), design(bench.study)
    free = kernel_of(Case("longitudinal", prior, ""), bench.study).free
    return prior_draws(free, layout, spec, DRAWS, SEED), layout, spec


def effects(bench: Bench) -> Finding:
    """Effects of every outcome and visit."""
    pairs = []
    for name in SETS:
        drawn, layout, spec = _drawn(bench, name)
        for k, prior in enumerate(effect_priors(layout, spec)):
            exact = Mixture(prior)
            for t in range(drawn["effect"].shape[-1]):
                label = f"{name} {layout.outcomes[k]} follow-up {t + 1}"
                pairs.append((label, drawn["effect"][:, k, 0, t], exact))
    return held(pairs)


def the_rest(bench: Bench) -> Finding:
    """Everything else of the default model, the first outcome of each."""
    drawn, _, spec = _drawn(bench, "weak")
    exact = {
        "baseline_level": stats.norm(0, PATH_SCALE),
        "visit_step": stats.norm(0, PATH_SCALE),
        "imbalance": stats.norm(0, IMBALANCE_SCALE),
        "log_sd_level": stats.norm(0, LOG_SD_SCALE),
        "log_sd_visit_scale": stats.lognorm(LOG_SCALE_SD, scale=LOG_SD_VISIT_SCALE),
        "logit_rho": stats.norm(spec.correlation.location, spec.correlation.scale),
        "z_deviation": stats.norm(0, 1),
        "pooling": stats.beta(SHARE, SHARE),
        "rounding_0": stats.norm(0, 1),
        "epsilon_0": stats.norm(0, 1),
    }
    missing = sorted(set(exact) - set(drawn))
    if missing:
        return Finding(f"no draws of {', '.join(missing)}", passed=False)
    return held([(name, drawn[name].reshape(DRAWS, -1)[:, 0], own) for name, own in exact.items()])


def reactions(bench: Bench) -> Finding:
    """Minus the log odds ratios."""
    data, pairs = counts(bench.study, "per_visit"), []
    for name in ("weak", "external"):
        prior = prior_set(name)
        drawn = {
            key: values for key, (_, values) in draw_parameters(data, prior, DRAWS, SEED).items()
        }
        for i, own in enumerate(log_odds_priors(data, prior)):
            if "fewer" in drawn:
                values = drawn["fewer"][:, 0, i]
            else:
                share = drawn["pooling"]
                mixed = np.sqrt(share) * drawn["effect_common"][:, 0]
                mixed = mixed + np.sqrt(1 - share) * drawn["effect_own"][:, i, 0]
                values = own.location + own.scale * mixed
            pairs.append((f"{name} {data.reactions[i]}", values, Mixture(own)))
    return held(pairs)
