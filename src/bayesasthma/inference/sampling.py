"""Compile once, sample, label the draws; what a fit is known by."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma._files.source_code import file_tokens
from bayesasthma.inference.nutpie_import import import_nutpie

Progress = Callable[[str], None]

PACKAGES = (
    "pymc",
    "pytensor",
    "nutpie",
    "numba",
    "numpy",
    "scipy",
    "xarray",
    "arviz-base",
    "arviz-stats",
)


#: How nutpie learns the scales of the parameters: a diagonal mass matrix, from draws and gradients.
#: From draws alone, posteriors of 600 parameters took trajectories twice as long.
MASS_MATRIX = "diag"

#: Most parameters for which a low-rank mass matrix is adapted, which learns the posterior's
#: correlations: beyond, its matrix algebra costs far more than the sampling.
LOW_RANK_MOST = 100

#: Acceptance rate, the smallest at which hardly a fit has a draw that diverges: of 40 fits of one
#: outcome none, of the joint model's one in eight, and that is sampled again. At higher rates steps
#: are so small that trajectories (15 and 31 of them) are too short, or twice as long to compute.
ACCEPTANCE = 0.93

#: Patients of an arm beyond which no low-rank mass matrix is adapted: the scales of parameters that
#: so many pin are far from the prior's, and it is slow to find them.
PATIENTS_MANY = 2_000


@dataclass(frozen=True)
class SamplerOptions:
    """How to sample.

    Attributes
    ----------
    draws, tune, chains : int
        Kept and warm-up iterations of each chain, and chains. Of 1,000 draws the largest R-hat of a
        thousand parameters can be above 1.01 by chance; more warm-up gave no more effective draws.
    seed : int
        The same seed, options and versions give the same draws.
    target_accept : float
        Acceptance rate that the step size is tuned to, at first: what diverges is sampled again
        in smaller steps (:mod:`bayesasthma.inference.remedies`).
    max_depth : int
        Of the tree of a transition, which is then at most ``2**max_depth`` leapfrog steps.
    cores : int or None
        Chains at a time; None uses the machine's.
    progress_bar : bool
        Show nutpie's bar; it does not change the draws.
    """

    draws: int = 1500
    tune: int = 400
    chains: int = 4
    seed: int = 20250711
    target_accept: float = ACCEPTANCE
    max_depth: int = 10
    cores: int | None = field(default=None, compare=False)
    progress_bar: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        for name, least in (("draws", 4), ("tune", 1), ("chains", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is at least {least}, not {getattr(self, name)}")

    def record(self) -> dict[str, Any]:
        """What determines the draws, as plain data."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("cores", "progress_bar")
        }


def compile_model(model: Any) -> Any:
    """Compile a PyMC model for nutpie, its dimensions frozen and its ``pm.Data`` left swappable.

    Returns
    -------
    nutpie compiled model
        :func:`with_data` gives it other data or prior scales without compiling.
    """
    import nutpie
    from pymc.model.transform.optimization import freeze_dims_and_data

    return nutpie.compile_pymc_model(freeze_dims_and_data(model, data=[]))


def with_data(compiled: Any, values: dict[str, Any]) -> Any:
    """The same compiled model with other data, as a model module's ``data`` returns them.

    Values that the compiled graph does not use (rounding steps where rounding is off) are left out.
    The new arrays have the shapes of the old ones.
    """
    used = {variable.name for variable in compiled.shared_var_keys}
    return compiled.with_data(**{name: value for name, value in values.items() if name in used})


#: What is kept of nutpie's statistics.
STATISTICS = ("diverging", "energy", "n_steps", "depth", "maxdepth_reached", "step_size", "logp")


def sample(compiled: Any, options: SamplerOptions, patients: float = 0) -> xr.DataTree:
    """Run NUTS; returns ``posterior`` and ``sample_stats``, warm-up left out.

    Parameters
    ----------
    compiled : nutpie compiled model or KernelModel
    options : SamplerOptions
    patients : float
        Of the largest arm: of many, scales are learned in another way (`adaptation`).
    """
    draws, statistics = _run(compiled, options, adaptation(compiled.n_dim, patients), STATISTICS)
    labels = {
        dim: np.asarray(own, dtype=object if len(own) and isinstance(own[0], str) else None)
        for dim, own in compiled.coords.items()
        if dim in draws.dims
    }
    count = {"chain": range(options.chains), "draw": range(options.draws)}
    return xr.DataTree.from_dict(
        {
            "posterior": draws.assign_coords({**count, **labels}),
            "sample_stats": statistics.assign_coords(count),
        }
    )


def adaptation(parameters: int, patients: float = 0) -> str:
    """How nutpie learns the mass matrix of a posterior."""
    few = parameters <= LOW_RANK_MOST and patients <= PATIENTS_MANY
    return "low_rank" if few else MASS_MATRIX


def sample_briefly(compiled: Any, options: SamplerOptions) -> tuple[xr.Dataset, int]:
    """NUTS for many small fits, of what :func:`sample` takes.

    Returns
    -------
    draws : Dataset (chain, draw, ...)
        Warm-up left out; dimensions are named and carry no labels.
    divergences : int
    """
    draws, statistics = _run(compiled, options, adaptation(compiled.n_dim), ("diverging",))
    return draws, int(statistics["diverging"].sum())


def _run(
    compiled: Any, options: SamplerOptions, mass_matrix: str, kept: tuple[str, ...]
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draws of the parameters and statistics of the sampler, both without labels.

    They are read off nutpie's own trace: its conversion for ArviZ takes as long as a small fit.
    """
    import pyarrow as pa  # type: ignore[import-untyped]  # nutpie's own dependency

    def column(batch: Any, name: str) -> np.ndarray:
        values = pa.array(batch.column(name))
        flat = values.flatten() if hasattr(values, "flatten") else values
        return np.asarray(flat.to_numpy(zero_copy_only=False))

    trace = import_nutpie().sample(
        compiled,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        cores=options.cores or min(options.chains, os.cpu_count() or 1),
        seed=options.seed,
        target_accept=options.target_accept,
        maxdepth=options.max_depth,
        adaptation=mass_matrix,
        progress_bar=options.progress_bar,
        save_warmup=False,
        return_raw_trace=True,
    )
    draws, statistics = trace.get_arrow_trace()
    # nutpie answers Ctrl-C with the draws that it has by then
    whole = sum(own.num_rows >= options.tune + options.draws for own in statistics)
    if whole < options.chains:
        raise KeyboardInterrupt
    rows = [~column(own, "tuning") for own in statistics]

    def stacked(batches: list[Any], name: str, shape: tuple[int, ...] = ()) -> np.ndarray:
        return np.stack(
            [
                column(own, name).reshape(own.num_rows, *shape)[chosen]
                for own, chosen in zip(batches, rows, strict=True)
            ]
        )

    variables = {}
    for name in draws[0].column_names:
        if name.endswith("__"):
            continue  # on the sampler's own, unconstrained scale
        meta = draws[0].column(name).field.metadata
        dims, shape = (
            [part for part in meta.get(key, b"").decode().split(",") if part]
            for key in (b"dims", b"shape")
        )
        variables[name] = (("chain", "draw", *dims), stacked(draws, name, tuple(map(int, shape))))
    facts = {name: (("chain", "draw"), stacked(statistics, name)) for name in kept}
    return xr.Dataset(variables), xr.Dataset(facts)


def draw_prior(model: Any, draws: int, seed: int) -> xr.Dataset:
    """Prior draws of the free parameters (chain, draw, ...), without compiling the graph.

    Improper priors have no draws: the dataset is then empty.
    """
    import pymc as pm

    free = model.free_RVs
    try:
        values = pm.draw(free, draws=draws, random_seed=seed, mode="FAST_COMPILE")
    except NotImplementedError:  # as PyMC answers for improper priors
        return xr.Dataset()
    variables = {
        rv.name: (
            ("chain", "draw", *model.named_vars_to_dims.get(rv.name, ())),
            np.asarray(v)[None],
        )
        for rv, v in zip(free, values, strict=True)
    }
    coords = {
        dim: list(labels)
        for dim, labels in model.coords.items()
        if labels is not None and any(dim in dims for dims, _ in variables.values())
    }
    return xr.Dataset(variables, coords)


def log_prior(model: Any, posterior: xr.Dataset, names: list[str]) -> xr.Dataset:
    """Log prior density of some free parameters at posterior draws, their event axes summed.

    Parameters
    ----------
    model : pymc.Model
    posterior : Dataset (chain, draw, ...)
        With every free parameter of the model.
    names : list of str
        The parameters whose priors are evaluated.
    """
    from pymc.model.transform.conditioning import remove_value_transforms
    from pymc.stats import compute_log_prior

    # PyMC reads a variable's name off that of the value sampled, up to the transform's, which it
    # takes to be without an underscore
    plain = remove_value_transforms(model)
    for variable in plain.free_RVs:
        plain.rvs_to_values[variable].name = variable.name
    free = posterior[[variable.name for variable in plain.free_RVs]]
    densities: xr.Dataset = compute_log_prior(
        xr.DataTree.from_dict({"posterior": free}),
        var_names=names,
        model=plain,
        extend_inferencedata=False,
        progressbar=False,
    )
    return densities


@cache
def source_hash() -> str:
    """SHA-256 over the code of the package's statistics: what a saved fit depends on."""
    package = Path(__file__).parent.parent
    names = [
        "likelihood/correlation.py",
        "likelihood/tables.py",
        "study/external_evidence.py",
        "priors/distributions.py",
        "priors/_prior_files.py",
        "priors/named_sets.py",
        "study/readings.py",
        "inference/apart.py",
        "inference/remedies.py",
        "inference/routes.py",
        "inference/starts.py",
        "inference/sampling.py",
        "inference/fitting.py",
    ]
    paths = [*(package / name for name in names), *sorted((package / "models").rglob("*.py"))]
    facts = [[path.relative_to(package).as_posix(), file_tokens(path)] for path in paths]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of the packages that a draw depends on."""
    return {name: version(name) for name in PACKAGES}


def fit_key(record: dict[str, Any]) -> str:
    """Fingerprint of a fit: its specification, inputs, options, versions and source."""
    text = json.dumps(
        {**record, "versions": versions(), "source": source_hash()}, sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()


class Stopwatch:
    """Wall seconds of named stages, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time[T](self, stage: str, action: Callable[[], T]) -> T:
        """Run ``action`` and add its wall time to ``stage``."""
        start = time.perf_counter()
        try:
            return action()
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
