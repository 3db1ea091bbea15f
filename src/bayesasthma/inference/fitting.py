"""Fit a model to a study: study and specification in, a `Fit` with its DataTree out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.inference.apart import sample_apart, separable
from bayesasthma.inference.assembly import assemble
from bayesasthma.inference.diagnostics import Gate, check
from bayesasthma.inference.remedies import sample_closely
from bayesasthma.inference.routes import Ready, model_module, ready_table, route_of
from bayesasthma.inference.sampling import (
    Progress,
    SamplerOptions,
    Stopwatch,
    draw_prior,
    fit_key,
    versions,
)
from bayesasthma.inference.saved_fits import load_if_current, save
from bayesasthma.models.design import Design, design, identified_outcomes
from bayesasthma.models.moments import constrained
from bayesasthma.models.prior_draws import prior_draws
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.priors.named_sets import check_names
from bayesasthma.study.printed_twice import impossible_changes
from bayesasthma.study.study import Study

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
    baseline : {"common", "free", ""}
        Whether the arms have one population mean at baseline; blank where the model has none.
    left_out : tuple of str
        Outcomes that a flat prior could not be fitted to, for a cell of theirs is not printed as a
        level.
    """

    study: Study
    label: str
    model: str
    prior: str
    data: xr.DataTree = field(repr=False)
    seconds: dict[str, float]
    resumed: bool = False
    baseline: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def route(self) -> dict[str, str]:
        """``compiled``: ``kernel`` or ``graph``; with ``graph_reason``, why it was no kernel.

        ``sampled_again``, if draws diverged at first: what was done, and what came of it.
        """
        return route_of(self.data)

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
        Under flat priors without the outcomes that they leave open, each named to ``progress``.

    Raises
    ------
    UsageError
        If the model cannot be fitted to the study, or flat priors leave every outcome open.
    """
    spec = table_spec(spec) if isinstance(spec, str) else spec
    check_names(spec.prior, study)
    options = options or SamplerOptions()
    layout = design(study, outcomes, as_table=spec.model == "independent")
    layout, left_out = _identified(study, layout, spec, progress)
    spec = _with_plain_baseline(spec, layout)
    label = "-".join(filter(None, [spec.label, study.reading]))
    for found in impossible_changes(study):
        progress(f"{label}: {found.where}: {found.text}; no correlation is taken from it")
    baseline = baseline_of(spec, layout)
    record = {
        "spec": spec.record(),
        "options": options.record(),
        "study": study.name,
        "inputs": study.checksums,
        "outcomes": layout.outcomes,
        "baseline": baseline,
    }

    def run(watch: Stopwatch) -> xr.DataTree:
        def compiling() -> None:
            progress(f"{label}: compiling (the first time on a machine takes a minute or two)")

        ready = watch.time("compile", lambda: ready_table(layout, spec, before_compiling=compiling))
        most = float(layout.n_arm.max())
        progress(f"{label}: sampling {options.chains} x ({options.tune} + {options.draws})")
        apart = separable(layout, spec)
        tree = watch.time(
            "sample",
            lambda: (
                sample_apart(layout, spec, options, most)
                if apart
                else sample_closely(ready.model, options, most, longer=True)
            ),
        )
        progress(f"{label}: predictive draws and log-likelihood")
        prior = watch.time("predict", lambda: _prior_draws(ready, layout, spec, options.seed))
        whole = watch.time("predict", lambda: assemble(tree, prior, layout, spec, options.seed))
        whole.attrs |= tree.attrs | ready.record()
        return whole

    tree, seconds, resumed = run_or_resume(label, record, run, folder, progress)
    return Fit(
        study, label, spec.model, spec.prior.name, tree, seconds, resumed, baseline, left_out
    )


def _identified(
    study: Study, layout: Design, spec: TableSpec, progress: Progress
) -> tuple[Design, tuple[str, ...]]:
    """The design without the outcomes that a flat prior leaves open, and their names."""
    if not spec.prior.flat or spec.model == "independent":
        return layout, ()
    kept = identified_outcomes(layout)
    left_out = tuple(name for name in layout.outcomes if name not in kept)
    if not left_out or not kept:
        return layout, ()  # nothing to leave out, or nothing to keep: the model says why
    progress(
        f"{spec.label}: without {', '.join(left_out)}, which a flat prior cannot be fitted to: a "
        "mean and an SD are not printed as a level in every arm at every visit"
    )
    return design(study, kept), left_out


def _prior_draws(ready: Ready, layout: Design, spec: TableSpec, seed: int) -> xr.Dataset:
    """Prior draws of the parameters (chain, draw, ...); a flat prior has none."""
    if ready.compiled != "kernel":
        return draw_prior(model_module(spec.model).build(layout, spec), PRIOR_DRAWS, seed)
    draws = prior_draws(ready.model.free, layout, spec, PRIOR_DRAWS, seed)
    dims = {own.name: own.dims for own in ready.model.free}
    used = {dim for name in draws for dim in dims[name]}
    return xr.Dataset(
        {name: (("chain", "draw", *dims[name]), values[None]) for name, values in draws.items()},
        {dim: list(labels) for dim, labels in ready.model.coords.items() if dim in used},
    )


def baseline_of(spec: TableSpec, layout: Design) -> str:
    """What a fit takes the arms' population means at baseline for: ``Fit.baseline``."""
    if spec.model == "independent" or layout.baseline is None:
        return ""
    return "common" if constrained(layout, spec) else "free"


def _with_plain_baseline(spec: TableSpec, layout: Design) -> TableSpec:
    """The specification without a choice of baseline that says what the study's design says.

    Raises
    ------
    UsageError
        If there is no baseline to choose for.
    """
    if spec.baseline is None:
        return spec
    if spec.model == "independent":
        raise UsageError(
            f"baseline {spec.baseline!r}: the model 'independent' looks at each visit by itself"
        )
    if layout.baseline is None:
        raise UsageError(f"baseline {spec.baseline!r}: the study has no baseline visit")
    plain = replace(spec, baseline=None)
    return plain if constrained(layout, plain) == constrained(layout, spec) else spec


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
    if path is not None:
        saved = load_if_current(path, key, record, lambda why: progress(f"{label}: {why}"))
        if saved is not None:
            progress(f"{label}: inputs, options and versions unchanged, using the saved fit")
            return saved, {}, True
    watch = Stopwatch()
    tree = run(watch)
    tree.attrs |= {
        "key": key,
        "record": json.dumps(record, default=str),
        "versions": json.dumps(versions()),
        "seconds": json.dumps(watch.seconds),
    }
    if path is not None:
        save(tree, path)
    return tree, watch.seconds, False
