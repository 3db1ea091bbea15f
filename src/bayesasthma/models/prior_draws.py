"""Prior draws of what a kernel of a table samples, by NumPy: no graph is built for them.

The graphs in this folder say what is drawn; tests hold these draws against theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesasthma.models import independent_data, joint_data, longitudinal_data
from bayesasthma.models.arm_contrasts import correlate
from bayesasthma.models.design import Design
from bayesasthma.models.kernels.model import Variable
from bayesasthma.models.mixture_data import draw_mixture
from bayesasthma.models.outcome_groups import (
    OutcomeGroups,
    deviations,
    loadings,
    outcome_groups,
)
from bayesasthma.models.prior_scales import (
    COEFFICIENT_SCALE,
    IMBALANCE_SCALE,
    LOG_SCALE_SD,
    LOG_SD_CELL_SCALE,
    LOG_SD_SCALE,
    LOG_SD_VISIT_SCALE,
    PATH_SCALE,
    SHARE,
)
from bayesasthma.models.specification import TableSpec

#: Hyperparameters of a mixture beside its location, in the order of `draw_mixture`.
MIXTURE = ("scale", "tail", "weight", "constant")

Values = Mapping[str, np.ndarray]


def prior_draws(
    free: Iterable[Variable], design: Design, spec: TableSpec, draws: int, seed: int
) -> dict[str, np.ndarray]:
    """Draws of the free parameters of a model from their prior.

    Parameters
    ----------
    free : iterable of Variable
        The parameters, as the kernel has them.
    design : Design
    spec : TableSpec
    draws, seed : int

    Returns
    -------
    dict of ndarray, shape (draw, ...)
        By name; empty if the prior is flat, for it has no draws.
    """
    if spec.prior.flat:
        return {}
    drawn = _Drawn(np.random.default_rng(seed), {own.name: (draws, *own.shape) for own in free}, {})
    if spec.model == "independent":
        _single_visits(drawn, independent_data.data(design, spec))
    else:
        _spreads(drawn)
        _means(drawn, len(design.arms) - 1)
        if spec.model == "joint":
            _correlated_outcomes(drawn, joint_data.data(design, spec), outcome_groups(design))
        else:
            _apart(drawn, longitudinal_data.data(design, spec))
    for name in drawn.shapes:
        if name.startswith(("rounding_", "epsilon_")):
            drawn.normal(name)  # scores of rounding errors and of latent sample correlations
    return {name: drawn.found[name] for name in drawn.shapes}


@dataclass(frozen=True)
class _Drawn:
    """What has been drawn, of parameters with these shapes; others are passed over."""

    rng: np.random.Generator
    shapes: Mapping[str, tuple[int, ...]]
    found: dict[str, np.ndarray]

    def normal(self, name: str, scale: Any = 1.0, centre: Any = 0.0) -> None:
        if name in self.shapes:
            self.found[name] = centre + scale * self.rng.standard_normal(self.shapes[name])

    def log_normal(self, name: str, median: float, log_sd: float) -> None:
        if name in self.shapes:
            score = self.rng.standard_normal(self.shapes[name])
            self.found[name] = median * np.exp(log_sd * score)

    def beta(self, name: str, a: float, b: float) -> None:
        if name in self.shapes:
            self.found[name] = self.rng.beta(a, b, self.shapes[name])


def _single_visits(drawn: _Drawn, values: Values) -> None:
    """Means or differences, and log SDs, of the model ``independent``."""
    drawn.normal("log_sd", LOG_SD_SCALE)
    centre, scale = values["location_centre"], values["location_scale"]
    if "location_tail" not in values:
        drawn.normal("location", scale, centre)
        return
    tail, weight, constant = (values[f"location_{name}"] for name in MIXTURE[1:])
    size = drawn.shapes["location"]
    several = draw_mixture(
        centre[..., None, None],
        scale[..., None, None],
        tail,
        weight,
        constant,
        np.zeros(size),
        rng=drawn.rng,
        size=size,
    )
    drawn.found["location"] = several[..., 0, 0]


def _spreads(drawn: _Drawn) -> None:
    """Log SDs and correlations over visits."""
    drawn.normal("log_sd_level", LOG_SD_SCALE)
    drawn.log_normal("log_sd_visit_scale", LOG_SD_VISIT_SCALE, LOG_SCALE_SD)
    drawn.log_normal("log_sd_cell_scale", LOG_SD_CELL_SCALE, LOG_SCALE_SD)
    found = drawn.found
    level, scale = found["log_sd_level"], found["log_sd_visit_scale"]
    drawn.normal("log_sd_visit", scale[..., None], level[..., None])
    if "log_sd" in drawn.shapes:
        scale = found["log_sd_cell_scale"][..., None, None]
        drawn.normal("log_sd", scale, found["log_sd_visit"][..., None, :])
    drawn.normal("z_deviation")
    drawn.beta("constant_share", SHARE, SHARE)


def _means(drawn: _Drawn, treated: int) -> None:
    """The path that the arms have in common, their difference at baseline, and covariates."""
    drawn.normal("baseline_level", PATH_SCALE)
    drawn.normal("visit_step", PATH_SCALE)
    drawn.normal("coefficient", COEFFICIENT_SCALE)
    if "imbalance" in drawn.shapes:
        apart = drawn.rng.standard_normal((*drawn.shapes["imbalance"], 1))
        drawn.found["imbalance"] = IMBALANCE_SCALE * correlate(apart, treated)[..., 0]


def _correlation_level(drawn: _Drawn, values: Values) -> None:
    if "logit_rho" in drawn.shapes:
        drawn.normal("logit_rho", values["rho_scale"], values["rho_location"])


def _apart(drawn: _Drawn, values: Values) -> None:
    """Effects of outcomes that share nothing, with equal correlations over visits."""
    _correlation_level(drawn, values)
    drawn.beta("pooling", SHARE, SHARE)
    share = drawn.found.get("pooling", np.zeros(drawn.shapes["effect"][:2]))
    location, scale = values["effect_location"], values["effect_scale"]
    if "effect_tail" in values:
        tail, weight, constant = (values[f"effect_{name}"] for name in MIXTURE[1:])
        drawn.found["effect"] = draw_mixture(
            location, scale, tail, weight, constant, share, rng=drawn.rng, size=share.shape
        )
    else:
        x = _over_visits(drawn.rng, share, location.shape[-2:])
        drawn.found["effect"] = location + scale[..., None] * x


def _correlated_outcomes(drawn: _Drawn, values: Values, groups: OutcomeGroups) -> None:
    """Correlations between outcomes, and effects pooled within domains too."""
    _correlation_level(drawn, values)
    drawn.beta("general_share", *values["general_share_prior"])
    drawn.beta("domain_share", *values["domain_share_prior"])
    drawn.log_normal("deviation_scale", *values["deviation_prior"])
    drawn.normal("deviation_tail")
    drawn.beta("pooling", *joint_data.POOLING)
    draws = len(drawn.found["deviation_scale"])
    share = drawn.found.get("pooling", np.zeros((draws, len(groups.labels))))
    location, scale = values["effect_location"], values["effect_scale"]
    loading, rest = loadings(scale, deviations(drawn.found), groups)
    domain = _over_visits(drawn.rng, share, location.shape[-2:])[:, groups.index]
    own = _over_visits(drawn.rng, share[:, groups.index], location.shape[-2:])
    x = loading[..., None] * domain + np.sqrt(rest)[..., None] * own
    drawn.found["effect"] = location + scale[..., None] * x * groups.sign[:, None, None]


def _over_visits(rng: np.random.Generator, share: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Standard normal effects (..., treated, visit), correlated over visits and over arms."""
    treated, visits = size
    shared = rng.standard_normal((*share.shape, treated, 1))
    apart = rng.standard_normal((*share.shape, treated, visits))
    share = share[..., None, None]
    together: np.ndarray = correlate(np.sqrt(share) * shared + np.sqrt(1 - share) * apart, treated)
    return together
