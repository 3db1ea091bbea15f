"""Kernel of the hierarchical beta-binomial model of adverse-reaction counts.

It computes what the graph of :mod:`bayesasthma.models.adverse` does. The flat vector has ``level``
(reaction), the log odds of ``pooling`` and of ``overdispersion``, then under a normal prior
``effect_common`` (treated) and ``effect_own`` (reaction, treated), under a mixture ``fewer``
(treated, reaction). A trailing ``_`` marks an adjoint.
"""

from __future__ import annotations

from math import lgamma
from typing import Any

import numpy as np

from bayesasthma.models.adverse_counts import (
    LEVEL_LOCATION,
    LEVEL_SCALE,
    OVERDISPERSION,
    OVERDISPERSION_FLOOR,
    POOLING,
    Counts,
    prior_data,
)
from bayesasthma.models.arm_contrasts import contrast_factor
from bayesasthma.models.kernels.compiling import compiled
from bayesasthma.models.kernels.data import cube, integers, matrix, scalar, vector
from bayesasthma.models.kernels.mixtures import pooled_mixture
from bayesasthma.models.kernels.model import Kernel, KernelModel, variables
from bayesasthma.models.kernels.special import (
    beta_log_odds,
    digamma,
    log_beta,
    normal,
    sigmoid,
)
from bayesasthma.priors.distributions import PriorSet

#: ``contrast`` (treated, treated) turns independent effects of the arms into correlated ones, or
#: under a mixture the other way round.
DATA = (
    "sizes", "reaction", "arm", "events", "at_risk", "arm_share", "contrast",
    "fewer_location", "fewer_scale",
)  # fmt: skip
SIZES, REACTION, ARM, EVENTS, AT_RISK, ARM_SHARE, CONTRAST, LOCATION, SCALE = range(9)
TAILS = ("fewer_tail", "fewer_weight", "fewer_constant")
TAIL, WEIGHT, CONSTANT = range(9, 12)


@compiled
def _level_and_shares(x: Any, gradient: Any, reactions: int) -> Any:
    """Log prior density of all but the effects; it sets their entries of the gradient."""
    total = 0.0
    for i in range(reactions):
        value, gradient[i] = normal(x[i], LEVEL_LOCATION, LEVEL_SCALE)
        total += value
    i = reactions
    value, gradient[i] = beta_log_odds(x[i], POOLING[0], POOLING[1])
    total += value
    i = reactions + 1
    value, gradient[i] = beta_log_odds(x[i], OVERDISPERSION[0], OVERDISPERSION[1])
    return total + value


@compiled
def _likelihood(x: Any, log_odds_ratio: Any, data: Any, gradient: Any, log_odds_ratio_: Any) -> Any:
    """Log-likelihood of the counts; adds to the gradient, and sets that by the log odds ratios.

    ``log_odds_ratio`` has shape (reaction, treated).
    """
    reactions, treated = log_odds_ratio.shape
    arm_share = vector(data, ARM_SHARE)
    place = reactions + 1
    overdispersion = sigmoid(x[place])
    correlation = OVERDISPERSION_FLOOR + (1.0 - 2.0 * OVERDISPERSION_FLOOR) * overdispersion
    concentration = 1.0 / correlation - 1.0
    concentration_ = 0.0
    at_prior = digamma(concentration)
    # of the beta distribution of each arm's rates: its parameters, and the log-likelihood by them
    a, b = np.zeros((reactions, treated + 1)), np.zeros((reactions, treated + 1))
    a_, b_ = np.zeros((reactions, treated + 1)), np.zeros((reactions, treated + 1))
    log_betas = np.zeros((reactions, treated + 1))
    for i in range(reactions):
        # the level is the mean over all patients
        control = x[i]
        for g in range(treated):
            control -= arm_share[g + 1] * log_odds_ratio[i, g]
        for g in range(treated + 1):
            logit = control + (log_odds_ratio[i, g - 1] if g else 0.0)
            a[i, g], b[i, g] = concentration * sigmoid(logit), concentration * sigmoid(-logit)
            log_betas[i, g] = log_beta(a[i, g], b[i, g])
    reaction, arm = integers(data, REACTION), integers(data, ARM)
    events, at_risk = integers(data, EVENTS), integers(data, AT_RISK)
    total = 0.0
    for cell in range(reaction.size):
        i, g, y, n = reaction[cell], arm[cell], events[cell], at_risk[cell]
        total += lgamma(n + 1.0) - lgamma(y + 1.0) - lgamma(n - y + 1.0)
        total += log_beta(y + a[i, g], n - y + b[i, g]) - log_betas[i, g]
        common = at_prior - digamma(n + concentration)
        a_[i, g] += digamma(y + a[i, g]) - digamma(a[i, g]) + common
        b_[i, g] += digamma(n - y + b[i, g]) - digamma(b[i, g]) + common
    for i in range(reactions):
        level_ = 0.0
        for g in range(treated + 1):
            rate, rest = a[i, g] / concentration, b[i, g] / concentration
            concentration_ += rate * a_[i, g] + rest * b_[i, g]
            logit_ = concentration * rate * rest * (a_[i, g] - b_[i, g])
            level_ += logit_
            if g:
                log_odds_ratio_[i, g - 1] = logit_
        gradient[i] += level_
        for g in range(treated):
            log_odds_ratio_[i, g] -= arm_share[g + 1] * level_
    correlation_ = -concentration_ / (correlation * correlation)
    slope = (1.0 - 2.0 * OVERDISPERSION_FLOOR) * overdispersion * sigmoid(-x[place])
    gradient[place] += correlation_ * slope
    return total


@compiled
def _normal(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density under a normal prior, and its gradient."""
    sizes, factor = integers(data, SIZES), matrix(data, CONTRAST)
    reactions, treated = sizes[0], sizes[1]
    location, scale = scalar(data, LOCATION), scalar(data, SCALE)
    total = _level_and_shares(x, gradient, reactions)
    first = reactions + 2
    for i in range(first, x.size):
        value, gradient[i] = normal(x[i], 0.0, 1.0)
        total += value
    common, common_ = x[first : first + treated], gradient[first : first + treated]
    own = x[first + treated :].reshape((reactions, treated))
    own_ = gradient[first + treated :].reshape((reactions, treated))
    log_odds_ratio, log_odds_ratio_ = np.zeros((reactions, treated)), np.zeros((reactions, treated))
    share, rest = sigmoid(x[reactions]), sigmoid(-x[reactions])
    root, rest_root = np.sqrt(share), np.sqrt(rest)
    for i in range(reactions):
        for g in range(treated):
            effect = 0.0
            for h in range(g + 1):
                effect += factor[g, h] * (root * common[h] + rest_root * own[i, h])
            log_odds_ratio[i, g] = -(location + scale * effect)
    total += _likelihood(x, log_odds_ratio, data, gradient, log_odds_ratio_)
    for i in range(reactions):
        for h in range(treated):
            mixed_ = 0.0
            for g in range(h, treated):
                mixed_ -= scale * factor[g, h] * log_odds_ratio_[i, g]
            common_[h] += root * mixed_
            own_[i, h] += rest_root * mixed_
            # of the roots by the log odds of the share
            turn = rest * root * common[h] - share * rest_root * own[i, h]
            gradient[reactions] += 0.5 * mixed_ * turn
    return total


@compiled
def _mixture(x: Any, gradient: Any, data: Any) -> Any:
    """Log-density under a mixture prior, and its gradient."""
    sizes, whitener = integers(data, SIZES), matrix(data, CONTRAST)
    reactions, treated = sizes[0], sizes[1]
    location, scale = cube(data, LOCATION), cube(data, SCALE)
    tail, weight, constant = vector(data, TAIL), vector(data, WEIGHT), vector(data, CONSTANT)
    total = _level_and_shares(x, gradient, reactions)
    first = reactions + 2
    fewer = x[first:].reshape((treated, reactions))
    fewer_ = gradient[first:].reshape((treated, reactions))
    log_odds_ratio = np.zeros((reactions, treated))
    log_odds_ratio_ = np.zeros((reactions, treated))
    for g in range(treated):
        for i in range(reactions):
            log_odds_ratio[i, g] = -fewer[g, i]
    total += _likelihood(x, log_odds_ratio, data, gradient, log_odds_ratio_)
    for g in range(treated):
        for i in range(reactions):
            fewer_[g, i] = -log_odds_ratio_[i, g]
    share = sigmoid(x[reactions])
    value, share_ = pooled_mixture(
        fewer, location, scale, tail, weight, constant, whitener, share, fewer_
    )
    gradient[reactions] += share_ * share * sigmoid(-x[reactions])
    return total + value


@compiled
def _expand(x: Any, out: Any, data: Any) -> Any:
    """``level``, the effects, ``pooling`` and ``overdispersion``."""
    reactions, shares = integers(data, SIZES)[0], 2
    effects = x.size - reactions - shares
    for i in range(reactions):
        out[i] = x[i]
    for i in range(effects):
        out[reactions + i] = x[reactions + shares + i]
    for i in range(shares):
        out[reactions + effects + i] = sigmoid(x[reactions + i])


NORMAL = Kernel("adverse-normal", _normal, _expand, DATA)
MIXTURE = Kernel("adverse-mixture", _mixture, _expand, (*DATA, *TAILS))


def kernel_model(data: Counts, prior: PriorSet) -> KernelModel:
    """The model of :func:`bayesasthma.models.adverse.build`, ready to be sampled.

    ``events``, ``at_risk`` and what ``prior_data`` returns can be swapped.
    """
    coords: dict[str, list[Any]] = {
        "reaction": list(data.reactions),
        "treated": list(data.arms[1:]),
        "cell": list(range(len(data.events))),
    }
    sizes = {name: len(labels) for name, labels in coords.items()}
    contrast = contrast_factor(sizes["treated"])
    shares: dict[str, tuple[str, ...]] = {"pooling": (), "overdispersion": ()}
    effects: dict[str, tuple[str, ...]]
    if prior.log_odds_family == "normal":
        kernel = NORMAL
        effects = {"effect_common": ("treated",), "effect_own": ("reaction", "treated")}
    else:
        kernel, effects = MIXTURE, {"fewer": ("treated", "reaction")}
        contrast = np.linalg.inv(contrast)
    values = {
        "sizes": np.array([sizes["reaction"], sizes["treated"]]),
        "reaction": data.reaction,
        "arm": data.arm,
        "events": data.events,
        "at_risk": data.at_risk,
        "arm_share": np.asarray(data.arm_share, dtype=float),
        "contrast": contrast,
        **{name: np.asarray(value, dtype=float) for name, value in prior_data(data, prior).items()},
    }
    return KernelModel(
        kernel,
        values,
        free=variables(sizes, level=("reaction",), **shares, **effects),
        variables=variables(sizes, level=("reaction",), **effects, **shares),
        coords=coords,
        start={
            "level": LEVEL_LOCATION,
            "pooling": np.log(POOLING[0] / POOLING[1]),
            "overdispersion": np.log(OVERDISPERSION[0] / OVERDISPERSION[1]),
        },
    )
