"""The pooled model of a design as a kernel with its data: nothing is compiled for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import REFERENCE_LAG_WEEKS, CorrelationPrior
from bayesasthma.models.arm_contrasts import contrast_factor
from bayesasthma.models.design import Design
from bayesasthma.models.kernels.data import pack
from bayesasthma.models.kernels.longitudinal_model import (
    coords,
    data_names,
    kernel_model,
    parameters,
    start,
    uncovered,
    values_of,
)
from bayesasthma.models.kernels.model import Kernel, KernelModel, Variable, variables
from bayesasthma.models.mixture_data import mixture_data
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.pooling.coordinates import (
    contrasts,
    near_means,
    near_spreads,
    sampled_themselves,
    walk_shares,
)
from bayesasthma.pooling.data import PooledDesign
from bayesasthma.pooling.kernel import expand_pooled, pooled_kernel
from bayesasthma.pooling.layout import (
    COMMON,
    HALF,
    LOGARITHM,
    POOLED_DATA,
    UNIFORM,
)
from bayesasthma.pooling.scales import RHO_LOCATION, TAU_WALK_MEDIAN, WALK_MEDIAN
from bayesasthma.priors.distributions import EffectPrior, PriorSet
from bayesasthma.priors.heterogeneity import (
    LOG_ODDS_RATIO,
    HeterogeneityPrior,
    heterogeneity_prior,
)
from bayesasthma.priors.named_sets import prior_set

#: Of outcomes, in baseline SDs.
DEFAULT_HETEROGENEITY = "half-normal(0.5)"

KERNEL = Kernel("pooled", pooled_kernel, expand_pooled, POOLED_DATA)


def outcome_heterogeneity(text: str) -> HeterogeneityPrior:
    """A prior of the heterogeneity of an outcome, by name or formula.

    Raises
    ------
    UsageError
        If there is none, or the registry has it for odds ratios.
    """
    prior = heterogeneity_prior(text)
    if prior.scale == LOG_ODDS_RATIO:
        raise UsageError(
            f"the heterogeneity prior {prior.name!r} is of log odds ratios; outcomes take one of "
            "standardised mean differences, or a formula"
        )
    return prior


@dataclass(frozen=True)
class PooledSpec:
    """Specification of the pooled model.

    Attributes
    ----------
    prior : PriorSet
        Of the mean effect at the first week.
    heterogeneity : HeterogeneityPrior
        Of the SD of effects between studies, in the model's standard unit, at the reference week.
    correlation : CorrelationPrior
        Structure of each study's correlations over visits; its location and scale are the
        hierarchy's (:mod:`bayesasthma.pooling.scales`).
    rounding : bool
        Treat each printed number as its unrounded value plus a uniform error.
    """

    prior: PriorSet = field(default_factory=lambda: prior_set("weak"))
    heterogeneity: HeterogeneityPrior = field(
        default_factory=lambda: heterogeneity_prior(DEFAULT_HETEROGENEITY)
    )
    correlation: CorrelationPrior = field(default_factory=CorrelationPrior)
    rounding: bool = True

    @property
    def table(self) -> TableSpec:
        """What each study's own parameters are specified by; the prior of its effects is unused."""
        spec = table_spec("longitudinal", "weak", self.correlation)
        return replace(spec, rounding=self.rounding)


def heterogeneity_data(prior: HeterogeneityPrior) -> tuple[int, np.ndarray]:
    """Number of a prior's family, and its location, scale and one over its degrees of freedom."""
    *rest, scale = prior.parameters
    if prior.family == "uniform":
        return UNIFORM, np.array([0.0, scale, 0.0])
    if prior.family in ("log-normal", "log-t"):
        tail = 1 / rest[0] if prior.family == "log-t" else 0.0
        return LOGARITHM, np.array([rest[-1], scale, tail])
    df = {"half-normal": np.inf, "half-cauchy": 1.0}.get(prior.family)
    return HALF, np.array([0.0, scale, 1 / (rest[0] if df is None else df)])


def mean_prior(design: PooledDesign, spec: PooledSpec) -> EffectPrior:
    """Prior of the mean effect (not benefit) at the first week, in the model's standard unit.

    Raises
    ------
    UsageError
        If the set draws on one study's external evidence.
    """
    if spec.prior.external_weight is not None:
        raise UsageError(
            f"the prior set {spec.prior.name!r} draws on the external evidence of one study; pool "
            "that with the others, or give a TOML file"
        )
    prior = spec.prior.effect(design.target, design.outcome, unit=design.scale)
    if design.direction:
        return prior.times(float(design.direction))
    if any(item.of == design.outcome for item in spec.prior.effects):
        return prior
    return EffectPrior(tuple(replace(part, location=0.0) for part in prior.components))


def pooled_model(design: PooledDesign, spec: PooledSpec) -> KernelModel:
    """The pooled model, ready to be sampled.

    Parameters of study ``i`` are named ``si_NAME``; its ``effect`` (outcome, treated, follow_up),
    ``mean_effect`` and ``heterogeneity`` (week) are in the model's standard unit.

    Raises
    ------
    UsageError
        If a study has a design that no kernel covers, or the prior does not suit several studies.
    """
    table = spec.table
    for own in design.studies:
        if reason := uncovered(own.design, table):
            raise UsageError(f"{own.label}: {reason}")
    common = _common_variables(design, table)
    own_free = [_study_variables(own.design, table) for own in design.studies]
    first = sum(variable.size for variable in common)
    places = _places(common)
    values: dict[str, Any] = {
        "starts": np.array([places.get(name, -1) for name in COMMON]),
        "step": np.sqrt(np.diff(design.weeks) / REFERENCE_LAG_WEEKS),
        "rest": walk_shares(design),
        "tau_step": np.sqrt(np.diff(doublings(design.weeks))),
        "unit": np.array([own.unit for own in design.studies]),
        # of fewer arms, the inverse of a triangular factor is the leading part of that of more
        "whitener": np.linalg.inv(
            contrast_factor(max(len(own.design.arms) - 1 for own in design.studies))
        ),
        "basis": contrasts(max(len(own.weeks) for own in design.studies)),
        "whole": sampled_themselves(design),
    }
    prior = mean_prior(design, spec)
    values |= _first(prior)
    family, values["heterogeneity"] = heterogeneity_data(spec.heterogeneity)
    reference = design.weeks.index(design.reference_week)
    values["sizes"] = np.array(
        [len(design.studies), len(design.weeks), family, prior.flat, reference]
    )
    values |= _studies(design, table, own_free, first)
    free = [*common]
    labels: dict[str, list[Any]] = {"week": list(design.weeks)}
    begin: dict[str, Any] = {
        "walk_scale": np.log(WALK_MEDIAN),
        "heterogeneity": np.log(0.2) * (np.arange(len(design.weeks)) == reference),
        "heterogeneity_walk": np.log(TAU_WALK_MEDIAN),
        "rho_location": RHO_LOCATION,
        "rho_scale": np.log(0.3),
    }
    for i, (own, variables_of) in enumerate(zip(design.studies, own_free, strict=True)):
        head = f"s{i}_"
        free += [
            Variable(head + item.name, tuple(head + dim for dim in item.dims), item.shape)
            for item in variables_of
        ]
        labels |= {head + dim: list(found) for dim, found in coords(own.design).items()}
        begin |= {head + name: value for name, value in start().items()}
    return KernelModel(KERNEL, values, tuple(free), tuple(free), labels, begin)


def alone_model(design: PooledDesign, spec: PooledSpec) -> KernelModel:
    """The `longitudinal` model of the one study of a design, under the pool's prior of effects.

    Its ``effect`` (outcome, treated, follow_up) is in the study's own baseline SDs.

    Raises
    ------
    UsageError
        If the prior is flat and a visit of an arm is not printed.
    """
    (own,) = design.studies
    # what a prior set asks of an outcome is the pool's: its id, its MCID and its unit
    asked = replace(
        own.design,
        outcomes=(design.outcome,),
        target=np.array([design.target * own.unit]),
        scale=np.array([design.scale / own.unit]),
    )
    return kernel_model(asked, replace(spec.table, prior=spec.prior))


def doublings(weeks: Sequence[float] | np.ndarray) -> np.ndarray:
    """The clock of the heterogeneity (week,): how often a week of treatment was doubled since.

    Effects differ between studies as they build up, early weeks more unlike each other than late
    ones. With one week added to each, visits within the first are close to each other.
    """
    return np.log2(1 + np.maximum(weeks, 0.0))


def _common_variables(design: PooledDesign, table: TableSpec) -> tuple[Variable, ...]:
    found: dict[str, tuple[str, ...]] = {"mean_effect": ("week",)}
    if len(design.weeks) > 1:
        found["walk_scale"] = ()
    found["heterogeneity"] = ("week",)
    if len(design.weeks) > 1:
        found["heterogeneity_walk"] = ()
    if any(len(own.weeks) > 1 for own in design.studies):
        found["visit_correlation"] = ()
    several = any(len(own.design.visits) > 1 for own in design.studies)
    if several and table.correlation.structure != "fixed":
        found |= {"rho_location": (), "rho_scale": ()}
    return variables({"week": len(design.weeks)}, **found)


def _study_variables(design: Design, table: TableSpec) -> tuple[Variable, ...]:
    sizes = {name: len(found) for name, found in coords(design).items()}
    named = {name: dims for name, dims in parameters(design, table).items() if name != "pooling"}
    return variables(sizes, **named)


def _places(free: tuple[Variable, ...]) -> dict[str, int]:
    ends = np.cumsum([0, *(own.size for own in free)]).tolist()
    return dict(zip((own.name for own in free), ends, strict=False))


def _first(prior: EffectPrior) -> dict[str, np.ndarray]:
    """The prior of the mean effect at the first week; of a flat one, numbers that nobody reads."""
    proper = EffectPrior.normal(0.0, 1.0) if prior.flat else prior
    return {f"first_{name}": value[0] for name, value in mixture_data([proper], 1).items()}


def _studies(
    design: PooledDesign,
    table: TableSpec,
    free: list[tuple[Variable, ...]],
    first: int,
) -> dict[str, np.ndarray]:
    """Places and data of every study."""
    rows, blocks = [], []
    weeks: list[int] = []
    near: list[float] = []
    begin, words = first, 0
    for own, found in zip(design.studies, free, strict=True):
        values = values_of(own.design, table, found)
        sizes = values["sizes"].copy()
        sizes[_WHOLE] = 0  # no coordinates that move with rounding errors
        values["sizes"] = sizes
        block = pack(values[name] for name in data_names(own.design))
        places, count = _places(found), sum(item.size for item in found)
        treated, visits = len(own.design.arms) - 1, len(own.design.follow_up)
        rows.append(
            [
                begin,
                count,
                words,
                words + block.size,
                places["effect"],
                places.get("logit_rho", -1),
                treated,
                visits,
                len(weeks),
                len(near),
            ]
        )
        near += [*near_means(own.design), *near_spreads(own.design).reshape(-1)]
        weeks += [design.weeks.index(week) for week in own.weeks]
        blocks.append(block)
        begin, words = begin + count, words + block.size
    return {
        "study": np.array(rows, dtype=int),
        "week": np.array(weeks, dtype=int),
        "near": np.array(near),
        "blocks": np.concatenate(blocks),
    }


#: Place of ``whole`` in a study's ``sizes``.
_WHOLE = 10
