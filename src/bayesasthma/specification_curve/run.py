"""Run a grid: what is saved is not run again, the rest is done by workers and saved as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from bayesasthma._files.output import write_text
from bayesasthma.dispatch import Outcome, Task, open_pool
from bayesasthma.dispatch import run as run_tasks
from bayesasthma.errors import UsageError
from bayesasthma.inference.graphs import graph_key
from bayesasthma.inference.sampling import (
    ACCEPTANCE,
    PATIENTS_MANY,
    Progress,
    SamplerOptions,
)
from bayesasthma.models.design import Design
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.specification_curve.fingerprints import digest, environment
from bayesasthma.specification_curve.grid import (
    ADJUSTMENTS,
    AdverseChoices,
    Grid,
    TableChoices,
)
from bayesasthma.specification_curve.study_grid import table_spec_of
from bayesasthma.specification_curve.tasks import (
    Payload,
    fit_specification,
    layouts,
    sampled_at_once,
)
from bayesasthma.study.study import Study

#: Fewer than a single fit's: what is compared are hundreds of fits. Four chains, for two may agree
#: on one of two modes; one after the other, so that each worker needs one core. Of 500 draws the
#: largest R-hat of an outcome's parameters was above 1.01 one time in five, by chance; of 750 it
#: was not, and 150 to 300 warm-up iterations did equally well.
CURVE_OPTIONS = SamplerOptions(draws=750, tune=200, chains=4, target_accept=0.9)

#: Name of the checksum in a finished fit's file.
CHECKSUM = "sha256"

Choices = TableChoices | AdverseChoices


def curve_options(
    draws: int | None = None,
    tune: int | None = None,
    chains: int | None = None,
    seed: int = 20250711,
) -> SamplerOptions:
    """Sampler options of a curve's fits, with defaults for what is not given."""
    return SamplerOptions(
        draws=draws or CURVE_OPTIONS.draws,
        tune=tune or CURVE_OPTIONS.tune,
        chains=chains or CURVE_OPTIONS.chains,
        seed=seed,
        target_accept=CURVE_OPTIONS.target_accept,
    )


@dataclass(frozen=True)
class FitResult:
    """What became of one fit of a grid.

    Attributes
    ----------
    choices : TableChoices or AdverseChoices
    rows : list of dict
        What `tasks.fit_specification` reports; empty if there was an error.
    passed : bool
        Whether its diagnostics gate was passed, in the end.
    failures, retry, error : str
        Why not; what was done; why there is no result at all.
    failed_for : tuple of str
        Outcomes or reactions some of whose rows fail the gate.
    seconds : dict
        ``compile`` and ``fit``.
    resumed : bool
        Whether it was read from disk.
    sampled, again : int
        Posteriors sampled (of each outcome, where the model allows), and those sampled more than
        once.
    """

    choices: Choices
    rows: list[dict[str, Any]] = field(repr=False)
    passed: bool
    failures: str = ""
    retry: str = ""
    error: str = ""
    failed_for: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    resumed: bool = False
    sampled: int = 0
    again: int = 0


class Store:
    """Finished fits on disk, one small file each, written whole or not at all.

    Parameters
    ----------
    folder : Path or None
        None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, key: str) -> dict[str, Any] | None:
        """A finished fit, or None if there is none or its file is damaged."""
        if self.folder is None:
            return None
        try:
            found = json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or found.get("key") != key:
            return None
        # the numbers themselves: a key says only what they were computed from
        return found if found.pop(CHECKSUM, "") == digest(found) else None

    def save(self, key: str, content: dict[str, Any]) -> None:
        """Keep a finished fit.

        Raises
        ------
        BayesAsthmaError
            If the folder cannot be written.
        """
        if self.folder is None:
            return
        whole = json.loads(json.dumps({"key": key, **content}))
        write_text(json.dumps({CHECKSUM: digest(whole), **whole}), self._path(key))

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{key[:24]}.json"


def fit_fingerprint(payload: Payload) -> str:
    """Digest of all that a fit's numbers depend on."""
    return digest(
        {
            "choices": [type(payload.choices).__name__, asdict(payload.choices)],
            "spec": payload.spec,
            "prior": payload.prior,
            "options": payload.options.record(),
            "study": payload.study.name,
            "inputs": payload.study.checksums,
            "environment": payload.environment,
        }
    )


def run_grid(
    study: Study,
    grid: Grid,
    options: SamplerOptions = CURVE_OPTIONS,
    folder: Path | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress,
) -> list[FitResult]:
    """Fit every specification of a grid, each once; finished fits are saved and found again.

    Parameters
    ----------
    study : Study
    grid : Grid
        Already held against the study (`study_grid.grid_for`).
    options : SamplerOptions
    folder : Path, optional
        Where finished fits are kept.
    workers : int, optional
        Processes of this machine; one per core by default.
    scheduler : str, optional
        Address of a Dask scheduler that gets the work instead.
    progress : callable
        Receives a line per finished fit.

    Returns
    -------
    list of FitResult
        In the grid's order: table fits, then adverse reactions.
    """
    store, where = Store(folder), environment()
    every: list[Choices] = [*grid.fits, *grid.adverse]
    payloads = {choices: _payload(study, choices, options, where) for choices in every}
    keys = {choices: fit_fingerprint(payload) for choices, payload in payloads.items()}
    results: dict[Choices, FitResult] = {}
    by_key = {key: choices for choices, key in keys.items()}
    for choices, key in keys.items():
        if (found := store.load(key)) is not None:
            results[choices] = _result(choices, found, resumed=True)
    if results:
        progress(f"{len(results)} of {len(every)} fits are unchanged and read from disk")
    designs = cache(partial(layouts, study))
    tasks = [
        Task(keys[choices], _group(payloads[choices], designs), payloads[choices])
        for choices in every
        if choices not in results
    ]
    for outcome in _outcomes(tasks, workers, scheduler, progress, len(every)):
        choices = by_key[outcome.key]
        if outcome.error:
            results[choices] = FitResult(choices, [], passed=False, error=outcome.error)
            continue
        store.save(outcome.key, {"choices": asdict(choices), **outcome.value})
        results[choices] = _result(choices, outcome.value, resumed=False)
    return [results[choices] for choices in every]


def _outcomes(
    tasks: list[Task], workers: int | None, scheduler: str | None, progress: Progress, total: int
) -> Iterator[Outcome]:
    """Outcomes as they come, with a line of progress for each."""
    if not tasks:
        return
    where = f"the Dask cluster at {scheduler}" if scheduler else "this machine"
    graphs = len({task.group for task in tasks})
    progress(f"{len(tasks)} fits of {graphs} graphs on {where}")
    start, done = time.monotonic(), 0
    with open_pool(fit_specification, workers=workers, scheduler=scheduler) as pool:
        for outcome in run_tasks(tasks, pool):
            done += 1
            minutes = (time.monotonic() - start) / 60
            left = minutes / done * (len(tasks) - done)
            note = f", {outcome.error}" if outcome.error else ""
            progress(
                f"{total - len(tasks) + done} of {total} fits, {minutes:.1f} min, "
                f"about {left:.0f} min left{note}"
            )
            yield outcome


def _group(payload: Payload, designs: Callable[[TableChoices], list[Design]]) -> str:
    """Fits of one group share a compiled graph."""
    if payload.spec is None:
        return f"adverse {payload.prior.log_odds_family if payload.prior else 'closed form'}"
    assert isinstance(payload.choices, TableChoices)
    # the rest of the choices is the specification's: hundreds of fits have few designs
    own = TableChoices(
        model=payload.choices.model,
        prior=payload.choices.prior,
        scale=payload.choices.scale,
        dispersion=payload.choices.dispersion,
    )
    try:
        parts = designs(own)
        return " ".join(sorted({graph_key(layout, payload.spec) for layout in parts}))
    except UsageError:
        return "none"  # the fit will say why


def _payload(study: Study, choices: Choices, options: SamplerOptions, where: str) -> Payload:
    spec, prior = None, None
    if isinstance(choices, TableChoices):
        spec = table_spec_of(choices)
    elif choices.model != "independent":
        prior = prior_set(choices.prior)
    own = options_of(study, choices, options)
    return Payload(study, choices, spec, prior, tuple(ADJUSTMENTS.values()), own, where)


def options_of(study: Study, choices: Choices, options: SamplerOptions) -> SamplerOptions:
    """Options of one specification.

    Where more is sampled at once than one outcome, or many patients pin the parameters, steps are
    as small as in a fit by itself, and of many patients warm-up as long.
    """
    alone, many = SamplerOptions(), study.arms["n"].max() > PATIENTS_MANY
    if many or isinstance(choices, AdverseChoices) or sampled_at_once(study, choices):
        rate = max(options.target_accept, ACCEPTANCE)
        options = replace(options, target_accept=rate)
    if many:
        options = replace(options, tune=max(options.tune, alone.tune))
    return options


def _result(choices: Choices, found: dict[str, Any], *, resumed: bool) -> FitResult:
    return FitResult(
        choices,
        found["rows"],
        passed=bool(found["gate"]["passed"]),
        failures=str(found["gate"]["failures"]),
        retry=str(found["retry"]),
        failed_for=tuple(found["gate"]["failed_for"]),
        seconds=found["seconds"],
        resumed=resumed,
        sampled=int(found["sampled"]),
        again=int(found["again"]),
    )
