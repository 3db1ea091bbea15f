"""Adverse-reaction counts under both readings, their specification, priors and rates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import Array
from bayesasthma.models.arm_contrasts import correlate
from bayesasthma.models.mixture_data import draw_mixture, mixture_data
from bayesasthma.priors.distributions import EffectPrior, PriorSet
from bayesasthma.study.external_evidence import reaction_evidence
from bayesasthma.study.study import Study

READINGS = ("per_visit", "cumulative")
#: Jeffreys prior of a binomial rate, Beta(1/2, 1/2).
JEFFREYS = 0.5
# Prior of the mean log odds of a reaction per visit: median 12 %, 95 % from 0.7 % to 72 %.
LEVEL_LOCATION, LEVEL_SCALE = -2.0, 1.5
# Prior of the share of the effects' variance that reactions have in common.
POOLING = (2.0, 2.0)
# Prior of the intraclass correlation of patients within a visit, Beta(1, 4): mean 0.2.
OVERDISPERSION = (1.0, 4.0)
OVERDISPERSION_FLOOR = 1e-3


@dataclass(frozen=True)
class AdverseSpec:
    """Specification of a model of adverse-reaction counts.

    Attributes
    ----------
    model : {"independent", "hierarchical"}
        Conjugate and closed-form per cell, or partially pooled.
    reading : {"per_visit", "cumulative"}
        Whether a printed count is of reactions since the visit before, or since the start.
    prior : PriorSet or None
        None for ``independent``, whose prior is Jeffreys'.
    """

    model: str
    reading: str
    prior: PriorSet | None = None

    @property
    def label(self) -> str:
        """Short name, unique among a run's fits."""
        prior = "jeffreys" if self.prior is None else self.prior.name
        return f"adverse-{self.model}-{self.reading}-{prior.replace(':', '')}"

    @property
    def prior_name(self) -> str:
        """Name of the prior as tables print it."""
        return "jeffreys" if self.prior is None else self.prior.name


@dataclass(frozen=True)
class Counts:
    """Counts at risk of one reading, one entry per reaction, visit and arm that was printed.

    Attributes
    ----------
    reactions, visits, arms : tuple of str
        Labels; the control arm first, visits by week.
    reaction, visit, arm : ndarray of int, shape (cell,)
    events, at_risk : ndarray of int, shape (cell,)
        New events, and patients who could have had one.
    external : ndarray, shape (reaction, 2)
        External estimate of minus the log odds ratio and its standard error; NaN if there is none.
    arm_share : ndarray, shape (arm,)
        Share of the patients in each arm.
    """

    reactions: tuple[str, ...]
    visits: tuple[str, ...]
    arms: tuple[str, ...]
    reaction: np.ndarray
    visit: np.ndarray
    arm: np.ndarray
    events: np.ndarray
    at_risk: np.ndarray
    external: np.ndarray | None = None
    arm_share: np.ndarray = field(default_factory=lambda: np.array([0.5, 0.5]))


def counts(study: Study, reading: str) -> Counts:
    """Counts of a study under a reading.

    ``cumulative`` turns counts since the start into new events among those still free of one:
    3, 4, 6 of 18 become 3 of 18, 1 of 15, 2 of 14.

    Raises
    ------
    UsageError
        If the study prints no counts, or a cumulative reading meets a falling count.
    """
    table = study.adverse
    if table.empty:
        raise UsageError("the study has no adverse.csv")
    if reading not in READINGS:
        raise UsageError(f"unknown reading {reading!r}; there are {', '.join(READINGS)}")
    reactions = tuple(dict.fromkeys(table["reaction"]))
    visits = tuple(v for v in study.visits.index if v in set(table["visit"]))
    arms = tuple(study.arms.index)
    printed: Any = table.itertuples(index=False)
    cells = {(r.reaction, r.arm, r.visit): (int(r.events), int(r.n)) for r in printed}
    rows = []
    for i, reaction in enumerate(reactions):
        for g, arm in enumerate(arms):
            before = 0
            for t, visit in enumerate(visits):
                if (reaction, arm, visit) not in cells:
                    continue
                events, n = cells[reaction, arm, visit]
                if reading == "cumulative":
                    if events < before:
                        raise UsageError(
                            f"adverse.csv: {reaction}, {arm} falls from {before} to {events} at "
                            f"{visit}, so the counts cannot be cumulative"
                        )
                    rows.append((i, t, g, events - before, n - before))
                    before = events
                else:
                    rows.append((i, t, g, events, n))
    array = np.array(sorted(rows))
    evidence = [reaction_evidence(study, reaction) or (np.nan, np.nan) for reaction in reactions]
    reaction, visit, arm, events, at_risk = array.T
    n_arm = study.arms["n"].to_numpy(dtype=float)
    return Counts(
        reactions,
        visits,
        arms,
        reaction,
        visit,
        arm,
        events,
        at_risk,
        np.array(evidence),
        n_arm / n_arm.sum(),
    )


def log_odds_priors(data: Counts, prior: PriorSet) -> list[EffectPrior]:
    """Prior of minus the log odds ratio of every reaction."""
    found = []
    for i, reaction in enumerate(data.reactions):
        external = None
        if data.external is not None and np.isfinite(data.external[i, 0]):
            external = (float(data.external[i, 0]), float(data.external[i, 1]))
        found.append(prior.log_odds(reaction, external))
    return found


def prior_data(data: Counts, prior: PriorSet) -> dict[str, np.ndarray]:
    """Hyperparameters of the log odds ratios: what another prior set of one family changes.

    Returns
    -------
    dict of ndarray
        ``fewer_location``, ``fewer_scale`` (); of a mixture (component, treated, reaction), with
        ``fewer_tail``, ``fewer_weight``, ``fewer_constant`` (component,).

    Raises
    ------
    UsageError
        If the reactions' priors differ in their weights or degrees of freedom: they share one
        component and one heaviness of tails.
    """
    priors = log_odds_priors(data, prior)
    if prior.log_odds_family == "normal":
        return {
            "fewer_location": np.asarray(priors[0].location),
            "fewer_scale": np.asarray(priors[0].scale),
        }
    pattern = max(priors, key=lambda item: len(item.components))
    aligned = [_like(pattern, item) for item in priors]
    kinds = {tuple((part.df, part.weight) for part in item.components) for item in aligned}
    if len(kinds) > 1:
        raise UsageError(
            f"the prior set {prior.name!r}: reactions need log odds ratio priors of the same "
            "weights and degrees of freedom"
        )
    values = mixture_data(aligned, len(priors) * (len(data.arms) - 1))
    treated = len(data.arms) - 1
    shared = {
        name: np.repeat(values[name].T[:, None], treated, axis=1) for name in ("location", "scale")
    } | {name: values[name][0] for name in ("tail", "weight", "constant")}
    return {f"fewer_{name}": value for name, value in shared.items()}


def _like(pattern: EffectPrior, prior: EffectPrior) -> EffectPrior:
    """A prior with one component, written as a mixture with the weights of another."""
    if len(prior.components) == len(pattern.components):
        return prior
    (only,) = prior.components
    return EffectPrior(tuple(replace(only, weight=part.weight) for part in pattern.components))


def rates(
    parameters: dict[str, Array], prior: PriorSet, arm_share: np.ndarray, xp: Any = np
) -> Array:
    """Control arm's and treated arms' event rates (..., reaction, arm), from the parameters.

    ``level`` (..., reaction) is the mean log odds over all patients, ``arm_share`` (arm,) the share
    of them in each arm: a prior of the control arm's rate would hold that arm alone. ``parameters``
    have ``fewer`` (..., treated, reaction), minus the log odds ratios; or under a normal prior
    ``effect_common`` (..., treated), ``effect_own`` (..., reaction, treated) and ``pooling`` (...),
    with ``fewer_location`` and ``fewer_scale`` unless they are the set's own.
    """
    if "fewer" in parameters:
        log_odds_ratio = -xp.matrix_transpose(parameters["fewer"])
    else:
        ratio = prior.log_odds()
        location = parameters.get("fewer_location", ratio.location)
        scale = parameters.get("fewer_scale", ratio.scale)
        share = parameters["pooling"][..., None, None]
        common, apart = parameters["effect_common"][..., None, :], parameters["effect_own"]
        mixed = xp.sqrt(share) * common + xp.sqrt(1 - share) * apart
        turn = xp.matrix_transpose
        log_odds_ratio = -(location + scale * turn(correlate(turn(mixed), len(arm_share) - 1, xp)))
    level = parameters["level"][..., :, None]
    control = level - (arm_share[1:] * log_odds_ratio).sum(axis=-1)[..., None]
    logit = xp.concatenate([control, control + log_odds_ratio], axis=-1)
    return 1 / (1 + xp.exp(-logit))


def concentration(parameters: dict[str, Array]) -> Array:
    """``alpha + beta`` of the beta distribution of a cell's rate about its arm's rate."""
    correlation = (
        OVERDISPERSION_FLOOR + (1 - 2 * OVERDISPERSION_FLOOR) * parameters["overdispersion"]
    )
    return 1 / correlation - 1


def draw_parameters(
    data: Counts, prior: PriorSet, draws: int, seed: int
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Prior draws of the hierarchical model's parameters.

    Returns
    -------
    dict
        By name, dimensions and values; the first dimension is ``draw``.
    """
    rng = np.random.default_rng(seed)
    reactions, treated = len(data.reactions), len(data.arms) - 1
    pooling = rng.beta(*POOLING, size=draws)
    found: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "level": (
            ("draw", "reaction"),
            rng.normal(LEVEL_LOCATION, LEVEL_SCALE, (draws, reactions)),
        ),
        "pooling": (("draw",), pooling),
        "overdispersion": (("draw",), rng.beta(*OVERDISPERSION, size=draws)),
    }
    if prior.log_odds_family == "normal":
        own = ("draw", "reaction", "treated")
        return found | {
            "effect_common": (("draw", "treated"), rng.standard_normal((draws, treated))),
            "effect_own": (own, rng.standard_normal((draws, reactions, treated))),
        }
    values = prior_data(data, prior)
    location, scale, tail, weight, constant = (
        values[f"fewer_{name}"] for name in ("location", "scale", "tail", "weight", "constant")
    )
    fewer = draw_mixture(location, scale, tail, weight, constant, pooling, rng=rng)
    return found | {"fewer": (("draw", "treated", "reaction"), fewer)}
