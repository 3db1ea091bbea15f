"""Outcomes sampled apart are the fit of all of them: the posterior is a product."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.bundles import one_visit

import bayesasthma as ba
from bayesasthma.inference.apart import one_outcome, sample_apart, separable
from bayesasthma.inference.diagnostics import check, check_outcomes
from bayesasthma.inference.routes import table_kernel
from bayesasthma.inference.sampling import SamplerOptions, sample
from bayesasthma.models.design import Design, design
from bayesasthma.models.kernels.model import KernelModel
from bayesasthma.models.specification import table_spec
from bayesasthma.plots.mcmc import of_all_outcomes
from bayesasthma.validation.made_up_designs import made_up

SHORT = SamplerOptions(draws=20, tune=30, chains=2, cores=1)
EYE = np.eye(3)


def two_blocks() -> Design:
    """Two outcomes, each with arms of its own in either block."""
    changes = np.array([[1.0, 0, 0], [-1, 1, 0], [0, 0, 1]])
    return made_up(
        2,
        3,
        tables=[
            {"series": [(0, 0), (0, 1), (1, 2)], "functional": EYE, "pinned": (1,)},
            {"series": [(0, 2), (1, 0), (1, 1)], "functional": changes},
        ],
    )


def kernel(layout: Design, prior: str) -> KernelModel:
    found, _ = table_kernel(layout, table_spec("longitudinal", prior))
    assert found is not None
    return found


def restricted(
    whole: KernelModel,
    own: KernelModel,
    x: np.ndarray,
    k: int,
    places: list[tuple[int, np.ndarray]],
) -> np.ndarray:
    """The part of a flat vector that belongs to an outcome."""
    ends = np.cumsum([variable.size for variable in whole.free])
    parts = {
        variable.name: part.reshape(variable.shape)
        for variable, part in zip(whole.free, np.split(x, ends[:-1]), strict=True)
    }
    found = []
    for variable in own.free:
        if variable.dims[0] == "outcome":
            found.append(parts[variable.name][k])
        else:
            head, _, block = variable.name.rpartition("_")
            number, series = places[int(block)]
            found.append(parts[f"{head}_{number}"][series])
    return np.concatenate([part.reshape(-1) for part in found])


@pytest.mark.parametrize("prior", ["weak", "empirical"])
@pytest.mark.parametrize("made", [made_up, two_blocks], ids=["one block", "two blocks"])
def test_the_density_is_the_product_over_outcomes(made: type, prior: str) -> None:
    layout = made()
    whole = kernel(layout, prior)
    rng = np.random.default_rng(1)
    for _ in range(5):
        x = whole.initial_point() + 0.3 * rng.standard_normal(whole.n_dim)
        total = 0.0
        for k in range(len(layout.outcomes)):
            part, places = one_outcome(layout, k)
            own = kernel(part, prior)
            total += own.value_and_gradient(restricted(whole, own, x, k, places))[0]
        assert total == pytest.approx(whole.value_and_gradient(x)[0], rel=1e-11)


@pytest.mark.parametrize("made", [made_up, two_blocks], ids=["one block", "two blocks"])
def test_the_tree_is_that_of_all_at_once(made: type) -> None:
    layout, spec = made(), table_spec("longitudinal")
    assert separable(layout, spec)
    apart = sample_apart(layout, spec, SHORT)
    at_once = sample(kernel(layout, "weak"), SHORT)
    one, other = (tree["posterior"].to_dataset() for tree in (apart, at_once))
    assert list(one) == list(other)
    for name in one:
        assert one[name].dims == other[name].dims
        assert one[name].shape == other[name].shape
        assert (one[name] != 0).all()
    for dim in other.coords:
        assert list(one[dim].values) == list(other[dim].values)
    # draws of the second outcome are those of its own design and seed
    part, _ = one_outcome(layout, 1)
    alone = sample(
        kernel(part, "weak"), SamplerOptions(**{**SHORT.record(), "seed": SHORT.seed + 1})
    )
    np.testing.assert_array_equal(
        one["effect"].to_numpy()[:, :, 1], alone["posterior"]["effect"].to_numpy()[:, :, 0]
    )
    assert apart["sample_stats"]["energy"].dims == ("chain", "draw", "outcome")


def test_statistics_of_the_sampler_are_judged_by_outcome() -> None:
    layout, spec = made_up(), table_spec("longitudinal")
    tree = sample_apart(layout, spec, SHORT)
    stats = tree["sample_stats"].to_dataset()
    stats["diverging"][:] = False
    stats["diverging"][0, 3, 1] = True
    tree["sample_stats"] = stats
    gate = check("fit", tree)
    assert gate.divergences == 1
    gates = check_outcomes("fit", tree, {})
    assert [own.divergences for own in gates.values()] == [
        int(k == 1) for k in range(len(layout.outcomes))
    ]
    assert gate.bfmi == min(own.bfmi for own in gates.values())
    shown = of_all_outcomes(stats)
    assert shown["energy"].dims == ("chain", "draw")
    assert int(shown["diverging"].sum()) == 1


def test_what_shares_parameters_or_has_no_kernel_is_sampled_at_once(tmp_path: Path) -> None:
    study = ba.load_study(one_visit(tmp_path / "study"))
    assert not separable(design(study), table_spec("longitudinal"))
    assert not separable(design(ba.load_study("liu2025")), table_spec("joint"))
