"""What a saved result depends on, as digests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import bayesasthma
from bayesasthma._files.source_code import file_tokens
from bayesasthma.inference.sampling import source_hash, versions

#: Source that turns draws into the rows of a curve, beside what `source_hash` covers.
SUMMARISING = (
    "inference/adverse_fits.py",
    "results/adverse_table.py",
    "inference/assembly.py",
    "inference/convergence.py",
    "inference/diagnostics.py",
    "results/effect_table.py",
    "results/estimands.py",
    "inference/graphs.py",
    "inference/remedies.py",
    "results/summaries.py",
    "specification_curve/repeated_sampling.py",
    "specification_curve/study_grid.py",
    "specification_curve/tasks.py",
)


def digest(content: Any) -> str:
    """SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def source() -> str:
    """Digest of the source that a curve's numbers depend on."""
    folder = Path(bayesasthma.__file__).parent
    return digest([source_hash(), *(file_tokens(folder / name) for name in SUMMARISING)])


def environment() -> str:
    """Digest of package versions and source: processes that agree on it compute the same."""
    return digest([versions(), source()])
