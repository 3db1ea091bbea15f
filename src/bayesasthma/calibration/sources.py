"""Fingerprints of the source that a proof depends on: code, without comments or docstrings."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from bayesasthma._files.source_code import code_tokens, file_tokens, function_source
from bayesasthma.inference.sampling import versions
from bayesasthma.priors.named_sets import prior_set

ROOT = Path(__file__).parent.parent

#: Where a model's source begins: its module and all that it imports, but for ``BEYOND``.
ENTRIES = {
    "independent": (
        "models/independent.py",
        "models/kernels/independent.py",
        "results/estimands.py",
    ),
    "longitudinal": (
        "models/longitudinal.py",
        "models/kernels/longitudinal_model.py",
        "results/estimands.py",
    ),
    "joint": ("models/joint.py", "models/kernels/joint_model.py", "results/estimands.py"),
    "adverse": ("models/adverse.py", "models/kernels/adverse.py"),
}
#: Not followed: what reads studies, what models patients, and the registry of priors, whose sets
#: count by what they say.
BEYOND = {
    "errors.py", "study/study.py", "models/design.py", "models/patient_series.py",
    "priors/named_sets.py",
    "models/patients.py", "models/graph_ops/patients.py",
    "models/kernels/patients.py", "models/kernels/patient_groups.py",
}  # fmt: skip
#: Functions, elsewhere, that turn draws into what is ranked.
MOMENTS = (
    "natural_moments",
    "_standardised_moments",
    "_labelled_moments",
    "_independent_moments",
    "_natural",
    "_arrays",
)
FUNCTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "independent": {"inference/assembly.py": MOMENTS, "results/effect_table.py": ("estimands_of",)},
    "longitudinal": {
        "inference/assembly.py": MOMENTS,
        "results/effect_table.py": ("estimands_of",),
    },
    "joint": {
        "inference/assembly.py": MOMENTS,
        "results/effect_table.py": ("estimands_of",),
        "inference/joint_assembly.py": ("domain_effects",),
        "results/joint_estimands.py": (
            "all_improve",
            "domain_means",
            "number_improving",
            "primary_outcomes",
            "ranks",
        ),
    },
    "adverse": {"inference/adverse_fits.py": ("accumulate", "cell_grid")},
}
#: Files of the calibration itself: what every part of the proof uses, and what some do.
OWN = {
    "calibration": (
        "calibration/fits.py",
        "calibration/layouts.py",
        "calibration/printing.py",
        "calibration/quantities.py",
    ),
    "ranking": ("calibration/ranking.py", "calibration/table_problem.py"),
    "adverse": ("calibration/adverse_problem.py",),
    "joint": ("calibration/joint_problem.py",),
    "misspecification": (
        "calibration/headline.py",
        "calibration/misspecification.py",
        "calibration/scenarios.py",
    ),
    "operating": (
        "calibration/headline.py",
        "calibration/operating.py",
        "calibration/scenarios.py",
    ),
    "common-change": (
        "calibration/common_change.py",
        "calibration/headline.py",
        "calibration/scenarios.py",
    ),
}
SOURCES = tuple(dict.fromkeys((*ENTRIES, *OWN)))
#: Prior sets that a source is calibrated or tried under.
PRIORS = {"operating": ("reference", "weak", "sceptical", "enthusiastic")}


def imported(path: str) -> tuple[str, ...]:
    """A file and the package's files that it imports, directly or not, but for ``BEYOND``."""
    found: list[str] = []
    waiting = [path]
    while waiting:
        own = waiting.pop()
        if own in found or own in BEYOND:
            continue
        found.append(own)
        waiting += _imports(own)
    return tuple(sorted(found))


@cache
def _imports(path: str) -> tuple[str, ...]:
    """The package's files that a file names in its imports."""
    found: list[str] = []
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bayesasthma."):
            parts = str(node.module).split(".")[1:]
            below = [Path(*parts, name.name) for name in node.names]
            files = [own.with_suffix(".py") for own in (Path(*parts), *below)]
            found += [file.as_posix() for file in files if (ROOT / file).is_file()]
    return tuple(found)


@cache
def _file_facts(path: str) -> list[Any]:
    return [path, file_tokens(ROOT / path)]


@cache
def source_hash(name: str) -> str:
    """SHA-256 of the code that a model's calibration (or the calibration itself) depends on.

    Parameters
    ----------
    name : str
        One of ``SOURCES``.
    """
    facts: list[Any] = []
    for entry in ENTRIES.get(name, ()):
        facts += [_file_facts(path) for path in imported(entry)]
    for path, functions in FUNCTIONS.get(name, {}).items():
        facts += [[path, own, code_tokens(function_source(ROOT / path, own))] for own in functions]
    facts += [_file_facts(path) for path in OWN.get(name, ())]
    for prior in PRIORS.get(name, ("weak",)):
        own = prior_set(prior)
        facts.append([prior, own.flat, repr(own.effect(0.5)), repr(own.log_odds())])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@cache
def pattern_hash() -> str:
    """SHA-256 of what simulated studies take from the bundled one.

    Its outcomes, schedule, decimals (in baseline SDs), reactions and primary outcomes.
    """
    from bayesasthma.calibration.layouts import PATTERN, pattern
    from bayesasthma.models.adverse_counts import counts
    from bayesasthma.results.joint_estimands import primary_outcomes
    from bayesasthma.study.bundle import load_study

    study, layout = load_study(PATTERN), pattern()
    (table,) = layout.tables
    cells = counts(study, "per_visit")
    facts = [
        [layout.arms, layout.visits, layout.weeks.tolist()],
        study.outcomes[["domain", "direction", "mcid", "mcid_kind"]].to_csv(),
        primary_outcomes(study),
        # not to the last bit, which may differ between machines
        [f"{x:.9g}" for own in (layout.target, table.mean_step, table.sd_step) for x in own.flat],
        [cells.reactions, cells.visits, cells.reaction.tolist(), cells.arm.tolist()],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def digest(names: tuple[str, ...]) -> str:
    """Digest of some sources and of package versions: batches made under another are made again."""
    facts = [{name: source_hash(name) for name in names}, versions()]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def environment() -> str:
    """Digest of all sources and package versions."""
    return digest(SOURCES)
