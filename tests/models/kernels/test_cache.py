"""Machine code of kernels is found by the next process, and needs no PyMC."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = """
import sys
import numpy as np
import bayesasthma as ba
from bayesasthma.models.adverse_counts import counts
from bayesasthma.models.kernels.adverse import kernel_model
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.inference.sampling import SamplerOptions, sample

model = kernel_model(counts(ba.load_study("liu2025"), "per_visit"), prior_set("weak"))
tree = sample(model, SamplerOptions(draws=50, tune=100, chains=2))
assert not {"pymc", "pytensor", "arviz"} & set(sys.modules)
posterior = tree["posterior"]
assert list(posterior["reaction"].values) == list(model.coords["reaction"])
assert posterior["effect_own"].dims == ("chain", "draw", "reaction", "treated")
hits = model.kernel.compiled.logp.cache_hits + model.kernel.compiled.expand.cache_hits
print(hits, [posterior[name].values.sum().hex() for name in posterior.data_vars])
"""


@pytest.mark.slow
def test_draws_are_the_same_from_cached_code_and_need_no_pymc(tmp_path: Path) -> None:
    answers = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SAMPLE],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(done.stdout.partition(" "))
    assert [hits for hits, _, _ in answers] == ["0", "2"]
    assert answers[0][2] == answers[1][2]
