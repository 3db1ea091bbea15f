"""What the page of a pool says of how it was made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from tests.made_up_pools import pooled_results as made_up

import bayesasthma as ba
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.pooling.model import PooledSpec
from bayesasthma.reporting.pooled import Pooled
from bayesasthma.reporting.pooled_page import Made, pooled_results
from bayesasthma.results.pooled import prior_of_rho


def pool(correlation: str = "unstructured") -> Pooled:
    source = made_up()
    spec = PooledSpec(correlation=CorrelationPrior.parse(correlation))
    fits: dict[str, Any] = {outcome: SimpleNamespace(spec=spec) for outcome in source.draws}
    draws = {
        outcome: data.drop_attrs(deep=False).assign_attrs(
            {key: value for key, value in data.attrs.items() if not key.startswith("rho")}
        )
        for outcome, data in source.draws.items()
    }
    none = pd.DataFrame()
    return Pooled(fits, draws, source.effects, source.studies, source.left_out,
                  source.diagnostics, none, none, "")  # fmt: skip


def test_command_inputs_and_versions_are_those_of_the_run() -> None:
    study = ba.load_study("liu2025")
    made = Made(("--outcome act", "--seed 3"), 3, "2026-01-01")
    found = pooled_results(pool(), [study], made)
    assert found.command == "bayesasthma pool liu2025 --outcome act --seed 3"
    assert found.run["seed"] == 3
    assert found.run["checksums"]["liu2025/study.toml"] == study.checksums["study.toml"]
    assert found.run["versions"]["bayesasthma"] == ba.__version__
    assert found.citations["liu2025"] == study.citation
    assert found.passed


def test_the_prior_of_a_study_correlation_is_said_where_there_is_one() -> None:
    prior = prior_of_rho(pooled_results(pool(), [], Made()).draws["act"])
    assert prior is not None
    # about the prior that a study's own analysis gives it
    assert prior[0] == pytest.approx(0.60, abs=0.01)
    assert prior_of_rho(pooled_results(pool("fixed:0.6"), [], Made()).draws["act"]) is None
