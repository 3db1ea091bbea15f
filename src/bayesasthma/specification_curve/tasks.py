"""One specification's fit, as a worker does it: swap data in, sample, judge, summarise.

Where a model's posterior factorises over outcomes, each outcome is sampled by itself. That is the
fit of all of them, but each has a step size, a mass matrix and a gate of its own, and only an
outcome that fails its gate is sampled again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.dispatch import Worker
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.inference.adverse_fits import (
    AdverseFit,
    accumulate,
    cell_grid,
    conjugate_fit,
)
from bayesasthma.inference.assembly import natural_moments
from bayesasthma.inference.diagnostics import check, check_outcomes
from bayesasthma.inference.event_groups import EventGroup, event_groups, oriented
from bayesasthma.inference.fitting import Fit, baseline_of
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.sampling import SamplerOptions, sample
from bayesasthma.models.design import Design, design
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors.distributions import PriorSet
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects
from bayesasthma.specification_curve.fingerprints import environment
from bayesasthma.specification_curve.grid import AdverseChoices, TableChoices
from bayesasthma.specification_curve.repeated_sampling import Drawn, Problem, sample_parts, subject
from bayesasthma.specification_curve.study_grid import fitted_outcomes, read_study
from bayesasthma.study.study import Study

#: Columns of `effects.csv` and `adverse.csv` that a curve keeps.
KEPT = (
    "outcome", "reaction", "arm", "visit", "week", "estimand", "unit",
    "mean", "sd", "ci_low", "ci_high", "ci_prob",
    "p_benefit", "p_benefit_mcse", "p_positive", "p_benefit_gt_mcid",
    "ess_bulk", "ess_tail", "r_hat", "gate", "retry",
)  # fmt: skip
#: What is reported of events; its ``p_benefit`` is that of their direction: P(fewer reactions).
ADVERSE_ESTIMAND = "risk_difference"


@dataclass(frozen=True)
class Payload:
    """What a worker is sent.

    Attributes
    ----------
    study : Study
    choices : TableChoices or AdverseChoices
    spec : TableSpec or None
        Of table fits: what the choices come to, read where the grid was read.
    prior : PriorSet or None
        The same of adverse fits.
    estimands : tuple of str
        Those to report; of table fits only.
    options : SamplerOptions
    environment : str
        Digest of the sender's package versions and source: a worker that differs refuses.
    """

    study: Study = field(repr=False)
    choices: TableChoices | AdverseChoices
    spec: TableSpec | None
    prior: PriorSet | None
    estimands: tuple[str, ...]
    options: SamplerOptions
    environment: str


def fit_specification(payload: Payload, worker: Worker) -> dict[str, Any]:
    """Fit one specification.

    Parameters
    ----------
    payload : Payload
    worker : Worker
        Keeps the compiled graphs from one call to the next.

    Returns
    -------
    dict
        ``rows`` (list of dict, the columns ``KEPT``), ``gate`` (facts of the fit's diagnostics),
        ``retry`` (what was done about a failed gate; empty if nothing), ``sampled`` and ``again``
        (how many posteriors were sampled, and how many of them more than once), ``seconds``.

    Raises
    ------
    BayesAsthmaError
        If the worker has other versions or source than the sender, or the model cannot be fitted.
    """
    own = worker.kept.setdefault("environment", environment())
    if own != payload.environment:
        raise BayesAsthmaError(
            "a worker has other package versions, or another bayesasthma, than this process"
        )
    graphs: CompiledGraphs = worker.kept.setdefault("graphs", CompiledGraphs())
    start = time.perf_counter()
    compiled_before = sum(graphs.seconds.values())
    problem = (
        _adverse_problem(payload.study, payload.choices, payload.prior, graphs)
        if isinstance(payload.choices, AdverseChoices)
        else _table_problem(payload, payload.choices, graphs)
    )
    options = replace(payload.options, cores=min(worker.cores, payload.options.chains))
    parts, table = sample_parts(problem, options)
    compiling = sum(graphs.seconds.values()) - compiled_before
    columns = [name for name in KEPT if name in table]
    failed = table.loc[table["gate"] != "pass", subject(table)]
    gates = [part.drawn.gate for part in parts if part.drawn is not None]
    return {
        "rows": table[columns].to_dict(orient="records"),
        "gate": {
            "passed": not any(part.failures for part in parts),
            "failures": "; ".join(
                part.named("; ".join(part.failures)) for part in parts if part.failures
            ),
            "failed_for": sorted(set(failed)),
            "r_hat": max(gate.r_hat for gate in gates),
            "ess_bulk": min(gate.ess_bulk for gate in gates),
            "ess_tail": min(gate.ess_tail for gate in gates),
            "divergences": sum(gate.divergences for gate in gates),
            "bfmi": min(gate.bfmi for gate in gates),
        },
        "retry": "; ".join(part.named(part.retry) for part in parts if part.retry),
        "sampled": len(parts),
        "again": sum(bool(part.retry) for part in parts),
        "seconds": {"compile": compiling, "fit": time.perf_counter() - start - compiling},
    }


def layouts(study: Study, choices: TableChoices) -> list[Design]:
    """The designs that the choices have sampled, each by itself.

    One of each outcome, unless the model shares something between outcomes, or the study has
    patients: their numbers are constants of a graph, which would then serve one outcome only.

    Raises
    ------
    UsageError
        If the study cannot be read so.
    """
    read, names = read_study(study, choices), fitted_outcomes(study, choices)
    groups = [names] if sampled_at_once(study, choices) else [[name] for name in names]
    as_table = choices.model == "independent"
    return [design(read, group, as_table=as_table) for group in groups]


def sampled_at_once(study: Study, choices: TableChoices) -> bool:
    """Whether all outcomes are sampled at once."""
    return choices.model == "joint" or (
        study.patients is not None and choices.model != "independent"
    )


def _table_problem(payload: Payload, choices: TableChoices, graphs: CompiledGraphs) -> Problem:
    study, spec = payload.study, payload.spec
    assert spec is not None
    read = read_study(study, choices)

    def drawer(layout: Design) -> Callable[[SamplerOptions], Drawn]:
        return lambda options: draw_table(layout, spec, graphs, options)

    def report(drawn: list[Drawn]) -> pd.DataFrame:
        return pd.concat([table(group) for group in _alike(drawn)], ignore_index=True)

    def table(drawn: list[Drawn]) -> pd.DataFrame:
        moments = xr.concat([part.content for part in drawn], dim="outcome", data_vars="minimal")
        fit = Fit(
            read,
            spec.label,
            spec.model,
            spec.prior.name,
            xr.DataTree.from_dict(
                {"posterior": moments.drop_vars("n"), "constant_data": moments[["n"]]}
            ),
            {},
            baseline=baseline_of(spec, design(read)),
        )
        gates = {name: gate for part in drawn for name, gate in part.gates.items()}
        own = effects(fit, estimands=payload.estimands, gates=gates)
        return own[own["visit"].isin(study.follow_up)]

    parts = {
        layout.outcomes[0] if len(layout.outcomes) == 1 else "": drawer(layout)
        for layout in layouts(study, choices)
    }
    return Problem(parts, report)


def _alike(drawn: list[Drawn]) -> list[list[Drawn]]:
    """Parts with as many chains and draws as each other, which can be summarised at once."""
    groups: dict[tuple[int, int], list[Drawn]] = {}
    for part in drawn:
        size = (part.content.sizes["chain"], part.content.sizes["draw"])
        groups.setdefault(size, []).append(part)
    return list(groups.values())


def draw_table(
    layout: Design, spec: TableSpec, graphs: CompiledGraphs, options: SamplerOptions
) -> Drawn:
    """Sample one design, judge it, and keep its population moments."""
    tree = sample(graphs.get(layout, spec), options, float(layout.n_arm.max()))
    posterior = tree["posterior"].to_dataset().assign_coords(outcome=list(layout.outcomes))
    moments = natural_moments(posterior, layout, spec)
    # parameters that a specification does not use (rounding errors switched off) are drawn
    # from their prior and are judged all the same
    data = xr.DataTree.from_dict(
        {
            "posterior": posterior.merge(moments, compat="override"),
            "sample_stats": tree["sample_stats"].to_dataset(),
        }
    )
    gate = check(spec.label, data)
    gates = dict.fromkeys(layout.outcomes, gate)
    if layout.patients and not gate.passed:
        gates = check_outcomes(spec.label, data, {})
    return Drawn(gate, moments.assign(n=("arm", layout.n_arm)), gates)


def _adverse_problem(
    study: Study, choices: AdverseChoices, prior: PriorSet | None, graphs: CompiledGraphs
) -> Problem:
    """Events of each direction are a posterior of their own, as in every fit of a study."""

    def report(parts: list[Drawn]) -> pd.DataFrame:
        table = pd.concat([adverse_effects(part.content) for part in parts], ignore_index=True)
        return table[table["estimand"] == ADVERSE_ESTIMAND]

    samplers = {
        group.name: _adverse_sampler(group, choices, prior, graphs) for group in event_groups(study)
    }
    return Problem(samplers, report)


def _adverse_sampler(
    group: EventGroup, choices: AdverseChoices, prior: PriorSet | None, graphs: CompiledGraphs
) -> Callable[[SamplerOptions], Drawn]:
    from bayesasthma.models import adverse_counts

    study = group.study
    data = adverse_counts.counts(study, choices.reading)
    if choices.model == "independent" or prior is None:

        def exact(options: SamplerOptions) -> Drawn:
            fit = conjugate_fit(study, data, choices.reading, options, group.name)
            return Drawn(fit.gate, fit)

        return exact
    own = oriented(prior, group.direction)
    spec = adverse_counts.AdverseSpec("hierarchical", choices.reading, own)
    compiled = graphs.get_adverse(data, own)

    def draw(options: SamplerOptions) -> Drawn:
        tree = sample(compiled, options)
        posterior = tree["posterior"].to_dataset()
        parameters = {
            str(name): values.transpose("chain", "draw", ...).to_numpy()
            for name, values in posterior.items()
        }
        arm_rate = adverse_counts.rates(parameters, own, data.arm_share)
        arm_rate = arm_rate[..., data.reaction, data.arm]
        total = adverse_counts.concentration(parameters)[..., None]
        rng = np.random.default_rng(options.seed)
        hazard = rng.beta(
            arm_rate * total + data.events,
            (1 - arm_rate) * total + data.at_risk - data.events,
        )
        rate = accumulate(cell_grid(data, hazard), choices.reading)
        coords = {"reaction": list(data.reactions), "visit": list(data.visits)}
        posterior = posterior.assign(
            rate=(("chain", "draw", "reaction", "visit", "arm"), rate)
        ).assign_coords({**coords, "arm": list(data.arms)})
        groups = {"posterior": posterior, "sample_stats": tree["sample_stats"].to_dataset()}
        fit = AdverseFit(study, spec, data, xr.DataTree.from_dict(groups), {}, group=group.name)
        return Drawn(fit.gate, fit)

    return draw
