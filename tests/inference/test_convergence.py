"""The vectorised diagnostics equal ArviZ's, quantity by quantity."""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesasthma.inference import convergence
from bayesasthma.inference.diagnostics import check, check_outcomes, mark_outcomes


def chains(seed: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Autoregressive chains of every persistence from antithetic to barely moving."""
    rng = np.random.default_rng(seed)
    phi = np.linspace(-0.9, 0.995, shape[2])
    draws = np.zeros(shape)
    state = rng.standard_normal((shape[0], shape[2]))
    for t in range(shape[1]):
        state = phi * state + np.sqrt(1 - phi**2) * rng.standard_normal(state.shape)
        draws[:, t] = state
    draws[..., -1] += np.arange(shape[0])[:, None]  # chains that disagree
    draws[..., 0] = np.round(draws[..., 0])  # ties
    return draws


@pytest.mark.parametrize("shape", [(2, 500, 40), (4, 101, 25), (1, 60, 12), (3, 8, 10)])
def test_equals_arviz(shape: tuple[int, int, int]) -> None:
    draws = chains(3, shape)
    array = xr.DataArray(draws, dims=("chain", "draw", "quantity"))
    assert np.allclose(convergence.ess_bulk(draws), az.ess(array), rtol=1e-9)
    assert np.allclose(convergence.ess_tail(draws), az.ess(array, method="tail"), rtol=1e-9)
    assert np.allclose(convergence.ess_mean(draws), az.ess(array, method="mean"), rtol=1e-9)
    if shape[0] > 1:  # ArviZ gives none for one chain
        assert np.allclose(convergence.r_hat(draws), az.rhat(array), rtol=1e-9)


def test_a_constant_has_every_draw_and_no_r_hat() -> None:
    draws = np.full((2, 50, 1), 3.0)
    assert convergence.ess_bulk(draws) == 100
    assert np.isnan(convergence.r_hat(draws))


def test_all_at_once_are_the_same_numbers() -> None:
    draws = chains(5, (4, 80, 20))
    found = convergence.diagnose(draws)
    alone = [f(draws) for f in (convergence.r_hat, convergence.ess_bulk, convergence.ess_tail)]
    assert np.array_equal(np.stack(found), np.stack(alone))


def test_rounding_noise_is_no_movement() -> None:
    draws = np.full((2, 50, 1), 0.3)
    draws[1, 20:] = np.nextafter(0.3, 1)
    assert np.isnan(convergence.diagnose(draws)[0])


def tree(**variables: np.ndarray) -> xr.DataTree:
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {k: (("chain", "draw", f"{k}_quantity"), v) for k, v in variables.items()}
            )
        }
    )


def test_the_gate_skips_what_cannot_move_and_what_was_not_printed() -> None:
    draws = np.random.default_rng(1).standard_normal((4, 500, 3))
    fixed, missing = np.full((4, 500, 3), 0.6), np.full((4, 500, 3), np.nan)
    gate = check("x", tree(mean=draws, correlation=fixed, cell=missing))
    assert gate.passed, gate.failures
    assert gate.parameters == 3


def test_the_gate_fails_a_draw_that_is_no_number() -> None:
    draws = np.random.default_rng(1).standard_normal((4, 500, 3))
    draws[2, 7, 1] = np.nan
    good = np.random.default_rng(2).standard_normal((4, 500, 2))
    assert not check("x", tree(mean=draws)).passed
    assert not check("x", tree(a=good, mean=draws)).passed
    assert not check("x", tree(a=draws, mean=good)).passed


def test_the_gate_fails_one_chain() -> None:
    draws = np.random.default_rng(1).standard_normal((1, 2000, 3))
    assert "R-hat inf" in check("x", tree(mean=draws)).failures[0]


def by_outcome(*, diverging: int = 0) -> xr.DataTree:
    """Three outcomes, each with two series; the chains of the second outcome's first disagree."""
    rng = np.random.default_rng(1)
    series = rng.standard_normal((4, 500, 6, 2))
    series[:, :, 2, 0] += 3 * np.arange(4)[:, None]
    flags = np.zeros((4, 500), dtype=bool)
    flags[0, :diverging] = True
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {
                    "level": (("chain", "draw", "outcome"), rng.standard_normal((4, 500, 3))),
                    "rounding_0": (("chain", "draw", "series_0", "row_0"), series),
                },
                {"outcome": ["act", "eos", "fev1"]},
            ),
            "sample_stats": xr.Dataset(
                {
                    "diverging": (("chain", "draw"), flags),
                    "maxdepth_reached": (("chain", "draw"), np.zeros_like(flags)),
                }
            ),
        }
    )


SERIES = {"series_0": ["act", "act", "eos", "eos", "fev1", "fev1"]}


def test_an_outcome_whose_chains_disagree_fails_alone() -> None:
    data = by_outcome()
    assert not check("x", data).passed
    gates = check_outcomes("x", data, SERIES)
    assert {name for name, gate in gates.items() if not gate.passed} == {"eos"}
    assert gates["act"].parameters == gates["eos"].parameters == 5
    good = {"r_hat": 1.0, "ess_bulk": 1000.0, "ess_tail": 1000.0}
    rows = pd.DataFrame([{"outcome": name, **good} for name in ("fev1", "eos", "act", "eos")])
    assert list(mark_outcomes(rows, gates)["gate"]) == ["pass", "fail", "pass", "fail"]


def test_what_belongs_to_no_outcome_fails_all() -> None:
    gates = check_outcomes("x", by_outcome(diverging=1), SERIES)
    assert not any(gate.passed for gate in gates.values())
    # a shared parameter, or a series that nothing attributes
    gates = check_outcomes("x", by_outcome(), {})
    assert not any(gate.passed for gate in gates.values())
