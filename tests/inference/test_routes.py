"""Kernel or graph: which a model is sampled by, and that a fit says so."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
from scipy import stats
from tests.bundles import one_visit

import bayesasthma as ba
from bayesasthma.inference.adverse_fits import fit_adverse
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.inference.routes import Ready, ready_table, table_kernel
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models import adverse
from bayesasthma.models.adverse_counts import counts, draw_parameters
from bayesasthma.models.design import design
from bayesasthma.models.kernels.model import KernelModel
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.named_sets import prior_set

SHORT = SamplerOptions(draws=20, tune=20, chains=2, cores=1)


def test_a_fit_says_how_it_was_sampled_also_when_it_is_resumed(tmp_path: Path) -> None:
    study = ba.load_study("liu2025")
    for resumed in (False, True):
        closed, sampled = fit_adverse(study, options=SHORT, readings=["per_visit"], folder=tmp_path)
        assert closed.route == {}
        assert sampled.route == {"compiled": "kernel"}
        assert sampled.resumed is resumed


def test_a_model_without_a_kernel_says_why() -> None:
    layout = design(ba.load_study("liu2025"))
    (table,) = layout.tables
    mixed = replace(layout, tables=(replace(table, outcome=table.outcome[::-1]),))
    kernel, reason = table_kernel(mixed, table_spec("longitudinal"))
    assert kernel is None
    assert Ready("compiled", "graph", reason).record() == {
        "compiled": "graph",
        "graph_reason": "series of a table are not ordered by outcome",
    }


def test_a_longitudinal_model_is_sampled_by_its_kernel(tmp_path: Path) -> None:
    study = ba.load_study(one_visit(tmp_path / "study"))
    layout, spec = design(study), table_spec("longitudinal")
    ready = ready_table(layout, spec, before_compiling=lambda: pytest.fail("a graph"))
    assert isinstance(ready.model, KernelModel)
    graphs = CompiledGraphs()
    assert isinstance(graphs.get(layout, spec), KernelModel)
    assert list(graphs.seconds) == ["longitudinal"]
    fit = fit_table(study, spec, SHORT)
    assert fit.route == {"compiled": "kernel"}
    assert fit.data["posterior"]["effect"].dims[:2] == ("chain", "draw")


@pytest.mark.parametrize("name", ["weak", "empirical"])
def test_prior_draws_of_reactions_are_those_of_the_graph(name: str) -> None:
    data, prior = counts(ba.load_study("liu2025"), "per_visit"), prior_set(name)
    model = adverse.build(data, prior)
    found = draw_parameters(data, prior, 4000, seed=3)
    assert set(found) == {variable.name for variable in model.free_RVs}
    expected = pm.draw(model.free_RVs, draws=4000, random_seed=4, mode="FAST_COMPILE")
    for variable, own in zip(model.free_RVs, expected, strict=True):
        dims, values = found[variable.name]
        assert dims == ("draw", *model.named_vars_to_dims.get(variable.name, ()))
        assert values.shape == own.shape
        for a, b in zip(values.reshape(4000, -1).T, own.reshape(4000, -1).T, strict=True):
            assert stats.ks_2samp(a, b).pvalue > 1e-4
    if name == "empirical":
        # reactions share their component, their heaviness of tails and ``pooling``
        a = np.corrcoef(np.abs(found["fewer"][1][:, 0].T))[0, 1]
        b = np.corrcoef(np.abs(np.asarray(expected[-1])[:, 0].T))[0, 1]
        assert a > 0
        assert b > 0


@pytest.mark.slow
def test_a_fit_of_reactions_loads_no_pymc(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from bayesasthma.commands.cli import main\n"
        f"main(['fit', 'adverse', '--draws', '20', '--tune', '20', '--out', {str(tmp_path)!r}])\n"
    )
    watched = (
        "import sys, atexit\n"
        "found = {'pymc', 'pytensor', 'arviz'}\n"
        "atexit.register(lambda: print('LOADED', found & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", watched + code], capture_output=True, text=True, check=False
    )
    assert "LOADED set()" in done.stdout, done.stderr
