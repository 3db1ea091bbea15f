"""Sample the pooled model: of all studies, of each alone, and of all but one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma import pooling
from bayesasthma._files.source_code import file_tokens
from bayesasthma.errors import UsageError
from bayesasthma.inference.diagnostics import Gate, check
from bayesasthma.inference.fitting import run_or_resume, silent
from bayesasthma.inference.remedies import sample_closely
from bayesasthma.inference.sampling import Progress, SamplerOptions, Stopwatch
from bayesasthma.pooling.data import PooledDesign, Source, pooled_design
from bayesasthma.pooling.layout import COMMON
from bayesasthma.pooling.model import PooledSpec, alone_model, pooled_model
from bayesasthma.study.study import Study

#: Parameters kept of each study in a refit without another, beside those that all have in common.
OWN = ("effect", "logit_rho")
#: Acceptance rate at first: of many studies one or another has a draw where steps must be small,
#: and to sample all of them again takes longer than smaller steps.
ACCEPTANCE = 0.98
#: Attribute of a saved fit with its gate, whose parameters are not all kept.
GATE = "gate"


@dataclass(frozen=True)
class PooledFit:
    """Draws of the pooled model of one outcome.

    Attributes
    ----------
    design : PooledDesign
    spec : PooledSpec
    label : str
        Also of its file.
    data : DataTree
        ``posterior`` with the parameters that :func:`bayesasthma.pooling.model.pooled_model`
        names, in its standard unit, and ``sample_stats``. Of a study alone,
        those of :func:`bayesasthma.pooling.model.alone_model`.
    seconds : dict
        Wall seconds by stage; empty if resumed.
    """

    design: PooledDesign
    spec: PooledSpec
    label: str
    data: xr.DataTree = field(repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def gate(self) -> Gate:
        """Diagnostics of every parameter that was sampled."""
        return Gate(**json.loads(self.data.attrs[GATE]))

    @property
    def seed(self) -> int:
        """The seed that it was sampled with."""
        return int(json.loads(self.data.attrs["record"])["options"]["seed"])


def shared_outcomes(
    studies: Sequence[Study],
    mapped: Mapping[str, Mapping[str, Source]] | None = None,
    *,
    required: bool = True,
) -> dict[str, dict[str, Source]]:
    """Outcomes of two studies or more, and where each study has them.

    Parameters
    ----------
    studies : sequence of Study
    mapped : mapping of str to mapping, optional
        By pooled outcome and study, where outcomes have different ids; other outcomes are matched
        by id.
    required : bool
        Whether one has to be shared.

    Raises
    ------
    UsageError
        If there are fewer than two studies, two are the same or of one name, a mapped study is not
        among them, or no outcome is shared but one is required.
    """
    check_studies(studies)
    found = {outcome: dict(own) for outcome, own in (mapped or {}).items()}
    names = {study.name for study in studies}
    for outcome, own in found.items():
        unknown = sorted(set(own) - names)
        if unknown:
            raise UsageError(
                f"{outcome}: the map names the study {unknown[0]!r}; there are "
                f"{', '.join(sorted(names))}"
            )
    taken = {(name, source.outcome) for own in found.values() for name, source in own.items()}
    for study in studies:
        for outcome in map(str, study.outcomes.index):
            if (study.name, outcome) not in taken and study.name not in found.get(outcome, {}):
                found.setdefault(outcome, {})[study.name] = Source(outcome)
    shared = {outcome: own for outcome, own in found.items() if len(own) > 1}
    if required and not shared:
        listed = "; ".join(
            f"{study.name}: {', '.join(map(str, study.outcomes.index)) or 'none'}"
            for study in studies
        )
        raise UsageError(
            f"no outcome is in two of the studies ({listed}); outcomes are matched by id, or by a "
            "map of yours"
        )
    return shared


def check_studies(studies: Sequence[Study]) -> None:
    """Refuse fewer than two studies, and one that is there twice.

    Raises
    ------
    UsageError
    """
    if len(studies) < 2:
        raise UsageError(f"pooling takes two studies or more, not {len(studies)}")
    seen: dict[str, str] = {}
    for study in studies:
        digest = json.dumps(study.checksums, sort_keys=True)
        if study.name in seen.values():
            raise UsageError(
                f"two studies are named {study.name!r}: the name is that of the folder, and tables "
                "tell studies apart by it"
            )
        if digest in seen:
            raise UsageError(f"{seen[digest]!r} and {study.name!r} are the same study")
        seen[digest] = study.name


def fit_pooled(
    design: PooledDesign,
    spec: PooledSpec | None = None,
    options: SamplerOptions | None = None,
    *,
    inputs: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    label: str = "",
    whole: bool = True,
    alone: bool = False,
    progress: Progress = silent,
) -> PooledFit:
    """Fit the pooled model of an outcome.

    Parameters
    ----------
    design : PooledDesign
    spec : PooledSpec, optional
    options : SamplerOptions, optional
    inputs : mapping, optional
        Checksums of the studies' files, which a saved fit is held against.
    folder : Path, optional
        Where fits are kept: an unchanged one is read instead of sampled, a new one is saved.
    label : str
        Of the fit and its file; ``pooled-OUTCOME`` by default.
    whole : bool
        Whether all parameters are kept, or those of the effects and correlations alone.
    alone : bool
        Of a design with one study: its own `longitudinal` model instead, under the same prior.
    progress : callable
        Receives one line per stage.

    Raises
    ------
    UsageError
        If the model does not cover a study, or the prior set does not suit several.
    """
    spec = spec or PooledSpec()
    options = options or SamplerOptions(target_accept=ACCEPTANCE)
    label = label or f"pooled-{design.outcome}"
    make = alone_model if alone else pooled_model
    record = {
        "spec": asdict(spec),
        "options": options.record(),
        "study": list(design.names),
        "inputs": dict(inputs or {}),
        "outcome": design.outcome,
        "sources": [_facts(own) for own in design.studies],
        "scale": [design.scale, design.target, design.direction],
        "whole": whole,
        "alone": alone,
        "pooling": _source(),
    }
    if inputs is None:
        folder = None

    def run(watch: Stopwatch) -> xr.DataTree:
        model = make(design, spec)
        start = time.perf_counter()
        watch.time("compile", lambda: model.kernel.compiled)
        if time.perf_counter() - start > 1.0:
            progress(f"{label}: model compiled, once on this machine")
        progress(
            f"{label}: sampling {options.chains} x ({options.tune} + {options.draws}), "
            f"{len(design.studies)} studies, {model.n_dim} parameters"
        )
        most = max(float(own.design.n_arm.max()) for own in design.studies)
        tree = watch.time("sample", lambda: sample_closely(model, options, most, longer=True))
        gate = watch.time("diagnose", lambda: check(label, tree))
        tree.attrs[GATE] = json.dumps(asdict(gate))
        return tree if whole else _reduced(tree)

    tree, seconds, _ = run_or_resume(label, record, run, folder, progress)
    return PooledFit(design, spec, label, tree, seconds)


def _source() -> list[list[str]]:
    """Code of the pooled model, which the key of a single study's fit does not cover."""
    folder = Path(pooling.__file__).parent
    return [file_tokens(path) for path in (*sorted(folder.glob("*.py")), Path(__file__))]


def _facts(own: Any) -> list[Any]:
    return [own.label, own.design.outcomes, own.design.arms, own.design.visits, own.unit]


def _reduced(tree: xr.DataTree) -> xr.DataTree:
    posterior = tree["posterior"].to_dataset()
    kept = [
        name
        for name in map(str, posterior)
        if name in (*COMMON, *OWN) or (name[0] == "s" and name.partition("_")[2] in OWN)
    ]
    found = xr.DataTree.from_dict(
        {"posterior": posterior[kept], "sample_stats": tree["sample_stats"].to_dataset()}
    )
    found.attrs |= tree.attrs
    return found


def leave_one_out(
    fit: PooledFit,
    options: SamplerOptions,
    *,
    inputs: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> dict[str, PooledFit]:
    """The pooled model without each study in turn, by the study left out.

    Of two studies, what is left is one study with the pooled model's priors.
    """
    count = len(fit.design.studies)
    parts = {i: [j for j in range(count) if j != i] for i in range(count)}
    return _refits(fit, "without", parts, options, 1, inputs, folder, progress)


def each_alone(
    fit: PooledFit,
    options: SamplerOptions,
    *,
    inputs: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> dict[str, PooledFit]:
    """Each study by itself in its own `longitudinal` model, by study."""
    count = len(fit.design.studies)
    parts = {i: [i] for i in range(count)}
    return _refits(fit, "alone", parts, options, 1 + count, inputs, folder, progress)


def _refits(
    fit: PooledFit,
    word: str,
    parts: Mapping[int, Sequence[int]],
    options: SamplerOptions,
    first: int,
    inputs: Mapping[str, Any] | None,
    folder: Path | None,
    progress: Progress,
) -> dict[str, PooledFit]:
    """The model of some of the studies, by the study that each refit is about.

    Seeds follow that of the options from its ``first`` successor on.
    """
    return {
        fit.design.names[i]: fit_pooled(
            fit.design.of(kept),
            fit.spec,
            replace(options, seed=options.seed + first + i),
            inputs=inputs,
            folder=folder,
            label=f"{fit.label}-{word}-{i + 1}",
            whole=False,
            alone=word == "alone",
            progress=progress,
        )
        for i, kept in parts.items()
    }


def pool_outcome(
    outcome: str,
    studies: Sequence[Study],
    sources: Mapping[str, Source],
    spec: PooledSpec | None = None,
    options: SamplerOptions | None = None,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
) -> PooledFit:
    """Design and fit of one outcome: :func:`pooled_design`, then :func:`fit_pooled`.

    Raises
    ------
    UsageError
        As these do.
    """
    design = pooled_design(outcome, studies, sources)
    return fit_pooled(
        design, spec, options, inputs=checksums(studies), folder=folder, progress=progress
    )


def checksums(studies: Sequence[Study]) -> dict[str, Any]:
    """Checksums of the files of every study, by study."""
    return {study.name: study.checksums for study in studies}


def variable(fit: PooledFit, name: str, study: int) -> np.ndarray | None:
    """Draws (chain, draw, ...) of a study's parameter, its axis of outcomes taken off; or None."""
    posterior = fit.data["posterior"]
    full = f"s{study}_{name}"
    if full not in posterior:
        return None
    values = posterior[full].transpose("chain", "draw", ...).to_numpy()
    return np.asarray(values[:, :, 0])
