"""One specification's fit, as a worker does it: swap data in, sample, judge, summarise."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.adverse_fits import (
    AdverseFit,
    accumulate,
    adverse_effects,
    cell_grid,
    conjugate_fit,
)
from bayesasthma.assembly import natural_moments
from bayesasthma.diagnostics import Gate, check_outcomes, mark_outcomes
from bayesasthma.dispatch import Worker
from bayesasthma.effect_table import effects
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.fitting import Fit
from bayesasthma.graphs import CompiledGraphs
from bayesasthma.models.specification import TableSpec
from bayesasthma.prior_distributions import PriorSet
from bayesasthma.sampling import SamplerOptions, sample
from bayesasthma.series import design
from bayesasthma.specification_curve.fingerprints import environment
from bayesasthma.specification_curve.grid import AdverseChoices, TableChoices
from bayesasthma.specification_curve.study_grid import read_study
from bayesasthma.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable

#: Columns of `effects.csv` and `adverse.csv` that a curve keeps.
KEPT = (
    "outcome", "reaction", "arm", "visit", "week", "estimand", "unit",
    "mean", "sd", "ci_low", "ci_high", "ci_prob",
    "p_benefit", "p_benefit_mcse", "p_positive", "p_benefit_gt_mcid",
    "ess_bulk", "ess_tail", "r_hat", "gate",
)  # fmt: skip
#: What is reported of adverse reactions; its ``p_benefit`` is P(fewer reactions).
ADVERSE_ESTIMAND = "risk_difference"
#: A fit that fails its gate is sampled again, once or twice: with this many times the chains, if it
#: has not converged, for two chains may agree on one of two modes; at the next of these acceptance
#: rates, if it diverged. Smaller steps may need trees of this depth.
MORE, CLOSER, DEEPER = 2, (0.99, 0.998), 12
#: Times a failing fit is sampled again.
REPEATS = 2


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
        ``retry`` (what was done about a failed gate; empty if nothing), ``seconds``.

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
    draw = (
        _adverse_drawer(payload.study, payload.choices, payload.prior, graphs)
        if isinstance(payload.choices, AdverseChoices)
        else _table_drawer(payload, payload.choices, graphs)
    )
    options = replace(payload.options, cores=min(worker.cores, payload.options.chains))
    gate, table = draw(options)
    retry = []
    for _ in range(REPEATS):
        if not (failures := _failures(gate, table)):
            break
        diverged = gate.divergences > 0
        options = repeated(options, diverged=diverged, short=len(failures) > diverged)
        retry.append(
            f"{'; '.join(failures)}; sampled again with {options.chains} x ({options.tune} + "
            f"{options.draws}) at acceptance {options.target_accept:g}: "
        )
        gate, table = draw(options)
    compiling = sum(graphs.seconds.values()) - compiled_before
    failures = _failures(gate, table)
    if retry:
        retry.append("failed again" if failures else "passed")
    columns = [name for name in KEPT if name in table]
    failed = table.loc[table["gate"] != "pass", "outcome" if "outcome" in table else "reaction"]
    return {
        "rows": table[columns].to_dict(orient="records"),
        "gate": {
            "passed": not failures,
            "failures": "; ".join(failures),
            "failed_for": sorted(set(failed)),
            "r_hat": gate.r_hat,
            "ess_bulk": gate.ess_bulk,
            "ess_tail": gate.ess_tail,
            "divergences": gate.divergences,
            "bfmi": gate.bfmi,
        },
        "retry": "".join(retry),
        "seconds": {"compile": compiling, "fit": time.perf_counter() - start - compiling},
    }


def repeated(options: SamplerOptions, *, diverged: bool, short: bool) -> SamplerOptions:
    """Options for sampling a fit again that failed its gate with these."""
    smaller = [rate for rate in CLOSER if diverged and rate > options.target_accept]
    return replace(
        options,
        chains=MORE * options.chains if short else options.chains,
        max_depth=max(options.max_depth, DEEPER),
        target_accept=smaller[0] if smaller else options.target_accept,
    )


def _failures(gate: Gate, table: pd.DataFrame) -> list[str]:
    """Why a fit fails: its parameters, or what is reported of it."""
    failed = int((table["gate"] != "pass").sum())
    if gate.failures or not failed:
        return list(gate.failures)
    worst = (
        f"smallest bulk ESS {table['ess_bulk'].min():.0f}, tail ESS {table['ess_tail'].min():.0f}, "
        f"largest R-hat {table['r_hat'].max():.3f}"
    )
    return [f"{failed} of {len(table)} quantities: {worst}"]


def _table_drawer(
    payload: Payload, choices: TableChoices, graphs: CompiledGraphs
) -> Callable[[SamplerOptions], tuple[Gate, pd.DataFrame]]:
    study, spec = payload.study, payload.spec
    assert spec is not None
    read = read_study(study, choices)
    layout = design(read)
    compiled = graphs.get(layout, spec)

    def draw(options: SamplerOptions) -> tuple[Gate, pd.DataFrame]:
        tree = sample(compiled, options)
        posterior = tree["posterior"].to_dataset()
        moments = natural_moments(posterior, layout, spec)
        # parameters that a specification does not use (rounding errors switched off) are drawn
        # from their prior and are judged all the same
        data = xr.DataTree.from_dict(
            {
                "posterior": posterior.merge(moments, compat="override"),
                "sample_stats": tree["sample_stats"].to_dataset(),
                "constant_data": xr.Dataset(
                    {"n": ("arm", layout.n_arm)}, {"arm": list(layout.arms)}
                ),
            }
        )
        fit = Fit(read, spec.label, spec.model, spec.prior.name, data, {})
        table = effects(fit, estimands=payload.estimands)
        if spec.model == "longitudinal" and not fit.gate.passed:
            series = {
                f"series_{k}": [layout.outcomes[i] for i in block.outcome]
                for k, block in enumerate(layout.tables)
            }
            table = mark_outcomes(table, check_outcomes(spec.label, data, series))
        return fit.gate, table[table["visit"].isin(study.follow_up)]

    return draw


def _adverse_drawer(
    study: Study, choices: AdverseChoices, prior: PriorSet | None, graphs: CompiledGraphs
) -> Callable[[SamplerOptions], tuple[Gate, pd.DataFrame]]:
    from bayesasthma.models import adverse

    data = adverse.counts(study, choices.reading)

    def report(fit: AdverseFit) -> tuple[Gate, pd.DataFrame]:
        table = adverse_effects(fit)
        return fit.gate, table[table["estimand"] == ADVERSE_ESTIMAND]

    if choices.model == "independent" or prior is None:
        return lambda options: report(conjugate_fit(study, data, choices.reading, options))
    spec = adverse.AdverseSpec("hierarchical", choices.reading, prior)
    compiled = graphs.get_adverse(data, prior)

    def draw(options: SamplerOptions) -> tuple[Gate, pd.DataFrame]:
        tree = sample(compiled, options)
        posterior = tree["posterior"].to_dataset()
        parameters = {
            str(name): values.transpose("chain", "draw", ...).to_numpy()
            for name, values in posterior.items()
        }
        arm_rate = adverse.rates(parameters, prior)[..., data.reaction, data.arm]
        total = adverse.concentration(parameters)[..., None]
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
        return report(AdverseFit(study, spec, data, xr.DataTree.from_dict(groups), {}))

    return draw
