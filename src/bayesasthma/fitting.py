"""Fit a model to a study: study and specification in, a `Fit` with its DataTree out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma.diagnostics import Gate, check
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.sampling import (
    Progress,
    SamplerOptions,
    Stopwatch,
    compile_model,
    draw_prior,
    fit_key,
    load_if_current,
    sample,
    save,
    versions,
)
from bayesasthma.series import Design, TableBlock, design
from bayesasthma.study import Study

PRIOR_DRAWS = 1000


def silent(_message: str) -> None:
    """Progress that goes nowhere."""


@dataclass(frozen=True)
class Fit:
    """A fitted model: what was asked, and the draws.

    Attributes
    ----------
    study : Study
    label : str
        Short name, also of its file.
    model, prior : str
        As tables print them.
    data : DataTree
        ``posterior``: the parameters (standardised), and for models of tables ``mean``, ``sd``
        (outcome, arm, visit) and ``correlation`` (outcome, visit, visit_b) in outcome units.
        ``prior``, ``prior_predictive``, ``posterior_predictive``, ``log_likelihood``,
        ``observed_data``, ``constant_data``, ``sample_stats``.
    seconds : dict
        Wall seconds of compiling, sampling and the rest; empty for a resumed fit.
    resumed : bool
        Whether the draws came from a saved file.
    """

    study: Study
    label: str
    model: str
    prior: str
    data: xr.DataTree = field(repr=False)
    seconds: dict[str, float]
    resumed: bool = False

    @cached_property
    def gate(self) -> Gate:
        """Diagnostics of every parameter."""
        return check(self.label, self.data)

    @property
    def moments(self) -> xr.Dataset:
        """Posterior draws of the population moments, in outcome units."""
        names = [n for n in ("mean", "sd", "correlation") if n in self.data["posterior"]]
        return self.data["posterior"].to_dataset()[names]

    def save_as(self, path: str | Path) -> None:
        """Write the DataTree as netCDF, atomically."""
        save(self.data, Path(path))


def fit_table(
    study: Study,
    spec: TableSpec | str = "longitudinal",
    options: SamplerOptions | None = None,
    *,
    outcomes: list[str] | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit a model of the printed means and SDs (or of the patients, if the study has them).

    Parameters
    ----------
    study : Study
    spec : TableSpec or str
        A specification, or a model's name for its defaults.
    options : SamplerOptions, optional
    outcomes : list of str, optional
        Which outcomes; all by default.
    folder : Path, optional
        Where fits are kept: an unchanged one is read instead of sampled, a new one is saved.
    progress : callable
        Receives one line per stage.

    Returns
    -------
    Fit
    """
    spec = table_spec(spec) if isinstance(spec, str) else spec
    options = options or SamplerOptions()
    layout = design(study, outcomes)
    record = {
        "spec": spec.record(),
        "options": options.record(),
        "study": study.name,
        "inputs": study.checksums,
        "outcomes": layout.outcomes,
    }

    def run(watch: Stopwatch) -> xr.DataTree:
        module = _module(spec.model)
        model = module.build(layout, spec)
        progress(f"{spec.label}: compiling (the first time on a machine takes a minute or two)")
        compiled = watch.time("compile", lambda: compile_model(model))
        progress(f"{spec.label}: sampling {options.chains} x ({options.tune} + {options.draws})")
        tree = watch.time("sample", lambda: sample(compiled, options))
        progress(f"{spec.label}: predictive draws and log-likelihood")
        prior = watch.time("predict", lambda: draw_prior(model, PRIOR_DRAWS, options.seed))
        return watch.time("predict", lambda: _assemble(tree, prior, layout, spec, options.seed))

    tree, seconds, resumed = run_or_resume(spec.label, record, run, folder, progress)
    return Fit(study, spec.label, spec.model, spec.prior.name, tree, seconds, resumed)


def run_or_resume(
    label: str,
    record: dict[str, Any],
    run: Callable[[Stopwatch], xr.DataTree],
    folder: Path | None,
    progress: Progress,
) -> tuple[xr.DataTree, dict[str, float], bool]:
    """Read the saved fit if its fingerprint is current; else run, stamp and save.

    Returns
    -------
    tree : DataTree
    seconds : dict
        Wall seconds by stage; empty if resumed.
    resumed : bool
    """
    key = fit_key(record)
    path = folder / f"{label}.nc" if folder is not None else None
    if path is not None and (saved := load_if_current(path, key)) is not None:
        progress(f"{label}: inputs, options and versions unchanged, using the saved fit")
        return saved, {}, True
    watch = Stopwatch()
    tree = run(watch)
    tree.attrs = {
        "key": key,
        "record": json.dumps(record, default=str),
        "versions": json.dumps(versions()),
        "seconds": json.dumps(watch.seconds),
    }
    if path is not None:
        save(tree, path)
    return tree, watch.seconds, False


def _module(model: str) -> Any:
    from bayesasthma.models import independent, longitudinal

    return {"independent": independent, "longitudinal": longitudinal}[model]


def _assemble(
    tree: xr.DataTree, prior: xr.Dataset, layout: Design, spec: TableSpec, seed: int
) -> xr.DataTree:
    """Add natural moments, predictive draws, log-likelihood and the data to sampler output."""
    rng = np.random.default_rng(seed)
    summarise = _independent_groups if spec.model == "independent" else _longitudinal_groups
    posterior = tree["posterior"].to_dataset()
    moments, predictive, log_likelihood, observed = summarise(posterior, layout, spec, rng)
    groups: dict[str, xr.Dataset] = {
        "posterior": posterior.merge(moments),
        "sample_stats": tree["sample_stats"].to_dataset(),
        "posterior_predictive": predictive,
        "log_likelihood": log_likelihood,
        "observed_data": observed,
        "constant_data": _constants(layout),
    }
    if prior.sizes:
        prior_moments, prior_predictive, _, _ = summarise(prior, layout, spec, rng)
        groups["prior"] = prior.merge(prior_moments)
        groups["prior_predictive"] = prior_predictive
    return xr.DataTree.from_dict(groups)


def _constants(layout: Design) -> xr.Dataset:
    coords = {
        "outcome": list(layout.outcomes),
        "arm": list(layout.arms),
        "visit": list(layout.visits),
    }
    return xr.Dataset(
        {
            "centre": ("outcome", layout.centre),
            "scale": ("outcome", layout.scale),
            "direction": ("outcome", layout.direction),
            "week": ("visit", layout.weeks),
            "n": ("arm", layout.n_arm),
        },
        coords,
    )


def _natural(
    mean: np.ndarray, log_sd: np.ndarray, layout: Design
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    dims = ("chain", "draw", "outcome", "arm", "visit")
    scale, centre = layout.scale[:, None, None], layout.centre[:, None, None]
    return {"mean": (dims, centre + scale * mean), "sd": (dims, scale * np.exp(log_sd))}


def _arrays(draws: xr.Dataset) -> dict[str, np.ndarray]:
    return {str(k): v.transpose("chain", "draw", ...).to_numpy() for k, v in draws.items()}


def _longitudinal_groups(
    draws: xr.Dataset, layout: Design, spec: TableSpec, rng: np.random.Generator
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset, xr.Dataset]:
    """Moments, predictive draws, log-likelihood and data of the longitudinal model."""
    from bayesasthma.correlation import cholesky_from_z, multiply_transpose
    from bayesasthma.models import longitudinal

    parameters = _arrays(draws)
    if spec.correlation.rho is not None:
        parameters["rho"] = np.asarray(spec.correlation.rho)
    moment = longitudinal.moments(parameters, layout, spec)
    size = len(layout.visits)
    lower = multiply_transpose(cholesky_from_z(moment.z))
    correlation = np.ones((*moment.mean.shape[:3], size, size))
    for i in range(size):
        for j in range(i):
            correlation[..., i, j] = correlation[..., j, i] = lower[i][j]
    coords = {
        "outcome": list(layout.outcomes),
        "arm": list(layout.arms),
        "visit": list(layout.visits),
        "visit_b": list(layout.visits),
    }
    moments = xr.Dataset(
        {
            **_natural(moment.mean, moment.log_sd, layout),
            "correlation": (("chain", "draw", "outcome", "visit", "visit_b"), correlation),
        },
        coords,
    )
    predictive, density, observed = {}, {}, {}
    for index, table in enumerate(layout.tables):
        inputs = longitudinal.table_inputs(table, moment)
        predictive[f"table_{index}"] = _predict(rng, table, inputs, index, layout)
        density[f"table_{index}"] = _density(table, inputs, parameters, index, spec)
        observed[f"table_{index}"] = _table_array(
            np.stack([table.mean, table.sd], axis=-1), table, index, layout
        )
    return moments, xr.Dataset(predictive), xr.Dataset(density), xr.Dataset(observed)


def _table_array(
    values: np.ndarray, table: TableBlock, index: int, layout: Design
) -> xr.DataArray:
    """Label standardised (mean, SD) pairs of a block and put them in outcome units."""
    levels = table.functional.min(axis=1) >= 0
    offset = layout.centre[table.outcome][:, None] * levels
    scale = layout.scale[table.outcome][:, None, None]
    natural = values * scale
    natural[..., 0] += offset
    lead = ("chain", "draw")[: values.ndim - 3]
    series, row = f"series_{index}", f"row_{index}"
    return xr.DataArray(
        natural,
        dims=(*lead, series, row, "moment"),
        coords={
            "moment": ["mean", "sd"],
            f"outcome_{index}": (series, [layout.outcomes[k] for k in table.outcome]),
            f"arm_{index}": (series, [layout.arms[g] for g in table.arm]),
            f"visit_{index}": (
                row,
                [layout.visits[int(np.flatnonzero(f > 0)[0])] for f in table.functional],
            ),
        },
    )


def _predict(
    rng: np.random.Generator,
    table: TableBlock,
    inputs: tuple[np.ndarray, np.ndarray, np.ndarray],
    index: int,
    layout: Design,
) -> xr.DataArray:
    from bayesasthma.likelihood import draw_table

    mean, sd = draw_table(rng, *inputs, table.n)
    return _table_array(np.stack([mean, sd], axis=-1), table, index, layout)


def _density(
    table: TableBlock,
    inputs: tuple[np.ndarray, np.ndarray, np.ndarray],
    parameters: dict[str, np.ndarray],
    index: int,
    spec: TableSpec,
) -> xr.DataArray:
    """Log-likelihood of each printed row given the rows before it (standardised units)."""
    from scipy.special import ndtr

    from bayesasthma.likelihood import fisher_scale, log_constant, table_logp

    mean, sd = table.mean, table.sd
    if f"rounding_{index}" in parameters:
        error = ndtr(parameters[f"rounding_{index}"]) - 0.5
        mean = mean + error[..., 0] * table.mean_step
        sd = sd + error[..., 1] * table.sd_step
    shape = inputs[0].shape
    epsilon = parameters.get(f"epsilon_{index}", np.zeros((*shape[:-1], 0)))
    values = table_logp(
        mean,
        sd,
        *inputs,
        epsilon,
        table.n,
        log_constant(table.n - 1),
        fisher_scale(table.n - 1),
        table.pinned,
        table.pinned_z,
        balanced=table.balanced,
    )
    return xr.DataArray(values, dims=("chain", "draw", f"series_{index}", f"row_{index}"))


def _independent_groups(
    draws: xr.Dataset, layout: Design, spec: TableSpec, rng: np.random.Generator
) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset, xr.Dataset]:
    """Moments, predictive draws, log-likelihood and data of the independent model."""
    from scipy.special import ndtr

    from bayesasthma.likelihood import draw_table, log_constant, table_logp
    from bayesasthma.models import independent

    printed = independent.cells(layout)
    parameters = _arrays(draws)
    mean, log_sd = independent.moments(parameters, printed, spec)
    shape = (*mean.shape[:2], len(layout.outcomes), len(layout.arms), len(layout.visits))
    full_mean, full_log_sd = np.full(shape, np.nan), np.full(shape, np.nan)
    where = (..., printed.outcome, printed.arm, printed.visit)
    full_mean[where], full_log_sd[where] = mean, log_sd
    coords = {
        "outcome": list(layout.outcomes),
        "arm": list(layout.arms),
        "visit": list(layout.visits),
    }
    moments = xr.Dataset(_natural(full_mean, full_log_sd, layout), coords)
    n = printed.n[:, None]
    no_pairs = np.zeros((*mean.shape, 0))
    inputs = (mean[..., None], log_sd[..., None], no_pairs)
    new_mean, new_sd = draw_table(rng, *inputs, n)
    exact_mean, exact_sd = printed.mean[:, None], printed.sd[:, None]
    if "rounding_0" in parameters:
        error = ndtr(parameters["rounding_0"]) - 0.5
        exact_mean = exact_mean + (error[..., 0] * printed.mean_step)[..., None]
        exact_sd = exact_sd + (error[..., 1] * printed.sd_step)[..., None]
    empty = np.zeros((*n.shape[:-1], 0))
    density = table_logp(
        exact_mean, exact_sd, *inputs, no_pairs, n, log_constant(n - 1), empty,
        np.zeros(0, dtype=bool), empty, balanced=True,
    )
    scale, centre = layout.scale[printed.outcome], layout.centre[printed.outcome]
    labels = {
        "moment": ["mean", "sd"],
        "outcome_0": ("cell", [layout.outcomes[k] for k in printed.outcome]),
        "arm_0": ("cell", [layout.arms[g] for g in printed.arm]),
        "visit_0": ("cell", [layout.visits[t] for t in printed.visit]),
    }
    predicted = np.concatenate([new_mean, new_sd], axis=-1) * scale[:, None]
    predicted[..., 0] += centre
    seen = np.stack([printed.mean, printed.sd], axis=-1) * scale[:, None]
    seen[..., 0] += centre
    dims = ("chain", "draw", "cell", "moment")
    return (
        moments,
        xr.Dataset({"table_0": (dims, predicted)}, labels),
        xr.Dataset({"table_0": (dims[:3], density[..., 0])}),
        xr.Dataset({"table_0": (dims[2:], seen)}, labels),
    )
