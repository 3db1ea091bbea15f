"""Which specifications share a compiled graph, and that a shared graph is the same model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.bundles import one_visit, three_arms

import bayesasthma as ba
from bayesasthma.inference.graphs import CompiledGraphs, graph_key, with_steps
from bayesasthma.inference.sampling import SamplerOptions, compile_model, sample
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.models import longitudinal
from bayesasthma.models.design import Design, design
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.study.readings import Reading, read_as

DEFAULT = table_spec("longitudinal")


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


@pytest.fixture(scope="module")
def layout(study: ba.Study) -> Design:
    return design(study)


SAME = [
    table_spec("longitudinal", "sceptical"),
    table_spec("longitudinal", "enthusiastic"),
    replace(DEFAULT, rounding=False),
    replace(DEFAULT, correlation=CorrelationPrior(location=1.0, scale=0.2)),
]
OTHER = [
    table_spec("longitudinal", "reference"),
    table_spec("independent", "weak"),
    replace(DEFAULT, variance="common"),
    *(
        replace(DEFAULT, correlation=CorrelationPrior.parse(text))
        for text in ("exchangeable", "ar1", "exchangeable_ar1", "fixed:0.5")
    ),
    replace(DEFAULT, correlation=CorrelationPrior(deviation=0.4)),
]


@pytest.mark.parametrize("spec", SAME, ids=lambda spec: spec.label)
def test_hyperparameters_and_rounding_share_a_graph(layout: Design, spec: TableSpec) -> None:
    assert graph_key(layout, spec) == graph_key(layout, DEFAULT)


@pytest.mark.parametrize("spec", OTHER, ids=lambda spec: spec.label)
def test_another_structure_is_another_graph(layout: Design, spec: TableSpec) -> None:
    assert graph_key(layout, spec) != graph_key(layout, DEFAULT)


def test_every_fixed_correlation_shares_a_graph(layout: Design) -> None:
    keys = {
        graph_key(layout, replace(DEFAULT, correlation=CorrelationPrior("fixed", rho=rho)))
        for rho in (0.0, 0.35, 0.9)
    }
    assert len(keys) == 1


@pytest.mark.parametrize("reading", [Reading("log"), Reading("identity", "se")])
def test_readings_of_a_table_share_a_graph(
    study: ba.Study, layout: Design, reading: Reading
) -> None:
    read = design(read_as(study, reading))
    assert not np.array_equal(read.tables[0].sd, layout.tables[0].sd)
    assert graph_key(read, DEFAULT) == graph_key(layout, DEFAULT)


def test_single_outcomes_share_a_graph_but_in_the_joint_model(study: ba.Study) -> None:
    """Whatever their names, domains and directions: ACT is better high, IgE has no direction."""
    layouts = [design(study, [name]) for name in ("act", "acq", "total_ige")]
    for spec in (DEFAULT, table_spec("independent", "weak")):
        assert len({graph_key(item, spec) for item in layouts}) == 1
    assert len({graph_key(item, table_spec("joint")) for item in layouts}) == 3


@pytest.mark.parametrize("prior", ["weak", "empirical", "external", "reference"])
def test_designs_of_one_graph_have_data_of_the_same_shapes(study: ba.Study, prior: str) -> None:
    """Nutpie swaps in arrays of any shape, and reads them as those that it compiled."""
    spec = table_spec("longitudinal", prior)
    by_key: dict[str, list[dict[str, tuple[int, ...]]]] = {}
    for reading in (Reading(), Reading("log"), Reading("identity", "se")):
        for name in study.outcomes.index:
            own = design(read_as(study, reading), [name])
            shapes = {key: value.shape for key, value in longitudinal.data(own, spec).items()}
            by_key.setdefault(graph_key(own, spec), []).append(shapes)
    for shapes in by_key.values():
        assert all(item == shapes[0] for item in shapes)
    assert len(by_key) == 1


def test_other_studies_have_other_graphs(layout: Design, tmp_path: Path) -> None:
    small = design(ba.load_study(one_visit(tmp_path / "one")))
    arms = design(ba.load_study(three_arms(tmp_path / "three")))
    keys = {graph_key(item, DEFAULT) for item in (layout, small, arms)}
    assert len(keys) == 3


def test_numbers_of_patients_enter_as_data(layout: Design) -> None:
    (table,) = layout.tables
    larger = replace(table, n=table.n * 2)
    twice = replace(layout, tables=(larger,), n_arm=layout.n_arm * 2)
    assert graph_key(twice, DEFAULT) == graph_key(layout, DEFAULT)


def test_steps_of_zero_change_nothing_else(layout: Design) -> None:
    flat = with_steps(layout, 0.0)
    (before,), (after,) = layout.tables, flat.tables
    assert not after.mean_step.any()
    assert not after.sd_step.any()
    assert np.array_equal(before.mean, after.mean)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Design:
    folder = tmp_path_factory.mktemp("graphs") / "first"
    return design(ba.load_study(one_visit(folder, seed=1)))


@pytest.fixture(scope="module")
def plain(first: Design) -> CompiledGraphs:
    """The graph of one study and the default prior; compiling one takes half a minute."""
    graphs = CompiledGraphs(kernels=False)
    graphs.get(first, DEFAULT)
    return graphs


@pytest.mark.slow
def test_a_swapped_graph_draws_what_its_own_would(tmp_path: Path, plain: CompiledGraphs) -> None:
    """Same seed, same draws: prior swapped in, and data of another study of the same shape."""
    second = design(ba.load_study(one_visit(tmp_path / "second", seed=2)))
    sceptical = table_spec("longitudinal", "sceptical")
    options = SamplerOptions(draws=100, tune=100, chains=2, cores=1)
    shared = sample(plain.get(second, sceptical), options)["posterior"].to_dataset()
    own = compile_model(longitudinal.build(second, sceptical))
    alone = sample(own, options)["posterior"].to_dataset()
    assert len(plain.seconds) == 1
    for name in alone:
        assert np.allclose(shared[name], alone[name], rtol=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize("kernels", [True, False], ids=["kernel", "graph"])
def test_draws_do_not_depend_on_which_prior_was_compiled_first(
    request: pytest.FixtureRequest, first: Design, kernels: bool
) -> None:
    """Chains start alike, though the enthusiast's prior is not centred at 0."""
    enthusiastic = table_spec("longitudinal", "enthusiastic")
    options = SamplerOptions(draws=50, tune=50, chains=2, cores=1)
    found = []
    of_default = CompiledGraphs() if kernels else request.getfixturevalue("plain")
    of_default.get(first, DEFAULT)
    for graphs in (of_default, CompiledGraphs(kernels=kernels)):
        found.append(sample(graphs.get(first, enthusiastic), options)["posterior"].to_dataset())
        assert len(graphs.seconds) == 1
    for name in found[0]:
        assert np.array_equal(found[0][name], found[1][name]), name


@pytest.mark.slow
def test_trajectories_do_not_grow_with_the_number_of_patients(study: ba.Study) -> None:
    """Leapfrog steps, which do not depend on the machine, after the warm-up of a default fit.

    Without these coordinates 20,000 patients took 800 steps a draw.
    """
    layout = design(study, ["fev1", "aqlq", "total_ige"])
    (table,) = layout.tables
    graphs, steps = CompiledGraphs(), {}
    for n in (18, 20_000):
        many = replace(table, n=np.full_like(table.n, n))
        read = replace(layout, tables=(many,), n_arm=np.full_like(layout.n_arm, n))
        tree = sample(graphs.get(read, DEFAULT), SamplerOptions(draws=100, chains=2))
        steps[n] = float(tree["sample_stats"]["n_steps"].mean())
    assert len(graphs.seconds) == 1
    assert steps[20_000] < 2 * steps[18], steps


@pytest.mark.slow
def test_a_model_that_cannot_be_built_is_a_usage_error(tmp_path: Path) -> None:
    arms = design(ba.load_study(three_arms(tmp_path / "three")))
    with pytest.raises(ba.UsageError):
        CompiledGraphs().get(arms, table_spec("longitudinal", "reference"))
